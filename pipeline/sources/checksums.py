"""Damaged pixels of a local GeoTIFF, shown by the checksum that DEFLATE ends each block with.

GDAL does not look at it: it has all pixels of a block before it comes to the checksum, so a fifth of the blocks with
some wrong bytes are read as other numbers, without an error (`tests/fuzz`). Other compressions have no checksum.
"""

import zlib
from collections.abc import Iterator, Sequence
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

from rasterio.enums import Compression, Interleaving

from pipeline.grid import Window

CHUNK = 1 << 20
"""Bytes unpacked at once."""


def damage_in(path: Path, file: Any, bands: Sequence[int], window: Window) -> str | None:
    """What is damaged of the blocks that a window touches, as text; None if nothing, or if there is no checksum.

    `file`: the opened dataset of `path`; `bands`: numbers from 1; `window`: in the file's own pixels, may reach beyond
    it. Raises `OSError`.
    """
    part = window.intersection(Window(0, 0, *file.shape))
    if part is None or file.compression != Compression.deflate:
        return None
    with path.open("rb") as content:
        for band in bands[:1] if file.interleaving == Interleaving.pixel else bands:
            for row, col in _blocks(part, *file.block_shapes[band - 1]):
                if not _is_sound(content, file, band, row, col):
                    return f"damaged: block {row}, {col} of band {band} does not fit its checksum; get the file again"
    return None


def _blocks(part: Window, height: int, width: int) -> Iterator[tuple[int, int]]:
    """Row and column of each block that a window touches."""
    for row in range(part.row // height, (part.row + part.height - 1) // height + 1):
        for col in range(part.col // width, (part.col + part.width - 1) // width + 1):
            yield row, col


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
