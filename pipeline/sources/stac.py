"""STAC catalogues: Earth Search and others with search, and any static one by path or address.

The catalogue is read by pystac and pystac-client, the pixels by GDAL, both with bounds on size, time and tries. An item
becomes a `Scene` whose location names the file, band, scale and offset of each band: nothing else of STAC goes further.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pystac
import rasterio
import requests
from pystac.errors import STACError, STACTypeError
from pystac.stac_io import DefaultStacIO
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from shapely.errors import ShapelyError
from shapely.geometry import Polygon, box, shape
from urllib3 import Retry
from urllib3.response import BaseHTTPResponse

from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.errors import InputError, SceneError, one_line
from pipeline.grid import Grid, Window
from pipeline.raster import Bools, Bytes, Floats, Raster
from pipeline.sources.acquisitions import newest
from pipeline.sources.interface import NOT_NEEDED, Period, Refusal, Scene, Search
from pipeline.sources.pixels import FOREIGN, GDAL, check_offset, mosaic, read_window, told
from pipeline.sources.radiometry import of_item
from pipeline.sources.stacked import Part, Stacked, stamp

KNOWN = {
    "earthsearch": ("https://earth-search.aws.element84.com/v1", ("sentinel-2-c1-l2a", "sentinel-2-l2a")),
}
"""Catalogues by name: address, and collections."""
REMOTE = "/vsicurl/"
"""How GDAL takes an address."""
SIMULATED = "leachwatch-simulated"
"""Id of a catalogue whose scenes are made up: all that comes of it says so."""
KEYS = {
    "B02": ("B02", "blue", "B02_10m"),
    "B03": ("B03", "green", "B03_10m"),
    "B04": ("B04", "red", "B04_10m"),
    "B08": ("B08", "nir", "B08_10m"),
    "B11": ("B11", "swir16", "B11_20m"),
    "B12": ("B12", "swir22", "B12_20m"),
    SCL: (SCL, "scl", "SCL_20m"),
}
"""What catalogues call the bands."""
TIMEOUT_S = (10, 60)
"""To connect, and between two answers, seconds."""
TRIES = 5
"""Of each request."""
LONGEST_WAIT_S = 60.0
"""However long a server asks to be left alone."""
MOST_BYTES = 50_000_000
"""Of one document of a catalogue."""
MOST_ITEMS = 20_000
"""Of one search."""
HTTP = {
    "GDAL_HTTP_CONNECTTIMEOUT": 10,
    "GDAL_HTTP_TIMEOUT": 60,
    "GDAL_HTTP_MAX_RETRY": 4,
    "GDAL_HTTP_RETRY_DELAY": 1,
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_INGESTED_BYTES_AT_OPEN": 32_768,
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": 5_000_000,
}
"""Of GDAL's reader: one request for a header, ranges that touch in one, no listing of folders, an end to waiting."""
EARTH = box(-180.001, -90.001, 180.001, 90.001)
"""Lon/lat, with room for rounding."""
UNREADABLE = (
    STACError,
    STACTypeError,
    APIError,
    requests.RequestException,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)
"""What a catalogue that is not there, or not one, makes the libraries raise."""


@dataclass(frozen=True, slots=True)
class StacSource:
    """A catalogue."""

    address: str
    """Path or address of its root."""
    provider: str
    """A key of `KNOWN`, or `stac`: which rows of the radiometry table hold."""
    collections: tuple[str, ...]
    """Those to search; empty: all."""
    unclear: tuple[int, ...]
    """Classes of the scene classification under which nothing is looked at: pixels there are not fetched."""
    simulated: bool
    """True: its scenes are made up."""

    @property
    def name(self) -> str:
        """As written into every product."""
        return "simulated-stac" if self.simulated else self.provider

    def search(self, aoi: Aoi, period: Period) -> Search:
        """The scenes over an AOI, and the others with the reason; reads no pixels. Raises `InputError`."""
        scenes: list[tuple[str, Scene]] = []
        refusals: list[Refusal] = []
        try:
            for item in self._items(aoi, period):
                try:
                    scene = self._scene(item)
                    _needed(scene, aoi, period)
                    scenes.append((_version(item), scene))
                except (SceneError, *FOREIGN, KeyError, TypeError) as cause:
                    refusals.append(Refusal(one_line(str(item.id))[:120], _reason(cause)))
        except UNREADABLE as cause:
            raise InputError(f"{_shown(self.address)}: the catalogue cannot be searched ({told(cause)})") from cause
        used, older = newest(scenes)
        return Search(used, tuple(sorted((*refusals, *older), key=lambda refusal: refusal.id)))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; where SCL says that nothing is clear, the bands are not fetched."""
        return mosaic(scenes, window, lambda scene, with_scl: self._read(scene, grid, window, with_scl))

    def _items(self, aoi: Aoi, period: Period) -> Iterator[pystac.Item]:
        root = _opened(self.address)
        west, south, east, north = aoi.polygon.bounds
        if isinstance(root, Client):
            first = period.first.isoformat() if period.first else "2015-06-01"
            last = period.last.isoformat() if period.last else datetime.now(UTC).date().isoformat()
            found: Iterable[pystac.Item] = root.search(
                bbox=[west, south, east, north],
                datetime=f"{first}T00:00:00Z/{last}T23:59:59Z",
                collections=list(self.collections) or None,
                max_items=MOST_ITEMS + 1,
            ).items()
        else:
            found = root.get_items(recursive=True)
        for number, item in enumerate(found):
            if number >= MOST_ITEMS:
                raise ValueError(f"more than {MOST_ITEMS} items; ask for a shorter period")
            if not self.collections or item.collection_id in (None, *self.collections):
                yield item

    def _scene(self, item: pystac.Item) -> Scene:
        """The scene that an item describes. Raises `SceneError` with the reason why there is none."""
        if item.datetime is None:
            raise SceneError("no time of acquisition")
        moment = item.datetime if item.datetime.tzinfo else item.datetime.replace(tzinfo=UTC)
        parts = self._parts(item)
        missing = [name for name in NAMES if name not in parts]
        if missing:
            raise SceneError(f"band {', '.join(missing)} missing (assets found: {', '.join(item.assets)[:120]})")
        located = json.dumps({name: asdict(part) for name, part in parts.items()}, sort_keys=True)
        stamps = [stamp(part.href) for part in parts.values() if not part.href.startswith(REMOTE)]
        marks = [located, stamps, *(item.properties.get(k) for k in ("updated", "s2:processing_baseline"))]
        return Scene(
            id=one_line(item.id)[:120],
            time_utc=moment.astimezone(UTC),
            platform=_platform(item),
            location=located,
            footprint=_footprint(item),
            fingerprint=hashlib.sha256(json.dumps(marks, default=str).encode()).hexdigest()[:24],
            has_scl=SCL in parts,
            provider=self.name,
        )

    def _parts(self, item: pystac.Item) -> dict[str, Part]:
        """Where each band lies that the item has."""
        parts: dict[str, Part] = {}
        for key, asset in item.assets.items():
            for number, (name, said) in enumerate(_bands_of(key, asset), start=1):
                if name is None or name in parts:
                    continue
                scale, offset = (1.0, 0.0) if name == SCL else self._radiometry(item, said)
                parts[name] = Part(_place(item, asset, self.address), number, scale, offset)
        return parts

    def _radiometry(self, item: pystac.Item, said: tuple[float, float] | None) -> tuple[float, float]:
        properties = item.properties
        baseline = properties.get("s2:processing_baseline") or properties.get("processing:version")
        removed = properties.get("earthsearch:boa_offset_applied")
        return of_item(
            self.provider,
            item.collection_id or "",
            str(baseline) if baseline else None,
            removed if isinstance(removed, bool) else None,
            said,
        )

    def _read(self, scene: Scene, grid: Grid, window: Window, with_scl: bool) -> tuple[Floats, Bools, Bytes | None]:
        parts = {name: Part(**part) for name, part in json.loads(scene.location).items()}
        wanted = {name: part for name, part in parts.items() if with_scl or name != SCL}
        try:
            with rasterio.Env(**GDAL, **HTTP), Stacked(wanted) as file:
                found = read_window(file, grid, window, with_scl, self.unclear)
        except FOREIGN as cause:
            raise SceneError(f"{scene.id}: cannot be read ({told(cause)})") from cause
        check_offset(scene, *found[:2])
        return found


def stac_source(scenes: str, unclear: Sequence[int]) -> StacSource:
    """The source for a name in `KNOWN`, or for the path or address of a catalogue. Raises `InputError`."""
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # what failed is told once, at the end, by us
    address, collections = KNOWN.get(scenes, (scenes, ()))
    if "://" in address and urlsplit(address).scheme not in ("http", "https"):
        raise InputError(f"{_shown(address)}: not an address that a catalogue can have; begin with https://")
    if "://" not in address:
        path = Path(os.path.expanduser(address))
        if not path.is_file():
            raise InputError(
                f"{address}: neither a catalogue of a known name ({', '.join(KNOWN)}), nor a file, nor an address"
            )
        address = str(path.resolve())
    try:
        simulated = _opened(address).id == SIMULATED
    except UNREADABLE as cause:
        raise InputError(f"{_shown(address)}: not a STAC catalogue that can be read ({told(cause)})") from cause
    return StacSource(address, scenes if scenes in KNOWN else "stac", collections, tuple(unclear), simulated)


class _Patient(Retry):
    """Tries again a few times, and waits as long as the server asks, within bounds."""

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Seconds, from a number or an HTTP date."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, LONGEST_WAIT_S)


def _retry() -> Retry:
    return _Patient(
        total=TRIES - 1, backoff_factor=0.5, backoff_max=LONGEST_WAIT_S, backoff_jitter=0.5,
        status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None, respect_retry_after_header=True,
    )  # fmt: skip


class _Documents(DefaultStacIO):
    """Documents of a static catalogue, bounded in size, time and tries; one from the network names no files here."""

    def __init__(self, root: str) -> None:
        """`root`: path or address of the catalogue."""
        super().__init__()
        self.remote = "://" in root

    def read_text_from_href(self, href: str) -> str:
        """The text at a path or an address."""
        if urlsplit(href).scheme not in ("http", "https"):
            if self.remote:
                raise ValueError("it names a document on this machine")
            with Path(href).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        else:
            with requests.Session() as session:
                session.mount("https://", requests.adapters.HTTPAdapter(max_retries=_retry()))
                session.mount("http://", requests.adapters.HTTPAdapter(max_retries=_retry()))
                with session.get(href, timeout=TIMEOUT_S, stream=True) as answer:
                    answer.raise_for_status()
                    content = answer.raw.read(MOST_BYTES + 1, decode_content=True)
        if len(content) > MOST_BYTES:
            raise ValueError(f"a document of more than {MOST_BYTES // 1_000_000} MB")
        return content.decode("utf-8")


def _opened(address: str) -> pystac.Catalog:
    """The root of a catalogue: a `Client` where it can be searched."""
    root = pystac.Catalog.from_file(address, stac_io=_Documents(address))
    if "conformsTo" not in root.extra_fields:
        return root
    return Client.open(address, stac_io=StacApiIO(timeout=TIMEOUT_S, max_retries=_retry()))


def _bands_of(key: str, asset: pystac.Asset) -> Iterator[tuple[str | None, tuple[float, float] | None]]:
    """Name of each band in an asset, None where it is none of ours, and the scale and offset that are told for it."""
    extra = asset.extra_fields
    listed = extra.get("raster:bands") or extra.get("bands") or [{}]
    names = extra.get("eo:bands") or listed
    for number, band in enumerate(listed):
        own = str(names[number].get("name", "")) if number < len(names) and len(listed) > 1 else key
        name = next((ours for ours, theirs in KEYS.items() if own in theirs), None)
        told_here = {k.removeprefix("raster:"): v for k, v in (*extra.items(), *band.items())}
        said = None
        if "scale" in told_here or "offset" in told_here:
            said = float(told_here.get("scale", 1.0)), float(told_here.get("offset", 0.0))
        yield name, said


def _place(item: pystac.Item, asset: pystac.Asset, root: str) -> str:
    """Path or address of an asset, as GDAL takes it. Raises `SceneError` for one that a catalogue may not name."""
    href = asset.get_absolute_href() or asset.href
    scheme = urlsplit(href).scheme if "://" in href else ""
    if scheme in ("http", "https"):
        return f"{REMOTE}{href}"
    if scheme or "://" in root or href.startswith("/vsi"):
        raise SceneError(f"lies where this source does not read: {_shown(href)}")
    folder, path = Path(root).parent.parent, Path(href).resolve()  # scenes often lie beside the catalogue's own folder
    if not path.is_relative_to(folder):
        raise SceneError("its file lies outside of the catalogue's folder")
    return str(path)


def _footprint(item: pystac.Item) -> Polygon:
    """Outline in lon/lat. Raises `SceneError`."""
    try:
        outline = shape(item.geometry).convex_hull
    except (ShapelyError, AttributeError, TypeError, ValueError) as cause:
        raise SceneError(f"its outline is none ({told(cause)})") from cause
    if not isinstance(outline, Polygon) or not EARTH.contains(outline):
        raise SceneError("its outline is no place on Earth")
    return outline


def _platform(item: pystac.Item) -> str:
    letter = str(item.properties.get("platform", "")).lower().removeprefix("sentinel-2").removeprefix("s2")
    return f"S2{letter.upper()}" if letter in ("a", "b", "c", "d") else ""


def _needed(scene: Scene, aoi: Aoi, period: Period) -> None:
    if not period.holds(scene.time_utc):
        raise SceneError(f"{NOT_NEEDED}{scene.time_utc:%Y-%m-%d} is outside the period")
    if not scene.footprint.intersects(aoi.polygon):
        raise SceneError(f"{NOT_NEEDED}no overlap with the AOI")


def _version(item: pystac.Item) -> str:
    """What tells a newer processing of an acquisition from an older one."""
    properties = item.properties
    baseline = str(properties.get("s2:processing_baseline") or properties.get("processing:version") or "")
    return f"{baseline:>6} {properties.get('updated') or properties.get('created') or ''}"


def _reason(cause: BaseException) -> str:
    return one_line(cause)[:300] if isinstance(cause, SceneError) else f"not an item that can be read ({told(cause)})"


def _shown(address: str) -> str:
    """An address without what may be secret in it."""
    return address.partition("?")[0][:200]
