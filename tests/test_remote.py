"""Files read by parts: what one window needed is there for the next, and never of another version of the file."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import test_stac
from loopback import Server, serving
from scenes import GRID, aoi
from test_stac import ALWAYS, make_item, opened, write_band

from pipeline.bands import NAMES
from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.sources import remote
from pipeline.sources.interface import Scene
from pipeline.sources.stac import StacSource, files_of

SIDE, MARGIN = 128, 48
"""Of a window, and what the network sees around it, pixels; the files have blocks of 128."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """One scene of 768 by 768 pixels, its bands under noise, so that they do not compress to nothing."""
    place = test_stac.TILE
    monkeypatch.setattr(test_stac, "TILE", Window(place.row, place.col, 768, 768))
    with serving(tmp_path) as server:
        server.items = [make_item(tmp_path, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)]
        yield server


def scene_of(source: StacSource) -> Scene:
    return source.search(aoi(), ALWAYS).scenes[0]


def windows() -> list[Window]:
    """Those of a block in the midst of the scene, row by row."""
    place = test_stac.TILE
    first = [128 + SIDE * k for k in range(4)]
    return [Window(place.row + row, place.col + col, SIDE, SIDE).grown(MARGIN) for row in first for col in first]


def test_windows_of_a_block_fetch_no_byte_twice(server: Server, tmp_path: Path) -> None:
    source = opened(f"{server.url}/api")
    scene, before = scene_of(source), server.sent
    alone = []
    for window in windows():
        files_of.cache_clear()
        alone.append(source.read([scene], GRID, window))
    apart, before = server.sent - before, server.sent
    files_of.cache_clear()
    together = [source.read([scene], GRID, window) for window in windows()]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.reflectance, other.reflectance)
    stored = sum(path.stat().st_size for path in tmp_path.rglob("*.tif"))
    assert server.sent - before <= stored
    assert server.sent - before < 0.25 * apart
    files_of.cache_clear()
    assert source.price([scene], GRID, windows()).usage.n_bytes == pytest.approx(server.sent - before, rel=0.1)


def test_what_is_kept_is_bounded_and_the_estimate_knows(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(f"{server.url}/api")
    scene = scene_of(source)
    monkeypatch.setattr(remote, "CACHE_BYTES", 60_000)
    before = server.sent
    for window in windows():
        source.read([scene], GRID, window)
    spent = server.sent - before
    assert spent > 1.5 * sum(path.stat().st_size for path in server.folder.rglob("*.tif"))
    files_of.cache_clear()
    assert source.price([scene], GRID, windows()).usage.n_bytes == pytest.approx(spent, rel=0.1)


@pytest.mark.parametrize("told", [True, False])
def test_a_file_that_changed_between_two_windows_is_never_mixed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """Where the server tells no version of a file, nothing of it is kept for the next window."""
    server.versions = told
    source = opened(f"{server.url}/api")
    scene = scene_of(source)
    first, *_, last = windows()
    source.read([scene], GRID, first)
    monkeypatch.setitem(test_stac.FOREST, "B02", 0.05)
    write_band(next(tmp_path.rglob("blue.tif")), "B02", 0.0)
    if told:
        with pytest.raises(SceneError, match="replaced while it was read"):
            source.read([scene], GRID, last)
    blue = source.read([scene], GRID, last).reflectance[NAMES.index("B02")]
    assert blue.min() >= 0.05


def test_what_is_kept_grows_old(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(f"{server.url}/api")
    scene, window = scene_of(source), windows()[0]
    source.read([scene], GRID, window)
    before = server.sent
    source.read([scene], GRID, window)
    assert server.sent == before
    monkeypatch.setattr(remote, "CACHE_S", 0.0)
    source.read([scene], GRID, window)
    assert server.sent > before
