from dataclasses import replace

import numpy as np
import pytest
from fields import GRID, Field, scene
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.bands import NAMES
from pipeline.config import load
from pipeline.grid import Window
from pipeline.looks.observe import CLEAR, NO_VALUE, SCREENED, observe
from pipeline.looks.screen import MIN_SUSPECT_PX, screened
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.squares import SQUARE_PX
from pipeline.looks.task import LookTask
from pipeline.looks.weights import load_model
from pipeline.raster import Bools, Raster
from pipeline.sources.interface import overpasses

FOREST = (0.02, 0.04, 0.025, 0.30, 0.15, 0.06)
PADDY = (0.04, 0.07, 0.05, 0.35, 0.20, 0.10)
RIVER = (0.03, 0.04, 0.025, 0.015, 0.01, 0.01)
MILKY_POND = (0.16, 0.20, 0.18, 0.12, 0.05, 0.04)
BLACK_POND = (0.05, 0.05, 0.05, 0.055, 0.06, 0.055)
LATERITE = (0.09, 0.12, 0.17, 0.22, 0.30, 0.26)
PLACE = Window(-243_200, 51_200, 256, 256)
SETTINGS = load(None)
MODEL = load_model(SETTINGS.model, "cpu", "fp32")


def ground(window: Window = PLACE, colour: tuple[float, ...] = FOREST) -> Raster:
    planes = np.tile(np.array(colour, np.float32)[:, None, None], (1, *window.shape))
    return Raster(window=window, pixels=planes, valid=np.ones(window.shape, bool), scl=None)


def with_pond(raster: Raster, row: int, col: int, pond: tuple[float, ...] = MILKY_POND) -> Raster:
    """A pond of two by two pixels on bare ground of eight by eight; in rows and columns of the raster."""
    planes = raster.pixels.copy()
    planes[:, row - 3 : row + 5, col - 3 : col + 5] = np.array(LATERITE, np.float32)[:, None, None]
    planes[:, row : row + 2, col : col + 2] = np.array(pond, np.float32)[:, None, None]
    return replace(raster, pixels=planes)


def everywhere(window: Window = PLACE) -> Bools:
    return np.ones(window.shape, bool)


@pytest.mark.parametrize("colour", [FOREST, PADDY, RIVER])
def test_forest_paddy_and_clear_river_are_not_looked_at(colour: tuple[float, ...]) -> None:
    assert screened(ground(colour=colour), PLACE, everywhere(), ()).all()


@pytest.mark.parametrize("pond", [MILKY_POND, BLACK_POND, (0.08, 0.11, 0.13, 0.10, 0.04, 0.03)])
def test_a_pond_on_cleared_ground_is_looked_at_with_its_square_and_no_other(pond: tuple[float, ...]) -> None:
    out = screened(with_pond(ground(), 100, 150, pond), PLACE, everywhere(), ())
    expected = everywhere()
    expected[64:128, 128:192] = False
    np.testing.assert_array_equal(out, expected)


def test_what_is_hidden_speaks_for_nothing_and_is_not_screened() -> None:
    shown = with_pond(ground(), 100, 150)
    clear = everywhere()
    clear[97:105, 147:155] = False
    assert (screened(shown, PLACE, clear, ()) == clear).all()


def test_squares_that_are_spared_are_looked_at_whatever_they_show() -> None:
    spared = Window(PLACE.row + 128, PLACE.col + 64, SQUARE_PX, SQUARE_PX)
    out = screened(ground(), PLACE, everywhere(), [spared])
    assert not out[spared.within(PLACE)].any()
    assert out.sum() == out.size - SQUARE_PX**2


def test_where_only_scl_was_read_nothing_is_looked_at() -> None:
    """Pixels of 0 are no ground: their indices would look like something."""
    nothing = Raster(
        window=PLACE, pixels=np.zeros((6, *PLACE.shape), np.uint16), radiometry=((0.0001, 0.0),) * 6,
        valid=everywhere(), scl=np.full(PLACE.shape, 4, np.uint8), unread=everywhere(),
    )  # fmt: skip
    assert screened(nothing, PLACE, everywhere(), ()).all()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(4, 250), st.integers(4, 250)), max_size=4), st.integers(0, 3), st.integers(0, 3))
def test_a_square_is_decided_alike_whatever_is_read_around_it(ponds: list[tuple[int, int]], row: int, col: int) -> None:
    shown = ground()
    for place in ponds:
        shown = with_pond(shown, *place)
    whole = screened(shown, PLACE, everywhere(), ())
    part = Window(PLACE.row + 64 * row, PLACE.col + 64 * col, 256 - 64 * row, 256 - 64 * col)
    out = screened(shown, part, everywhere(part), ())
    np.testing.assert_array_equal(out, whole[part.within(PLACE)])


def test_fewer_pixels_than_the_smallest_site_has_are_none() -> None:
    planes = ground().pixels.copy()
    planes[:, 10, 10 : 10 + MIN_SUSPECT_PX - 1] = np.array(MILKY_POND, np.float32)[:, None]
    assert screened(replace(ground(), pixels=planes), PLACE, everywhere(), ()).all()
    planes[:, 20, 20] = MILKY_POND
    assert not screened(replace(ground(), pixels=planes), PLACE, everywhere(), ())[:64, :64].any()


def test_a_screened_look_shows_what_a_whole_look_does_where_it_looked() -> None:
    area = Window(-243_200, 50_688, 256, 320)
    (overpass,) = overpasses([scene()])
    task = LookTask(GRID, next(iter(area.cells(2048))), (area,), overpass)
    spared = Window(area.row, area.col + 64, 64, 64)
    whole, some = (
        observe(each, Forest(), NetworkSegmenter(MODEL), 112, SETTINGS.clear)
        for each in (task, replace(task, spared=(spared,)))
    )
    out = some.bands[2] == SCREENED
    assert out.any()
    assert (whole.bands[2][out] == CLEAR).all()
    assert (some.bands[:2, out] == NO_VALUE).all()
    np.testing.assert_array_equal(some.bands[:, ~out], whole.bands[:, ~out])
    assert not out[spared.within(area)].any()
    assert some.clear_share == whole.clear_share
    assert set(some.screened) == set(area.cells(SQUARE_PX)) - {spared}
    assert not whole.screened
    assert task.key(recipe()) != replace(task, spared=()).key(recipe())
    assert replace(task, spared=(spared,)).key(recipe()) == replace(task, spared=()).key(recipe())


def recipe():
    from pipeline.looks.recipe import recipe_of

    return recipe_of(SETTINGS, MODEL)


class Forest(Field):
    """Forest everywhere."""

    def read(self, scenes, grid, window: Window) -> Raster:
        return ground(window)


def test_the_order_of_bands_is_what_the_weights_are_for() -> None:
    assert NAMES == ("B02", "B03", "B04", "B08", "B11", "B12")
