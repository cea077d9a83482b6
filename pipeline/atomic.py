"""Atomic writes: a file is written beside its target, flushed, then renamed, so it is either whole or not there.

A link is followed: what it points to is replaced, and the link stays. A file that is replaced leaves its mode to the
new one, so a private file stays private; a file that is new gets the mode that the user's umask says.
"""

import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import write_error

NEW_FILE = 0o666
"""Mode of a new file before the umask takes from it."""


def write_bytes(path: Path, chunks: bytes | Iterable[bytes]) -> None:
    """Write `path` atomically; folders are made as needed, but not those that a link points to.

    Raises `UnitsFailed` on a full disk and `InputError` where `path` cannot be written.
    """
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = behind_links(path)
        part = _part_of(target)
        with _new(part, target) as file:
            for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as cause:
        raise write_error(path, cause) from cause
    finally:
        if part is not None:
            with contextlib.suppress(OSError):  # there is nothing, or the folder is shut: what went wrong first is told
                part.unlink(missing_ok=True)


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write UTF-8 text atomically; raises as `write_bytes`."""
    parts = [text] if isinstance(text, str) else text
    write_bytes(path, (part.encode() for part in parts))


def append_bytes(path: Path, content: bytes, durable: bool = False) -> None:
    """Add to the end of a file, in one write, so that what processes add does not mix; makes it where there is none.

    `durable`: it must survive a power cut from here on. Raises `OSError`, also where not all of it could be written.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, NEW_FILE)
    try:
        if os.write(file, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fsync(file)
    finally:
        os.close(file)


def move(staged: Path, path: Path) -> None:
    """Put a whole file in place of `path` atomically, also where a link leads to another disk; raises `OSError`.

    Killed in between, it leaves the old file or the new one, and `staged` as long as the old one is there.
    """
    target = behind_links(path)
    keep_mode(staged, target)
    try:
        os.replace(staged, target)
    except OSError as cause:
        if cause.errno != errno.EXDEV:
            raise
        _copy(staged, target)
        staged.unlink()


def behind_links(path: Path) -> Path:
    """The file that a path stands for, with all links followed; raises `OSError` for links in a circle."""
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    return target


def keep_mode(new: Path, old: Path) -> None:
    """Give a file the mode, and where it may be done the group, of the one that it is to replace, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        found = old.stat()
        if found.st_gid != new.stat().st_gid:
            with contextlib.suppress(PermissionError):
                os.chown(new, -1, found.st_gid)
        new.chmod(stat.S_IMODE(found.st_mode))


def _new(part: Path, old: Path) -> BinaryIO:
    """A new file, open for writing, with the mode of `old` if there is one: at no moment can more people read it."""
    mode = stat.S_IMODE(old.stat().st_mode) if old.exists() else NEW_FILE
    file = open(part, "xb", opener=partial(os.open, mode=mode))  # noqa: SIM115 the caller closes it
    keep_mode(part, old)
    return file


def _part_of(target: Path) -> Path:
    """A name beside a target; processes of two machines may have one number."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")


def _copy(staged: Path, target: Path) -> None:
    """As `move`, but leaves the staged file."""
    part = _part_of(target)
    try:
        with staged.open("rb") as whole, _new(part, staged) as file:
            shutil.copyfileobj(whole, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
