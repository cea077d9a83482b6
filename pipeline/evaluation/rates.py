"""Proportions and rates with a 95 % interval.

Intervals come from a cluster bootstrap by case (a world, or a cluster of labels): what lies in one case is not
independent. Where there are no hits or only hits, or few cases, they are the exact bounds of a binomial proportion, or
of a Poisson rate with no event. In a share of an amount, such as pixels, cases are the trials, never the pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Case = TypeVar("Case")
Doubles = NDArray[np.float64]
DRAWS = 1000
"""Number of bootstrap samples."""
FEW = 10
"""With fewer cases than this a proportion gets exact bounds: too few for a bootstrap."""


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """A proportion or rate with its 95 % interval."""

    hits: float
    """Numerator."""
    of: float
    """Denominator: a number, or an amount such as an area."""
    low: float
    """Lower end of the interval of `value`."""
    high: float
    """Upper end."""

    @property
    def value(self) -> float:
        """`hits` / `of`; 0 where `of` is 0."""
        return self.hits / self.of if self.of else 0.0


def rate(
    cases: Sequence[Case], counted: Callable[[Case], tuple[float, float]], proportion: bool = True
) -> RateEstimate:
    """The rate over cases, `counted` giving (hits, of) of each; `proportion`: hits are part of `of`, so never more."""
    pairs, hits, of = _summed(cases, counted)
    if of == 0:
        return RateEstimate(hits, of, 0.0, 1.0 if proportion else float("inf"))
    if proportion and (hits in (0, of) or len(pairs) < FEW):
        return RateEstimate(hits, of, *exact_bounds(hits, of))
    if hits == 0:
        return RateEstimate(0.0, of, 0.0, 3.69 / of)  # exact upper bound of a Poisson rate with no event
    return RateEstimate(hits, of, *_bootstrap(pairs))


def amount_share(cases: Sequence[Case], counted: Callable[[Case], tuple[float, float]]) -> RateEstimate:
    """The share of an amount, such as pixels, `counted` giving (part, whole) of each case; whole is 0 where not known.

    With few cases, and where all or none is part of it, the bounds are those of a binomial proportion of as many trials
    as there are cases, fewer where some are much larger than others: rather too wide than too narrow.
    """
    pairs, part, whole = _summed(cases, counted)
    if whole == 0:
        return RateEstimate(part, whole, 0.0, 1.0)
    if part in (0, whole) or (pairs[:, 1] > 0).sum() < FEW:
        trials = whole**2 / float((pairs[:, 1] ** 2).sum())
        return RateEstimate(part, whole, *exact_bounds(part / whole * trials, trials))
    return RateEstimate(part, whole, *_bootstrap(pairs))


def _summed(cases: Sequence[Case], counted: Callable[[Case], tuple[float, float]]) -> tuple[Doubles, float, float]:
    """(hits, of) of each case, shape (case, 2), and their sums."""
    pairs = np.array([counted(case) for case in cases], float).reshape(-1, 2)
    return pairs, float(pairs[:, 0].sum()), float(pairs[:, 1].sum())


def _bootstrap(pairs: Doubles) -> tuple[float, float]:
    """95 % interval of the sum of hits by the sum of `of`, from drawing cases (hits, of) anew."""
    rng = np.random.default_rng(1)
    sums = pairs[rng.integers(0, len(pairs), (DRAWS, len(pairs)))].sum(axis=1)
    values = sums[:, 0] / np.maximum(sums[:, 1], 1e-9)
    low, high = np.percentile(values[sums[:, 1] > 0], [2.5, 97.5])
    return float(low), float(high)


def exact_bounds(hits: float, of: float) -> tuple[float, float]:
    """95 % bounds of a binomial proportion (Clopper and Pearson 1934); numbers need not be whole."""
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return low, high


def interval_text(estimate: RateEstimate) -> str:
    """A rate as text: value, interval and numbers."""
    if not estimate.of:
        return "none to judge"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}), {estimate.hits:.0f} of {estimate.of:.0f}"
