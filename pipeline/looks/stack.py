"""Looks as a time stack: found by location, read as one layer per overpass."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.grid import Window
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, NO_DATA
from pipeline.looks.reader import LookReader
from pipeline.raster import Bytes

MOST_PIXELS = 16_000_000
"""Pixels of all looks that are in memory at once: at five bytes each, and weighing needs three times that."""


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

    def parts(self) -> Iterator["Stack"]:
        """As `Stacks.parts`: the stack itself."""
        yield self


class Stacks(Protocol):
    """All looks on one window in order of time, as one stack or as several."""

    @property
    def window(self) -> Window:
        """Window of the grid."""

    def parts(self) -> Iterator[Stack]:
        """Stacks of some overpasses each, in order of time, from the first one each time that it is called."""


@dataclass(frozen=True, eq=False, slots=True)
class LongStack:
    """The looks of so many overpasses on one window that only some are in memory at once; each pass reads them anew."""

    window: Window
    """Window of the grid."""
    groups: tuple[tuple[Look, ...], ...]
    """The looks of each part, which share no overpass; in order of time."""

    def parts(self) -> Iterator[Stack]:
        """As `Stacks.parts`."""
        for looks in self.groups:
            yield read_stack(looks, self.window)


def stacks_of(looks: Iterable[Look], window: Window) -> Stacks:
    """All looks that touch `window`, in memory where they are few, else part by part."""
    passes: dict[tuple[date, str], list[Look]] = {}
    for look in looks:
        if window.intersection(look.extent) is not None:
            passes.setdefault((look.day, look.overpass), []).append(look)
    most = max(1, MOST_PIXELS // window.area_px)
    ordered = [passes[each] for each in sorted(passes)]
    groups = [ordered[first : first + most] for first in range(0, len(ordered), most)]
    if len(groups) <= 1:
        return read_stack([look for members in ordered for look in members], window)
    return LongStack(window, tuple(tuple(look for members in group for look in members) for group in groups))


def read_stack(looks: Iterable[Look], window: Window, reader: LookReader | None = None) -> Stack:
    """All looks that touch `window`, cropped to it; the looks of one overpass become one layer.

    Where several looks of an overpass measured a pixel, that of the greatest rank counts. `reader`: where several
    windows of the same looks are read; it must be entered. Raises as `LookReader.read`.
    """
    touching = [(look, part) for look in looks if (part := window.intersection(look.extent)) is not None]
    order = sorted({(look.day, look.overpass) for look, _ in touching})
    layer = {each: t for t, each in enumerate(order)}
    pond, ground, state = np.zeros((3, len(order), *window.shape), np.uint8)
    with nullcontext(reader) if reader is not None else LookReader() as opened:
        best_first = sorted(touching, key=lambda each: each[0].rank, reverse=True)
        for look, part in sorted(best_first, key=lambda each: (each[0].day, each[0].overpass)):
            here = (layer[look.day, look.overpass], *part.within(window))
            _fill((pond[here], ground[here], state[here]), opened.read(look.pixels, part))
    clear = state == CLEAR
    pond *= clear
    ground *= clear
    return Stack(
        window=window,
        days=tuple(day for day, _ in order),
        overpasses=tuple(name for _, name in order),
        pond=pond,
        ground=ground,
        clear=clear,
        seen=state >= CLEAR,
        measured=(state != NO_DATA).any(axis=(1, 2)),
    )


def _fill(planes: Sequence[Bytes], pixels: Bytes) -> None:
    """Write pixels (3, y, x) into the three planes of a layer, where nothing was measured yet."""
    empty = planes[2] == NO_DATA
    if empty.all():
        for plane, values in zip(planes, pixels, strict=True):
            plane[...] = values
    else:
        for plane, values in zip(planes, pixels, strict=True):
            np.copyto(plane, values, where=empty)


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
        """All looks on any window at once, whatever blocks they came from."""
        return read_stack(self.looks_at(window), window)

    def stacks(self, window: Window) -> Stacks:
        """The same in parts, where there are too many."""
        return stacks_of(self.looks_at(window), window)
