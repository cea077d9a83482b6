"""What stands: what was published of a site changes only by clear looks at its ground.

Sites follow from the looks. What is published of them is changed, site by site, only where the present recipe has clear
looks at the ground that it had not when it was published, or where settings or calibration now judge the same looks
otherwise. A site that is no longer found is withdrawn only if enough clear looks fall in the time in which it was said
to have ponds. Whatever else happens (another period, no scene, a failed look, a limit of spending, a new model), the
statement stands as it was last published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum, auto

import numpy as np
from rasterio.features import geometry_mask
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.strtree import STRtree

from pipeline.digest import sha256_of
from pipeline.grid import LONLAT, PIXEL_M, Grid, Window, reprojected, window_of
from pipeline.looks.look import Look
from pipeline.looks.stack import LookArchive, stacks_of
from pipeline.raster import Bools
from pipeline.sites.names import Basis, Interval, PublishedState, PublishedStatus, RegisteredSite, Registry
from pipeline.sites.records import SiteRecord
from pipeline.sites.statement import Statement, renamed, with_onsets_of

SHARED_M2 = PIXEL_M**2
"""Sites share ground if they have more than this in common, a pixel: edges of neighbours bend under reprojection."""
TAG_DIGITS = 8
"""Of the digest of each look."""
SEPARATOR = "+"
"""Between an overpass and its looks."""
DAY_DIGITS = 8
"""Of the name of an overpass: `YYYYMMDD`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What decides whether a statement may change."""

    recipe: str
    """Digest of the present recipe."""
    judgement: str
    """Digest of the present settings and calibration."""
    confirm_looks: int
    """Clear looks without which nothing is withdrawn."""
    min_share_seen: float
    """Share of its ground that a clear look shows, 0 to 1."""
    link_m: float
    """Sites no farther from a known one than this may be it, metres."""
    screened: bool = False
    """Whether ground may have been screened out, so that looks are made anew without news."""


@dataclass(frozen=True, eq=False, slots=True)
class Said:
    """What the looks say of a place now."""

    polygon_m: Polygon | MultiPolygon
    """Outline of its ground, metres on the grid."""
    statement: Statement
    """The statement, under no id yet."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the looks of the present recipe show of the ground of a known site."""

    around: str
    """As in `Basis`."""
    seen: tuple[str, ...]
    """As in `Basis`."""
    seen_once: tuple[str, ...]
    """The same as earlier versions wrote it."""
    clear_days: tuple[date, ...]
    """Days of the looks that showed enough of it, ascending."""


class Change(Enum):
    """Whether what was published of a site may change."""

    STANDS = auto()
    """Nothing new is known of it."""
    FREE = auto()
    """There are new clear looks, or they are judged otherwise."""
    HELD = auto()
    """There are, but what is found concerns other sites of which nothing new is known."""


@dataclass(frozen=True, eq=False, slots=True)
class Publication:
    """What is published after a run."""

    registry: Registry
    """All names, and what stands under each."""
    stale: frozenset[str]
    """Ids whose ground has not been looked at under the present recipe, or not enough to say anything else."""


def publish(
    registry: Registry,
    said: Sequence[Said],
    known: Sequence[str],
    archive: LookArchive,
    grid: Grid,
    rules: Rules,
    on: date,
    run_id: str,
) -> Publication:
    """What is published when the looks say this; `known`: ids in the area of which something stands.

    `on`: day of the publication, UTC; of a site that was last published on a later day, that (`with_state`).
    """
    grounds = _Grounds.of(registry)
    near = [grounds.near(item.polygon_m, grid, rules.link_m) for item in said]
    touched = [[name for name, touches in names.items() if touches] for names in near]
    concerned = dict.fromkeys([*known, *(name for names in near for name in names)])
    entries = {entry.site_id: entry for entry in registry.entries if entry.site_id in concerned}
    sights = {name: sight_of(entry, archive, grid, rules) for name, entry in entries.items()}
    changes = {name: _change(entry, sights[name], rules) for name, entry in entries.items()}
    free: list[Said] = []
    for item, names in zip(said, touched, strict=True):
        if _is_held(names, entries, changes):
            changes |= {name: Change.HELD for name in names if changes[name] is Change.FREE}
        else:
            free.append(item)
    reserved = {name for name, change in changes.items() if change is not Change.FREE and not _rests(entries[name])}
    registry, ids = registry.with_ids([item.polygon_m for item in free], grid, rules.link_m, reserved)
    stated = {name: item.statement for name, item in zip(ids, free, strict=True)}
    updated = _Update(stated, sights, changes, archive, grid, rules, on, run_id)
    registry = replace(registry, entries=tuple(map(updated.entry, registry.entries)))
    stale = [name for name in entries if _is_stale(entries[name], sights[name], changes[name], rules)]
    standing = {entry.site_id for entry in registry.entries if entry.statement is not None}
    return Publication(registry, frozenset(stale) & standing - set(ids))


def sight_of(entry: RegisteredSite, archive: LookArchive, grid: Grid, rules: Rules) -> Sight:
    """What the looks show of a known site: of the ground that was published, or else of its territory."""
    outline = reprojected(entry.statement.site.polygon if entry.statement else entry.territory, LONLAT, grid.crs)
    return _sight(outline, archive, rules, entry.basis)


def _sight(outline_m: BaseGeometry, archive: LookArchive, rules: Rules, basis: Basis | None) -> Sight:
    window = window_of(outline_m.bounds)
    looks = archive.looks_at(window)
    around = sha256_of([look.key for look in looks])
    if basis is not None and (basis.recipe, basis.judgement, basis.around) == (rules.recipe, rules.judgement, around):
        return Sight(around, basis.seen, basis.seen, ())  # nothing new: days are not needed
    ground = _mask(outline_m, window)
    seen = [
        (day, name, float(clear[ground].mean()))
        for stack in stacks_of(looks, window).parts()
        for day, name, clear in zip(stack.days, stack.overpasses, stack.clear, strict=True)
    ]
    shown = [name for _, name, share in seen if share > 0]
    tags, once = _tags(looks), _tags_once(looks)
    return Sight(
        around=around,
        seen=tuple(tags[name] for name in shown),
        seen_once=tuple(once[name] for name in shown),
        clear_days=tuple(day for day, _, share in seen if share >= rules.min_share_seen),
    )


def _tags(looks: Sequence[Look]) -> dict[str, str]:
    """Name of each overpass with its looks: one that is made again from more or newer scenes is new."""
    return {name: SEPARATOR.join([name, *map(_short, keys)]) for name, keys in _keys(looks).items()}


def _tags_once(looks: Sequence[Look]) -> dict[str, str]:
    """The tags of earlier versions, which do not tell whether a look was added or lost."""
    return {name: f"{name}:{_short(keys)}" for name, keys in _keys(looks).items()}


def _keys(looks: Sequence[Look]) -> dict[str, list[str]]:
    """Keys of the looks of each overpass, ascending."""
    keys: dict[str, list[str]] = {}
    for look in looks:
        keys.setdefault(look.overpass, []).append(look.key)
    return {name: sorted(members) for name, members in keys.items()}


def _short(what: object) -> str:
    return sha256_of(what)[:TAG_DIGITS]


def _shows_more(sight: Sight, basis: Basis) -> bool:
    """Whether there are clear looks on which the statement did not rest; where some were lost, nothing is new."""
    known = {(name, key) for tag in basis.seen for name, *keys in [tag.split(SEPARATOR)] for key in keys}
    for tag, once in zip(sight.seen, sight.seen_once, strict=True):
        name, *keys = tag.split(SEPARATOR)
        if once not in basis.seen and any((name, key) not in known for key in keys):
            return True
    return False


def _late(before: Sequence[str], now: Sequence[str], screened: bool) -> str:
    """The overpasses in `now` that were seen after later ones had been; with commas between them, empty = none.

    Both as in `Basis.seen`. One that was looked at once more counts too, but not where ground may have been screened
    out before (`screened`): that brings no news of its day.
    """
    known = set(map(_overpass_of, before))
    newest = max((name[:DAY_DIGITS] for name in known), default="")
    fresh = set(map(_overpass_of, set(now) - set(before)))
    late = {name for name in fresh if name[:DAY_DIGITS] <= newest and not (screened and name in known)}
    return ", ".join(sorted(late))


def _overpass_of(tag: str) -> str:
    """The overpass of a tag in `Basis.seen`, also of one of an earlier version."""
    return tag.partition(SEPARATOR)[0].partition(":")[0]


def _mask(outline_m: BaseGeometry, window: Window) -> Bools:
    """The pixels of an outline, shape (y, x) of `window`; all of them where it is smaller than a pixel."""
    inside: Bools = geometry_mask([outline_m], window.shape, window.transform, invert=True)
    return inside if inside.any() else np.ones(window.shape, bool)


@dataclass(frozen=True, eq=False, slots=True)
class _Grounds:
    """The ground of all known sites: territories, and what was published of them."""

    names: tuple[str, ...]
    """Id of each ..."""
    places: tuple[BaseGeometry, ...]
    """... ground, lon/lat."""
    tree: STRtree
    """Finds them."""

    @classmethod
    def of(cls, registry: Registry) -> "_Grounds":
        """The grounds of a registry."""
        rows = [(entry.site_id, entry.territory) for entry in registry.entries]
        rows += [(entry.site_id, entry.statement.site.polygon) for entry in registry.entries if entry.statement]
        places = tuple(place for _, place in rows)
        return cls(tuple(name for name, _ in rows), places, STRtree(places))

    def near(self, polygon_m: BaseGeometry, grid: Grid, link_m: float) -> dict[str, bool]:
        """Ids with ground within `link_m` of a place, and whether the place shares some of it."""
        around = reprojected(polygon_m.buffer(link_m), grid.crs, LONLAT)
        found: dict[str, bool] = {}
        for k in sorted(self.tree.query(around, predicate="intersects").tolist()):
            shared_m2 = polygon_m.intersection(reprojected(self.places[k], LONLAT, grid.crs)).area
            found[self.names[k]] = found.get(self.names[k], False) or bool(shared_m2 > SHARED_M2)
        return found


def _stands(entry: RegisteredSite) -> bool:
    return entry.statement is not None


def _rests(entry: RegisteredSite) -> bool:
    """Whether its ground is part of another site."""
    return entry.statement is None and entry.merged_into is not None


def _change(entry: RegisteredSite, sight: Sight, rules: Rules) -> Change:
    """Whether what was published of a site may change: by new clear looks at it, or by another judgement of them."""
    basis, statement = entry.basis, entry.statement
    if basis is None and statement is None:
        return Change.FREE  # a name of an earlier version: nothing is known to stand
    if basis is None or basis.recipe != rules.recipe:
        first = statement.had_ponds()[0] if statement else date.min
        rested_on = sum(look.day >= first for look in statement.looks) if statement else 0
        needed = min(rules.confirm_looks, rested_on) or rules.confirm_looks
        return Change.FREE if sum(day >= first for day in sight.clear_days) >= needed else Change.STANDS
    return (
        Change.FREE
        if _shows_more(sight, basis) or (sight.seen and basis.judgement != rules.judgement)
        else Change.STANDS
    )


def _is_held(names: Sequence[str], entries: Mapping[str, RegisteredSite], changes: Mapping[str, Change]) -> bool:
    """Whether a place may not be published now: of a known site whose ground it shares nothing new is known."""
    standing = [name for name in names if _stands(entries[name])]
    concerned = standing or [name for name in names if not _rests(entries[name])]
    return any(changes[name] is Change.STANDS for name in concerned)


def speaks_against(statement: Statement, clear_days: Sequence[date], confirm_looks: int) -> bool:
    """Whether clear looks are enough to withdraw a statement, when what they show is below the bar.

    So many of them must fall in the time in which it was said to have ponds; and of the time up to the day on which it
    was last seen there must be as many, or as many as it rested on itself: looks of later months alone cannot tell a
    site that has ended from one that never was.
    """
    first, last = statement.had_ponds()
    within = [day for day in clear_days if day >= first and (last is None or day <= last)]
    until = statement.site.last_seen or date.max
    rested_on = sum(first <= look.day <= until for look in statement.looks)
    again = sum(day <= until for day in within)
    return len(within) >= confirm_looks and again >= max(1, min(confirm_looks, rested_on))


@dataclass(frozen=True, eq=False, slots=True)
class _Update:
    """Entries of the registry after a publication."""

    stated: Mapping[str, Statement]
    """What is said now, by id."""
    sights: Mapping[str, Sight]
    changes: Mapping[str, Change]
    archive: LookArchive
    grid: Grid
    rules: Rules
    on: date
    run_id: str

    def entry(self, entry: RegisteredSite) -> RegisteredSite:
        """The entry with what is published of it now."""
        if entry.site_id in self.stated:
            return self._stated(entry, renamed(self.stated[entry.site_id], entry.site_id))
        sight = self.sights.get(entry.site_id)
        if sight is None or entry.statement is None:
            return entry
        if self.changes[entry.site_id] is Change.FREE:
            if entry.merged_into is not None:
                return self._ended(entry, PublishedStatus.MERGED)
            if speaks_against(entry.statement, sight.clear_days, self.rules.confirm_looks):
                return self._ended(entry, PublishedStatus.WITHDRAWN)
        if not sight.seen:
            return entry
        if self.changes[entry.site_id] is not Change.STANDS:
            return replace(entry, basis=self._basis(sight))
        if entry.basis is not None and entry.basis.recipe == self.rules.recipe:
            # It rests on what it rested on, also where some of these looks were lost since.
            return replace(entry, basis=replace(entry.basis, around=sight.around))
        return entry

    def _stated(self, entry: RegisteredSite, new: Statement) -> RegisteredSite:
        if entry.statement is not None:
            new = with_onsets_of(new, entry.statement)
        outline = reprojected(new.site.polygon, LONLAT, self.grid.crs)
        basis = self._basis(_sight(outline, self.archive, self.rules, None))
        state = replace(state_of(new.site, self.on), because=self._because(entry))
        return replace(entry, statement=new, basis=basis).with_state(state)

    def _because(self, entry: RegisteredSite) -> str:
        """As in `PublishedState`, by the ground that had been published; looks of other recipes cannot be compared."""
        sight = self.sights.get(entry.site_id)
        if sight is None or entry.basis is None or entry.basis.recipe != self.rules.recipe:
            return ""
        return _late(entry.basis.seen, sight.seen, self.rules.screened)

    def _ended(self, entry: RegisteredSite, status: PublishedStatus) -> RegisteredSite:
        merged_into = entry.merged_into if status is PublishedStatus.MERGED else None
        assert entry.statement is not None
        last = entry.published[-1] if entry.published else state_of(entry.statement.site, self.on)
        basis = self._basis(self.sights[entry.site_id])
        because = self._because(entry)
        state = replace(
            last,
            on=self.on,
            run_id=self.run_id,
            status=status,
            merged_into=merged_into,
            clock=None,
            because=because,
        )
        return replace(entry, statement=None, basis=basis).with_state(state)

    def _basis(self, sight: Sight) -> Basis:
        return Basis(self.rules.recipe, self.rules.judgement, sight.around, sight.seen)


def state_of(site: SiteRecord, on: date) -> PublishedState:
    """The published state that a row stands for, published on a day."""
    return PublishedState(
        on=on,
        run_id=site.run_id,
        status=PublishedStatus(site.status.value),
        ground=Interval(site.ground_after, site.ground_by) if site.ground_by else None,
        ponds=Interval(site.ponds_after, site.ponds_by) if site.ponds_by else None,
    )


def _is_stale(entry: RegisteredSite, sight: Sight, change: Change, rules: Rules) -> bool:
    """Whether the present recipe has not seen the ground of a site, or not enough to say anything of it."""
    other = entry.basis is None or entry.basis.recipe != rules.recipe
    return not sight.seen or (other and change is Change.STANDS)
