"""A backup: what cannot be made again, in one private file whose checksums tell whether it is whole.

    backup.json                       what it is of, and the size and SHA-256 of each file
    archive/registry.json             names, and what was published under them; those of simulations beside it
    archive/ledger.jsonl              what was asked of providers
    archive/scans/  outbox/  schedules.json
    out/<aoi>/reviews.gpkg            what reviewers wrote
    configs/  aoi/                    settings and areas of the user

Looks, evidence, decoded bands and products are not in it: scenes, names and settings give them again. Nor is anything
of the environment, where credentials are.
"""

import hashlib
import os
import re
import sqlite3
import stat
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import IO, Annotated

from pydantic import BaseModel, ConfigDict, Field

from pipeline import __version__, resources
from pipeline.archive import Archive
from pipeline.config import DEFAULTS, load, settings_file
from pipeline.errors import InputError, describe, write_error
from pipeline.export.publication import complete
from pipeline.locks import PATIENCE_S, locked
from pipeline.scan.log import read_log
from pipeline.sites.registry import read_registry

FORMAT = 1
"""Version of a backup's layout."""
MANIFEST = "backup.json"
"""Name of its list of files."""
MAX_FILES = 100_000
"""Most files in a backup: ten years of scans of many areas leave some thousands."""
MAX_BYTES = 8_000_000_000
"""Largest sum of all files, bytes: so much, and no more, is ever unpacked."""
BUSY_S = 60.0
"""How long to wait for another program that is writing into a reviewer's file, seconds."""
CHUNK = 1 << 20
"""Bytes copied at once."""
SEGMENT = r"[^./\\:\x00-\x1f][^/\\:\x00-\x1f]{0,199}"
"""A part of a path: neither hidden, nor `..`, nor what another system would read as a drive."""


class Kind(StrEnum):
    """What a file is: it decides what a restore does where there is one already."""

    NAMES = "names"
    """A registry: continued or joined, never replaced by an older one."""
    LOG = "log"
    """A file that only grows, line by line."""
    REVIEWS = "reviews"
    """What a reviewer wrote."""
    OWN = "own"
    """Settings and areas of the user: those that are there stay."""
    OTHER = "other"
    """Messages and schedules."""


PATTERNS: Mapping[Kind, re.Pattern[str]] = MappingProxyType(
    {
        Kind.NAMES: re.compile(r"archive/registry(?:-simulated-([0-9a-z]{1,64}))?\.json"),
        Kind.LOG: re.compile(rf"archive/(?:ledger|scans/{SEGMENT}|outbox/{SEGMENT}/sent)\.jsonl"),
        Kind.REVIEWS: re.compile(rf"out/{SEGMENT}/reviews\.gpkg"),
        Kind.OWN: re.compile(rf"configs/{SEGMENT}\.toml|aoi/{SEGMENT}\.(?:geo)?json"),
        Kind.OTHER: re.compile(rf"archive/(?:(?:scans|outbox|schedules)(?:/{SEGMENT}){{1,8}}|schedules[\w.-]{{0,80}})"),
    }
)
"""The names that a backup may hold, by kind; of several that fit the first counts."""


def kind_of(name: str) -> Kind | None:
    """The kind of a file by its name in a backup; None for one that no backup holds."""
    return next((kind for kind, pattern in PATTERNS.items() if pattern.fullmatch(name)), None)


class FileEntry(BaseModel):
    """A file in the list of a backup."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bytes: Annotated[int, Field(ge=0, le=MAX_BYTES)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BackupManifest(BaseModel):
    """What a backup is of."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = FORMAT
    made_at: datetime
    """UTC."""
    software: str
    """Version of the program."""
    archive: str
    """Name of the archive's folder."""
    sites: Mapping[str, int]
    """Number of names by registry."""
    files: Mapping[str, FileEntry]
    """All files but this list, by name."""
    left_out: tuple[str, ...] = ()
    """What was found and not taken, each with the reason."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where what lies on this machine."""

    archive: Path
    """The archive."""
    out: Path
    """Folder of the product folders."""
    here: Path
    """Folder with `configs/` and `aoi/` of the user."""

    def path_of(self, name: str) -> Path:
        """Where a file of a backup belongs."""
        top, _, rest = name.partition("/")
        return {"archive": self.archive, "out": self.out}.get(top, self.here / top) / rest


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written."""

    path: Path
    manifest: BackupManifest

    def text(self) -> str:
        """For people."""
        sizes = sum(entry.bytes for entry in self.manifest.files.values())
        lines = [f"{self.path}: {len(self.manifest.files)} files, {sizes / 1e6:,.1f} MB before packing"]
        lines += [f"  {name}: {count} names" for name, count in self.manifest.sites.items()]
        for kind, words in ((Kind.REVIEWS, "files of reviewers"), (Kind.OWN, "settings and areas of your own")):
            count = sum(kind_of(name) is kind for name in self.manifest.files)
            lines += [f"  {count} {words}"] * (count > 0)
        lines += [f"  left out: {reason}" for reason in self.manifest.left_out]
        return "\n".join([*lines, "  keep it on another disk; it says where sites are"])


def back_up(places: Places, to: Path, config: str | None, now: datetime) -> Backup:
    """Write a backup. `to`: a file that is not there yet, or a folder; `config`: settings file in use, or None.

    A publication that was interrupted is completed first. Raises `InputError` for a registry or a reviewer's file that
    is damaged, or where there is nothing to keep.
    """
    path = to / f"leachwatch-{now:%Y-%m-%dT%H%M%S}Z.zip" if to.is_dir() else to
    if path.exists():
        raise InputError(f"{path}: is there already; a backup is never overwritten, choose another name with --to")
    left_out: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, _private(path) as file, zipfile.ZipFile(file, "w") as packed:
        pack = _Pack(packed, now)
        # Names come last: a log must not know of what the names do not.
        for name, source in _files(places, config, left_out):
            _take(pack, name, source, Path(scratch))
        sites = _take_names(pack, places)
        if not pack.files:
            raise InputError(f"{places.archive}: there is nothing to keep; --archive DIR names another archive")
        manifest = BackupManifest(
            made_at=now,
            software=__version__,
            archive=places.archive.absolute().name,
            sites=sites,
            files=pack.files,
            left_out=tuple(left_out),
        )
        packed.writestr(pack.info(MANIFEST), manifest.model_dump_json(indent=1) + "\n")
    return Backup(path, manifest)


class _Pack:
    """Files that go into a zip, with their checksums."""

    def __init__(self, packed: zipfile.ZipFile, now: datetime) -> None:
        self._packed, self._now = packed, now
        self.files: dict[str, FileEntry] = {}

    def add(self, name: str, chunks: Iterator[bytes]) -> None:
        """Add a file. Raises `InputError` where a backup would grow beyond what a restore takes."""
        digest, size = hashlib.sha256(), 0
        with self._packed.open(self.info(name), "w", force_zip64=True) as file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        self.files[name] = FileEntry(bytes=size, sha256=digest.hexdigest())
        if len(self.files) > MAX_FILES or sum(entry.bytes for entry in self.files.values()) > MAX_BYTES:
            raise InputError(f"{name}: a backup holds at most {MAX_FILES:,} files and {MAX_BYTES / 1e9:g} GB")

    def info(self, name: str) -> zipfile.ZipInfo:
        """The head of a file, readable for its owner alone."""
        info = zipfile.ZipInfo(name, self._now.timetuple()[:6])
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = (stat.S_IFREG | 0o600) << 16
        return info


def _files(places: Places, config: str | None, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """All that a backup takes but the names, with where it lies."""
    for top in ("ledger.jsonl", "scans", "outbox", *sorted(path.name for path in places.archive.glob("schedules*"))):
        for path in _below(places.archive / top, left_out):
            yield from _named(f"archive/{path.relative_to(places.archive).as_posix()}", path, left_out)
    for path in sorted(places.out.glob("*/reviews.gpkg")):
        yield from _named(f"out/{path.parent.name}/{path.name}", path, left_out)
    left_out += [f"{path} (--out {path.parent.parent} takes it)" for path in _reviews_elsewhere(places)]
    for path in _settings(places, config):
        yield from _named(f"configs/{path.name}", path, left_out)
    for path in sorted((*(places.here / "aoi").glob("*.geojson"), *(places.here / "aoi").glob("*.json"))):
        yield from _named(f"aoi/{path.name}", path, left_out)


def _settings(places: Places, config: str | None) -> list[Path]:
    """The user's own defaults, where there are some, and the settings in use."""
    own, shipped = places.here / "configs" / DEFAULTS, resources.shipped("configs") / DEFAULTS
    found = [own] if own.is_file() and own.resolve() != shipped.resolve() else []
    if config is not None:
        load(config)  # it is what it is taken for: settings, which hold no credentials
        path = settings_file(config)
        if not found or path.resolve() != own.resolve():
            found.append(path)
    if len({path.name for path in found}) < len(found):
        raise InputError(f"{config}: has the name of your own defaults, {own}; rename it")
    return found


def _reviews_elsewhere(places: Places) -> list[Path]:
    """Reviewers' files in product folders that scans wrote elsewhere."""
    logs = sorted((places.archive / "scans").glob("*.jsonl"))
    folders = {Path(record.out) for path in logs for record in read_log(path).records if record.out}
    files = sorted(folder / "reviews.gpkg" for folder in folders if folder.parent != places.out.absolute())
    return [path for path in files if path.is_file()]


def _named(name: str, path: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """A file under its name, unless a restore would not take that."""
    if kind_of(name) is None:
        left_out.append(f"{path} (its name)")
    elif not path.is_file():
        left_out.append(f"{path} (no regular file)")
    else:
        yield name, path


def _below(top: Path, left_out: list[str]) -> Iterator[Path]:
    """A file, or all files of a folder but links, hidden files and what a killed process left half written."""
    if not top.is_dir():
        yield from [top] if top.is_file() else []
        return
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted([*names, *(each for each in folders if Path(folder, each).is_symlink())]):
            path = Path(folder, name)
            if path.is_symlink():
                left_out.append(f"{path} (a link)")
            elif not name.startswith("."):
                yield path


def _take(pack: _Pack, name: str, path: Path, scratch: Path) -> None:
    """Add a file as it is now. Raises `InputError` for one that cannot be read."""
    if kind_of(name) is Kind.REVIEWS:
        copy_database(path, scratch / "reviews.gpkg")
        path = scratch / "reviews.gpkg"
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return  # a message that everybody got, removed since the folder was listed
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)})") from cause
    with file:
        whole = kind_of(name) is not Kind.LOG
        pack.add(name, iter(lambda: file.read(CHUNK), b"") if whole else iter([whole_lines(file.read())]))


def _take_names(pack: _Pack, places: Places) -> dict[str, int]:
    """Add all registries, each as it stands after what was interrupted is completed; returns their numbers of names."""
    found: dict[str, int] = {}
    for simulation in simulations(places.archive):
        archive = Archive(places.archive, simulation)
        with locked(archive.registry, str(archive.folder), PATIENCE_S):
            complete(archive)
            if archive.registry.is_file():
                found[archive.registry.name] = len(read_registry(archive.registry).entries)
                pack.add(f"archive/{archive.registry.name}", iter([archive.registry.read_bytes()]))
    return found


def simulations(archive: Path) -> list[str]:
    """Ids of the simulations that an archive holds names of, or an interrupted publication; "" = real places."""
    names = [path.name.replace("pending", "registry", 1) for path in archive.glob("pending*.json")]
    names += [path.name for path in archive.glob("registry*.json")]
    found = (PATTERNS[Kind.NAMES].fullmatch(f"archive/{name}") for name in names)
    return sorted({match[1] or "" for match in found if match})


def whole_lines(content: bytes) -> bytes:
    """The content of a file that grows, without a last line that is being written or never was finished."""
    return content[: content.rfind(b"\n") + 1]


def copy_database(path: Path, to: Path) -> None:
    """A whole copy of a database, with what is only in its log yet, also while another program has it open.

    Raises `InputError` for a damaged one, or where another program keeps it locked.
    """
    deadline = time.monotonic() + BUSY_S

    def wait(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise InputError(f"{path}: another program is writing; save and close it there, then run again")

    to.unlink(missing_ok=True)
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S)) as there, closing(sqlite3.connect(to)) as here:
            there.backup(here, pages=4096, progress=wait)
            here.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, without a log beside it
            (sound,) = here.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(sound)
    except sqlite3.Error as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)}); mend it or move it away") from cause


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears whole, or not at all, and is readable for its owner alone; raises as `write_error`."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as cause:
        raise write_error(path, cause) from cause
    finally:
        with suppress(OSError):  # there is nothing left, or the folder is shut: what went wrong first is told
            part.unlink(missing_ok=True)
