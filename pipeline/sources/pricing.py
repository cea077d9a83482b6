"""Price of reading windows of a remote granule, from the headers of its files and its coarser SCL."""

from collections.abc import Sequence

import numpy as np
from rasterio.windows import Window as FileWindow

from pipeline.bands import SCL
from pipeline.grid import Grid, Window
from pipeline.sources.band_stack import BandStack
from pipeline.sources.budget import Usage
from pipeline.sources.interface import Price
from pipeline.sources.pixels import window_in_file
from pipeline.sources.remote import range_usage


def priced(file: BandStack, remote: bool, grid: Grid, windows: Sequence[Window], unclear: Sequence[int]) -> Price:
    """Price of reading a granule on some windows; fetches file headers, and SCL on the windows.

    `remote`: its files are on a server; local files cost nothing. A window without clear pixels costs only SCL.
    """
    names = file.descriptions
    scl = names.index(SCL) + 1 if SCL in names else 0
    read, clear, seen = 0, 0, 0
    needed: dict[int, list[tuple[int, int]]] = {}
    for window in windows:
        part = window_in_file(file, grid, window)
        if part is None:
            continue
        here = FileWindow(part.col, part.row, part.width, part.height)
        wanted = list(range(1, len(names) + 1))
        if scl:
            classes = file.read([scl], here)[0]
            seen += int((classes != 0).sum())
            clear += int((~np.isin(classes, (0, *unclear))).sum())
            if np.isin(classes, unclear).all():
                wanted = [1, scl]
        read += len(wanted) > 2
        for number in wanted if remote else ():
            blocks = file.blocks(number, here) if len(wanted) > 2 or number == scl else []
            needed.setdefault(number, []).extend(blocks)
    total = sum((range_usage(file.file_size(number), blocks) for number, blocks in needed.items()), Usage())
    return Price(total, read, clear / seen if seen else 0.0 if scl else None)
