"""The evidence cache: evidence and coverage of each cell from all looks so far, so that a run reads only new looks.

What is cached follows from the looks alone. A cell is continued where its looks are the first of the present ones.
Where an earlier look was added, removed or made again, where the rule has changed, or where the file is damaged, the
cell is derived again from its first look on. AOIs share cells, but for those that their borders cut.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline import atomic
from pipeline.config import EvidenceSettings
from pipeline.digest import sha256_of
from pipeline.evidence.coverage import MonthCoverage, RunningCoverage
from pipeline.evidence.fuse import RunningEvidence
from pipeline.grid import Window
from pipeline.looks.look import Look
from pipeline.looks.stack import read_stack
from pipeline.raster import Bools

FORMAT = 2
"""Version of the files and of how looks are combined; with another number all cells are derived again."""
DAMAGE_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What reading a damaged file may raise."""
PLANES = ("best", "last", "count", "month_seen", "ever")
"""The arrays in a file, besides its header."""


class CellStore(Protocol):
    """Where the cache stores its cells, by name."""

    def read(self, name: str) -> bytes | None:
        """The stored bytes of a cell; None where there is nothing that can be read."""

    def write(self, name: str, content: bytes) -> None:
        """Store a cell."""


@dataclass(frozen=True, slots=True)
class CellFiles:
    """Cells as files in a folder."""

    folder: Path
    """One file per cell."""

    def read(self, name: str) -> bytes | None:
        """As `CellStore.read`."""
        try:
            return (self.folder / f"{name}.npz").read_bytes()
        except OSError:
            return None  # derived again from the looks, which are checked

    def write(self, name: str, content: bytes) -> None:
        """As `CellStore.write`; raises as `atomic.write_bytes`."""
        atomic.write_bytes(self.folder / f"{name}.npz", content)


@dataclass(frozen=True, slots=True)
class CellMemory:
    """Cells in memory, for a world that is evaluated."""

    cells: dict[str, bytes] = field(default_factory=dict)
    """By name."""

    def read(self, name: str) -> bytes | None:
        """As `CellStore.read`."""
        return self.cells.get(name)

    def write(self, name: str, content: bytes) -> None:
        """As `CellStore.write`."""
        self.cells[name] = content


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class CellEvidence:
    """Evidence and coverage of a cell, from all its looks or the first few."""

    looks: int
    """Number of overpasses used."""
    digest: str
    """Digest of those overpasses and the rule."""
    pond: RunningEvidence
    """Evidence of ponds."""
    coverage: RunningCoverage
    """What was seen."""


@dataclass(frozen=True, slots=True)
class EvidenceCache:
    """Derives the evidence of cells, and stores it for the next run."""

    store: CellStore
    """Where cells are stored."""
    rule: EvidenceSettings
    """How looks are combined."""

    def cell(self, name: str, cell: Window, inside: Bools, looks: Sequence[Look]) -> CellEvidence:
        """The evidence of all looks of a cell (any order); `name` of the cell, `inside` (y, x), True = in the AOI.

        Reads only the looks that are not in the cache, and writes only if there were any.
        """
        passes = _in_time(looks)
        if not inside.all():  # coverage is that of this part
            name = f"{name}-{zlib.crc32(np.packbits(inside).tobytes()):08x}"
        kept = self._kept(name, cell)
        if kept is None or kept.digest != self._digest(passes[: kept.looks]):
            kept = CellEvidence(
                looks=0,
                digest="",
                pond=RunningEvidence.empty(cell.shape, self.rule),
                coverage=RunningCoverage.empty(cell.shape),
            )
        if kept.looks == len(passes):
            return kept
        stack = read_stack([look for _, members in passes[kept.looks :] for look in members], cell)
        now = CellEvidence(
            looks=len(passes),
            digest=self._digest(passes),
            pond=kept.pond.updated(stack.pond, stack.clear, self.rule),
            coverage=kept.coverage.updated(stack, inside),
        )
        self.store.write(name, _encoded(now))
        return now

    def _digest(self, passes: Sequence[tuple[str, Sequence[Look]]]) -> str:
        rule = [FORMAT, self.rule.model_dump()]
        parts = [[name, sorted(look.key for look in members)] for name, members in passes]
        return sha256_of([rule, parts])

    def _kept(self, name: str, cell: Window) -> CellEvidence | None:
        """The stored cell, or None where there is nothing that can be continued."""
        content = self.store.read(name)
        if content is None:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                head = json.loads(file["head"].tobytes())
                best, last, count, month_seen, ever = (file[plane] for plane in PLANES)
            months = {month: MonthCoverage(*numbers) for month, numbers in head["months"].items()}
            looks, digest = int(head["looks"]), str(head["digest"])
        except DAMAGE_ERRORS:
            return None  # derived again from the looks, which are checked
        planes = (best, *last, count, month_seen, ever)
        if any(plane.shape != cell.shape for plane in planes) or len(last) != self.rule.among_looks - 1:
            return None
        return CellEvidence(
            looks=looks,
            digest=digest,
            pond=RunningEvidence(best=best, last=last, count=count),
            coverage=RunningCoverage(months=months, month_seen=month_seen, ever=ever),
        )


def _in_time(looks: Sequence[Look]) -> list[tuple[str, list[Look]]]:
    """Name and looks of each overpass, in order of time; it has several looks where a cell lies in several blocks."""
    passes: dict[tuple[date, str], list[Look]] = {}
    for look in looks:
        passes.setdefault((look.day, look.overpass), []).append(look)
    return [(f"{day} {name}", passes[day, name]) for day, name in sorted(passes)]


def _encoded(cell: CellEvidence) -> bytes:
    months = {name: [seen.looks, seen.clear_looks, seen.share_seen] for name, seen in cell.coverage.months.items()}
    head = json.dumps({"looks": cell.looks, "digest": cell.digest, "months": months}).encode()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        head=np.frombuffer(head, np.uint8),
        best=cell.pond.best,
        last=cell.pond.last,
        count=cell.pond.count,
        month_seen=cell.coverage.month_seen,
        ever=cell.coverage.ever,
    )
    return buffer.getvalue()
