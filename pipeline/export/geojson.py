"""`sites.geojson` and `coverage.geojson`: RFC 7946, streamed, the same bytes for the same rows."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import shapely
from shapely.geometry import mapping

from pipeline import atomic
from pipeline.aoi import Polygonal
from pipeline.export.coverage import CoverageRecord
from pipeline.sites.records import SiteRecord

SITE_DIGITS = 6
"""Decimals of a degree for sites: about 0.1 m."""
CELL_DIGITS = 5
"""Decimals of a degree for coverage cells: about 1 m."""
DATES = ("ground_after", "ground_by", "ponds_after", "ponds_by", "last_seen", "last_clear")
AREAS = ("pond_area_m2", "pond_area_low_m2", "pond_area_high_m2", "ground_area_m2")


def write_sites(path: Path, sites: Iterable[SiteRecord], notice: str | None) -> None:
    """Write the sites, sorted by id; `notice` marks simulated collections. Raises as `atomic.write_text`."""
    ordered = sorted(sites, key=lambda site: site.site_id)
    features = (_feature(site_properties(site), _rounded(site.polygon, SITE_DIGITS)) for site in ordered)
    atomic.write_text(path, _collection(features, notice))


def write_coverage(path: Path, records: Iterable[CoverageRecord], notice: str | None) -> None:
    """Write coverage as a stream, in the order given. Raises as `atomic.write_text`."""
    atomic.write_text(path, _collection(_coverage_features(records), notice))


def site_properties(site: SiteRecord) -> dict[str, object]:
    """The properties of the contract, all of them, in its order."""
    values: dict[str, object] = {
        "site_id": site.site_id,
        "status": site.status.value,
        "confidence": None if site.confidence is None else round(site.confidence, 3),
    }
    values.update({name: _iso(getattr(site, name)) for name in DATES})
    values["clear_looks"] = site.clear_looks
    values.update({name: round(getattr(site, name)) for name in AREAS})
    values.update({"verdict": site.verdict, "reviewed_on": _iso(site.reviewed_on)})
    values.update({"verdict_reason": site.verdict_reason, "added": site.added})
    values.update({"stale_since": _iso(site.stale_since), "simulated": site.simulated})
    values.update({"source": site.source, "model": site.model, "run_id": site.run_id})
    values.update({"parent": site.parent, "earlier_dates": site.earlier_dates})
    return values


def _coverage_features(records: Iterable[CoverageRecord]) -> Iterator[str]:
    """One feature per record; the months of a cell share its outline, which is written out once."""
    polygon, outline = None, ""
    for record in records:
        if record.polygon is not polygon:
            polygon = record.polygon
            ring = shapely.get_coordinates(shapely.orient_polygons(polygon)).round(CELL_DIGITS).tolist()
            outline = json.dumps({"type": "Polygon", "coordinates": [ring]}, separators=(",", ":"))
        # A state has a hundred thousand of these; names of cells and months need no escaping, so none is done.
        yield (
            f'{{"type":"Feature","properties":{{"cell":"{record.cell}","month":"{record.month}","looks":{record.looks},'
            f'"clear_looks":{record.clear_looks},"share_seen":{round(record.share_seen, 4)}}},"geometry":{outline}}}'
        )


def _feature(properties: dict[str, object], polygon: Polygonal) -> str:
    content = {
        "type": "Feature",
        "id": properties["site_id"],
        "properties": properties,
        "geometry": mapping(polygon),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def _rounded(polygon: Polygonal, digits: int) -> Polygonal:
    """The polygon with so many decimals, still valid, outer rings counter-clockwise (right-hand rule)."""
    snapped = shapely.set_precision(polygon, 10.0**-digits)
    clean = snapped if not snapped.is_empty else polygon
    tidy: Polygonal = shapely.transform(shapely.orient_polygons(clean), lambda xy: xy.round(digits))
    return tidy


def _collection(features: Iterable[str], notice: str | None) -> Iterator[str]:
    yield '{"type": "FeatureCollection",'
    if notice:
        yield f' "leachwatch": {json.dumps({"notice": notice}, ensure_ascii=False)},'
    yield ' "features": ['
    separator = "\n"
    for feature in features:
        yield separator + feature
        separator = ",\n"
    yield "\n]}\n"


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
