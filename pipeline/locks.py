"""Locks on folders and files, between the processes of a machine and between machines that share a folder.

Two things are held at once: the kernel's lock, which ends with its process, and a lease (`lease.py`), because not every
network folder carries locks from one machine to another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import InputError, write_error
from pipeline.lease import Held, Lease, holder_of

PATIENCE_S = 600.0
"""How long a run waits for another one to publish, seconds: that takes a few."""


@contextmanager
def locked(path: Path, what: str, wait_s: float = 0.0) -> Iterator[Lease]:
    """Hold the lock beside `path`; yields the lease, to be checked before something is published.

    Raises `InputError`, beginning with `what`, when another process holds it: at once where it runs on this machine,
    after a minute of watching where it runs on another.
    """
    lock, file = FileLock(path.with_name(f".{path.name}.lock")), path.with_name(f".{path.name}.lease")
    lease = Lease(file)
    alone = True
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait_s)
    except Timeout as cause:
        holder = holder_of(file)
        who = f" ({holder.text()})" if holder else ""
        raise InputError(f"{what}: another run is writing here{who}; wait for it") from cause
    except NotImplementedError:
        alone = False  # a file system without locks: the lease must do
    except OSError as cause:
        raise write_error(path, cause) from cause
    try:
        try:
            lease.acquire(alone, wait_s)
        except Held as cause:
            raise InputError(f"{what}: another run is writing here ({cause}); wait for it") from cause
        except OSError as cause:
            raise write_error(file, cause) from cause
        try:
            yield lease
        finally:
            lease.release()
    finally:
        lock.release()
