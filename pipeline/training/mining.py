"""Hard-negative mining by kind: chips of what is most often taken for ponds are shown more often.

Kept per kind and not per chip: a chip leaves the pool after a few minutes, and one chip that is hard for its noise or
its label would otherwise be shown over and over.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.raster import Bytes, Floats
from pipeline.training.chips import SITE, chip_kinds

KEEP = 0.99
"""Of the running means, per step."""
LEAST, MOST = 0.5, 2.5
"""Weights of kinds without sites lie between these: nothing is forgotten, nothing takes over."""


@dataclass(frozen=True, eq=False, slots=True)
class Mining:
    """How hard each kind has been of late."""

    false: NDArray[np.float64]
    """Running mean of the false pond fraction in its chips, by kind; 0 = not met yet."""

    @classmethod
    def fresh(cls) -> "Mining":
        """Before the first step: every kind alike."""
        return cls(np.zeros(len(chip_kinds())))

    def weights(self) -> NDArray[np.float64]:
        """How often a chip of each kind is to be drawn, against one of a site."""
        weights = np.ones(len(chip_kinds()))
        met = self.false > 0
        met[chip_kinds().index(SITE)] = False  # chips of sites are drawn at their own weight, 1
        if met.any():
            weights[met] = np.clip(np.sqrt(self.false[met] / self.false[met].mean()), LEAST, MOST)
        return weights

    def drawn(self, kind: Bytes, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Indices of `count` chips of those with `kind` (n,), some perhaps twice."""
        odds = self.weights()[kind]
        return rng.choice(len(kind), count, p=odds / odds.sum())

    def learn(self, kind: Bytes, told: Floats, true: Floats, clear: Floats) -> None:
        """Take note of a step's chips: kind (n,); told and true pond fractions and where they count, each (n, y, x)."""
        false = (np.clip(told - true, 0, None) * clear).mean(axis=(1, 2))
        for number in np.unique(kind):
            new = float(false[kind == number].mean())
            old = self.false[number]
            self.false[number] = new if old == 0 else KEEP * old + (1 - KEEP) * new
