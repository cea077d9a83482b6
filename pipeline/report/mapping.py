"""The map of an edition: search area, what was seen of it, and the sites; as a drawing, and as data for a movable map.

It has no background, because that would have to come from a network. Both are drawn in the Mercator projection.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from pipeline.export.coverage import CoverageRecord
from pipeline.export.edition import Edition
from pipeline.report.summary import Age, age, recent_months, standing_and_rejected
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import SiteRecord
from pipeline.words import Words

Bounds = tuple[float, float, float, float]
"""West, south, east, north; degrees."""
MIN_SHARE = 0.5
"""A cell of which at least this share was clear in a month counts as seen in it."""
OUTLINE_PARTS = 2000
"""The search area is drawn to this part of its size."""
OUTLINE_DIGITS = 4
SITE_DIGITS = 5
"""Decimals of a degree: about a metre."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Distances between lines of the graticule, degrees."""
MAX_LINES = 5
KM_PER_DEGREE = 111.32


class Mark(StrEnum):
    """How a site is marked on the map."""

    NEW = "new"
    """It began of late, or may have."""
    OLDER = "older"
    """It began before, or nothing dates it."""
    OVER = "over"
    """Idle or ended."""


DRAWN = (Mark.OVER, Mark.OLDER, Mark.NEW)


@dataclass(frozen=True, eq=False, slots=True)
class SiteMark:
    """A site on the map."""

    site_id: str
    """Its id."""
    mark: Mark
    """How it is marked."""
    lon: float
    """Of a point inside, degrees."""
    lat: float
    """Of a point inside, degrees."""
    rings: list[list[list[float]]]
    """Its outline, rings of latitude and longitude."""


@dataclass(frozen=True, eq=False, slots=True)
class ReportMap:
    """What the map shows."""

    bounds: Bounds
    """Of the search area and all sites."""
    area: BaseGeometry
    """The search area, simplified."""
    seen_last: BaseGeometry
    """Its part that was seen in the last month."""
    seen_before: BaseGeometry
    """Its part that was seen in an earlier month and not in the last."""
    sites: tuple[SiteMark, ...]
    """The sites that stand, in the order in which they are drawn: the new ones come last, on top."""

    def data(self) -> dict[str, Any]:
        """The same for the script of the page."""
        west, south, east, north = self.bounds
        return {
            "bounds": [[south, west], [north, east]],
            "area": rings(self.area, OUTLINE_DIGITS),
            "seenLast": rings(self.seen_last, OUTLINE_DIGITS),
            "seenBefore": rings(self.seen_before, OUTLINE_DIGITS),
            "lines": {"lon": lines(west, east), "lat": lines(south, north)},
            "sites": [
                {"id": site.site_id, "mark": site.mark, "at": [site.lat, site.lon], "rings": site.rings}
                for site in self.sites
            ],
        }


def report_map(edition: Edition) -> ReportMap:
    """The map of an edition."""
    standing, _ = standing_and_rejected(edition)
    recent = recent_months(edition.months)
    marks = sorted((_site_mark(site, recent) for site in standing), key=lambda mark: DRAWN.index(mark.mark))
    area = _simplified(edition.aoi.polygon)
    last, before = _seen(edition.coverage(), edition.months, area)
    extents = [edition.aoi.polygon.bounds, *(site.polygon.bounds for site in standing)]
    corners = np.array(extents)
    bounds = (*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist())
    return ReportMap(_with_room(bounds), area, last, before, tuple(marks))


def mark_of(site: SiteRecord, recent: tuple[str, str] | None) -> Mark:
    """How a site is marked on the map."""
    if site.status in (SiteStatus.IDLE, SiteStatus.ENDED):
        return Mark.OVER
    return Mark.NEW if age(site, recent) in (Age.NEW, Age.MAYBE_NEW) else Mark.OLDER


def rings(geometry: BaseGeometry, digits: int) -> list[list[list[float]]]:
    """Every ring of polygons as latitudes and longitudes, holes too: drawn by the even-odd rule."""
    found = []
    for part in shapely.get_parts(geometry):
        if part.geom_type == "Polygon":
            for ring in (part.exterior, *part.interiors):
                found.append(np.round(shapely.get_coordinates(ring)[:, ::-1], digits).tolist())
    return found


def lines(low: float, high: float) -> list[float]:
    """Where lines of the graticule lie between two degrees: on round numbers, and few."""
    step = next((step for step in STEPS if (high - low) / step <= MAX_LINES), STEPS[-1])
    return [round(k * step, 2) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def mercator(degrees: Any) -> Any:
    """Latitudes as Mercator's northings, in degrees at the equator."""
    return np.degrees(np.log(np.tan(np.pi / 4 + np.radians(degrees) / 2)))


def _site_mark(site: SiteRecord, recent: tuple[str, str] | None) -> SiteMark:
    point = site.polygon.representative_point()
    outline = rings(shapely.simplify(site.polygon, 10.0**-SITE_DIGITS * 5), SITE_DIGITS)
    return SiteMark(
        site.site_id, mark_of(site, recent), round(point.x, SITE_DIGITS), round(point.y, SITE_DIGITS), outline
    )


def _simplified(polygon: BaseGeometry) -> BaseGeometry:
    west, south, east, north = polygon.bounds
    return shapely.make_valid(shapely.simplify(polygon, max(east - west, north - south) / OUTLINE_PARTS))


def _with_room(bounds: Bounds) -> Bounds:
    """The bounds with a margin, so that nothing lies on the edge."""
    west, south, east, north = bounds
    room = max(east - west, north - south, 0.01) * 0.03
    return west - room, south - room, east + room, north + room


def _seen(
    records: Iterable[CoverageRecord], months: Sequence[str], area: BaseGeometry
) -> tuple[BaseGeometry, BaseGeometry]:
    """The parts of the search area seen in the last month, and only before."""
    last, ever = dict[str, Polygon](), dict[str, Polygon]()
    for record in records:
        if record.share_seen >= MIN_SHARE:
            ever[record.cell] = record.polygon
            if record.month == months[-1]:
                last[record.cell] = record.polygon
    before = [polygon for cell, polygon in ever.items() if cell not in last]
    return _merged(last.values(), area), _merged(before, area)


def _merged(cells: Iterable[Polygon], area: BaseGeometry) -> BaseGeometry:
    """Cells as one polygon inside the search area. Their edges are all but straight, so few corners remain."""
    whole = shapely.union_all(shapely.set_precision(list(cells), 10.0**-SITE_DIGITS))
    return shapely.intersection(shapely.simplify(whole, 10.0**-OUTLINE_DIGITS), area)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where degrees lie on a drawing."""

    bounds: Bounds
    """What it shows."""
    width: float
    """Of the drawing, in its own units."""
    margin: float = 34.0
    """Room for the numbers of the graticule, left and below."""

    @property
    def scale(self) -> float:
        """Units per degree of longitude."""
        return (self.width - self.margin) / (self.bounds[2] - self.bounds[0])

    @property
    def height(self) -> float:
        """Of the drawing, in its own units."""
        _, south, _, north = self.bounds
        return float(mercator(north) - mercator(south)) * self.scale + self.margin

    def xy(self, lonlat: Any) -> Any:
        """Where places lie, (n, 2) of longitude and latitude."""
        lonlat = np.asarray(lonlat, dtype=float)
        x = (lonlat[:, 0] - self.bounds[0]) * self.scale + self.margin
        y = (mercator(self.bounds[3]) - mercator(lonlat[:, 1])) * self.scale
        return np.stack([x, y], axis=1)


def map_svg(drawn: ReportMap, label: str, words: Words, width: float = 640.0) -> str:
    """The map as a drawing: for print, and where no script runs.

    `label`: what it shows, in words.
    """
    from markupsafe import escape

    sheet = Sheet(drawn.bounds, width)
    parts = [
        f'<svg class="drawn-map" viewBox="0 0 {width:.0f} {sheet.height:.0f}" role="img" aria-label="{escape(label)}" '
        'xmlns="http://www.w3.org/2000/svg">',
        *_polygons(sheet, ((drawn.area, "area"), (drawn.seen_before, "seen-before"), (drawn.seen_last, "seen-last"))),
        *_graticule(sheet),
        *_marks(sheet, drawn.sites),
        *_scale_bar(sheet, words),
        "</svg>",
    ]
    return "".join(parts)


def _polygons(sheet: Sheet, layers: Iterable[tuple[BaseGeometry, str]]) -> Iterator[str]:
    for geometry, kind in layers:
        found = [sheet.xy(np.array(ring)[:, ::-1]) for ring in rings(geometry, OUTLINE_DIGITS)]
        path = "".join(f"M{'L'.join(f'{x:.1f} {y:.1f}' for x, y in ring)}Z" for ring in found)
        if path:
            yield f'<path class="{kind}" fill-rule="evenodd" d="{path}"/>'


def _graticule(sheet: Sheet) -> Iterator[str]:
    west, south, east, north = sheet.bounds
    bottom = sheet.height - sheet.margin
    for lon in lines(west, east):
        x = float(sheet.xy([(lon, south)])[0, 0])
        yield f'<path class="graticule" d="M{x:.1f} 0V{bottom:.1f}"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 14:.1f}" text-anchor="middle">{lon:g}°</text>'
    for lat in lines(south, north):
        y = float(sheet.xy([(west, lat)])[0, 1])
        yield f'<path class="graticule" d="M{sheet.margin:.1f} {y:.1f}H{sheet.width:.1f}"/>'
        yield f'<text x="{sheet.margin - 3:.1f}" y="{y + 4:.1f}" text-anchor="end">{lat:g}°</text>'


def _marks(sheet: Sheet, sites: Sequence[SiteMark]) -> Iterator[str]:
    for site in sites:
        (x, y), *_ = sheet.xy([(site.lon, site.lat)])
        yield f'<circle class="mark {site.mark}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'


def _scale_bar(sheet: Sheet, words: Words) -> Iterator[str]:
    """A bar of a round length, no longer than a quarter of the map."""
    _, south, _, north = sheet.bounds
    per_km = sheet.scale / (KM_PER_DEGREE * math.cos(math.radians((south + north) / 2)))
    longest = (sheet.width - sheet.margin) / 4 / per_km
    power = 10.0 ** math.floor(math.log10(longest))
    length = max(factor * power for factor in (1, 2, 5) if factor * power <= longest)
    name = words("report.map.kilometres", n=f"{length:g}")
    x, y = sheet.width - 10, sheet.height - sheet.margin - 10
    yield f'<path class="scale-bar" d="M{x - length * per_km:.1f} {y - 5:.1f}v5H{x:.1f}v-5"/>'
    yield f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="end">{name}</text>'
