"""Atomic writes: a file is written beside its target, flushed, then renamed, so it is either whole or not there."""

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.errors import write_error


def write_bytes(path: Path, chunks: bytes | Iterable[bytes]) -> None:
    """Write `path` atomically; folders are made as needed.

    Raises `UnitsFailed` on a full disk and `InputError` where `path` cannot be written.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # processes of two machines may have one number
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as cause:
        raise write_error(path, cause) from cause
    finally:
        with suppress(OSError):  # there is nothing, or the folder is shut: what went wrong first is told
            part.unlink(missing_ok=True)


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write UTF-8 text atomically; raises as `write_bytes`."""
    parts = [text] if isinstance(text, str) else text
    write_bytes(path, (part.encode() for part in parts))
