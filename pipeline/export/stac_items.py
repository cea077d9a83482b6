"""A static STAC catalogue of the products: a collection for the AOI, an item for what was found and one for what was
seen. It points to the products where they lie, and states their checksums."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pystac
import shapely
from pystac.layout import TemplateLayoutStrategy

from pipeline import __version__, atomic
from pipeline.errors import InputError
from pipeline.export.edition import Edition
from pipeline.export.manifest import SIMULATED
from pipeline.months import first_day, last_day
from pipeline.words import Words, words_in

FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
PROCESSING_EXTENSION = "https://stac-extensions.github.io/processing/v1.1.0/schema.json"
SHA256_MULTIHASH = "1220"
"""Before the digest: SHA-256, 32 bytes."""
SIMPLER = 0.001
"""By how much the outline of the AOI may be simplified, degrees."""
DIGITS = 6
"""Decimals of a degree."""
GEOJSON, GEOPACKAGE = pystac.MediaType.GEOJSON.value, pystac.MediaType.GEOPACKAGE.value


@dataclass(frozen=True, slots=True)
class Product:
    """A file that the catalogue lists."""

    key: str
    """Its key among the assets of an item."""
    file: str
    """Its name in the product folder."""
    title: str
    """Key of what it is, in the texts."""
    media_type: str
    """As IANA and STAC name it."""
    role: str
    """As STAC names it."""


MANIFEST = Product("manifest", "manifest.json", "catalogue.manifest", pystac.MediaType.JSON.value, "metadata")
PARTS = (
    (
        "sites",
        "catalogue.sites",
        (
            Product("sites", "sites.geojson", "products.many_suspected", GEOJSON, "data"),
            Product("layers", "sites.gpkg", "catalogue.layers", GEOPACKAGE, "data"),
            Product("report", "report.html", "catalogue.report", pystac.MediaType.HTML.value, "overview"),
            MANIFEST,
        ),
    ),
    (
        "coverage",
        "catalogue.coverage",
        (
            Product("coverage", "coverage.geojson", "catalogue.cells", GEOJSON, "data"),
            MANIFEST,
        ),
    ),
)
"""Name, title and products of each item."""
NEEDED = frozenset({"sites.geojson", "coverage.geojson", "manifest.json"})
"""Products without which there is nothing to list."""


class AtomicIO(pystac.StacIO):
    """Writes files whole or not at all, and reads and fetches nothing."""

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """Refused: a catalogue that is made needs nothing from elsewhere."""
        raise ValueError(f"{source} is not to be read")

    def write_text(self, dest: Any, txt: str, *args: Any, **kwargs: Any) -> None:
        """Write a file; raises as `atomic.write_text`."""
        atomic.write_text(Path(dest), txt + "\n")


def write_stac(folder: Path, edition: Edition, products: Path) -> list[Path]:
    """Write `collection.json` and an item per kind of product; `products`: the folder that they lie in.

    Raises `InputError` where there are none, and as `atomic.write_text`.
    """
    missing = sorted(name for name in NEEDED if not (products / name).is_file())
    if missing:
        raise InputError(f"{products}: no {', '.join(missing)} to list; run leachwatch detect for this AOI first")
    words = words_in()
    collection = _collection(edition, words)
    for name, what, parts in PARTS:
        item = _item(edition, name, words(what), words)
        for part in parts:
            if (products / part.file).is_file():
                item.add_asset(part.key, _asset(products, part, words))
        collection.add_item(item)
    layout = TemplateLayoutStrategy(item_template="")
    collection.normalize_hrefs(str(folder.absolute()), strategy=layout)
    collection.make_all_asset_hrefs_relative()
    collection.save(pystac.CatalogType.SELF_CONTAINED, stac_io=AtomicIO())
    return [folder / "collection.json", *(folder / f"{_id(edition, name)}.json" for name, _, _ in PARTS)]


def _id(edition: Edition, name: str) -> str:
    return f"{edition.aoi.name}-{name}"


def _collection(edition: Edition, words: Words) -> pystac.Collection:
    simulated = edition.provenance.simulated
    title = words("products.in_area", area=edition.aoi.title, what=words("products.many_suspected"))
    notice = SIMULATED if simulated else words("products.seen_from_satellite")
    begin, end = _period(edition)
    west, south, east, north = _rounded(edition.aoi.polygon.bounds)
    return pystac.Collection(
        id=f"leachwatch-{edition.aoi.name}",
        title=f"{words('products.simulated')}: {title}" if simulated else title,
        description=f"{notice} {words('products.exact')}",
        extent=pystac.Extent(
            pystac.SpatialExtent([[west, south, east, north]]), pystac.TemporalExtent([[begin, end]])
        ),
        license="other",
        keywords=["leach ponds", "Sentinel-2", *(["simulated"] if simulated else [])],
    )  # fmt: skip


def _item(edition: Edition, name: str, what: str, words: Words) -> pystac.Item:
    begin, end = _period(edition)
    return pystac.Item(
        id=_id(edition, name),
        geometry=_outline(edition),
        bbox=_rounded(shapely.geometry.shape(_outline(edition)).bounds),
        datetime=None,
        start_datetime=begin,
        end_datetime=end,
        properties={"title": words("products.in_area", area=edition.aoi.title, what=what), **_said_of(edition, words)},
        stac_extensions=[FILE_EXTENSION, PROCESSING_EXTENSION],
    )


def _said_of(edition: Edition, words: Words) -> Mapping[str, object]:
    """Provenance, in the words of STAC where it has some."""
    source = edition.provenance
    return {
        "platform": "sentinel-2",
        "instruments": ["msi"],
        "processing:software": {"leachwatch": __version__},
        "processing:lineage": words("catalogue.lineage", run=source.run_id, model=source.model, source=source.source),
        "leachwatch:run_id": source.run_id,
        "leachwatch:model": source.model,
        "leachwatch:model_sha256": edition.model_sha256,
        "leachwatch:source": source.source,
        "leachwatch:simulated": source.simulated,
        "leachwatch:sites": len(edition.statements),
        "leachwatch:share_of_aoi_seen": round(edition.seen_share, DIGITS),
        "leachwatch:months": list(edition.months),
    }


def _asset(products: Path, part: Product, words: Words) -> pystac.Asset:
    path = products / part.file
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return pystac.Asset(
        str(path.absolute()),
        title=words(part.title),
        media_type=part.media_type,
        roles=[part.role],
        extra_fields={"file:size": path.stat().st_size, "file:checksum": f"{SHA256_MULTIHASH}{digest}"},
    )


def _period(edition: Edition) -> tuple[datetime, datetime]:
    """From the first to the last moment of the months."""
    if not edition.months:
        raise InputError(f"{edition.aoi.name}: no month was looked at, so there is nothing to list")
    last = datetime.combine(last_day(edition.months[-1]), time(23, 59, 59), UTC)
    return datetime.combine(first_day(edition.months[0]), time(), UTC), last


def _outline(edition: Edition) -> dict[str, Any]:
    """The AOI, a little simplified, outer rings counter-clockwise."""
    simpler = edition.aoi.polygon.simplify(SIMPLER)
    shape = simpler if simpler.is_valid and not simpler.is_empty else edition.aoi.polygon
    tidy = shapely.transform(shapely.orient_polygons(shape), lambda xy: xy.round(DIGITS))
    return dict(shapely.geometry.mapping(tidy))


def _rounded(bounds: tuple[float, float, float, float]) -> list[float]:
    return [round(value, DIGITS) for value in bounds]
