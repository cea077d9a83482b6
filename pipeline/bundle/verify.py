"""Checks a bundle: that nothing in it was changed, and, where its scenes are at hand, that they show the same."""

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from pipeline.aoi import Aoi
from pipeline.bundle.pack import CUTS, LAYOUT, SITE, SUMS
from pipeline.cuts.cut import Cut, read_cut
from pipeline.cuts.maker import CutTask, cut_of
from pipeline.errors import NEWER, InputError, PipelineError, describe
from pipeline.grid import LONLAT, reprojected
from pipeline.progress import Progress
from pipeline.sources.contents import ContentHashes, with_contents
from pipeline.sources.interface import Overpass, Period, Scene, Source, overpasses

MAX_FILES, MAX_BYTES = 2000, 500_000_000
"""Most files in a bundle, and most bytes in all of them once they are unpacked."""
BAD = (BadZipFile, OSError, ValueError, KeyError, TypeError, AttributeError, zlib.error, RuntimeError, EOFError)
"""What reading a damaged bundle may raise."""


@dataclass(frozen=True, eq=False, slots=True)
class Bundle:
    """A bundle that was read whole."""

    files: Mapping[str, bytes]
    """All files but the list of checksums, by name."""
    sums: Mapping[str, str]
    """The list: SHA-256 in hexadecimal by name."""
    site: Mapping[str, Any]
    """`site.json`."""

    @property
    def site_id(self) -> str:
        """Its site."""
        return str(self.site["site"]["site_id"])

    def cuts(self) -> Iterator[tuple[str, Cut]]:
        """Its cuts by name of file; raises `InputError` for a damaged one."""
        for name in sorted(self.files):
            if name.startswith(f"{CUTS}/"):
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "cut.tif"
                    path.write_bytes(self.files[name])
                    try:
                        yield name, read_cut(path)
                    except InputError as cause:
                        raise InputError(str(cause).replace(str(path), name)) from cause


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked."""

    site_id: str
    """The site of the bundle."""
    files: int
    """Files whose checksums are right."""
    cuts: int
    """Cuts that are whole, and made from the scenes that are named."""
    derived: int
    """Cuts that were made again from the scenes at hand, with the same pixels."""
    not_at_hand: int
    """Cuts whose scenes are not at hand."""
    problems: tuple[str, ...]
    """What is wrong, one line each; none = the bundle is what it says."""


def read_bundle(path: Path) -> Bundle:
    """A bundle, read whole with bounds on size; raises `InputError` in one line for a file that is none."""
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise InputError(f"{path}: larger than any bundle; not read")
            if len({entry.filename for entry in entries}) != len(entries):
                raise InputError(f"{path}: holds two files of one name")
            files = {entry.filename: archive.read(entry) for entry in entries if not entry.is_dir()}
        sums = dict(_line(line) for line in files.pop(SUMS).decode().splitlines())
        site = json.loads(files[SITE])
        if site["layout"] != LAYOUT:
            raise InputError(f"{path}: {NEWER}")
        str(site["site"]["site_id"])
    except BAD as cause:
        raise InputError(f"{path}: not a bundle of leachwatch, or damaged ({describe(cause)})") from cause
    return Bundle(MappingProxyType(files), MappingProxyType(sums), site)


def verify(bundle: Bundle, source: Source | None, hashes: ContentHashes | None, progress: Progress) -> Verified:
    """Check a bundle, offline; `source`: whose scenes to compare with, None = none are at hand."""
    problems = list(_wrong_sums(bundle))
    cuts: list[tuple[str, Cut]] = []
    try:
        cuts = list(bundle.cuts())
    except InputError as cause:
        problems.append(str(cause))
    problems += list(_wrong_scenes(bundle, cuts))
    derived = absent = 0
    if source is not None and not problems:
        derived, absent, different = _derived(cuts, source, hashes, progress)
        problems += different
    elif source is None:
        absent = len(cuts)
    return Verified(bundle.site_id, len(bundle.files), len(cuts), derived, absent, tuple(problems))


def _wrong_sums(bundle: Bundle) -> Iterator[str]:
    for name in sorted(set(bundle.files) | set(bundle.sums)):
        if name not in bundle.files:
            yield f"{name}: is in the list of checksums, and not in the bundle"
        elif name not in bundle.sums:
            yield f"{name}: is in the bundle, and not in the list of checksums"
        elif hashlib.sha256(bundle.files[name]).hexdigest() != bundle.sums[name]:
            yield f"{name}: was changed since the bundle was made"


def _wrong_scenes(bundle: Bundle, cuts: list[tuple[str, Cut]]) -> Iterator[str]:
    stated = {row["file"]: row["scenes"] for row in bundle.site["cuts"]}
    for name, cut in cuts:
        if stated.get(name) != [acquisition.id for acquisition in cut.acquisitions]:
            yield f"{name}: not made from the scenes that {SITE} names"
    for name in sorted(set(stated) - set(bundle.files)):
        yield f"{name}: {SITE} names it, and it is not there"


def _derived(
    cuts: list[tuple[str, Cut]], source: Source, hashes: ContentHashes | None, progress: Progress
) -> tuple[int, int, list[str]]:
    """How many cuts the scenes give again, of how many there are none, and what differs. Raises as `Source.search`."""
    derived = absent = 0
    problems: list[str] = []
    scenes = _scenes([cut for _, cut in cuts], source, hashes, progress) if cuts else ()
    with progress.stage("Comparing with scenes", len(cuts), unit="cuts") as step:
        for name, cut in cuts:
            try:
                again = _again(cut, source, scenes)
            except PipelineError as cause:
                problems.append(f"{name}: its scenes cannot be read ({cause})")
            else:
                absent += again is None
                same = again is not None and _same(cut, again)
                derived += same
                if again is not None and not same:
                    problems.append(f"{name}: the scenes at hand show something else")
            step(1)
    return derived, absent, problems


def _scenes(
    cuts: list[Cut], source: Source, hashes: ContentHashes | None, progress: Progress
) -> tuple[Scene, ...]:  # fmt: skip
    """The scenes that are at hand on the ground and in the time of the cuts."""
    outline = reprojected(cuts[0].window.polygon_m, cuts[0].grid.crs, LONLAT)
    days = [cut.day for cut in cuts]
    found = source.search(Aoi("bundle", "the ground of the cuts", "BUN", outline), Period(min(days), max(days)))
    return (with_contents(found, hashes, progress) if hashes is not None else found).scenes


def _again(cut: Cut, source: Source, scenes: tuple[Scene, ...]) -> Cut | None:
    """The cut made again; None where its scenes are not at hand. Raises as `Source.read`."""
    outline = reprojected(cut.window.polygon_m, cut.grid.crs, LONLAT)
    wanted = {acquisition.id for acquisition in cut.acquisitions}
    here = [one for each in overpasses(scenes) if each.name == cut.overpass for one in each.scenes]
    chosen = tuple(scene for scene in here if scene.id in wanted and scene.footprint.intersects(outline))
    if not wanted or {scene.id for scene in chosen} != wanted:
        return None
    return cut_of(source, CutTask(cut.grid, cut.window, Overpass(cut.day, chosen[0].platform, chosen)))


def _same(one: Cut, other: Cut) -> bool:
    scl = (one.scl is None) == (other.scl is None) and (
        one.scl is None or other.scl is None or np.array_equal(one.scl, other.scl)
    )
    return scl and np.array_equal(one.numbers, other.numbers)


def _line(line: str) -> tuple[str, str]:
    digest, name = line.split("  ", 1)
    return name, digest
