"""Restoring a backup: all of it or nothing, and nothing that is newer here is overwritten.

A backup is read as if a stranger had sent it: only names that this program gives are taken, of sizes that its list
states, and every file must have its checksum before the first one is put in place. A restore that is killed while it
puts files in place is finished by the same command: what is in place already is found equal.
"""

import hashlib
import os
import shutil
import stat
import uuid
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from pipeline import atomic
from pipeline.archive import Archive
from pipeline.errors import InputError, describe, write_error
from pipeline.export.publication import complete
from pipeline.locks import PATIENCE_S, locked
from pipeline.sites.names import RegisteredSite, Registry
from pipeline.sites.registry import read_registry, write_registry
from pipeline.upkeep.backup import (
    CHUNK,
    FORMAT,
    MANIFEST,
    MAX_BYTES,
    MAX_FILES,
    PATTERNS,
    BackupManifest,
    Kind,
    Places,
    copy_database,
    kind_of,
    whole_lines,
)

MAX_MANIFEST_BYTES = 50_000_000
"""Largest list of files."""
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BESIDE = ".restored"
"""Added to the name of a file that is put beside a different one."""
DAMAGE_ERRORS = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, LookupError, NotImplementedError, OverflowError,
)  # fmt: skip
"""What reading a damaged zip, or one of another program, may raise."""
AGAIN = (
    "Not in a backup, and made again by the next run or scan of each area: looks, evidence, decoded bands, products. "
    "Looks from a paid source are paid for again."
)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    manifest: BackupManifest
    lines: tuple[str, ...]
    """One for each file that was put in place, joined, or left as it is here."""

    def text(self) -> str:
        """For people."""
        made = self.manifest
        head = f"Backup of {made.made_at:%Y-%m-%d %H:%M} UTC, by leachwatch {made.software}"
        lines = [f"{head}: {len(self.lines)} files", *(f"  {line}" for line in self.lines), AGAIN]
        if any(name.startswith("archive/schedules") for name in made.files):
            lines.append("Schedules are recorded, but no timer was set up: run leachwatch schedule again")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Change:
    """A file to be put in place."""

    source: Path
    """Its content."""
    target: Path
    """Its place."""


def restore(file: Path, places: Places, merge: bool = False) -> Restored:
    """Put the files of a backup in place, all or none.

    `merge`: names that went different ways are joined, logs get the lines they lack, and what else differs is put
    beside what is here. Raises `InputError` for a damaged backup, and where something here is newer.
    """
    with _unpacked(file, places.archive) as (manifest, folder), _alone(manifest, places):
        changes: list[Change] = []
        lines: list[str] = []
        # Names come last: a restore that is killed before them is done again, and no log knows more than they do.
        for number, name in sorted(enumerate(manifest.files), key=lambda item: kind_of(item[1]) is Kind.NAMES):
            change, line = _planned(name, folder / str(number), places, merge)
            changes += [change] if change else []
            lines.append(line)
        _put_in_place(changes)
        return Restored(manifest, tuple(lines))


@contextmanager
def _alone(manifest: BackupManifest, places: Places) -> Iterator[None]:
    """Hold what a run that publishes holds, and a scan; what was interrupted is completed."""
    with ExitStack() as held:
        for name in sorted(manifest.files):
            names = PATTERNS[Kind.NAMES].fullmatch(name)
            if names:
                archive = Archive(places.archive, names[1] or "")
                held.enter_context(locked(archive.registry, str(archive.folder), PATIENCE_S))
                complete(archive)
            elif name.startswith("archive/scans/"):
                held.enter_context(locked(places.path_of(name), str(places.path_of(name))))
        yield


# Reading a backup


def _damaged(file: Path, why: str) -> InputError:
    return InputError(f"{file}: damaged, or no backup of leachwatch ({why}); nothing was restored, use another copy")


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    if not file.is_file():
        raise InputError(f"{file}: no such backup")
    try:
        with zipfile.ZipFile(file) as packed:
            yield packed
    except DAMAGE_ERRORS as cause:
        raise _damaged(file, describe(cause)) from cause


@contextmanager
def _unpacked(file: Path, archive: Path) -> Iterator[tuple[BackupManifest, Path]]:
    """The list of a backup, and a folder with its files by number, all checked; it is removed afterwards."""
    folder = archive / f".restore.{uuid.uuid4().hex}.part"
    try:
        with _opened(file) as packed:
            manifest = _manifest(file, packed)
            try:
                folder.mkdir(parents=True, mode=0o700)
            except OSError as cause:
                raise write_error(folder, cause) from cause
            for number, (name, entry) in enumerate(manifest.files.items()):
                with packed.open(name) as source:
                    size, digest = _copied(source, folder / str(number), entry.bytes)
                if (size, digest) != (entry.bytes, entry.sha256):
                    raise ValueError(f"the checksum of {name} is another")
        yield manifest, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _manifest(file: Path, packed: zipfile.ZipFile) -> BackupManifest:
    """The list of a backup, after everything was checked that can be without unpacking. Raises `DAMAGE_ERRORS`."""
    infos = {info.filename: info for info in packed.infolist()}
    if len(infos) != len(packed.infolist()) or len({name.casefold() for name in infos}) != len(infos):
        raise ValueError("a name stands in it twice")
    if MANIFEST not in infos or infos[MANIFEST].file_size > MAX_MANIFEST_BYTES or _is_odd(infos[MANIFEST]):
        raise ValueError(f"no {MANIFEST} in it")
    with packed.open(MANIFEST) as source:
        text = source.read(MAX_MANIFEST_BYTES + 1)
    try:
        manifest = BackupManifest.model_validate_json(text)
    except ValidationError as cause:
        raise ValueError(f"its {MANIFEST} cannot be read") from cause
    if manifest.format > FORMAT:
        raise InputError(f"{file}: written by a newer version of leachwatch, {manifest.software}; upgrade this one")
    if set(infos) != {*manifest.files, MANIFEST}:
        raise ValueError(f"its files are not those of its {MANIFEST}")
    if len(manifest.files) > MAX_FILES or sum(entry.bytes for entry in manifest.files.values()) > MAX_BYTES:
        raise ValueError(f"more than {MAX_FILES:,} files or {MAX_BYTES / 1e9:g} GB")
    for name, entry in manifest.files.items():
        _check_file(infos[name], entry.bytes)
    return manifest


def _check_file(info: zipfile.ZipInfo, size: int) -> None:
    """Raise `ValueError` for a file that no backup holds: a path that leads elsewhere, a link, another size."""
    mode = info.external_attr >> 16
    if kind_of(info.filename) is None:
        raise ValueError(f"a file of the name {info.filename!r}")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or info.is_dir():
        raise ValueError(f"{info.filename} is no regular file")
    if _is_odd(info):
        raise ValueError(f"{info.filename} is packed otherwise")
    if info.file_size != size:
        raise ValueError(f"{info.filename} has another size than listed")


def _is_odd(info: zipfile.ZipInfo) -> bool:
    """Whether a file is encrypted, or packed as no backup is."""
    return bool(info.flag_bits & 0x1) or info.compress_type not in PACKINGS


def _copied(source: IO[bytes], target: Path, most: int) -> tuple[int, str]:
    """Copy a stream into a new file; returns its size and SHA-256. Raises `ValueError` for one longer than `most`."""
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as file:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise ValueError("a file is longer than listed")
            digest.update(chunk)
            try:
                file.write(chunk)
            except OSError as cause:
                raise write_error(target, cause) from cause
    return size, digest.hexdigest()


# What is to be done with each file


def _planned(name: str, source: Path, places: Places, merge: bool) -> tuple[Change | None, str]:
    """What to do with a file, if anything, and what to tell. Raises `InputError` where something here is newer."""
    target, kind = places.path_of(name), kind_of(name)
    if kind is Kind.REVIEWS:
        _check_database(target)
    if kind is Kind.NAMES:
        _check_names(name, source)
    if not target.exists():
        return Change(source, target), f"{target}: restored"
    if _same(source, _now(kind, source, target)):
        return None, f"{target}: is the same here"
    match kind:
        case Kind.NAMES:
            return _names(source, target, merge)
        case Kind.LOG:
            return _log(source, target, merge)
        case Kind.OWN:
            return _beside(source, target)
        case _ if merge:
            return _beside(source, target)
        case _:
            raise InputError(f"{target}: differs from the backup's; move it away, or --merge to put that beside it")


def _check_names(name: str, source: Path) -> None:
    """Raise `InputError` for names that are damaged, or of a newer version, before anything is put in place."""
    try:
        read_registry(source)
    except InputError as cause:
        raise InputError(str(cause).replace(str(source), f"{name} of the backup")) from cause


def _names(source: Path, target: Path, merge: bool) -> tuple[Change | None, str]:
    here, theirs = read_registry(target), read_registry(source)
    if continues(here, theirs):
        return Change(source, target), f"{target}: restored, {len(theirs.entries)} names; had {len(here.entries)}"
    if not merge:
        raise InputError(
            f"{target}: holds names or history that the backup lacks; restore into an empty archive, or join both with "
            "--merge"
        )
    joined = here.joined(theirs)
    write_registry(source, joined)
    counts = f"{len(joined.entries)} names, from {len(here.entries)} here and {len(theirs.entries)}"
    return Change(source, target), f"{target}: joined, {counts}"


def continues(here: Registry, theirs: Registry) -> bool:
    """Whether the names here are the first of theirs, on the same ground, and with the beginning of their history."""
    if len(here.entries) > len(theirs.entries):
        return False
    return all(_begins(one, other) for one, other in zip(here.entries, theirs.entries, strict=False))


def _begins(one: RegisteredSite, other: RegisteredSite) -> bool:
    same_place = one.territory.equals(other.territory) or one.territory.intersects(other.territory)
    return one.site_id == other.site_id and same_place and other.published[: len(one.published)] == one.published


def _log(source: Path, target: Path, merge: bool) -> tuple[Change | None, str]:
    here, theirs = whole_lines(target.read_bytes()), source.read_bytes()
    if here.startswith(theirs):
        return None, f"{target}: goes on here after the backup, and stays"
    if theirs.startswith(here):
        return Change(source, target), f"{target}: restored, and longer than it was here"
    if not merge:
        raise InputError(f"{target}: has lines that the backup lacks; move it away, or --merge to keep all lines")
    lacking = _lacking(here.split(b"\n"), theirs.split(b"\n"))
    atomic.write_bytes(source, [here, *(b"\n" + line + b"\n" for line in lacking)])
    return Change(source, target), f"{target}: got {len(lacking)} lines that it lacked"


def _lacking(here: Sequence[bytes], theirs: Sequence[bytes]) -> list[bytes]:
    """The lines of theirs that are not here; two equal lines are two records."""
    known = Counter(here)
    found = []
    for line in filter(None, theirs):
        if known[line]:
            known[line] -= 1
        else:
            found.append(line)
    return found


def _beside(source: Path, target: Path) -> tuple[Change | None, str]:
    """A file is put beside the one that is here; raises `InputError` where another lies there too."""
    beside = target.with_name(target.name + BESIDE)
    if not beside.exists():
        return Change(source, beside), f"{target}: differs and stays; the backup's is {beside.name} beside it"
    if _same(source, beside):
        return None, f"{target}: differs and stays; the backup's is {beside.name} beside it already"
    raise InputError(f"{beside}: is in the way; move it away, then restore again")


def _check_database(target: Path) -> None:
    """Raise `InputError` where the log of another database lies about: it would be taken for that of this one."""
    for end in ("-wal", "-journal"):
        log = target.with_name(target.name + end)
        if log.exists() and not target.exists():
            raise InputError(f"{log}: belongs to a file that is gone; move it away, then restore again")


def _now(kind: Kind | None, source: Path, target: Path) -> Path:
    """A file here as it would be in a backup that is made now."""
    if kind is not Kind.REVIEWS:
        return target
    copy_database(target, copy := source.with_name(f"{source.name}.here"))
    return copy


def _same(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes."""
    try:
        with one.open("rb") as first, other.open("rb") as second:
            return hashlib.file_digest(first, "sha256").digest() == hashlib.file_digest(second, "sha256").digest()
    except OSError as cause:
        raise InputError(f"{other}: cannot be read ({describe(cause)}); move it away, then restore again") from cause


# Putting in place


def _put_in_place(changes: Sequence[Change]) -> None:
    """Put all files in place, or none: after an error everything is as it was. Raises as `write_error`."""
    mark = uuid.uuid4().hex
    done: list[Change] = []
    try:
        for change in changes:  # whatever a full disk or a shut folder forbids is found before anything is changed
            change.target.parent.mkdir(parents=True, exist_ok=True)
            _copy(change.source, _part(change.target, mark))
            if change.target.exists():
                _copy(change.target, _before(change.target, mark))
        for change in changes:
            done.append(change)
            _part(change.target, mark).replace(change.target)
    except BaseException as cause:
        for change in reversed(done):
            _undo(change.target, mark)
        if isinstance(cause, OSError):
            raise write_error(cause.filename or "the archive", cause) from cause
        raise
    finally:
        for change in changes:
            for path in (_part(change.target, mark), _before(change.target, mark)):
                with suppress(OSError):
                    path.unlink(missing_ok=True)


def _undo(target: Path, mark: str) -> None:
    if _before(target, mark).exists():
        _before(target, mark).replace(target)
    elif not _part(target, mark).exists():  # it was put in place, where there was nothing
        target.unlink(missing_ok=True)


def _part(target: Path, mark: str) -> Path:
    return target.with_name(f".{target.name}.{mark}.part")


def _before(target: Path, mark: str) -> Path:
    return target.with_name(f".{target.name}.before.{mark}.part")


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as one, target.open("xb") as other:
        shutil.copyfileobj(one, other, CHUNK)
        other.flush()
        os.fsync(other.fileno())
