"""Which months are due."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.months import first_day, month_of, months_between, number_of
from pipeline.scan.log import ScanLog


@dataclass(frozen=True, slots=True)
class Step:
    """Months that are scanned together: one, or those of a first scan."""

    first: str
    """First month, `YYYY-MM`."""
    last: str
    """Last month."""
    opening: bool = False
    """True: months before all that were scanned so far. They may take days, so what there is of them is published
    again and again; other months are published whole."""

    @property
    def name(self) -> str:
        """For people and for files: a month, or two with `to` between."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


def last_complete(today: date, settle_days: int) -> str:
    """The last month that ended at least `settle_days` before `today` (UTC)."""
    return _shifted(month_of(today - timedelta(days=settle_days)), -1)


def due(
    log: ScanLog, last: str, first: str | None, beginning: Callable[[], str | None]
) -> list[Step]:  # fmt: skip
    """The steps that are due up to the month `last`, in the order in which they must be scanned.

    `first`: the month that was asked for as the first. `beginning` tells where a first scan begins when none was; None
    = there is nothing to scan.
    """
    begun = log.begun
    start = min(month for month in (first, begun) if month) if first or begun else beginning()
    if start is None or start > last:
        return []
    left = [month for month in _months(start, last) if month not in log.settled]
    opened = min(log.settled, default=None)
    opening = [month for month in left if opened is None or month < opened]
    steps = [Step(opening[0], opening[-1], opening=True)] if opening else []
    return steps + [Step(month, month) for month in left if month not in opening]


def earlier(month: str, n: int) -> str:
    """The month `n` months before."""
    return _shifted(month, -n)


def _shifted(month: str, n: int) -> str:
    return month_of(first_day(number_of(month) + n))


def _months(first: str, last: str) -> Iterator[str]:
    return months_between(first_day(first), first_day(last))
