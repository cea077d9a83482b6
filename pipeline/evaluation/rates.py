"""Proportions and rates with a 95 % interval.

Intervals come from a cluster bootstrap by case (a world, or a cluster of labels): what lies in one case is not
independent. Where there are no hits or only hits, or few cases, they are the exact bounds of a binomial proportion, or
of a Poisson rate with no event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.stats import binomtest

Case = TypeVar("Case")
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
    pairs = np.array([counted(case) for case in cases], float).reshape(-1, 2)
    hits, of = pairs.sum(axis=0) if len(pairs) else (0.0, 0.0)
    if of == 0:
        return RateEstimate(hits, of, 0.0, 1.0 if proportion else float("inf"))
    if proportion and (hits in (0, of) or len(pairs) < FEW):
        low, high = binomtest(round(hits), round(of)).proportion_ci(confidence_level=0.95, method="exact")
        return RateEstimate(float(hits), float(of), float(low), float(high))
    if hits == 0:
        return RateEstimate(0.0, float(of), 0.0, 3.69 / float(of))  # exact upper bound of a Poisson rate with no event
    rng = np.random.default_rng(1)
    sums = pairs[rng.integers(0, len(pairs), (DRAWS, len(pairs)))].sum(axis=1)
    values = sums[:, 0] / np.maximum(sums[:, 1], 1e-9)
    low, high = np.percentile(values[sums[:, 1] > 0], [2.5, 97.5])
    return RateEstimate(float(hits), float(of), float(low), float(high))


def interval_text(estimate: RateEstimate) -> str:
    """A rate as text: value, interval and numbers."""
    if not estimate.of:
        return "none to judge"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}), {estimate.hits:.0f} of {estimate.of:.0f}"
