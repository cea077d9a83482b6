"""Detection: from an AOI to dated sites with names, in files. One function per step.

search → looks → evidence, coverage, sites → names → files
"""

from datetime import date
from functools import partial

from pipeline.digest import sha256_of
from pipeline.evidence.cells import CellFiles, EvidenceCache
from pipeline.evidence.coverage import months_between
from pipeline.export.geojson import write_coverage, write_sites
from pipeline.export.geopackage import write_geopackage
from pipeline.export.manifest import SIMULATED, write_manifest
from pipeline.export.qgis import write_coverage_qml, write_sites_qml
from pipeline.export.records import SiteRecord
from pipeline.export.rows import (
    Provenance,
    coverage_records,
    event_records,
    lineage_events,
    look_records,
    pond_records,
    published_state_of,
    site_record,
    with_lineage,
)
from pipeline.run.context import Run
from pipeline.run.derive import Derived, derive
from pipeline.run.looks import LookPlan, make_looks, plan_looks
from pipeline.run.summary import Summary
from pipeline.sites.confidence import AssessedSite
from pipeline.sites.names import Registry
from pipeline.sites.registry import locked, read_registry, write_registry
from pipeline.sources.interface import Period, Refusal, Search

RUN_ID_DIGITS = 12
"""Of the hash of what a run was made from."""


def detect(context: Run) -> Summary:
    """Find and date the sites of an AOI and write the files of the contract.

    Looks that an earlier run made are not made again. Raises `InputError` for what the user can correct; scenes and
    looks that fail are in the summary and in `manifest.json`.
    """
    calibration = context.calibration
    with locked(context.registry_path):
        registry = read_registry(context.registry_path, context.aoi.prefix)  # a damaged one is reported before any work
        registry.check_clock(context.today)
        planned = plan_looks(context)
        looks, failures = make_looks(context, planned)
        cells = CellFiles(planned.maker.recipe_folder / "cells")
        cache = EvidenceCache(cells, context.settings.evidence, context.aoi.digest)
        derived = derive(context.aoi, looks, cache, context.settings, calibration, context.progress)
        reported = [site for site in derived.sites if site.confidence >= context.settings.sites.min_confidence]
        provenance = _provenance(context, planned, failures)
        registry, records = _named(context, registry, reported, provenance)
        write_registry(context.registry_path, registry)
        summary = Summary(
            context=context,
            provenance=provenance,
            recipe=planned.maker.recipe,
            search=planned.search,
            looks=derived.looks,
            outliers=derived.outliers,
            failures=failures,
            sites=tuple(records),
            seen_share=derived.seen_share(context.aoi),
            months=_months(planned.search, context.period),
            usage=context.budget.spent() if context.budget is not None else {},
        )
        export(summary, reported, derived, registry)
    return summary


def _named(
    context: Run, registry: Registry, reported: list[AssessedSite], provenance: Provenance
) -> tuple[Registry, list[SiteRecord]]:
    """The registry after this publication, and the rows of the reported sites, in the same order."""
    grid, settings = context.aoi.grid, context.settings
    registry, ids = registry.with_ids([item.site.polygon_m for item in reported], grid, settings.sites.link_m)
    records = [site_record(name, item, grid, settings, provenance) for name, item in zip(ids, reported, strict=True)]
    states = {record.site_id: published_state_of(record, context.today) for record in records}
    registry = registry.recorded(states, context.today, provenance.run_id)
    return registry, [with_lineage(record, registry.entry(record.site_id)) for record in records]


def export(summary: Summary, reported: list[AssessedSite], derived: Derived, registry: Registry) -> None:
    """Write every file of the contract, each whole or not at all; `reported` in the order of `summary.sites`."""
    context = summary.context
    out, aoi, settings = context.out, context.aoi, context.settings
    notice = SIMULATED if context.source.simulated else None
    named = list(zip(summary.sites, reported, strict=True))
    coverage = partial(coverage_records, aoi, settings.coverage.cell_px, summary.months, derived.coverage)
    with context.progress.stage("Writing", 4, unit="files") as step:
        write_sites(out / "sites.geojson", summary.sites, notice)
        write_sites_qml(out / "sites.qml")
        step(1)
        write_geopackage(
            out / "sites.gpkg",
            sites=summary.sites,
            ponds=[pond for record, item in named for pond in pond_records(record, item, aoi.grid)],
            looks=[look for record, item in named for look in look_records(record, item)],
            events=[
                *(event for record, item in named for event in event_records(record, item, settings)),
                *lineage_events(registry),
            ],
            coverage=coverage(),
        )
        step(1)
        write_coverage(out / "coverage.geojson", coverage(), notice)
        write_coverage_qml(out / "coverage.qml")
        step(1)
        write_manifest(out / "manifest.json", summary.manifest())
        step(1)


def _months(search: Search, period: Period) -> tuple[str, ...]:
    days: list[date] = [scene.time_utc.date() for scene in search.scenes]
    first = period.first or min(days, default=None)
    last = period.last or max(days, default=None)
    return tuple(months_between(first, last)) if first and last else ()


def _provenance(context: Run, planned: LookPlan, failures: tuple[Refusal, ...]) -> Provenance:
    """Where the rows come from; the same inputs give the same run id."""
    scenes = sorted([scene.id, scene.fingerprint] for scene in planned.search.scenes)
    settings = context.settings.model_dump(exclude={"engine", "segment"}, mode="json")
    failed = [failure.id for failure in failures]
    parts = [context.aoi.digest, planned.maker.recipe.digest, settings, scenes, failed]
    run_id = sha256_of(parts)[:RUN_ID_DIGITS]
    return Provenance(context.source.name, context.source.simulated, context.model.card.name, run_id)
