"""Bands that lie in several files, read as if they lay in one: the grid is that of the first 10 m band."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as FileWindow

from pipeline.bands import NAMES, SCL
from pipeline.errors import SceneError
from pipeline.sources.assets import Asset
from pipeline.sources.remote import RemoteFiles

DRIVERS = {".jp2": "JP2OpenJPEG"}
"""What a file must be, by the end of its name, a GeoTIFF otherwise: a VRT in disguise could read other files."""

ZIPPED = "/vsizip/"
"""How GDAL takes a file in a zip."""


class BandStack:
    """What `pixels.py` asks of a dataset, over several: bands in the order of `bands.NAMES`, SCL last if there is any.

    Bands of 20 m (or any whole number of the first one's pixels) are repeated. A file is opened when it is first read.
    Raises `SceneError` where the files do not fit together, rasterio's errors where one cannot be read.
    """

    def __init__(
        self,
        assets: Mapping[str, Asset],
        remote: RemoteFiles | None = None,
        fetched: Callable[[Asset], Asset] = lambda asset: asset,
    ) -> None:
        """Open the file of the first band, which all others must fit.

        `remote`: for parts with an address. `fetched`: where a part lies once it is needed.
        """
        self._remote, self._fetched = remote, fetched
        self._stack, self._files = ExitStack(), dict[str, Any]()
        self._assets = [assets[name] for name in (*NAMES, SCL) if name in assets]
        self.descriptions = tuple(name for name in (*NAMES, SCL) if name in assets)
        self.scales = tuple(asset.scale for asset in self._assets)
        self.offsets = tuple(asset.offset for asset in self._assets)
        self._base = self._file(1)
        self.crs, self.transform = self._base.crs, self._base.transform
        self.shape = (self._base.height, self._base.width)
        self.height, self.width = self.shape

    @property
    def nodatavals(self) -> tuple[float | None, ...]:
        """Of each band."""
        return tuple(
            self._file(number).nodatavals[asset.band - 1] for number, asset in enumerate(self._assets, start=1)
        )

    def __enter__(self) -> "BandStack":
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files."""
        self._stack.close()

    def read(self, wanted: Sequence[int], window: FileWindow) -> NDArray[np.float64]:
        """Stored numbers (band, y, x) of bands by number, from 1, on a window inside the first band's pixels."""
        row, col, height, width = (round(k) for k in (window.row_off, window.col_off, window.height, window.width))
        out = np.empty((len(wanted), height, width))
        for plane, number in zip(out, wanted, strict=True):
            file, asset = self._file(number), self._assets[number - 1]
            step = _step(self._base, file, self.descriptions[number - 1])
            top, left = row // step, col // step
            below, right = -(-(row + height) // step), -(-(col + width) // step)
            coarse = self._heard(
                partial(file.read, asset.band, window=FileWindow(left, top, right - left, below - top))
            )
            fine = coarse.repeat(step, 0).repeat(step, 1) if step > 1 else coarse
            plane[...] = fine[row - top * step :, col - left * step :][:height, :width]
        return out

    def stored(self, number: int) -> int:
        """Bytes of the file of a band, by number from 1; 0 for one that lies here."""
        href = self._assets[number - 1].href
        return self._remote.size(href) if self._remote is not None and "://" in href else 0

    def blocks(self, number: int, window: FileWindow) -> list[tuple[int, int]]:
        """First byte and length of each block of a band, by number from 1, that a window in the first band's pixels
        touches, in the order in which they are read; empty ones are left out.
        """
        file, band = self._file(number), self._assets[number - 1].band
        step = _step(self._base, file, self.descriptions[number - 1])
        height, width = (step * side for side in file.block_shapes[band - 1])
        rows = range(int(window.row_off // height), int((window.row_off + window.height - 1) // height) + 1)
        cols = range(int(window.col_off // width), int((window.col_off + window.width - 1) // width) + 1)
        offsets = [
            (file.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band), row, col)
            for row in rows
            for col in cols
        ]
        return [(int(first), file.block_size(band, row, col)) for first, row, col in offsets if first]

    def _file(self, number: int) -> Any:
        """The file of a band by number, from 1."""
        href = self._assets[number - 1].href
        if href not in self._files:
            opened = self._heard(partial(_opened, self._fetched(self._assets[number - 1]).href, self._remote))
            self._files[href] = self._stack.enter_context(opened)
        return self._files[href]

    def _heard(self, act: Callable[[], Any]) -> Any:
        """What something gives that asks GDAL. Raises what really went wrong where that lies on a server."""
        try:
            return act()
        finally:
            if self._remote is not None:
                self._remote.check()


def file_stamp(href: str) -> tuple[int, int]:
    """Size and time of change of a file here, or of the zip that it lies in; these change with its bytes."""
    path = Path(href.removeprefix(ZIPPED))
    while not path.exists() and path.parent != path:
        path = path.parent
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _opened(href: str, remote: RemoteFiles | None) -> Any:
    driver = DRIVERS.get(href.partition("?")[0][-4:].lower(), "GTiff")
    return rasterio.open(href, driver=driver, opener=remote if "://" in href else None)


def _step(base: Any, file: Any, name: str) -> int:
    """How many pixels of the first band one of a file is wide. Raises `SceneError` where it is no whole number."""
    own, first = file.transform, base.transform
    step = max(1, int(own.a / first.a + 0.5))
    grown = first.c, first.f, step * first.a, step * first.e
    fits = np.allclose((own.c, own.f, own.a, own.e), grown, rtol=0, atol=abs(first.a) / 100)
    if not fits or file.crs != base.crs or (file.height * step, file.width * step) != (base.height, base.width):
        raise SceneError(f"{name} does not lie on the pixels of {NAMES[0]}")
    return step
