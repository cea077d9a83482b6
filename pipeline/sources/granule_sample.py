"""A sample of a granule: pixels from all over it, the same ones whatever window is read.

What is true of a whole granule is judged by it, so that windows of one granule are never judged differently.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.windows import Window as FileWindow

from pipeline.bands import SCL
from pipeline.raster import Bools, Floats
from pipeline.sources.band_stack import BandStack
from pipeline.sources.pixels import reflectance_of

VISIBLE = ("B02", "B03", "B04")
"""What is sampled besides SCL: visible light."""
MIN_OVERVIEW_SIDE_PX = 100
"""The coarsest overview with this many pixels on its shorter side is the sample."""
SQUARE_PX = 64
"""Side of the squares that are the sample where there are no overviews; each lies in one block, which is read whole."""
SQUARES_LOCAL, SQUARES_REMOTE = 5, 3
"""How many of them in a row and in a column: fewer where a block is a megabyte from a server, as in JPEG 2000."""


class GranuleSample(NamedTuple):
    """Sampled pixels of a granule."""

    visible: Floats
    """Reflectance, shape (band, n), bands in the order of `VISIBLE`; 0 where not valid."""
    valid: Bools
    """Shape (n,). True: all of these bands were measured."""
    classes: NDArray[np.float64] | None
    """SCL, shape (n,), not cleaned of other values; None where the granule has none."""


def read_sample(file: BandStack) -> GranuleSample:
    """The sample of a granule; what is damaged is left out, and reported by the window that needs it.

    Raises `SceneError` for files that a server does not give.
    """
    wanted = _wanted(file)
    pieces = [np.empty((len(wanted), 0)), *(piece.reshape(len(wanted), -1) for piece in _pieces(file, wanted))]
    numbers = np.concatenate(pieces, axis=1)
    visible, valid = reflectance_of(file, wanted[: len(VISIBLE)], numbers[: len(VISIBLE)])
    return GranuleSample(visible, valid, numbers[-1] if SCL in file.descriptions else None)


def sample_blocks(file: BandStack) -> dict[int, list[tuple[int, int]]]:
    """First byte and length of each block that `read_sample` reads, by band number."""
    shape = _overview_shape(file)
    if shape is not None:
        return {number: file.overview_blocks(number, shape) for number in _wanted(file)}
    squares = list(_squares(file))
    return {number: [block for square in squares for block in file.blocks(number, square)] for number in _wanted(file)}


def _wanted(file: BandStack) -> list[int]:
    """Numbers of the bands that are sampled, SCL last."""
    return [file.descriptions.index(name) + 1 for name in (*VISIBLE, SCL) if name in file.descriptions]


def _pieces(file: BandStack, wanted: list[int]) -> Iterator[NDArray[np.float64]]:
    """Stored numbers (band, y, x) of the overview, or of each square."""
    shape = _overview_shape(file)
    if shape is not None:
        with suppress(RasterioError):
            yield file.read_overview(wanted, shape)
        return
    for square in _squares(file):
        with suppress(RasterioError):
            yield file.read(wanted, square)


def _overview_shape(file: BandStack) -> tuple[int, int] | None:
    """Shape (y, x) of the overview to read, one that all sampled bands have; None: there is none."""
    shared = frozenset.intersection(*(file.overview_shapes(number) for number in _wanted(file)))
    enough = [shape for shape in shared if min(shape) >= MIN_OVERVIEW_SIDE_PX]
    return min(enough, default=max(shared, default=None))


def _squares(file: BandStack) -> Iterator[FileWindow]:
    """Squares evenly over the file, in the first band's pixels."""
    count = SQUARES_REMOTE if file.remote else SQUARES_LOCAL
    rows, cols = (_begins(side, count) for side in file.shape)
    for row in rows:
        for col in cols:
            yield FileWindow(col, row, min(SQUARE_PX, file.width - col), min(SQUARE_PX, file.height - row))


def _begins(side: int, count: int) -> list[int]:
    """First pixels of `count` squares along a side, multiples of their size, fewer on a short side."""
    return sorted({int(side * (number + 0.5) / count) // SQUARE_PX * SQUARE_PX for number in range(count)})
