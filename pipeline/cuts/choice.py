"""Which looks at a site are kept as evidence: those that prove its dates, the latest, and some between."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Protocol

from pipeline.sites.records import SiteRecord


class ClearLook(Protocol):
    """A look at a site that showed enough of it."""

    @property
    def day(self) -> date:
        """Day of the overpass, UTC."""

    @property
    def overpass(self) -> str:
        """Name of the overpass."""

    @property
    def share_seen(self) -> float:
        """Share of the site seen, 0 to 1."""


class Role(StrEnum):
    """Why a look at a site is kept or shown."""

    BEFORE = "before"
    """Last clear look without it."""
    FIRST = "first"
    """First clear look with it."""
    BETWEEN = "between"
    """Another clear look."""
    LATEST = "latest"
    """Latest clear look."""


def roles(site: SiteRecord, looks: Sequence[ClearLook]) -> dict[str, Role]:
    """The looks with a part of their own, overpass by role; one that is the first and the latest is the first.

    By the onset of ponds; of cleared ground only, by its onset. There is none before a site that was there at the first
    clear look.
    """
    after, by = (site.ponds_after, site.ponds_by) if site.ponds_by else (site.ground_after, site.ground_by)
    found: dict[str, Role] = {}
    last = max((look.day for look in looks), default=None)
    for day, role in ((last, Role.LATEST), (after, Role.BEFORE), (by, Role.FIRST)):
        overpass = _clearest_of(looks, day)
        if overpass is not None:
            found[overpass] = role
    return found


def chosen(site: SiteRecord, looks: Sequence[ClearLook], kept: Collection[str], between: int) -> list[str]:
    """The overpasses of which cuts are wanted, ascending: those of `roles`, the onset of ground, and `between` more.

    Those that are `kept` already are preferred; the others are spread over time.
    """
    first = set(roles(site, looks))
    for day in (site.ground_after, site.ground_by):
        overpass = _clearest_of(looks, day)
        if overpass is not None:
            first.add(overpass)
    days = {look.overpass: look.day for look in looks}
    rest = [overpass for overpass in days if overpass not in first]
    wanted = set(first)
    wanted |= _spread([overpass for overpass in rest if overpass in kept], wanted, days, between)
    wanted |= _spread(rest, wanted, days, between - len(wanted - first))
    return sorted(wanted, key=lambda overpass: (days[overpass], overpass))


def _spread(rest: Iterable[str], wanted: Collection[str], days: Mapping[str, date], most: int) -> set[str]:
    """At most so many of the rest, each as far in time as can be from all that are wanted already."""
    found: set[str] = set()
    left = sorted(set(rest) - set(wanted), key=lambda overpass: (days[overpass], overpass))
    near = {o: min((abs((days[o] - days[w]).days) for w in wanted), default=10**6) for o in left}
    while near and len(found) < most:
        best = max(near, key=lambda overpass: near[overpass])  # the first of equals
        found.add(best)
        del near[best]
        near = {o: min(gap, abs((days[o] - days[best]).days)) for o, gap in near.items()}
    return found


def _clearest_of(looks: Sequence[ClearLook], day: date | None) -> str | None:
    """The look of a day that shows most of the site; None = there is none."""
    on_day = [look for look in looks if look.day == day]
    return max(on_day, key=lambda look: (look.share_seen, look.overpass)).overpass if on_day else None
