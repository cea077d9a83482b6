"""Files that only grow: one record per line, each with a checksum, so that no damage to one line harms another."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.atomic import append_bytes
from pipeline.errors import InputError, describe, write_error

MAX_BYTES = 200_000_000
"""Largest file that is read: a hundred times what ten years leave."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a file holds."""

    rows: tuple[bytes, ...] = ()
    """Records, oldest first."""
    damaged: int = 0
    """Lines that are no records: a killed process leaves one at most."""


def append(path: Path, rows: Iterable[bytes], durable: bool = True) -> None:
    """Add records in one write, each begun and ended by a newline, so that the unfinished line of a killed process
    harms no other; raises as `write_error`.

    `durable`: they must survive a power cut from here on; what can be made again need not.
    """
    content = b"".join(b"\n" + _checksum(row) + b" " + row + b"\n" for row in rows)
    if not content:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        append_bytes(path, content, durable=durable)
    except OSError as cause:
        raise write_error(path, cause) from cause


def read(path: Path) -> Lines:
    """The records of a file, none where there is no file; raises `InputError` for one that cannot be read."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB, which no scans leave; move it away")
        content = path.read_bytes()
    except FileNotFoundError:
        return Lines()
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)})") from cause
    return parsed(content)


def parsed(content: bytes) -> Lines:
    """The records in the content of a file."""
    rows, damaged = [], 0
    for line in content.split(b"\n"):
        checksum, _, row = line.partition(b" ")
        if row and checksum == _checksum(row):
            rows.append(row)
        else:
            damaged += bool(line)
    return Lines(tuple(rows), damaged)


def _checksum(row: bytes) -> bytes:
    return b"%08x" % zlib.crc32(row)
