"""What became of names: splits, merges and withdrawals as events, and dates that were published before."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from shapely.geometry import Point

from pipeline.sites.history import EventKind
from pipeline.sites.names import PublishedState, PublishedStatus, RegisteredSite, Registry
from pipeline.sites.records import EventRecord, SiteRecord, rounded


def with_lineage(record: SiteRecord, entry: RegisteredSite) -> SiteRecord:
    """The row with the site it split from, and earlier published dates."""
    earlier = [state for state in entry.published[:-1] if _dates(state) != _dates(entry.published[-1])]
    changes = [
        f"{state.on}: {_dates(state)}"
        for k, state in enumerate(earlier)
        if k == 0 or _dates(state) != _dates(earlier[k - 1])
    ]
    return replace(record, parent=entry.parent, earlier_dates="; ".join(changes) or None)


def lineage_events(entry: RegisteredSite, registry: Registry) -> Iterator[EventRecord]:
    """Splits, merges, withdrawals and revisions, each dated between the run before it and the one that published it."""
    kinds = {PublishedStatus.WITHDRAWN: EventKind.WITHDRAWN, PublishedStatus.MERGED: EventKind.MERGED}
    point: Point = rounded(entry.territory.representative_point())
    if entry.parent is not None and entry.published:
        yield _split(entry, registry.entry(entry.parent), point)
    for before, now in pairwise(entry.published):
        kind = kinds.get(now.status, EventKind.REVISED if now.because else None)
        if kind is not None:
            yield EventRecord(
                site_id=entry.site_id,
                kind=kind,
                after=before.on,
                by=now.on,
                evidence=_runs(before, now) + (f"; seen late: {now.because}" if now.because else ""),
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
