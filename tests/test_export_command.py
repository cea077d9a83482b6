"""`leachwatch export` as a person types it, on products of a simulated run."""

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyogrio
import pytest
import shapely
from scenes import ALWAYS, AREA, SIMULATION, run_of

from pipeline.archive import VARIABLE
from pipeline.cli import main
from pipeline.config import load
from pipeline.public.globe import shares
from pipeline.run.detect import detect
from pipeline.sources.folder import FolderSource

TODAY = datetime.now(UTC).date().isoformat()
"""Day of the run, UTC; a run at midnight would tell of two."""


@pytest.fixture(scope="module")
def finished(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products of a run, with their archive and the file of its AOI."""
    folder = tmp_path_factory.mktemp("run")
    source = FolderSource(scenes, name="simulated", simulation=SIMULATION)
    serial = load(None).model_copy(update={"engine": load(None).engine.model_copy(update={"workers": 1})})
    detect(run_of(AREA, source, serial, ALWAYS, folder / "out" / AREA.name))
    (folder / "out" / AREA.name / "archive").rename(folder / "archive")
    content = {
        "type": "Feature",
        "properties": {"title": AREA.title},
        "geometry": shapely.geometry.mapping(AREA.polygon),
    }
    (folder / f"{AREA.name}.geojson").write_text(json.dumps(content))
    return folder


@pytest.fixture
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, where the command is run."""
    shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "work" / "archive"))
    return tmp_path / "work"


def export(*arguments: str) -> int:
    return main(["export", "--aoi", f"{AREA.name}.geojson", *arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sites(folder: Path) -> list[dict[str, object]]:
    return json.loads((folder / "sites.geojson").read_text())["features"]


@pytest.mark.parametrize(
    ("wanted", "files"),
    [
        ("csv", ["events.csv", "legend.csv", "looks.csv", "ponds.csv", "sites.csv"]),
        ("kml", ["sites.kml"]),
        ("geoparquet", ["coverage.parquet", "events.parquet", "looks.parquet", "ponds.parquet", "sites.parquet"]),
        ("stac", ["collection.json", f"{AREA.name}-coverage.json", f"{AREA.name}-sites.json"]),
    ],
)
def test_a_format_is_written_beside_the_products_or_elsewhere(
    here: Path, capsys, wanted: str, files: list[str]
) -> None:
    before = names(here / "out" / AREA.name)
    assert export("--format", wanted) == 0
    said = capsys.readouterr().out
    assert "not for publication" in said
    assert "SIMULATED" in said
    assert names(here / "out" / AREA.name / wanted) == files
    assert names(here / "out" / AREA.name) == sorted([*before, wanted])
    assert export("--format", wanted, "--to", "there") == 0
    assert names(here / "there") == files
    if wanted == "stac":  # elsewhere the way to the products is another
        return
    for name in files:
        assert (here / "there" / name).read_bytes() == (here / "out" / AREA.name / wanted / name).read_bytes()


def test_google_earth_gets_the_sites_of_the_geojson(here: Path) -> None:
    assert export("--format", "kml", "--to", ".") == 0
    found = pyogrio.read_dataframe("sites.kml", layer=pyogrio.list_layers("sites.kml")[1][0])
    assert [name.removeprefix("SIMULATED: ") for name in found["Name"]] == [
        site["id"] for site in sites(here / "out" / AREA.name)
    ]


def test_the_public_export_counts_every_site_once_its_embargo_is_over(here: Path, capsys) -> None:
    """All were first published today, so with the usual embargo none is counted."""
    out = here / "out" / AREA.name
    known = sites(out)
    assert known
    assert export("--public") == 0
    assert "docs/publishing.md" in capsys.readouterr().out
    assert names(out / "public") == ["public.csv", "public.geojson", "public.html", "public.json"]
    method = json.loads((out / "public" / "public.json").read_text())
    assert (method["sites"], method["cell_km"], method["embargo_days"], method["simulated"]) == (0, 10, 90, True)
    assert method["as_of"] == f"{datetime.now(UTC):%Y-%m}"
    registry = next((here / "archive").glob("registry-simulated*.json"))
    content = registry.read_text()
    assert TODAY in content
    registry.write_text(content.replace(TODAY, "2020-01-01"))
    assert export("--public", "--cell-km", "10", "--embargo-days", "0") == 0
    method = json.loads((out / "public" / "public.json").read_text())
    assert method["sites"] == len(known)
    lines = {edge for cell in shares(AREA.polygon, 10) for edge in cell.bounds}
    for path in (out / "public").iterdir():
        text = path.read_text()
        assert {float(number) for number in re.findall(r"-?\d+\.\d{3,}", text)} <= lines, path.name
        assert not [site["id"] for site in known if str(site["id"]) in text], path.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--public", "--format", "csv"], "choose one"),
        (["--cell-km", "10"], "--cell-km is for --public"),
        (["--format", "kml", "--embargo-days", "3"], "--embargo-days is for --public"),
        (["--to", "x"], "--to is for"),
        (["--public", "--cell-km", "1"], "choose 5 to 200 km"),
        (["--public", "--cell-km", "ten"], "'ten' is not a whole number"),
        (["--format", "shp"], "invalid choice"),
        (["--format", "csv", "--out", "nowhere"], "nowhere: no products there"),
    ],
)
def test_what_does_not_go_together_is_one_line_and_writes_nothing(
    here: Path, capsys, arguments: list[str], words: str
) -> None:
    before = sorted(here.rglob("*"))
    assert export(*arguments) == 2
    (line,) = [text for text in capsys.readouterr().err.splitlines() if "error:" in text]
    assert words in line
    assert sorted(here.rglob("*")) == before


def test_alone_it_writes_the_products_again_where_they_are(here: Path, capsys) -> None:
    out = here / "out" / AREA.name
    before = (out / "sites.geojson").read_bytes()
    assert export() == 0
    assert "with the present verdicts" in capsys.readouterr().out
    assert (out / "sites.geojson").read_bytes() == before
