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
MIN_OVERVIEW_SIDE_PX, MAX_OVERVIEW_SIDE_PX = 100, 1500
"""The coarsest overview with at least so many pixels on its shorter side is the sample, or where all are smaller the
finest. An overview with more than the second number on its longer side is too much to read."""
BLOCKS_LOCAL, BLOCKS_REMOTE = 5, 2
"""Where there are no overviews, so many blocks of the files in a row and in a column are the sample. A block is read
whole: from a server it may be a megabyte of each band, as in JPEG 2000."""
MAX_BLOCK_SIDE_PX = 1024
"""Of larger blocks only a part is taken."""
THINNED_SIDE_PX = 64
"""Blocks are thinned to about so many pixels on a side: neighbours say the same."""


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
    blocks = list(_blocks(file))
    return {number: [found for block in blocks for found in file.blocks(number, block)] for number in _wanted(file)}


def _wanted(file: BandStack) -> list[int]:
    """Numbers of the bands that are sampled, SCL last."""
    return [file.descriptions.index(name) + 1 for name in (*VISIBLE, SCL) if name in file.descriptions]


def _pieces(file: BandStack, wanted: list[int]) -> Iterator[NDArray[np.float64]]:
    """Stored numbers (band, y, x) of the overview, or of each block, thinned."""
    shape = _overview_shape(file)
    if shape is not None:
        with suppress(RasterioError):
            yield file.read_overview(wanted, shape)
        return
    for block in _blocks(file):
        step = max(1, min(block.height, block.width) // THINNED_SIDE_PX)
        with suppress(RasterioError):
            yield file.read(wanted, block)[:, ::step, ::step]


def _overview_shape(file: BandStack) -> tuple[int, int] | None:
    """Shape (y, x) of the overview to read, one that all sampled bands have; None: there is none."""
    shared = frozenset.intersection(*(file.overview_shapes(number) for number in _wanted(file)))
    coarse = [shape for shape in shared if max(shape) <= MAX_OVERVIEW_SIDE_PX]
    enough = [shape for shape in coarse if min(shape) >= MIN_OVERVIEW_SIDE_PX]
    return min(enough, default=max(coarse, default=None))


def _blocks(file: BandStack) -> Iterator[FileWindow]:
    """Blocks evenly over the file, in the first band's pixels."""
    count = BLOCKS_REMOTE if file.remote else BLOCKS_LOCAL
    height, width = (min(side, MAX_BLOCK_SIDE_PX) for side in file.block_shape)
    for row in _begins(file.height, height, count):
        for col in _begins(file.width, width, count):
            yield FileWindow(col, row, min(width, file.width - col), min(height, file.height - row))


def _begins(length: int, side: int, count: int) -> list[int]:
    """First pixels of up to `count` blocks evenly along a length, each of a side; pixels."""
    return sorted({int(length * (number + 0.5) / count) // side * side for number in range(count)})
