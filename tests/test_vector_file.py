"""Files of outlines that somebody gives: read as they are, and nothing that is written in them is run."""

import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import box

from pipeline import vector_file
from pipeline.errors import InputError
from pipeline.training.labels import LabelKind, read_label_areas
from pipeline.vector_file import read_vectors

OUTLINES = gpd.GeoDataFrame(
    {"label": ["pond", "none"]}, geometry=[box(99, 21, 99.01, 21.01), box(99.02, 21, 99.03, 21.01)], crs="EPSG:4326"
)


def geopackage(path: Path) -> Path:
    OUTLINES.to_file(path, layer="labels", driver="GPKG")
    return path


def changed(path: Path, *statements: str) -> Path:
    """The database after some statements; triggers that call what only GDAL has are dropped first."""
    with closing(sqlite3.connect(path)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


def reason(path: Path, layer: str | None = None) -> str:
    with pytest.raises(InputError) as found:
        read_vectors(path, layer)
    assert "\n" not in str(found.value)
    assert str(found.value).startswith(f"{path}: ")
    return str(found.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.shp", "a.fgb"])
def test_the_formats_that_people_draw_in_are_read(tmp_path: Path, name: str) -> None:
    OUTLINES.to_file(tmp_path / name)
    areas = read_label_areas(tmp_path / name)
    assert sorted(area.kind for area in areas) == [LabelKind.NONE, LabelKind.POND]
    assert {area.outline.bounds[0] for area in areas} == {99.0, 99.02}


def test_of_several_layers_the_first_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "a.gpkg")
    OUTLINES.iloc[:1].to_file(path, layer="other", driver="GPKG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (len(read_vectors(path)), len(read_vectors(path, "other"))) == (2, 1)
    assert reason(path, "third") == "has no layer third"


EDIT = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA journal_mode = wal")
database.execute("UPDATE labels SET label = 'site'")
database.commit()
print("edited", flush=True)
if sys.argv[2] == "killed":
    os._exit(0)
sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["killed", "open"])
def test_what_a_person_has_just_written_is_seen_and_stays(tmp_path: Path, ending: str) -> None:
    """Rows that QGIS still holds in its log: reading neither misses nor moves them."""
    path = changed(geopackage(tmp_path / "a.gpkg"))
    with subprocess.Popen(
        [sys.executable, "-c", EDIT, str(path), ending], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "edited\n"
        if ending == "killed":
            program.wait(60)
        log = path.with_name("a.gpkg-wal").read_bytes()
        before = path.read_bytes()
        assert log
        assert set(read_vectors(path)["label"]) == {"site"}
        assert (path.with_name("a.gpkg-wal").read_bytes(), path.read_bytes()) == (log, before)
        program.communicate("", timeout=60)


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (
            ("ALTER TABLE labels RENAME TO stored", "CREATE VIEW labels AS SELECT * FROM stored"),
            "its layer labels is a query, which is not run",
        ),
        (
            ("ALTER TABLE gpkg_contents RENAME TO stored", "CREATE VIEW gpkg_contents AS SELECT * FROM stored"),
            "its gpkg_contents is a query, which is not run",
        ),
        (
            ("ALTER TABLE gpkg_geometry_columns RENAME TO s", "CREATE VIEW GPKG_geometry_columns AS SELECT * FROM s"),
            "its gpkg_geometry_columns is a query, which is not run",
        ),
        (
            ("ALTER TABLE labels ADD COLUMN much AS (hex(zeroblob(1000000)))",),
            "its layer labels is a query, which is not run",
        ),
        (
            ("DROP TABLE labels", "CREATE VIRTUAL TABLE labels USING fts4(label)"),
            "its layer labels is a query, which is not run",
        ),
        (("DELETE FROM gpkg_contents",), "has no layer of outlines"),
        (("DROP TABLE gpkg_contents",), "cannot be read, damaged? (no such table: gpkg_contents)"),
        (("PRAGMA application_id = 0",), "a database, but not a GeoPackage; save it as one"),
    ],
)
def test_what_would_be_run_is_refused(tmp_path: Path, statements: tuple[str, ...], words: str) -> None:
    assert reason(changed(geopackage(tmp_path / "a.gpkg"), *statements)).startswith(words)


def test_a_trigger_is_not_run_by_reading(tmp_path: Path) -> None:
    path = changed(
        geopackage(tmp_path / "a.gpkg"),
        "CREATE TRIGGER once AFTER UPDATE ON labels BEGIN DELETE FROM labels; END",
        "CREATE VIEW unused AS SELECT * FROM labels",
    )
    before = path.read_bytes()
    assert len(read_vectors(path)) == 2
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        '<OGRVRTDataSource><OGRVRTLayer name="b"><SrcDataSource>{other}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        '{{"a": "<OGRVRTDataSource><OGRVRTLayer name="b"><SrcDataSource>{other}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"}}',
        "<kml><NetworkLink><href>http://127.0.0.1:9/</href></NetworkLink></kml>",
        "http://127.0.0.1:9/a.geojson",
        "",
    ],
)
@pytest.mark.parametrize("name", ["a.geojson", "a.vrt", "a.gpkg", "a.csv"])
def test_a_file_that_names_other_files_is_refused(tmp_path: Path, name: str, content: str) -> None:
    other = tmp_path / "other.geojson"
    OUTLINES.to_file(other)
    (tmp_path / name).write_text(content.format(other=other))
    assert reason(tmp_path / name)


def test_damage_is_one_line(tmp_path: Path) -> None:
    path = geopackage(tmp_path / "a.gpkg")
    whole = path.read_bytes()
    page = 4096
    damaged = 0
    for at in range(page, len(whole), page):
        path.write_bytes(whole[:at] + b"\xff" * 200 + whole[at + 200 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GDAL says of some that it had to look twice
            try:
                read_vectors(path)
            except InputError as cause:
                assert "\n" not in str(cause)
                damaged += 1
    assert damaged > len(whole) / page / 2
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in reason(path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_file, "MAX_BYTES", 50_000)
    assert "more than 0 MB; split it" in reason(geopackage(tmp_path / "a.gpkg"))


def test_a_table_without_outlines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    with pytest.raises(InputError, match=r"a\.geojson: "):
        read_label_areas(tmp_path / "a.geojson")
    (tmp_path / "a.geojson").write_text('{"type": "Feature", "geometry": null, "properties": {"label": "pond"}}')
    with pytest.raises(InputError, match=r"a\.geojson: "):
        read_label_areas(tmp_path / "a.geojson")
