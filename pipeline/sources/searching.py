"""Searches of a catalogue, split by time where it gives no more than so many items at once.

Catalogues end a search at some number of items: some say so, some fail at a later page, some just stop. So a search
that may have been cut short is done again month by month, and a month in halves down to single days. What is found
twice counts once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.errors import SceneError
from pipeline.months import last_day
from pipeline.sources.interface import Period
from pipeline.sources.sensors import SENTINEL_2

PAGE = 100
"""Items asked for at once: what every catalogue gives, and few enough for one answer."""
MAX_FOUND = 1000
"""Most items of one search of more than a day: below what any of the catalogues gives at most."""
MAX_OF_DAY = 10_000
"""Most items of one day."""
MAX_ITEMS = 500_000
"""Most items altogether; Shan has about 8,000 a year in each collection."""
MAX_SEARCHES = 5000
"""Most searches that one is split into: every day of ten years, and the months above them."""
SMALLEST_CAP = 100
"""A search that ends with a full page is taken for one cut short from so many items on."""


class Endless(SceneError):
    """A catalogue whose pages do not end."""

    def __init__(self) -> None:
        """For messages."""
        super().__init__("its pages have no end")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a catalogue."""

    items: Sequence[Any]
    """Its items."""
    total: int | None
    """Items that the search has altogether, where the catalogue says so."""


Ask = Callable[[str], Iterator[Page]]
"""Gives the pages of a search in an interval of time, written as STAC does; raises `SceneError`."""


def days_of(period: Period, today: date | None = None) -> tuple[date, date]:
    """First and last day to search."""
    return period.first or SENTINEL_2.first_day, period.last or today or datetime.now(UTC).date()


def items_in(period: Period, ask: Ask) -> Iterator[Any]:
    """All items of a period, each once; raises `SceneError` where the catalogue does not give them all."""
    todo, searches, given = [days_of(period)], 0, set[tuple[str, str]]()
    number = 0
    while todo:
        first, last = todo.pop()
        searches += 1
        if searches > MAX_SEARCHES:
            raise SceneError(f"more than {MAX_SEARCHES} searches; ask for a shorter period")
        items = _items(first, last, ask)
        if items is None:
            todo += reversed(_parts(first, last))
            continue
        for item in items:
            if _is_new(item, given):
                number += 1
                if number > MAX_ITEMS:
                    raise SceneError(f"more than {MAX_ITEMS} items; ask for a shorter period")
                yield item


def interval_of(first: date, last: date) -> str:
    """The days from `first` to `last` as STAC writes an interval; it ends with the first moment of the next day."""
    return f"{first.isoformat()}T00:00:00Z/{(last + timedelta(days=1)).isoformat()}T00:00:00Z"


def _items(first: date, last: date, ask: Ask) -> list[Any] | None:
    """Items of some days; None if they were cut short and the days can be split."""
    found: list[Any] = []
    sizes: list[int] = []
    total: int | None = None
    known = set[tuple[str, str]]()
    try:
        for page in ask(interval_of(first, last)):
            found += page.items
            sizes.append(len(page.items))
            total = page.total if page.total is not None else total
            if first < last and max(total or 0, len(found)) > MAX_FOUND:
                return None
            if len(found) > MAX_OF_DAY:
                raise SceneError(f"more than {MAX_OF_DAY} items on {first}")
            new = [item for item in page.items if _is_new(item, known)]
            if page.items and not new:
                raise Endless
    except Endless:
        raise
    except SceneError:
        if first < last and found:  # some fail where others stop; where all fails, so does the next search
            return None
        raise
    stopped = total is None and len(found) >= SMALLEST_CAP and sizes[-1] in (PAGE, sizes[0])
    if first < last and (stopped or len(found) < (total or 0)):
        return None
    if len(found) < (total or 0):
        raise SceneError(f"it has {total} items on {first} and gives {len(found)}")
    return found


def _is_new(item: Any, known: set[tuple[str, str]]) -> bool:
    """Whether an item was not given before; now it was. What is not an item is always new."""
    name = item.get("id") if isinstance(item, dict) else None
    if not isinstance(name, str):
        return True
    key = (str(item.get("collection")), name)
    new = key not in known
    known.add(key)
    return new


def _parts(first: date, last: date) -> list[tuple[date, date]]:
    """Days split into calendar months, or halves of what lies in one."""
    if (first.year, first.month) == (last.year, last.month):
        middle = first + (last - first) // 2
        return [(first, middle), (middle + timedelta(days=1), last)]
    parts = []
    while first <= last:
        end = min(last, last_day(f"{first:%Y-%m}"))
        parts.append((first, end))
        first = end + timedelta(days=1)
    return parts
