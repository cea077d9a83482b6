"""Bands in several files, read as one dataset on the grid of the first 10 m band."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window as FileWindow

from pipeline.bands import NAMES, SCL
from pipeline.errors import SceneError
from pipeline.sources.assets import Asset
from pipeline.sources.raster_file import ZIPPED, open_raster

if TYPE_CHECKING:  # what reads from servers takes time to import, and local files do without
    from pipeline.sources.remote import RemoteFiles

MAX_REPEATED = 100
"""Most pixels of the first band along a pixel of another: with more, repeating it takes too much memory."""


class BandStack:
    """The dataset that `pixels.py` needs, from several files: bands in the order of `bands.NAMES`, SCL last if any.

    Pixels of 20 m bands (or any whole multiple of the first band's pixel size) are repeated. A file is opened when it
    is first read. Raises `SceneError` where the files' grids do not fit, rasterio's errors where one cannot be read.
    """

    def __init__(
        self,
        assets: Mapping[str, Asset],
        remote: "RemoteFiles | None" = None,
        fetched: Callable[[Asset], Asset] = lambda asset: asset,
    ) -> None:
        """Open the file of the first band, whose grid all others must fit.

        `remote`: opens assets with a URL. `fetched`: called when an asset is first needed; returns its location.
        """
        self._remote, self._fetched = remote, fetched
        self._stack, self._files = ExitStack(), dict[str, Any]()
        self._opened_overviews = dict[str, tuple[Any, ...]]()
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

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Type of the stored numbers of each band."""
        return tuple(self._file(number).dtypes[asset.band - 1] for number, asset in enumerate(self._assets, start=1))

    def __enter__(self) -> "BandStack":
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all files."""
        self._stack.close()

    def read(self, wanted: Sequence[int], window: FileWindow) -> NDArray[Any]:
        """Stored numbers (band, y, x) of bands by number, from 1, on a window inside the first band's pixels.

        Of the type that holds those of all these bands.
        """
        row, col, height, width = (round(k) for k in (window.row_off, window.col_off, window.height, window.width))
        files = [self._file(number) for number in wanted]
        kinds = [file.dtypes[self._assets[k - 1].band - 1] for file, k in zip(files, wanted, strict=True)]
        out = np.empty((len(wanted), height, width), np.result_type(*kinds))
        for plane, number, file in zip(out, wanted, files, strict=True):
            asset = self._assets[number - 1]
            step = _step(self._base, file, self.descriptions[number - 1])
            top, left = row // step, col // step
            below, right = -(-(row + height) // step), -(-(col + width) // step)
            coarse = self._checked(
                partial(file.read, asset.band, window=FileWindow(left, top, right - left, below - top))
            )
            fine = coarse.repeat(step, 0).repeat(step, 1) if step > 1 else coarse
            plane[...] = fine[row - top * step :, col - left * step :][:height, :width]
        return out

    def read_overview(self, wanted: Sequence[int], shape: tuple[int, int]) -> NDArray[np.float64]:
        """Stored numbers (band, y, x) of whole bands, by number from 1, in their overviews of one shape (y, x)."""
        out = np.empty((len(wanted), *shape))
        for plane, number in zip(out, wanted, strict=True):
            plane[...] = self._checked(partial(self._overview(number, shape).read, self._assets[number - 1].band))
        return out

    def overview_shapes(self, number: int) -> frozenset[tuple[int, int]]:
        """Shapes (y, x) of a band's overviews, by number from 1; none where reading one takes all bytes of the file."""
        return frozenset(overview.shape for overview in self._overviews(number))

    @property
    def block_shape(self) -> tuple[int, int]:
        """Shape (y, x) of the blocks of the first band."""
        height, width = self._base.block_shapes[self._assets[0].band - 1]
        return height, width

    @property
    def remote(self) -> bool:
        """Whether any of its files is on a server."""
        return any(asset.remote for asset in self._assets)

    def file_size(self, number: int) -> int:
        """Size of the file of a band, by number from 1, bytes; 0 for a local file."""
        href = self._assets[number - 1].href
        return self._remote.size(href) if self._remote is not None and "://" in href else 0

    def blocks(self, number: int, window: FileWindow) -> list[tuple[int, int]]:
        """First byte and length of each block of a band that a window touches, in the order of reading.

        `number`: from 1; `window`: in the first band's pixels. Empty blocks are left out.
        """
        file = self._file(number)
        step = _step(self._base, file, self.descriptions[number - 1])
        return _blocks(file, self._assets[number - 1].band, window, step)

    def overview_blocks(self, number: int, shape: tuple[int, int]) -> list[tuple[int, int]]:
        """As `blocks`, of all of a band's overview of this shape (y, x)."""
        height, width = shape
        window = FileWindow(0, 0, width, height)
        return _blocks(self._overview(number, shape), self._assets[number - 1].band, window, 1)

    def _overview(self, number: int, shape: tuple[int, int]) -> Any:
        """The overview of a band that has this shape."""
        return next(overview for overview in self._overviews(number) if overview.shape == shape)

    def _overviews(self, number: int) -> tuple[Any, ...]:
        """The overviews of a band's file; none of JPEG 2000, of which each resolution is spread over the whole file."""
        file, asset = self._file(number), self._assets[number - 1]
        if asset.href not in self._opened_overviews:
            href = self._fetched(asset).href
            levels = range(len(file.overviews(asset.band))) if file.driver == "GTiff" else ()
            self._opened_overviews[asset.href] = tuple(
                self._stack.enter_context(self._checked(partial(open_raster, href, self._remote, overview_level=level)))
                for level in levels
            )
        return self._opened_overviews[asset.href]

    def _file(self, number: int) -> Any:
        """The file of a band by number, from 1."""
        href = self._assets[number - 1].href
        if href not in self._files:
            opened = self._checked(partial(open_raster, self._fetched(self._assets[number - 1]).href, self._remote))
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


def _blocks(file: Any, band: int, window: FileWindow, step: int) -> list[tuple[int, int]]:
    """First byte and length of each block of a band that a window touches; `step`: its pixels' side in the window's."""
    height, width = (step * side for side in file.block_shapes[band - 1])
    rows = range(int(window.row_off // height), int((window.row_off + window.height - 1) // height) + 1)
    cols = range(int(window.col_off // width), int((window.col_off + window.width - 1) // width) + 1)
    offsets = [
        (file.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band), row, col) for row in rows for col in cols
    ]
    return [(int(first), file.block_size(band, row, col)) for first, row, col in offsets if first]


def _step(base: Any, file: Any, name: str) -> int:
    """Pixel size of a file in pixels of the first band; raises `SceneError` if it is not whole or the grids differ."""
    own, first = file.transform, base.transform
    step = max(1, int(own.a / first.a + 0.5))
    grown = first.c, first.f, step * first.a, step * first.e
    fits = np.allclose((own.c, own.f, own.a, own.e), grown, rtol=0, atol=abs(first.a) / 100)
    if not fits or file.crs != base.crs or (file.height * step, file.width * step) != (base.height, base.width):
        raise SceneError(f"{name} does not lie on the pixels of {NAMES[0]}")
    if step > MAX_REPEATED:
        raise SceneError(f"{name} has pixels {step} times as large as {NAMES[0]}")
    return step
