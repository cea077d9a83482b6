"""The budget of false alarms: the least confidence at which lists of new sites keep to it.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster 2022) on ground with known truth, as if sites were
as rare there as in the AOI. What it guarantees, and what it does not: `docs/alert-budget.md`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, gammaincinv

from pipeline.alerts.message import Bar
from pipeline.alerts.worlds import AlertWorlds, KnownGround
from pipeline.aoi import Aoi

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]
LEVEL = 0.9
"""Share of scans whose list keeps to the budget."""
LEAST_SCANS = 19
"""So many scans of known ground at least, of parts of an AOI where it is large: with 9 none of them might fail, with 19
one may."""
BARS = tuple(k / 1000 for k in range(1001))
"""As fine as confidences are published."""
UNSEEN_LOSS = 1.0
"""The scan that is to be judged is not among those that are known: it counts as one that breaks the budget."""
ROUNDING = 1e-9
"""By so much sums of shares may be off."""


@dataclass(frozen=True, slots=True)
class Target:
    """The scans that are to keep to a budget."""

    km2: float
    """Area of a scan, square kilometres."""
    sites_per_1000_km2: float
    """Density of sites in it."""
    budget: float
    """Largest share of a list that may be false; between 0 and 1."""
    level: float = LEVEL
    """Share of scans that must keep to it; between 0 and 1."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where lists are cut."""

    confidence: float | None
    """Least confidence of a site that may be listed; None = none may be."""
    scans: int
    """Number of scans of known ground that this rests on; 0 = too little ground is known."""
    km2: float
    """Their mean area, square kilometres: that of the AOI, or of parts of it."""
    listed: float
    """Share of all sites of the known ground that such lists hold, 0 to 1."""


def alert_bar(worlds: AlertWorlds, aoi: Aoi, budget: float) -> Bar:
    """Which new sites of an AOI may be listed so that, in nine of ten scans, at most a share `budget` is false.

    `worlds`: what the model reported where the truth is known. A budget of 0 is none: everything is listed.
    """
    if budget == 0:
        return Bar()
    if aoi.sites_per_1000_km2 is None:
        reason = "the budget needs to know how rare sites are; state sites_per_1000_km2 in the file of the AOI"
        return Bar(confidence=None, reason=reason)
    target = Target(aoi.area_km2, aoi.sites_per_1000_km2, budget)
    cut = least_bar(worlds.pieces, target)
    return Bar(confidence=cut.confidence, reason=_in_words(cut, target))


def least_bar(ground: Sequence[KnownGround], target: Target) -> Cut:
    """The lowest bar at which the risk of such scans is bounded by 1 - `target.level`, and the share of false reports
    in all lists together, with as many as there may be (`most_false`), by the budget.

    `ground`: pieces of about one size, in an order that has nothing to do with what was reported of them. Without the
    second bound, small areas would keep to any budget by lists that are mostly empty, and false where they are not.
    """
    scans, whole = scans_of(ground, target.km2), joined(ground)
    kept = share_kept(whole, target)
    risk = sum((losses(scan, target, kept) for scan in scans), np.zeros(len(BARS)))
    bounded = risk + UNSEEN_LOSS <= (1 - target.level) * (len(scans) + 1) + ROUNDING
    true, false = _reaching(whole.true), _reaching(whole.false)
    together = most_false(false, target.level) * (1 - target.budget) <= target.budget * kept * true + ROUNDING
    within = np.flatnonzero(bounded & together)
    km2 = joined(scans).km2 / len(scans) if scans else 0.0
    if not len(within):
        return Cut(None, len(scans), km2, 0.0)
    return Cut(BARS[within[0]], len(scans), km2, float(true[within[0]]) / whole.sites)


def scans_of(ground: Sequence[KnownGround], km2: float) -> list[KnownGround]:
    """Scans of so many square kilometres, or as large as leaves `LEAST_SCANS`; no two share a piece.

    A scan smaller than one piece is a part of it (`losses`); pieces that fill no scan are left out.
    """
    if len(ground) < LEAST_SCANS:
        return []
    each = joined(ground).km2 / len(ground)
    size = min(math.ceil(km2 / each - ROUNDING), len(ground) // LEAST_SCANS)
    return [joined(ground[k : k + size]) for k in range(0, len(ground) - size + 1, size)]


def joined(ground: Sequence[KnownGround]) -> KnownGround:
    """Pieces as one."""
    return KnownGround(
        sum(piece.km2 for piece in ground),
        sum(piece.sites for piece in ground),
        tuple(value for piece in ground for value in piece.true),
        tuple(value for piece in ground for value in piece.false),
    )


def most_false(false: Counts, level: float) -> Doubles:
    """Upper bound of the number of false reports that such ground has on average, where so many were counted.

    Exact at `level` where they are independent of each other (Garwood 1936).
    """
    bound: Doubles = gammaincinv(false + 1, level)
    return bound


def share_kept(whole: KnownGround, target: Target) -> float:
    """Share of the sites of the known ground that are left at the density of the target; 1 where it is denser.

    Sites cannot be added, so in denser AOIs lists are better than promised.
    """
    return min(1.0, target.sites_per_1000_km2 * whole.km2 / (1000 * whole.sites)) if whole.sites else 0.0


def losses(scan: KnownGround, target: Target, kept: float) -> Doubles:
    """Probability that the list of a scan breaks the budget, at each bar or at any higher one, shape (bar,).

    Each of its sites is there with probability `kept`, and all that is false stays; of a scan larger than the AOI each
    report lies in the AOI with a probability of the areas' ratio. An empty list breaks nothing. Taking the worst of
    all higher bars makes the loss fall as the bar rises, which conformal risk control needs.
    """
    inside = min(1.0, target.km2 / scan.km2)
    true, false = _reaching(scan.true), _reaching(scan.false)
    changes = np.flatnonzero(np.diff(true) | np.diff(false)) + 1
    starts = np.concatenate([[0], changes])
    broken = [_broken(int(true[k]), int(false[k]), target.budget, kept * inside, inside) for k in starts]
    each = np.repeat(broken, np.diff([*starts, len(BARS)]))
    worst: Doubles = np.maximum.accumulate(each[::-1])[::-1]
    return worst


def _broken(true: int, false: int, budget: float, true_kept: float, false_kept: float) -> float:
    """Probability that of so many true and false reports, each kept with its probability, too many are false."""
    wrong = np.arange(1, false + 1)
    # So many true ones are needed beside so many false ones.
    needed = np.ceil(wrong * (1 - budget) / budget - ROUNDING).astype(np.int64)
    exactly = _at_most(wrong, false, false_kept) - _at_most(wrong - 1, false, false_kept)
    return float((exactly * _at_most(needed - 1, true, true_kept)).sum())


def _at_most(k: Counts, n: int, share: float) -> Doubles:
    """Probability of at most `k` of `n` where each comes with probability `share`; `k` from 0, shape (k,)."""
    return np.where(k >= n, 1.0, bdtr(np.minimum(k, n).astype(float), n, share))


def _reaching(confidences: tuple[float, ...]) -> Counts:
    """How many reach each bar, shape (bar,)."""
    return len(confidences) - np.searchsorted(np.sort(confidences), np.array(BARS), side="left")


def _in_words(cut: Cut, target: Target) -> str:
    """Why sites are not listed, to follow a colon; without a full stop."""
    if not cut.scans:
        return f"no list within the budget can be made: it takes {LEAST_SCANS} simulated worlds whose sites are known"
    part = f" of {cut.km2:,.0f} km²" if cut.km2 < target.km2 else ""
    what = f"at most {target.budget:.0%} false in {target.level:.0%} of scans{part}"
    where = f"at {target.sites_per_1000_km2:g} sites per 1,000 km²"
    if cut.confidence is None:
        return f"no list within the budget can be made at this density ({what}, {where})"
    reach = f"{cut.listed:.0%} of the sites of simulated worlds reach it"
    return f"their confidence is below {cut.confidence:.3f}, the bar for {what}, {where}; {reach}"
