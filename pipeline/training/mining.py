"""Hard-negative mining by kind: chips of kinds most often mistaken for ponds are shown more often.

Tracked per kind, not per chip: a chip leaves the pool after a few minutes, and one that is hard because of its noise or
its label would otherwise be shown over and over.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.raster import Bytes, Floats
from pipeline.training.chips import SITE, chip_kinds

DECAY = 0.99
"""Decay of the running means, per step."""
MIN_WEIGHT, MAX_WEIGHT = 0.5, 2.5
"""Limits of the weights of kinds without sites, so that no kind is forgotten and none dominates."""


@dataclass(frozen=True, eq=False, slots=True)
class Mining:
    """Recent difficulty of each kind of chip."""

    false: NDArray[np.float64]
    """Running mean of the false pond fraction in chips, by kind; 0 = not seen yet."""

    @classmethod
    def fresh(cls) -> "Mining":
        """State before the first step: all kinds equal."""
        return cls(np.zeros(len(chip_kinds())))

    def weights(self) -> NDArray[np.float64]:
        """Sampling weight of a chip of each kind, relative to a chip of a site."""
        weights = np.ones(len(chip_kinds()))
        met = self.false > 0
        met[chip_kinds().index(SITE)] = False  # chips of sites keep weight 1
        if met.any():
            weights[met] = np.clip(np.sqrt(self.false[met] / self.false[met].mean()), MIN_WEIGHT, MAX_WEIGHT)
        return weights

    def sample(self, kind: Bytes, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw indices of `count` chips by their `kind` (n,), with replacement."""
        odds = self.weights()[kind]
        return rng.choice(len(kind), count, p=odds / odds.sum())

    def update(self, kind: Bytes, predicted: Floats, true: Floats, clear: Floats) -> None:
        """Update with a step's chips: kind (n,); predicted and true pond fraction and clear, each (n, y, x)."""
        false = (np.clip(predicted - true, 0, None) * clear).mean(axis=(1, 2))
        for number in np.unique(kind):
            new = float(false[kind == number].mean())
            old = self.false[number]
            self.false[number] = new if old == 0 else DECAY * old + (1 - DECAY) * new
