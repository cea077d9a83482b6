"""What is said of a site, in words that anybody reads once."""

from collections.abc import Iterator
from datetime import date

from pipeline.sites.records import SiteRecord
from pipeline.words import Words


def facts(site: SiteRecord, words: Words) -> Iterator[tuple[str, str]]:
    """All that is said of a site: of what, and the words."""
    yield words("facts.status"), words.of("status_means", site.status.value)
    yield words("facts.confidence"), confidence_words(site, words)
    yield words("facts.verdict"), verdict_words(site, words)
    yield words("facts.ground"), words.between(site.ground_after, site.ground_by)
    yield words("facts.ponds"), words.between(site.ponds_after, site.ponds_by)
    area, low, high = map(words.hectares, (site.pond_area_m2, site.pond_area_low_m2, site.pond_area_high_m2))
    yield words("facts.pond_area"), words("facts.pond_area_between", area=area, low=low, high=high)
    yield words("facts.ground_area"), words.hectares(site.ground_area_m2)
    if site.last_seen is not None:
        yield words("facts.last_seen"), words.day(site.last_seen)
    if site.last_clear is not None:
        day = words.day(site.last_clear)
        yield words("facts.last_clear"), words("facts.last_clear_of", n=site.clear_looks, day=day)


def confidence_words(site: SiteRecord, words: Words) -> str:
    """How sure the detector is."""
    if site.confidence is None:
        return words("facts.confidence_of_a_person")
    return words("facts.confidence_of", percent=words.percent(site.confidence))


def verdict_words(site: SiteRecord, words: Words) -> str:
    """What a reviewer said, without who."""
    said = words.of("verdict", site.verdict or "none")
    if site.verdict_reason:
        said = words("facts.verdict_because", verdict=said, reason=words.of("reason", site.verdict_reason))
    return words("facts.verdict_on", verdict=said, day=words.day(site.reviewed_on)) if site.reviewed_on else said


def first_of(site: SiteRecord) -> date | None:
    """The first day on which a site is known to be there; None = a person drew it, and no look is known."""
    return min((day for day in (site.ground_by, site.ponds_by) if day is not None), default=None)
