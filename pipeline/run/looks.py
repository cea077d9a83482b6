"""The looks of a run: which there must be, which are there, and making those that are missing."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.cluster import cluster
from pipeline.engine import processes, run
from pipeline.errors import LookDamaged, UnitsFailed
from pipeline.grid import LONLAT, PIXEL_M, Window, covers, reprojected, window_of
from pipeline.looks.look import Look, Place, in_force, places
from pipeline.looks.maker import LookMaker
from pipeline.looks.observe import CLEAR
from pipeline.looks.reader import LookReader
from pipeline.looks.recipe import RecipeDescription, describe_recipe, description_in
from pipeline.looks.store import LookStore
from pipeline.looks.task import LookTask, plan, reads
from pipeline.run.context import Pace, Run
from pipeline.sources.contents import ContentHashes, with_contents
from pipeline.sources.interface import Refusal, Search, overpasses

RING_CELLS = 2
"""How far around the AOI looks are used, in cells: what is said of a site must not depend on where an AOI ends."""
ELSEWHERE = "the worker wrote it, but it is not here: ARCHIVE must lie in a folder that all machines share"
"""Reason of a look that another machine made where this one does not see it."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LookPlan:
    """All looks of an AOI and period."""

    search: Search
    """Scenes that are used, and those that are not, and why."""
    maker: LookMaker
    """Makes what is missing."""
    store: LookStore
    """The looks that are there."""
    kept: tuple[Look, ...]
    """All looks in and around the AOI, of any period."""
    asked: tuple[Look, ...]
    """Those of them that show what was searched."""
    missing: tuple[LookTask, ...]
    """Looks to make: nobody looked there."""
    outdated: tuple[LookTask, ...]
    """Looks that there are only by another recipe ..."""
    older: tuple[RecipeDescription, ...]
    """... namely by one of these."""

    def read_windows(self, task: LookTask) -> list[Window]:
        """The windows of a task as they will be read, margins included."""
        recipe = self.maker.recipe
        return [shown for _, shown in reads(task, recipe.margin_px, recipe.network_margin_px, recipe.clear)]


@dataclass(slots=True)
class _Shown:
    """Looks by overpass and place, to tell what a task need not make."""

    by_place: dict[Place, list[Look]] = field(default_factory=dict)

    @classmethod
    def of(cls, looks: Iterable[Look]) -> "_Shown":
        found = cls()
        for look in looks:
            for place in places(look.day, look.overpass, look.extent):
                found.by_place.setdefault(place, []).append(look)
        return found

    def near(self, task: LookTask) -> list[Look]:
        """The looks of the overpass of a task that may show some of its ground."""
        where = places(task.overpass.day, task.overpass.name, task.extent)
        return list({look.key: look for place in where for look in self.by_place.get(place, ())}.values())

    def after(self, task: LookTask) -> LookTask:
        """The same task as the next generation of the looks that show its ground from its acquisitions, if any do."""
        known = [look for look in self.near(task) if look.meets(task.windows) and look.is_of(task.acquisitions)]
        return replace(task, generation=1 + max(look.generation for look in known)) if known else task

    def shown(self, task: LookTask, margin_px: int) -> tuple[list[Look], list[Window]]:
        """The looks that show windows of a task, from what it would be made from, and the windows that none shows."""
        near = self.near(task)
        whole = [look for look in near if look.serves(task.acquisitions)]
        exact = next((look for look in whole if look.windows == task.windows), None)
        if exact is not None:
            return [exact], []
        used: dict[str, Look] = {}
        left: list[Window] = []
        for window in task.windows:
            looks = whole
            if not _cover(looks, window) and len(near) > len(whole):
                needed = task.needed_for(window, margin_px)
                looks = [look for look in near if look.serves(needed)]
            if _cover(looks, window):
                used |= {look.key: look for look in looks if look.extent.intersection(window)}
            else:
                left.append(window)
        return list(used.values()), left


def plan_looks(context: Run) -> LookPlan:
    """Search, plan, and find what is there already; makes nothing. Raises as `Source.search`."""
    maker, settings, aoi = context.maker, context.settings, context.aoi
    found = context.source.search(aoi, context.period)
    search = with_contents(found, ContentHashes.of(context.archive.contents), context.progress)
    windows = aoi.windows(settings.segment.window_px)
    passes = overpasses(search.scenes)
    tasks = list(plan(aoi.grid, windows, settings.grid.block_px, passes, maker.recipe.margin_px))
    store, area = LookStore(maker.folder), _around(aoi, settings.coverage.cell_px)
    kept = list(store.looks(aoi.grid, area))
    present = _Shown.of(in_force(kept))
    # A run without the screen looks again at what others screened out.
    usable = present if context.screens else _Shown.of(look for look in in_force(kept) if not look.screened)
    others = _others(context, maker, aoi, area) if len(tasks) else {}
    older = _Shown.of(look for looks in others.values() for look in looks)
    asked: dict[str, Look] = {}
    missing: list[LookTask] = []
    outdated: list[LookTask] = []
    with context.progress.stage("Checking looks", len(tasks), unit="looks") as step:
        for task in tasks:
            shown, left = usable.shown(task, maker.recipe.margin_px)
            asked |= {look.key: look for look in shown}
            _, never = older.shown(task.only(left), maker.recipe.margin_px) if left else ([], [])
            again = [window for window in left if window not in never]
            missing += [present.after(task.only(never))] if never else []
            outdated += [present.after(task.only(again))] if again else []
            step(1)
    return LookPlan(
        search=search,
        maker=maker,
        store=store,
        kept=tuple(kept),
        asked=tuple(asked.values()),
        missing=tuple(missing),
        outdated=tuple(outdated),
        older=tuple(others),
    )


def next_generation(task: LookTask, looks: Iterable[Look]) -> LookTask:
    """A task as the next generation of those looks that show its ground from its acquisitions."""
    return _Shown.of(look for look in looks if look.day == task.overpass.day).after(task)


@dataclass(frozen=True, eq=False, slots=True)
class MadeLooks:
    """What came of some tasks."""

    looks: tuple[Look, ...] = ()
    """The looks, in the order in which they were made."""
    failures: tuple[Refusal, ...] = ()
    """The units that failed, and why."""
    left: int = 0
    """Tasks that were not begun, because the pace of the run allowed no more."""

    def joined(self, later: "MadeLooks") -> "MadeLooks":
        """These, with what came of later tasks: their failures and what is left, but not their looks, which show no
        other ground."""
        return replace(self, failures=(*self.failures, *later.failures), left=self.left + later.left)


def make_looks(
    context: Run, planned: LookPlan, tasks: Sequence[LookTask], title: str = "Looking"
) -> MadeLooks:  # fmt: skip
    """Make the looks of some tasks, in the order and number that the pace of the run says.

    Where spending is limited, the clearest overpasses come first.
    """
    looks: list[Look] = []
    failures: list[Refusal] = []
    tasks = _in_order(context, tasks)
    begun = _Begun(tasks, context.pace)
    if tasks:
        describe_recipe(planned.maker.folder, planned.maker.recipe)
    engine = context.settings.engine
    workers = cluster(engine.scheduler) if engine.scheduler else processes(engine.workers, len(tasks))
    # Told by area: a look at the edge of an AOI is soon made.
    with context.progress.stage(title, sum(map(_km2, tasks)), unit="km²") as step:
        for outcome in run(begun, planned.maker, workers):
            if outcome.value is None:
                failures.append(Refusal(outcome.unit.name, outcome.reason or "failed", outcome.code))
            elif not planned.store.holds(outcome.value):
                failures.append(Refusal(outcome.unit.name, ELSEWHERE, UnitsFailed.exit_code))
            else:
                looks.append(outcome.value)
                planned.store.add(outcome.value)
            step(_km2(outcome.unit))
    return MadeLooks(tuple(looks), tuple(sorted(failures, key=lambda failure: failure.id)), len(tasks) - begun.count)


@dataclass(slots=True)
class _Begun:
    """Tasks one after the other, until the pace of the run allows no more."""

    tasks: Sequence[LookTask]
    pace: Pace
    count: int = 0
    """How many were begun."""

    def __iter__(self) -> Iterator[LookTask]:
        for task in self.tasks:
            late = self.pace.until is not None and time.monotonic() >= self.pace.until
            if late or (self.pace.most_looks is not None and self.count >= self.pace.most_looks):
                return
            self.count += 1
            yield task


def looks_near(aoi: Aoi, looks: Iterable[Look], cell_px: int) -> list[Look]:
    """The looks that count in and around an AOI, in order of time."""
    everything = list(looks)
    near = {extent for extent in {look.extent for look in everything} if aoi.is_near(extent, RING_CELLS * cell_px)}
    return in_force(look for look in everything if look.extent in near)


def looks_now(context: Run, looks: Sequence[Look]) -> list[Look]:
    """These looks, and those that other runs have added to the archive since they were listed."""
    area = _around(context.aoi, context.settings.coverage.cell_px)
    store = LookStore(context.archive.looks / context.recipe.folder)
    known = {look.key for look in looks}
    return [*looks, *(look for look in store.looks(context.aoi.grid, area) if look.key not in known)]


def any_clear(aoi: Aoi, looks: Iterable[Look]) -> bool:
    """Whether any look shows any pixel of the AOI clear; reads the clearest first, and no more than needed.

    Damaged ones are set aside, and show nothing.
    """
    with LookReader() as reader:
        return any(
            _shows_clear(aoi, look, reader)
            for look in sorted(looks, key=lambda look: look.clear_share, reverse=True)
            if look.clear_share > 0
        )


def _shows_clear(aoi: Aoi, look: Look, reader: LookReader) -> bool:
    try:
        states = reader.read(look.pixels, look.extent)[2]
    except LookDamaged:
        return False
    return bool((aoi.inside(look.extent) & (states >= CLEAR)).any())


def recipe_folders(archive: Archive) -> list[Path]:
    """The folders of all recipes by which there are looks."""
    return sorted(path for path in archive.looks.glob("*") if path.is_dir())


def _km2(task: LookTask) -> int:
    """Area that a task looks at, in whole square kilometres, at least one."""
    return max(1, round(sum(window.area_px for window in task.windows) * PIXEL_M**2 / 1e6))


def _others(context: Run, maker: LookMaker, aoi: Aoi, area: Window) -> dict[RecipeDescription, list[Look]]:
    """The looks around the AOI by other recipes, by recipe; none where there are none."""
    found: dict[RecipeDescription, list[Look]] = {}
    for folder in recipe_folders(context.archive):
        if folder != maker.folder:
            looks = list(LookStore(folder).looks(aoi.grid, area))
            if looks:
                found.setdefault(description_in(folder), []).extend(looks)
    return found


def _around(aoi: Aoi, cell_px: int) -> Window:
    return window_of(aoi.polygon_m.bounds).grown(RING_CELLS * cell_px)


def _cover(looks: Sequence[Look], window: Window) -> bool:
    return covers([part for look in looks for part in look.windows], window)


def _in_order(context: Run, tasks: Sequence[LookTask]) -> list[LookTask]:
    pace, grid = context.pace, context.aoi.grid
    clearest = pace.clearest_first or (context.budget is not None and context.budget.limited)
    first = [reprojected(ground, LONLAT, grid.crs) for ground in pace.first]

    def rank(task: LookTask) -> tuple[bool, float]:
        outline = task.extent.polygon_m
        return not any(ground.intersects(outline) for ground in first), task.overpass.cloud_share if clearest else 0.0

    return sorted(tasks, key=rank)
