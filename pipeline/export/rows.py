"""From what was found to the rows of the outputs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import islice, pairwise

import numpy as np
import shapely
from shapely.geometry import Point

from pipeline.aoi import Aoi
from pipeline.confidence import Found
from pipeline.config import Settings
from pipeline.coverage import NOT_LOOKED_AT, Seen
from pipeline.export.records import CoverageRecord, EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.grid import LONLAT, PIXEL_M, Grid, reprojected
from pipeline.history import events
from pipeline.registry.names import MERGED, WITHDRAWN, Entry, Registry, Saying
from pipeline.sites import ponds_of
from pipeline.sources.interface import Source
from pipeline.states import STATES

CELLS = 1000
"""Coverage cells whose outlines are reprojected at once."""


def site_record(
    grid: Grid, source: Source, settings: Settings, model: str, run_id: str, site_id: str, item: Found
) -> SiteRecord:
    """The row of a site; `model` and `run_id` are its provenance."""
    past = item.past
    return SiteRecord(
        site_id=site_id,
        status=past.status(settings.history, settings.sites.confirm_looks),
        confidence=item.confidence,
        ground_after=past.ground.after if past.ground else None,
        ground_by=past.ground.by if past.ground else None,
        ponds_after=past.ponds.after if past.ponds else None,
        ponds_by=past.ponds.by if past.ponds else None,
        last_seen=past.last_seen(),
        last_clear=past.looks[-1].day if past.looks else None,
        clear_looks=len(past.looks),
        pond_area_m2=item.area.middle,
        pond_area_low_m2=item.area.low,
        pond_area_high_m2=item.area.high,
        ground_area_m2=item.site.ground_m2,
        verdict=None,
        reviewed_on=None,
        simulated=source.simulated,
        source=source.name,
        model=model,
        run_id=run_id,
        polygon=reprojected(item.site.polygon_m, grid.crs, LONLAT),
    )


def coverage_records(aoi: Aoi, cell_px: int, months: tuple[str, ...], seen: Seen) -> Iterator[CoverageRecord]:
    """Every cell of the AOI in every month, seen or not."""
    cells = aoi.windows(cell_px)
    while some := list(islice(cells, CELLS)):
        outlines = reprojected(shapely.box(*np.array([cell.bounds_m for cell in some]).T), aoi.grid.crs, LONLAT)
        for cell, outline in zip(some, outlines, strict=True):
            by_month = seen[cell].months if cell in seen else {}
            name = aoi.grid.name_of(cell)
            for month in months:
                record = by_month.get(month, NOT_LOOKED_AT)
                yield CoverageRecord(
                    cell=name,
                    month=month,
                    looks=record.looks,
                    clear_looks=record.clear_looks,
                    share_seen=record.share_seen,
                    polygon=outline,
                )


def pond_records(record: SiteRecord, item: Found, grid: Grid) -> Iterator[PondRecord]:
    """The patches of touching pond pixels of a site."""
    for number, (outline, pixels) in enumerate(ponds_of(item.site), start=1):
        yield PondRecord(
            site_id=record.site_id,
            pond_id=number,
            area_m2=float(pixels.sum()) * PIXEL_M**2 * item.site.mean_pond_fraction,
            first_seen=record.ponds_by,
            polygon=reprojected(outline, grid.crs, LONLAT),
        )


def look_records(record: SiteRecord, item: Found, settings: Settings) -> Iterator[LookRecord]:
    """The clear looks at a site."""
    point: Point = record.polygon.representative_point()
    for look, state, area in zip(item.past.looks, item.past.states, item.look_areas, strict=True):
        yield LookRecord(
            site_id=record.site_id,
            day=look.day,
            overpass=look.overpass,
            share_seen=look.share_seen,
            pond_area_m2=area.middle,
            pond_area_low_m2=area.low,
            pond_area_high_m2=area.high,
            ground_area_m2=look.ground_m2,
            state=STATES[state],
            ponds_present=look.shows_ponds(settings.history),
            ground_present=look.shows_ground(settings.history),
            point=point,
        )


def event_records(record: SiteRecord, item: Found, settings: Settings) -> Iterator[EventRecord]:
    """What happened to a site."""
    point: Point = record.polygon.representative_point()
    for event in events(item.past, settings.history):
        proof = [look.overpass for look in item.past.looks if look.day in (event.after, event.by)]
        yield EventRecord(
            site_id=record.site_id,
            kind=event.kind,
            after=event.after,
            by=event.by,
            evidence=", ".join(proof),
            point=point,
        )


def saying_of(record: SiteRecord, today: date) -> Saying:
    """What a row says of a site, for the registry."""
    ground = (record.ground_after, record.ground_by) if record.ground_by else None
    ponds = (record.ponds_after, record.ponds_by) if record.ponds_by else None
    return Saying(today, record.run_id, record.status, ground, ponds)


def with_lineage(record: SiteRecord, entry: Entry) -> SiteRecord:
    """The row with where the site came from, and what was said of it before."""
    before = [saying for saying in entry.sayings[:-1] if _dates(saying) != _dates(entry.sayings[-1])]
    told = [
        f"{saying.on}: {_dates(saying)}"
        for k, saying in enumerate(before)
        if k == 0 or _dates(saying) != _dates(before[k - 1])
    ]
    return replace(record, parent=entry.parent, said_before="; ".join(told) or None)


def lineage_events(registry: Registry) -> Iterator[EventRecord]:
    """Splits, merges and withdrawals, between the run that last said otherwise and the one that said so."""
    for entry in registry.entries:
        point = entry.territory.representative_point()
        if entry.parent is not None and entry.sayings:
            first = entry.sayings[0].on
            earlier = [saying for saying in registry.entry(entry.parent).sayings if saying.on < first]
            yield EventRecord(
                site_id=entry.site_id,
                kind="split",
                after=earlier[-1].on if earlier else None,
                by=first,
                evidence=_runs(*earlier[-1:], entry.sayings[0]),
                point=point,
            )
        for before, now in pairwise(entry.sayings):
            kind = "withdrawn" if now.status == WITHDRAWN else "merged" if now.status.startswith(MERGED) else ""
            if kind:
                yield EventRecord(
                    site_id=entry.site_id,
                    kind=kind,
                    after=before.on,
                    by=now.on,
                    evidence=_runs(before, now),
                    point=point,
                )


def _runs(*sayings: Saying) -> str:
    return ", ".join(f"run {saying.run_id}" for saying in sayings)


def _dates(saying: Saying) -> str:
    """The dates of a saying in words."""
    told = [
        f"{what} after {after}, by {by}" if after else f"{what} by {by}"
        for what, interval in (("ground", saying.ground), ("ponds", saying.ponds))
        if interval is not None
        for after, by in [interval]
    ]
    return ", ".join(told) or "no dates"
