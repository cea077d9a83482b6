"""The looks of a run: which there must be, which an earlier run made, and making those that are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.engine import executor_for, run
from pipeline.grid import Window
from pipeline.looks.archive import Look, LookMaker
from pipeline.looks.index import LookIndex
from pipeline.looks.task import LookTask, plan
from pipeline.run.context import Run
from pipeline.sources.interface import Refusal, Search, overpasses


@dataclass(frozen=True, eq=False, slots=True)
class LookPlan:
    """All looks of an AOI and period."""

    search: Search
    """Scenes that are used, and those that are not, and why."""
    maker: LookMaker
    """Makes what is missing."""
    index: LookIndex
    """Of the looks that are there."""
    kept: tuple[Look, ...]
    """Looks that an earlier run made."""
    missing: tuple[LookTask, ...]
    """Looks to make."""

    def read_windows(self, task: LookTask) -> list[Window]:
        """The windows of a task as they will be read, margins included."""
        return [window.grown(self.maker.recipe.margin_px) for window in task.windows]


def plan_looks(context: Run) -> LookPlan:
    """Search, plan, and find what is there already; makes nothing. Raises as `Source.search`."""
    maker, settings = context.maker, context.settings
    search = context.source.search(context.aoi, context.period)
    windows = context.aoi.windows(settings.segment.window_px)
    passes = overpasses(search.scenes)
    tasks = list(plan(context.aoi.grid, windows, settings.grid.block_px, passes, maker.recipe.margin_px))
    index = LookIndex.of(maker)
    kept: list[Look] = []
    missing: list[LookTask] = []
    with context.progress.stage("Checking looks", len(tasks), unit="looks") as step:
        for task in tasks:
            look = index.look(task, maker)
            kept.append(look) if look is not None else missing.append(task)
            step(1)
    return LookPlan(search, maker, index, tuple(kept), tuple(missing))


def make_looks(context: Run, planned: LookPlan) -> tuple[list[Look], tuple[Refusal, ...]]:
    """Every look of a plan in time, and the units that failed with the reason.

    Where spending is limited, the clearest overpasses come first.
    """
    looks = list(planned.kept)
    failures: list[Refusal] = []
    missing = _in_order(context, planned.missing)
    executor, width = executor_for(context.settings.engine.workers, len(missing))
    with executor, context.progress.stage("Looking", len(missing), unit="looks") as step:
        for outcome in run(missing, planned.maker, executor, width):
            if outcome.value is not None:
                looks.append(outcome.value)
                planned.index.add(outcome.value, planned.maker.path_of(outcome.unit))
            else:
                failures.append(Refusal(outcome.unit.name, outcome.reason or "failed", outcome.code))
            step(1)
    planned.index.write()
    looks.sort(key=lambda look: (look.day, look.overpass, look.extent))
    return looks, tuple(sorted(failures, key=lambda failure: failure.id))


def _in_order(context: Run, tasks: Sequence[LookTask]) -> list[LookTask]:
    limited = context.budget is not None and context.budget.limited
    return sorted(tasks, key=lambda task: task.overpass.cloud_share) if limited else list(tasks)
