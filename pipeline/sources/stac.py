"""STAC catalogues: search APIs such as Earth Search, and static catalogues by path or URL.

pystac and pystac-client read the catalogue, GDAL reads the pixels, both with limits on size, time and attempts. An item
becomes a `Scene` whose assets state file, band, scale and offset of each band: nothing else of STAC leaves this module.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pystac
import rasterio
from pystac.errors import STACError, STACTypeError
from pystac_client import Client
from pystac_client.exceptions import APIError, ParametersError
from pystac_client.warnings import PystacClientWarning

from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.errors import InputError, SceneError, describe, one_line
from pipeline.grid import Grid, Window
from pipeline.raster import Raster
from pipeline.sources.acquisitions import baseline_in, tile_in
from pipeline.sources.assets import Asset, BandAssets
from pipeline.sources.band_stack import BandStack
from pipeline.sources.boa_offset import fault_of, with_offset_mended
from pipeline.sources.credentials import CDSE_S3, PLANETARY_FILES, authenticator_of, cdse_address
from pipeline.sources.failover import FailoverSource
from pipeline.sources.http import HttpClient, HttpClientFactory
from pipeline.sources.interface import (
    Period,
    Price,
    ReadRules,
    Refusal,
    Scene,
    Search,
    cloud_share_of,
    platform_of,
)
from pipeline.sources.items import check_needed, footprint_of_item, refused_item
from pipeline.sources.ledger import Usage
from pipeline.sources.pixels import GDAL, LIBRARY_ERRORS, ScenePixels, mosaic, read_window
from pipeline.sources.pricing import priced
from pipeline.sources.radiometry import scale_and_offset_of
from pipeline.sources.reach import configured, host, shown_address
from pipeline.sources.remote import RemoteFiles
from pipeline.sources.searching import PAGE, Page, items_in
from pipeline.sources.stac_documents import items_below, local_file, root_of
from pipeline.sources.versions import newest_versions


@dataclass(frozen=True, slots=True)
class KnownCatalogue:
    """A catalogue that has a name here."""

    address: str
    """URL of its root."""
    collections: tuple[str, ...]
    """Its collections of Sentinel-2 L2A."""
    data_hosts: tuple[str, ...]
    """Where its files lie."""


KNOWN = MappingProxyType(
    {
        "earthsearch": KnownCatalogue(
            "https://earth-search.aws.element84.com/v1",
            ("sentinel-2-c1-l2a", "sentinel-2-l2a"),
            (
                "e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com",
                "sentinel-cogs.s3.us-west-2.amazonaws.com",
            ),
        ),
        "planetary": KnownCatalogue(
            "https://planetarycomputer.microsoft.com/api/stac/v1", ("sentinel-2-l2a",), (PLANETARY_FILES,)
        ),
        "cdse": KnownCatalogue("https://stac.dataspace.copernicus.eu/v1", ("sentinel-2-l2a",), (host(CDSE_S3),)),
    }
)
"""Known catalogues by name."""
SIMULATED = "leachwatch-simulated"
"""Id of a catalogue of simulated scenes: all results from it are marked as simulated."""
SIMULATION = "leachwatch:simulation"
"""Its field with the id of the simulation."""
BAND_KEYS = MappingProxyType(
    {
        "B02": ("B02", "blue", "B02_10m"),
        "B03": ("B03", "green", "B03_10m"),
        "B04": ("B04", "red", "B04_10m"),
        "B08": ("B08", "nir", "B08_10m"),
        "B11": ("B11", "swir16", "B11_20m"),
        "B12": ("B12", "swir22", "B12_20m"),
        SCL: (SCL, "scl", "SCL_20m"),
    }
)
"""Names of each band in catalogues."""
CACHED_SCENES = 4
"""Granules whose cached byte ranges are kept for the next window: up to four of one overpass meet in a block."""
UNREADABLE = (
    STACError,
    STACTypeError,
    SceneError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    APIError,
    ParametersError,
    PystacClientWarning,
)
"""What libraries raise for a missing or invalid catalogue; a server without a search is told by raising a warning."""


@dataclass(frozen=True, slots=True)
class StacSource:
    """A STAC catalogue as a source."""

    address: str
    """Path or URL of its root."""
    provider: str
    """A key of `KNOWN`, or `stac`: decides which rows of the radiometry table apply."""
    collections: tuple[str, ...]
    """Collections to search; empty: all."""
    rules: ReadRules
    """How scenes are read; bands are not fetched where nothing is clear."""
    simulation: str
    """Id of the simulation that its scenes come from; empty = they show real places."""
    http: HttpClient
    """Client for its documents and files."""

    @property
    def name(self) -> str:
        """As written to every product."""
        return "simulated-stac" if self.simulation else self.provider

    @property
    def paid(self) -> bool:
        """Always False: it counts no processing units."""
        return False

    @property
    def remote(self) -> bool:
        """True for a catalogue with an address."""
        return "://" in self.address

    def search(self, aoi: Aoi, period: Period) -> Search:
        """Scenes over an AOI, and refusals with the reason; reads no pixels, raises `InputError`."""
        scenes: list[tuple[str, Scene]] = []
        refusals: list[Refusal] = []
        try:
            for item in self._items(aoi, period):
                try:
                    scene = self._scene(item)
                    check_needed(scene, aoi, period)
                    scenes.append((_version(item), scene))
                except (SceneError, *LIBRARY_ERRORS, KeyError, TypeError, IndexError) as cause:
                    refusals.append(refused_item(one_line(str(item.id))[:120], cause))
        except UNREADABLE as cause:
            where = shown_address(self.address)
            raise InputError(f"{where}: the catalogue cannot be searched ({describe(cause)})") from cause
        used, older = newest_versions(scenes)
        return Search(used, tuple(sorted((*refusals, *older), key=lambda refusal: refusal.id)))

    def unmasked(self) -> "StacSource":
        """As `Source.unmasked`."""
        return replace(self, rules=replace(self.rules, unclear=()))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; where SCL shows nothing clear, the bands are not fetched."""
        return mosaic(scenes, window, lambda scene, with_scl: self._read(scene, grid, window, with_scl))

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        """As `Priced.price`; reads file headers and SCL."""
        prices = []
        for scene in scenes:
            with self._opened(scene) as file:
                prices.append(priced(file, grid, windows, self.rules))
        shares = [price.clear_share for price in prices if price.clear_share is not None]
        return Price(
            sum((price.usage for price in prices), Usage()),
            min(sum(window.area_px for window in windows), sum(price.read_px for price in prices)),
            max(shares, default=None),
        )

    @contextmanager
    def _opened(self, scene: Scene) -> Iterator[BandStack]:
        """The opened bands of a scene; errors while they are in use become a `SceneError` that names it."""
        assets = _assets_of(scene)
        remote = files_of(self.provider, self.http, assets)
        remote.renew()
        try:
            with rasterio.Env(**GDAL), BandStack(assets.by_name, remote) as file:
                yield file
        except SceneError as cause:
            raise SceneError(f"{scene.id}: {cause}") from cause
        except LIBRARY_ERRORS as cause:
            raise SceneError(f"{scene.id}: cannot be read ({describe(cause)})") from cause

    def _items(self, aoi: Aoi, period: Period) -> Iterator[pystac.Item]:
        root = root_of(self.address, self.http)
        if isinstance(root, Client):
            client = root
            contents = items_in(period, lambda interval: self._pages(client, aoi, interval))
            found: Iterator[pystac.Item] = (pystac.Item.from_dict(content, preserve_dict=False) for content in contents)
        else:
            found = items_below(self.address, self.http)
        for item in found:
            if not self.collections or item.collection_id in (None, *self.collections):
                yield item

    def _pages(self, client: Client, aoi: Aoi, interval: str) -> Iterator[Page]:
        search = client.search(
            bbox=list(aoi.polygon.bounds),
            datetime=interval,
            collections=list(self.collections) or None,
            limit=PAGE,
            max_items=None,
        )
        for page in search.pages_as_dicts():
            yield Page(page["features"], _total(page))

    def _scene(self, item: pystac.Item) -> Scene:
        """The scene that an item describes; raises `SceneError` with the reason if it cannot be used."""
        if item.datetime is None:
            raise SceneError("no time of acquisition")
        moment = item.datetime if item.datetime.tzinfo else item.datetime.replace(tzinfo=UTC)
        parts = self._assets(item)
        missing = [name for name in NAMES if name not in parts]
        if missing:
            raise SceneError(f"band {', '.join(missing)} missing (assets found: {', '.join(item.assets)[:120]})")
        known = item.properties
        return Scene(
            id=one_line(item.id)[:120],
            time_utc=moment.astimezone(UTC),
            platform=platform_of(known.get("platform")),
            assets=BandAssets.of(parts),
            footprint=footprint_of_item(item.geometry),
            has_scl=SCL in parts,
            provider=self.name,
            tile=tile_in(known.get("s2:mgrs_tile"), known.get("grid:code"), known.get("s2:product_uri"), item.id),
            baseline=baseline_in(_stated_baseline(item), known.get("s2:product_uri"), item.id),
            cloud_share=cloud_share_of(known.get("eo:cloud_cover")),
        )

    def _assets(self, item: pystac.Item) -> dict[str, Asset]:
        """Location of each band that the item has."""
        parts: dict[str, Asset] = {}
        for key, asset in item.assets.items():
            for number, (name, stated) in enumerate(_bands_of(key, asset), start=1):
                if name is None or name in parts:
                    continue
                scale, offset = (1.0, 0.0) if name == SCL else self._radiometry(item, stated)
                parts[name] = Asset(_href_of(item, asset, self), number, scale, offset)
        return parts

    def _radiometry(self, item: pystac.Item, stated: tuple[float, float] | None) -> tuple[float, float]:
        baseline, applied = _stated_baseline(item), item.properties.get("earthsearch:boa_offset_applied")
        return scale_and_offset_of(
            self.provider,
            item.collection_id or "",
            baseline or None,
            applied if isinstance(applied, bool) else None,
            stated,
        )

    def _read(self, scene: Scene, grid: Grid, window: Window, with_scl: bool) -> tuple[ScenePixels, str | None]:
        with self._opened(scene) as file:
            found = read_window(file, grid, window, with_scl, self.rules.unclear)
            fault = fault_of(scene, file, found)
        return with_offset_mended(scene, found, fault, self.rules.offset_error)


@lru_cache(maxsize=CACHED_SCENES)
def files_of(provider: str, http: HttpClient, assets: BandAssets) -> RemoteFiles:
    """The files of a scene, shared by all windows of a block."""
    return RemoteFiles(http, authenticator_of(provider, http))


def stac_source(scenes: str, rules: ReadRules, http_client_of: HttpClientFactory) -> StacSource:
    """The source for a name in `KNOWN`, or for the path or URL of a catalogue.

    `http_client_of`: returns the client for a provider's name; its second argument is True for providers whose
    `Retry-After` is in milliseconds. Raises `InputError`.
    """
    known = KNOWN.get(scenes, KnownCatalogue(scenes, (), ()))
    provider = scenes if scenes in KNOWN else "stac"
    http = http_client_of(provider, False)
    if "://" in known.address:
        address = configured(known.address)
        http = replace(http, reach=http.reach.at(address).with_data(*known.data_hosts))
    else:
        path = Path(os.path.expanduser(known.address))
        if not path.is_file():
            raise InputError(
                f"{shown_address(scenes)}: neither a catalogue of a known name ({', '.join(KNOWN)}), nor a file, "
                "nor an address"
            )
        address = str(path.resolve())
    try:
        simulation = "" if scenes in KNOWN else _simulation_of(root_of(address, http))
    except UNREADABLE as cause:
        where = shown_address(address)
        raise InputError(f"{where}: not a STAC catalogue that can be read ({describe(cause)})") from cause
    return StacSource(address, provider, known.collections, rules, simulation, http)


def _simulation_of(catalogue: pystac.Catalog) -> str:
    """Id of the simulation that a catalogue lists; empty for one of real scenes."""
    if catalogue.id != SIMULATED:
        return ""
    return one_line(catalogue.extra_fields.get(SIMULATION) or "unknown")[:20]


def stac_sources(scenes: str, rules: ReadRules, http_client_of: HttpClientFactory) -> StacSource | FailoverSource:
    """As `stac_source`; several names of `KNOWN`, separated by commas, fail over; raises `InputError`."""
    names = [name.strip() for name in scenes.split(",")]
    if len(names) == 1 or not set(names) <= set(KNOWN):
        return stac_source(scenes, rules, http_client_of)
    if len(set(names)) < len(names):
        raise InputError(f"{scenes}: a catalogue is named twice")
    return FailoverSource(tuple(stac_source(name, rules, http_client_of) for name in names))


def _total(page: Mapping[str, Any]) -> int | None:
    """How many items a search has altogether, where its answer says so."""
    context = page.get("context")
    stated = page.get("numberMatched", context.get("matched") if isinstance(context, dict) else None)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else None


def _assets_of(scene: Scene) -> BandAssets:
    """Locations of the bands of a scene of this source."""
    assert isinstance(scene.assets, BandAssets)
    return scene.assets


def _bands_of(key: str, asset: pystac.Asset) -> Iterator[tuple[str | None, tuple[float, float] | None]]:
    """Name of each band in an asset, None if it is not one of ours, and its scale and offset, None if not stated."""
    extra = asset.extra_fields
    listed = extra.get("raster:bands") or extra.get("bands") or [{}]
    names = extra.get("eo:bands") or listed
    for number, band in enumerate(listed):
        own = str(names[number].get("name", "")) if number < len(names) and len(listed) > 1 else key
        name = next((ours for ours, theirs in BAND_KEYS.items() if own in theirs), None)
        here = {k.removeprefix("raster:"): v for k, v in (*extra.items(), *band.items())}
        told = "scale" in here or "offset" in here
        yield name, (float(here.get("scale", 1.0)), float(here.get("offset", 0.0))) if told else None


def _href_of(item: pystac.Item, asset: pystac.Asset, source: StacSource) -> str:
    """Path or URL of an asset; raises `SceneError` for a location that a catalogue may not refer to."""
    href = asset.get_absolute_href() or asset.href
    scheme = urlsplit(href).scheme if "://" in href else ""
    if scheme in ("http", "https"):
        source.http.reach.must_be_public(href)
        return href
    if scheme == "s3" and source.provider == "cdse":
        return cdse_address(href)
    if scheme or source.remote or href.startswith("/vsi"):
        raise SceneError(f"unsupported location: {shown_address(href)}")
    path = local_file(source.address, href)
    if path is None:
        raise SceneError("its file lies outside of the catalogue's folder")
    return str(path)


def _stated_baseline(item: pystac.Item) -> str:
    """The processing baseline that an item states; empty if it states none."""
    return str(item.properties.get("s2:processing_baseline") or item.properties.get("processing:version") or "")


def _version(item: pystac.Item) -> str:
    """Processing version of an item: the greater text is the newer."""
    return f"{_stated_baseline(item):>6} {item.properties.get('updated') or item.properties.get('created') or ''}"
