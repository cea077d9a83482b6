"""The real QGIS and the review desk write to one file at the same time, and no verdict is lost."""

import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shapely.geometry import box
from test_export import site

from pipeline.export.qgis import style
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.review import Verdict

EDITOR = Path(__file__).parent / "qgis_editor.py"
PYTHON = "/usr/bin/python3"
INTERLEAVINGS = int(os.environ.get("LEACHWATCH_INTERLEAVINGS", "25"))
"""Sequences that are tried; 200 take half a minute."""
STEPS = 8
IDS = [f"SHN-000{k}" for k in range(1, 5)]
AT = datetime(2026, 11, 29, tzinfo=UTC)


class Editor:
    """A QGIS that has the layer open."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [PYTHON, str(EDITOR), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        )  # fmt: skip
        assert self.answer() == "ok"

    def answer(self) -> str:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if line.startswith(("ok", "failed")):
                return line.strip()
        raise AssertionError("QGIS has ended")

    def __call__(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> ReviewsFile:
    found = ReviewsFile(tmp_path_factory.mktemp("reviews") / "reviews.gpkg")
    found.make({name: style(name) for name in ("reviews", "pond_points")})
    found.add_sites([site(name, polygon=box(97 + k / 10, 22, 97.01 + k / 10, 22.01)) for k, name in enumerate(IDS)])
    return found


@pytest.fixture(scope="module")
def editor(file: ReviewsFile) -> Iterator[Editor]:
    try:
        subprocess.run([PYTHON, "-c", "import qgis.core"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no QGIS with Python on this machine")
    found = Editor(file.path)
    yield found
    found.close()


def notes_in_history(file: ReviewsFile) -> dict[str, tuple[str, str]]:
    """Site and verdict of each note that was ever saved."""
    with closing(sqlite3.connect(file.path)) as database:
        rows = database.execute("SELECT note, site_id, verdict FROM history WHERE note IS NOT NULL").fetchall()
    return {note: (name, verdict) for note, name, verdict in rows}


@pytest.mark.qgis
@pytest.mark.timeout(900)
def test_no_verdict_is_lost_however_qgis_and_the_desk_take_turns(file: ReviewsFile, editor: Editor) -> None:
    saved: dict[str, tuple[str, str]] = {}
    for number in range(INTERLEAVINGS):
        rng = random.Random(number)
        buffered: dict[str, tuple[str, str]] = {}
        latest: dict[str, str] = {}
        assert editor("begin") == "ok"
        for step in range(STEPS):
            name, verdict, note = rng.choice(IDS), rng.choice(list(Verdict)), f"n{number}s{step}"
            act = rng.choice(["desk", "qgis", "qgis", "commit"])
            if act == "desk":
                file.judge(name, verdict, None, note, "desk", AT)
                saved[note], latest[name] = (name, verdict), note
            elif act == "qgis":
                assert editor(f"change {name} {verdict} {note}") == "ok"
                # What is changed twice before it is saved was never said to be saved the first time.
                buffered = {k: v for k, v in buffered.items() if v[0] != name} | {note: (name, verdict)}
            else:
                assert editor("commit") == "ok"
                assert editor("begin") == "ok"
                saved |= buffered
                latest |= {where: k for k, (where, _) in buffered.items()}
                buffered = {}
        assert editor("commit") == "ok"
        saved |= buffered
        latest |= {where: k for k, (where, _) in buffered.items()}
        known = notes_in_history(file)
        assert {note: known.get(note) for note in saved} == saved, f"sequence {number}"
        rows = {row.site_id: row.note for row in file.rows()}
        assert {name: rows[name] for name in latest} == latest, f"sequence {number}"
    assert len(saved) > INTERLEAVINGS
