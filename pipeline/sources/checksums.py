"""Damaged pixels of a local GeoTIFF, shown by the checksum that DEFLATE ends each block with.

GDAL does not look at it: it has all pixels of a block before it comes to the checksum, so a fifth of the blocks with
some wrong bytes are read as other numbers, without an error (`tests/fuzz`). Other compressions have no checksum.
"""

import math
import zlib
from collections.abc import Iterator
from itertools import product
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

import rasterio
from rasterio.enums import Compression, Interleaving

from pipeline.grid import Window
from pipeline.sources.pixels import GDAL
from pipeline.sources.raster_file import open_raster

CHUNK = 1 << 20
"""Bytes unpacked at once."""


def damaged_blocks(path: Path) -> tuple[Window, ...]:
    """The blocks of a GeoTIFF, in its own pixels, that do not fit their checksums in any band; ascending.

    None where nothing is damaged, or where its compression has no checksum. Raises `OSError`, and what `open_raster`
    raises. It takes about twice as long as reading all pixels.
    """
    found: set[Window] = set()
    with rasterio.Env(**GDAL), open_raster(path) as file, path.open("rb") as content:
        if file.compression != Compression.deflate:
            return ()
        for band in file.indexes[:1] if file.interleaving == Interleaving.pixel else file.indexes:
            height, width = file.block_shapes[band - 1]
            for row, col in _blocks(file.shape, (height, width)):
                if not _is_sound(content, file, band, row, col):
                    found.add(Window(row * height, col * width, height, width))
    return tuple(sorted(found))


def _blocks(shape: tuple[int, int], block: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Row and column of each block."""
    yield from product(range(math.ceil(shape[0] / block[0])), range(math.ceil(shape[1] / block[1])))


def _is_sound(content: BinaryIO, file: Any, band: int, row: int, col: int) -> bool:
    """Whether a block fits its checksum; True for one that is not in the file, which is no data."""
    offset = file.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band)
    length = file.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=band)
    if not offset or not length:
        return True
    content.seek(int(offset))
    left, unpacker = content.read(min(int(length), fstat(content.fileno()).st_size)), zlib.decompressobj()
    try:
        while not unpacker.eof:
            found, left = unpacker.decompress(left, CHUNK), unpacker.unconsumed_tail
            if not found and not left:
                return False  # it never comes to the checksum
    except zlib.error:
        return False
    return True
