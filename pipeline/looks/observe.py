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
from pipeline.looks.segment import Segmentation, Segmenter
from pipeline.looks.task import LookTask
from pipeline.raster import Bools, Bytes, Floats, Raster
from pipeline.sources.interface import Source

NO_DATA, NOT_CLEAR, CLEAR = 0, 1, 2
"""States of a pixel of a look."""
NO_VALUE = 255
"""Pond fraction and ground probability where the ground was not clear."""
SAMPLE_STEP = 16
"""One of this many clear pixels is sampled for `clear_p10`."""
MIN_SAMPLES = 500
"""With fewer samples, `clear_p10` is empty."""
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

    @property
    def clear_share(self) -> float:
        """Share of the measured pixels that were clear, 0 to 1."""
        measured = int((self.bands[2] != NO_DATA).sum())
        return float((self.bands[2] == CLEAR).sum()) / measured if measured else 0.0


def observe(
    task: LookTask, source: Source, segmenter: Segmenter, margin_px: int, settings: ClearSettings, batch: int
) -> LookContent:
    """What one overpass shows of a block; `batch` windows are read and segmented at once.

    Each window is read with `margin_px` around it (`task.read_margin_px`), so the result does not depend on how the
    block was cut. Windows without a clear pixel are not segmented. Raises as `Source.read`.
    """
    extent = task.extent
    bands = np.full((3, *extent.shape), NO_VALUE, np.uint8)
    bands[2] = NO_DATA
    notes: set[str] = set()
    samples = [np.zeros((len(NAMES), 0), np.float32)]
    for begin in range(0, len(task.windows), batch):
        windows = task.windows[begin : begin + batch]
        rasters = [source.read(task.overpass.scenes, task.grid, window.grown(margin_px)) for window in windows]
        notes.update(note for raster in rasters for note in raster.notes)
        seen = [clear(r, settings)[w.within(r.window)] for w, r in zip(windows, rasters, strict=True)]
        predicted = _segmented(segmenter, windows, rasters, seen)
        for window, raster, where, answer in zip(windows, rasters, seen, predicted, strict=True):
            cut = window.within(raster.window)
            bands[(slice(None), *window.within(extent))] = _encoded(raster.valid[cut], where, answer)
            samples.append(raster.reflectance[:, *cut][:, where][:, ::SAMPLE_STEP])
    return LookContent(bands, tuple(sorted(notes)), _percentiles(np.concatenate(samples, axis=1)))


def _segmented(
    segmenter: Segmenter, windows: Sequence[Window], rasters: Sequence[Raster], seen: Sequence[Bools]
) -> list[Segmentation | None]:
    """Predictions for the windows with a clear pixel, None for others; windows of one size are predicted together."""
    predicted: list[Segmentation | None] = [None] * len(windows)
    by_shape: dict[tuple[int, int], list[int]] = {}
    for number, window in enumerate(windows):
        if seen[number].any():
            by_shape.setdefault(window.shape, []).append(number)
    for numbers in by_shape.values():
        wanted = [rasters[k].cropped(windows[k].grown(segmenter.margin_px)) for k in numbers]
        for k, raster, answer in zip(numbers, wanted, segmenter(wanted), strict=True):
            cut = windows[k].within(raster.window)
            predicted[k] = Segmentation(answer.pond_fraction[cut], answer.ground_probability[cut])
    return predicted


def _encoded(valid: Bools, clear_here: Bools, predicted: Segmentation | None) -> Bytes:
    """The three planes of a window (3, y, x)."""
    planes = np.full((3, *valid.shape), NO_VALUE, np.uint8)
    planes[2] = np.where(valid, np.where(clear_here, CLEAR, NOT_CLEAR), NO_DATA)
    if predicted is not None:
        planes[0] = np.where(clear_here, predicted.pond_fraction, NO_VALUE)
        planes[1] = np.where(clear_here, predicted.ground_probability, NO_VALUE)
    return planes


def _percentiles(samples: Floats) -> tuple[float, ...]:
    """10th percentile per band of samples (band, n), rounded as in look files; empty with too few samples."""
    if samples.shape[1] < MIN_SAMPLES:
        return ()
    return tuple(round(float(value), 5) for value in np.percentile(samples, PERCENTILE, axis=1))
