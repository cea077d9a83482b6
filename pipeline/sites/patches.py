"""The patches of a site's ponds, and from which look on each of them is there.

A look shows a patch when it saw enough of it and the mean pond fraction there is that of a pond pixel. As with the
evidence of a pixel, others must agree with it; only where none do, it counts alone.
"""

from dataclasses import dataclass
from datetime import date
from itertools import compress

import numpy as np
from shapely.geometry import MultiPolygon, Polygon

from pipeline.config import EvidenceSettings, Settings
from pipeline.looks.codes import LEVELS
from pipeline.looks.stack import Stack
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


def pond_patches(site: Site, stack: Stack, past: History, settings: Settings) -> tuple[PondPatch, ...]:
    """The patches of a site, each with its first day; `stack` holds all looks on its window, `past` its history."""
    begun = _first_with_ponds(past)
    since = np.array([begun is not None and day >= begun for day in stack.days], bool)
    return tuple(
        PondPatch(outline_m=outline, pixels=int(pixels.sum()), first_seen=_first_seen(pixels, stack, since, settings))
        for outline, pixels in ponds_of(site)
    )


def _first_with_ponds(past: History) -> date | None:
    """The first clear look with ponds in the likeliest states, inside the site's onset interval or later."""
    if past.ponds is None:
        return None
    after = past.ponds.after or date.min
    looks = zip(past.looks, past.states, strict=True)
    return min(look.day for look, state in looks if state.has_ponds and look.day > after)


def _first_seen(patch: Bools, stack: Stack, since: Bools, settings: Settings) -> date | None:
    """The first look of those in `since` (look,) that shows a patch (y, x)."""
    seen = stack.clear[:, patch].mean(axis=1)
    counts = since & (seen >= settings.history.min_share_seen) & (seen > 0)
    fraction = stack.pond[counts][:, patch].mean(axis=1) / LEVELS / seen[counts]  # where not clear it is 0
    first = _first(fraction >= settings.sites.pond_fraction, settings.evidence)
    return None if first is None else list(compress(stack.days, counts))[first]


def _first(shown: Bools, rule: EvidenceSettings) -> int | None:
    """Index of the first look that shows it, and that enough of the next ones agree with if any are agreed with."""
    starts = [int(k) for k in np.flatnonzero(shown)]
    agreed = [k for k in starts if shown[k : k + rule.among_looks].sum() >= rule.agreeing_looks]
    return next(iter(agreed or starts), None)
