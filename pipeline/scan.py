"""The way from an AOI to its sites: one function per arrow of the design, and nothing else.

search → looks → coverage and evidence → sites → histories → names → files
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shapely.geometry import Point

from pipeline import __version__
from pipeline.aoi import Aoi
from pipeline.confidence import Area, check_calibrated, confidence, features, pond_area
from pipeline.config import Settings
from pipeline.coverage import NOT_LOOKED_AT, CellSeen, cell_seen, months_between
from pipeline.engine import executor_for, run
from pipeline.export.geojson import write_coverage, write_sites
from pipeline.export.geopackage import write_geopackage
from pipeline.export.manifest import write_manifest
from pipeline.export.qgis import write_coverage_qml, write_sites_qml
from pipeline.export.records import CoverageRecord, EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.fuse import Evidence, fuse
from pipeline.grid import LONLAT, PIXEL_M, Grid, Window, reprojected
from pipeline.history import History, events, history
from pipeline.looks import Look, LookMaker, LookTask, Recipe, Stack, plan, read_stack, recipe_of
from pipeline.progress import Progress
from pipeline.registry import read_registry, write_registry
from pipeline.sites import PondPixels, Site, find_sites, pond_pixels, ponds_of
from pipeline.sources.interface import Period, Refusal, Scene, Search, Source, overpasses
from pipeline.weights import ModelCard, load_model

SIMULATED = (
    "SIMULATED: every scene, date and site here was made by leachwatch's own simulator. Nothing in it says "
    "anything about any real place. For real imagery: make detect AOI=… SOURCE=folder SCENES=<folder of GeoTIFFs>"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A site with its history, before it has a name."""

    site: Site
    """Where it is."""
    past: History
    """What the looks say of it."""
    confidence: float
    """Calibrated probability, 0 to 1."""
    area: Area
    """Its pond area with an 80 % interval."""
    features: tuple[float, ...]
    """What the confidence was made of, as in `confidence.FEATURES`."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, for people and for the exit code."""

    aoi: Aoi
    """The AOI."""
    out: Path
    """Where the files are."""
    simulated: bool
    """True: the input was simulated."""
    sites: tuple[SiteRecord, ...]
    """The reported sites."""
    looks: tuple[Look, ...]
    """The looks behind them."""
    refusals: tuple[Refusal, ...]
    """Scenes that were not used, and why."""
    failures: tuple[Refusal, ...]
    """Looks that failed, and why."""
    seen_share: float
    """Share of the AOI seen at least once, 0 to 1."""
    months: tuple[str, ...]
    """The months covered, `YYYY-MM`."""

    @property
    def error(self) -> str | None:
        """Why the exit code is not 0, in one line."""
        if self.failures:
            return (
                f"{len(self.failures)} of {len(self.failures) + len(self.looks)} looks failed, first "
                f"{self.failures[0].id}: {self.failures[0].reason}; run again to do only those"
            )
        if not self.looks:
            refused = [r for r in self.refusals if not r.reason.startswith("not needed")]
            why = f", first {refused[0].id}: {refused[0].reason}" if refused else ""
            return f"nothing could be observed: no usable scene over {self.aoi.title} ({len(refused)} refused{why})"
        if self.seen_share == 0:
            return f"nothing could be observed: no clear pixel in {len(self.looks)} looks over {self.aoi.title}"
        return None

    @property
    def exit_code(self) -> int:
        """0, 3 or 6, as in the contract."""
        return 6 if self.failures else 0 if self.error is None else 3

    def text(self) -> str:
        """The summary a person reads at the end."""
        made = sum(look.computed for look in self.looks)
        refused = [r for r in self.refusals if not r.reason.startswith("not needed")]
        with_ponds = sum(site.ponds_by is not None for site in self.sites)
        span = f"{self.months[0]} to {self.months[-1]}" if self.months else "no month"
        lines = [
            f"{self.aoi.title}: {len(self.sites)} suspected leach-pond sites, {with_ponds} of them with dated ponds",
            f"  seen     {_percent(self.seen_share)} of {self.aoi.area_km2:,.0f} km² at least once, {span}; "
            f"per cell and month in coverage.geojson",
            f"  looks    {len(self.looks)} ({made} new, {len(self.looks) - made} kept from before)",
        ]
        for kind, items in (("refused", refused), ("failed", list(self.failures))):
            lines += [f"  {kind:8} {item.id}: {item.reason}" for item in items[:10]]
            lines += [f"  {kind:8} … {len(items) - 10} more, all in manifest.json"] if len(items) > 10 else []
        lines.append(f"  files    {self.out}/  open sites.geojson or sites.gpkg in QGIS")
        return "\n".join([*lines, SIMULATED] if self.simulated else lines)


def detect(
    aoi: Aoi, source: Source, settings: Settings, period: Period, out: Path, device: str, progress: Progress
) -> Summary:
    """Find and date the sites of an AOI and write the files of the contract to `out`.

    Looks that an earlier run made are not made again. Raises `InputError` for what the user can mend; scenes
    and looks that fail are in the summary and in `manifest.json`.
    """
    model = load_model(settings.model, device, settings.segment.precision)
    check_calibrated(model.card.name, model.card.calibration)
    maker = LookMaker(source, recipe_of(settings, model), device, settings.segment.batch, out / "looks" / source.name)
    registry_path = out / ("registry-simulated.json" if source.simulated else "registry.json")
    registry = read_registry(registry_path, aoi.prefix)  # a damaged one is told before any work is done
    found = source.search(aoi, period)
    looks, failures = make_looks(aoi, found, maker, settings, progress)
    months = _months(found, period)
    archive = Archive(aoi.grid, settings, looks)
    seen, sites = derive(aoi, archive, settings, model.card.calibration, progress)
    kept = [item for item in sites if item.confidence >= settings.sites.min_confidence]
    run_id = _run_id(aoi, settings, maker.recipe, found, failures)
    registry, ids = registry.named([item.site.polygon_m for item in kept], aoi.grid, settings.sites.link_m)
    write_registry(registry_path, registry)
    records = [
        _site_record(item, name, aoi.grid, source, settings, model.card, run_id)
        for item, name in zip(kept, ids, strict=True)
    ]
    summary = Summary(
        aoi=aoi,
        out=out,
        simulated=source.simulated,
        sites=tuple(records),
        looks=tuple(looks),
        refusals=found.refusals,
        failures=failures,
        seen_share=_seen_share(aoi, seen),
        months=months,
    )
    _export(summary, kept, seen, settings, maker.recipe, found, model.card, run_id, source, progress)
    return summary


def make_looks(
    aoi: Aoi, found: Search, maker: LookMaker, settings: Settings, progress: Progress
) -> tuple[list[Look], tuple[Refusal, ...]]:
    """Every look of the AOI, and the units that failed with the reason."""
    windows = aoi.windows(settings.segment.window_px)
    tasks = list(plan(aoi.grid, windows, settings.grid.block_px, overpasses(found.scenes)))
    looks: list[Look] = []
    failures: list[Refusal] = []
    missing: list[LookTask] = []
    with progress.stage("Checking looks", len(tasks), unit="looks") as step:
        for task in tasks:
            kept = maker.kept(task)
            looks.append(kept) if kept is not None else missing.append(task)
            step(1)
    executor, width = executor_for(settings.engine.workers, len(missing))
    with executor, progress.stage("Looking", len(missing), unit="looks") as step:
        for outcome in run(missing, maker, executor, width):
            if outcome.value is not None:
                looks.append(outcome.value)
            else:
                failures.append(Refusal(outcome.unit.name, outcome.reason or "failed"))
            step(1)
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

    def evidence(self, window: Window) -> Evidence:
        """What all clear looks say of any window."""
        return fuse(self.stack(window), self.evidence_settings)

    def cells(self) -> list[Window]:
        """The cells that have looks, north to south."""
        return sorted(self._by_cell)


Seen = dict[Window, CellSeen]
"""What each month saw of each cell that has looks."""


def derive(
    aoi: Aoi, archive: Archive, settings: Settings, calibration: Mapping[str, float], progress: Progress
) -> tuple[Seen, list[Found]]:
    """Coverage and sites from the looks: a pure function of looks, model and settings.

    `calibration` is that of the model card.
    """
    seen: Seen = {}
    pieces: list[PondPixels] = []
    cells = archive.cells()
    with progress.stage("Weighing evidence", len(cells), unit="cells") as step:
        for cell in cells:
            inside = aoi.inside(cell)
            if inside.any():
                stack = archive.stack(cell)
                seen[cell] = cell_seen(stack, inside)
                pieces.append(pond_pixels(fuse(stack, settings.evidence), inside, settings.sites))
            step(1)
    sites = find_sites(pieces, archive.evidence, settings.sites)
    with progress.stage("Dating", len(sites), unit="sites") as step:
        found = []
        for site in sites:
            found.append(dated(site, archive.stack(site.window), settings, calibration))
            step(1)
    return seen, found


def dated(site: Site, stack: Stack, settings: Settings, calibration: Mapping[str, float]) -> Found:
    """A site with its history, area and confidence; `stack` holds all looks on its window."""
    past = history(site, stack, settings.history)
    values = features(site, past)
    return Found(site, past, confidence(values, calibration), pond_area(past.pond_m2, calibration), values)


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


def _site_record(
    item: Found,
    site_id: str,
    grid: Grid,
    source: Source,
    settings: Settings,
    card: ModelCard,
    run_id: str,
) -> SiteRecord:
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
        model=card.name,
        run_id=run_id,
        polygon=reprojected(item.site.polygon_m, grid.crs, LONLAT),
    )


def _export(
    summary: Summary,
    kept: list[Found],
    seen: Seen,
    settings: Settings,
    recipe: Recipe,
    found: Search,
    card: ModelCard,
    run_id: str,
    source: Source,
    progress: Progress,
) -> None:
    """Write every file of the contract, each whole or not at all."""
    out, aoi = summary.out, summary.aoi
    notice = SIMULATED if summary.simulated else None
    named = list(zip(summary.sites, kept, strict=True))
    coverage = partial(_coverage_records, aoi, settings.coverage.cell_px, summary.months, seen)
    with progress.stage("Writing", 5, unit="files") as step:
        write_sites(out / "sites.geojson", summary.sites, notice)
        step(1)
        write_sites_qml(out / "sites.qml")
        step(1)
        write_geopackage(
            out / "sites.gpkg",
            sites=summary.sites,
            ponds=[p for record, item in named for p in _pond_records(record, item, aoi.grid)],
            looks=[k for record, item in named for k in _look_records(record, item, settings)],
            events=[e for record, item in named for e in _event_records(record, item, settings)],
            coverage=coverage(),
        )
        step(1)
        write_coverage(out / "coverage.geojson", coverage(), notice)
        write_coverage_qml(out / "coverage.qml")
        step(1)
        write_manifest(
            out / "manifest.json",
            _manifest(summary, settings, recipe, found, card, run_id, source),
        )
        step(1)


def _manifest(
    summary: Summary,
    settings: Settings,
    recipe: Recipe,
    found: Search,
    card: ModelCard,
    run_id: str,
    source: Source,
) -> dict[str, object]:
    """Provenance: what was used, what was not, and why. Holds no clock time, so a re-run gives the same bytes."""
    days = {(look.day, look.overpass) for look in summary.looks}
    return {
        "software": {"name": "leachwatch", "version": __version__, "code": recipe.code[:16]},
        "run_id": run_id,
        "aoi": {"name": summary.aoi.name, "title": summary.aoi.title, "sha256": summary.aoi.digest},
        "source": source.name,
        "simulated": summary.simulated,
        "notice": SIMULATED if summary.simulated else None,
        "model": {"name": card.name, "sha256": recipe.model_sha256, "precision": recipe.precision},
        "settings": settings.model_dump(mode="json"),
        "months": list(summary.months),
        "share_of_aoi_seen": round(summary.seen_share, 6),
        "sites": len(summary.sites),
        "overpasses": len(days),
        "looks": [
            {
                "file": _relative(look.path, summary.out),
                "overpass": look.overpass,
                "clear_share": round(look.clear_share, 4),
            }
            for look in summary.looks
        ],
        "scenes": [_scene_entry(scene) for scene in found.scenes]
        + [
            {
                "id": r.id,
                "status": "not needed" if r.reason.startswith("not needed") else "refused",
                "reason": r.reason,
            }
            for r in found.refusals
        ],
        "failed_units": [{"unit": failure.id, "reason": failure.reason} for failure in summary.failures],
    }


def _scene_entry(scene: Scene) -> dict[str, object]:
    return {
        "id": scene.id,
        "status": "used",
        "time_utc": scene.time_utc.isoformat(),
        "platform": scene.platform,
        "clear_test": "SCL" if scene.has_scl else "own test, no SCL in this file",
    }


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _coverage_records(aoi: Aoi, cell_px: int, months: tuple[str, ...], seen: Seen) -> Iterator[CoverageRecord]:
    """Every cell of the AOI in every month, seen or not."""
    for cell in aoi.windows(cell_px):
        polygon = reprojected(cell.polygon_m, aoi.grid.crs, LONLAT)
        by_month = seen[cell].months if cell in seen else {}
        for month in months:
            record = by_month.get(month, NOT_LOOKED_AT)
            yield CoverageRecord(
                cell=aoi.grid.name_of(cell),
                month=month,
                looks=record.looks,
                clear_looks=record.clear_looks,
                share_seen=record.share_seen,
                polygon=polygon,
            )


def _pond_records(record: SiteRecord, item: Found, grid: Grid) -> Iterator[PondRecord]:
    for number, (outline, pixels) in enumerate(ponds_of(item.site), start=1):
        yield PondRecord(
            site_id=record.site_id,
            pond_id=number,
            area_m2=float(pixels.sum()) * PIXEL_M**2 * item.site.mean_pond_fraction,
            first_seen=record.ponds_by,
            polygon=reprojected(outline, grid.crs, LONLAT),
        )


def _look_records(record: SiteRecord, item: Found, settings: Settings) -> Iterator[LookRecord]:
    point: Point = record.polygon.representative_point()
    for look in item.past.looks:
        yield LookRecord(
            site_id=record.site_id,
            day=look.day,
            overpass=look.overpass,
            share_seen=look.share_seen,
            pond_area_m2=look.pond_m2,
            ground_area_m2=look.ground_m2,
            ponds_present=look.pond_m2 >= settings.history.pond_present_m2,
            ground_present=look.ground_m2 >= settings.history.ground_present_m2,
            point=point,
        )


def _event_records(record: SiteRecord, item: Found, settings: Settings) -> Iterator[EventRecord]:
    point: Point = record.polygon.representative_point()
    for event in events(item.past, settings.history):
        yield EventRecord(site_id=record.site_id, kind=event.kind, after=event.after, by=event.by, point=point)


def _seen_share(aoi: Aoi, seen: Seen) -> float:
    """Share of the AOI seen at least once in the whole period."""
    pixels = sum(cell.seen_px for cell in seen.values())
    return min(1.0, pixels * PIXEL_M**2 / (aoi.polygon_m.area or 1.0))


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{share:.2g}"
