"""Ground that is never screened out: where sites are known, and where looks show ponds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from shapely.geometry import box

from pipeline.aoi import Aoi
from pipeline.config import EvidenceSettings
from pipeline.grid import LONLAT, Window, reprojected, window_of
from pipeline.looks.closer import Closer, closer
from pipeline.looks.look import Look
from pipeline.looks.squares import SQUARE_PX
from pipeline.looks.task import LookTask, plan
from pipeline.run.context import Run
from pipeline.run.derive import Derived
from pipeline.run.looks import LookPlan, next_generation
from pipeline.sites.names import Registry
from pipeline.sources.contents import ContentHashes, with_contents
from pipeline.sources.interface import Overpass, Period, overpasses

AROUND_SITE_PX = 16
"""How far around the territory of a site ground is spared, pixels."""
NEAR_DEGREES = 0.3
"""How far from the AOI's bounds sites still count, degrees: farther than looks of its blocks reach."""
POSSIBLE = 0.02
"""Confidence from which on the ground of a site is looked at in all looks, whether it is reported or not."""
MEMORY = timedelta(days=400)
"""How long before the newest look ponds in a look spare their square for later looks."""


def known_ground(registry: Registry, aoi: Aoi) -> set[Window]:
    """Squares on the territory of all sites in and around an AOI of which something stands."""
    found: set[Window] = set()
    near = box(*aoi.polygon.bounds).buffer(NEAR_DEGREES)  # the registry holds all AOIs, also those of other continents
    for entry in registry.entries:
        if entry.statement is not None and entry.territory.intersects(near):
            area = window_of(reprojected(entry.territory, LONLAT, aoi.grid.crs).bounds)
            found.update(area.grown(AROUND_SITE_PX).cells(SQUARE_PX))
    return found


def ground_with_ponds(looks: Iterable[Look]) -> set[Window]:
    """Squares that lately showed ponds in any look."""
    everything = list(looks)
    newest = max((look.day for look in everything), default=None)
    recent = [look for look in everything if newest is not None and look.day >= newest - MEMORY]
    return {square for look in recent for square in look.ponds or ()}


def spared(context: Run, tasks: Iterable[LookTask], ground: set[Window]) -> list[LookTask]:
    """Tasks that screen all ground but this; tasks that screen nothing, where the run does not."""
    if not context.screens:
        return list(tasks)
    return [replace(task, spared=_within(ground, task.windows)) for task in tasks]


def closer_in(derived: Derived, ground: set[Window], settings: EvidenceSettings) -> list[Closer]:
    """What to look at again in the looks that were used, on known ground and that of possible sites just found."""
    possible = [item.site.window for item in derived.sites if item.confidence >= POSSIBLE]
    sites = {square for window in possible for square in window.cells(SQUARE_PX)}
    return closer(derived.looks, ground | sites, settings.among_looks - 1, settings.agreeing_looks)


def closer_tasks(
    context: Run, planned: LookPlan, looks: Sequence[Look], wanted: Sequence[Closer]
) -> tuple[list[LookTask], int]:
    """Looks to make again because ground in them was screened out and may hold a site; and how many cannot be made.

    Those that are among the looks already are left out. Scenes of other days than those that were searched are searched
    for. Raises as `Source.search`.
    """
    passes = passes_of(context, planned, [(each.day, each.overpass) for each in wanted]) if wanted else {}
    tasks: list[LookTask] = []
    absent = 0
    for each in wanted:
        overpass = passes.get((each.day, each.overpass))
        found = list(planned_on(context, each.windows, overpass)) if overpass is not None else []
        absent += not found
        there = [look for look in looks if look.overpass == each.overpass and look.day == each.day]
        tasks += [next_generation(task, there) for task in found if not _is_made(task, there)]
    return tasks, absent


def _is_made(task: LookTask, looks: Iterable[Look]) -> bool:
    """Whether one of the looks of its overpass is the look of a task that screens nothing."""
    return any(look.windows == task.windows and not look.screened and look.is_of(task.acquisitions) for look in looks)


def planned_on(context: Run, windows: Sequence[Window], overpass: Overpass) -> Iterable[LookTask]:
    """The looks of one overpass at some windows."""
    grid, block_px = context.aoi.grid, context.settings.grid.block_px
    return plan(grid, windows, block_px, [overpass], context.recipe.margin_px)


def passes_of(context: Run, planned: LookPlan, days: Sequence[tuple[date, str]]) -> dict[tuple[date, str], Overpass]:
    """The overpasses of some days, by day and name, as far as they are listed. Raises as `Source.search`."""
    known = {(each.day, each.name): each for each in overpasses(planned.search.scenes)}
    other = sorted(day for day, name in days if (day, name) not in known)
    if other:
        found = context.source.search(context.aoi, Period(other[0], other[-1]))
        earlier = with_contents(found, ContentHashes.of(context.archive.contents), context.progress)
        for each in overpasses(earlier.scenes):
            known.setdefault((each.day, each.name), each)
    return known


def _within(ground: Iterable[Window], windows: Sequence[Window]) -> tuple[Window, ...]:
    """Those of some squares that touch any of the windows, sorted."""
    cells = {square for window in windows for square in window.cells(SQUARE_PX)}
    return tuple(sorted(cells.intersection(ground)))
