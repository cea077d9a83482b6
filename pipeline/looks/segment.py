"""From reflectance to pond fraction and mine-ground probability, exactly the same for any cut into windows.

Why it is exact: the network is strictly local (`network.py`), windows are aligned to `grid.ALIGN_PX`, callers grow them
by `margin_px` and crop the result, and one thread computes each convolution the same way for any size and batch.
Callers set `torch.set_num_threads(1)` and use more processes, not more threads: with two threads float32 logits were
seen to differ by 3e-8, which can change a code by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from pipeline.grid import ALIGN_PX, aligned_up
from pipeline.looks.card import ModelCard
from pipeline.looks.weights import Model
from pipeline.raster import Bytes, Floats, Raster

LEVELS = 200
"""The code that means 1."""


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

    def __call__(self, rasters: Sequence[Raster]) -> list[Segmentation]:
        """Predictions for windows of one size; wrong closer to their edges than `margin_px`."""


@dataclass(frozen=True, eq=False, slots=True)
class NetworkSegmenter:
    """A model as a `Segmenter`."""

    model: Model
    """A loaded model."""

    @property
    def margin_px(self) -> int:
        """The receptive radius, rounded up to `ALIGN_PX`."""
        return aligned_up(self.model.card.receptive_radius_px)

    def __call__(self, rasters: Sequence[Raster]) -> list[Segmentation]:
        """As `segment_many`."""
        return segment_many(self.model, rasters)


def segment(model: Model, raster: Raster) -> Segmentation:
    """Codes for the whole window of `raster`; wrong closer to its edge than the receptive radius."""
    return segment_many(model, [raster])[0]


def segment_many(model: Model, rasters: Sequence[Raster]) -> list[Segmentation]:
    """`segment` for several windows of one size at once."""
    for raster in rasters:
        window = raster.window
        if any(v % ALIGN_PX for v in (window.row, window.col, window.height, window.width)):
            raise ValueError(f"{window} is not aligned to {ALIGN_PX} px")
    x = np.stack([normalised(model.card, raster.reflectance, raster.valid) for raster in rasters])
    dtype = torch.bfloat16 if model.precision == "bf16" else torch.float32
    with torch.inference_mode():
        tensor = torch.from_numpy(x).to(model.device, dtype, memory_format=torch.channels_last)
        logits = model.net(tensor).float().cpu().numpy()
    codes = to_codes(logits)
    return [Segmentation(pond_fraction=pair[0], ground_probability=pair[1]) for pair in codes]


def normalised(card: ModelCard, reflectance: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Reflectance (band, y, x) normalised for the network; 0, the mean, where not valid."""
    mean = np.asarray(card.mean, np.float32)[:, None, None]
    std = np.asarray(card.std, np.float32)[:, None, None]
    return np.where(valid, (reflectance - mean) / std, np.float32(0))


def to_codes(logits: Floats) -> Bytes:
    """Codes (probabilities in 1/200) of logits; in float64, so that a processor's float32 exp does not matter."""
    codes: Bytes = np.floor(expit(logits.astype(np.float64)) * LEVELS + 0.5).astype(np.uint8)
    return codes
