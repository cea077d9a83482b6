"""Where to look closer: ground that was screened out of some looks, and must not have been.

A site is found, dated and withdrawn by looks of the network alone. So where it may be, no look stays screened:

* where any look shows ponds, the next looks before and after it, because as many must agree as make evidence;
* where as many do, all looks;
* on the ground of each site, known or just found, all looks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipeline.grid import Window, joined
from pipeline.looks.look import Look
from pipeline.looks.squares import SQUARE_PX, Squares, shape_of, touching
from pipeline.raster import Bools

COMPARED_PX = 2048
"""Side of the squares of ground by which looks are compared."""


@dataclass(frozen=True, slots=True)
class Closer:
    """What is to be looked at again in one overpass."""

    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Its name."""
    windows: tuple[Window, ...]
    """Rectangles of the squares that were screened out and are wanted, sorted."""


def closer(looks: Iterable[Look], ground: Iterable[Window], beside: int, agreeing: int) -> list[Closer]:
    """What to look at again in some looks that count; in order of time.

    `ground`: squares of known ground of sites. `beside`: looks to either side of one with ponds that are wanted.
    `agreeing`: where so many looks show ponds, all are.
    """
    known = set(ground)
    shelves: dict[Window, list[Look]] = {}
    for look in looks:
        for shelf in look.extent.cells(COMPARED_PX):
            shelves.setdefault(shelf, []).append(look)
    wanted: dict[tuple[date, str], set[Window]] = {}
    for shelf, members in shelves.items():
        here = touching(known, shelf)
        if any(look.screened for look in members) and (here.any() or any(look.ponds for look in members)):
            for when, squares in _on_shelf(shelf, members, here, beside, agreeing):
                wanted.setdefault(when, set()).update(squares)
    return [Closer(*when, tuple(joined(sorted(wanted[when])))) for when in sorted(wanted)]


def _on_shelf(
    shelf: Window, looks: Sequence[Look], ground: Bools, beside: int, agreeing: int
) -> Iterator[tuple[tuple[date, str], list[Window]]]:  # fmt: skip
    """Overpass and squares, for each overpass with something to look at again."""
    passes: dict[tuple[date, str], list[Look]] = {}
    for look in looks:
        passes.setdefault((look.day, look.overpass), []).append(look)
    order = sorted(passes)
    layers = [_layer(shelf, passes[when]) for when in order]
    hidden, ponds = (np.stack([layer[k] for layer in layers]) for k in range(2))
    wanted = hidden & (ground | (ponds.sum(axis=0) >= agreeing))
    for k, row, col in np.argwhere(ponds):
        before = np.flatnonzero(hidden[:k, row, col])[::-1][:beside]
        after = k + 1 + np.flatnonzero(hidden[k + 1 :, row, col])[:beside]
        wanted[before, row, col] = wanted[after, row, col] = True
    for when, mask in zip(order, wanted, strict=True):
        if mask.any():
            yield when, list(Squares.of(shelf, mask))


def _layer(shelf: Window, looks: Sequence[Look]) -> tuple[Bools, Bools]:
    """Which squares of a shelf one overpass has screened out, and where it shows ponds: by what ranks highest there."""
    hidden, ponds = (np.zeros(shape_of(shelf), bool) for _ in range(2))
    for look in sorted(looks, key=lambda look: look.rank):
        for window in joined(sorted(look.windows)):
            part = _squares(shelf, window)
            hidden[part] = ponds[part] = False
        hidden |= look.screened.on(shelf) if look.screened else False
        ponds |= look.ponds.on(shelf) if look.ponds else False
    return hidden, ponds


def _squares(shelf: Window, window: Window) -> tuple[slice, slice]:
    """The squares of a shelf that a window holds wholly, as rows and columns."""
    rows, cols = shape_of(shelf)
    top, left = (-(-first // SQUARE_PX) for first in (window.row - shelf.row, window.col - shelf.col))
    below, right = (
        last // SQUARE_PX for last in (window.row + window.height - shelf.row, window.col + window.width - shelf.col)
    )
    return slice(max(0, top), max(0, min(rows, below))), slice(max(0, left), max(0, min(cols, right)))
