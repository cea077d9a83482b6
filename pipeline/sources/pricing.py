"""Price of reading windows of a remote granule, from the headers of its files and its coarser SCL."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rasterio.windows import Window as FileWindow

from pipeline.bands import SCL
from pipeline.grid import Grid, Window
from pipeline.sources.band_stack import BandStack
from pipeline.sources.budget import Usage
from pipeline.sources.granule_sample import sample_blocks
from pipeline.sources.interface import Price
from pipeline.sources.pixels import needs_no_bands, read_classes
from pipeline.sources.placement import placed
from pipeline.sources.remote import range_usage


class _Need(NamedTuple):
    """What reading one window takes."""

    part: FileWindow
    """File pixels."""
    bands: bool
    """True: the bands as well as SCL."""
    measured: int
    """Pixels with an SCL class; 0 without SCL."""
    clear: int
    """Those of them that are clear."""


def priced(file: BandStack, grid: Grid, windows: Sequence[Window], unclear: Sequence[int]) -> Price:
    """Price of reading a granule on some windows; fetches file headers, and SCL on the windows.

    Local files cost nothing. A window without clear pixels costs only SCL. The sample of the granule is counted as for
    a process that has not read of it before.
    """
    scl = file.descriptions.index(SCL) + 1 if SCL in file.descriptions else 0
    needs = [need for window in windows if (need := _need(file, scl, grid, window, unclear)) is not None]
    measured, clear = sum(need.measured for need in needs), sum(need.clear for need in needs)
    return Price(
        _usage(file, scl, needs) if file.remote and windows else Usage(),
        sum(need.bands for need in needs),
        clear / measured if measured else 0.0 if scl else None,
    )


def _need(file: BandStack, scl: int, grid: Grid, window: Window, unclear: Sequence[int]) -> _Need | None:
    """What reading a window takes, by the decisions of `read_window`; None: no overlap. `scl`: its number, 0 = none."""
    place = placed(file, grid, window)
    part = place.in_file.intersection(Window(0, 0, *file.shape))
    if part is None:
        return None
    here = FileWindow(part.col, part.row, part.width, part.height)
    if not scl:
        return _Need(here, True, 0, 0)
    classes, _ = read_classes(file, scl, place)
    clear = int((~np.isin(classes, (0, *unclear))).sum())
    return _Need(here, not needs_no_bands(place, classes, unclear), int((classes != 0).sum()), clear)


def _usage(file: BandStack, scl: int, needs: Sequence[_Need]) -> Usage:
    """What is requested of each file, in the order of reading; the first band is opened for its grid in any case."""
    blocks: dict[int, list[tuple[int, int]]] = {1: []}
    sampled = False
    for need in needs:
        for number in range(1, len(file.descriptions) + 1) if need.bands else (scl,):
            blocks.setdefault(number, []).extend(file.blocks(number, need.part))
        for number, found in sample_blocks(file).items() if need.bands and not sampled else ():
            blocks[number].extend(found)
        sampled |= need.bands
    return sum((range_usage(file.file_size(number), found) for number, found in blocks.items()), Usage())
