"""Calendar months as text, `YYYY-MM`."""

import calendar
from collections.abc import Iterator
from datetime import date


def month_of(day: date) -> str:
    """`YYYY-MM`."""
    return f"{day:%Y-%m}"


def number_of(month: str) -> int:
    """Months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1


def first_day(month: str | int) -> date:
    """First day of a month, by text or by number."""
    number = number_of(month) if isinstance(month, str) else month
    return date(number // 12, number % 12 + 1, 1)


def last_day(month: str | int) -> date:
    """Last day of a month, by text or by number."""
    first = first_day(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def months_between(first: date, last: date) -> Iterator[str]:
    """Every month from that of `first` to that of `last`."""
    for number in range(number_of(month_of(first)), number_of(month_of(last)) + 1):
        yield month_of(first_day(number))
