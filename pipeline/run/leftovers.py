"""What runs that were killed leave behind, and removing it.

Only names that this program gives count, and only what is older than a day, or lies under a lock that nobody holds: no
file that is being written takes a day.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.archive import Archive
from pipeline.errors import InputError
from pipeline.export.publication import MANIFEST, STAGE, staged_registry
from pipeline.locks import locked
from pipeline.run.prune import prunable, resting_folders, stored_recipes

AGE_S = 24 * 3600.0
"""How old a part must be, seconds."""
PART = re.compile(r"\..+\.[0-9a-f]{32}(?:\.dead)?\.part|\.restore\.[0-9a-f]{32}\.part|\.[^/]+\.\d+\.part\.gpkg")
"""A file, or a folder of a restore, that was being written."""
DECODED = re.compile(r"[0-9a-f]{24}\.part\.tif")
"""A band that was being decoded."""


def sweep_leftovers(archive: Path, out: Path | None = None) -> list[Path]:
    """Remove what killed runs left in an archive and, if given, in a product folder; returns what was removed.

    What is under a lock that another process holds stays, and so does what could not be removed.
    """
    tops = [archive, *([out] if out else [])]
    removed = [path for top in tops for path in list(_parts(top, time.time())) if _remove(path)]
    for simulation in _simulations(archive):
        place = Archive(archive, simulation)
        removed += _registry(place)
    if out is not None and (out / STAGE).is_dir():
        removed += _stage(archive, out)
    return removed


def prunable_bytes(archive: Path) -> int:
    """How many bytes a person could free: looks of older recipes on which nothing rests, and parts of killed runs.

    Raises as `read_registry`.
    """
    recipes = prunable(stored_recipes(archive), resting=resting_folders(archive))
    folders = {recipe.folder for recipe in recipes}
    parts = (path for path in _parts(archive, time.time()) if not folders.intersection(path.parents))
    return sum(recipe.n_bytes for recipe in recipes) + sum(map(_size, parts))


def _parts(top: Path, now: float) -> Iterator[Path]:
    """Parts below a folder that are older than a day."""
    for folder, folders, names in os.walk(top):
        found = [name for name in (*names, *folders) if PART.fullmatch(name)]
        found += [name for name in names if Path(folder).name == "decoded" and DECODED.fullmatch(name)]
        folders[:] = [name for name in folders if name not in found]
        yield from (path for path in (Path(folder, name) for name in sorted(found)) if _is_old(path, now))


def _is_old(path: Path, now: float) -> bool:
    try:
        return now - path.lstat().st_mtime > AGE_S
    except OSError:
        return False  # it went away meanwhile


def _stage(archive: Path, out: Path) -> list[Path]:
    """Remove new products that were never published; those of a publication that was interrupted are completed."""
    removed: list[Path] = []
    with suppress(InputError), locked(out / MANIFEST, str(out)):  # held: a run is writing them
        if not any(archive.glob("pending*.json")) and _remove(out / STAGE):
            removed.append(out / STAGE)
    return removed


def _registry(place: Archive) -> list[Path]:
    """Remove a new registry that was never published, unless a run is at it."""
    new, removed = staged_registry(place.registry), []
    with suppress(InputError), locked(place.registry, str(place.folder)):  # held: a run is publishing
        if not place.pending.exists() and _is_old(new, time.time()) and _remove(new):
            removed.append(new)
    return removed


def _simulations(archive: Path) -> list[str]:
    names = (path.name for path in archive.glob(".registry*.json.new"))
    return [name[len(".registry") : -len(".json.new")].removeprefix("-simulated-") for name in names]


def _remove(path: Path) -> bool:
    """Remove a file or a folder; False where that could not be done."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)
