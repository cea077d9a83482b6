"""Damaged looks are made again where their scenes can still be had; what cannot be is told as lost."""

from collections.abc import Sequence

from pipeline.looks.look import Look
from pipeline.looks.store import DamagedLook
from pipeline.looks.task import LookTask
from pipeline.run.context import Run
from pipeline.run.looks import LookPlan, MadeLooks, make_looks, next_generation
from pipeline.run.spare import passes_of, planned_on


def remake(
    context: Run, planned: LookPlan, damaged: Sequence[DamagedLook], looks: Sequence[Look]
) -> MadeLooks:  # fmt: skip
    """Make damaged looks again; `looks`: all others.

    Scenes of other days than those that were searched are searched for. From a paid source nothing is bought again
    without being asked for (`Run.remakes`): those looks are made when their month is asked for. Raises as
    `Source.search`.
    """
    known = [each for each in damaged if each.look is not None and not each.is_shown(looks)]
    tasks = _tasks(context, planned, known, looks) if context.remakes and known else []
    return make_looks(context, planned, tasks, "Making damaged looks again") if tasks else MadeLooks()


def _tasks(context: Run, planned: LookPlan, damaged: Sequence[DamagedLook], looks: Sequence[Look]) -> list[LookTask]:
    lost = [each.look for each in damaged if each.look is not None]
    passes = passes_of(context, planned, [(look.day, look.overpass) for look in lost])
    found = [
        next_generation(task, looks)
        for look in lost
        if (overpass := passes.get((look.day, look.overpass))) is not None
        for task in planned_on(context, look.windows, overpass)
    ]
    return list({task.key(context.recipe): task for task in found}.values())
