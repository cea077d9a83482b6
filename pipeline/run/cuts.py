"""Evidence is kept: cuts of every reported site and of every other place worth a look, made once.

What this run searched is at hand, so its cuts are made at once. For earlier looks a folder is searched again; a server
is not, unless that is asked for (`leachwatch cuts`), because each cut fetches some megabytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from shapely.geometry import box

from pipeline.cuts.choice import ClearLook, chosen
from pipeline.cuts.kept import KeptCuts
from pipeline.cuts.maker import CutMaker, CutTask
from pipeline.cuts.store import CutStore, core_of, square_around
from pipeline.engine import processes, run
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks.stack import LookArchive
from pipeline.reviews.apply import undated
from pipeline.reviews.review import Review
from pipeline.run.context import Run
from pipeline.run.derive import Derived
from pipeline.run.looks import LookPlan
from pipeline.run.spare import NEAR_DEGREES, passes_of
from pipeline.sites.confidence import AssessedSite
from pipeline.sites.names import Registry
from pipeline.sites.records import SiteRecord
from pipeline.sites.statement import Provenance, statement_of
from pipeline.sources.interface import Refusal, overpasses

NOBODY = Provenance("", False, "", "")
"""Provenance of statements that are not published, and only say which looks matter."""
FEW = 100
"""So many cuts are made sooner than worker processes start."""


@dataclass(frozen=True, eq=False, slots=True)
class Subject:
    """A place of which evidence is kept."""

    site: SiteRecord
    """What is said of it: its dates decide which looks matter."""
    looks: Sequence[ClearLook]
    """Its clear looks."""
    core: Window
    """The ground that its cuts must show."""


@dataclass(frozen=True, slots=True)
class LookAtDrawing:
    """A clear look at a place that a person drew and no detector reported, as `ClearLook`."""

    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Name of the overpass."""
    share_seen: float
    """Share of the place seen, 0 to 1."""


def keep_cuts(
    context: Run, planned: LookPlan, derived: Derived, registry: Registry, drawn: Sequence[Review]
) -> KeptCuts:
    """Make the cuts that are missing, and remove those that later ones replaced.

    `drawn`: sites that people added. What is made from a server: see `Run.all_cuts`.
    """
    store = CutStore(context.archive.cuts, context.aoi.grid)
    subjects = list(_subjects(context, derived, registry, drawn))
    missing, used = _missing(store, subjects, context.settings.cuts.between)
    tasks, absent = _tasks(context, planned, missing)
    made, failures = _made(context, tasks)
    if not failures and not absent:
        _thin(store, subjects, used | made)
    return KeptCuts(len(made), failures, absent)


def _subjects(context: Run, derived: Derived, registry: Registry, drawn: Sequence[Review]) -> Iterator[Subject]:
    """Sites that stand in and around the AOI, places that the looks show, and sites that people added."""
    grid, settings = context.aoi.grid, context.settings
    near = box(*context.aoi.polygon.bounds).buffer(NEAR_DEGREES)
    for entry in registry.entries:
        if entry.statement is not None and entry.territory.intersects(near):
            outline = reprojected(entry.statement.site.polygon, LONLAT, grid.crs)
            yield Subject(entry.statement.site, entry.statement.looks, core_of(outline.bounds))
    reported = settings.sites.min_confidence
    least = reported if context.source.remote and not context.all_cuts else min(reported, settings.cuts.min_confidence)
    for item in derived.sites:
        if item.confidence >= least:
            yield _of_place(item, context)
    for review in drawn:
        if not review.polygon.is_empty and review.polygon.intersects(near):
            yield _of_drawing(review, derived.archive, context)


def _of_place(item: AssessedSite, context: Run) -> Subject:
    said = statement_of("", item, context.aoi.grid, context.settings, NOBODY)
    return Subject(said.site, said.looks, core_of(item.site.polygon_m.bounds))


def _of_drawing(review: Review, archive: LookArchive, context: Run) -> Subject:
    """A site that a person drew: nothing dates it, so its clear looks are spread over time."""
    core = core_of(reprojected(review.polygon, LONLAT, context.aoi.grid.crs).bounds)
    least = context.settings.history.min_share_seen
    looks: list[LookAtDrawing] = []
    for stack in archive.stacks(core).parts():
        shares = stack.seen.mean(axis=(1, 2)) if stack.days else np.zeros(0)
        for day, overpass, share in zip(stack.days, stack.overpasses, shares, strict=True):
            if share >= least:
                looks.append(LookAtDrawing(day, overpass, float(share)))
    return Subject(undated(review, NOBODY), tuple(looks), core)


Missing = dict[tuple[Window, str], date]
"""Cuts that are not there: square and overpass, with its day."""


def _missing(store: CutStore, subjects: Iterable[Subject], between: int) -> tuple[Missing, set[Path]]:
    """The cuts that are wanted and not there, and the files of those that are."""
    missing: Missing = {}
    used: set[Path] = set()
    for subject in subjects:
        days = {look.overpass: look.day for look in subject.looks}
        for overpass in chosen(subject.site, subject.looks, store.overpasses(subject.core), between):
            path = store.find(subject.core, overpass)
            if path is not None:
                used.add(path)
            else:
                missing[square_around(subject.core), overpass] = days[overpass]
    return missing, used


def _tasks(context: Run, planned: LookPlan, missing: Missing) -> tuple[list[CutTask], int]:
    """The cuts to make, and how many cannot be, because their scenes are not listed. Raises as `Source.search`."""
    if not missing:
        return [], 0
    free = not (context.source.remote or context.source.paid)
    if free or context.all_cuts:
        passes = passes_of(context, planned, [(day, overpass) for (_, overpass), day in missing.items()])
    else:
        passes = {(each.day, each.name): each for each in overpasses(planned.search.scenes)}
    grid, tasks, absent = context.aoi.grid, list[CutTask](), 0
    outlines = {square: reprojected(square.polygon_m, grid.crs, LONLAT) for square, _ in missing}
    for (square, name), day in sorted(missing.items(), key=lambda each: (each[1], each[0])):
        overpass = passes.get((day, name))
        scenes = [one for one in overpass.scenes if one.footprint.intersects(outlines[square])] if overpass else []
        if overpass is None or not scenes:
            absent += 1
        else:
            tasks.append(CutTask(grid, square, replace(overpass, scenes=tuple(scenes))))
    return tasks, absent


def _made(context: Run, tasks: Sequence[CutTask]) -> tuple[set[Path], tuple[Refusal, ...]]:
    """Make cuts; returns their files, and those that could not be made, and why."""
    maker = CutMaker(context.source, context.archive.cuts)
    workers = processes(context.settings.engine.workers if len(tasks) > FEW else 1, len(tasks))
    made, failures = set[Path](), list[Refusal]()
    with context.progress.stage("Keeping evidence", len(tasks), unit="cuts") as step:
        for outcome in run(tasks, maker, workers):
            if outcome.value is None:
                failures.append(Refusal(outcome.unit.name, outcome.reason or "failed", outcome.code))
            else:
                made.add(outcome.value)
            step(1)
    return made, tuple(sorted(failures, key=lambda failure: failure.id))


def _thin(store: CutStore, subjects: Iterable[Subject], used: set[Path]) -> None:
    """Remove cuts of these places that none of them wants: those of the latest looks of months long ago."""
    for subject in subjects:
        store.remove(path for path in store.files(subject.core) if path not in used)
