"""What looks cost before they are made."""

from collections.abc import Sequence
from contextlib import suppress

from pipeline.errors import CapReached, CredentialsRefused, SceneError
from pipeline.grid import Window
from pipeline.looks.task import LookTask
from pipeline.run.context import Run
from pipeline.run.looks import LookPlan
from pipeline.sources.interface import Price, Priced, Source
from pipeline.sources.ledger import Usage

SAMPLED = 20
"""Looks that are priced where pricing reads from a server; the rest is taken to cost the same on average."""

UNPRICED = (SceneError, CapReached, CredentialsRefused)
"""Why a price may not be known: none of it ends a run that has other things to do."""


def price_of(source: Source, task: LookTask, windows: Sequence[Window]) -> Price:
    """Price of a look; `windows`: as they will be read. Raises `SceneError`."""
    if isinstance(source, Priced):
        return source.price(task.overpass.scenes, task.grid, windows)
    stated = any(scene.cloud_share is not None for scene in task.overpass.scenes)
    return Price(Usage(), sum(window.area_px for window in windows), 1 - task.overpass.cloud_share if stated else None)


def outdated_text(context: Run, planned: LookPlan) -> str:
    """How many looks an older recipe made, what making them again would read and cost, and whether that is done."""
    count, kinds = len(planned.outdated), ", ".join(sorted(each.text() for each in planned.older))
    cost = _cost(context, planned)
    if cost is None:
        price = "costs what could not be found out now"
    else:
        price = f"would cost about {cost.text()}" if cost != Usage() else "costs nothing but time"
    if context.remakes:
        after = "they are made again now (--remake none: only looks that there never were)"
    else:
        after = "they are not made again, and what was said stands (--remake all makes them)"
    return f"note: {count} looks were made by another recipe ({kinds}); making them again {price}; {after}"


def _cost(context: Run, planned: LookPlan) -> Usage | None:
    """What making the outdated looks again would cost: of all where that is known without reading, or of a sample.

    None where no price could be found out.
    """
    tasks = planned.outdated
    chosen = tasks if context.source.paid else tasks[:: -(-len(tasks) // SAMPLED)]
    found: list[Usage] = []
    with context.progress.stage("Pricing looks", len(chosen), unit="looks") as step:
        for task in chosen:
            with suppress(*UNPRICED):  # what fails now fails when it is read, and is recorded then
                found.append(price_of(context.source, task, planned.read_windows(task)).usage)
            step(1)
    if not found:
        return None
    total, share = sum(found, Usage()), len(tasks) / len(found)
    return Usage(round(total.requests * share), round(total.n_bytes * share), total.pu * share)
