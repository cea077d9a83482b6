"""What a segmenter predicts: pond fraction and mine-ground probability, as codes of one byte."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import expit

from pipeline.grid import Window
from pipeline.raster import Bytes, Floats, Raster

LEVELS = 200
"""The code that means 1."""
NEAR_STEP = 0.01
"""Codes are computed in float32, but for those whose probability lies this near to a step, in steps: in float64."""


@dataclass(frozen=True, eq=False, slots=True)
class Segmentation:
    """Prediction for a window, in units of 1/200; meaningless where the ground was not clear."""

    pond_fraction: Bytes
    """Share of the pixel that is leach pond, shape (y, x), 0 to 200."""
    ground_probability: Bytes
    """Probability of cleared ground of a site, shape (y, x), 0 to 200."""


class Segmenter(Protocol):
    """What turns reflectance into a prediction: the network, or a baseline in its place."""

    @property
    def margin_px(self) -> int:
        """How much wider than its output its input must be, on every side, pixels; a multiple of `ALIGN_PX`."""

    def __call__(self, raster: Raster, windows: Sequence[Window]) -> list[Segmentation]:
        """Predictions for windows inside a raster, each at least `margin_px` from its edge."""


def to_codes(logits: Floats) -> Bytes:
    """Codes (probabilities in 1/200) of logits, rounded in float64: a processor's float32 exp does not matter."""
    with np.errstate(over="ignore"):  # exp of a very negative logit: the probability is 0
        steps = LEVELS / (1 + np.exp(-logits)) + np.float32(0.5)
    codes: Bytes = steps.astype(np.uint8)
    unsure = np.abs(steps - np.rint(steps)) < NEAR_STEP
    codes[unsure] = np.floor(expit(logits[unsure].astype(np.float64)) * LEVELS + 0.5).astype(np.uint8)
    return codes
