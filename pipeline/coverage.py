"""What was seen: clear looks and share of the area, per cell and month.

A month without a site means something only where this says that the ground was seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipeline.grid import Window
from pipeline.looks import Stack
from pipeline.raster import Bools

SEEN = 0.05
"""A look counts as clear for a cell when it saw at least this share of it."""


@dataclass(frozen=True, slots=True)
class MonthSeen:
    """One month over one cell."""

    looks: int
    """Overpasses that measured the cell, clear or not."""
    clear_looks: int
    """Overpasses that saw at least 5 % of it."""
    share_seen: float
    """Share of the cell's part of the AOI that was seen at least once, 0 to 1."""


@dataclass(frozen=True, slots=True)
class CellSeen:
    """All months over one cell."""

    months: dict[str, MonthSeen]
    """By `YYYY-MM`; months without a look are left out."""
    seen_px: int
    """Pixels of the cell inside the AOI that were seen at least once in the whole period."""


Seen = dict[Window, CellSeen]
"""What each month saw of each cell that has looks."""
NOT_LOOKED_AT = MonthSeen(0, 0, 0.0)


def month_of(day: date) -> str:
    """`YYYY-MM`."""
    return f"{day:%Y-%m}"


def months_between(first: date, last: date) -> Iterator[str]:
    """Every month from that of `first` to that of `last`."""
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield f"{number // 12:04d}-{number % 12 + 1:02d}"


def cell_seen(stack: Stack, inside: Bools) -> CellSeen:
    """What each month saw of a cell; `inside` (y, x), True = in the AOI."""
    area = int(inside.sum())
    if area == 0:
        return CellSeen({}, 0)
    found: dict[str, MonthSeen] = {}
    months = [month_of(day) for day in stack.days]
    for month in sorted(set(months)):
        chosen = np.array([m == month for m in months]) & stack.measured
        seen = stack.clear[chosen] & inside
        shares = seen.sum(axis=(1, 2)) / area
        union = float(seen.any(axis=0).sum()) / area
        found[month] = MonthSeen(int(chosen.sum()), int((shares >= SEEN).sum()), union)
    return CellSeen(found, int((stack.clear.any(axis=0) & inside).sum()))
