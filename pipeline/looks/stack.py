"""Looks as a time stack: found by location, read as one layer per overpass."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from pipeline.grid import Window
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, NO_DATA
from pipeline.looks.reader import LookReader
from pipeline.raster import Bytes


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Stack:
    """All looks on one window, in order of time."""

    window: Window
    """Window of the grid."""
    days: tuple[date, ...]
    """Day of each overpass, ascending, length T."""
    overpasses: tuple[str, ...]
    """Name of each overpass, length T."""
    pond: Bytes
    """Pond fraction in 1/200, shape (T, y, x); 0 where not clear."""
    ground: Bytes
    """Mine-ground probability in 1/200, shape (T, y, x); 0 where not clear."""
    clear: NDArray[np.bool_]
    """Shape (T, y, x). True: the ground was clear, and the network looked at it. What was screened out is none: it
    dates nothing and withdraws nothing."""
    seen: NDArray[np.bool_]
    """Shape (T, y, x). True: the ground was clear, whether the network looked at it or it was screened out."""
    measured: NDArray[np.bool_]
    """Shape (T,). True: the overpass measured at least one pixel here, clear or not."""


def read_stack(looks: Iterable[Look], window: Window, reader: LookReader | None = None) -> Stack:
    """All looks that touch `window`, cropped to it; the looks of one overpass become one layer.

    Where several looks of an overpass measured a pixel, that of the greatest rank counts. `reader`: where several
    windows of the same looks are read; it must be entered.
    """
    layers: dict[tuple[date, str], Bytes] = {}
    with nullcontext(reader) if reader is not None else LookReader() as opened:
        best_first = sorted(looks, key=lambda look: look.rank, reverse=True)
        for look in sorted(best_first, key=lambda look: (look.day, look.overpass)):
            part = window.intersection(look.extent)
            if part is None:
                continue
            layer = layers.get((look.day, look.overpass))
            if layer is None:
                layer = layers[look.day, look.overpass] = np.zeros((3, *window.shape), np.uint8)
            _fill(layer[(slice(None), *part.within(window))], opened.read(look.pixels, part))
    order = sorted(layers)
    cube = np.stack([layers[k] for k in order]) if order else np.zeros((0, 3, *window.shape), np.uint8)
    clear = cube[:, 2] == CLEAR
    return Stack(
        window=window,
        days=tuple(day for day, _ in order),
        overpasses=tuple(name for _, name in order),
        pond=cube[:, 0] * clear,
        ground=cube[:, 1] * clear,
        clear=clear,
        seen=cube[:, 2] >= CLEAR,
        measured=(cube[:, 2] != NO_DATA).any(axis=(1, 2)),
    )


def _fill(layer: Bytes, pixels: Bytes) -> None:
    """Write pixels (3, y, x) into a layer of the same shape, where nothing was measured yet."""
    empty = layer[2] == NO_DATA
    if empty.all():
        layer[...] = pixels
    else:
        np.copyto(layer, pixels, where=empty)


class LookArchive:
    """An index of looks by location."""

    def __init__(self, looks: Sequence[Look], cell_px: int) -> None:
        """Index looks by the aligned squares of `cell_px` that they touch."""
        self.cell_px = cell_px
        self._by_cell: dict[Window, list[Look]] = {}
        by_extent: dict[Window, list[Look]] = {}
        for look in looks:
            by_extent.setdefault(look.extent, []).append(look)
        for extent, members in by_extent.items():
            for cell in extent.cells(cell_px):
                self._by_cell.setdefault(cell, []).extend(members)

    def cells(self) -> list[Window]:
        """The cells that have looks, north to south."""
        return sorted(self._by_cell)

    def looks(self, cell: Window) -> list[Look]:
        """The looks that touch a cell."""
        return self._by_cell.get(cell, [])

    def looks_at(self, window: Window) -> list[Look]:
        """The looks that touch any window, in order of time."""
        found = {look.key: look for cell in window.cells(self.cell_px) for look in self.looks(cell)}
        touching = [look for look in found.values() if look.extent.intersection(window)]
        return sorted(touching, key=lambda look: (look.day, look.overpass, look.key))

    def stack(self, window: Window) -> Stack:
        """All looks on any window, whatever blocks they came from."""
        return read_stack(self.looks_at(window), window)
