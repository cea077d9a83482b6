"""Products that replace others: what was left beside the old ones, links, and modes."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyogrio
import pytest
from shapely.geometry import box

from pipeline import atomic
from pipeline.archive import Archive
from pipeline.errors import InputError
from pipeline.export.coverage import CoverageRecord
from pipeline.export.geopackage import write_geopackage
from pipeline.export.publication import Stage, complete

OLD, EDITED, NEW = 2, 99, 5
"""Looks in each row of the coverage: of the first products, of an edit that was never saved, of the second products."""
CELLS = 400
SQUARE = box(99, 21, 99.1, 21.1)
EDIT = f"""
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
if sys.argv[2] == "wal":
    database.execute("PRAGMA journal_mode = wal")
    database.execute("PRAGMA wal_autocheckpoint = 0")
database.execute("PRAGMA cache_size = 1")  # a change that is not committed reaches the file as well
for name, in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
    database.execute(f'DROP TRIGGER "{{name}}"')  # they call what only GDAL has
if sys.argv[2] == "wal":
    database.commit()
database.execute("UPDATE coverage SET looks = {EDITED}")
if sys.argv[2] == "wal":
    database.commit()
os._exit(0)
"""


def write_sites(path: Path, looks: int) -> None:
    rows = [
        CoverageRecord(cell=f"c{k}", month="2025-01", looks=looks, clear_looks=1, share_seen=0.5, polygon=SQUARE)
        for k in range(CELLS)
    ]
    write_geopackage(path, sites=[], ponds=[], looks=[], events=[], coverage=iter(rows))


def killed_in_an_edit(path: Path, kind: str) -> None:
    """What a program leaves that edits a database, and is killed before it closes it."""
    subprocess.run([sys.executable, "-c", EDIT, str(path), kind], check=True, timeout=60)
    assert path.with_name(f"{path.name}-{kind}").stat().st_size > 0


def publish(tmp_path: Path, looks: int) -> Stage:
    """Stage and publish products of which `sites.gpkg` has rows of so many looks."""
    stage = Stage(tmp_path / "out", Archive(tmp_path / "archive"))
    stage.begin()
    write_sites(stage.folder / "sites.gpkg", looks)
    atomic.write_text(stage.registry, json.dumps({"looks": looks}))
    checksums = stage.checksums()
    atomic.write_text(stage.folder / "manifest.json", json.dumps(checksums))
    stage.publish(checksums)
    return stage


def seen_by_readers(path: Path) -> set[int]:
    """Looks in all rows, as SQLite sees them and as GDAL, with which QGIS reads, does."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = [looks for (looks,) in database.execute("SELECT looks FROM coverage")]
    assert len(rows) == CELLS
    table = pyogrio.read_dataframe(path, layer="coverage")
    assert len(table) == CELLS
    return {*rows, *table["looks"]}


@pytest.mark.parametrize("kind", ["wal", "journal"])
@pytest.mark.parametrize("linked", [False, True])
def test_the_rows_of_a_new_geopackage_are_seen_whatever_lies_beside_the_old_one(
    tmp_path: Path, kind: str, linked: bool
) -> None:
    publish(tmp_path, OLD)
    path = tmp_path / "out" / "sites.gpkg"
    if linked:  # SQLite keeps what it writes beside the file itself, not beside the link
        (tmp_path / "disk").mkdir()
        path.symlink_to(path.replace(tmp_path / "disk" / "mine.gpkg"))
    killed_in_an_edit(path.resolve(), kind)
    publish(tmp_path, NEW)
    assert seen_by_readers(path) == {NEW}
    assert path.is_symlink() is linked


def test_also_where_it_is_written_in_place(tmp_path: Path) -> None:
    path = tmp_path / "sites.gpkg"
    write_sites(path, OLD)
    killed_in_an_edit(path, "wal")
    write_sites(path, NEW)
    assert seen_by_readers(path) == {NEW}


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("at", range(12))
def test_killed_at_any_step_the_old_rows_are_seen_or_the_new_ones_and_then_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    publish(tmp_path, OLD)
    path = tmp_path / "out" / "sites.gpkg"
    killed_in_an_edit(path, "wal")
    steps = 0
    real = {"replace": os.replace, "unlink": os.unlink}

    def counted(name: str):
        def step(*args: object, **kwargs: object) -> None:
            nonlocal steps
            steps += (tmp_path / "archive" / "pending.json").exists()
            if steps > at:
                raise Killed
            real[name](*args, **kwargs)  # type: ignore[operator]

        return step

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted("replace"))
        patch.setattr(os, "unlink", counted("unlink"))
        try:
            publish(tmp_path, NEW)
        except Killed:
            assert (tmp_path / "archive" / "pending.json").exists()
        else:
            assert steps <= at
    # Looked at in a copy: who opens the file, as somebody may, also writes what lies beside it into it.
    copies = tmp_path / "copies"
    copies.mkdir()
    for found in path.parent.glob("sites.gpkg*"):
        (copies / found.name).write_bytes(found.read_bytes())
    assert seen_by_readers(copies / "sites.gpkg") in ({OLD}, {EDITED}, {NEW})
    if at % 2:  # somebody did
        seen_by_readers(path)
    complete(Archive(tmp_path / "archive"))
    assert seen_by_readers(path) == {NEW}
    assert json.loads((tmp_path / "archive" / "registry.json").read_text()) == {"looks": NEW}
    assert not (tmp_path / "out" / ".new").exists()


def test_what_lies_beside_the_file_of_a_reviewer_stays(tmp_path: Path) -> None:
    """Its log may hold what a person has just written."""
    publish(tmp_path, OLD)
    theirs = {f"reviews.gpkg{ending}": f"mine{ending}" for ending in ("", "-wal", "-shm", "-journal")}
    for name, text in theirs.items():
        (tmp_path / "out" / name).write_text(text)
    stage = publish(tmp_path, NEW)
    assert {name: (tmp_path / "out" / name).read_text() for name in theirs} == theirs
    stage.begin()
    for name in ("reviews.gpkg", "manifest.json"):
        (stage.folder / name).write_text("{}")
    with pytest.raises(ValueError, match="never replaced"):
        stage.publish({"reviews.gpkg": "0"})
    content = {"out": str(tmp_path / "out"), "files": {"reviews.gpkg": "0"}, "registry": "0"}
    stage.archive.pending.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"pending\.json: damaged .names reviews\.gpkg."):
        complete(stage.archive)
    assert {name: (tmp_path / "out" / name).read_text() for name in theirs} == theirs


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_products_and_registry_have_the_mode_that_the_umask_says(tmp_path: Path, mask: int, expected: int) -> None:
    before = os.umask(mask)
    try:
        publish(tmp_path, OLD)
    finally:
        os.umask(before)
    assert {mode(path) for path in (tmp_path / "out").iterdir()} == {expected}
    assert mode(tmp_path / "archive" / "registry.json") == expected


def test_a_private_or_linked_registry_or_product_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, OLD)
    registry, disk = tmp_path / "archive" / "registry.json", tmp_path / "disk"
    disk.mkdir()
    registry.chmod(0o600)
    registry.symlink_to(registry.replace(disk / "names.json"))
    (tmp_path / "out" / "sites.gpkg").chmod(0o640)
    seen: list[int] = []
    text = atomic.write_text

    def written(path: Path, content: str) -> None:
        text(path, content)
        seen.append(mode(path))

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_text", written)
        stage = publish(tmp_path, NEW)
    assert seen[0] == 0o600  # the new registry, before it is published
    assert stage.registry.parent == disk
    assert registry.is_symlink()
    assert json.loads(registry.read_text()) == {"looks": NEW}
    assert mode(registry) == 0o600
    assert mode(tmp_path / "out" / "sites.gpkg") == 0o640
    assert [path.name for path in disk.iterdir()] == ["names.json"]


def test_nobody_else_can_read_new_products_before_they_are_in_place(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "out", Archive(tmp_path / "archive"))
    stage.begin()
    assert mode(stage.folder) == 0o700
