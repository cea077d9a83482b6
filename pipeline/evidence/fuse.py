"""The evidence of a pixel from all clear looks together.

One explicit rule: the evidence of pond (or of mine ground) is the k-th highest value of m clear looks in a row, k being
`agreeing_looks` and m `among_looks` (2 of 3 by default), at the time when that is highest. So one bad look (haze,
shadow, a shifted scene) makes no site, two good ones among three do, doubtful looks scattered over the years do not add
up, and looks without a clear view do not count. Where there are fewer than k clear looks, all of them must agree.

The rule never looks back over more than m looks. So the evidence of years can be kept in a few planes, and a run needs
to read only new looks (`cells.py`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import EvidenceSettings
from pipeline.grid import Window
from pipeline.looks.codes import LEVELS
from pipeline.looks.stack import Stacks
from pipeline.raster import Bools, Bytes, Floats


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Evidence:
    """Evidence of all clear looks on one window."""

    window: Window
    """The pixels that its arrays cover."""
    pond: Floats
    """Pond fraction, 0 to 1, shape (y, x); 0 where never seen."""
    ground: Floats
    """Mine-ground probability, 0 to 1, shape (y, x); 0 where never seen."""
    clear_looks: NDArray[np.uint16]
    """Number of clear looks at each pixel, shape (y, x)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class RunningEvidence:
    """Evidence from the looks so far, in a form that can be continued with later looks."""

    best: Bytes
    """The highest value that k of m looks in a row agreed on, in 1/200, shape (y, x)."""
    last: Bytes
    """Values of the last m - 1 clear looks, the earliest first, in 1/200, 0 after them; shape (m - 1, y, x)."""
    count: Bytes
    """Number of clear looks, counted up to m, shape (y, x)."""

    @classmethod
    def empty(cls, shape: tuple[int, int], settings: EvidenceSettings) -> "RunningEvidence":
        """The evidence before the first look."""
        return cls(
            best=np.zeros(shape, np.uint8),
            last=np.zeros((settings.among_looks - 1, *shape), np.uint8),
            count=np.zeros(shape, np.uint8),
        )

    def updated(self, values: Bytes, clear: Bools, settings: EvidenceSettings) -> "RunningEvidence":
        """This evidence with later looks added: `values` (T, y, x) in 1/200, `clear` (T, y, x), in order of time."""
        count = np.minimum(self.count + clear.sum(axis=0, dtype=np.uint16), settings.among_looks).astype(np.uint8)
        best, last = self.best.copy(), np.zeros_like(self.last)
        # Ponds are rare: where neither the new looks nor the last ones show any, nothing but the count changes.
        shown = np.bitwise_or.reduce(values, axis=0) | np.bitwise_or.reduce(self.last, axis=0)
        if shown.any():
            rows, cols = np.nonzero(shown)
            here = RunningEvidence(best=best[rows, cols], last=self.last[:, rows, cols], count=self.count[rows, cols])
            best[rows, cols], last[:, rows, cols] = _after(here, values[:, rows, cols], clear[:, rows, cols], settings)
        return RunningEvidence(best=best, last=last, count=count)

    def agreed(self, settings: EvidenceSettings) -> Floats:
        """The value that looks agree on, 0 to 1, shape (y, x); where there are fewer than k, their lowest value."""
        return in_shares(self.agreed_codes(settings))

    def agreed_codes(self, settings: EvidenceSettings) -> Bytes:
        """The same in 1/200."""
        agreed = self.best.copy()
        if self.last.any():
            for few in range(1, settings.agreeing_looks):  # fewer than k looks are all among the last m - 1
                here = self.count == few
                agreed[here] = self.last[:few, here].min(axis=0)
        return agreed


def in_shares(codes: Bytes) -> Floats:
    """Values in 1/200 as shares, 0 to 1."""
    shares: Floats = (codes / np.float32(LEVELS)).astype(np.float32)
    return shares


def fuse(stacks: Stacks, settings: EvidenceSettings) -> Evidence:
    """Combine the clear looks of a window; they are in order of time, whatever order the looks were read in."""
    shape = stacks.window.shape
    pond = ground = RunningEvidence.empty(shape, settings)
    looks = np.zeros(shape, np.uint16)
    for stack in stacks.parts():
        pond = pond.updated(stack.pond, stack.seen, settings)
        ground = ground.updated(stack.ground, stack.seen, settings)
        looks += stack.seen.sum(axis=0, dtype=np.uint16)
    return Evidence(window=stacks.window, pond=pond.agreed(settings), ground=ground.agreed(settings), clear_looks=looks)


def _after(before: RunningEvidence, values: Bytes, clear: Bools, settings: EvidenceSettings) -> tuple[Bytes, Bytes]:
    """`best` (n) and `last` (m - 1, n) of some pixels with later looks added; `values` and `clear` (T, n)."""
    last = before.last
    places = np.arange(len(last))[:, None]
    seen = np.concatenate([places < before.count, clear])
    run = _clear_first(np.concatenate([last, values]), seen)
    count = seen.sum(axis=0)
    known = np.minimum(count, len(last))
    if len(run):
        last = np.take_along_axis(run, np.minimum(places + (count - known), len(run) - 1), axis=0)
    return np.maximum(before.best, _highest_agreed(run, settings)), np.where(places < known, last, 0).astype(np.uint8)


def _clear_first(values: Bytes, clear: Bools) -> Bytes:
    """Each pixel's clear looks in order of time, and 0 after them; all (T, n).

    Works one look at a time, because years of looks are large.
    """
    moved = np.zeros_like(values)
    rank = np.zeros(values.shape[1], np.intp)
    for value, seen in zip(values, clear, strict=True):
        places = np.flatnonzero(seen)
        moved[rank[places], places] = value[places]
        rank[places] += 1
    return moved


def _highest_agreed(run: Bytes, settings: EvidenceSettings) -> Bytes:
    """The highest over time of the k-th highest of m looks in a row, (n); `run` (T, n), the clear looks first."""
    best = np.zeros(run.shape[1:], np.uint8)
    for begin in range(len(run) - settings.agreeing_looks + 1):
        np.maximum(best, _kth_highest(run[begin : begin + settings.among_looks], settings.agreeing_looks), out=best)
    return best


def _kth_highest(run: Bytes, k: int) -> Bytes:
    """The k-th highest of a few layers (count, n): each layer is inserted into the k highest so far."""
    highest = np.zeros((k, *run.shape[1:]), np.uint8)
    for layer in run:
        falling = layer
        for place in highest:
            lower = np.minimum(place, falling)
            np.maximum(place, falling, out=place)
            falling = lower
    kth: Bytes = highest[-1]
    return kth
