"""The valley through each kind of source: what a look can be made from, and the looks that are made of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pystac
import torch
from fake_hub import hub
from loopback import quick_http, serving
from products import write_catalogue, write_product, zipped
from rasterio.transform import Affine
from scenes import ALWAYS, GRID, aoi, model_of, write
from shapely.geometry import mapping
from valley import TILE, WINDOW, Planes, coarse, repeated, valley, with_offset

from pipeline.bands import SCL
from pipeline.config import OffsetError, load
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.looks.observe import observe
from pipeline.looks.recipe import Recipe, recipe_of
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.task import plan
from pipeline.looks.weights import Model
from pipeline.raster import Bytes
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import ReadRules, Source, overpasses
from pipeline.sources.sentinel_hub.source import sentinel_hub_source
from pipeline.sources.stac import stac_source

SETTINGS = load(None)
RULES = ReadRules.of(SETTINGS)
TIME = datetime(2024, 2, 5, 4, 1, 1, tzinfo=UTC)
STAMP = f"{TIME:%Y-%m-%dT%H:%M:%SZ}"
TAGS = {"datetime": STAMP, "platform": "S2B"}
PRODUCT = "S2B_MSIL2A_20240205T040101_N0510_R047_T47RLH_20240205T070000"
NEXT_ZONE = Grid(32646)
OUTLINE = reprojected(TILE.polygon_m, GRID.crs, LONLAT)
SERVER = {"LEACHWATCH_SH_CLIENT_ID": "id", "LEACHWATCH_SH_CLIENT_SECRET": "the-secret"}

Form = Callable[[Path], AbstractContextManager[Source]]


@dataclass(frozen=True)
class Shown:
    """A form, and which of the kept looks it must give."""

    form: Form
    """Lays the valley out in an empty folder and gives the source that reads it."""
    kept: str
    """Name of the look; forms of one name show the same ground to the last number."""


def geotiff(path: Path, planes: Planes, transform: Affine = TILE.transform, **profile: object) -> Path:
    """The valley as a GeoTIFF with all its planes."""
    return write(path, np.stack([*planes.values()]), names=tuple(planes), transform=transform, tags=TAGS, **profile)


@contextmanager
def on_the_grid(folder: Path) -> Iterator[Source]:
    geotiff(folder / "20240205_valley.tif", repeated(valley()))
    yield FolderSource(folder, rules=RULES)


@contextmanager
def with_stated_offset(folder: Path) -> Iterator[Source]:
    """As since baseline 04.00; scale and offset stand at SCL too, which is read without."""
    geotiff(folder / "20240205_valley.tif", with_offset(repeated(valley())), scale=1e-4, offset=-0.1)
    yield FolderSource(folder, rules=RULES)


@contextmanager
def without_classes(folder: Path) -> Iterator[Source]:
    planes = valley()
    del planes[SCL]
    geotiff(folder / "20240205_valley.tif", planes)
    yield FolderSource(folder, rules=RULES)


@contextmanager
def in_the_next_zone(folder: Path) -> Iterator[Source]:
    """The same numbers about the same place, on the grid of another zone: all pixels lie between others."""
    geotiff(folder / "20240205_valley.tif", valley(), _in_next_zone(), crs=NEXT_ZONE.crs)
    yield FolderSource(folder, rules=RULES)


@contextmanager
def finer_than_the_grid(folder: Path) -> Iterator[Source]:
    """Each pixel as four of 5 m, that lie 5 m off the grid."""
    west, _, _, north = TILE.bounds_m
    planes = {name: plane.repeat(2, 0).repeat(2, 1) for name, plane in valley().items()}
    geotiff(folder / "20240205_valley.tif", planes, Affine(5, 0, west + 5, 0, -5, north - 5))
    yield FolderSource(folder, rules=RULES)


@contextmanager
def of_two_granules(folder: Path) -> Iterator[Source]:
    """The first in its own zone, the second in the next one; the second shows what the first has no data for."""
    geotiff(folder / "20240205_a.tif", valley())
    turned = {name: plane[::-1, ::-1] for name, plane in valley().items()}
    geotiff(folder / "20240205_b.tif", turned, _in_next_zone(), crs=NEXT_ZONE.crs)
    yield FolderSource(folder, rules=RULES)


def _in_next_zone() -> Affine:
    """About the same place; to whole pixels, so that no version of PROJ moves it."""
    west, _, _, north = reprojected(TILE.polygon_m, GRID.crs, NEXT_ZONE.crs).bounds
    return Affine(10, 0, round(west / 10) * 10, 0, -10, round(north / 10) * 10)


def product(folder: Path, planes: Planes, baseline: str, added: int | None) -> Path:
    """The valley as ESA ships it."""
    return write_product(folder / f"{PRODUCT}.SAFE", coarse(planes), TILE, STAMP, "Sentinel-2B", baseline, added)


@contextmanager
def safe_product(folder: Path) -> Iterator[Source]:
    product(folder / "in", with_offset(valley()), "05.10", -1000)
    yield FolderSource(folder / "in", decoded=folder / "decoded", rules=RULES)


@contextmanager
def zipped_product(folder: Path) -> Iterator[Source]:
    zipped(product(folder / "in", with_offset(valley()), "05.10", -1000))
    yield FolderSource(folder / "in", decoded=folder / "decoded", rules=RULES)


@contextmanager
def old_product(folder: Path) -> Iterator[Source]:
    product(folder / "in", valley(), "03.01", None)
    yield FolderSource(folder / "in", decoded=folder / "decoded", rules=RULES)


@contextmanager
def mended_product(folder: Path) -> Iterator[Source]:
    """The offset stands in its metadata only, and is corrected."""
    product(folder / "in", valley(), "05.10", -1000)
    rules = ReadRules(RULES.unclear, offset_error=OffsetError.CORRECT)
    yield FolderSource(folder / "in", decoded=folder / "decoded", rules=rules)


def catalogue(folder: Path, corner: Affine = TILE.transform, grid: Grid = GRID) -> Path:
    """The valley as a static catalogue lists it, one file per band."""
    item = pystac.Item(
        "S2B_47RLH_20240205_0_L2A", mapping(OUTLINE), list(OUTLINE.bounds), TIME,
        {"platform": "sentinel-2b", "s2:processing_baseline": "05.10"},
    )  # fmt: skip
    for name, plane in coarse(with_offset(valley())).items():
        path, step = folder / item.id / f"{name}.tif", 10 * TILE.height // plane.shape[0]
        place = Affine(step, 0, corner.c, 0, -step, corner.f)
        write(path, plane[None], names=(name,), crs=grid.crs, transform=place)
        stated = {} if name == SCL else {"raster:bands": [{"scale": 0.0001, "offset": -0.1, "nodata": 0}]}
        item.add_asset(name, pystac.Asset(str(path), extra_fields=stated))
    return write_catalogue(folder, [item])


@contextmanager
def static_catalogue(folder: Path) -> Iterator[Source]:
    yield stac_source(str(catalogue(folder)), RULES, quick_http)


@contextmanager
def catalogue_of_the_next_zone(folder: Path) -> Iterator[Source]:
    """As most granules beside the zone of an AOI come: bands of 10 m and 20 m, all off the grid."""
    yield stac_source(str(catalogue(folder, _in_next_zone(), NEXT_ZONE)), RULES, quick_http)


@contextmanager
def remote_catalogue(folder: Path) -> Iterator[Source]:
    path = catalogue(folder)
    with serving(folder) as server:
        yield stac_source(f"{server.url}/{path.relative_to(folder).as_posix()}", RULES, quick_http)


@contextmanager
def sentinel_hub(_: Path) -> Iterator[Source]:
    """It repeats 20 m pixels and removes the offset itself."""
    planes = repeated(valley())
    planes |= {"dataMask": (planes[SCL] > 0).astype(np.uint16)}

    def pixels(epsg: int, box: tuple[float, ...], width: int, height: int, bands: list[str], *_: str) -> np.ndarray:
        window = Window(round(-box[3] / 10), round(box[0] / 10), height, width)
        cut = np.zeros((len(bands), height, width), np.uint16)
        here = window.intersection(TILE)
        cut[(slice(None), *here.within(window))] = [planes[name][here.within(TILE)] for name in bands]
        return cut

    item = {
        "type": "Feature", "id": PRODUCT, "collection": "sentinel-2-l2a", "geometry": mapping(OUTLINE),
        "properties": {"datetime": STAMP, "platform": "sentinel-2b", "eo:cloud_cover": 3.0}, "assets": {}, "links": [],
    }  # fmt: skip
    with hub(pixels, [item]) as server:
        urls = {"LEACHWATCH_SH_BASE_URL": server.url, "LEACHWATCH_SH_TOKEN_URL": f"{server.url}/auth/token"}
        server.secrets = {SERVER["LEACHWATCH_SH_CLIENT_ID"]: SERVER["LEACHWATCH_SH_CLIENT_SECRET"]}
        with patch.dict(os.environ, SERVER | urls):
            yield sentinel_hub_source("cdse", RULES, quick_http)


FORMS = {
    "a GeoTIFF on the grid": Shown(on_the_grid, "on the grid"),
    "a GeoTIFF with ESA's offset": Shown(with_stated_offset, "on the grid"),
    "a GeoTIFF without SCL": Shown(without_classes, "without SCL"),
    "a GeoTIFF of the next zone": Shown(in_the_next_zone, "next zone"),
    "a GeoTIFF finer than the grid": Shown(finer_than_the_grid, "finer"),
    "two GeoTIFFs of one overpass": Shown(of_two_granules, "two granules"),
    "a SAFE product": Shown(safe_product, "on the grid"),
    "a zipped SAFE product": Shown(zipped_product, "on the grid"),
    "a SAFE product from before baseline 04.00": Shown(old_product, "on the grid"),
    "a SAFE product whose offset is corrected": Shown(mended_product, "on the grid"),
    "a STAC catalogue on disk": Shown(static_catalogue, "on the grid"),
    "a STAC catalogue of the next zone": Shown(catalogue_of_the_next_zone, "next zone, 20 m bands"),
    "a STAC catalogue over HTTP": Shown(remote_catalogue, "on the grid"),
    "Sentinel Hub": Shown(sentinel_hub, "on the grid"),
}
"""Every form by its name in messages."""


def shipped() -> Model:
    """The shipped model, in the precision that every processor has."""
    return model_of(SETTINGS.model, "cpu", "fp32")


def recipe() -> Recipe:
    """The recipe of all looks here."""
    return recipe_of(SETTINGS, shipped())


def look_of(shown: Shown, folder: Path) -> Bytes:
    """The three planes (3, y, x) of the look that a form gives, made as in a run; `folder` is empty."""
    torch.set_num_threads(1)  # as in a run
    margin_px = recipe().margin_px
    with shown.form(folder) as source:
        search = source.search(aoi(WINDOW), ALWAYS)
        assert not search.refusals, search.refusals
        (task,) = plan(GRID, [WINDOW], SETTINGS.grid.block_px, overpasses(search.scenes), margin_px)
        return observe(task, source, NetworkSegmenter(shipped()), margin_px, SETTINGS.clear).bands
