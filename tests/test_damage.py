"""Looks that a disk or a hand has changed: never a wrong pixel, never a traceback, and never silently gone."""

import json
import os
import re
import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import AREA
from scipy.ndimage import gaussian_filter
from test_archive_of_looks import context, first, layers, manifest, place, run, source, told
from test_store import index_of, marked, opened, put_and_add, task_at

from pipeline import atomic
from pipeline.errors import InputError, LookDamaged, UnitsFailed
from pipeline.grid import Window
from pipeline.looks import store as store_module
from pipeline.looks import sums
from pipeline.looks.file import GDAL, LookFile, encoded, open_look
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, NO_VALUE, NOT_CLEAR, LookContent
from pipeline.looks.reader import LookReader
from pipeline.looks.store import ASIDE, INDEX, LookStore, path_in
from pipeline.looks.sums import Sums
from pipeline.looks.sweep import sweep_looks
from pipeline.run.context import Remake
from pipeline.run.detect import detect
from pipeline.run.looks import any_clear, plan_looks
from pipeline.run.summary import Summary

__all__ = ["first", "opened", "place"]
SIDE_PX = 1024
LARGE = Window(-243_200, 51_200, SIDE_PX, SIDE_PX)
CORNERS = [Window(LARGE.row + down, LARGE.col + right, 512, 512) for down in (0, 512) for right in (0, 512)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Look, bytes]:
    """A look of four blocks as the network leaves them, and the bytes of its file."""
    rng = np.random.default_rng(4)
    clear = gaussian_filter(rng.standard_normal(LARGE.shape), 12) > 0
    ground = (rng.random(LARGE.shape) ** 6 * 9).astype(np.uint8)
    planes = [np.where(clear, 0, NO_VALUE), np.where(clear, ground, NO_VALUE), np.where(clear, CLEAR, NOT_CLEAR)]
    task, folder = task_at(LARGE), tmp_path_factory.mktemp("large")
    path = path_in(folder, task, "01" * 32)
    content = LookContent(np.stack(planes).astype(np.uint8), (), (), LARGE)
    atomic.write_bytes(path, encoded(content, task, "01" * 32))
    look = open_look(path)
    assert look is not None
    return look, path.read_bytes()


def harmed(path: Path, content: bytes) -> None:
    """Other bytes, with the size and the time of the file as they were: as a failing disk leaves them."""
    found = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def zeroed(content: bytes, at: int, count: int = 64) -> bytes:
    return content[:at] + bytes(count) + content[at + count :]


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 16]) + content[at + 1 :]


def read_all(look: Look) -> dict[Window, np.ndarray]:
    """What of a look can be read, part by part, without setting anything aside."""
    found = {}
    with rasterio.Env(**GDAL):
        for part in CORNERS:
            try:
                found[part] = look.pixels.read(part)
            except LookDamaged:
                continue
    return found


def test_some_damage_is_not_noticed_by_gdal(large: tuple[Look, bytes], tmp_path: Path) -> None:
    """The reason for checksums of our own; where this fails one day, GDAL checks what it did not."""
    look, content = large
    path, wrong = tmp_path / "copy.tif", 0
    sound = {part: look.pixels.read(part) for part in CORNERS}
    for at in range(4_000, len(content) - 64, len(content) // 30):
        path.write_bytes(zeroed(content, at))
        for part in CORNERS:
            rows, cols = part.within(LARGE)
            try:
                with rasterio.Env(**GDAL), rasterio.open(path, driver="GTiff") as file:
                    window = ((rows.start, rows.stop), (cols.start, cols.stop))
                    wrong += not np.array_equal(file.read(window=window), sound[part])
            except rasterio.errors.RasterioError:
                continue
    assert wrong


@settings(max_examples=80)
@given(at=st.floats(0, 1), zeros=st.booleans())
def test_what_is_read_of_a_changed_file_is_what_was_written_or_an_error(
    large: tuple[Look, bytes], at: float, zeros: bool
) -> None:
    look, content = large
    assert isinstance(look.pixels, LookFile)
    sound = read_all(look)
    assert len(sound) == len(CORNERS)
    place = int(at * (len(content) - 64))
    other = zeroed(content, place) if zeros else flipped(content, place)
    look.pixels.path.write_bytes(other)
    try:
        found = read_all(look)
    finally:
        look.pixels.path.write_bytes(content)
    assert all(np.array_equal(pixels, sound[part]) for part, pixels in found.items())
    assert other == content or len(found) < len(CORNERS)  # each byte belongs to a block, or to the header of all


def test_only_the_damaged_part_is_refused(large: tuple[Look, bytes]) -> None:
    look, content = large
    assert isinstance(look.pixels, LookFile)
    look.pixels.path.write_bytes(flipped(content, len(content) - 2_000))
    try:
        assert list(read_all(look)) == CORNERS[:3]
    finally:
        look.pixels.path.write_bytes(content)


def test_a_damaged_look_is_set_aside_and_listed_as_lost(tmp_path: Path) -> None:
    days = [date(2025, 1, 5) + timedelta(days=5 * number) for number in range(3)]
    paths = [put_and_add(tmp_path, task_at(LARGE, day=day)) for day in days]
    looks = list(LookStore(tmp_path).looks(task_at(LARGE).grid))
    harmed(paths[1], flipped(paths[1].read_bytes(), paths[1].stat().st_size - 200))
    assert list(LookStore(tmp_path).looks(task_at(LARGE).grid)) == looks  # nobody has read it yet
    with LookReader() as reader:
        reader.read(looks[0].pixels, CORNERS[0])
        with pytest.raises(LookDamaged, match="its bytes are not as they were written"):
            reader.read(looks[1].pixels, LARGE)
    aside = paths[1].with_name(paths[1].name + ASIDE)
    assert aside.is_file()
    assert not paths[1].exists()
    for index in ("there", "lost"):
        store = LookStore(tmp_path)
        assert list(store.looks(task_at(LARGE).grid)) == [looks[0], looks[2]]
        (lost,) = store.damaged
        assert lost.path == aside
        if index == "there":
            assert lost.reason == sums.CHANGED
            assert lost.look == looks[1]
            index_of(tmp_path).unlink()
    put_and_add(tmp_path, task_at(LARGE, day=days[1]))
    store = LookStore(tmp_path)
    assert list(store.looks(task_at(LARGE).grid)) == looks
    assert not store.damaged


def test_a_look_that_was_looked_at_again_in_parts_is_not_lost(tmp_path: Path) -> None:
    path = put_and_add(tmp_path, task_at(LARGE))
    path.rename(path.with_name(path.name + ASIDE))
    store = LookStore(tmp_path)
    assert not list(store.looks(task_at(LARGE).grid))
    assert len(store.damaged) == 1
    for part in (Window(LARGE.row, LARGE.col, 512, 1024), Window(LARGE.row + 512, LARGE.col, 512, 1024)):
        task = task_at(part)
        content = LookContent(np.ones((3, *part.shape), np.uint8), (), (), part)
        key = f"{part.row:064x}".replace("-", "f")
        target = path_in(tmp_path, task, key[::-1])
        atomic.write_bytes(target, encoded(content, task, key[::-1]))
    store = LookStore(tmp_path)
    assert len(list(store.looks(task_at(LARGE).grid))) == 2
    assert not store.damaged


def test_a_file_that_differs_in_nothing_that_counts_is_taken_again(tmp_path: Path) -> None:
    """Damage that changes no pixel: such a look must not be refused in every run."""
    path = put_and_add(tmp_path, task_at(LARGE))
    harmed(path, path.read_bytes()[:-2] + b"xx")  # after the last block: nobody reads it
    for expected in (False, True):
        (look,) = LookStore(tmp_path).looks(task_at(LARGE).grid)
        with LookReader() as reader:
            try:
                reader.read(look.pixels, LARGE)
                taken = True
            except LookDamaged:
                taken = False
        assert taken is expected
    assert not list(tmp_path.rglob(f"*{ASIDE}"))


def test_a_sound_file_is_never_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put_and_add(tmp_path, task_at(LARGE))
    look = open_look(path)
    assert look is not None
    assert isinstance(look.pixels, LookFile)
    with LookReader() as reader:
        other = replace(look.pixels, sums=Sums(look.pixels.sums.head_bytes, (0, *look.pixels.sums.crcs[1:])))
        with pytest.raises(LookDamaged, match="replaced while it was read"):  # as it looks to a run that listed before
            reader.read(other, LARGE)
    with LookReader() as reader, monkeypatch.context() as patched:
        patched.setattr(sums.rasterio, "open", failing)
        with pytest.raises(UnitsFailed, match="sound look, but it cannot be read now") as error:
            reader.read(look.pixels, LARGE)
        assert not isinstance(error.value, LookDamaged)
    assert path.is_file()
    path.rename(path.with_suffix(".away"))
    with LookReader() as reader, pytest.raises(LookDamaged, match="it is gone"):
        reader.read(look.pixels, LARGE)
    shutil.rmtree(path.parent)
    with LookReader() as reader, pytest.raises(InputError, match="mount it"):
        reader.read(look.pixels, LARGE)


def failing(*_: object, **__: object) -> None:
    raise rasterio.errors.RasterioIOError("Too many open files")


def test_looks_of_an_earlier_version_are_verified_whole_once(tmp_path: Path, opened: list[str]) -> None:
    path = put_and_add(tmp_path, task_at(LARGE))
    index = index_of(tmp_path)
    entry = json.loads(index.read_bytes().strip()[9:])
    index.write_bytes(marked(index.read_bytes(), f',"sums":"{entry["sums"]}","damaged":""'.encode(), b""))
    for _ in range(2):
        (look,) = LookStore(tmp_path).looks(task_at(LARGE).grid)
        assert opened == [path.name]
        assert isinstance(look.pixels, LookFile)
        assert look.pixels.sums.text == entry["sums"]


def test_checksums_are_kept_as_text() -> None:
    kept = Sums(2_560, (0, 0xFFFFFFFF, 17))
    assert Sums.of_text(kept.text) == kept
    for text in ("", "9fc:", "9fc:12345678", "x:1234567812345678", "9fc:1234567812345678z", "123456781234567"):
        with pytest.raises(ValueError, match=r"checksums|invalid literal"):
            Sums.of_text(text)


# Runs


def victim_in(place: Path, looks: tuple[Look, ...]) -> Path:
    """The file of the clearest look that shows ponds, its end damaged; the evidence of all looks must be read again."""
    look = max((look for look in looks if look.ponds), key=lambda look: look.clear_share)
    assert isinstance(look.pixels, LookFile)
    path = place / look.pixels.path.relative_to(look.pixels.path.parents[3].parent)
    return path


def damaged(place: Path, summary: Summary) -> Path:
    path = victim_in(place, summary.looks)
    content = path.read_bytes()
    harmed(path, zeroed(content, len(content) - 600))
    for folder in (place / "archive").rglob("cells"):
        shutil.rmtree(folder)
    return path


@pytest.fixture
def again(place: Path, scenes: Path) -> Summary:
    """A run with nothing new, at a place of its own."""
    return run(place, source(scenes))


def test_a_run_goes_on_without_a_damaged_look_and_makes_it_again(again: Summary, place: Path, scenes: Path) -> None:
    said, rows = told(place), layers(place)
    path = damaged(place, again)
    whole = path.with_suffix(".tif").name
    mended = run(place, source(scenes))
    assert mended.exit_code == 0
    assert any(look.computed for look in mended.looks)
    assert told(place)["sites"] == said["sites"]
    assert layers(place) == rows
    assert [each.name for each in path.parent.glob(f"*{ASIDE}")] == [whole + ASIDE]
    assert [each["made_again"] for each in manifest(place)["damaged_looks"]] == [True]
    run(place, source(scenes))
    assert not manifest(place)["damaged_looks"]


def test_what_cannot_be_made_again_is_listed_as_lost_in_every_run(again: Summary, place: Path, tmp_path: Path) -> None:
    said = told(place)
    path = damaged(place, again)
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        summary = run(place, source(tmp_path / "empty"))
        assert summary.exit_code == 3  # nothing was seen this time, as always with no scenes
        assert told(place)["sites"] == said["sites"]
    (listed,) = manifest(place)["damaged_looks"]
    assert listed["reason"] == sums.CHANGED
    assert listed["file"].endswith(path.name + ASIDE)
    assert listed["overpass"] in listed["unit"]
    assert not listed["made_again"]
    assert f"{listed['unit']} showed is lost" in summary.text()


def test_looking_for_clear_ground_survives_a_damaged_look(again: Summary, place: Path) -> None:
    looks = again.looks
    assert any_clear(AREA, looks)
    for look in looks:
        assert isinstance(look.pixels, LookFile)
        harmed(look.pixels.path, bytes(look.pixels.path.stat().st_size))
    assert not any_clear(AREA, looks)


def test_damaged_looks_of_other_months_are_made_again_in_the_same_run(
    again: Summary, place: Path, scenes: Path
) -> None:
    said, path = told(place), damaged(place, again)
    last = max(look.day for look in again.looks)
    later = context(place, source(scenes), replace(context(place, source(scenes)).period, first=last, last=last))
    paid = replace(later, remake=Remake.NONE)
    assert detect(paid).exit_code == 0
    assert [each["made_again"] for each in manifest(place)["damaged_looks"]] == [False]
    assert told(place)["sites"] == said["sites"]  # what was published stands
    assert path.with_name(path.name + ASIDE).is_file()
    mended = detect(later)
    assert mended.exit_code == 0
    made = [look for look in mended.looks if look.computed]
    assert {look.overpass for look in made} == {path.name[:12]}
    assert all(look.day < last for look in made)
    assert [each["made_again"] for each in manifest(place)["damaged_looks"]] == [True]
    assert not plan_looks(later).store.damaged
    assert without_run(told(place)["sites"]) == without_run(said["sites"])


def without_run(content: bytes) -> bytes:
    return re.sub(rb'"run_id": *"[^"]+"', b"", content)


# The sweep


def test_a_sweep_verifies_all_looks_in_the_stated_number_of_scans(tmp_path: Path) -> None:
    folder, state = tmp_path / "looks", tmp_path / "sweep.json"
    paths = [put_and_add(folder, task_at(LARGE, day=date(2025, 1, 1) + timedelta(days=k))) for k in range(7)]
    for path in paths:
        harmed(path, bytes(path.stat().st_size))
    found: list[Path] = []
    for number in range(4):
        result = sweep_looks(LookStore(folder), 0.3, state)
        assert result.checked == (3, 2, 1, 1)[number]  # a share of those that are left
        found += [each.path for each in result.damaged]
    assert sorted(found) == [path.with_name(path.name + ASIDE) for path in sorted(paths)]
    assert sweep_looks(LookStore(folder), 0.3, state).checked == 0
    assert all(each.look is not None for each in result.damaged)


def test_a_sweep_goes_on_where_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, state = tmp_path / "looks", tmp_path / "sweep.json"
    paths = [put_and_add(folder, task_at(LARGE, day=date(2025, 1, 1) + timedelta(days=k))) for k in range(5)]
    read: list[str] = []

    def counted(path: Path) -> Look | None:
        read.append(path.name)
        return open_look(path)

    monkeypatch.setattr("pipeline.looks.sweep.open_look", counted)
    for _ in range(5):
        assert sweep_looks(LookStore(folder), 0.4, state).checked == 2
    assert read == [path.name for path in sorted(paths)] * 2
    assert sweep_looks(LookStore(folder), 1.0, state, most_s=-1.0).checked == 0
    state.write_text("no state")
    assert sweep_looks(LookStore(folder), 0.2, state).checked == 1
    assert read[-1] == sorted(paths)[0].name
    assert not list(folder.rglob(f"*{ASIDE}"))
    assert store_module.INDEX == INDEX
