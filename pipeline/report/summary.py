"""The headline of an edition in numbers: how many sites, how many began of late, how sure, how much was seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from pipeline.export.edition import Edition
from pipeline.months import first_day, last_day, month_of, months_between, number_of
from pipeline.reviews.review import Verdict
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import SiteRecord

RECENT_MONTHS = 12
"""How many months of imagery, the last one included, count as of late."""


class Age(StrEnum):
    """When a site began."""

    NEW = "new"
    """In the recent months."""
    MAYBE_NEW = "maybe new"
    """In the recent months or before: no clear look tells."""
    OLDER = "older"
    """Before the recent months."""
    UNDATED = "undated"
    """Not known: no look dates it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """An edition in numbers. Sites that a reviewer rejected count as rejected and nowhere else."""

    sites: int
    """Suspected sites that stand, those that a person added included."""
    added: int
    """Of them: drawn by a person, not reported by the detector."""
    rejected: int
    """Sites that a reviewer rejected."""
    new: int
    """Sites that began in the recent months."""
    maybe_new: int
    """Sites that began in the recent months or before: no clear look tells."""
    recent: tuple[str, str] | None
    """First and last of the recent months, `YYYY-MM`; None = no months are covered."""
    scored: int
    """Sites that have a confidence."""
    expected: float
    """How many of them the confidences expect to be leach-pond sites, verdicts not used."""
    confirmed: int
    """Sites that a reviewer confirmed."""
    unsure: int
    """Sites at which a reviewer looked without a decision."""
    seen_last_month: float
    """Share of the AOI that was clear at least once in the last month, 0 to 1."""
    seen: float
    """Share of the AOI that was clear at least once in any month, 0 to 1."""
    unseen_months: tuple[str, ...]
    """Months in which nothing of the AOI was clear, `YYYY-MM`."""

    @property
    def unreviewed(self) -> int:
        """Sites that stand and have no decision of a reviewer: not looked at, or unsure."""
        return self.sites - self.confirmed


def summarised(edition: Edition) -> Summary:
    """The numbers of an edition."""
    standing, rejected = standing_and_rejected(edition)
    recent = recent_months(edition.months)
    ages = [age(site, recent) for site in standing]
    confidences = [site.confidence for site in standing if site.confidence is not None]
    verdicts = [site.verdict for site in standing]
    return Summary(
        sites=len(standing),
        added=sum(site.added for site in standing),
        rejected=len(rejected),
        new=ages.count(Age.NEW),
        maybe_new=ages.count(Age.MAYBE_NEW),
        recent=recent,
        scored=len(confidences),
        expected=sum(confidences),
        confirmed=verdicts.count(Verdict.CONFIRMED),
        unsure=verdicts.count(Verdict.UNSURE),
        seen_last_month=edition.seen_in.get(edition.months[-1], 0.0) if edition.months else 0.0,
        seen=edition.seen_share,
        unseen_months=tuple(month for month in edition.months if not edition.seen_in.get(month)),
    )


def standing_and_rejected(edition: Edition) -> tuple[list[SiteRecord], list[SiteRecord]]:
    """The sites that stand, and those that a reviewer rejected, by id."""
    standing = [site for site in edition.sites if not is_rejected(site)]
    return standing, [site for site in edition.sites if is_rejected(site)]


def is_rejected(site: SiteRecord) -> bool:
    """Whether a reviewer judged it to be something else."""
    return site.verdict == Verdict.REJECTED or site.status == SiteStatus.REJECTED


def recent_months(months: Sequence[str]) -> tuple[str, str] | None:
    """First and last of the recent months among those covered, `YYYY-MM`; None = none are covered."""
    if not months:
        return None
    first = month_of(first_day(number_of(months[-1]) - RECENT_MONTHS + 1))
    return max(first, months[0]), months[-1]


def onset(site: SiteRecord) -> tuple[date | None, date | None]:
    """When it began, after one day and by another: its ponds, or its ground while it has none."""
    if site.ponds_by:
        return site.ponds_after, site.ponds_by
    return site.ground_after, site.ground_by


def age(site: SiteRecord, recent: tuple[str, str] | None) -> Age:
    """Whether it began in the recent months."""
    after, by = onset(site)
    if by is None or recent is None:
        return Age.UNDATED
    start = first_day(recent[0])
    if by < start:
        return Age.OLDER
    return Age.NEW if after is not None and after >= start - timedelta(days=1) else Age.MAYBE_NEW


def all_months(months: Sequence[str]) -> list[str]:
    """Every month from the first covered to the last, also those between that nobody asked for."""
    return list(months_between(first_day(months[0]), last_day(months[-1]))) if months else []
