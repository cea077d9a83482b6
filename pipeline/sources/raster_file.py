"""Opens rasters that come from outside, in one format each, and refuses those that would cost more than they may.

A small file may claim to be huge: one compressed strip over a whole image is decoded whole for a single pixel. What
reading takes is told by the header, so such a file is refused before any pixel is read.
"""

import warnings
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning

from pipeline.errors import SceneError

DRIVERS = MappingProxyType({".jp2": "JP2OpenJPEG"})
"""GDAL driver by file name suffix, GTiff otherwise; fixed, because a disguised VRT could read other files."""
ZIPPED = "/vsizip/"
"""GDAL's prefix for a file in a zip."""
TOO_MANY_PX = 1_000_000_000
"""A file of so many pixels, 316 km on a side at 10 m, is refused."""
MAX_BLOCK_BYTES = 64_000_000
"""Largest block (strip or tile) when decoded, bytes: GDAL decodes a block whole, and keeps as many bytes once more."""


def open_raster(href: str | Path, opener: Any = None, **options: int) -> Any:
    """Open a file, a member of a zip (`ZIPPED`), or with an `opener` a URL, as the format that its name says.

    Raises rasterio's errors, and `SceneError` for a file that costs too much.
    """
    driver = DRIVERS.get(str(href).partition("?")[0][-4:].lower(), "GTiff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # refused with a reason by whoever needs a place
        file = rasterio.open(_named(href), driver=driver, opener=opener if "://" in str(href) else None, **options)
    try:
        check_cost(file)
    except SceneError:
        file.close()
        raise
    return file


def check_cost(file: Any) -> None:
    """Raise `SceneError` for a dataset whose header says that reading it takes too much memory."""
    if file.width * file.height >= TOO_MANY_PX:
        raise SceneError(
            f"{file.width:,} × {file.height:,} pixels, more than {TOO_MANY_PX:,}: cut it, as with gdal_retile.py"
        )
    largest = max(_block_bytes(file))
    if largest > MAX_BLOCK_BYTES:
        raise SceneError(
            f"a single block of {largest / 1e6:,.0f} MB, more than {MAX_BLOCK_BYTES / 1e6:.0f} MB: write it in tiles, "
            "with gdal_translate -co TILED=YES"
        )


def is_pixel_interleaved(file: Any) -> bool:
    """Whether a block holds all bands."""
    return file.interleaving in (Interleaving.pixel, None)


def _block_bytes(file: Any) -> list[int]:
    """Size of a decoded block of each band, bytes; with all bands, where they lie together."""
    together = file.count if is_pixel_interleaved(file) else 1
    try:
        sizes = [np.dtype(kind).itemsize for kind in file.dtypes]
    except TypeError as cause:
        raise SceneError(f"numbers of the type {file.dtypes[0]}, which reflectance has not") from cause
    return [height * width * size * together for (height, width), size in zip(file.block_shapes, sizes, strict=True)]


def _named(href: str | Path) -> str | Path:
    """A location as rasterio takes it: of a local file the whole path, as GDAL takes some beginnings for orders."""
    local = isinstance(href, Path) or not ("://" in href or href.startswith(ZIPPED))
    return Path(href).absolute() if local else href
