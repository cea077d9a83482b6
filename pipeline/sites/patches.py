"""The patches of a site's ponds, and from which look on each of them is there.

A look shows a patch when it saw enough of it and the mean pond fraction there is that of a pond pixel. As with the
evidence of a pixel, others must agree with it; only where none do, it counts alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress

import numpy as np
from shapely.geometry import MultiPolygon, Polygon

from pipeline.config import EvidenceSettings, Settings
from pipeline.looks.codes import LEVELS
from pipeline.looks.stack import Stacks
from pipeline.raster import Bools
from pipeline.sites.extract import Site, ponds_of
from pipeline.sites.history import History


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PondPatch:
    """One patch of touching pond pixels of a site; below about 20 m several ponds may share one."""

    outline_m: Polygon | MultiPolygon
    """Outline of its pixels, metres on the grid's CRS."""
    pixels: int
    """Number of its pixels."""
    first_seen: date | None
    """First clear look that shows it; None = no look by itself does, or the site is not dated to have ponds."""


def pond_patches(site: Site, stacks: Stacks, past: History, settings: Settings) -> tuple[PondPatch, ...]:
    """The patches of a site, each with its first day; `stacks` hold all looks on its window, `past` its history."""
    begun, found = _first_with_ponds(past), list(ponds_of(site))
    days = _days_shown([pixels for _, pixels in found], stacks, begun, settings) if begun is not None else []
    firsts = [_first_seen(shown, settings.evidence) for shown in days] or [None] * len(found)
    return tuple(
        PondPatch(outline_m=outline, pixels=int(pixels.sum()), first_seen=first)
        for (outline, pixels), first in zip(found, firsts, strict=True)
    )


def _first_with_ponds(past: History) -> date | None:
    """The first clear look with ponds in the likeliest states, inside the site's onset interval or later."""
    if past.ponds is None:
        return None
    after = past.ponds.after or date.min
    looks = zip(past.looks, past.states, strict=True)
    return min(look.day for look, state in looks if state.has_ponds and look.day > after)


def _days_shown(
    patches: Sequence[Bools], stacks: Stacks, since: date, settings: Settings
) -> list[list[tuple[date, np.bool_]]]:
    """For each patch (y, x) the days from `since` on of looks that saw enough of it, and whether they show it."""
    found: list[list[tuple[date, np.bool_]]] = [[] for _ in patches]
    for stack in stacks.parts():
        later = np.array([day >= since for day in stack.days], bool)
        for shown, patch in zip(found, patches, strict=True):
            seen = stack.clear[:, patch].mean(axis=1)
            counts = later & (seen >= settings.history.min_share_seen) & (seen > 0)
            fraction = stack.pond[counts][:, patch].mean(axis=1) / LEVELS / seen[counts]  # where not clear it is 0
            shown += zip(compress(stack.days, counts), fraction >= settings.sites.pond_fraction, strict=True)
    return found


def _first_seen(days: Sequence[tuple[date, np.bool_]], rule: EvidenceSettings) -> date | None:
    """The first of these days that shows a patch."""
    first = _first(np.array([shown for _, shown in days], bool), rule)
    return None if first is None else days[first][0]


def _first(shown: Bools, rule: EvidenceSettings) -> int | None:
    """Index of the first look that shows it, and that enough of the next ones agree with if any are agreed with."""
    starts = [int(k) for k in np.flatnonzero(shown)]
    agreed = [k for k in starts if shown[k : k + rule.among_looks].sum() >= rule.agreeing_looks]
    return next(iter(agreed or starts), None)
