"""Squares of the grid, 640 m wide: the unit in which it is decided what the network need not see.

A look remembers two sets of them, as one bit each: those that were screened out, and those where it shows ponds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.grid import Window
from pipeline.raster import Bools

SQUARE_PX = 64
"""Side of a square, pixels; squares lie on multiples of it from the grid's origin."""


@dataclass(frozen=True, slots=True)
class Squares:
    """A set of squares among those that a window touches."""

    window: Window
    """The window, pixels; of no meaning where the set is empty."""
    bits: bytes = b""
    """One bit per square of the window, north to south, west to east; empty = none."""

    @classmethod
    def of(cls, window: Window, mask: Bools) -> "Squares":
        """The squares of a window where `mask` (row, column of squares) is True."""
        return cls(window, np.packbits(mask).tobytes() if mask.any() else b"")

    @classmethod
    def of_text(cls, window: Window, text: str) -> "Squares":
        """The set that `text` was made of. Raises `ValueError` for any other text."""
        bits, (rows, cols) = bytes.fromhex(text), shape_of(window)
        if bits and len(bits) != -(-rows * cols // 8):
            raise ValueError(f"{len(bits)} bytes are not the squares of {window}")
        return cls(window, bits)

    @property
    def text(self) -> str:
        """The bits as hexadecimal digits, with those after the last row; empty = none."""
        return self.bits.hex()

    @property
    def mask(self) -> Bools:
        """Shape (row, column of squares), from the square of the window's corner."""
        rows, cols = shape_of(self.window)
        if not self.bits:
            return np.zeros((rows, cols), bool)
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=rows * cols)
        return flat.reshape(rows, cols).astype(bool)

    def on(self, window: Window) -> Bools:
        """Which squares of a window are in the set, (row, column of squares)."""
        out = np.zeros(shape_of(window), bool)
        own = _in_squares(self.window)
        shared = _in_squares(window).intersection(own)
        if self.bits and shared is not None:
            out[shared.within(_in_squares(window))] = self.mask[shared.within(own)]
        return out

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.bits)

    def __iter__(self) -> Iterator[Window]:
        """The squares, whole, whatever part of them the window holds."""
        if self.bits:
            row, col = self.window.row // SQUARE_PX, self.window.col // SQUARE_PX
            for down, right in np.argwhere(self.mask):
                yield square_at(row + int(down), col + int(right))


def shape_of(window: Window) -> tuple[int, int]:
    """How many squares a window touches, (rows, columns)."""
    rows, cols = (
        (first + count - 1) // SQUARE_PX - first // SQUARE_PX + 1
        for first, count in ((window.row, window.height), (window.col, window.width))
    )
    return rows, cols


def _in_squares(window: Window) -> Window:
    """A window in squares instead of pixels."""
    return Window(window.row // SQUARE_PX, window.col // SQUARE_PX, *shape_of(window))


def square_at(row: int, col: int) -> Window:
    """The square of a row and column, counted in squares from the grid's origin."""
    return Window(row * SQUARE_PX, col * SQUARE_PX, SQUARE_PX, SQUARE_PX)


def sums(pixels: NDArray[Any], window: Window) -> NDArray[Any]:
    """Sums of the pixels (y, x) of a window over each of its squares, shape (row, column of squares)."""
    starts = [
        np.unique(
            np.maximum(0, np.arange(first // SQUARE_PX, (first + count - 1) // SQUARE_PX + 1) * SQUARE_PX - first)
        )
        for first, count in ((window.row, window.height), (window.col, window.width))
    ]
    rows = np.add.reduceat(pixels, starts[0], axis=0, dtype=np.int64)
    found: NDArray[Any] = np.add.reduceat(rows, starts[1], axis=1)
    return found


def in_pixels(squares: Bools, window: Window) -> Bools:
    """The pixels (y, x) of a window that lie in some of its squares, (row, column of squares)."""
    row, col = window.row % SQUARE_PX, window.col % SQUARE_PX
    whole: Bools = squares.repeat(SQUARE_PX, 0).repeat(SQUARE_PX, 1)
    return whole[row : row + window.height, col : col + window.width]


def touching(squares: Iterable[Window], window: Window) -> Bools:
    """Which squares of a window, (row, column), are among `squares`."""
    mask = np.zeros(shape_of(window), bool)
    row, col = window.row // SQUARE_PX, window.col // SQUARE_PX
    for square in squares:
        down, right = square.row // SQUARE_PX - row, square.col // SQUARE_PX - col
        if 0 <= down < mask.shape[0] and 0 <= right < mask.shape[1]:
            mask[down, right] = True
    return mask
