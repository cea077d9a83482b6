"""What state a site was in when: a chain of states, weighed by every clear look.

A site goes from nothing to cleared ground to ponds; ponds may lie idle and be filled again; in the end its ground grows
over. How fast is a matter of rates per day, so a look that says nothing, or is not there, changes nothing: two short
gaps are one long one. Each look says how much likelier its picture is with ponds (or with bare ground) than without.
Forward and backward over all looks (Rabiner 1989) then give the probability of each state at each look, and from it
when something began.

The prior is the chain itself: rates and first states are those of simulated worlds (`evaluation/calibrate.py`), because
nobody has published those of real sites; two or three good looks outweigh it.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

STATES = ("none", "cleared", "ponds", "idle", "resumed", "ended")
"""In order of a site's life. `idle`: the ponds are gone and the ground is still bare; `resumed`: ponds again; `ended`:
its ground has grown over."""
NONE, CLEARED, PONDS, IDLE, RESUMED, ENDED = range(len(STATES))
HAS_GROUND = np.array([False, True, True, True, True, False])
HAS_PONDS = np.array([False, False, True, False, True, False])
STRONGEST = 4.5
"""Largest log-likelihood ratio one look may carry for ground, and for ponds: no look is beyond doubt, and two that
contradict a third outweigh it."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rates:
    """How sites change, per year, and how they are met first."""

    cleared: float
    """From nothing to cleared ground."""
    built: float
    """From cleared ground to ponds."""
    idled: float
    """From ponds to idle."""
    resumed: float
    """From idle to ponds again."""
    ended: float
    """From idle to overgrown."""
    first: tuple[float, ...]
    """Share of each state at the first look, in the order of `STATES`; adds up to 1."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an area in one look says of whether something is there.

    Cleared ground shows some ponds before there are any, and the more of them the larger it is. So a look is judged by
    what the site came to be as well: a small part of that is not its beginning.
    """

    even_m2: float
    """Area that says nothing either way, square metres, at a small site ..."""
    even_share: float
    """... and at a large one, as a share of its full size; whichever is more."""
    steepness: float
    """Log-likelihood ratio per e-fold of area above or below it."""

    def ratio(self, area_m2: Doubles, full_m2: float) -> Doubles:
        """Log-likelihood ratio of "there" against "not there" for areas of any shape, at a site of that full size."""
        even = max(self.even_m2, self.even_share * full_m2)
        ratio: Doubles = self.steepness * np.log((area_m2 + 1.0) / (even + 1.0))
        return np.clip(ratio, -STRONGEST, STRONGEST)


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of sites and looks before any is seen."""

    rates: Rates
    """How sites change."""
    ground: Shown
    """What an area of cleared ground says."""
    ponds: Shown
    """What a pond area says."""


UNMEASURED = Chain(
    rates=Rates(cleared=0.3, built=1.1, idled=0.4, resumed=0.6, ended=0.5, first=(0.35, 0.15, 0.40, 0.04, 0.03, 0.03)),
    ground=Shown(even_m2=2500.0, even_share=0.1, steepness=3.0),
    ponds=Shown(even_m2=120.0, even_share=0.2, steepness=3.0),
)
"""Stands before a model was calibrated, and nowhere else: rates after the distributions of `configs/worlds.toml`."""


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """What was a site's state at each of its clear looks."""

    odds: Doubles
    """Probability of each state, shape (look, state); rows add up to 1."""
    prior: Doubles
    """The same before any look was looked at."""

    @property
    def state(self) -> NDArray[np.intp]:
        """The likeliest state at each look, shape (look,)."""
        return np.asarray(self.odds.argmax(axis=1))

    def begins(self, state: int) -> Doubles:
        """How likely a site is to have got as far as `CLEARED` or `PONDS` between the look before and each look.

        Shape (look,); at the first look: before it. Adds up to the probability that it ever did. Gaps count alike,
        however long they are: were long ones likelier, a look that agrees with the rest would shorten its gap and make
        the others likelier by it.
        """
        told, before = (
            np.diff(odds[:, state:].sum(axis=1), prepend=0.0).clip(min=0) for odds in (self.odds, self.prior)
        )
        likely = told / np.maximum(before, 1e-12)
        return np.asarray(likely / max(likely.sum(), 1e-300) * self.odds[-1, state:].sum())


def course(days: NDArray[np.int64], ground: Doubles, ponds: Doubles, rates: Rates) -> Course:
    """The course of a site.

    `days`: of its clear looks, ascending, as ordinals; `ground`, `ponds`: log-likelihood ratio of "there" against "not
    there" for each look. All of shape (look,), at least one.
    """
    seen = HAS_GROUND * ground[:, None] + HAS_PONDS * ponds[:, None]  # log-likelihood against `none`
    likely = np.exp(seen - seen.max(axis=1, keepdims=True))
    moves = [_moves(rates, int(gap)) for gap in np.diff(days)]
    forward, backward = np.empty_like(likely), np.ones_like(likely)
    forward[0] = _normed(np.array(rates.first) * likely[0])
    for t in range(1, len(days)):
        forward[t] = _normed(forward[t - 1] @ moves[t - 1] * likely[t])
    for t in range(len(days) - 2, -1, -1):
        backward[t] = _normed(moves[t] @ (backward[t + 1] * likely[t + 1]))
    odds = forward * backward
    prior = [np.array(rates.first), *moves]
    return Course(odds / odds.sum(axis=1, keepdims=True), np.array(list(accumulate(prior, np.matmul))))


@lru_cache(maxsize=10_000)
def _moves(rates: Rates, days: int) -> Doubles:
    """Probability to be in each state so many days later, (from, to)."""
    moves: Doubles = expm(_generator(rates) * days)
    return moves


def _generator(rates: Rates) -> Doubles:
    """Rates of change per day, (from, to); rows add up to 0."""
    per_day = np.zeros((len(STATES), len(STATES)))
    for one, other, rate in (
        (NONE, CLEARED, rates.cleared),
        (CLEARED, PONDS, rates.built),
        (PONDS, IDLE, rates.idled),
        (IDLE, RESUMED, rates.resumed),
        (RESUMED, IDLE, rates.idled),
        (IDLE, ENDED, rates.ended),
    ):
        per_day[one, other] = rate / 365.25
    np.fill_diagonal(per_day, -per_day.sum(axis=1))
    return per_day


def _normed(odds: Doubles) -> Doubles:
    """Odds that add up to 1, none of them nothing: no look is beyond doubt."""
    kept = np.maximum(odds, 1e-300)
    normed: Doubles = kept / kept.sum()
    return normed
