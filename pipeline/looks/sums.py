"""Checksums of the bytes of a look's file, piece by piece, so that no part of it is read unchecked.

The checksum in the tags covers pixels, and costs as much as decoding all of them. GDAL itself notices most damage and
not all: libtiff takes a block for sound whose damaged stream decodes to more than the block, which one in four does.
Those of the bytes on disk cost a tenth: a part of a look is read only after the header, and the blocks that hold it,
were found as they were when the whole file was verified.
"""

import errno
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import rasterio
from rasterio.errors import RasterioError

from pipeline.errors import InputError, LookDamaged, UnitsFailed, describe
from pipeline.raster import Bytes

LEADER_BYTES = 4
"""Before each block of a COG its size is repeated, and after it its last four bytes."""
CHANGED = "its bytes are not as they were written"
"""Reason of a look that a disk, or another program, has changed."""


@dataclass(frozen=True, slots=True)
class Sums:
    """CRC-32 of each piece of a file: what is before the first block, then each block."""

    head_bytes: int
    """Length of the first piece, bytes."""
    crcs: tuple[int, ...]
    """Of the pieces; blocks from north to south, west to east."""

    @property
    def text(self) -> str:
        """As an index holds it."""
        return f"{self.head_bytes:x}:" + "".join(f"{crc:08x}" for crc in self.crcs)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Back from text; raises `ValueError` for any other."""
        head, _, rest = text.partition(":")
        if len(rest) < 16 or len(rest) % 8:
            raise ValueError("no checksums")
        return cls(int(head, 16), tuple(int(rest[at : at + 8], 16) for at in range(0, len(rest), 8)))

    @classmethod
    def of(cls, content: bytes, file: rasterio.DatasetReader) -> Self:
        """Those of a whole file, given its bytes and as it is open; raises `ValueError` where blocks are missing."""
        rows, cols = _counts(file)
        pieces = [_piece(file, row, col) for row in range(rows) for col in range(cols)]
        first = min(begin for begin, _ in pieces)
        view = memoryview(content)
        return cls(first, tuple(zlib.crc32(view[begin:end]) for begin, end in [(0, first), *pieces]))


class CheckedFile:
    """A look's file that is open: what is read of it is checked first.

    Raises `LookDamaged` where the file is gone, its disk fails, or its bytes have changed, `InputError` where its
    folder is gone, and `UnitsFailed` where it is sound and cannot be read.
    """

    def __init__(self, path: Path, sums: Sums) -> None:
        """Open and check the header; to be called within `rasterio.Env(**GDAL)`."""
        self._path, self._sums = path, sums
        with _told(path):
            self._raw = path.open("rb", buffering=0)
        try:
            self._check(0, 0, sums.head_bytes)
            with _told(path):
                self._file = rasterio.open(path, driver="GTiff")
        except BaseException:
            self._raw.close()
            raise
        self._height, self._width = self._file.block_shapes[0]
        self._cols = _counts(self._file)[1]
        self._checked: set[int] = set()

    def read(self, rows: slice, cols: slice) -> Bytes:
        """All bands of a part, (band, y, x)."""
        for row in range(rows.start // self._height, (rows.stop - 1) // self._height + 1):
            for col in range(cols.start // self._width, (cols.stop - 1) // self._width + 1):
                self._check_block(row, col)
        with _told(self._path):
            pixels: Bytes = self._file.read(window=((rows.start, rows.stop), (cols.start, cols.stop)))
        return pixels

    def close(self) -> None:
        """Close it."""
        self._file.close()
        self._raw.close()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return bool(self._file.closed)

    def _check_block(self, row: int, col: int) -> None:
        piece = 1 + row * self._cols + col
        if piece not in self._checked:
            self._check(piece, *_piece(self._file, row, col))
            self._checked.add(piece)

    def _check(self, piece: int, begin: int, end: int) -> None:
        with _told(self._path):
            self._raw.seek(begin)
            content = self._raw.read(end - begin)
        if zlib.crc32(content) != self._sums.crcs[piece]:
            raise LookDamaged(self._path, CHANGED)


def _counts(file: rasterio.DatasetReader) -> tuple[int, int]:
    """How many rows and columns of blocks a file has."""
    height, width = file.block_shapes[0]
    return -(-file.height // height), -(-file.width // width)


def _piece(file: rasterio.DatasetReader, row: int, col: int) -> tuple[int, int]:
    """Where a block begins and ends in a file, bytes; raises `ValueError` where it is missing."""
    found = [file.get_tag_item(f"BLOCK_{what}_{col}_{row}", "TIFF", bidx=1) for what in ("OFFSET", "SIZE")]
    if None in found:
        raise ValueError("a block is missing")
    offset, size = map(int, found)
    return offset - LEADER_BYTES, offset + size + LEADER_BYTES


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raise what reading raises as errors that say what to do; as in `CheckedFile`."""
    try:
        yield
    except FileNotFoundError as cause:
        if not path.parent.is_dir():
            raise InputError(f"{path.parent}: is gone; if it lies on a share, mount it, then run again") from cause
        raise LookDamaged(path, "it is gone") from cause
    except OSError as cause:
        if cause.errno == errno.EIO:
            raise LookDamaged(path, f"the disk cannot read it ({describe(cause)})") from cause
        raise _unread(path, cause) from cause
    except RasterioError as cause:  # its bytes are sound
        raise _unread(path, cause) from cause


def _unread(path: Path, cause: Exception) -> UnitsFailed:
    return UnitsFailed(f"{path}: a sound look, but it cannot be read now ({describe(cause)}); run again")
