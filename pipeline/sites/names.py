"""Lasting ids: which id each place was given, and what was published of it when.

Each id owns a territory: all ground its site was ever seen on, and no ground of another. A site gets its id from the
territory it lies on, so new looks, another model or another threshold change no id. Where a site splits, the part on
most of its ground keeps the id; the other parts get new ids and record their parent. Where sites merge, the id with
most ground stays; the other id rests, is never given to another place, and returns if its ground is a separate site
again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from shapely.strtree import STRtree

from pipeline.errors import InputError
from pipeline.grid import LONLAT, Grid, reprojected

GROWN = 0.02
"""Share of new ground above which a territory is extended: so a re-run leaves the file byte for byte as it was."""
SLIVER_M = 1.0
"""Parts narrower than twice this are not ground; pixels are 10 m."""
SNAP_M, SNAP_DEGREES = 0.01, 1e-8
"""Steps to which corners are snapped before overlays: reprojection there and back shifts them by less."""


class PublishedStatus(StrEnum):
    """What can be published of a site: a `SiteStatus`, or that it is no longer a site."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    IDLE = "idle"
    ENDED = "ended"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    """The evidence no longer supports it."""
    MERGED = "merged"
    """Its ground is part of another site."""


class Interval(NamedTuple):
    """When something began: (after, by]."""

    after: date | None
    """Last clear look without it; None = already there at the first clear look."""
    by: date
    """First clear look with it."""


@dataclass(frozen=True, slots=True)
class PublishedState:
    """What was published of a site on a day; a new one is kept whenever it changes."""

    on: date
    """Day of the run that published it, UTC."""
    run_id: str
    """Id of that run."""
    status: PublishedStatus
    """As in `sites.geojson`, or that it is no longer a site."""
    ground: Interval | None
    """Onset of cleared ground; None = none published."""
    ponds: Interval | None
    """Onset of ponds; None = none published."""
    merged_into: str | None = None
    """The site that holds its ground; for `MERGED` only."""

    @property
    def statement(self) -> tuple[object, ...]:
        """Everything but the day and the run."""
        return self.status, self.merged_into, self.ground, self.ponds


@dataclass(frozen=True, slots=True)
class RegisteredSite:
    """One named place."""

    site_id: str
    """Id for life, such as `SHN-0007`."""
    territory: BaseGeometry
    """All ground the site was ever seen on, and no other's; lon/lat, EPSG:4326."""
    parent: str | None = None
    """The site it split from; None = it was never part of another."""
    merged_into: str | None = None
    """The site that holds its ground now; None = it stands for itself."""
    published: tuple[PublishedState, ...] = ()
    """What was published of it, oldest first."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All ids given so far under one prefix."""

    prefix: str
    """Three capital letters from the AOI."""
    entries: tuple[RegisteredSite, ...] = ()
    """In the order in which ids were given."""

    def entry(self, site_id: str) -> RegisteredSite:
        """The entry of an id. Raises `KeyError`."""
        return next(entry for entry in self.entries if entry.site_id == site_id)

    def with_ids(
        self, polygons_m: Sequence[Polygon | MultiPolygon], grid: Grid, link_m: float
    ) -> tuple["Registry", list[str]]:
        """The registry after naming sites (outlines in metres on `grid`), and their ids in the same order.

        A site takes the id on whose territory most of it lies, or else the nearest id within `link_m` that no other
        site takes. Each id goes to one site; the other sites get new ids in the order given.
        """
        polygons_m = [_snapped(polygon, SNAP_M) for polygon in polygons_m]
        own = [_snapped(reprojected(entry.territory, LONLAT, grid.crs), SNAP_M) for entry in self.entries]
        ids = self._known_ids(polygons_m, own, link_m)
        entries = list(self.entries)
        for i, polygon in enumerate(polygons_m):
            if i not in ids:
                ids[i] = f"{self.prefix}-{self._last() + 1 + len(entries) - len(self.entries):04d}"
                parent = _holder(polygon, own[: len(self.entries)], self.entries)
                entries.append(RegisteredSite(ids[i], Polygon(), parent))
                own.append(Polygon())
        _update_territories(entries, own, {name: polygons_m[i] for i, name in ids.items()}, grid)
        return replace(self, entries=tuple(entries)), [ids[i] for i in range(len(polygons_m))]

    def check_clock(self, today: date) -> None:
        """Raise `InputError` when `today` (UTC) lies before the last publication, as the clock must be wrong."""
        for entry in self.entries:
            if entry.published and today < entry.published[-1].on:
                raise InputError(
                    f"{entry.site_id} was last published on {entry.published[-1].on}, and the clock says {today}: "
                    "set the clock right, then run again"
                )

    def recorded(self, published: Mapping[str, PublishedState], today: date, run_id: str) -> "Registry":
        """The registry after a run `published` states by id: keeps what changed, and which ids are no longer sites."""
        self.check_clock(today)
        return replace(self, entries=tuple(_recorded(entry, published, today, run_id) for entry in self.entries))

    def joined(self, other: "Registry") -> "Registry":
        """Two diverged copies of a registry, merged into one.

        The same id on the same ground is one site with both histories; an id that only one copy has is kept. Raises
        `InputError` where the copies gave one id to two places: no id is ever changed.
        """
        if self.prefix != other.prefix:
            raise InputError(f"registries of {self.prefix} and {other.prefix} do not belong together")
        found = {entry.site_id: entry for entry in self.entries}
        for theirs in other.entries:
            ours = found.get(theirs.site_id)
            if ours is None:
                found[theirs.site_id] = theirs
            elif not ours.territory.intersects(theirs.territory):
                raise InputError(f"{theirs.site_id} is the name of two places in these registries; keep them apart")
            else:
                found[theirs.site_id] = _merged(ours, theirs)
        entries: list[RegisteredSite] = []
        for name in sorted(found):
            own = found[name].territory
            before = [entries[k].territory for k in _meeting([e.territory for e in entries], own)]
            if before:
                cut = unary_union([_snapped(place, SNAP_DEGREES) for place in before])
                own = polygonal(_snapped(own, SNAP_DEGREES).difference(cut))
            if own.is_empty:  # the copies gave one place two ids: the older one stands
                holder = _holder(found[name].territory, [entry.territory for entry in entries], entries)
                entries.append(replace(found[name], merged_into=holder))
            else:
                entries.append(replace(found[name], territory=own))
        return replace(self, entries=tuple(entries))

    def _known_ids(self, polygons_m: Sequence[BaseGeometry], own: list[BaseGeometry], link_m: float) -> dict[int, str]:
        """Ids of the sites that lie on a known territory, or near one, by index in the list of sites."""
        if not own or not polygons_m:
            return {}
        near = STRtree(own).query(list(polygons_m), predicate="dwithin", distance=link_m).T
        matches = sorted(  # in whole metres: a tie goes to the older id, whatever reprojection does to the last digit
            (-round(polygons_m[i].intersection(own[k]).area), round(polygons_m[i].distance(own[k])), int(k), int(i))
            for i, k in near
        )
        ids: dict[int, str] = {}
        given: set[int] = set()
        for _, _, k, i in matches:
            if i not in ids and k not in given:
                ids[i] = self.entries[k].site_id
                given.add(k)
        return ids

    def _last(self) -> int:
        """The highest number given so far."""
        return max((int(entry.site_id.rsplit("-", 1)[1]) for entry in self.entries), default=0)


def _holder(polygon: BaseGeometry, own: Sequence[BaseGeometry], entries: Sequence[RegisteredSite]) -> str | None:
    """The id on whose territory most of a polygon lies; None where it lies on none."""
    areas = [polygon.intersection(place).area for place in own]
    best = int(np.argmax(areas)) if areas else 0
    return entries[best].site_id if areas and areas[best] > 0 else None


def _update_territories(
    entries: list[RegisteredSite], own: list[BaseGeometry], found: Mapping[str, BaseGeometry], grid: Grid
) -> None:
    """Give each found site (by id, metres) its ground and set which ids rest; changes `entries` and `own`."""
    changed: set[int] = set()
    place = {entry.site_id: k for k, entry in enumerate(entries)}
    for name, polygon in found.items():
        k = place[name]
        if own[k].is_empty:  # a new id: its ground is no longer another's
            for other in _meeting(own, polygon):
                own[other] = _without(own[other], polygon)
                changed.add(other)
            own[k] = polygon
            changed.add(k)
    for name, polygon in found.items():
        k = place[name]
        others = unary_union([own[j] for j in _meeting(own, polygon) if j != k])
        fresh = _without(_without(polygon, own[k]), others)
        if fresh.area > GROWN * polygon.area:
            own[k] = own[k].union(fresh)
            changed.add(k)
    for k in changed:
        outline = shapely.make_valid(reprojected(own[k], grid.crs, LONLAT))
        entries[k] = replace(entries[k], territory=polygonal(outline))
    names, outlines = list(found), list(found.values())
    for k, entry in enumerate(entries):
        into = None
        if entry.site_id not in found:
            holders = [i for i in _meeting(outlines, own[k]) if outlines[i].intersection(own[k]).area > own[k].area / 2]
            into = names[holders[0]] if holders else entry.merged_into
        if into != entry.merged_into:
            entries[k] = replace(entry, merged_into=into)


def _snapped(ground: BaseGeometry, step: float) -> BaseGeometry:
    """Valid ground with corners snapped to `step`: overlays may fail on the last digits that reprojection leaves."""
    snapped: BaseGeometry = shapely.set_precision(shapely.make_valid(ground), step)
    return polygonal(snapped)


def _without(ground: BaseGeometry, cut: BaseGeometry) -> BaseGeometry:
    """`ground` minus `cut`, metres, without the slivers that arise because edges bend under reprojection."""
    left = ground.difference(cut).buffer(-SLIVER_M, join_style="mitre").buffer(SLIVER_M, join_style="mitre")
    return polygonal(left)


def _meeting(places: Sequence[BaseGeometry], polygon: BaseGeometry) -> list[int]:
    """Indices of the places that share ground with a polygon."""
    return np.flatnonzero(shapely.intersects(np.array(places, dtype=object), polygon)).tolist() if places else []


def polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry, without the lines and points that overlays leave behind."""
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return unary_union(parts)


def _recorded(
    entry: RegisteredSite, published: Mapping[str, PublishedState], today: date, run_id: str
) -> RegisteredSite:
    """The entry with what a run published of it, where that differs from the state before."""
    last = entry.published[-1] if entry.published else None
    new = published.get(entry.site_id)
    if new is None:
        if last is None:
            return entry
        status = PublishedStatus.MERGED if entry.merged_into else PublishedStatus.WITHDRAWN
        new = replace(last, on=today, run_id=run_id, status=status, merged_into=entry.merged_into)
    unchanged = last is not None and new.statement == last.statement
    return entry if unchanged else replace(entry, published=(*entry.published, new))


def _merged(ours: RegisteredSite, theirs: RegisteredSite) -> RegisteredSite:
    """One entry from two copies."""
    published = sorted({*ours.published, *theirs.published}, key=lambda state: (state.on, state.run_id))
    return replace(
        ours,
        territory=ours.territory
        if ours.territory.covers(theirs.territory)
        else _snapped(ours.territory, SNAP_DEGREES).union(_snapped(theirs.territory, SNAP_DEGREES)),
        parent=ours.parent or theirs.parent,
        merged_into=ours.merged_into if ours.merged_into == theirs.merged_into else None,
        published=tuple(published),
    )
