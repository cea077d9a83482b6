"""Content of local scenes: what a file is recognised by, wherever it lies and whenever it was written.

Hashing an archive takes about as long as reading it. So hashes are kept in a file, and one is used again while size,
times and inode of its scene file are those at which it was made; unlike the time of modification, the time of change
(ctime) cannot be set by whoever copies or edits a file.
"""

import hashlib
import json
import lzma
import time
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline import atomic
from pipeline.digest import sha256_of
from pipeline.errors import SceneError, describe
from pipeline.grid import Window
from pipeline.progress import Progress
from pipeline.sources.assets import Asset, BandAssets, GeoTiff
from pipeline.sources.checksums import damaged_blocks
from pipeline.sources.interface import Refusal, Scene, Search
from pipeline.sources.pixels import LIBRARY_ERRORS
from pipeline.sources.raster_file import ZIPPED

FORMAT = 1
"""Version of the file of hashes; one of another version is ignored."""
CONTENT_DIGITS = 24
"""Length of the hash of a scene's content, hexadecimal digits."""
WRITE_S = 30.0
"""How often hashes are written while they are made, seconds."""
CHUNK = 1 << 20
"""Bytes read at once."""
UNREADABLE = (*LIBRARY_ERRORS, LookupError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What reading a file, or a damaged member of a zip, may raise."""

Stamp = tuple[int, int, int, int]


@dataclass(slots=True)
class ContentHashes:
    """Hashes of local files, kept from run to run."""

    path: Path
    """Where they are kept."""
    known: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    """Stamp and hash by location, as GDAL takes it."""
    damaged: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    """Blocks that do not fit their checksums, in the file's own pixels, by location of the file; only where there are
    any."""
    changed: bool = False
    """Whether they differ from the file."""

    @classmethod
    def of(cls, path: Path) -> "ContentHashes":
        """Those kept at a path; none where nothing can be read, as they are only made again."""
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            rows: Mapping[str, Any] = content["files"] if content["format"] == FORMAT else {}
            known = {href: (_stamp_of(row[0]), str(row[1])) for href, row in rows.items()}
            bad = dict(content.get("damaged", {}))
            return cls(path, known, {href: tuple(Window(*map(int, block)) for block in bad[href]) for href in bad})
        except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            return cls(path)

    def of_file(self, href: str, verify: bool = False) -> str:
        """The hash of a file, or of a member of a zip; raises any of `UNREADABLE`.

        `verify`: of a GeoTIFF that is new or changed, the checksums of its blocks are verified as well (`damaged`).
        """
        own = href.removeprefix(ZIPPED)
        archive = _archive_of(own) if href.startswith(ZIPPED) else None
        found = (archive or Path(own)).stat()
        stamp = found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
        kept = self.known.get(href)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        bad = _damaged_blocks(Path(own)) if verify else ()
        self.damaged |= {href: bad} if bad else {}
        if not bad:
            self.damaged.pop(href, None)
        made = _hash_of_member(archive, own) if archive else _hash_of(Path(own))
        self.known[href], self.changed = (stamp, made), True
        return made

    def of_scene(self, scene: Scene) -> str:
        """The content of a scene; empty for one on a server. Raises `SceneError` where a file cannot be read."""
        try:
            match scene.assets:
                case GeoTiff(path):
                    return self.of_file(str(path.absolute()), verify=True)[:CONTENT_DIGITS]
                case BandAssets(items) if not any(asset.remote for _, asset in items):
                    parts = [[name, *self._of_asset(asset)] for name, asset in items]
                    return sha256_of(parts)[:CONTENT_DIGITS]
                case _:
                    return ""
        except UNREADABLE as cause:
            raise SceneError(f"cannot be read ({describe(cause)})") from cause

    def damage_of(self, scene: Scene) -> tuple[Window, ...]:
        """The damaged blocks of a scene whose content is known."""
        match scene.assets:
            case GeoTiff(path):
                return self.damaged.get(str(path.absolute()), ())
            case _:
                return ()

    def write(self) -> None:
        """Keep them for the next run, if they changed; raises as `atomic.write_text`."""
        if self.changed:
            bad = {href: [list(astuple(block)) for block in blocks] for href, blocks in self.damaged.items()}
            content = {"format": FORMAT, "files": self.known, **({"damaged": bad} if bad else {})}
            atomic.write_text(self.path, json.dumps(content, sort_keys=True))
            self.changed = False

    def _of_asset(self, asset: Asset) -> tuple[object, ...]:
        return self.of_file(asset.href), asset.band, asset.scale, asset.offset


def with_contents(search: Search, hashes: ContentHashes, progress: Progress) -> Search:
    """The search with the content of all local scenes; those that cannot be read are refused with the reason."""
    scenes: list[Scene] = []
    refusals = list(search.refusals)
    local = [scene for scene in search.scenes if _is_local(scene)]
    written_s = time.monotonic()
    with progress.stage("Recognising files", len(local), unit="scenes") as step:
        for scene in search.scenes:
            try:
                scenes.append(replace(scene, content=hashes.of_scene(scene), damaged=hashes.damage_of(scene)))
            except SceneError as cause:
                refusals.append(Refusal.of(scene.id, cause))
            step(_is_local(scene))
            if time.monotonic() > written_s + WRITE_S:  # a large archive takes hours, and somebody may stop it
                hashes.write()
                written_s = time.monotonic()
    hashes.write()
    return Search(tuple(scenes), tuple(sorted(refusals, key=lambda refusal: refusal.id)))


def _is_local(scene: Scene) -> bool:
    match scene.assets:
        case BandAssets(items):
            return not any(asset.remote for _, asset in items)
        case assets:
            return isinstance(assets, GeoTiff)


def _stamp_of(numbers: Iterable[Any]) -> Stamp:
    size, modified, changed, inode = map(int, numbers)
    return size, modified, changed, inode


def _archive_of(path: str) -> Path:
    """The zip in a path that goes on inside of it."""
    found = Path(path)
    while not found.is_file() and found.parent != found:
        found = found.parent
    return found


def _damaged_blocks(path: Path) -> tuple[Window, ...]:
    """As `damaged_blocks`; none of a file that cannot be opened as a raster, which whoever reads it will say."""
    try:
        return damaged_blocks(path)
    except (SceneError, *LIBRARY_ERRORS):
        return ()


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hash_of_member(archive: Path, path: str) -> str:
    """Hash of a member of a zip: the same as of the unpacked file."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(archive) as file, file.open(Path(path).relative_to(archive).as_posix()) as member:
        while chunk := member.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
