"""Price of reading windows of a remote granule, from the headers of its files and its coarser SCL."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rasterio.windows import Window as FileWindow

from pipeline.bands import SCL
from pipeline.grid import Grid, Window
from pipeline.sources.band_stack import BandStack
from pipeline.sources.granule_sample import sample_blocks
from pipeline.sources.interface import Price, ReadRules
from pipeline.sources.ledger import Usage
from pipeline.sources.parts import parts_needed
from pipeline.sources.pixels import read_classes
from pipeline.sources.placement import placed
from pipeline.sources.remote import range_usage


class _Need(NamedTuple):
    """What reading one window takes."""

    whole: FileWindow
    """File pixels of SCL."""
    parts: tuple[FileWindow, ...]
    """File pixels of the bands."""
    read_px: int
    """Pixels of the window whose bands are read."""
    measured: int
    """Pixels with an SCL class; 0 without SCL."""
    clear: int
    """Those of them that are clear."""


def priced(file: BandStack, grid: Grid, windows: Sequence[Window], rules: ReadRules) -> Price:
    """Price of reading a granule on some windows; fetches file headers, and SCL on the windows.

    Local files cost nothing. Where nothing is clear only SCL is read. The sample of the granule is counted as for a
    process that has not read of it before.
    """
    scl = file.descriptions.index(SCL) + 1 if SCL in file.descriptions else 0
    needs = [need for window in windows if (need := _need(file, scl, grid, window, rules)) is not None]
    measured, clear = sum(need.measured for need in needs), sum(need.clear for need in needs)
    return Price(
        _usage(file, scl, needs) if file.remote and windows else Usage(),
        sum(need.read_px for need in needs),
        clear / measured if measured else 0.0 if scl else None,
    )


def _need(file: BandStack, scl: int, grid: Grid, window: Window, rules: ReadRules) -> _Need | None:
    """What reading a window takes, by the decisions of `read_window`; None: no overlap. `scl`: its number, 0 = none."""
    whole = _in_file(file, grid, window)
    if whole is None:
        return None
    if not scl:
        return _Need(whole, (whole,), window.area_px, 0, 0)
    place = placed(file, grid, window)
    classes, _ = read_classes(file, scl, place)
    decided = rules.unclear and place.step == 1
    needed = parts_needed(window, classes, rules.unclear) if decided else [window]
    parts = tuple(part for each in needed if (part := _in_file(file, grid, each)) is not None)
    read_px = min(window.area_px, sum(each.area_px for each in needed))
    clear = int((~np.isin(classes, (0, *rules.unclear))).sum())
    return _Need(whole, parts, read_px, int((classes != 0).sum()), clear)


def _in_file(file: BandStack, grid: Grid, window: Window) -> FileWindow | None:
    """File pixels of a window; None: it lies outside."""
    part = placed(file, grid, window).in_file.intersection(Window(0, 0, *file.shape))
    return None if part is None else FileWindow(part.col, part.row, part.width, part.height)


def _usage(file: BandStack, scl: int, needs: Sequence[_Need]) -> Usage:
    """What is requested of each file, in the order of reading; the first band is opened for its grid in any case."""
    blocks: dict[int, list[tuple[int, int]]] = {1: []}
    sampled = False
    for need in needs:
        if scl:
            blocks.setdefault(scl, []).extend(file.blocks(scl, need.whole))
        for part in need.parts:
            for number in range(1, len(file.descriptions) + 1):
                blocks.setdefault(number, []).extend(file.blocks(number, part))
        for number, found in sample_blocks(file).items() if need.parts and not sampled else ():
            blocks[number].extend(found)
        sampled |= bool(need.parts)
    return sum((range_usage(file.file_size(number), found) for number, found in blocks.items()), Usage())
