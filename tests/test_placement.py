"""Scenes whose pixels lie between those of the grid: as cheap as others, and the same however they are cut."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import test_stac
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import Server, quick_http, serving
from pyproj import Transformer
from scenes import GRID, PLACE, aoi
from test_stac import ALWAYS, make_item, opened, write_catalogue

from pipeline.grid import Grid, Window
from pipeline.sources.boa_offset import judgement_of
from pipeline.sources.interface import ReadRules
from pipeline.sources.stac import StacSource, files_of, stac_source

OTHER = Grid(32646)
"""The zone to the west: none of its pixels is one of the scenes'."""
TILE = Window(PLACE.row - 40, PLACE.col - 60, 768, 768)
BLOCK = 128


def over(window: Window, height: int, width: int) -> Window:
    """A window of the other grid around the centre of one of the scenes' grid."""
    west, south, east, north = window.bounds_m
    x, y = Transformer.from_crs(GRID.crs, OTHER.crs, always_xy=True).transform((west + east) / 2, (south + north) / 2)
    return Window(round(-y / 10) - height // 2, round(x / 10) - width // 2, height, width)


def clouded_but_for(tile: Window, clear: tuple[slice, slice]) -> np.ndarray:
    """SCL of a tile in 20 m pixels: cloud, and vegetation on some rows and columns."""
    classes = np.full((tile.height // 2, tile.width // 2), 9)
    classes[clear] = 4
    return classes


def fetched(server: Server, source: StacSource, windows: list[Window]) -> int:
    """Bytes that reading the only scene on some windows takes a new process."""
    (scene,) = source.search(aoi(), ALWAYS).scenes
    files_of.cache_clear()
    judgement_of.cache_clear()
    before = server.sent
    for window in windows:
        source.read([scene], OTHER, window)
    return server.sent - before


def test_off_the_grid_bands_of_a_clouded_window_are_not_fetched(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        write_catalogue(tmp_path, [make_item(tmp_path, date(2024, 2, 5), classes=9)])
        source = opened(f"{server.url}/stac/catalog.json")
        (scene,) = source.search(aoi(), ALWAYS).scenes
        raster = source.read([scene], OTHER, over(test_stac.TILE, 64, 64))
        assert (raster.scl == 9).all()
        assert raster.valid.all()
        assert not [path for _, path in server.asked if "green" in path or "nir" in path]


@pytest.mark.parametrize("side", [100, 200])
def test_off_the_grid_the_price_is_what_reading_fetches(
    side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows under cloud, half under cloud, with a clear corner, clear, and half outside of the scene."""
    monkeypatch.setattr(test_stac, "TILE", TILE)
    classes = clouded_but_for(TILE, (slice(200, None), slice(192, None)))
    with serving(tmp_path) as server:
        write_catalogue(tmp_path, [make_item(tmp_path, date(2024, 2, 5), classes=classes)])
        source = opened(f"{server.url}/stac/catalog.json")
        (scene,) = source.search(aoi(), ALWAYS).scenes
        area = over(TILE, 900, 900)
        for window in area.cells(side):
            spent = fetched(server, source, [window])
            files_of.cache_clear()
            assert source.price([scene], OTHER, [window]).usage.n_bytes == pytest.approx(spent, rel=0.1), window
        windows = list(area.cells(side))
        spent = fetched(server, source, windows)
        files_of.cache_clear()
        price = source.price([scene], OTHER, windows)
    assert price.usage.n_bytes == pytest.approx(spent, rel=0.1)
    assert 0 < price.read_px < sum(window.area_px for window in windows) / 2
    assert price.clear_share == pytest.approx((classes == 4).mean(), abs=0.01)


@pytest.mark.parametrize("grid", [GRID, OTHER])
def test_of_a_scene_beside_a_window_only_the_grid_is_read(grid: Grid, tmp_path: Path) -> None:
    """Whatever the settings call unclear; the price says so."""
    with serving(tmp_path) as server:
        write_catalogue(tmp_path, [make_item(tmp_path, date(2024, 2, 5))])
        source = stac_source(f"{server.url}/stac/catalog.json", ReadRules(), quick_http)
        (scene,) = source.search(aoi(), ALWAYS).scenes
        beside = over(TILE, 64, 64) if grid == OTHER else TILE
        beside = replace(beside, row=beside.row + 2000)
        before = server.sent
        raster = source.read([scene], grid, beside)
        spent = server.sent - before
        assert not raster.valid.any()
        assert not [path for _, path in server.asked if "green" in path or "scl" in path]
        assert source.price([scene], grid, [beside]).usage.n_bytes == spent


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(35, 130))
def test_which_granule_shows_a_pixel_does_not_depend_on_the_window(tmp_path: Path, size: int) -> None:
    """At the edge of a clouded granule with another below it: a window that is all cloud is read without its bands."""
    first = test_stac.TILE
    if not (tmp_path / "stac").exists():
        with pytest.MonkeyPatch.context() as patched:
            upper = make_item(
                tmp_path, date(2024, 2, 5), name="a", classes=clouded_but_for(first, (slice(20, 60), slice(0, 50)))
            )
            patched.setattr(test_stac, "TILE", Window(first.row + 100, first.col + 140, 240, 320))
            lower = make_item(tmp_path, date(2024, 2, 10), name="b")
            write_catalogue(tmp_path, [upper, lower])
    source = opened(tmp_path / "stac" / "catalog.json")
    scenes = source.search(aoi(), ALWAYS).scenes
    assert len(scenes) == 2
    area = over(Window(first.row, first.col, 340, 460), 300, 400)
    whole = source.read(scenes, OTHER, area)
    assert whole.scl is not None
    assert {4, 9} <= set(np.unique(whole.scl))
    for cell in area.cells(size):
        part = cell.intersection(area)
        assert part is not None
        piece, here = source.read(scenes, OTHER, part), part.within(area)
        np.testing.assert_array_equal(piece.valid, whole.valid[here])
        np.testing.assert_array_equal(piece.scl, whole.scl[here])
        clear = whole.scl[here] == 4
        np.testing.assert_array_equal(piece.reflectance[:, clear], whole.reflectance[(slice(None), *here)][:, clear])
