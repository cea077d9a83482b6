"""How many sites had ponds, month by month, as an interval: some cannot be told, for want of a clear look."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from pipeline.export.edition import Edition
from pipeline.months import last_day
from pipeline.report.summary import all_months, is_rejected
from pipeline.sites.history import SiteStatus
from pipeline.sites.statement import Statement


class Ponds(IntEnum):
    """Whether a site had ponds on a day."""

    NO = 0
    """None, or not yet."""
    MAYBE = 1
    """No clear look tells: between one without and one with them."""
    YES = 2
    """Clear looks on either side show them, or the last one did."""


@dataclass(frozen=True, slots=True)
class MonthCount:
    """The sites at the end of one month."""

    month: str
    """`YYYY-MM`."""
    surely: int
    """Sites that had ponds at its end."""
    possibly: int
    """The same, with those of which no clear look tells."""
    seen: float
    """Share of the AOI that was clear at least once in the month, 0 to 1."""


def counts(edition: Edition) -> list[MonthCount]:
    """The sites with ponds at the end of every month, without those that a reviewer rejected."""
    statements = [statement for statement in edition.statements if not is_rejected(statement.site)]
    return [_count(month, statements, edition.seen_in.get(month, 0.0)) for month in all_months(edition.months)]


def undated(statements: Iterable[Statement]) -> int:
    """Sites that have no dated ponds, and so are never counted: cleared ground only, or drawn by a person."""
    return sum(not is_rejected(statement.site) and statement.site.ponds_by is None for statement in statements)


def _count(month: str, statements: Sequence[Statement], seen: float) -> MonthCount:
    found = [ponds_on(statement, last_day(month)) for statement in statements]
    surely = found.count(Ponds.YES)
    return MonthCount(month, surely, surely + found.count(Ponds.MAYBE), seen)


def ponds_on(statement: Statement, day: date) -> Ponds:
    """Whether a site had ponds on a day. After its last clear look it counts as it was last seen."""
    site = statement.site
    if site.ponds_by is None:
        return Ponds.NO
    if day < site.ponds_by:
        return Ponds.MAYBE if site.ponds_after is None or day > site.ponds_after else Ponds.NO
    before = [look.state.has_ponds for look in statement.looks if look.day <= day]
    later = [look.state.has_ponds for look in statement.looks if look.day > day]
    then = before[-1] if before else True  # its onset was published from looks that are not kept any more
    if not statement.looks:
        then = site.status not in (SiteStatus.IDLE, SiteStatus.ENDED) or (site.last_seen or date.min) >= day
    if not later or later[0] == then:
        return Ponds.YES if then else Ponds.NO
    return Ponds.MAYBE
