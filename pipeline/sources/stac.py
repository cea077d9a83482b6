"""STAC catalogues: Earth Search and others with search, and any static one by path or address.

The catalogue is read by pystac and pystac-client, the pixels by GDAL, both with bounds on size, time and tries. An item
becomes a `Scene` whose location names the file, band, scale and offset of each band: nothing else of STAC goes further.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pystac
import rasterio
import requests
from pystac.errors import STACError, STACTypeError
from pystac.stac_io import DefaultStacIO
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO

from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.errors import InputError, SceneError, one_line
from pipeline.grid import Grid, Window
from pipeline.raster import Raster
from pipeline.sources.access import access_of, cdse_address
from pipeline.sources.acquisitions import newest
from pipeline.sources.failover import FailoverSource
from pipeline.sources.interface import Period, Price, Refusal, Scene, Search, cloud_share_of
from pipeline.sources.items import check_needed, outline_of, reason_of
from pipeline.sources.pixels import FOREIGN, GDAL, Piece, mosaic, read_window, settled, told
from pipeline.sources.pricing import priced
from pipeline.sources.radiometry import of_item
from pipeline.sources.remote import RemoteFiles
from pipeline.sources.stacked import Part, Stacked, stamp
from pipeline.sources.web import Answer, Damaged, Web
from pipeline.spending import Spent

KNOWN = {
    "earthsearch": ("https://earth-search.aws.element84.com/v1", ("sentinel-2-c1-l2a", "sentinel-2-l2a")),
    "planetary": ("https://planetarycomputer.microsoft.com/api/stac/v1", ("sentinel-2-l2a",)),
    "cdse": ("https://stac.dataspace.copernicus.eu/v1", ("sentinel-2-l2a",)),
}
"""Catalogues by name: address, and collections."""
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
MOST_BYTES = 50_000_000
"""Of one document of a catalogue."""
MOST_ITEMS = 20_000
"""Of one search."""
KEPT_SCENES = 4
"""So many granules of one overpass may meet in a block; of each, what one window needed is kept for the next."""
UNREADABLE = (
    STACError,
    STACTypeError,
    SceneError,
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
    web: Web
    """How it is asked."""
    correct: bool = False
    """True: an offset that was taken twice or never is mended; False: such a scene is refused."""

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
                    check_needed(scene, aoi, period)
                    scenes.append((_version(item), scene))
                except (SceneError, *FOREIGN, KeyError, TypeError) as cause:
                    refusals.append(Refusal(one_line(str(item.id))[:120], reason_of(cause)))
        except UNREADABLE as cause:
            raise InputError(f"{_shown(self.address)}: the catalogue cannot be searched ({told(cause)})") from cause
        used, older = newest(scenes)
        return Search(used, tuple(sorted((*refusals, *older), key=lambda refusal: refusal.id)))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; where SCL says that nothing is clear, the bands are not fetched."""
        return mosaic(scenes, window, lambda scene, with_scl: self._read(scene, grid, window, with_scl))

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        """As `Priced.price`: looks at headers, and at the classification."""
        prices = []
        for scene in scenes:
            with self._opened(scene, SCL in json.loads(scene.location)) as file:
                remote = any("://" in part["href"] for part in json.loads(scene.location).values())
                prices.append(priced(file, remote, grid, windows, self.unclear))
        shares = [price.clear_share for price in prices if price.clear_share is not None]
        return Price(
            sum((price.spent for price in prices), Spent()),
            min(len(windows), sum(price.read for price in prices)),
            max(shares, default=None),
        )

    @contextmanager
    def _opened(self, scene: Scene, with_scl: bool) -> Iterator[Stacked]:
        """The bands of a scene. What goes wrong meanwhile is a `SceneError` that names it."""
        parts = {name: Part(**part) for name, part in json.loads(scene.location).items()}
        wanted = {name: part for name, part in parts.items() if with_scl or name != SCL}
        remote = files_of(self.provider, self.web, scene.location)
        remote.renew()
        try:
            with rasterio.Env(**GDAL), Stacked(wanted, remote) as file:
                yield file
        except SceneError as cause:
            raise SceneError(f"{scene.id}: {cause}") from cause
        except FOREIGN as cause:
            raise SceneError(f"{scene.id}: cannot be read ({told(cause)})") from cause

    def _items(self, aoi: Aoi, period: Period) -> Iterator[pystac.Item]:
        root = _opened(self.address, self.web)
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
        stamps = [stamp(part.href) for part in parts.values() if "://" not in part.href]
        marks = [located, stamps, *(item.properties.get(k) for k in ("updated", "s2:processing_baseline"))]
        return Scene(
            id=one_line(item.id)[:120],
            time_utc=moment.astimezone(UTC),
            platform=_platform(item),
            location=located,
            footprint=outline_of(item.geometry),
            fingerprint=hashlib.sha256(json.dumps(marks, default=str).encode()).hexdigest()[:24],
            has_scl=SCL in parts,
            provider=self.name,
            cloud_share=cloud_share_of(item.properties.get("eo:cloud_cover")),
        )

    def _parts(self, item: pystac.Item) -> dict[str, Part]:
        """Where each band lies that the item has."""
        parts: dict[str, Part] = {}
        for key, asset in item.assets.items():
            for number, (name, said) in enumerate(_bands_of(key, asset), start=1):
                if name is None or name in parts:
                    continue
                scale, offset = (1.0, 0.0) if name == SCL else self._radiometry(item, said)
                parts[name] = Part(_place(item, asset, self), number, scale, offset)
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

    def _read(self, scene: Scene, grid: Grid, window: Window, with_scl: bool) -> tuple[Piece, str | None]:
        with self._opened(scene, with_scl) as file:
            found = read_window(file, grid, window, with_scl, self.unclear)
        return settled(scene, found, self.correct)


@lru_cache(maxsize=KEPT_SCENES)
def files_of(provider: str, web: Web, location: str) -> RemoteFiles:
    """The files of a scene, the same for all windows of a block."""
    return RemoteFiles(web, access_of(provider, web))


def stac_source(
    scenes: str, unclear: Sequence[int], web_of: Callable[[str, bool], Web], correct: bool = False
) -> StacSource:
    """The source for a name in `KNOWN`, or for the path or address of a catalogue.

    `web_of`: the transport for a provider's name; the second argument is for those that mean milliseconds in
    `Retry-After`. Raises `InputError`.
    """
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
    provider = scenes if scenes in KNOWN else "stac"
    web = web_of(provider, False)
    try:
        simulated = scenes not in KNOWN and _opened(address, web).id == SIMULATED
    except UNREADABLE as cause:
        raise InputError(f"{_shown(address)}: not a STAC catalogue that can be read ({told(cause)})") from cause
    return StacSource(address, provider, collections, tuple(unclear), simulated, web, correct)


def stac_sources(
    scenes: str, unclear: Sequence[int], web_of: Callable[[str, bool], Web], correct: bool = False
) -> StacSource | FailoverSource:
    """As `stac_source`; several names of `KNOWN` with commas between them: where one fails, the next. `InputError`."""
    names = [name.strip() for name in scenes.split(",")]
    if len(names) == 1 or not set(names) <= set(KNOWN):
        return stac_source(scenes, unclear, web_of, correct)
    if len(set(names)) < len(names):
        raise InputError(f"{scenes}: a catalogue is named twice")
    return FailoverSource(tuple(stac_source(name, unclear, web_of, correct) for name in names))


class _Documents(DefaultStacIO):
    """Documents of a static catalogue; one from the network names no files here."""

    def __init__(self, root: str, web: Web) -> None:
        """`root`: path or address of the catalogue."""
        super().__init__()
        self.remote, self.web = "://" in root, web

    def read_text_from_href(self, href: str) -> str:
        """The text at a path or an address."""
        if urlsplit(href).scheme in ("http", "https"):
            return _document(self.web, "GET", href)
        if self.remote:
            raise ValueError("it names a document on this machine")
        with Path(href).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"a document of more than {MOST_BYTES // 1_000_000} MB")
        return content.decode("utf-8")


class _Api(StacApiIO):
    """Documents of a catalogue that can be searched."""

    def __init__(self, web: Web) -> None:
        """`web`: how it is asked."""
        super().__init__(max_retries=None)
        self.web = web

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The text at an address."""
        if urlsplit(href).scheme not in ("http", "https"):
            raise ValueError("it names a document on this machine")
        if method == "POST":
            return _document(self.web, method, href, parameters)
        full = requests.Request("GET", href, params=parameters).prepare().url or href
        return _document(self.web, "GET", full)


def _document(web: Web, method: str, url: str, content: Mapping[str, Any] | None = None) -> str:
    """The text of a document, of which it is only known that it is JSON."""

    def check(answer: Answer) -> None:
        try:
            json.loads(answer.body)
        except (ValueError, RecursionError) as cause:
            raise Damaged(f"not JSON: it begins with {answer.body[:20]!r}") from cause

    return web.ask(method, url, MOST_BYTES, json=content, check=check).body.decode("utf-8")


def _opened(address: str, web: Web) -> pystac.Catalog:
    """The root of a catalogue: a `Client` where it can be searched."""
    root = pystac.Catalog.from_file(address, stac_io=_Documents(address, web))
    if "conformsTo" not in root.extra_fields:
        return root
    return Client.open(address, stac_io=_Api(web))


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


def _place(item: pystac.Item, asset: pystac.Asset, source: StacSource) -> str:
    """Path or address of an asset. Raises `SceneError` for one that a catalogue may not name."""
    href = asset.get_absolute_href() or asset.href
    scheme = urlsplit(href).scheme if "://" in href else ""
    if scheme in ("http", "https"):
        return href
    if scheme == "s3" and source.provider == "cdse":
        return cdse_address(href)
    if scheme or "://" in source.address or href.startswith("/vsi"):
        raise SceneError(f"lies where this source does not read: {_shown(href)}")
    folder, path = Path(source.address).parent.parent, Path(href).resolve()  # scenes often lie beside its own folder
    if not path.is_relative_to(folder):
        raise SceneError("its file lies outside of the catalogue's folder")
    return str(path)


def _platform(item: pystac.Item) -> str:
    letter = str(item.properties.get("platform", "")).lower().removeprefix("sentinel-2").removeprefix("s2")
    return f"S2{letter.upper()}" if letter in ("a", "b", "c", "d") else ""


def _version(item: pystac.Item) -> str:
    """What tells a newer processing of an acquisition from an older one."""
    properties = item.properties
    baseline = str(properties.get("s2:processing_baseline") or properties.get("processing:version") or "")
    return f"{baseline:>6} {properties.get('updated') or properties.get('created') or ''}"


def _shown(address: str) -> str:
    """An address without what may be secret in it."""
    return address.partition("?")[0][:200]
