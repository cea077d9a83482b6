"""BOA_ADD_OFFSET is judged once for a granule: windows of one granule are read alike, whatever each of them shows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
import test_stac
from loopback import quick_http, serving
from rasterio.transform import Affine
from scenes import GRID, PLACE, aoi
from test_safe import write_product
from test_stac import ALWAYS, FOREST, RULES, make_item, write_catalogue

from pipeline.bands import NAMES, SCL
from pipeline.config import OffsetError
from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.raster import Raster
from pipeline.sources import boa_offset, granule_sample
from pipeline.sources.assets import BandAssets
from pipeline.sources.band_stack import BandStack
from pipeline.sources.boa_offset import judgement_of
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Scene, Source
from pipeline.sources.stac import files_of, stac_source

TILE = Window(PLACE.row - 40, PLACE.col - 60, 768, 768)
PART = (slice(256, 448), slice(384, 576))
"""Rows and columns of the tile that are not forest."""
ODD = Window(TILE.row + 256, TILE.col + 384, 192, 192)
"""The same as a window, and its neighbour, which is forest."""
NEIGHBOUR = Window(ODD.row, ODD.col - 192, 192, 192)
LAYOUTS = ("overviews", "no overviews", "product")
"""How the files of a granule lie there; the bands of a product are decoded without overviews."""
TWICE = (0.0, -0.1)
"""Offset that is in the numbers, and that is told."""
NEVER = (-0.1, 0.0)
SOUND = (-0.1, -0.1)


def planes(visible: float, classes: int, offset: float) -> dict[str, np.ndarray]:
    """Numbers of a forest that reflects `visible` in all bands, and has another class, on `PART`; in 10 m pixels."""
    made = {}
    for name in NAMES:
        reflectance = np.full(TILE.shape, FOREST[name])
        reflectance[PART] = visible
        noise = np.random.default_rng(len(name)).integers(0, 60, TILE.shape)
        made[name] = (np.round((reflectance - offset) * 10_000) + noise).astype(np.uint16)
    made[SCL] = np.full(TILE.shape, 4, np.uint16)
    made[SCL][PART] = classes
    return made


def granule(folder: Path, layout: str, made: dict[str, np.ndarray], told: float) -> Callable[[OffsetError], Source]:
    """One granule on disk, and the source that gives it, by what it does about offsets."""
    if layout == "product":
        pixels = {name: plane[::2, ::2] if name in ("B11", "B12", SCL) else plane for name, plane in made.items()}
        name = "S2B_MSIL2A_20240205T040101_N0510_R047_T47RLH_20240205T070000.SAFE"
        added = round(told * 10_000) or None
        when = "2024-02-05T04:01:01.024Z"
        write_product(folder / "in" / name, pixels, TILE, when, "Sentinel-2B", "05.10" if added else "03.01", added)
        return lambda action: FolderSource(
            folder / "in", decoded=folder / "decoded", rules=replace(RULES, offset_error=action)
        )
    item = make_item(folder, date(2024, 2, 5), offset=told)
    for band, key in test_stac.BAND_KEYS.items():
        write_band(folder / item.id / f"{key}.tif", band, made[band], layout == "overviews")
    path = str(write_catalogue(folder, [item]))
    return lambda action: stac_source(path, replace(RULES, offset_error=action), quick_http)


def write_band(path: Path, name: str, plane: np.ndarray, overviews: bool) -> None:
    """A band in its own pixels, as a COG or as a tiled file without overviews."""
    step = 2 if name in ("B11", "B12", SCL) else 1
    west, _, _, north = TILE.bounds_m
    numbers = plane[::step, ::step]
    form = {"driver": "COG", "blocksize": 128} if overviews else {
        "driver": "GTiff", "tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "deflate"
    }  # fmt: skip
    with rasterio.open(
        path, "w", height=numbers.shape[0], width=numbers.shape[1], count=1, dtype="uint16", nodata=0, crs=GRID.crs,
        transform=Affine(10 * step, 0, west, 0, -10 * step, north), **form,
    ) as file:  # fmt: skip
        file.write(numbers, 1)


def scene_of(source: Source) -> Scene:
    (scene,) = source.search(aoi(), ALWAYS).scenes
    return scene


def read(source: Source, window: Window) -> Raster:
    return source.read([scene_of(source)], GRID, window)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("offsets", "says"), [(TWICE, "applied twice"), (NEVER, "was not applied")])
def test_neighbouring_windows_of_a_faulty_granule_are_corrected_alike(layout, offsets, says, tmp_path: Path) -> None:
    """One shows nothing but bright ground, or water, from which nobody could tell."""
    visible, classes = (0.3, 5) if offsets is TWICE else (0.03, 6)
    source = granule(tmp_path, layout, planes(visible, classes, offsets[0]), offsets[1])
    odd, forest = (read(source(OffsetError.CORRECT), window) for window in (ODD, NEIGHBOUR))
    assert len(odd.notes) == 1
    assert says in odd.notes[0]
    assert odd.notes == forest.notes
    for number, name in enumerate(NAMES):
        assert odd.reflectance[number].mean() == pytest.approx(visible + 0.003, abs=1e-3)
        assert forest.reflectance[number].mean() == pytest.approx(FOREST[name] + 0.003, abs=1e-3)
    for window in (ODD, NEIGHBOUR):
        with pytest.raises(SceneError, match=says):
            read(source(OffsetError.REFUSE), window)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("classes", [2, 4, 6])
def test_a_sound_granule_with_one_dark_window_is_read(layout, classes: int, tmp_path: Path) -> None:
    """A lake, or a shadow that SCL takes for vegetation, over which too much haze was taken off."""
    source = granule(tmp_path, layout, planes(-0.05, classes, SOUND[0]), SOUND[1])
    for action in OffsetError:
        raster = read(source(action), ODD)
        assert not raster.notes
        assert raster.reflectance[:3].mean() == pytest.approx(-0.047, abs=1e-3)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sound_granule_with_one_bright_forest_is_read(layout, tmp_path: Path) -> None:
    """Thin cloud that SCL takes for vegetation."""
    source = granule(tmp_path, layout, planes(0.15, 4, SOUND[0]), SOUND[1])
    assert read(source(OffsetError.REFUSE), ODD).reflectance[:3].mean() == pytest.approx(0.153, abs=1e-3)


def test_land_decides_and_neither_cloud_nor_water(tmp_path: Path) -> None:
    """Nine tenths of the granule are sea with nothing left of its light: sound. As cloud, they hide no fault."""
    made = planes(0.04, 4, SOUND[0])
    sea = np.ones(TILE.shape, bool)
    sea[:300, :300] = False
    for name in NAMES[:3]:
        made[name][sea] = 600  # -0.04
    made[SCL][sea] = 6
    sound = granule(tmp_path / "sea", "overviews", made, SOUND[1])
    assert not read(sound(OffsetError.REFUSE), ODD).notes
    made = planes(0.04, 4, TWICE[0])
    for name in NAMES[:3]:
        made[name][sea] = 6000
    made[SCL][sea] = 9
    faulty = granule(tmp_path / "cloud", "overviews", made, TWICE[1])
    with pytest.raises(SceneError, match="applied twice"):
        read(faulty(OffsetError.REFUSE), Window(TILE.row, TILE.col, 200, 200))


def test_a_granule_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    read_sample = granule_sample.read_sample
    monkeypatch.setattr(boa_offset, "read_sample", lambda file: judged.append(file) or read_sample(file))
    source = granule(tmp_path, "overviews", planes(0.3, 5, SOUND[0]), SOUND[1])(OffsetError.REFUSE)
    for window in (ODD, NEIGHBOUR, ODD):
        files_of.cache_clear()
        read(source, window)
    assert len(judged) == 1


@pytest.mark.parametrize(
    ("layout", "smallest", "largest", "count"),
    [
        ("overviews", 100, 1500, 192 * 192),
        ("overviews", 96, 1500, 96 * 96),
        ("overviews", 200, 1500, 192 * 192),
        ("overviews", 100, 90, 25 * 64 * 64),
        ("no overviews", 100, 1500, 25 * 64 * 64),
    ],
)
def test_the_sample_is_coarse_and_from_all_over_the_granule(
    layout, smallest: int, largest: int, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(granule_sample, "MIN_OVERVIEW_SIDE_PX", smallest)
    monkeypatch.setattr(granule_sample, "MAX_OVERVIEW_SIDE_PX", largest)
    made = planes(0.3, 5, SOUND[0])
    made[SCL][...] = np.arange(12).repeat(64)  # a class for each strip of 64 columns
    scene = scene_of(granule(tmp_path, layout, made, SOUND[1])(OffsetError.REFUSE))
    assert isinstance(scene.assets, BandAssets)
    with BandStack(scene.assets.by_name) as file:
        sample = granule_sample.read_sample(file)
    assert sample.visible.shape == (3, count)
    assert sample.valid.shape == sample.classes.shape == (count,)
    assert set(np.unique(sample.classes)) >= {0, 2, 6, 8, 10}
    assert sample.visible[:, sample.valid].mean() == pytest.approx(0.04, abs=0.02)


def test_a_sample_that_could_not_be_read_is_read_for_the_next_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = granule(tmp_path, "overviews", planes(0.3, 5, TWICE[0]), TWICE[1])(OffsetError.CORRECT)

    def failing(file: object) -> None:
        raise SceneError("the server is busy")

    with monkeypatch.context() as patched:
        patched.setattr(boa_offset, "read_sample", failing)
        with pytest.raises(SceneError, match="the server is busy"):
            read(source, ODD)
    assert len(read(source, ODD).notes) == 1


@pytest.mark.parametrize("layout", ["overviews", "no overviews"])
def test_damage_elsewhere_in_the_granule_keeps_no_window_from_being_read(layout: str, tmp_path: Path) -> None:
    source = granule(tmp_path, layout, planes(0.3, 5, SOUND[0]), SOUND[1])(OffsetError.REFUSE)
    path = next(tmp_path.rglob("green.tif"))
    content, level = bytearray(path.read_bytes()), {"ovr": 1} if layout == "overviews" else {}
    with rasterio.open(path) as file:
        at, size = (int(file.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", bidx=1, **level)) for what in ("OFFSET", "SIZE"))
    content[at : at + size] = b"\xff" * size
    path.write_bytes(content)
    assert not read(source, ODD).notes


@pytest.mark.parametrize("layout", ["overviews", "no overviews"])
def test_what_the_sample_costs_is_in_the_price(layout: str, tmp_path: Path) -> None:
    """One window of one block, so that the sample is much of what is fetched."""
    window = Window(ODD.row, ODD.col, 100, 100)
    with serving(tmp_path) as server:
        granule(tmp_path, layout, planes(0.3, 5, SOUND[0]), SOUND[1])
        source = stac_source(f"{server.url}/stac/catalog.json", RULES, quick_http)
        scene, before = scene_of(source), server.sent
        source.read([scene], GRID, window)
        first, before = server.sent - before, server.sent
        files_of.cache_clear()  # as when the scene was left for others in between
        source.read([scene], GRID, window)
        assert server.sent - before < 0.9 * first
        for _ in range(2):  # whether this process has judged the granule or not
            files_of.cache_clear()
            assert source.price([scene], GRID, [window]).usage.n_bytes == pytest.approx(first, rel=0.02)
            judgement_of.cache_clear()
