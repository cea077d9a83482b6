"""What all clear looks together say of a pixel.

One rule, in the open: a pixel is as much pond (or mine ground) as the k-th highest of its clear looks
says, k being `agreeing_looks` (2 by default). So one bad look (haze, shadow, a shifted scene) makes no
site, two good ones do, and looks without a clear view say nothing at all. Where there are fewer than k
clear looks, all of them must agree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import EvidenceSettings
from pipeline.grid import Window
from pipeline.looks import Stack
from pipeline.raster import Bytes, Floats
from pipeline.segment import LEVELS


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Evidence:
    """Clear looks combined, on one window."""

    window: Window
    """Where."""
    pond: Floats
    """Pond fraction, 0 to 1, shape (y, x); 0 where never seen."""
    ground: Floats
    """Mine-ground probability, 0 to 1, shape (y, x); 0 where never seen."""
    clear_looks: NDArray[np.uint16]
    """How many clear looks stand behind each pixel, shape (y, x)."""


def fuse(stack: Stack, settings: EvidenceSettings) -> Evidence:
    """Combine the clear looks of a window; the order of looks does not matter."""
    count = stack.clear.sum(axis=0).astype(np.uint16)
    return Evidence(
        window=stack.window,
        pond=_agreed(stack.pond, count, settings.agreeing_looks),
        ground=_agreed(stack.ground, count, settings.agreeing_looks),
        clear_looks=count,
    )


def _agreed(values: Bytes, count: NDArray[np.uint16], agreeing: int) -> Floats:
    """The k-th highest value over time, k = min(agreeing, clear looks); values are 0 where not clear."""
    if len(values) == 0:
        return np.zeros(values.shape[1:], np.float32)
    ranked = -np.sort(-values.astype(np.int16), axis=0)[:agreeing]
    rank = np.clip(count, 1, len(ranked)).astype(np.intp) - 1
    highest = np.take_along_axis(ranked, rank[None], axis=0)[0]
    agreed: Floats = (highest / LEVELS).astype(np.float32)
    return agreed
