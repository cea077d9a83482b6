"""What the looks say of one site over time: onsets as intervals, state, areas with error bars.

Each clear look of a site gives an area, and from it the log-likelihood ratio of "there" against "not
there". A story is a beginning and an end between looks; every story is weighed by its looks, and the
onset interval is the smallest run of gaps around the best beginning that holds `interval_mass` of the
weight. Looks that agree leave one gap; a look that contradicts the rest widens the interval.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from pipeline.config import HistorySettings
from pipeline.grid import PIXEL_M
from pipeline.looks import Stack
from pipeline.segment import LEVELS
from pipeline.sites import EIGHT, Site

STRONGEST = 4.5
"""Largest log-likelihood ratio one look may carry: no single look outweighs two that contradict it, nor, with
`STAYS`, five that show nothing before or after it."""
STEEPNESS = 3.0
"""Log-likelihood ratio per e-fold of area above or below the area that counts as present."""
STAYS = 0.05
"""Prior weight of a story that ends, against one that goes on."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SiteLook:
    """One look at one site."""

    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Name of the overpass."""
    share_seen: float
    """Share of the site's ground that was seen, 0 to 1."""
    pond_m2: float
    """Pond area, scaled up to the whole site by the share of its ponds that was seen; square metres."""
    ground_m2: float
    """Its ground that counts as cleared (`ground_probability`), scaled up in the same way; square metres."""

    def shows_ponds(self, settings: HistorySettings) -> bool:
        """Whether this look alone shows ponds."""
        return self.pond_m2 >= settings.pond_present_m2

    def shows_ground(self, settings: HistorySettings) -> bool:
        """Whether this look alone shows cleared ground: ponds stand on it, whatever the network says of the ground."""
        return self.ground_m2 >= settings.ground_present_m2 or self.shows_ponds(settings)


@dataclass(frozen=True, slots=True)
class Onset:
    """When something began: after the day `after`, and by the day `by`; and whether it is still there."""

    after: date | None
    """Last clear look without it; None = already there at the first clear look."""
    by: date
    """First clear look with it."""
    last: date
    """Last clear look with it."""
    gone_by: date | None
    """First clear look after its end; None = still there at the last clear look."""
    looks_with: int
    """Clear looks between beginning and end that show it."""


@dataclass(frozen=True, slots=True)
class History:
    """A site over time."""

    looks: tuple[SiteLook, ...]
    """Its clear looks, ascending."""
    ground: Onset | None
    """Cleared ground; None = never shown."""
    ponds: Onset | None
    """Ponds; None = never shown."""
    pond_m2: float
    """Present pond area as the looks tell it: the median of the last that show ponds; not corrected."""

    def last_seen(self) -> date | None:
        """Last clear look with the site active: with ponds, or with ground while there are no ponds yet."""
        onset = self.ponds or self.ground
        return onset.last if onset else None

    def status(self, settings: HistorySettings, confirm_looks: int) -> str:
        """`candidate`, `confirmed`, `idle` or `ended`, from the looks alone."""
        if self.ponds and self.ponds.gone_by:
            silent = (self.looks[-1].day - self.ponds.last).days
            return "ended" if silent >= settings.ended_days else "idle"
        return "confirmed" if self.ponds and self.ponds.looks_with >= confirm_looks else "candidate"


def history(site: Site, stack: Stack, settings: HistorySettings) -> History:
    """The history of a site from all looks on its window."""
    looks = site_looks(site, stack, settings)
    days = [look.day for look in looks]
    ponds = onset(days, [look.pond_m2 for look in looks], settings.pond_present_m2, settings)
    # As in `SiteLook.shows_ground`, and as surely as the ponds are shown.
    as_ground = settings.ground_present_m2 / settings.pond_present_m2
    told = [max(look.ground_m2, look.pond_m2 * as_ground) for look in looks]
    ground = onset(days, told, settings.ground_present_m2, settings)
    return History(tuple(looks), ground, ponds, _area(looks, ponds, settings))


def site_looks(site: Site, stack: Stack, settings: HistorySettings) -> list[SiteLook]:
    """The clear looks of a site: those that saw enough of its ponds and of its ground."""
    around = binary_dilation(site.pond, EIGHT)  # a pond's light spills into the next pixel
    looks = []
    for t, (day, name) in enumerate(zip(stack.days, stack.overpasses, strict=True)):
        seen = stack.clear[t]
        share, pond_share = float(seen[site.ground].mean()), float(seen[around].mean())
        if min(share, pond_share) < settings.min_share_seen:
            continue
        pond = float(stack.pond[t][around].sum(dtype=np.int64)) / LEVELS * PIXEL_M**2 / pond_share
        mine = stack.ground[t][site.ground] >= settings.ground_probability * LEVELS
        ground = float(mine.sum()) * PIXEL_M**2 / share
        looks.append(SiteLook(day, name, share, pond, ground))
    return looks


def onset(days: list[date], areas_m2: list[float], present_m2: float, settings: HistorySettings) -> Onset | None:
    """When something of a given area began, and whether it ended, from clear looks in ascending order.

    Returns None when the best story is that it never was there.
    """
    n = len(days)
    if n == 0:
        return None
    ratio = np.array([_log_ratio(area, present_m2) for area in areas_m2])
    weight = _stories(ratio)
    first, end = np.unravel_index(int(np.argmax(weight)), weight.shape)
    if weight[first, end] <= 0:
        return None  # "it never was there" is at least as good a story
    begin = np.exp(weight - weight.max()).sum(axis=1)[:n]
    low, high = _smallest_run(begin / begin.sum(), int(first), settings.interval_mass)
    inside = range(int(first), int(end))
    shown = [t for t in inside if ratio[t] > 0]
    high = min(high, shown[-1])
    gone = next((t for t in range(int(end), n) if ratio[t] < 0), None)
    return Onset(
        after=days[low - 1] if low else None,
        by=days[high],
        last=days[shown[-1]],
        gone_by=days[gone] if gone is not None else None,
        looks_with=len(shown),
    )


def _log_ratio(area_m2: float, present_m2: float) -> float:
    """Log-likelihood ratio of "there" against "not there" for one look."""
    return float(np.clip(STEEPNESS * np.log((area_m2 + 1.0) / (present_m2 + 1.0)), -STRONGEST, STRONGEST))


def _stories(ratio: Doubles) -> Doubles:
    """Log weight of each story, shape (n + 1, n + 1): [first look with it, first look after its end].

    A story that never begins is [n, n], with log weight 0; stories that end before they begin are -inf.
    """
    n = len(ratio)
    summed = np.concatenate([[0.0], np.cumsum(ratio)])
    weight: Doubles = summed[None, :] - summed[:, None]
    weight[:, :n] += np.log(STAYS / max(1, n))
    weight[np.tril_indices(n + 1)] = -np.inf
    weight[n, n] = 0.0
    return weight


def _smallest_run(mass: Doubles, best: int, enough: float) -> tuple[int, int]:
    """First and last index of the run around `best` that holds `enough` of the mass, grown greedily."""
    low = high = best
    held = mass[best]
    while held < enough and (low > 0 or high < len(mass) - 1):
        left = mass[low - 1] if low > 0 else -1.0
        right = mass[high + 1] if high < len(mass) - 1 else -1.0
        if left >= right:
            low, held = low - 1, held + left
        else:
            high, held = high + 1, held + right
    return low, high


def _area(looks: list[SiteLook], ponds: Onset | None, settings: HistorySettings) -> float:
    """Median pond area of the last five looks that show ponds, square metres."""
    if ponds is None:
        return 0.0
    shown = [look.pond_m2 for look in looks if look.day <= ponds.last and look.shows_ponds(settings)]
    return float(np.median(shown[-5:])) if shown else 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a site, dated as an interval."""

    kind: str
    """`appeared`, `ponds built`, `idle` or `ended`."""
    after: date | None
    """After this day; None = before the first clear look."""
    by: date
    """By this day."""


def events(past: History, settings: HistorySettings) -> list[Event]:
    """The events of a history, oldest first."""
    found = []
    if past.ground:
        found.append(Event("appeared", past.ground.after, past.ground.by))
    if past.ponds:
        found.append(Event("ponds built", past.ponds.after, past.ponds.by))
        if past.ponds.gone_by:
            kind = past.status(settings, confirm_looks=1)
            found.append(Event(kind, past.ponds.last, past.ponds.gone_by))
    return sorted(found, key=lambda event: event.by)
