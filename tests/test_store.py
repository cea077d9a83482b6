"""Looks on disk: found wherever and however they were made, whatever happens to the index or to a file."""

import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import rasterio
from fields import GRID, Field, scene
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from strategies import block_sizes, window_sizes, windows

from pipeline import atomic
from pipeline.config import load
from pipeline.digest import sha256_of
from pipeline.grid import Grid, Window, covers, hull
from pipeline.looks import store as module
from pipeline.looks.file import MAX_EXTENT_PX, LookFile, encoded, open_look
from pipeline.looks.look import Look, look_of
from pipeline.looks.maker import LookMaker
from pipeline.looks.observe import LookContent
from pipeline.looks.reader import MAX_OPEN, LookReader
from pipeline.looks.recipe import recipe_of
from pipeline.looks.store import INDEX, SHELF_PX, LookStore, path_in
from pipeline.looks.sums import Sums
from pipeline.looks.task import LookTask
from pipeline.looks.weights import load_model
from pipeline.sources.interface import overpasses

PLACE = Window(-243_200, 50_688, 64, 64)
DAYS = [date(2025, 1, 5) + timedelta(days=5 * number) for number in range(4)]


def task_at(*windows: Window, day: date = DAYS[0], grid: Grid = GRID) -> LookTask:
    (overpass,) = overpasses([scene(day=f"{day}")])
    return LookTask(grid, next(hull(list(windows)).cells(SHELF_PX)), windows, overpass)


def put(folder: Path, task: LookTask, fill: int = 1) -> Path:
    """Write the look of a task as a maker does, with `fill` in its pixels."""
    bands = np.full((3, *task.extent.shape), fill, np.uint8)
    key = f"{fill:02d}{sha256_of(task.overpass.name)}"
    path = path_in(folder, task, key)
    atomic.write_bytes(path, encoded(LookContent(bands, ("a note", "ö"), (0.1, 0.25), task.extent), task, key))
    return path


def put_and_add(folder: Path, task: LookTask) -> Path:
    path = put(folder, task)
    look = open_look(path)
    assert look is not None
    LookStore(folder).add(look)
    return path


def looks(folder: Path, area: Window | None = None, grid: Grid = GRID) -> list[Look]:
    return list(LookStore(folder).looks(grid, area))


@pytest.fixture
def filled(tmp_path: Path) -> list[Look]:
    """Four looks at one place, in `looks` of the temporary folder, with an index."""
    for day in DAYS:
        put_and_add(tmp_path / "looks", task_at(PLACE, day=day))
    return looks(tmp_path / "looks")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the look files that were read whole."""
    said: list[str] = []

    def counted(path: Path) -> Look | None:
        said.append(path.name)
        return open_look(path)

    monkeypatch.setattr(module, "open_look", counted)
    return said


def index_of(folder: Path) -> Path:
    (found,) = folder.rglob(INDEX)
    return found


# The index


def test_what_is_in_the_index_is_not_read_from_the_files(filled: list[Look], tmp_path: Path, opened: list[str]) -> None:
    assert len(filled) == len(DAYS)
    assert looks(tmp_path / "looks") == filled == [open_look(look.pixels.path) for look in filled]
    assert not opened


def test_a_lost_index_is_made_again_once(filled: list[Look], tmp_path: Path, opened: list[str]) -> None:
    index_of(tmp_path / "looks").unlink()
    assert looks(tmp_path / "looks") == filled
    assert len(opened) == len(filled)
    assert looks(tmp_path / "looks") == filled
    assert len(opened) == len(filled)


def drop_half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def marked(content: bytes, old: bytes, new: bytes) -> bytes:
    """Other lines, each with the checksum that goes with it."""
    rows = [line[9:].replace(old, new) for line in content.split(b"\n") if line]
    return b"\n".join(b"%08x %s" % (zlib.crc32(row), row) for row in rows)


HARM: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "cut": drop_half,
    "junk": lambda content: b"\x00\xff junk\n",
    "junk between": lambda content: content.replace(b"\n", b"\n{}\nnull\n[1]\n\xff\n"),
    "no newlines": lambda content: content.replace(b"\n", b""),
    "carriage returns": lambda content: content.replace(b"\n", b"\r\n"),
    "empty windows": lambda content: content.replace(b",64,64]", b",0,64]"),
    "moved": lambda content: content.replace(b"-243200", b"-243201"),
    "another key": lambda content: content.replace(b'"key":"01', b'"key":"02'),
    "not clear": lambda content: content.replace(b'"clear_share":0.0', b'"clear_share":0.5'),
    "from a later program": lambda content: marked(content, b'"size"', b'"more":1,"size"'),
    "of another type": lambda content: marked(content, b'"size":', b'"size":"x",'),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_index_changes_nothing(filled: list[Look], tmp_path: Path, harm: str) -> None:
    index = index_of(tmp_path / "looks")
    before = index.read_bytes()
    index.write_bytes(HARM[harm](before))
    assert index.read_bytes() != before
    assert looks(tmp_path / "looks") == filled
    assert looks(tmp_path / "looks") == filled  # and what was added then is sound


@settings(max_examples=60)
@given(data=st.data())
def test_no_changed_byte_of_an_index_is_believed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("store")
    put_and_add(folder, task_at(PLACE))
    before = looks(folder)
    content = bytearray(index_of(folder).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    index_of(folder).write_bytes(content)
    assert looks(folder) == before


@pytest.mark.parametrize(("cut", "lost"), [(1, 0), (2, 1), (30, 1), (200, 1)])
def test_the_unfinished_last_line_of_a_killed_process_harms_no_other(
    filled: list[Look], tmp_path: Path, opened: list[str], cut: int, lost: int
) -> None:
    index = index_of(tmp_path / "looks")
    index.write_bytes(index.read_bytes()[:-cut])
    put_and_add(tmp_path / "looks", task_at(PLACE, day=date(2025, 6, 1)))
    assert looks(tmp_path / "looks")[:-1] == filled
    assert opened == [filled[-1].pixels.path.name] * lost  # the one that was added after it is known


def test_of_several_lines_for_one_file_the_last_counts(tmp_path: Path, opened: list[str]) -> None:
    path = put_and_add(tmp_path, task_at(PLACE))
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(5, 5))
    assert len(looks(tmp_path)) == len(looks(tmp_path)) == 1
    assert opened == [path.name]


def test_a_file_that_was_replaced_is_read_and_not_its_line(filled: list[Look], tmp_path: Path) -> None:
    victim = filled[1].pixels.path
    other = put(tmp_path / "other", task_at(PLACE, day=DAYS[1]), fill=2)
    other.replace(victim)
    found = looks(tmp_path / "looks")
    assert [look.key[:2] for look in found] == ["01", "02", "01", "01"]
    assert found[1].clear_share == 1.0
    assert looks(tmp_path / "looks") == found


def test_a_file_that_is_gone_is_no_look_and_no_damage(filled: list[Look], tmp_path: Path) -> None:
    filled[2].pixels.path.unlink()
    store = LookStore(tmp_path / "looks")
    assert list(store.looks(GRID)) == [*filled[:2], filled[3]]
    assert not store.damaged


@pytest.mark.parametrize("known", [True, False])
def test_a_link_to_nothing_is_listed_as_damaged(filled: list[Look], tmp_path: Path, known: bool) -> None:
    victim = filled[2].pixels.path
    victim.unlink()
    victim = victim if known else victim.with_name("other.tif")
    victim.symlink_to(tmp_path / "nowhere.tif")
    store = LookStore(tmp_path / "looks")
    assert list(store.looks(GRID)) == [*filled[:2], filled[3]]
    assert [each.path for each in store.damaged] == [victim]


# Damaged files


def foreign(path: Path, **changes: object) -> None:
    """A TIFF of another program."""
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": 64, "width": 64, "crs": GRID.crs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **(profile | {"transform": PLACE.transform} | changes)) as file:
            file.write(np.ones((file.count, 64, 64), np.uint8))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(drop_half(path.read_bytes())),
    "text": lambda path: path.write_text("not a look"),
    "foreign": foreign,
    "without a place": lambda path: foreign(path, crs=None, transform=None),
    "one band": lambda path: foreign(path, count=1),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_look_is_listed_and_never_yielded(filled: list[Look], tmp_path: Path, damage: str) -> None:
    victim = filled[1].pixels.path
    DAMAGE[damage](victim)
    for lost in (False, True):
        if lost:
            index_of(tmp_path / "looks").unlink()
        store = LookStore(tmp_path / "looks")
        assert list(store.looks(GRID)) == [filled[0], *filled[2:]]
        assert [each.path for each in store.damaged] == [victim]


# A message of GDAL about damaged text may itself not be text; then rasterio has nothing to log.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(max_examples=150)
@given(data=st.data())
def test_no_changed_byte_of_a_look_is_believed(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a changed byte leaves is the same look, or none."""
    folder = tmp_path_factory.mktemp("store")
    path = put(folder, task_at(PLACE))
    before, content = open_look(path), bytearray(path.read_bytes())
    assert before is not None
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    store = LookStore(folder)
    assert [*store.looks(GRID), *(each.path for each in store.damaged)] in ([before], [path])


def test_what_is_longer_than_any_block_is_no_look(tmp_path: Path) -> None:
    """A damaged header may claim to be larger than memory, so sizes are bounded before pixels are read."""
    longest, longer = (Window(PLACE.row, PLACE.col, 16, MAX_EXTENT_PX + more) for more in (0, 16))
    assert open_look(put(tmp_path, task_at(longest))) is not None
    assert open_look(put(tmp_path, task_at(longer))) is None


# Several processes


def _fill(folder: Path, first: int) -> None:
    for number in range(first, first + 30):
        put_and_add(folder, task_at(PLACE, day=date(2025, 1, 1) + timedelta(days=number)))


def test_two_processes_may_add_to_one_index(tmp_path: Path, opened: list[str]) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(_fill, [tmp_path, tmp_path], [0, 30]))
    assert len({look.day for look in looks(tmp_path)}) == 60
    assert not opened
    assert len([line for line in index_of(tmp_path).read_bytes().split(b"\n") if line]) == 60


# Where looks are found

corners = st.tuples(st.integers(-90_000, 90_000), st.integers(-9_000, 90_000))
sides = st.sampled_from([16, 64, 512, 2048, 4096, MAX_EXTENT_PX])
"""Of looks, as any size of block leaves them."""


def known_only(folder: Path, task: LookTask) -> Look:
    """A look that a store knows by its index; the file itself holds nothing."""
    key = sha256_of([[w.row, w.col, w.height, w.width] for w in task.windows])
    path = path_in(folder, task, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"not read")
    content = LookContent(np.zeros((3, 1, 1), np.uint8), (), (), Window(0, 0, 1, 1))
    look = look_of(task, key, content, LookFile(path, task.extent, Sums(9, (0, 0))))
    LookStore(folder).add(look)
    return look


@settings(max_examples=200)
@example((-90_000, -9_000), MAX_EXTENT_PX, MAX_EXTENT_PX, MAX_EXTENT_PX - 1, MAX_EXTENT_PX - 1, 1)
@example((SHELF_PX - 1, SHELF_PX - 1), MAX_EXTENT_PX, MAX_EXTENT_PX, MAX_EXTENT_PX - 1, MAX_EXTENT_PX - 1, 1)
@example((-1, -1), 16, 16, -1, -1, 2)
@given(corners, sides, sides, st.integers(-9_000, 9_000), st.integers(-9_000, 9_000), st.sampled_from([1, 64, 5_000]))
def test_any_look_that_touches_an_area_is_found(
    tmp_path_factory: pytest.TempPathFactory,
    corner: tuple[int, int], height: int, width: int, down: int, right: int, side: int,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("store")
    look = known_only(folder, task_at(Window(*corner, height, width)))
    area = Window(corner[0] + down, corner[1] + right, side, side)
    assert looks(folder, area) == ([look] if look.extent.intersection(area) else [])
    assert looks(folder) == [look]
    assert looks(folder, area, Grid(32646)) == looks(folder, area, Grid(32747)) == []
    shutil.rmtree(folder)


def blocks_of(cells: Iterable[Window], block_px: int) -> list[list[Window]]:
    """The parts of windows in each block, as a plan cuts them."""
    found: dict[Window, list[Window]] = {}
    for cell in cells:
        for block in cell.cells(block_px):
            part = cell.intersection(block)
            assert part is not None
            found.setdefault(block, []).append(part)
    return list(found.values())


@settings(max_examples=30)
@given(windows, block_sizes, window_sizes, block_sizes, window_sizes)
def test_looks_are_found_whatever_blocks_and_windows_they_were_made_with(
    tmp_path_factory: pytest.TempPathFactory, area: Window, block: int, size: int, other_block: int, other_size: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    made: list[Look] = []
    for block_px, window_px in ((block, size), (other_block, other_size)):
        for parts in blocks_of(area.grown(100).cells(window_px), block_px):
            made.append(known_only(folder, task_at(*parts)))
    touching = {look.key for look in made if look.extent.intersection(area)}
    assert {look.key for look in looks(folder, area)} == touching
    assert covers([part for look in looks(folder, area) for part in look.windows], area)
    shutil.rmtree(folder)


# Copies, and looks as they are made


def test_files_that_were_copied_are_read_whole_once(filled: list[Look], tmp_path: Path, opened: list[str]) -> None:
    shutil.copytree(tmp_path / "looks", tmp_path / "copy", copy_function=shutil.copyfile)
    for path in (tmp_path / "copy").rglob("*.tif"):
        os.utime(path, ns=(1, 1))
    found = looks(tmp_path / "copy")
    assert found == filled
    assert [look.pixels.path.is_relative_to(tmp_path / "copy") for look in found] == [True] * len(filled)
    assert len(opened) == len(filled)
    assert looks(tmp_path / "copy") == filled
    assert len(opened) == len(filled)


def test_a_look_comes_back_from_the_store_as_it_was_made(tmp_path: Path, opened: list[str]) -> None:
    configured = load(None)
    recipe = recipe_of(configured, load_model(configured.model, "cpu", "fp32"))
    maker = LookMaker(Field(), recipe, "cpu", 1, tmp_path)
    tasks = [task_at(PLACE, Window(PLACE.row, PLACE.col + 128, 64, 64), day=day) for day in DAYS[:2]]
    store = LookStore(tmp_path)
    for task in tasks:
        store.add(maker(task))
    made = [replace(maker(task), computed=False) for task in tasks]
    assert looks(tmp_path) == made
    assert not opened
    index_of(tmp_path).unlink()
    assert looks(tmp_path) == made
    for look, again in zip(made, looks(tmp_path), strict=True):
        np.testing.assert_array_equal(look.pixels.read(look.extent), again.pixels.read(again.extent))
    assert [look.acquisitions for look in made] == [task.acquisitions for task in tasks]


def test_a_reader_leaves_the_latest_files_open_and_then_none(tmp_path: Path) -> None:
    paths = [put(tmp_path, task_at(PLACE), fill) for fill in range(MAX_OPEN + 3)]
    files = {path: look.pixels for path in paths if (look := open_look(path))}
    parts = [Window(PLACE.row + 7, PLACE.col, 9, 64), PLACE]
    with LookReader() as reader:
        for part in (*parts, *parts):
            for fill, path in enumerate(paths):
                assert np.array_equal(reader.read(files[path], part), np.full((3, *part.shape), fill))
        opened = list(reader._open.values())
        assert len(opened) == MAX_OPEN
    assert all(file.closed for file in opened)
    assert not reader._open
