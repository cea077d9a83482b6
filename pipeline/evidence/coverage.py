"""Coverage: clear looks and share of the area seen, per cell and month.

A month without a site means something only where coverage shows that the ground was seen.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.grid import Window
from pipeline.looks.stack import Stack
from pipeline.months import month_of
from pipeline.raster import Bools

MIN_CLEAR_SHARE = 0.05
"""A look counts as clear for a cell when it saw at least this share of it."""


@dataclass(frozen=True, slots=True)
class MonthCoverage:
    """Coverage of one cell in one month."""

    looks: int
    """Overpasses that measured the cell, clear or not."""
    clear_looks: int
    """Overpasses that saw at least 5 % of it."""
    share_seen: float
    """Share of the cell's part of the AOI that was seen at least once, 0 to 1."""


@dataclass(frozen=True, slots=True)
class CellCoverage:
    """Coverage of one cell in all months."""

    months: dict[str, MonthCoverage]
    """By `YYYY-MM`; months without a look are left out."""
    seen_px: int
    """Pixels of the cell inside the AOI that were seen at least once in the whole period."""


Coverage = dict[Window, CellCoverage]
"""By cell; only cells that have looks."""
NO_LOOKS = MonthCoverage(0, 0, 0.0)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class RunningCoverage:
    """Coverage by the looks so far, in a form that can be continued with later looks."""

    months: dict[str, MonthCoverage]
    """By `YYYY-MM`, ascending; months without a look are left out."""
    month_seen: Bools
    """Pixels seen in the last of these months, in the AOI or not, shape (y, x)."""
    ever: Bools
    """Pixels seen in any look, shape (y, x)."""

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> "RunningCoverage":
        """The coverage before the first look."""
        return cls(months={}, month_seen=np.zeros(shape, bool), ever=np.zeros(shape, bool))

    def updated(self, stack: Stack, inside: Bools) -> "RunningCoverage":
        """This coverage with later looks added; `inside` (y, x), True = in the AOI, at least one pixel."""
        area = int(np.count_nonzero(inside))
        found, month_seen = dict(self.months), self.month_seen
        latest = max(found, default="")
        names = [month_of(day) for day in stack.days]
        for month in sorted(set(names)):
            chosen = np.array([name == month for name in names]) & stack.measured
            seen = stack.seen[chosen]
            before = found.get(month, NO_LOOKS)
            union: Bools = np.logical_or.reduce(seen, axis=0)
            month_seen = union | month_seen if month == latest else union
            shares = [np.count_nonzero(each & inside) / area for each in seen]
            found[month] = MonthCoverage(
                looks=before.looks + int(chosen.sum()),
                clear_looks=before.clear_looks + sum(bool(share >= MIN_CLEAR_SHARE) for share in shares),
                share_seen=float(np.count_nonzero(month_seen & inside)) / area,
            )
        return RunningCoverage(months=found, month_seen=month_seen, ever=self.ever | stack.seen.any(axis=0))

    def by_month(self, inside: Bools) -> CellCoverage:
        """The coverage of the cell by month."""
        return CellCoverage(self.months, int(np.count_nonzero(self.ever & inside)))
