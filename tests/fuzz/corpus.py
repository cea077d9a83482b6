"""Inputs that once went wrong, kept so that they do not again: `corpus/<kind>/<seed>--<what>/<files that differ>`."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.kind import Files, Judged, Kind, Seed

CORPUS = Path(__file__).parent / "corpus"
PACKED = ".gz"
"""Ending of a file that is kept packed."""
PACK_BYTES = 4000
"""Files above this size are."""


@dataclass(frozen=True)
class Expected:
    """A fault that is known and being mended elsewhere; take the line out once it is."""

    kind: str
    words: str
    """Part of what is told of it."""
    finding: str
    """Its number."""


KNOWN: tuple[Expected, ...] = ()
"""Faults that inputs of today still show."""


def finding_of(kind: str, judged: Judged) -> str:
    """The number under which a fault is known; empty where it is new."""
    told = f"{judged.verdict}: {judged.words}"
    return next((one.finding for one in KNOWN if one.kind == kind and one.words in told), "")


def cases(kind: Kind) -> Iterator[tuple[str, Seed, Files]]:
    """Name, sound input and files of each case of a kind."""
    for folder in sorted((CORPUS / kind.name).glob("*--*")):
        seed = kind.seeds[folder.name.partition("--")[0]]
        yield folder.name, seed, {**seed.files, **dict(_files(folder))}


def keep(root: Path, name: str, files: Files) -> Path:
    """Write a case to a folder, its larger files packed."""
    folder = root / name
    for path, content in files.items():
        packed = len(content) > PACK_BYTES
        target = folder / (path + PACKED if packed else path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return folder


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, content = path.relative_to(folder).as_posix(), path.read_bytes()
            yield name.removesuffix(PACKED), gzip.decompress(content) if name.endswith(PACKED) else content
