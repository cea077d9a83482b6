"""Checks of disks and folders: room, whether they can be written, how much the archive takes."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import describe
from pipeline.sources.budget import GIGABYTE
from pipeline.upkeep.finding import Finding, failed, ok, skipped, warn
from pipeline.upkeep.subject import Subject, existing

LITTLE_GB, TOO_LITTLE_GB = 10.0, 1.0
"""Free space below which there is a warning, and below which a run would not end."""
LITTLE_FILES = 20_000
"""Free places for files below which there is a warning: looks are small files, one per block and overpass."""
PATIENCE_S = 20.0
"""How long files of the archive are counted, seconds."""
FOLDER_LEVELS = 3
"""How deep folders are looked at: `looks/<recipe>/<shelf>`."""


def room(name: str, folder: Path) -> Finding:
    """There is room on the disk of a folder."""
    here = existing(folder)
    free_gb = shutil.disk_usage(here).free / GIGABYTE
    told = f"{free_gb:,.1f} GB free for {folder}"
    if free_gb < TOO_LITTLE_GB:
        return failed(name, told, "free some space: what cannot be written is not done; leachwatch looks prune")
    files = os.statvfs(here)
    if files.f_files and files.f_favail < LITTLE_FILES:
        return warn(
            name, f"{told}, but room for {files.f_favail:,} more files only", "remove files, or use another disk"
        )
    if free_gb < LITTLE_GB:
        return warn(name, told, "free some space, or put the archive elsewhere: LEACHWATCH_ARCHIVE")
    return ok(name, told)


def writing(name: str, folder: Path) -> Finding:
    """A file can be written into a folder, renamed and removed; of one that is not there, into the one above it."""
    here = existing(folder)
    if not here.is_dir():
        return failed(name, f"{here} is in the way: it is no folder", f"move it, or choose another place than {folder}")
    try:
        number, part = tempfile.mkstemp(prefix=".doctor.", suffix=".part", dir=here)
        moved = Path(f"{part}.moved")
        try:
            os.write(number, b"leachwatch doctor")
            os.fsync(number)
            Path(part).replace(moved)
        finally:
            os.close(number)
            Path(part).unlink(missing_ok=True)
            moved.unlink(missing_ok=True)
    except OSError as cause:
        return failed(
            name, f"{here} cannot be written ({cause.strerror or describe(cause)})", "see who owns it: ls -ld"
        )
    made = "" if here == folder.absolute() else f" ({folder} will be made)"
    return ok(name, f"written to and cleared again: {here}{made}")


def read_only(subject: Subject) -> Finding:
    """No folder inside the archive or the products is closed to this user."""
    name = "folders"
    folders = [path for root in (subject.archive, subject.out) for path in _folders(root, FOLDER_LEVELS)]
    if not folders:
        return skipped(name, "neither archive nor products are there yet")
    closed = [path for path in folders if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        more = f" and {len(closed) - 1} more" if len(closed) > 1 else ""
        return failed(
            name,
            f"{closed[0]}{more} cannot be changed by you",
            f"was a run started as another user? chown -R $(id -un) {subject.archive} {subject.out}",
        )
    return ok(name, f"{len(folders):,} folders, all open to you")


def archive_size(subject: Subject, patience_s: float = PATIENCE_S) -> Finding:
    """How much room the archive takes."""
    name, end = "archive size", time.monotonic() + patience_s
    if not subject.archive.exists():
        return skipped(name, f"there is no {subject.archive} yet")
    if not subject.archive.is_dir():
        return failed(name, f"{subject.archive} is no folder", "move it away, or name another: LEACHWATCH_ARCHIVE")
    count = n_bytes = 0
    for entry in _files(subject.archive):
        count, n_bytes = count + 1, n_bytes + entry.stat(follow_symlinks=False).st_size
        if time.monotonic() > end:
            return ok(name, f"more than {n_bytes / GIGABYTE:,.1f} GB in {count:,} files; counting takes long here")
    return ok(name, f"{n_bytes / GIGABYTE:,.2f} GB in {count:,} files in {subject.archive}")


def _folders(root: Path, levels: int) -> Iterator[Path]:
    """A folder and those inside it, without links."""
    if not root.is_dir():
        return
    yield root
    if levels and os.access(root, os.R_OK | os.X_OK):
        with os.scandir(root) as entries:
            inner = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        for path in inner:
            yield from _folders(Path(path), levels - 1)


def _files(root: Path) -> Iterator[os.DirEntry[str]]:
    """All files in a folder that can be looked into, without links."""
    if not os.access(root, os.R_OK | os.X_OK):  # `read_only` tells
        return
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield entry
