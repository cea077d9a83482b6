"""A statement: all that is said of one site, from its looks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from shapely.geometry import Point

from pipeline.config import Settings
from pipeline.grid import LONLAT, PIXEL_M, Grid, reprojected
from pipeline.sites.confidence import AssessedSite
from pipeline.sites.history import EventKind, SiteStatus, events
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord, rounded


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the rows of a run come from; written with every site."""

    source: str
    """Name of the source."""
    simulated: bool
    """True: made from simulated input."""
    model: str
    """Name of the model."""
    run_id: str
    """Id of the run, as in `manifest.json`."""


@dataclass(frozen=True, slots=True)
class Statement:
    """All that is said of a site: the rows of every layer that are about it."""

    site: SiteRecord
    """The site."""
    ponds: tuple[PondRecord, ...]
    """Its patches of pond pixels."""
    looks: tuple[LookRecord, ...]
    """Its clear looks, ascending in time."""
    events: tuple[EventRecord, ...]
    """What happened to it, ascending in time."""

    def had_ponds(self) -> tuple[date, date | None]:
        """The time in which it is said to have ponds: first and last day, None = until now.

        Of cleared ground only, the time since that ground was there.
        """
        site = self.site
        first = site.ponds_by or site.ground_by or site.last_clear or date.max
        return first, site.last_seen if site.status in (SiteStatus.IDLE, SiteStatus.ENDED) else None


STATEMENT = TypeAdapter(Statement)
"""Statements as JSON and back."""


def statement_of(
    site_id: str, assessed: AssessedSite, grid: Grid, settings: Settings, provenance: Provenance
) -> Statement:
    """All that the looks say of a site."""
    site = _site(site_id, assessed, grid, settings, provenance)
    point: Point = rounded(site.polygon.representative_point())
    return Statement(
        site=site,
        ponds=tuple(_ponds(site, assessed, grid)),
        looks=tuple(_looks(site, assessed, point)),
        events=tuple(_events(site, assessed, settings, point)),
    )


def renamed(statement: Statement, site_id: str) -> Statement:
    """The same statement about a site of another id."""
    return Statement(
        site=replace(statement.site, site_id=site_id),
        ponds=tuple(replace(row, site_id=site_id) for row in statement.ponds),
        looks=tuple(replace(row, site_id=site_id) for row in statement.looks),
        events=tuple(replace(row, site_id=site_id) for row in statement.events),
    )


def with_onsets_of(statement: Statement, earlier: Statement) -> Statement:
    """The statement with onsets that were published before and that its own looks begin too late to speak about.

    An onset that is only "already there at the first clear look" does not speak against an earlier date.
    """
    new, old, kinds = statement.site, earlier.site, set[EventKind]()
    changes: dict[str, Any] = {}
    for what, kind in (("ground", EventKind.APPEARED), ("ponds", EventKind.PONDS_BUILT)):
        by, before = getattr(new, f"{what}_by"), getattr(old, f"{what}_by")
        if by is not None and before is not None and getattr(new, f"{what}_after") is None and before < by:
            changes |= {f"{what}_after": getattr(old, f"{what}_after"), f"{what}_by": before}
            kinds.add(kind)
    kept = [event for event in earlier.events if event.kind in kinds]
    rest = [event for event in statement.events if event.kind not in kinds]
    rows = tuple(sorted((*kept, *rest), key=lambda event: event.by))
    return replace(statement, site=replace(new, **changes), events=rows) if kinds else statement


def _site(
    site_id: str, assessed: AssessedSite, grid: Grid, settings: Settings, provenance: Provenance
) -> SiteRecord:  # fmt: skip
    past = assessed.history
    return SiteRecord(
        site_id=site_id,
        status=past.status(settings.history, settings.sites.confirm_looks),
        confidence=assessed.confidence,
        ground_after=past.ground.after if past.ground else None,
        ground_by=past.ground.by if past.ground else None,
        ponds_after=past.ponds.after if past.ponds else None,
        ponds_by=past.ponds.by if past.ponds else None,
        last_seen=past.last_seen(),
        last_clear=past.looks[-1].day if past.looks else None,
        clear_looks=len(past.looks),
        pond_area_m2=assessed.pond_area.value,
        pond_area_low_m2=assessed.pond_area.low,
        pond_area_high_m2=assessed.pond_area.high,
        ground_area_m2=assessed.site.ground_m2,
        verdict=None,
        reviewed_on=None,
        simulated=provenance.simulated,
        source=provenance.source,
        model=provenance.model,
        run_id=provenance.run_id,
        polygon=rounded(reprojected(assessed.site.polygon_m, grid.crs, LONLAT)),
    )


def _ponds(record: SiteRecord, assessed: AssessedSite, grid: Grid) -> Iterator[PondRecord]:
    """The patches of touching pond pixels of a site."""
    for number, patch in enumerate(assessed.patches, start=1):
        yield PondRecord(
            site_id=record.site_id,
            pond_id=number,
            area_m2=patch.pixels * PIXEL_M**2 * assessed.site.mean_pond_fraction,
            first_seen=patch.first_seen,
            polygon=rounded(reprojected(patch.outline_m, grid.crs, LONLAT)),
        )


def _looks(record: SiteRecord, assessed: AssessedSite, point: Point) -> Iterator[LookRecord]:
    """The clear looks at a site."""
    past = assessed.history
    shown = zip(past.shows_ponds, past.shows_ground, strict=True)
    for look, state, area, (ponds, ground) in zip(past.looks, past.states, assessed.look_areas, shown, strict=True):
        yield LookRecord(
            site_id=record.site_id,
            day=look.day,
            overpass=look.overpass,
            share_seen=look.share_seen,
            pond_area_m2=area.value,
            pond_area_low_m2=area.low,
            pond_area_high_m2=area.high,
            ground_area_m2=look.ground_m2,
            state=state,
            ponds_present=ponds,
            ground_present=ground,
            point=point,
        )


def _events(record: SiteRecord, assessed: AssessedSite, settings: Settings, point: Point) -> Iterator[EventRecord]:
    """What happened to a site."""
    for event in events(assessed.history, settings.history):
        proof = [look.overpass for look in assessed.history.looks if look.day in (event.after, event.by)]
        yield EventRecord(
            site_id=record.site_id,
            kind=event.kind,
            after=event.after,
            by=event.by,
            evidence=", ".join(proof),
            point=point,
        )
