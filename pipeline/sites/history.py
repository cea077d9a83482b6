"""The history of one site from its looks: onsets as intervals, states, and areas.

Each clear look of a site gives an area of ponds and one of cleared ground; the hidden Markov model of `states.py`
combines them. An onset interval is the shortest run of gaps between looks, around the likeliest gap, that holds
`interval_mass` of the probability. Looks that agree leave one gap; a look that contradicts the rest widens the
interval.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from pipeline.config import HistorySettings
from pipeline.grid import PIXEL_M
from pipeline.looks.calibration import StateModel
from pipeline.looks.codes import LEVELS
from pipeline.looks.stack import Stacks
from pipeline.sites.extract import EIGHT, Site
from pipeline.sites.states import HAS_GROUND, HAS_PONDS, SiteState, StatePosterior, forward_backward, log_ratio

Doubles = NDArray[np.float64]
PLAIN_M2 = 120.0
"""Looks that show at least this area of ponds give the area of a site, where there are any; square metres.

What is likelier pond than not may be a few square metres: a look through haze at a site of a thousand.
"""
AGREE_LOOKS = 3
"""Number of looks in a row that must agree on the size of a site: two of them then outweigh one that is wrong."""


class SiteStatus(StrEnum):
    """Published status of a site as a whole."""

    CANDIDATE = "candidate"
    """Ponds in fewer than `confirm_looks` clear looks."""
    CONFIRMED = "confirmed"
    """Ponds in at least `confirm_looks` clear looks."""
    IDLE = "idle"
    """Its ponds are gone."""
    ENDED = "ended"
    """Its ponds are gone, and have been for `ended_days`, or its ground became overgrown."""
    REJECTED = "rejected"
    """Rejected by a reviewer."""


class EventKind(StrEnum):
    """What can happen to a site, or to what was published of it."""

    APPEARED = "appeared"
    """Onset of cleared ground."""
    PONDS_BUILT = "ponds built"
    GREW = "grew"
    """Its pond area rose by `grown_share`."""
    IDLE = "idle"
    RESUMED = "resumed"
    ENDED = "ended"
    """Its ground became overgrown, or its last ponds were `ended_days` ago; not the day its ponds went."""
    SPLIT = "split"
    """It was published as part of another site before."""
    MERGED = "merged"
    """Its ground is part of another site now."""
    WITHDRAWN = "withdrawn"
    """The evidence no longer supports what was published."""
    REVISED = "revised"
    """Its published dates or status changed by looks at earlier days: of scenes that were listed late or anew."""


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
    """Predicted pond area, scaled up to the whole site by the share of its ponds that was seen; square metres."""
    ground_m2: float
    """Area of its ground that counts as cleared (`ground_probability`), scaled up in the same way; square metres."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When something began, as an interval (after, by], and whether it is still there."""

    after: date | None
    """Last clear look without it; None = already there at the first clear look."""
    by: date
    """First clear look with it."""
    last: date
    """Last clear look with it."""
    gone_by: date | None
    """First clear look after its end; None = still there at the last clear look."""
    looks_with: int
    """Number of clear looks between beginning and end that show it."""


@dataclass(frozen=True, slots=True)
class History:
    """A site over time."""

    looks: tuple[SiteLook, ...]
    """Its clear looks, ascending."""
    states: tuple[SiteState, ...]
    """Its likeliest state at each of them."""
    shows_ponds: tuple[bool, ...]
    """Whether each of them shows ponds: their log-likelihood ratio is above 0."""
    shows_ground: tuple[bool, ...]
    """The same for cleared ground; a look that shows ponds shows ground."""
    ground: Onset | None
    """Cleared ground; None = never shown."""
    ponds: Onset | None
    """Ponds; None = never shown."""
    pond_m2: float
    """Present predicted area: the median of the last looks that show ponds, not corrected; square metres."""

    def last_seen(self) -> date | None:
        """Last clear look with the site active: with ponds, or with ground while there are no ponds yet."""
        onset = self.ponds or self.ground
        return onset.last if onset else None

    def status(self, settings: HistorySettings, confirm_looks: int) -> SiteStatus:
        """The status that follows from the looks alone: never `REJECTED`."""
        if self.ponds and self.ponds.gone_by:
            return SiteStatus.ENDED if self.ended(settings)[-1] else SiteStatus.IDLE
        confirmed = self.ponds and self.ponds.looks_with >= confirm_looks
        return SiteStatus.CONFIRMED if confirmed else SiteStatus.CANDIDATE

    def ended(self, settings: HistorySettings) -> list[bool]:
        """Whether the site counts as ended at each clear look: it had ponds before, and is now overgrown or long idle.

        What has ended stays so until there are ponds again.
        """
        found: list[bool] = []
        last, ended = None, False
        for look, state in zip(self.looks, self.states, strict=True):
            if state.has_ponds:
                last, ended = look.day, False
            elif last is not None:
                ended |= state == SiteState.OVERGROWN or (look.day - last).days >= settings.ended_days
            found.append(ended)
        return found


def history(site: Site, stacks: Stacks, settings: HistorySettings, model: StateModel) -> History:
    """The history of a site from all looks on its window."""
    return history_of(site_looks(site, stacks, settings), settings, model)


def history_of(looks: Sequence[SiteLook], settings: HistorySettings, model: StateModel) -> History:
    """The history of clear looks, ascending in time."""
    if not looks:
        return History((), (), (), (), None, None, 0.0)
    states, ground_ratio, pond_ratio = _states(looks, model)
    days, likeliest = [look.day for look in looks], states.likeliest
    shows_ground, shows_ponds, enough = ground_ratio > 0, pond_ratio > 0, settings.interval_mass
    ponds = onset(days, states.onset(SiteState.PONDS), HAS_PONDS[likeliest], shows_ponds, enough)
    return History(
        looks=tuple(looks),
        states=tuple(map(SiteState, likeliest)),
        shows_ponds=tuple(shows_ponds.tolist()),
        shows_ground=tuple(shows_ground.tolist()),
        ground=onset(days, states.onset(SiteState.CLEARED), HAS_GROUND[likeliest], shows_ground, enough),
        ponds=ponds,
        pond_m2=_area([look for look, shows in zip(looks, shows_ponds, strict=True) if shows], ponds),
    )


def _states(looks: Sequence[SiteLook], model: StateModel) -> tuple[StatePosterior, Doubles, Doubles]:
    """The states of a site, and the log-likelihood ratios of ground and of ponds at each look."""
    pond_m2, ground_m2 = (np.array([getattr(look, name) for look in looks]) for name in ("pond_m2", "ground_m2"))
    ground, ponds = log_ratios(ground_m2, pond_m2, model)
    days = np.array([look.day.toordinal() for look in looks])
    return forward_backward(days, ground, ponds, model), ground, ponds


def log_ratios(ground_m2: Doubles, pond_m2: Doubles, model: StateModel) -> tuple[Doubles, Doubles]:
    """Log-likelihood ratios of ground and of ponds, presence against absence, from the predicted areas (look,)."""
    ponds = log_ratio(model.ponds, pond_m2, full_size(pond_m2))
    ground = log_ratio(model.ground, ground_m2, full_size(ground_m2))
    # Ponds stand on cleared ground, whatever the network predicts for it: where they show, its ratio is no less.
    return np.maximum(ground, np.where(ponds > 0, ponds, -np.inf)), ponds


def full_size(areas_m2: Doubles) -> float:
    """The largest area that looks in a row agree on: the maximum of the running median over `AGREE_LOOKS` looks.

    `areas_m2` (look,) in order of time, at least one.
    """
    in_a_row = sliding_window_view(areas_m2, min(AGREE_LOOKS, len(areas_m2)))
    return float(np.median(in_a_row, axis=1).max())


def site_looks(site: Site, stacks: Stacks, settings: HistorySettings) -> list[SiteLook]:
    """The clear looks of a site: those that saw enough of its ponds and of its ground."""
    around = binary_dilation(site.pond, EIGHT)  # the point spread carries a pond's light into the next pixel
    looks = []
    for stack in stacks.parts():
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


def onset(
    days: Sequence[date], begins: Doubles, there: NDArray[np.bool_], shown: NDArray[np.bool_], enough: float
) -> Onset | None:
    """When something began, and whether it ended, from clear looks in ascending order.

    `begins`: probability that it began before each look and after the one before it; `there`: whether it is there in
    the likeliest state; `shown`: whether the look alone shows it; all (look,). `enough`: the probability that an
    interval must hold. Returns None when it was more likely never there, or where no look shows it.
    """
    here = np.flatnonzero(there)
    if begins.sum() < 0.5 or not len(here) or not shown[here].any():
        return None
    low, high = _smallest_run(begins / begins.sum(), int(begins.argmax()), enough)
    last = int(here[-1])
    low, high = min(low, last), min(high, last)  # it began before it was last there, whatever one look says
    gone = last + 1 if last + 1 < len(days) else None
    return Onset(
        after=days[low - 1] if low else None,
        by=days[high],
        last=days[last],
        gone_by=days[gone] if gone is not None else None,
        looks_with=int((there & shown).sum()),
    )


def _smallest_run(mass: Doubles, best: int, enough: float) -> tuple[int, int]:
    """First and last index of the run around `best` that holds `enough` of the probability, grown greedily."""
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


def _area(with_ponds: Sequence[SiteLook], ponds: Onset | None) -> float:
    """Median pond area of the last five looks that plainly show ponds, or else show ponds at all, square metres."""
    if ponds is None:
        return 0.0
    shown = [look.pond_m2 for look in with_ponds if look.day <= ponds.last]
    plainly = [area for area in shown if area >= PLAIN_M2]
    return float(np.median((plainly or shown)[-5:]))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a site, dated as an interval."""

    kind: EventKind
    """What happened."""
    after: date | None
    """After this day; None = before the first clear look."""
    by: date
    """By this day."""


def events(past: History, settings: HistorySettings) -> list[Event]:
    """The events of a history, oldest first."""
    found = []
    if past.ground:
        found.append(Event(EventKind.APPEARED, past.ground.after, past.ground.by))
    if past.ponds:
        found.append(Event(EventKind.PONDS_BUILT, past.ponds.after, past.ponds.by))
        found += _changes(past, settings)
        found += _growths(past, settings)
    return sorted(found, key=lambda event: event.by)


def _changes(past: History, settings: HistorySettings) -> list[Event]:
    """Each time that ponds fell idle, were filled again, or the site ended, dated between the looks on either side."""
    turns = zip(pairwise(past.looks), pairwise(past.states), pairwise(past.ended(settings)), strict=True)
    return [
        Event(kind, one.day, other.day)
        for (one, other), states, ended in turns
        for kind in _kinds_of_change(*states, *ended)
    ]


def _kinds_of_change(before: SiteState, now: SiteState, ended_before: bool, ended_now: bool) -> Iterator[EventKind]:
    """What changed between two looks in a row; both idle and ended where they lie far apart."""
    if now == SiteState.IDLE != before and not ended_before:
        yield EventKind.IDLE
    # The likeliest states look by look may return to `PONDS` by themselves; for a site that had ended it is news.
    if now == SiteState.RESUMED != before or (ended_before and not ended_now):
        yield EventKind.RESUMED
    if ended_now and not ended_before:
        yield EventKind.ENDED


def _growths(past: History, settings: HistorySettings) -> list[Event]:
    """Each time that the pond area rose by `grown_share`, from the looks that show ponds.

    Dated between the last look that showed less and the first of `AGREE_LOOKS` looks in a row of which the first and
    the median show that much more.
    """
    assert past.ponds is not None
    looks = zip(past.looks, past.shows_ponds, strict=True)
    shown = [look for look, shows in looks if shows and look.day >= past.ponds.by]
    areas = [look.pond_m2 for look in shown]
    medians = [float(np.median(areas[k : k + AGREE_LOOKS])) for k in range(len(areas) - AGREE_LOOKS + 1)]
    growths: list[Event] = []
    known = medians[0] if medians else 0.0
    for k, later in enumerate(medians):
        enough = known * (1 + settings.grown_share)
        if min(areas[k], later) >= enough:
            less = max(j for j in range(k) if areas[j] < enough)
            growths.append(Event(EventKind.GREW, shown[less].day, shown[k].day))
            known = later
    return growths
