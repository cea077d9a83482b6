"""Runs independent units of work, in any order, on any `concurrent.futures` executor.

The engine keeps no state: a unit that is done leaves its file, a unit that fails leaves its reason.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from pipeline.errors import PipelineError, UnitsFailed

Unit = TypeVar("Unit")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Unit, Value]):
    """The outcome of one unit: a value, or the reason why there is none."""

    unit: Unit
    """The unit."""
    value: Value | None
    """What its work returned; None when it failed."""
    reason: str | None
    """Why it failed, in one line; None when it did not."""
    code: int = 0
    """The exit code that goes with the reason, see `errors`."""


class SerialExecutor(Executor):
    """Runs each unit immediately in this process: no start-up cost, and the least memory."""

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        """Call `fn` now; the future returned is already done."""
        future: Future[object] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as cause:
            future.set_exception(cause)
            if not isinstance(cause, Exception):
                raise
        return future


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def executor_for(workers: int, units: int) -> tuple[Executor, int]:
    """An executor and its width for a number of units; `workers` 0 means one per core.

    Processes are spawned, not forked: GDAL and torch do not survive a fork with threads.
    """
    width = max(1, min(workers or usable_cores(), units))
    if width == 1:
        return SerialExecutor(), 1
    return ProcessPoolExecutor(width, mp_context=multiprocessing.get_context("spawn")), width


def run(
    units: Iterable[Unit], work: Callable[[Unit], Value], executor: Executor, width: int
) -> Iterator[Outcome[Unit, Value]]:
    """Do `work` on every unit and yield outcomes in order of completion.

    At most `2 * width` units are under way at once, so an endless list of units needs no memory. A unit
    whose work raises `PipelineError`, or whose worker process was killed, becomes an outcome with a reason;
    any other exception is a bug and is raised here.
    """
    queue = iter(units)
    pending: dict[Future[Value], Unit] = {}
    broken = False
    while True:
        for unit in islice(queue, 2 * width - len(pending)):
            try:
                if broken:
                    raise BrokenProcessPool
                pending[executor.submit(work, unit)] = unit
            except BrokenProcessPool:
                broken = True
                yield Outcome(unit, None, KILLED, UnitsFailed.exit_code)
        if not pending:
            if broken:
                yield from (Outcome(unit, None, KILLED, UnitsFailed.exit_code) for unit in queue)
            return
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            unit = pending.pop(future)
            try:
                yield Outcome(unit, future.result(), None)
            except PipelineError as cause:
                yield Outcome(unit, None, str(cause), cause.exit_code)
            except BrokenProcessPool:
                broken = True
                yield Outcome(unit, None, KILLED, UnitsFailed.exit_code)


KILLED = "a worker process was killed (out of memory?); run again, with fewer --workers if it repeats"
