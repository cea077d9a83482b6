"""Cuts: what is kept of a place is what was measured there, once, and anybody can read it."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cuts.choice import Role, chosen, roles
from pipeline.cuts.cut import Cut, encoded, read_cut, stored_numbers
from pipeline.cuts.store import CORE_PX, CUT_PX, CutStore, core_of, square_around
from pipeline.errors import InputError
from pipeline.grid import Grid, Window
from pipeline.raster import Raster
from pipeline.sources.acquisitions import Acquisition
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period

GRID = Grid(32647)
MADE_FROM = (Acquisition("S2B_x", datetime(2025, 1, 2, 4, tzinfo=UTC), "S2B", (97, 22, 98, 23), "47QKE", "05.11", ""),)


SQUARE = Window(-244_000, 30_000, 128, 128)


def cut(square: Window = SQUARE, scl: bool = True, **changes: object) -> Cut:
    rng = np.random.default_rng(7)
    numbers = rng.integers(1, 5000, (6, *square.shape)).astype(np.uint16)
    numbers[:, :3, :5] = 0
    parts: dict[str, object] = {
        "grid": GRID, "window": square, "time_utc": MADE_FROM[0].time_utc, "overpass": "20250102-S2B",
        "provider": "folder", "simulation": "", "acquisitions": MADE_FROM, "notes": ("tile edge",), "numbers": numbers,
        "scl": rng.integers(0, 12, square.shape).astype(np.uint8) if scl else None,
    }  # fmt: skip
    return Cut(**(parts | changes))


@pytest.mark.parametrize("scl", [True, False])
def test_a_cut_reads_back_as_it_was_written(tmp_path: Path, scl: bool) -> None:
    made = cut(scl=scl)
    (tmp_path / "a.tif").write_bytes(encoded(made))
    read = read_cut(tmp_path / "a.tif")
    assert np.array_equal(read.numbers, made.numbers)
    assert (read.scl is None) == (not scl)
    for name in ("grid", "window", "time_utc", "overpass", "provider", "simulation", "acquisitions", "notes"):
        assert getattr(read, name) == getattr(made, name)
    assert encoded(read) == encoded(made)


def test_another_program_reads_reflectance_and_no_data(tmp_path: Path) -> None:
    made = cut()
    (tmp_path / "a.tif").write_bytes(encoded(made))
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.descriptions == ("B02", "B03", "B04", "B08", "B11", "B12", "SCL")
        assert file.nodata == 0
        values = file.read(4) * file.scales[3] + file.offsets[3]
    assert np.allclose(values[made.valid], made.reflectance[3][made.valid], atol=1e-6)


def test_stored_numbers_are_reflectance_to_a_ten_thousandth() -> None:
    square = Window(0, 0, 4, 4)
    reflectance = np.linspace(-0.05, 1.2, 6 * 16, dtype=np.float32).reshape(6, 4, 4)
    valid = np.ones((4, 4), bool)
    valid[0, 0] = False
    raster = Raster(window=square, pixels=np.where(valid, reflectance, 0), valid=valid, scl=None)
    numbers = stored_numbers(raster)
    assert (numbers[:, 0, 0] == 0).all()
    shown = numbers.astype(float) * 0.0001 - 0.1
    assert np.allclose(shown[:, valid], reflectance[:, valid], atol=0.000051)


def test_a_measured_pixel_is_never_stored_as_no_data() -> None:
    raster = Raster(
        window=Window(0, 0, 1, 1), pixels=np.full((6, 1, 1), -0.3, np.float32), valid=np.ones((1, 1), bool), scl=None
    )
    assert (stored_numbers(raster) == 1).all()


@pytest.mark.parametrize("at", [0.3, 0.6, 0.95])
def test_a_damaged_cut_is_told_in_one_line(tmp_path: Path, at: float) -> None:
    content = bytearray(encoded(cut()))
    content[int(len(content) * at)] ^= 0xFF
    (tmp_path / "a.tif").write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"damaged cut") as told:
        read_cut(tmp_path / "a.tif")
    assert "\n" not in str(told.value)


def test_a_truncated_cut_and_one_that_is_not_there_are_told(tmp_path: Path) -> None:
    content = encoded(cut())
    (tmp_path / "a.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged cut"):
        read_cut(tmp_path / "a.tif")
    with pytest.raises(InputError, match="not there"):
        read_cut(tmp_path / "b.tif")


def test_a_cut_whose_scenes_were_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(encoded(cut()))
    with rasterio.open(path, "r+") as file:
        file.update_tags(scenes="[]")
    with pytest.raises(InputError, match="checksum"):
        read_cut(path)


def test_a_cut_is_a_scene_for_whoever_has_it_and_none_in_an_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(encoded(cut()))
    CutStore(tmp_path / "archive" / "cuts", GRID).keep(cut(overpass="20250102-S2A"))
    from shapely.geometry import box

    from pipeline.aoi import Aoi
    from pipeline.grid import LONLAT, reprojected

    ground = reprojected(cut().window.polygon_m, GRID.crs, LONLAT)
    found = FolderSource(tmp_path).search(Aoi("a", "A", "AAA", box(*ground.bounds)), Period(None, None))
    assert [scene.platform for scene in found.scenes] == ["S2B"]
    assert ["in an archive" in refusal.reason for refusal in found.refusals] == [True]
    raster = FolderSource(tmp_path).read(found.scenes, GRID, cut().window)
    assert np.array_equal(raster.valid, cut().valid)
    assert np.allclose(raster.reflectance, cut().reflectance, atol=1e-6)


def test_a_simulated_cut_says_so(tmp_path: Path) -> None:
    from pipeline.sources.folder import simulation_in

    (tmp_path / "a.tif").write_bytes(encoded(cut(simulation="ab12cd34")))
    assert simulation_in(tmp_path) == "ab12cd34"


places = st.tuples(
    st.floats(0, 9e5),
    st.floats(1e6, 3e6),
    st.floats(0, 3000),
    st.floats(0, 3000),
    st.integers(0, 12),
    st.integers(0, 12),
)


@given(places)
def test_the_square_of_a_site_holds_its_ground_also_when_that_shifts_a_little(place: tuple[float, ...]) -> None:
    west, south, width, height, right, up = place
    core = core_of((west, south, west + width, south + height))
    square = square_around(core)
    assert square.holds(core)
    assert square.width == square.height >= CUT_PX
    smaller = (west + 10 * right, south + 10 * up, west + 10 * right + width / 4, south + 10 * up + height / 4)
    if width > 400 and height > 400:
        assert square.holds(core_of(smaller))


def test_a_cut_serves_every_site_whose_ground_it_holds(tmp_path: Path) -> None:
    store = CutStore(tmp_path, GRID)
    square = Window(-244_000, 30_000, 128, 128)
    path = store.keep(cut(square))
    inside = Window(square.row + CORE_PX, square.col + CORE_PX, 20, 20)
    assert store.find(inside, "20250102-S2B") == path
    assert store.overpasses(inside) == ["20250102-S2B"]
    assert store.find(inside, "20250107-S2A") is None
    assert store.find(Window(square.row + 120, square.col, 20, 20), "20250102-S2B") is None
    again = CutStore(tmp_path, GRID)
    assert again.find(inside, "20250102-S2B") == path
    assert again.square_of(path) == square
    assert CutStore(tmp_path, Grid(32646)).find(inside, "20250102-S2B") is None


# Which looks are kept


def looks(*days: str) -> list[object]:
    from pipeline.run.cuts import LookAtDrawing

    return [LookAtDrawing(date.fromisoformat(day), f"{day.replace('-', '')}-S2A", 0.9) for day in days]


def dated(after: str | None, by: str | None) -> object:
    from test_export import site

    return site(
        ponds_after=date.fromisoformat(after) if after else None, ponds_by=date.fromisoformat(by) if by else None,
        ground_after=None, ground_by=None,
    )  # fmt: skip


MONTHLY = [f"2024-{month:02d}-05" for month in range(1, 13)] + [f"2025-{month:02d}-05" for month in range(1, 13)]


def test_the_looks_that_prove_the_dates_and_the_latest_have_a_part_of_their_own() -> None:
    found = roles(dated("2024-03-05", "2024-05-05"), looks(*MONTHLY))
    assert found == {
        "20240305-S2A": Role.BEFORE, "20240505-S2A": Role.FIRST, "20251205-S2A": Role.LATEST,
    }  # fmt: skip
    assert roles(dated(None, "2024-01-05"), looks("2024-01-05")) == {"20240105-S2A": Role.FIRST}


def test_so_many_between_are_kept_spread_over_time() -> None:
    found = chosen(dated("2024-03-05", "2024-05-05"), looks(*MONTHLY), [], 5)
    assert len(found) == 8
    assert {"20240305-S2A", "20240505-S2A", "20251205-S2A"} <= set(found)
    days = [datetime.strptime(name[:8], "%Y%m%d") for name in found]
    assert max((b - a).days for a, b in zip(days, days[1:], strict=False)) < 160


def test_what_is_kept_already_is_preferred_and_nothing_is_made_again() -> None:
    first = chosen(dated("2024-03-05", "2024-05-05"), looks(*MONTHLY[:20]), [], 12)
    later = chosen(dated("2024-03-05", "2024-05-05"), looks(*MONTHLY), first, 12)
    assert len(set(later) - set(first)) == 1  # the latest
    assert len(later) == 15


@given(st.sets(st.dates(date(2020, 1, 1), date(2025, 12, 31)), min_size=1, max_size=40), st.integers(0, 12))
def test_no_more_is_chosen_than_is_asked_for(days: set[date], between: int) -> None:
    ordered = sorted(day.isoformat() for day in days)
    by = ordered[len(ordered) // 2]
    found = chosen(dated(None, by), looks(*ordered), [], between)
    assert len(found) <= between + 3
    assert len(set(found)) == len(found)
    assert f"{ordered[-1].replace('-', '')}-S2A" in found
    assert f"{by.replace('-', '')}-S2A" in found
    assert len(found) >= min(len(ordered), between + 1)


def test_files_of_other_programs_in_the_folder_do_no_harm(tmp_path: Path) -> None:
    store = CutStore(tmp_path, GRID)
    path = store.keep(cut())
    (tmp_path / "47N_rubbish").mkdir()
    shutil.copy(path, tmp_path / "47N_rubbish" / "x.tif")
    (path.parent / "notes.txt").write_text("mine")
    assert len(CutStore(tmp_path, GRID).files(Window(-244_000 + 40, 30_040, 10, 10))) == 1
