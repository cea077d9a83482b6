"""The evidence cache: evidence and coverage of each cell from all looks so far, so that a run reads only new looks.

What is cached follows from the looks alone. A cell is continued where its looks are the first of the present ones.
Where an earlier look was added, removed or made again, where the rule has changed, or where the file is damaged, the
cell is derived again from its first look on. AOIs share cells, but for those that their borders cut.

Cells are stored by shelf, those of one square of the grid together, as looks are (`looks/store.py`).
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np

from pipeline import atomic
from pipeline.config import EvidenceSettings
from pipeline.evidence.coverage import RunningCoverage
from pipeline.evidence.fuse import RunningEvidence
from pipeline.evidence.shelf import FORMAT, CellEvidence, cells_in, shelf_of
from pipeline.grid import Window
from pipeline.looks.look import Look
from pipeline.looks.reader import LookReader
from pipeline.looks.stack import read_stack
from pipeline.looks.store import SHELF_PX
from pipeline.raster import Bools

AT_ONCE = 8
"""Overpasses that are in memory at once; a cell is continued from so many to the next."""
OTHERS = 4
"""Of cells that are not wanted now, a shelf keeps so many times the number of those that are: other AOIs need them, and
those that an edited border cut otherwise nobody."""


class CellStore(Protocol):
    """Where the cache stores its cells, by shelf."""

    def read(self, shelf: str) -> bytes | None:
        """The stored bytes of a shelf; None where there is nothing that can be read."""

    def write(self, shelf: str, content: bytes) -> None:
        """Store a shelf."""


@dataclass(frozen=True, slots=True)
class CellFiles:
    """Cells as files in a folder."""

    folder: Path
    """One file per shelf."""

    def read(self, shelf: str) -> bytes | None:
        """As `CellStore.read`."""
        try:
            return (self.folder / f"{shelf}.cells").read_bytes()
        except OSError:
            return None  # derived again from the looks, which are checked

    def write(self, shelf: str, content: bytes) -> None:
        """As `CellStore.write`; raises as `atomic.write_bytes`."""
        atomic.write_bytes(self.folder / f"{shelf}.cells", content)


@dataclass(frozen=True, slots=True)
class CellMemory:
    """Cells in memory, for a world that is evaluated."""

    shelves: dict[str, bytes] = field(default_factory=dict)
    """By name."""

    def read(self, shelf: str) -> bytes | None:
        """As `CellStore.read`."""
        return self.shelves.get(shelf)

    def write(self, shelf: str, content: bytes) -> None:
        """As `CellStore.write`."""
        self.shelves[shelf] = content


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class CellPart:
    """A cell whose evidence is wanted, with the part of it that lies in the AOI."""

    name: str
    """Name of the cell."""
    cell: Window
    """The cell."""
    inside: Bools
    """Shape (y, x). True: in the AOI, or everywhere where none of it is."""
    looks: Sequence[Look]
    """All its looks, in any order."""

    @property
    def stored_name(self) -> str:
        """Its name in the cache: coverage is that of a part."""
        cut = "" if self.inside.all() else f"-{zlib.crc32(np.packbits(self.inside).tobytes()):08x}"
        return f"{self.name}{cut}"


@dataclass(frozen=True, eq=False, slots=True)
class _Passes:
    """The looks of a cell, by overpass."""

    members: tuple[tuple[Look, ...], ...]
    """Those of each overpass, in order of time; it has several looks where a cell lies in several blocks."""
    digests: tuple[str, ...]
    """Of the rule and the first of these, beginning with none."""

    @classmethod
    def of(cls, looks: Sequence[Look], rule: EvidenceSettings) -> "_Passes":
        groups: dict[tuple[date, str], list[Look]] = {}
        for look in looks:
            groups.setdefault((look.day, look.overpass), []).append(look)
        hashed = sha256(json.dumps([FORMAT, rule.model_dump()], sort_keys=True).encode())
        digests = [hashed.hexdigest()]
        for day, name in sorted(groups):
            keys = sorted(look.key for look in groups[day, name])
            hashed.update(json.dumps([f"{day} {name}", keys]).encode())
            digests.append(hashed.hexdigest())
        return cls(tuple(tuple(groups[each]) for each in sorted(groups)), tuple(digests))


@dataclass(frozen=True, eq=False, slots=True)
class _Task:
    """A cell that is to be weighed."""

    part: CellPart
    name: str
    passes: _Passes
    kept: CellEvidence | None
    """What is continued."""

    def left(self, begin: int) -> tuple[tuple[Look, ...], ...]:
        """The looks of at most `AT_ONCE` overpasses, from the new one of this number on."""
        first = begin + (self.kept.looks if self.kept is not None else 0)
        return self.passes.members[first : first + AT_ONCE]


@dataclass(frozen=True, slots=True)
class EvidenceCache:
    """Derives the evidence of cells, and stores it for the next run."""

    store: CellStore
    """Where cells are stored."""
    rule: EvidenceSettings
    """How looks are combined."""

    def cell(self, name: str, cell: Window, inside: Bools, looks: Sequence[Look]) -> CellEvidence:
        """The evidence of all looks of a cell (any order) that is stored alone; as in `CellPart`."""
        return self.cells(name, [CellPart(name=name, cell=cell, inside=inside, looks=looks)])[0]

    def cells(self, shelf: str, parts: Sequence[CellPart]) -> list[CellEvidence]:
        """The evidence of all looks of some cells of a shelf.

        Reads only the looks that are not in the cache, and writes only if there were any.
        """
        content = self.store.read(shelf)
        known = cells_in(content) if content is not None else {}
        by_looks: dict[tuple[str, ...], _Passes] = {}
        tasks = []
        for part in parts:
            keys = tuple(look.key for look in part.looks)
            if keys not in by_looks:
                by_looks[keys] = _Passes.of(part.looks, self.rule)
            passes, name = by_looks[keys], part.stored_name
            kept = known.get(name)
            tasks.append(_Task(part, name, passes, kept if self._continues(kept, part, passes) else None))
        new = [task for task in tasks if task.kept is None or task.left(0)]
        if not new:
            return [task.kept for task in tasks if task.kept is not None]
        weighed = dict(self._weighed(new))
        found = {task.name: weighed.get(task.name, task.kept) for task in tasks}
        now = {name: cell for name, cell in found.items() if cell is not None}
        if any(cell.looks for cell in weighed.values()):
            others = [(name, cell) for name, cell in known.items() if name not in now]
            self.store.write(shelf, shelf_of(dict([*others[-OTHERS * len(parts) :], *now.items()])))
        return [now[task.name] for task in tasks]

    def _continues(self, kept: CellEvidence | None, part: CellPart, passes: _Passes) -> bool:
        """Whether what is stored of a cell is what its first looks say."""
        return (
            kept is not None
            and (kept.shape, kept.among) == (part.cell.shape, self.rule.among_looks)
            and kept.looks < len(passes.digests)
            and kept.digest == passes.digests[kept.looks]
        )

    def _weighed(self, tasks: Sequence[_Task]) -> Iterator[tuple[str, CellEvidence]]:
        """Names and evidence of cells after all their looks."""
        running = [
            task.kept.planes()
            if task.kept is not None
            else (RunningEvidence.empty(task.part.cell.shape, self.rule), RunningCoverage.empty(task.part.cell.shape))
            for task in tasks
        ]
        begin = 0
        with LookReader() as reader:
            while any(task.left(begin) for task in tasks):
                for number, task in enumerate(tasks):
                    looks = [look for members in task.left(begin) for look in members]
                    if not looks:
                        continue
                    stack = read_stack(looks, task.part.cell, reader)
                    pond, coverage = running[number]
                    running[number] = (
                        pond.updated(stack.pond, stack.seen, self.rule),
                        coverage.updated(stack, task.part.inside),
                    )
                begin += AT_ONCE
        for task, (pond, coverage) in zip(tasks, running, strict=True):
            count, digest = len(task.passes.members), task.passes.digests[-1]
            yield task.name, CellEvidence.of(count, digest, pond, coverage, task.part.inside, self.rule)


def shelf_around(cell: Window) -> Window:
    """The square of the grid with whose cells a cell is stored."""
    return next(Window(cell.row, cell.col, 1, 1).cells(SHELF_PX))
