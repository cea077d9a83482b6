"""Bands in several files, read as one dataset on the grid of the first 10 m band."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window as FileWindow

from pipeline.bands import NAMES, SCL
from pipeline.errors import SceneError
from pipeline.sources.assets import Asset
from pipeline.sources.remote import RemoteFiles

DRIVERS = MappingProxyType({".jp2": "JP2OpenJPEG"})
"""GDAL driver by file name suffix, GTiff otherwise; fixed, because a disguised VRT could read other files."""

ZIPPED = "/vsizip/"
"""GDAL's prefix for a file in a zip."""


class BandStack:
    """The dataset that `pixels.py` needs, from several files: bands in the order of `bands.NAMES`, SCL last if any.

    Pixels of 20 m bands (or any whole multiple of the first band's pixel size) are repeated. A file is opened when it
    is first read. Raises `SceneError` where the files' grids do not fit, rasterio's errors where one cannot be read.
    """

    def __init__(
        self,
        assets: Mapping[str, Asset],
        remote: RemoteFiles | None = None,
        fetched: Callable[[Asset], Asset] = lambda asset: asset,
    ) -> None:
        """Open the file of the first band, whose grid all others must fit.

        `remote`: opens assets with a URL. `fetched`: called when an asset is first needed; returns its location.
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
        """Nodata value of each band."""
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
            coarse = self._checked(
                partial(file.read, asset.band, window=FileWindow(left, top, right - left, below - top))
            )
            fine = coarse.repeat(step, 0).repeat(step, 1) if step > 1 else coarse
            plane[...] = fine[row - top * step :, col - left * step :][:height, :width]
        return out

    def file_size(self, number: int) -> int:
        """Size of the file of a band, by number from 1, bytes; 0 for a local file."""
        href = self._assets[number - 1].href
        return self._remote.size(href) if self._remote is not None and "://" in href else 0

    def blocks(self, number: int, window: FileWindow) -> list[tuple[int, int]]:
        """First byte and length of each block of a band that a window touches, in the order of reading.

        `number`: from 1; `window`: in the first band's pixels. Empty blocks are left out.
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
            opened = self._checked(partial(_opened, self._fetched(self._assets[number - 1]).href, self._remote))
            self._files[href] = self._stack.enter_context(opened)
        return self._files[href]

    def _checked(self, act: Callable[[], Any]) -> Any:
        """Result of a call to GDAL; raises the original error where a remote file caused one."""
        try:
            return act()
        finally:
            if self._remote is not None:
                self._remote.check()


def file_stamp(href: str) -> tuple[int, int]:
    """Size and modification time (ns) of a local file, or of the zip that holds it; these change with its bytes."""
    path = Path(href.removeprefix(ZIPPED))
    while not path.exists() and path.parent != path:
        path = path.parent
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _opened(href: str, remote: RemoteFiles | None) -> Any:
    driver = DRIVERS.get(href.partition("?")[0][-4:].lower(), "GTiff")
    return rasterio.open(href, driver=driver, opener=remote if "://" in href else None)


def _step(base: Any, file: Any, name: str) -> int:
    """Pixel size of a file in pixels of the first band; raises `SceneError` if it is not whole or the grids differ."""
    own, first = file.transform, base.transform
    step = max(1, int(own.a / first.a + 0.5))
    grown = first.c, first.f, step * first.a, step * first.e
    fits = np.allclose((own.c, own.f, own.a, own.e), grown, rtol=0, atol=abs(first.a) / 100)
    if not fits or file.crs != base.crs or (file.height * step, file.width * step) != (base.height, base.width):
        raise SceneError(f"{name} does not lie on the pixels of {NAMES[0]}")
    return step
