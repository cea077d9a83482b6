import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point
from strategies import lats, lons, windows

from pipeline.grid import LONLAT, Grid, Window, grid_at, hull, reprojected, window_of


@given(window=windows, size=st.integers(16, 512))
def test_cells_cover_a_window_once(window: Window, size: int) -> None:
    count = np.zeros(window.shape, int)
    for cell in window.cells(size):
        assert (cell.row % size, cell.col % size) == (0, 0)
        part = cell.intersection(window)
        assert part is not None
        count[part.within(window)] += 1
    assert (count == 1).all()


@given(window=windows, margin=st.integers(0, 99))
def test_growing_keeps_the_middle(window: Window, margin: int) -> None:
    grown = window.grown(margin)
    rows, cols = window.within(grown)
    assert (rows.start, cols.start) == (margin, margin)
    assert grown.intersection(window) == window
    assert hull([window, grown]) == grown


@given(window=windows)
def test_bounds_and_window_are_each_others_inverse(window: Window) -> None:
    assert window_of(window.bounds_m) == window


@given(one=windows, other=windows)
def test_a_window_that_is_not_inside_is_an_error(one: Window, other: Window) -> None:
    if one.intersection(other) != one:
        with pytest.raises(ValueError, match="not inside"):
            one.within(other)


@given(lon=lons, lat=lats)
def test_every_place_has_a_grid_in_which_it_is_near_the_middle(lon: float, lat: float) -> None:
    grid = grid_at(lon, lat)
    there = reprojected(Point(lon, lat), LONLAT, grid.crs)
    assert 150_000 < there.x < 850_000
    back = reprojected(there, grid.crs, LONLAT)
    assert (back.x - lon) % 360 == pytest.approx(0, abs=1e-6) or (back.x - lon) % 360 == pytest.approx(360, abs=1e-6)


def test_a_window_without_pixels_is_an_error() -> None:
    with pytest.raises(ValueError, match="without pixels"):
        Window(0, 0, 0, 5)


def test_block_names_tell_zone_and_place() -> None:
    assert Grid(32647).name_of(Window(-243_712, 53_248, 2048, 2048)) == "47N_r-0119_c+0026"
