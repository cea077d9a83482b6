"""Locks on folders and files: they end with the process that holds them, however it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import InputError, write_error

PATIENCE_S = 600.0
"""How long a run waits for another one to publish, seconds: that takes a few."""


@contextmanager
def locked(path: Path, what: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock beside `path`; raises `InputError`, beginning with `what`, when another process holds it."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait_s)
    except Timeout as cause:
        raise InputError(f"{what}: another run is writing here; wait for it") from cause
    except OSError as cause:
        raise write_error(path, cause) from cause
    try:
        yield
    finally:
        lock.release()
