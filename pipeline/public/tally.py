"""Sites counted by cell: the one place where their positions are used."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pipeline.export.edition import Edition
from pipeline.export.facts import first_of
from pipeline.public.globe import Cell, cell_at, shares
from pipeline.public.rules import FEW, LEAST_SHARE, NAMED_CELLS, Rules
from pipeline.reviews.review import Verdict
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import SiteRecord


class PondArea(StrEnum):
    """How much pond area a cell has, in classes: an exact area would tell which site it is."""

    SMALL = "under 1 ha"
    MIDDLE = "1 to 5 ha"
    LARGE = "5 to 20 ha"
    LARGEST = "20 ha or more"


AREA_LIMITS = ((10_000, PondArea.SMALL), (50_000, PondArea.MIDDLE), (200_000, PondArea.LARGE))
"""Square metres below which a class applies."""
HIGH, MEDIUM = 0.9, 0.7
"""Least confidence of the classes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """What is said of the sites of one cell, or of all."""

    sites: int
    """Sites that no reviewer rejected."""
    confirmed_by_reviewer: int
    """Those of them that a reviewer confirmed."""
    confidence_high: int
    """Those of them with a confidence of `HIGH` or more."""
    confidence_medium: int
    """Those with `MEDIUM` or more."""
    confidence_low: int
    """Those with less."""
    reported_by_person: int
    """Those without a confidence, which a person drew."""
    active: int
    """Those that had ponds, or cleared ground, when they were last seen."""
    idle_or_ended: int
    """Those whose ponds are gone."""
    pond_area: PondArea
    """Their pond area together."""
    first_seen_from: str | None
    """Quarter in which the earliest of them was first seen, such as `2024-Q4`; they may be older. None = not known."""
    first_seen_to: str | None
    """Quarter in which the latest of them was first seen."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Tally:
    """All that is published of an edition."""

    title: str | None
    """Name of the area; None = it is too small to be named."""
    searched: tuple[Cell, ...]
    """The cells that the area touches; none where it is too small to be shown."""
    cells: tuple[tuple[Cell, Count], ...]
    """Cells with sites, south to north."""
    all_sites: Count
    """All sites that are published, those without a cell included."""
    elsewhere: int
    """How many of them lie in cells that the edge of the area cuts too small to be shown."""
    held_back: int | None
    """How many more are held back; None = fewer than `FEW`, or none."""


def tally(edition: Edition, rules: Rules) -> Tally:
    """Count what may be published."""
    stand = [site for site in edition.sites if not _is_rejected(site)]
    known = [site for site in stand if _is_released(site, edition.first_published.get(site.site_id), rules)]
    parts = shares(edition.aoi.polygon, rules.cell_km)
    is_large = edition.aoi.area_km2 >= NAMED_CELLS * rules.cell_km**2
    by_cell: dict[Cell, list[SiteRecord]] = defaultdict(list)
    for site in known:
        by_cell[cell_of(site, rules.cell_km)].append(site)
    shown = {cell: sites for cell, sites in by_cell.items() if parts.get(cell, 0.0) >= LEAST_SHARE}
    held_back = len(stand) - len(known)
    return Tally(
        title=edition.aoi.title if is_large else None,
        searched=tuple(parts) if is_large else (),
        cells=tuple((cell, count_of(shown[cell])) for cell in sorted(shown)),
        all_sites=count_of(known),
        elsewhere=len(known) - sum(map(len, shown.values())),
        held_back=held_back if held_back >= FEW else None,
    )


def cell_of(site: SiteRecord, km: int) -> Cell:
    """The cell of a point in the site; where in the cell it is goes no further."""
    point = site.polygon.representative_point()
    return cell_at(point.x, point.y, km)


def count_of(sites: Sequence[SiteRecord]) -> Count:
    """What is said of some sites."""
    confidences = [site.confidence for site in sites if site.confidence is not None]
    gone = sum(site.status in (SiteStatus.IDLE, SiteStatus.ENDED) for site in sites)
    quarters = sorted(quarter_of(day) for site in sites if (day := first_of(site)) is not None)
    high = sum(value >= HIGH for value in confidences)
    low = sum(value < MEDIUM for value in confidences)
    return Count(
        sites=len(sites),
        confirmed_by_reviewer=sum(site.verdict == Verdict.CONFIRMED for site in sites),
        confidence_high=high,
        confidence_medium=len(confidences) - high - low,
        confidence_low=low,
        reported_by_person=len(sites) - len(confidences),
        active=len(sites) - gone,
        idle_or_ended=gone,
        pond_area=class_of(sum(site.pond_area_m2 for site in sites)),
        first_seen_from=quarters[0] if quarters else None,
        first_seen_to=quarters[-1] if quarters else None,
    )


def class_of(area_m2: float) -> PondArea:
    """The class of an area."""
    return next((each for limit, each in AREA_LIMITS if area_m2 < limit), PondArea.LARGEST)


def quarter_of(day: date) -> str:
    """Such as `2024-Q4`."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


def _is_rejected(site: SiteRecord) -> bool:
    return site.status is SiteStatus.REJECTED or site.verdict == Verdict.REJECTED


def _is_released(site: SiteRecord, published: date | None, rules: Rules) -> bool:
    """Whether a site has been known for long enough; one whose day of publication is not known has not."""
    if published is None:
        return False
    return max(published, first_of(site) or published) < rules.released_before
