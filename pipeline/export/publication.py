"""Products are published as one: all of them, and the registry, or none.

New files are written beside the old ones, then listed with their checksums in one small file in the archive. Writing
that file is the moment of publication: whoever finds it puts the rest in place, also after a crash. New files that are
not listed were never published, and are removed. In a product folder the manifest comes last.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pipeline import atomic
from pipeline.archive import Archive
from pipeline.errors import NEWER, InputError, describe, write_error
from pipeline.export.placing import put_in_place

STAGE = ".new"
"""Folder of new products inside the product folder."""
MANIFEST = "manifest.json"
REVIEWS = "reviews.gpkg"
"""The reviewer's file, which is never replaced."""
LAYOUT = 1
"""Version of the manifest's layout; those of earlier versions do not say it."""
LIST_VERSION = 1
"""Version of the list of new files; those of earlier versions do not say it."""
OLD_REGISTRIES = MappingProxyType({False: "registry.json", True: "registry-simulated.json"})
"""Registry of a version without an archive, by whether its names are those of simulated sites."""
ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a damaged list may raise."""


@dataclass(frozen=True, slots=True)
class Stage:
    """New products that are not published yet."""

    out: Path
    """The product folder."""
    archive: Archive
    """The archive whose registry belongs to them."""

    @property
    def folder(self) -> Path:
        """Where new products are written."""
        return self.out / STAGE

    @property
    def registry(self) -> Path:
        """Where the new registry is written."""
        return staged_registry(self.archive.registry)

    def begin(self) -> None:
        """Remove what a crash left before it was published; raises as `write_error`.

        Nobody else can read the new files until they are in place, as those that they replace may be private.
        """
        _remove(self.folder)
        try:
            self.folder.mkdir(mode=0o700, parents=True)
            if self.archive.registry.is_file():
                self.registry.touch(mode=0o600)
                atomic.keep_mode(self.registry, self.archive.registry)
        except OSError as cause:
            raise write_error(self.folder, cause) from cause

    def checksums(self) -> dict[str, str]:
        """SHA-256 of each new product by name."""
        return {path.name: _sha256(path) for path in sorted(self.folder.iterdir())}

    def publish(self, checksums: Mapping[str, str]) -> None:
        """Put the new products and the new registry in place; raises as `atomic.write_text`.

        `checksums`: those of all products but the manifest.
        """
        files = {**checksums, MANIFEST: _sha256(self.folder / MANIFEST)}
        if REVIEWS in files:
            raise ValueError(f"{REVIEWS} is a person's file: rows are added to it, and it is never replaced")
        content = {
            "version": LIST_VERSION,
            "out": str(self.out.absolute()),
            "files": files,
            "registry": _sha256(self.registry),
        }
        atomic.write_text(self.archive.pending, json.dumps(content, indent=1) + "\n")
        moves = [(self.folder / name, self.out / name) for name in sorted(files, key=_manifest_last)]
        _move_all(self.archive, self.out, [(self.registry, self.archive.registry), *moves])


def complete(archive: Archive) -> str | None:
    """Put in place what was published and not yet moved; returns what was done in words, None if nothing was.

    To be called by whoever holds the lock of the registry. Raises `InputError` for a damaged list.
    """
    try:
        content = json.loads(archive.pending.read_text(encoding="utf-8"))
        if content.get("version", LIST_VERSION) != LIST_VERSION:
            raise InputError(f"{archive.pending}: {NEWER}")
        out, files, registry = Path(content["out"]), dict(content["files"]), str(content["registry"])
        if any(Path(name).name != name for name in files):
            raise ValueError("names a file elsewhere")
        if REVIEWS in files:
            raise ValueError(f"names {REVIEWS}")
    except FileNotFoundError:
        staged_registry(archive.registry).unlink(missing_ok=True)
        return None
    except ERRORS as cause:
        raise InputError(
            f"{archive.pending}: damaged ({describe(cause)}); move it away, then run detect again for the last AOI"
        ) from cause
    moves = [(staged_registry(archive.registry), archive.registry, registry)]
    moves += [(out / STAGE / name, out / name, files[name]) for name in sorted(files, key=_manifest_last)]
    spoilt = [staged.name for staged, _, checksum in moves if staged.is_file() and _sha256(staged) != checksum]
    if not spoilt:
        _move_all(archive, out, [(staged, target) for staged, target, _ in moves])
        return f"the last publication, in {out}, had been interrupted and was completed"
    _move_all(archive, out, [])
    return f"the last publication, in {out}, was spoilt ({', '.join(spoilt)}) and was undone: run detect there again"


def _manifest_last(name: str) -> tuple[bool, str]:
    return name == MANIFEST, name


def _move_all(archive: Archive, out: Path, moves: Sequence[tuple[Path, Path]]) -> None:
    """Put files in place one by one, then forget the publication; raises as `write_error`."""
    try:
        for staged, target in moves:
            _move(staged, target)
        _remove(out / STAGE)
        archive.pending.unlink()
    except OSError as cause:
        raise write_error(out, cause) from cause


def roll_back(out: Path) -> None:
    """Remove new products in a folder that were never published; there must be no list of them."""
    _remove(out / STAGE)


def published(out: Path) -> Mapping[str, object]:
    """The manifest in a product folder; empty where there is none. Raises `InputError` for a damaged one."""
    path = out / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            return {}
        if content.get("layout", LAYOUT) != LAYOUT:
            raise InputError(f"{path}: {NEWER}")
        return content
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as cause:
        raise InputError(f"{path}: damaged ({describe(cause)}); move it away, or choose another --out") from cause


def months_published(out: Path) -> set[str]:
    """The months, `YYYY-MM`, that the products in a folder cover; none where there are none."""
    months = published(out).get("months")
    return {str(month) for month in months} if isinstance(months, list) else set()


def check_folder(out: Path, aoi: str, simulated: bool | None) -> None:
    """Raise `InputError` for a folder with products of another AOI, of the other kind of input, or of an old version.

    `simulated`: None = not yet known.
    """
    known = published(out)
    found = known.get("aoi")
    other = found.get("name") if isinstance(found, dict) else None
    if other is not None and other != aoi:
        raise InputError(f"{out}: holds products of the AOI {other}, not of {aoi}; choose another --out")
    if known and simulated is not None and known.get("simulated") is not simulated:
        there, here = ("real", "simulated") if simulated else ("simulated", "real")
        raise InputError(f"{out}: holds products of {there} input, and this is {here}; choose another --out")
    for name in OLD_REGISTRIES.values():
        if (out / name).is_file():
            raise InputError(f"{out}: holds the names of an earlier version; take them over: leachwatch adopt {out}")


def staged_registry(path: Path) -> Path:
    """Where a new registry is written before it is published: beside the one that it replaces, wherever a link leads.

    Raises as `write_error` for links in a circle.
    """
    try:
        target = atomic.behind_links(path)
    except OSError as cause:
        raise write_error(path, cause) from cause
    return target.with_name(f".{target.name}.new")


def _move(staged: Path, target: Path) -> None:
    """Put a file in place, unless an interrupted run did so. Files were whole before they were listed."""
    if staged.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(staged, target)


def _remove(folder: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
