"""Which rectangles to show to the network, where only some of the ground is wanted.

Each rectangle is shown with a margin, so many small ones cost more than they hold, and one large one shows what nobody
wanted. A square of the grid is shown as the rectangle around what is wanted in it, or as its four quarters, each cut
the same way, whichever costs less.
"""

import numpy as np

from pipeline.grid import Window
from pipeline.looks.squares import SQUARE_PX, sums
from pipeline.raster import Bools

CALL_PX = 6_000
"""What showing a rectangle costs besides its pixels, in pixels."""


def rectangles(wanted: Bools, window: Window, margin_px: int) -> list[Window]:
    """Rectangles inside a window that hold all wanted pixels (y, x) and do not overlap, shown with a margin each.

    They begin and end on multiples of `SQUARE_PX` or at the edges of the window.
    """
    if wanted.all():
        return [window]
    squares = sums(wanted, window) > 0
    return [_pixels(each, window) for each in _cheapest(squares, 0, 0, _power(squares), margin_px)[1]]


def _power(squares: Bools) -> int:
    return int(1 << (max(squares.shape) - 1).bit_length())


_Squares = tuple[int, int, int, int]
"""First row and column, rows and columns of some squares."""


def _cheapest(squares: Bools, row: int, col: int, side: int, margin_px: int) -> tuple[int, list[_Squares]]:
    """Cost and rectangles of what is wanted in a square of `side` squares."""
    part = squares[row : row + side, col : col + side]
    rows, cols = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return 0, []
    whole = (row + int(rows[0]), col + int(cols[0]), int(rows[-1] - rows[0]) + 1, int(cols[-1] - cols[0]) + 1)
    cost = _cost(whole[2], whole[3], margin_px)
    if side == 1 or len(rows) * len(cols) == int(part.sum()):
        return cost, [whole]
    half = side // 2
    quarters = [
        _cheapest(squares, row + down, col + right, half, margin_px) for down in (0, half) for right in (0, half)
    ]
    parts = sum(each[0] for each in quarters)
    return (cost, [whole]) if cost <= parts else (parts, [one for each in quarters for one in each[1]])


def _cost(rows: int, cols: int, margin_px: int) -> int:
    return (rows * SQUARE_PX + 2 * margin_px) * (cols * SQUARE_PX + 2 * margin_px) + CALL_PX


def _pixels(part: _Squares, window: Window) -> Window:
    """The pixels of some squares that lie in the window."""
    row, col = window.row // SQUARE_PX * SQUARE_PX, window.col // SQUARE_PX * SQUARE_PX
    found = Window(row + part[0] * SQUARE_PX, col + part[1] * SQUARE_PX, part[2] * SQUARE_PX, part[3] * SQUARE_PX)
    inside = found.intersection(window)
    assert inside is not None  # each square has a pixel in it
    return inside
