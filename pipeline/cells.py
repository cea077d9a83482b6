"""What all looks so far say of each cell, kept on disk: a scan reads only the looks that are new.

What is kept follows from the looks alone. It is gone on with where its looks are the first of those that there are now;
where one came late, went away or was made anew, where the rule or the AOI is another or the file is damaged, the cell
is weighed from its first look on.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from pipeline import atomic
from pipeline.config import EvidenceSettings
from pipeline.coverage import MonthSeen, RunningSeen
from pipeline.fuse import Running
from pipeline.grid import Window
from pipeline.looks import Look, read_stack
from pipeline.raster import Bools

FORMAT = 1
"""Of the files, and of what is done with looks; another number makes all cells anew."""
DAMAGED = (
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
"""What a file that is not whole may raise."""
PLANES = ("best", "last", "count", "month_seen", "ever")
"""The arrays in a file, beside its head."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Weighed:
    """What a cell's looks say, all of them or the first few."""

    looks: int
    """How many overpasses."""
    digest: str
    """Of those."""
    pond: Running
    """Pond fractions."""
    seen: RunningSeen
    """What each month saw."""


@dataclass(frozen=True, slots=True)
class CellKeeper:
    """Weighs cells, and keeps what came of it in a folder."""

    folder: Path
    """One file per cell."""
    rule: EvidenceSettings
    """How looks are combined."""
    aoi: str
    """Digest of the AOI: what was seen of a cell is told of the part inside."""

    def weighed(self, name: str, cell: Window, inside: Bools, looks: Sequence[Look]) -> Weighed:
        """All looks of a cell (any order) weighed; `name` of the cell, `inside` (y, x), True = in the AOI.

        Reads the looks that were not weighed before, and writes only where there were such.
        """
        path = self.folder / f"{name}.npz"
        passes = _in_time(looks)
        kept = self._read(path, cell)
        if kept is None or kept.digest != self._digest(passes[: kept.looks]):
            nothing = Running.nothing(cell.shape, self.rule)
            kept = Weighed(looks=0, digest="", pond=nothing, seen=RunningSeen.nothing(cell.shape))
        if kept.looks == len(passes):
            return kept
        stack = read_stack([look for _, members in passes[kept.looks :] for look in members], cell)
        now = Weighed(
            looks=len(passes),
            digest=self._digest(passes),
            pond=kept.pond.after(stack.pond, stack.clear, self.rule),
            seen=kept.seen.after(stack, inside),
        )
        atomic.write_bytes(path, _encoded(now))
        return now

    def _digest(self, passes: Sequence[tuple[str, Sequence[Look]]]) -> str:
        rule = [FORMAT, self.rule.model_dump(), self.aoi]
        parts = [[name, sorted(look.key for look in members)] for name, members in passes]
        return hashlib.sha256(json.dumps([rule, parts], sort_keys=True).encode()).hexdigest()

    def _read(self, path: Path, cell: Window) -> Weighed | None:
        """What was kept, or None where there is nothing that can be gone on with."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                head = json.loads(file["head"].tobytes())
                best, last, count, month_seen, ever = (file[name] for name in PLANES)
            months = {month: MonthSeen(*numbers) for month, numbers in head["months"].items()}
            looks, digest = int(head["looks"]), str(head["digest"])
        except FileNotFoundError:
            return None
        except DAMAGED:
            return None  # made anew from the looks, which are checked
        planes = (best, *last, count, month_seen, ever)
        if any(plane.shape != cell.shape for plane in planes) or len(last) != self.rule.among_looks - 1:
            return None
        return Weighed(
            looks=looks,
            digest=digest,
            pond=Running(best=best, last=last, count=count),
            seen=RunningSeen(months=months, month_seen=month_seen, ever=ever),
        )


def _in_time(looks: Sequence[Look]) -> list[tuple[str, list[Look]]]:
    """Name of each overpass in time, and its looks: a cell may lie in several blocks."""
    passes: dict[tuple[date, str], list[Look]] = {}
    for look in looks:
        passes.setdefault((look.day, look.overpass), []).append(look)
    return [(f"{day} {name}", passes[day, name]) for day, name in sorted(passes)]


def _encoded(cell: Weighed) -> bytes:
    months = {name: [seen.looks, seen.clear_looks, seen.share_seen] for name, seen in cell.seen.months.items()}
    head = json.dumps({"looks": cell.looks, "digest": cell.digest, "months": months}).encode()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        head=np.frombuffer(head, np.uint8),
        best=cell.pond.best,
        last=cell.pond.last,
        count=cell.pond.count,
        month_seen=cell.seen.month_seen,
        ever=cell.seen.ever,
    )
    return buffer.getvalue()
