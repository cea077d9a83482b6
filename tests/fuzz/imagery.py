"""The kinds of input that show or list imagery: GeoTIFFs, STAC catalogues, answers of a search server, SAFE products."""

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from shapely.geometry import box, mapping

from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.errors import NothingObserved, SceneError
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.progress import Progress
from pipeline.raster import Raster
from pipeline.sources.budget import Budget
from pipeline.sources.contents import ContentHashes, with_contents
from pipeline.sources.folder import FolderSource
from pipeline.sources.http import HttpClient, Question, Response, RetryPolicy
from pipeline.sources.interface import Period, ReadRules, Scene, Search, Source
from pipeline.sources.pixels import PLAUSIBLE
from pipeline.sources.reach import Reach
from pipeline.sources.stac import stac_source
from tests.fuzz.kind import Kind, Seed
from tests.fuzz.markup import XML
from tests.fuzz.mutators import BYTES, TRUNCATED
from tests.fuzz.tiff import PIXELS_DAMAGED, TIFF
from tests.fuzz.trees import JSON

GRID = Grid(32647)
PLACE = Window(-243_000, 53_008, 32, 48)
"""Where all imagery here lies."""
AOI = Aoi("fuzz", "Fuzz", "FUZ", reprojected(PLACE.polygon_m, GRID.crs, LONLAT))
ALWAYS = Period(None, None)
FOREST = (300, 500, 300, 3000, 1500, 800)
EARTH = box(-180.01, -90.01, 180.01, 90.01)


@dataclass(frozen=True)
class Shown:
    """What was found and read, comparable."""

    scenes: tuple[tuple[object, ...], ...]
    """Id, time, footprint and platform of each."""
    pixels: bytes
    """Reflectance, where it is valid, and SCL."""
    raster: Any
    """The same; compared by `pixels`."""
    found: tuple[Scene, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and (self.scenes, self.pixels) == (other.scenes, other.pixels)

    __hash__ = None  # type: ignore[assignment]


def shown(search: Search, raster: Raster | None) -> Shown:
    """What is compared of a search and of what was read."""
    scenes = tuple((s.id, s.time_utc, s.platform, s.footprint.wkb, s.tile, s.baseline) for s in search.scenes)
    parts = [] if raster is None else [raster.reflectance, raster.valid, *([] if raster.scl is None else [raster.scl])]
    return Shown(scenes, b"".join(part.tobytes() for part in parts), raster, search.scenes)


def recognised(source: Source, folder: Path) -> Search:
    """The search as a run plans with it: local files are verified when they are recognised."""
    hashes = ContentHashes.of(folder / "kept" / "contents.json")
    return sound_search(with_contents(source.search(AOI, ALWAYS), hashes, Progress(quiet=True)), 1)


def sound_search(search: Search, least: int) -> Search:
    """The search, where all was found; else its refusal is raised as it is told."""
    if search.refusals:
        raise SceneError(search.refusals[0].reason)
    if len(search.scenes) < least:
        raise NothingObserved("no scene")
    return search


def faults_of(result: Shown) -> Iterator[str]:
    """What cannot be in scenes and pixels."""
    for scene in result.found:
        if not scene.footprint.is_valid or not EARTH.covers(scene.footprint) or scene.footprint.area == 0:
            yield "a footprint that is not on Earth"
        if not 2013 <= scene.time_utc.year < 2100:
            yield f"dated {scene.time_utc.year}"
        if not scene.id.isprintable() or len(scene.id) > 300:
            yield "an id that cannot be shown"
    raster = result.raster
    if raster is not None:
        reflectance = raster.reflectance
        if not np.isfinite(reflectance).all() or not (reflectance[:, ~raster.valid] == 0).all():
            yield "reflectance that is not finite, or not 0 where there is no data"
        if ((reflectance < PLAUSIBLE[0]) | (reflectance > PLAUSIBLE[1])).any():
            yield "reflectance that is not plausible"
        if raster.scl is not None and raster.scl.max(initial=0) > 11:
            yield "a class that there is not"


def planes(step: int = 1) -> np.ndarray:
    """Stored numbers of a forest (band, y, x), SCL last, on `PLACE` in pixels of 10 m times `step`."""
    shape = PLACE.height // step, PLACE.width // step
    noise = np.random.default_rng(3).integers(0, 200, shape)
    return np.stack([*(value + noise for value in FOREST), np.full(shape, 4)]).astype(np.uint16)


def tiff(
    numbers: np.ndarray, names: tuple[str, ...] = (), scale: float = 0, offset: float = 0, step: int = 1, **profile: Any
) -> bytes:
    """A small GeoTIFF, or another raster."""
    transform = Affine(10 * step, 0, PLACE.bounds_m[0], 0, -10 * step, PLACE.bounds_m[3])
    base: dict[str, Any] = {
        "driver": "GTiff",
        "crs": GRID.crs,
        "transform": transform,
        "dtype": numbers.dtype,
        "count": len(numbers),
    }
    base |= {"height": numbers.shape[1], "width": numbers.shape[2], **profile}
    with rasterio.Env(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jp2" if profile.get("driver") else "x.tif")
        with rasterio.open(path, "w", **base) as file:
            file.write(numbers)
            if names:
                file.descriptions = names
                file.update_tags(datetime="2025-01-31T04:00:00Z")
            if scale:
                file.scales, file.offsets = [scale] * len(numbers), [offset] * len(numbers)
        return path.read_bytes()


class GeoTiffs(Kind):
    """A file in a folder of GeoTIFFs, searched and read."""

    name = "geotiff"
    mutators = (*BYTES, *TIFF * 2)

    def sound(self) -> Iterator[Seed]:
        numbers = planes()
        tiled = {"tiled": True, "blockxsize": 16, "blockysize": 16}
        for name, content in (
            ("strips", tiff(numbers[:6], NAMES, nodata=0, blockysize=8)),
            ("tiles", tiff(numbers, (*NAMES, SCL), compress="deflate", predictor=2, interleave="band", **tiled)),
            ("scaled", tiff(numbers[:6] + 1000, NAMES, 0.0001, -0.1, compress="lzw", blockysize=32)),
            ("floats", tiff(numbers[:6] / np.float32(10_000), NAMES, 1.0000001, compress="deflate", **tiled)),
            ("big", tiff(numbers, (*NAMES, SCL), compress="zstd", bigtiff="YES", interleave="pixel", **tiled)),
        ):
            yield Seed(name, {"20250131.tif": content}, ("20250131.tif",))

    def read(self, folder: Path) -> Shown:
        source = FolderSource(folder)
        search = recognised(source, folder)
        return shown(search, source.read(search.scenes, GRID, PLACE.grown(4)))

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        yield from faults_of(result)

    def judged(self, seed: Seed, files: Mapping[str, bytes], damage: str) -> Any:
        # Only DEFLATE has a checksum: in the others a damaged pixel is another number.
        told = damage if damage != PIXELS_DAMAGED or seed.name in ("tiles", "floats") else "unprotected"
        return replace(super().judged(seed, files, told), damage=damage)

    def protected(self, damage: str) -> bool:
        return damage in (TRUNCATED, PIXELS_DAMAGED)


KEYS = dict(zip((*NAMES, SCL), ("blue", "green", "red", "nir", "swir16", "swir22", "scl"), strict=True))


def item(name: str, folder: str, links: bool = True) -> dict[str, Any]:
    """An item as Earth Search lists it."""
    outline = reprojected(PLACE.polygon_m, GRID.crs, LONLAT)
    assets: dict[str, Any] = {}
    for band, key in KEYS.items():
        more = {} if band == SCL else {"raster:bands": [{"scale": 0.0001, "offset": 0.0, "nodata": 0}]}
        assets[key] = {"href": f"{folder}{key}.tif", "type": "image/tiff", "roles": ["data"], **more}
    up = [{"rel": rel, "href": "../catalog.json", "type": "application/json"} for rel in ("root", "parent")]
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": mapping(outline), "bbox": list(outline.bounds),
        "properties": {
            "datetime": f"{name[10:14]}-{name[14:16]}-{name[16:18]}T04:01:00Z", "platform": "sentinel-2b",
            "s2:processing_baseline": "05.11", "eo:cloud_cover": 12.5, "updated": "2025-02-01T00:00:00Z",
        },
        "links": up if links else [], "assets": assets, "stac_extensions": [],
    }  # fmt: skip


NAMES_OF_ITEMS = ("S2B_47RLH_20250131_0_L2A", "S2B_47RLH_20250210_0_L2A")


ONCE = RetryPolicy(max_attempts=1, total_timeout_s=5, max_wait_s=1, connect_timeout_s=1, read_timeout_s=1)
"""The network is asked once, if at all."""


class StaticCatalogues(Kind):
    """A catalogue of files: its root and its items, searched and read."""

    name = "stac"
    mutators = (*BYTES, *JSON)

    def sound(self) -> Iterator[Seed]:
        links = [
            {"rel": "item", "href": f"./{name}/{name}.json", "type": "application/json"} for name in NAMES_OF_ITEMS
        ]
        root = {"type": "Catalog", "id": "local", "stac_version": "1.0.0", "description": "x", "title": "x"}
        links = [{"rel": "root", "href": "./catalog.json"}, {"rel": "self", "href": "./catalog.json"}, *links]
        files = {"stac/catalog.json": json.dumps({**root, "links": links}).encode()}
        for name in NAMES_OF_ITEMS:
            files[f"stac/{name}/{name}.json"] = json.dumps(item(name, "../../bands/")).encode()
        fine, coarse = planes(), planes(2)
        for number, (band, key) in enumerate(KEYS.items()):
            step = 2 if band in ("B11", "B12", SCL) else 1
            numbers = (coarse if step == 2 else fine)[number : number + 1]
            files[f"bands/{key}.tif"] = tiff(numbers, step=step, nodata=0, compress="deflate")
        yield Seed("static", files, tuple(path for path in files if path.endswith(".json")))

    def read(self, folder: Path) -> Shown:
        budget = Budget(folder / "kept" / "ledger.jsonl", "r")
        source = stac_source(
            str(folder / "stac" / "catalog.json"), ReadRules(), lambda name, late: HttpClient(name, ONCE, budget, late)
        )
        search = recognised(source, folder)
        return shown(search, source.read(search.scenes[:1], GRID, PLACE))

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        yield from faults_of(result)
        root = folder / "stac" / "catalog.json"
        if (
            len(result.found) < len(NAMES_OF_ITEMS)
            and root.read_bytes() == self.seeds["static"].files["stac/catalog.json"]
        ):
            yield "an item is left out without a word"


@dataclass(frozen=True, slots=True)
class Answers(HttpClient):
    """The client of a run, but for the wire: the server says the same at its root, and at each other address."""

    root: bytes = b""
    page: bytes = b""

    def _hop(self, question: Question, max_bytes: int, end: float) -> Response:
        self.reach.must_be_public(question.url)
        body = self.root if question.url.rstrip("/").endswith("/api") else self.page
        return Response(200, {}, body, len(body))


DATA_HOST = "files.test"
"""Where the files of its items lie; the settings name it."""


class SearchAnswers(Kind):
    """What a search server says: its root, and a page of items. Not read, only searched."""

    name = "stac-search"
    mutators = (*BYTES, *JSON)

    def sound(self) -> Iterator[Seed]:
        url = "https://stac.test/api"
        links = [{"rel": rel, "href": url, "type": "application/json"} for rel in ("self", "root")]
        links.append({"rel": "search", "href": f"{url}/search", "type": "application/geo+json", "method": "POST"})
        root = {
            "type": "Catalog", "id": "server", "stac_version": "1.0.0", "description": "x", "links": links,
            "conformsTo": ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"],
        }  # fmt: skip
        items = [item(name, f"https://{DATA_HOST}/", links=False) for name in NAMES_OF_ITEMS]
        page = {"type": "FeatureCollection", "features": items, "links": [{"rel": "self", "href": f"{url}/search"}]}
        files = {"root.json": json.dumps(root).encode(), "page.json": json.dumps(page).encode()}
        yield Seed("answers", files, tuple(files))

    def read(self, folder: Path) -> Shown:
        root, page = ((folder / name).read_bytes() for name in ("root.json", "page.json"))
        budget = Budget(folder / "kept" / "ledger.jsonl", "r")

        def client_of(name: str, late: bool) -> HttpClient:
            return Answers(name, ONCE, budget, late, Reach(data_hosts=(DATA_HOST,)), root, page)

        source = stac_source("https://stac.test/api", ReadRules(), client_of)
        return shown(sound_search(source.search(AOI, ALWAYS), 1), None)

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        yield from faults_of(result)


class SafeProducts(Kind):
    """A SAFE product, searched and read: its metadata, or all of a zip."""

    name = "safe"
    mutators = (*BYTES, *XML * 2)

    def sound(self) -> Iterator[Seed]:
        files = dict(product())
        yield Seed(
            "folder",
            {f"{PRODUCT}.SAFE/{path}": content for path, content in files.items()},
            (f"{PRODUCT}.SAFE/MTD_MSIL2A.xml",),
        )
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(zipfile.ZipInfo(f"{PRODUCT}.SAFE/{path}"), content)
        yield Seed("zip", {f"{PRODUCT}.zip": packed.getvalue()}, (f"{PRODUCT}.zip",))

    def damaged(self, rng: Random, seed: Seed) -> tuple[dict[str, bytes], str]:
        bands = [name for name in seed.files if name.endswith(".jp2")]
        if bands and rng.random() < 0.8:
            return super().damaged(rng, seed)
        name, mutate = rng.choice(bands or seed.targets), rng.choice(BYTES)
        return {**seed.files, name: mutate(rng, seed.files[name])}, mutate.__name__

    def read(self, folder: Path) -> Shown:
        source = FolderSource(folder, decoded=folder / "decoded")
        search = recognised(source, folder)
        return shown(search, source.read(search.scenes, GRID, PLACE))

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        yield from faults_of(result)
        for path in folder.rglob("*.xml"):
            letters = path.read_bytes().replace(b"\0", b"")  # as they are in UTF-16 and UTF-32
            if b"<!DOCTYPE" in letters:
                yield "a DOCTYPE is let through"


PRODUCT = "S2B_MSIL2A_20250131T040101_N0511_R004_T47RLH_20250131T060000"


def product() -> Iterator[tuple[str, bytes]]:
    """Paths and contents of the files of a product as ESA lays it out."""
    images, granule = [], "GRANULE/L2A_T47RLH_A036000_20250131T040500/IMG_DATA"
    for number, band in enumerate((*NAMES, SCL)):
        step = 2 if band in ("B11", "B12", SCL) else 1
        path = f"{granule}/R{step}0m/T47RLH_20250131T040101_{band}_{step}0m"
        images.append(f"<IMAGE_FILE>{path}</IMAGE_FILE>")
        numbers = planes(step)[number : number + 1] + (0 if band == SCL else 1000)
        yield (
            f"{path}.jp2",
            tiff(numbers.astype(np.uint16), step=step, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES"),
        )
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{number}">-1000</BOA_ADD_OFFSET>' for number in range(13))
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/">'
        "<n1:General_Info><Product_Info><PRODUCT_START_TIME>2025-01-31T04:01:01.024Z</PRODUCT_START_TIME>"
        f"<PRODUCT_URI>{PRODUCT}.SAFE</PRODUCT_URI><PROCESSING_BASELINE>05.11</PROCESSING_BASELINE>"
        "<GENERATION_TIME>2025-01-31T06:00:00.000000Z</GENERATION_TIME>"
        "<Datatake><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME></Datatake><Product_Organisation><Granule_List><Granule>"
        f"{''.join(images)}</Granule></Granule_List></Product_Organisation></Product_Info><Product_Image_Characteristics>"
        "<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>"
        f"<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST></Product_Image_Characteristics>"
        "</n1:General_Info></n1:Level-2A_User_Product>"
    )
    yield "MTD_MSIL2A.xml", text.encode()
