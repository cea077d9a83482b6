"""What all clear looks together say of a pixel.

One rule, in the open: a pixel is as much pond (or mine ground) as the k-th highest of some m clear looks in a row says,
k being `agreeing_looks` and m `among_looks` (2 of 3 by default), at the time when that is most. So one bad look (haze,
shadow, a shifted scene) makes no site, two good ones among three do, doubtful looks scattered over the years do not add
up, and looks without a clear view say nothing at all. Where there are fewer than k clear looks, all of them must agree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import EvidenceSettings
from pipeline.grid import Window
from pipeline.looks import Stack
from pipeline.raster import Bools, Bytes, Floats
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
    """Combine the clear looks of a window; looks are in time, whoever brought them in what order."""
    count = stack.clear.sum(axis=0).astype(np.uint16)
    pond, ground = _clear_first([stack.pond, stack.ground], stack.clear)
    return Evidence(
        window=stack.window,
        pond=_agreed(pond, count, settings),
        ground=_agreed(ground, count, settings),
        clear_looks=count,
    )


def _clear_first(planes: list[Bytes], clear: Bools) -> list[Bytes]:
    """Each pixel's clear looks in time, and 0 after them; all (T, y, x). One look at a time: years of them are long."""
    looks, pixels = len(clear), clear[0].size if len(clear) else 0
    moved = [np.zeros((looks, pixels), np.uint8) for _ in planes]
    rank = np.zeros(pixels, np.intp)
    for time, seen in enumerate(clear.reshape(looks, pixels)):
        places = np.flatnonzero(seen)
        at = rank[places]
        for into, plane in zip(moved, planes, strict=True):
            into[at, places] = plane[time].reshape(-1)[places]
        rank[places] += 1
    return [plane.reshape(clear.shape) for plane in moved]


def _kth_highest(run: Bytes, k: int) -> Bytes:
    """The k-th highest of a few layers (n, y, x): each is let fall through the k highest so far."""
    highest = np.zeros((k, *run.shape[1:]), np.uint8)
    for layer in run:
        falling = layer
        for place in highest:
            lower = np.minimum(place, falling)
            np.maximum(place, falling, out=place)
            falling = lower
    kth: Bytes = highest[-1]
    return kth


def _agreed(values: Bytes, count: NDArray[np.uint16], settings: EvidenceSettings) -> Floats:
    """The highest over time of the k-th highest of m looks in a row; `values` (T, y, x), the clear looks first."""
    looks, agreeing = len(values), settings.agreeing_looks
    best = np.zeros(values.shape[1:], np.uint8)
    for begin in range(looks):
        run = values[begin : begin + settings.among_looks]
        if len(run) >= agreeing:
            np.maximum(best, _kth_highest(run, agreeing), out=best)
    few = (count < agreeing) & (count > 0)
    if few.any():
        every = np.where(np.arange(looks)[:, None] < count[few], values[:, few], 255).min(axis=0)
        best[few] = every
    agreed: Floats = (best / np.float32(LEVELS)).astype(np.float32)
    return agreed
