"""What lies in a directory of scenes: GeoTIFFs and SAFE products, at any depth and behind links.

Links are followed, to files as well as to directories, because whoever keeps scenes on several disks makes a directory
of links. Each directory is entered once, so links in a circle have an end, and one that would lead back up, to a
directory that holds this one, is not entered. Links inside of a product are another matter, see `safe.py`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import InputError, SceneError, SceneNotNeeded, describe
from pipeline.sources.safe import is_product

SUFFIXES = (".tif", ".tiff")
KEPT_TAG = "leachwatch_cut"
"""Tag of a cut in an archive: what it shows is in the scene that it was cut from, and must not be read twice."""
HIDDEN = frozenset({".", "@"})
"""First characters of names that belong to an operating system or a NAS."""


def scene_files(folder: Path) -> Iterator[tuple[Path, SceneError | None]]:
    """GeoTIFFs and SAFE products in a directory, sorted by path, each with the reason to skip it, or None.

    Raises `InputError` when the directory cannot be listed.
    """
    if not folder.exists():
        raise InputError(f"{folder}: there is no such directory; give the one with your GeoTIFFs as SCENES=")
    if not folder.is_dir():
        raise InputError(f"{folder}: not a directory; give the one with your GeoTIFFs as SCENES=")
    walk = _Walk(folder)
    walk.enter(folder)
    while walk.linked:  # directories that are really there come first, so that theirs are the names
        walk.follow(walk.linked.pop(0))
    yield from sorted(walk.found, key=lambda file: file[0])


def check_readable(path: Path) -> None:
    """Raise `SceneError` for a broken link, one that runs in a circle, or what is no file, as a pipe is not."""
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as cause:  # RuntimeError: a loop of links
        raise SceneError(f"cannot be read ({getattr(cause, 'strerror', None) or describe(cause)})") from cause
    if not (target.is_file() or target.is_dir()):
        raise SceneError("neither a file nor a directory")


class _Walk:
    """A walk through a directory and all that it links to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.found: list[tuple[Path, SceneError | None]] = []
        """Files and products."""
        self.linked: list[Path] = []
        """Links to directories that are still to be followed."""
        self._entered: dict[Path, Path] = {}
        """Where each directory was entered, by its path without links."""

    def enter(self, top: Path) -> None:
        """List a directory and those in it; links to directories are left for later."""
        for parent, folders, names in os.walk(top, onerror=self._unlisted):
            here, links = Path(parent), []
            folders.sort()
            self._entered[here.resolve()] = here
            for name in folders:
                if (here / name).is_symlink() and not is_product(here / name):
                    links.append(name)
                    self.linked.append(here / name)
            products = [name for name in folders if is_product(here / name)]
            folders[:] = [name for name in folders if name not in (*products, *links)]
            self._add(here, names + products + [name for name in folders if name.lower().endswith(SUFFIXES)])
            folders[:] = [name for name in folders if (here / name).resolve() not in self._entered]

    def follow(self, link: Path) -> None:
        """Enter the directory that a link points to, unless that was done or it holds this one."""
        target = link.resolve()
        known = self._entered.get(target)
        if known is not None:
            where = "this one" if known == self.folder else known.relative_to(self.folder).as_posix()
            self.found.append((link, SceneNotNeeded(f"a linked directory that is read already, as {where}")))
        elif self.folder.resolve().is_relative_to(target):
            self.found.append((link, SceneError("a linked directory that holds this one, which is not entered")))
        elif any(part[0] in HIDDEN for part in link.relative_to(self.folder).parts):
            self.found.append((link, SceneNotNeeded("hidden")))
        else:
            self.enter(link)

    def _add(self, here: Path, names: list[str]) -> None:
        for name in names:
            path = here / name
            if name.lower().endswith(SUFFIXES) or is_product(path):
                hidden = any(part[0] in HIDDEN for part in path.relative_to(self.folder).parts)
                self.found.append((path, SceneNotNeeded("hidden") if hidden else None))

    def _unlisted(self, cause: OSError) -> None:
        if Path(cause.filename) == self.folder:
            raise InputError(f"{self.folder}: cannot be listed ({cause.strerror})") from cause
        reason = SceneError(f"a directory that cannot be listed ({cause.strerror})")
        self.found.append((Path(cause.filename), reason))
