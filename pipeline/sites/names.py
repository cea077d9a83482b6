"""Lasting ids: which id each place was given, and what was published of it when.

Each id owns a territory: all ground its site was ever seen on, and no ground of another. A site gets its id from the
territory it lies on, so new looks, another model or another threshold change no id. Where a site splits, the part on
most of its ground keeps the id; the other parts get new ids and record their parent. Where sites merge, the id with
most ground stays; the other id rests, is never given to another place, and returns if its ground is a separate site
again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from shapely.strtree import STRtree

from pipeline.errors import InputError
from pipeline.grid import LONLAT, Grid, reprojected
from pipeline.sites.statement import Statement

GROWN = 0.02
"""Share of new ground above which a territory is extended: so a re-run leaves the file byte for byte as it was."""
SLIVER_M = 1.0
"""Parts narrower than twice this are not ground; pixels are 10 m."""
NEAR_DEGREES = 0.05
"""Territories farther from all sites than this play no part in naming them."""
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
    """Day of the run that published it, UTC; never before that of the state before it."""
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
    because: str = ""
    """Overpasses of earlier days that were seen late, or anew, and by which this differs from the state before; empty =
    none: it follows from later looks, or from another judgement."""
    clock: date | None = None
    """What the clock said, where that was before the last publication; None = the same as `on`."""

    @property
    def said(self) -> tuple[object, ...]:
        """Everything but the days, the run and the reason."""
        return self.status, self.merged_into, self.ground, self.ponds


@dataclass(frozen=True, slots=True)
class Basis:
    """What a statement, or the withdrawal of one, rests on."""

    recipe: str
    """Digest of the recipe of the looks."""
    judgement: str
    """Digest of the settings and the calibration that turned looks into a statement."""
    around: str
    """Digest of all looks at the site and around it: while it is the same, there is nothing new."""
    seen: tuple[str, ...]
    """The overpasses that showed any of its ground clear, each with its looks; ascending."""


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
    statement: Statement | None = None
    """What stands of it, as it was last published; None = nothing: it was withdrawn, or is part of another site."""
    basis: Basis | None = None
    """What that, or its withdrawal, rests on; None = not known."""

    def with_state(self, state: PublishedState) -> "RegisteredSite":
        """The entry with a published state, where that differs from the one before.

        Published histories ascend: where the clock now says a day before the last publication, because it was wrong
        then or is now, the state counts as of that day, and what the clock said is noted.
        """
        if self.published and state.said == self.published[-1].said:
            return self
        if self.published and state.on < self.published[-1].on:
            state = replace(state, on=self.published[-1].on, clock=state.on)
        return replace(self, published=(*self.published, state))


@dataclass(frozen=True, slots=True)
class Registry:
    """All ids given so far, whatever AOI they were given in."""

    prefix: str
    """Three capital letters from the AOI, with which new ids begin."""
    entries: tuple[RegisteredSite, ...] = ()
    """In the order in which ids were given."""

    def entry(self, site_id: str) -> RegisteredSite:
        """The entry of an id. Raises `KeyError`."""
        return next(entry for entry in self.entries if entry.site_id == site_id)

    def with_ids(
        self,
        polygons_m: Sequence[Polygon | MultiPolygon],
        grid: Grid,
        link_m: float,
        reserved: Collection[str] = (),
    ) -> tuple["Registry", list[str]]:
        """The registry after naming sites (outlines in metres on `grid`), and their ids in the same order.

        A site takes the id on whose territory most of it lies, or else the nearest id within `link_m` that no other
        site takes. Each id goes to one site; the other sites get new ids in the order given. `reserved`: ids that are
        not given to any of them, because what was published under them stands.
        """
        if not polygons_m:
            return self, []
        polygons_m = [_snapped(polygon, SNAP_M) for polygon in polygons_m]
        own = self._near(polygons_m, grid)
        ids = self._known_ids(polygons_m, own, link_m, reserved)
        entries = list(self.entries)
        for i, polygon in enumerate(polygons_m):
            if i not in ids:
                ids[i] = f"{self.prefix}-{self._last() + 1 + len(entries) - len(self.entries):04d}"
                parent = _holder(polygon, own[: len(self.entries)], self.entries)
                entries.append(RegisteredSite(ids[i], Polygon(), parent))
                own.append(Polygon())
        _update_territories(entries, own, {name: polygons_m[i] for i, name in ids.items()}, grid)
        return replace(self, entries=tuple(entries)), [ids[i] for i in range(len(polygons_m))]

    def check_clock(self, today: date) -> str | None:
        """What is to be told when `today` (UTC) lies before the last publication; None when it does not.

        Then the clock is wrong now, or was when that was published. Nothing is refused: see `with_state`.
        """
        later = [entry for entry in self.entries if entry.published and today < entry.published[-1].on]
        if not later:
            return None
        first = later[0]
        return (
            f"{first.site_id} was last published on {first.published[-1].on}, and the clock says {today}: one of them "
            f"is wrong; what is published now of {len(later)} such sites counts as of the later day"
        )

    def joined(self, other: "Registry") -> "Registry":
        """Two diverged copies of a registry, merged into one.

        The same id on the same ground is one site with both histories; an id that only one copy has is kept. Raises
        `InputError` where the copies gave one id to two places: no id is ever changed.
        """
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
        for name in sorted(found, key=lambda name: (_first_day(found[name]), name)):
            own = found[name].territory
            before = [entries[k].territory for k in _meeting([e.territory for e in entries], own)]
            if before:
                cut = unary_union([_snapped(place, SNAP_DEGREES) for place in before])
                own = polygonal(_snapped(own, SNAP_DEGREES).difference(cut))
            if own.is_empty:  # the copies gave one place two ids: the older one stands
                holder = _holder(found[name].territory, [entry.territory for entry in entries], entries)
                entries.append(replace(found[name], merged_into=holder, statement=None))
            else:
                entries.append(replace(found[name], territory=own))
        return replace(self, entries=tuple(entries))

    def _near(self, polygons_m: Sequence[BaseGeometry], grid: Grid) -> list[BaseGeometry]:
        """The territory of each entry, metres on `grid`; empty where it is far from all polygons."""
        outlines = [reprojected(polygon, grid.crs, LONLAT) for polygon in polygons_m]
        west, south, east, north = shapely.total_bounds(outlines)
        near = box(west - NEAR_DEGREES, south - NEAR_DEGREES, east + NEAR_DEGREES, north + NEAR_DEGREES)
        return [
            _snapped(reprojected(entry.territory, LONLAT, grid.crs), SNAP_M)
            if entry.territory.intersects(near)
            else Polygon()
            for entry in self.entries
        ]

    def _known_ids(
        self, polygons_m: Sequence[BaseGeometry], own: list[BaseGeometry], link_m: float, reserved: Collection[str]
    ) -> dict[int, str]:
        """Ids of the sites that lie on a known territory, or near one, by index in the list of sites."""
        if not own:
            return {}
        near = STRtree(own).query(list(polygons_m), predicate="dwithin", distance=link_m).T
        matches = sorted(  # in whole metres: a tie goes to the older id, whatever reprojection does to the last digit
            (-round(polygons_m[i].intersection(own[k]).area), round(polygons_m[i].distance(own[k])), int(k), int(i))
            for i, k in near
        )
        ids: dict[int, str] = {}
        given: set[int] = set()
        for _, _, k, i in matches:
            if i not in ids and k not in given and self.entries[k].site_id not in reserved:
                ids[i] = self.entries[k].site_id
                given.add(k)
        return ids

    def _last(self) -> int:
        """The highest number given so far with the prefix."""
        known = (entry.site_id.rsplit("-", 1) for entry in self.entries)
        return max((int(number) for prefix, number in known if prefix == self.prefix), default=0)


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


def _first_day(entry: RegisteredSite) -> date:
    """The day on which it was first published: the older name of a place stands."""
    return entry.published[0].on if entry.published else date.max


def _merged(ours: RegisteredSite, theirs: RegisteredSite) -> RegisteredSite:
    """One entry from two copies."""
    published = _in_order(ours.published, theirs.published)
    later = max((ours, theirs), key=lambda entry: [state.on for state in entry.published[-1:]])
    return replace(
        ours,
        statement=later.statement,
        basis=later.basis,
        territory=ours.territory
        if ours.territory.covers(theirs.territory)
        else _snapped(ours.territory, SNAP_DEGREES).union(_snapped(theirs.territory, SNAP_DEGREES)),
        parent=ours.parent or theirs.parent,
        merged_into=ours.merged_into if ours.merged_into == theirs.merged_into else None,
        published=published,
    )


def _in_order(ours: Sequence[PublishedState], theirs: Sequence[PublishedState]) -> tuple[PublishedState, ...]:
    """All that two copies published, ascending; what a copy said on one day stays in the order in which it said it."""
    left, right, found = list(ours), list(theirs), list[PublishedState]()
    while left and right:
        heads = [left[0], right[0]]
        # What the other copy holds as well, but later, waits until its turn comes there.
        ready = [one for one, other in zip(heads, (right, left), strict=True) if one not in other[1:]]
        if heads[0] == heads[1]:
            ready = heads
        found.append(min(ready or heads, key=lambda state: (state.on, state.run_id, repr(state))))
        for each in (left, right):
            if found[-1] in each:
                each.remove(found[-1])
    return (*found, *left, *right)
