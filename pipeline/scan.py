"""The way from an AOI to its sites: one function per arrow of the design, and nothing else.

search → looks → coverage and evidence → sites → histories → names → files
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from pipeline.aoi import Aoi
from pipeline.cells import CellKeeper
from pipeline.checked import Checked
from pipeline.confidence import Found, check_calibrated, found_site
from pipeline.config import Settings
from pipeline.coverage import Seen, months_between
from pipeline.engine import executor_for, run
from pipeline.export.geojson import write_coverage, write_sites
from pipeline.export.geopackage import write_geopackage
from pipeline.export.manifest import write_manifest
from pipeline.export.qgis import write_coverage_qml, write_sites_qml
from pipeline.export.rows import (
    coverage_records,
    event_records,
    lineage_events,
    look_records,
    pond_records,
    saying_of,
    site_record,
    with_lineage,
)
from pipeline.fuse import Evidence, fuse
from pipeline.grid import PIXEL_M, Grid, Window
from pipeline.jumps import without_jumps
from pipeline.looks import Look, LookMaker, LookTask, Recipe, Stack, plan, read_stack, recipe_of
from pipeline.progress import Progress
from pipeline.registry.file import locked, read_registry, write_registry
from pipeline.registry.names import Registry
from pipeline.sites import PondPixels, find_sites, pond_pixels
from pipeline.sources.interface import Period, Refusal, Search, Source, overpasses
from pipeline.spending import Purse
from pipeline.summary import SIMULATED, Summary
from pipeline.weights import load_model


def detect(
    aoi: Aoi,
    source: Source,
    settings: Settings,
    period: Period,
    out: Path,
    device: str,
    progress: Progress,
    today: date | None = None,
    purse: Purse | None = None,
) -> Summary:
    """Find and date the sites of an AOI and write the files of the contract to `out`; `today` (UTC) by the clock.

    `purse`: what the source may spend; where that is limited, the clearest overpasses come first.

    Looks that an earlier run made are not made again. Raises `InputError` for what the user can mend; scenes
    and looks that fail are in the summary and in `manifest.json`.
    """
    model = load_model(settings.model, device, settings.segment.precision)
    check_calibrated(model.card.name, model.card.calibration)
    # Simulated sites never share names with real ones; a damaged registry is told before any work is done.
    names = out / ("registry-simulated.json" if source.simulated else "registry.json")
    today = today or datetime.now(UTC).date()
    with locked(names):
        registry = read_registry(names, aoi.prefix)
        registry.check_clock(today)
        maker = LookMaker(
            source, recipe_of(settings, model), device, settings.segment.batch, out / "looks" / source.name
        )
        found = source.search(aoi, period)
        looks, failures = make_looks(aoi, found, maker, settings, progress, purse is not None and purse.limited)
        looks, apart = without_jumps(looks)
        archive = Archive(aoi.grid, settings, looks)
        cells = CellKeeper(maker.folder / maker.recipe.digest[:12] / "cells", settings.evidence, aoi.digest)
        seen, sites = derive(aoi, archive, cells, settings, model.card.calibration, progress)
        kept = [item for item in sites if item.confidence >= settings.sites.min_confidence]
        registry, ids = registry.named([item.site.polygon_m for item in kept], aoi.grid, settings.sites.link_m)
        run_id = _run_id(aoi, settings, maker.recipe, found, failures)
        row = partial(site_record, aoi.grid, source, settings, model.card.name, run_id)
        rows = [row(name, item) for name, item in zip(ids, kept, strict=True)]
        registry = registry.published({r.site_id: saying_of(r, today) for r in rows}, today, run_id)
        write_registry(names, registry)
        summary = Summary(
            aoi=aoi,
            out=out,
            source=source.name,
            simulated=source.simulated,
            settings=settings,
            model=model.card.name,
            recipe=maker.recipe,
            run_id=run_id,
            search=found,
            looks=tuple(looks),
            failures=failures,
            apart=tuple(apart),
            sites=tuple(with_lineage(r, registry.entry(r.site_id)) for r in rows),
            seen_share=_seen_share(aoi, seen),
            months=_months(found, period),
            spent=purse.spent() if purse is not None else {},
        )
        export(summary, kept, seen, registry, progress)
    return summary


def make_looks(
    aoi: Aoi, found: Search, maker: LookMaker, settings: Settings, progress: Progress, clearest_first: bool = False
) -> tuple[list[Look], tuple[Refusal, ...]]:
    """Every look of the AOI, and the units that failed with the reason."""
    windows = aoi.windows(settings.segment.window_px)
    tasks = list(plan(aoi.grid, windows, settings.grid.block_px, overpasses(found.scenes)))
    looks: list[Look] = []
    failures: list[Refusal] = []
    missing: list[LookTask] = []
    checked = Checked.of(maker)
    with progress.stage("Checking looks", len(tasks), unit="looks") as step:
        for task in tasks:
            kept = checked.look(task, maker)
            looks.append(kept) if kept is not None else missing.append(task)
            step(1)
    if clearest_first:
        missing.sort(key=lambda task: task.overpass.cloud_share)
    executor, width = executor_for(settings.engine.workers, len(missing))
    with executor, progress.stage("Looking", len(missing), unit="looks") as step:
        for outcome in run(missing, maker, executor, width):
            if outcome.value is not None:
                looks.append(outcome.value)
                checked.note(outcome.value)
            else:
                failures.append(Refusal(outcome.unit.name, outcome.reason or "failed", outcome.code))
            step(1)
    checked.write()
    looks.sort(key=lambda look: (look.day, look.overpass, look.extent))
    return looks, tuple(sorted(failures, key=lambda failure: failure.id))


class Archive:
    """The looks of an AOI, found by place."""

    def __init__(self, grid: Grid, settings: Settings, looks: list[Look]) -> None:
        """Index looks by coverage cell."""
        self.grid = grid
        self.cell_px = settings.coverage.cell_px
        self.evidence_settings = settings.evidence
        self._by_cell: dict[Window, list[Look]] = {}
        for look in looks:
            for cell in look.extent.cells(self.cell_px):
                self._by_cell.setdefault(cell, []).append(look)

    def stack(self, window: Window) -> Stack:
        """All looks on any window, whatever blocks they came from."""
        looks = {look.path: look for cell in window.cells(self.cell_px) for look in self._by_cell.get(cell, ())}
        return read_stack(looks.values(), window)

    def looks(self, cell: Window) -> list[Look]:
        """The looks that touch a cell."""
        return self._by_cell.get(cell, [])

    def evidence(self, window: Window) -> Evidence:
        """What all clear looks say of any window."""
        return fuse(self.stack(window), self.evidence_settings)

    def cells(self) -> list[Window]:
        """The cells that have looks, north to south."""
        return sorted(self._by_cell)


def derive(
    aoi: Aoi,
    archive: Archive,
    keeper: CellKeeper,
    settings: Settings,
    calibration: Mapping[str, float],
    progress: Progress,
) -> tuple[Seen, list[Found]]:
    """Coverage and sites from the looks: a pure function of looks, model and settings, whatever `keeper` has kept.

    `calibration` is that of the model card.
    """
    seen: Seen = {}
    pieces: list[PondPixels] = []
    cells = archive.cells()
    with progress.stage("Weighing evidence", len(cells), unit="cells") as step:
        for cell in cells:
            inside = aoi.inside(cell)
            if inside.any():
                weighed = keeper.weighed(aoi.grid.name_of(cell), cell, inside, archive.looks(cell))
                seen[cell] = weighed.seen.told(inside)
                pieces.append(pond_pixels(cell, weighed.pond.agreed(settings.evidence), inside, settings.sites))
            step(1)
    sites = find_sites(pieces, archive.evidence, settings.sites)
    with progress.stage("Dating", len(sites), unit="sites") as step:
        found = []
        for site in sites:
            found.append(found_site(site, archive.stack(site.window), settings, calibration))
            step(1)
    return seen, found


def export(summary: Summary, kept: list[Found], seen: Seen, registry: Registry, progress: Progress) -> None:
    """Write every file of the contract, each whole or not at all; `kept` in the order of `summary.sites`."""
    out, aoi, settings = summary.out, summary.aoi, summary.settings
    notice = SIMULATED if summary.simulated else None
    named = list(zip(summary.sites, kept, strict=True))
    coverage = partial(coverage_records, aoi, settings.coverage.cell_px, summary.months, seen)
    with progress.stage("Writing", 4, unit="files") as step:
        write_sites(out / "sites.geojson", summary.sites, notice)
        write_sites_qml(out / "sites.qml")
        step(1)
        write_geopackage(
            out / "sites.gpkg",
            sites=summary.sites,
            ponds=[p for record, item in named for p in pond_records(record, item, aoi.grid)],
            looks=[k for record, item in named for k in look_records(record, item, settings)],
            events=[
                *(e for record, item in named for e in event_records(record, item, settings)),
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


def _months(found: Search, period: Period) -> tuple[str, ...]:
    days = [scene.time_utc.date() for scene in found.scenes]
    first = period.first or min(days, default=None)
    last = period.last or max(days, default=None)
    return tuple(months_between(first, last)) if first and last else ()


def _run_id(aoi: Aoi, settings: Settings, recipe: Recipe, found: Search, failures: tuple[Refusal, ...]) -> str:
    """The same inputs give the same id, in every run."""
    scenes = sorted([scene.id, scene.fingerprint] for scene in found.scenes)
    derived = settings.model_dump(exclude={"engine", "segment"}, mode="json")
    parts = [aoi.digest, recipe.digest, derived, scenes, [failure.id for failure in failures]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _seen_share(aoi: Aoi, seen: Seen) -> float:
    """Share of the AOI seen at least once in the whole period."""
    pixels = sum(cell.seen_px for cell in seen.values())
    return min(1.0, pixels * PIXEL_M**2 / (aoi.polygon_m.area or 1.0))
