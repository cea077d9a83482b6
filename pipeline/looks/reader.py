"""Reads pixels of looks for evidence; a look that turns out to be damaged is set aside at once."""

from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import rasterio

from pipeline.errors import LookDamaged
from pipeline.grid import Window
from pipeline.looks.file import GDAL, LookFile
from pipeline.looks.look import LookPixels
from pipeline.looks.store import set_aside
from pipeline.looks.sums import CheckedFile
from pipeline.raster import Bytes

MAX_OPEN = 16
"""Files that a reader leaves open; GDAL holds the decoded pixels of each, at most 13 MB of a block."""


class LookReader:
    """Reads pixels of looks, and leaves the files of the latest open while it is entered.

    The cells of a block are read one by one from the same looks, and to open a file costs more than to read a cell.
    """

    def __init__(self) -> None:
        """Reads nothing yet."""
        self._open: OrderedDict[Path, CheckedFile] = OrderedDict()
        self._close = ExitStack()

    def __enter__(self) -> Self:
        self._close.enter_context(rasterio.Env(**GDAL))
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.popitem()[1].close()
        self._close.close()

    def read(self, pixels: LookPixels, part: Window) -> Bytes:
        """The three bands on a part of the extent, (3, y, x).

        Raises as `CheckedFile`; a file that is damaged is set aside before that, so that no run takes it again.
        """
        if not isinstance(pixels, LookFile):
            return pixels.read(part)
        try:
            file = self._open.pop(pixels.path, None) or pixels.opened()
            self._open[pixels.path] = file
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)[1].close()
            return pixels.read_from(file, part)
        except LookDamaged as damage:
            if (held := self._open.pop(pixels.path, None)) is not None:
                held.close()
            raise LookDamaged(pixels.path, set_aside(pixels.path, damage.reason).reason) from damage
