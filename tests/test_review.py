"""`leachwatch review` on the products of a run: from a picture in the browser to a verdict in every export."""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import SHIFT, browser, needs_chromium
from scenes import ALWAYS, AREA, SIMULATION, run_of
from shapely.geometry import mapping

from pipeline.cli import main
from pipeline.cli import review as command
from pipeline.config import load
from pipeline.progress import Progress
from pipeline.run.detect import detect
from pipeline.run.refresh import refresh
from pipeline.sources.folder import FolderSource

ROOT = Path(__file__).parent.parent
SHOWN = "document.documentElement.dataset.shown"


@pytest.fixture(scope="module")
def out(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product folder, with its archive and its AOI beside the products."""
    base = load(None)
    settings = base.model_copy(update={"engine": base.engine.model_copy(update={"workers": 1})})
    folder = tmp_path_factory.mktemp("out")
    detect(run_of(AREA, FolderSource(scenes, name="simulated", simulation=SIMULATION), settings, ALWAYS, folder))
    feature = {
        "type": "Feature", "properties": {"title": AREA.title, "prefix": AREA.prefix}, "geometry": mapping(AREA.polygon),
    }  # fmt: skip
    (folder / f"{AREA.name}.geojson").write_text(json.dumps(feature))
    return folder


@contextmanager
def reviewing(out: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the address that it printed."""
    arguments = ["--aoi", str(out / f"{AREA.name}.geojson"), "--out", str(out), "--archive", str(out / "archive")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "review", *arguments, "--no-browser", "--reviewer", "Nang Kham"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("The review desk is open at http://127.0.0.1:"), process.communicate()
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


@needs_chromium
def test_from_the_picture_of_a_cut_to_a_verdict_in_every_export(out: Path, tmp_path: Path) -> None:
    with reviewing(out) as (process, url), browser(tmp_path) as chromium:
        page = chromium.open(url)
        page.wait(SHOWN)
        site = page.js(SHOWN)
        assert page.js("document.getElementById('right').naturalWidth") >= 64  # real pixels of a cut
        page.press("v")
        page.press("v")
        page.wait("document.getElementById('right').alt.includes('What the model sees')")
        page.press("r")
        page.press("2")
        page.wait("document.getElementById('saved').textContent.startsWith('Saved')")
        page.press("a")
        for _ in range(12):
            page.press("ArrowUp", SHIFT)  # nearly half a kilometre from the site in the middle
        page.press("Enter")
        page.press("Enter")
        page.wait("document.getElementById('saved').textContent.includes('your site')")
        assert page.errors == []
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate(timeout=30)
    assert (process.returncode, wrong) == (0, "")
    assert re.search(
        r"^1 judged now, 1 of \d+ in all\. The next detect or scan writes your verdicts into every", said, re.M
    )
    refresh(AREA, out, out / "archive", Progress(quiet=True))
    text = (out / "sites.geojson").read_text()
    rows = {row["properties"]["site_id"]: row["properties"] for row in json.loads(text)["features"]}
    assert (rows[site]["verdict"], rows[site]["verdict_reason"], rows[site]["status"]) == (
        "rejected",
        "paddy",
        "rejected",
    )
    (added,) = [row for row in rows.values() if row["added"]]
    assert added["site_id"].startswith(AREA.prefix)
    assert "Nang" not in text


def test_every_album_has_its_place_and_all_its_looks(out: Path) -> None:
    options = argparse.Namespace(
        sample=None, aoi=str(out / f"{AREA.name}.geojson"), out=out, archive=out / "archive", reviewer=None
    )  # fmt: skip
    desk = command.desk_of(options)
    seen = [statement for statement in desk.edition.statements if statement.looks]  # not those that a person added
    assert seen
    for statement in seen:
        album = desk.albums(statement.site.site_id)
        assert album is not None
        assert album.bounds_m is not None
        assert {frame.overpass for frame in album.frames} >= {look.overpass for look in statement.looks}
    assert desk.albums("added-1") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--aoi"),
        (["--aoi", "shan"], "run detect"),
        (["--aoi", "shan", "--port", "0"], "not a port"),
        (["--aoi", "shan", "--port", "99999"], "not a port"),
        (["--aoi", "shan", "--reviewer", " "], "1 to 80 characters"),
        (["--aoi", "shan", "--reviewer", "x" * 81], "1 to 80 characters"),
    ],
)
def test_wrong_use_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["review", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len([line for line in err.splitlines() if "error:" in line]) == 1


def test_a_reviewers_name_is_one_line() -> None:
    assert command.reviewer("  Nang \n Kham ") == "Nang Kham"


def test_the_usual_port_is_left_to_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(command, "USUAL_PORT", other.getsockname()[1])
        assert command._free(None) == 0
        assert command._free(7777) == 7777
    assert command._free(None) == command.USUAL_PORT
