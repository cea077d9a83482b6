"""Makes the rows of the outputs from sites, coverage and the registry."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice, pairwise

import numpy as np
import shapely
from shapely.geometry import Point

from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.evidence.coverage import NO_LOOKS, Coverage
from pipeline.export.records import CoverageRecord, EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.grid import LONLAT, PIXEL_M, Grid, reprojected
from pipeline.sites.confidence import AssessedSite
from pipeline.sites.history import EventKind, events
from pipeline.sites.names import Interval, PublishedState, PublishedStatus, RegisteredSite, Registry

CELLS = 1000
"""Coverage cells whose outlines are reprojected at once."""


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


def site_record(
    site_id: str, assessed: AssessedSite, grid: Grid, settings: Settings, provenance: Provenance
) -> SiteRecord:
    """The row of a site."""
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
        polygon=reprojected(assessed.site.polygon_m, grid.crs, LONLAT),
    )


def coverage_records(aoi: Aoi, cell_px: int, months: tuple[str, ...], coverage: Coverage) -> Iterator[CoverageRecord]:
    """Every cell of the AOI in every month, seen or not."""
    cells = aoi.windows(cell_px)
    while some := list(islice(cells, CELLS)):
        outlines = reprojected(shapely.box(*np.array([cell.bounds_m for cell in some]).T), aoi.grid.crs, LONLAT)
        for cell, outline in zip(some, outlines, strict=True):
            by_month = coverage[cell].months if cell in coverage else {}
            name = aoi.grid.name_of(cell)
            for month in months:
                seen = by_month.get(month, NO_LOOKS)
                yield CoverageRecord(
                    cell=name,
                    month=month,
                    looks=seen.looks,
                    clear_looks=seen.clear_looks,
                    share_seen=seen.share_seen,
                    polygon=outline,
                )


def pond_records(record: SiteRecord, assessed: AssessedSite, grid: Grid) -> Iterator[PondRecord]:
    """The patches of touching pond pixels of a site."""
    for number, patch in enumerate(assessed.patches, start=1):
        yield PondRecord(
            site_id=record.site_id,
            pond_id=number,
            area_m2=patch.pixels * PIXEL_M**2 * assessed.site.mean_pond_fraction,
            first_seen=patch.first_seen,
            polygon=reprojected(patch.outline_m, grid.crs, LONLAT),
        )


def look_records(record: SiteRecord, assessed: AssessedSite) -> Iterator[LookRecord]:
    """The clear looks at a site."""
    point: Point = record.polygon.representative_point()
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


def event_records(record: SiteRecord, assessed: AssessedSite, settings: Settings) -> Iterator[EventRecord]:
    """What happened to a site."""
    point: Point = record.polygon.representative_point()
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


def published_state_of(record: SiteRecord, today: date) -> PublishedState:
    """The published state that a row stands for, for the registry."""
    return PublishedState(
        on=today,
        run_id=record.run_id,
        status=PublishedStatus(record.status.value),
        ground=Interval(record.ground_after, record.ground_by) if record.ground_by else None,
        ponds=Interval(record.ponds_after, record.ponds_by) if record.ponds_by else None,
    )


def with_lineage(record: SiteRecord, entry: RegisteredSite) -> SiteRecord:
    """The row with the site it split from, and earlier published dates."""
    earlier = [state for state in entry.published[:-1] if _dates(state) != _dates(entry.published[-1])]
    changes = [
        f"{state.on}: {_dates(state)}"
        for k, state in enumerate(earlier)
        if k == 0 or _dates(state) != _dates(earlier[k - 1])
    ]
    return replace(record, parent=entry.parent, earlier_dates="; ".join(changes) or None)


def lineage_events(registry: Registry) -> Iterator[EventRecord]:
    """Splits, merges and withdrawals, each dated between the last run before it and the run that published it."""
    kinds = {PublishedStatus.WITHDRAWN: EventKind.WITHDRAWN, PublishedStatus.MERGED: EventKind.MERGED}
    for entry in registry.entries:
        point = entry.territory.representative_point()
        if entry.parent is not None and entry.published:
            yield _split(entry, registry.entry(entry.parent), point)
        for before, now in pairwise(entry.published):
            if now.status in kinds:
                yield EventRecord(
                    site_id=entry.site_id,
                    kind=kinds[now.status],
                    after=before.on,
                    by=now.on,
                    evidence=_runs(before, now),
                    point=point,
                )


def _split(entry: RegisteredSite, parent: RegisteredSite, point: Point) -> EventRecord:
    first = entry.published[0]
    earlier = [state for state in parent.published if state.on < first.on]
    return EventRecord(
        site_id=entry.site_id,
        kind=EventKind.SPLIT,
        after=earlier[-1].on if earlier else None,
        by=first.on,
        evidence=_runs(*earlier[-1:], first),
        point=point,
    )


def _runs(*states: PublishedState) -> str:
    return ", ".join(f"run {state.run_id}" for state in states)


def _dates(state: PublishedState) -> str:
    """The dates of a published state in words."""
    words = [
        f"{what} after {interval.after}, by {interval.by}" if interval.after else f"{what} by {interval.by}"
        for what, interval in (("ground", state.ground), ("ponds", state.ponds))
        if interval is not None
    ]
    return ", ".join(words) or "no dates"
