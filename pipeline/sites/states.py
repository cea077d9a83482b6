"""The state of a site over time: a hidden Markov model that uses every clear look.

A site goes from nothing to cleared ground to ponds; ponds may lie idle and be filled again; in the end its ground
becomes overgrown. Transitions are rates per day, so a look that is missing or has a log-likelihood ratio of 0 changes
nothing: two short gaps equal one long gap. Each look gives a log-likelihood ratio for ponds and one for cleared ground.
The forward-backward algorithm over all looks (Rabiner 1989) gives the posterior of each state at each look, and from it
the onsets.

The prior is the model itself: its rates and initial shares are those of simulated worlds (`evaluation/calibrate.py`),
because none are published for real sites; two or three good looks outweigh it.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from pipeline.looks.calibration import AreaLikelihood, InitialShares, StateModel, TransitionRates

Doubles = NDArray[np.float64]


class SiteState(IntEnum):
    """States in the order of a site's life; usable as array indices."""

    NONE = 0
    """Neither cleared ground nor ponds."""
    CLEARED = 1
    """Cleared ground, no ponds yet."""
    PONDS = 2
    """Ponds."""
    IDLE = 3
    """The ponds are gone and the ground is still bare."""
    RESUMED = 4
    """Ponds again after idle."""
    OVERGROWN = 5
    """Its ground has grown over."""

    @property
    def word(self) -> str:
        """The state as written into the outputs."""
        return self.name.lower()

    @property
    def has_ponds(self) -> bool:
        """Whether there are ponds in this state."""
        return self in (SiteState.PONDS, SiteState.RESUMED)


HAS_GROUND = np.array([state not in (SiteState.NONE, SiteState.OVERGROWN) for state in SiteState])
"""By state: whether there is cleared ground."""
HAS_PONDS = np.array([state.has_ponds for state in SiteState])
"""By state: whether there are ponds."""
MAX_LOG_RATIO = 4.5
"""Largest log-likelihood ratio one look may carry for ground, and for ponds: no look is beyond doubt, and two that
contradict a third outweigh it."""
DAYS_PER_YEAR = 365.25

UNCALIBRATED = StateModel(
    per_year=TransitionRates(cleared=0.3, built=1.1, idled=0.4, resumed=0.6, overgrown=0.5),
    initial=InitialShares(none=0.35, cleared=0.15, ponds=0.40, idle=0.04, resumed=0.03, overgrown=0.03),
    ground=AreaLikelihood(break_even_m2=2500.0, break_even_share=0.1, log_slope=3.0),
    ponds=AreaLikelihood(break_even_m2=120.0, break_even_share=0.2, log_slope=3.0),
)
"""Used only while a model is not yet calibrated: rates from the distributions of `configs/worlds.toml`."""


@dataclass(frozen=True, eq=False, slots=True)
class StatePosterior:
    """Posterior and prior of the states of a site at each of its clear looks."""

    posterior: Doubles
    """Probability of each state given all looks, shape (look, state); rows add up to 1."""
    prior: Doubles
    """The same before any look is used."""

    @property
    def likeliest(self) -> NDArray[np.intp]:
        """The likeliest state at each look, shape (look,)."""
        return np.asarray(self.posterior.argmax(axis=1))

    def onset(self, state: SiteState) -> Doubles:
        """Probability that the site first reached `state` (`CLEARED` or `PONDS`) between the look before and each look.

        Shape (look,); at the first look: before it. Adds up to the probability that it ever did. Gaps count alike,
        however long they are: if long ones were likelier, a look that agrees with the rest would shorten its gap and so
        make the others likelier.
        """
        reached, expected = (
            np.diff(odds[:, state:].sum(axis=1), prepend=0.0).clip(min=0) for odds in (self.posterior, self.prior)
        )
        likely = reached / np.maximum(expected, 1e-12)
        return np.asarray(likely / max(likely.sum(), 1e-300) * self.posterior[-1, state:].sum())


def log_ratio(likelihood: AreaLikelihood, area_m2: Doubles, full_m2: float) -> Doubles:
    """Log-likelihood ratio of presence against absence for areas (any shape), at a site of full size `full_m2`."""
    even = max(likelihood.break_even_m2, likelihood.break_even_share * full_m2)
    ratio: Doubles = likelihood.log_slope * np.log((area_m2 + 1.0) / (even + 1.0))
    return np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO)


def forward_backward(days: NDArray[np.int64], ground: Doubles, ponds: Doubles, model: StateModel) -> StatePosterior:
    """Posterior and prior of the states of a site, by the forward-backward algorithm.

    `days`: of its clear looks, ascending, as ordinals; `ground`, `ponds`: log-likelihood ratio of presence against
    absence for each look. All of shape (look,), at least one.
    """
    rates, initial = model.per_year, np.array(list(model.initial.model_dump().values()))
    seen = HAS_GROUND * ground[:, None] + HAS_PONDS * ponds[:, None]  # log-likelihood against `NONE`
    likely = np.exp(seen - seen.max(axis=1, keepdims=True))
    moves = [_moves(rates, int(gap)) for gap in np.diff(days)]
    forward, backward = np.empty_like(likely), np.ones_like(likely)
    forward[0] = _normalised(initial * likely[0])
    for t in range(1, len(days)):
        forward[t] = _normalised(forward[t - 1] @ moves[t - 1] * likely[t])
    for t in range(len(days) - 2, -1, -1):
        backward[t] = _normalised(moves[t] @ (backward[t + 1] * likely[t + 1]))
    joint = forward * backward
    prior = np.array(list(accumulate([initial, *moves], np.matmul)))
    return StatePosterior(joint / joint.sum(axis=1, keepdims=True), prior)


@lru_cache(maxsize=10_000)
def _moves(rates: TransitionRates, days: int) -> Doubles:
    """Transition probabilities over a number of days, (from, to)."""
    moves: Doubles = expm(_generator(rates) * days)
    return moves


def _generator(rates: TransitionRates) -> Doubles:
    """Generator of the Markov chain: rates of change per day, (from, to); rows add up to 0."""
    per_day = np.zeros((len(SiteState), len(SiteState)))
    for one, other, rate in (
        (SiteState.NONE, SiteState.CLEARED, rates.cleared),
        (SiteState.CLEARED, SiteState.PONDS, rates.built),
        (SiteState.PONDS, SiteState.IDLE, rates.idled),
        (SiteState.IDLE, SiteState.RESUMED, rates.resumed),
        (SiteState.RESUMED, SiteState.IDLE, rates.idled),
        (SiteState.IDLE, SiteState.OVERGROWN, rates.overgrown),
    ):
        per_day[one, other] = rate / DAYS_PER_YEAR
    np.fill_diagonal(per_day, -per_day.sum(axis=1))
    return per_day


def _normalised(odds: Doubles) -> Doubles:
    """Odds scaled to add up to 1, none of them 0: no look is beyond doubt."""
    kept = np.maximum(odds, 1e-300)
    normalised: Doubles = kept / kept.sum()
    return normalised
