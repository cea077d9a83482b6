"""The slow sweep: some kept looks are verified in each scan, in rotation, whether anybody reads them or not.

A disk that loses bytes is so noticed within a stated number of scans, while the scenes can still be had. What is read
meanwhile is checked anyway (`sums.py`).
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

from pipeline import atomic
from pipeline.looks.file import open_look
from pipeline.looks.store import REPLACED, UNREADABLE, DamagedLook, LookStore, set_aside

SAVED_EVERY = 100
"""Looks after which the place that was reached is written down: a killed sweep repeats no more."""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep did."""

    checked: int
    """Number of looks that were read and verified."""
    damaged: tuple[DamagedLook, ...]
    """Those of them that are damaged; their files were set aside."""


def sweep_looks(store: LookStore, share: float, state_file: Path, most_s: float = math.inf) -> SweepResult:
    """Verify a share (0 to 1) of all looks of a store, from where the last sweep ended; ends early after `most_s`.

    Every look that stays is verified within `ceil(1 / share)` sweeps that end in time, plus one while looks are added.
    `state_file` holds the place that was reached; lost or damaged, the round begins again. Raises as
    `atomic.write_text` and `set_aside`, and `OSError` for a look that cannot be read now.
    """
    until, paths = monotonic() + most_s, sorted(store.folder.glob("*/*.tif"))
    names = [path.relative_to(store.folder).as_posix() for path in paths]
    last, checked, damaged = _reached(state_file), 0, list[DamagedLook]()
    first = next((k for k, name in enumerate(names) if name > last), 0)
    ahead = [*zip(names[first:], paths[first:], strict=True), *zip(names[:first], paths[:first], strict=True)]
    for name, path in islice(ahead, math.ceil(len(ahead) * min(1.0, share))):
        if monotonic() > until:
            break
        damaged += _verified(path)
        checked, last = checked + 1, name
        if checked % SAVED_EVERY == 0:
            _save(state_file, last)
    if checked:
        _save(state_file, last)
    return SweepResult(checked, tuple(damaged))


def _verified(path: Path) -> Iterator[DamagedLook]:
    """Nothing where a look is sound; else the damaged look."""
    if path.is_file():
        path.open("rb").close()  # one that may not be opened is not set aside
    if os.path.lexists(path) and open_look(path) is None:
        found = set_aside(path, UNREADABLE)
        if found.reason != REPLACED:
            yield found


def _reached(state_file: Path) -> str:
    """Name of the look that was verified last; empty where none is known."""
    try:
        return str(json.loads(state_file.read_text(encoding="utf-8"))["last"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # begins again: that costs time and nothing else


def _save(state_file: Path, last: str) -> None:
    atomic.write_text(state_file, json.dumps({"last": last}) + "\n")
