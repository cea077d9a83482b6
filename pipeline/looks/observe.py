"""One look, from granules to pixels in memory: read with a margin, tested for clear ground, segmented, cropped.

Runs and evaluation both make their looks here, so what is measured is what users get.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.bands import NAMES
from pipeline.config import ClearSettings
from pipeline.grid import Window
from pipeline.looks.clear import clear
from pipeline.looks.codes import LEVELS, Segmenter
from pipeline.looks.rectangles import rectangles
from pipeline.looks.screen import screened
from pipeline.looks.squares import Squares, sums
from pipeline.looks.task import LookTask, reads
from pipeline.raster import Bools, Bytes, Floats, Raster, reflectance_in
from pipeline.sources.interface import Reader

NO_DATA, NOT_CLEAR, CLEAR, SCREENED = 0, 1, 2, 3
"""States of a pixel of a look. Screened: clear, and not shown to the network (`screen.py`)."""
NO_VALUE = 255
"""Pond fraction and ground probability where the ground was not clear."""
SAMPLE_STEP = 16
"""One of this many clear pixels is sampled for `clear_p10`."""
MIN_SAMPLES = 500
"""With fewer samples, `clear_p10` is empty."""
POND_CODE, POND_PX = 30, 0.6
"""A square shows ponds where pixels of this code or above add up to so many pixels of pond: 60 m², the least that can
be a site."""
PERCENTILE = 10
"""Low enough that dark forest decides it, whichever gap in the clouds is seen."""


@dataclass(frozen=True, eq=False, slots=True)
class LookContent:
    """Content of a look before it is written to a file."""

    bands: Bytes
    """Pond fraction, ground probability (in 1/200; `NO_VALUE` where not clear) and state; (3, y, x) on the extent."""
    notes: tuple[str, ...]
    """What differed from a normal read, one line each."""
    clear_p10: tuple[float, ...]
    """10th-percentile clear-sky reflectance, one per band; empty where too little was clear."""
    extent: Window
    """Window that it covers."""

    @property
    def clear_share(self) -> float:
        """Share of the measured pixels that were clear, 0 to 1."""
        return clear_share_of(self.bands)

    @property
    def screened(self) -> Squares:
        """Squares with screened pixels."""
        return Squares.of(self.extent, sums(self.bands[2] == SCREENED, self.extent) > 0)

    @property
    def ponds(self) -> Squares:
        """Squares that show at least a little pond."""
        return ponds_in(self.bands, self.extent)


def clear_share_of(bands: Bytes) -> float:
    """Share of the measured pixels of a look (3, y, x) that were clear, 0 to 1."""
    measured = int(np.count_nonzero(bands[2] != NO_DATA))
    return float(np.count_nonzero(bands[2] >= CLEAR) / measured) if measured else 0.0


def ponds_in(bands: Bytes, extent: Window) -> Squares:
    """Squares of a look (3, y, x) that show at least `POND_PX` of pond."""
    codes = bands[0]
    shown = np.where((codes >= POND_CODE) & (bands[2] == CLEAR), codes, 0)
    return Squares.of(extent, sums(shown, extent) >= POND_PX * LEVELS)


def observe(
    task: LookTask, source: Reader, segmenter: Segmenter, margin_px: int, settings: ClearSettings
) -> LookContent:  # fmt: skip
    """What one overpass shows of a block, read and segmented in pieces as large as memory allows.

    Where the task has `spared` ground, the rest is screened first. Each piece is read with a margin, at most
    `margin_px` (`recipe.read_margin_px`), so the result does not depend on how the block was cut. Ground that is not
    clear is not segmented. Raises as `Reader.read`.
    """
    extent = task.extent
    bands = np.full((3, *extent.shape), NO_VALUE, np.uint8)
    bands[2] = NO_DATA
    notes: set[str] = set()
    samples = [np.zeros((len(NAMES), 0), np.float32)]
    for piece, shown in reads(task, margin_px, segmenter.margin_px, settings):
        raster = source.read(task.overpass.scenes, task.grid, shown)
        notes.update(raster.notes)
        cut = piece.within(raster.window)
        seen = clear(raster, settings)[cut]
        planes = bands[(slice(None), *piece.within(extent))]
        planes[2] = np.where(seen, CLEAR, np.where(raster.valid[cut], NOT_CLEAR, NO_DATA))
        skipped = _skipped(raster, piece, seen, task.spared)
        planes[2][skipped] = SCREENED
        _segment(segmenter, raster, piece, seen & ~skipped, planes)
        samples += [_sampled(raster, part, seen[part.within(piece)]) for part in _parts(task.windows, piece)]
    return LookContent(bands, tuple(sorted(notes)), _percentiles(np.concatenate(samples, axis=1)), extent)


def _skipped(raster: Raster, piece: Window, seen: Bools, spared: Sequence[Window] | None) -> Bools:
    """The clear pixels of a piece, (y, x), that are not shown to the network."""
    if spared is not None:
        return screened(raster, piece, seen, spared)
    return np.zeros(piece.shape, bool)


def _segment(segmenter: Segmenter, raster: Raster, piece: Window, wanted: Bools, planes: Bytes) -> None:
    """Write what is predicted for the wanted pixels of a piece (y, x) into its planes (3, y, x)."""
    windows = rectangles(wanted, piece, segmenter.margin_px)
    for window, answer in zip(windows, segmenter(raster, windows), strict=True):
        here = window.within(piece)
        for plane, codes in zip(planes, (answer.pond_fraction, answer.ground_probability), strict=False):
            np.copyto(plane[here], codes, where=wanted[here])


def _parts(windows: Sequence[Window], piece: Window) -> list[Window]:
    """The windows of a task within a piece of it."""
    return [part for part in (window.intersection(piece) for window in windows) if part is not None]


def _sampled(raster: Raster, window: Window, clear_here: Bools) -> Floats:
    """Reflectance (band, n) of one of `SAMPLE_STEP` clear pixels of a window, (y, x), as far as bands were read."""
    if raster.unread is not None:
        clear_here = clear_here & ~raster.unread[window.within(raster.window)]
    chosen = np.flatnonzero(clear_here)[::SAMPLE_STEP]
    rows, cols = np.unravel_index(chosen, clear_here.shape)
    above, left = window.row - raster.window.row, window.col - raster.window.col
    pixels = raster.pixels[:, rows + above, cols + left]
    return reflectance_in(pixels, raster.radiometry, np.ones(len(chosen), bool))


def _percentiles(samples: Floats) -> tuple[float, ...]:
    """10th percentile per band of samples (band, n), rounded as in look files; empty with too few samples."""
    if samples.shape[1] < MIN_SAMPLES:
        return ()
    return tuple(round(float(value), 5) for value in np.percentile(samples, PERCENTILE, axis=1))
