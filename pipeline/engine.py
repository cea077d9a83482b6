"""Runs independent units of work, in any order, on any `concurrent.futures` executor.

The engine keeps no state: a unit that is done leaves its file, a unit that fails leaves its reason.
"""

import multiprocessing
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, TypeVar

from pipeline.errors import PipelineError, UnitsFailed

Unit = TypeVar("Unit")
Value = TypeVar("Value")

KILLED = "a worker process was killed (out of memory?); run again, with fewer --workers if it repeats"
"""Reason of a unit whose worker was killed each time that it was tried."""


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


@dataclass(frozen=True, slots=True)
class Pool:
    """An executor that is open."""

    executor: Executor
    """Does the work; once it raises `BrokenExecutor` it is of no more use, and its units are tried in another."""
    width: int
    """Units that it does at the same time."""


Workers = Callable[[], AbstractContextManager[Pool]]
"""Opens a pool; called once more whenever one is broken."""


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(workers: int, units: int) -> Workers:
    """Processes of this machine for a number of units; `workers` 0 means one per core, and one is this process itself.

    They are spawned, not forked: GDAL and torch do not survive a fork with threads.
    """
    width = max(1, min(workers or usable_cores(), units))

    @contextmanager
    def opened() -> Iterator[Pool]:
        spawn = multiprocessing.get_context("spawn")
        executor = SerialExecutor() if width == 1 else ProcessPoolExecutor(width, mp_context=spawn)
        try:
            yield Pool(executor, width)
        finally:
            executor.shutdown(cancel_futures=True)

    return opened


def run(units: Iterable[Unit], work: Callable[[Unit], Value], workers: Workers) -> Iterator[Outcome[Unit, Value]]:
    """Do `work` on every unit and yield outcomes in order of completion.

    At most `2 * width` units are under way at once, so an endless list of units needs no memory. A unit
    whose work raises `PipelineError`, or kills its worker process, becomes an outcome with a reason;
    any other exception is a bug and is raised here.

    When a process is killed, any of the units under way may be to blame. Each is tried once more with no other beside
    it, so the one that kills its worker again is known, and it alone fails. Where all of them do, the fault is not
    theirs, and the units left fail untried.
    """
    queue = iter(units)
    for unit in queue:
        suspects = yield from _through(chain([unit], queue), work, workers)
        killed, again = 0, iter(suspects)
        for suspect in again:
            for culprit in (yield from _through(chain([suspect], again), work, workers, alone=True)):
                killed += 1
                yield Outcome(culprit, None, KILLED, UnitsFailed.exit_code)
        if 1 < killed == len(suspects):
            yield from (Outcome(left, None, KILLED, UnitsFailed.exit_code) for left in queue)


def _through(
    units: Iterator[Unit], work: Callable[[Unit], Value], workers: Workers, alone: bool = False
) -> Generator[Outcome[Unit, Value], None, list[Unit]]:
    """Yield the outcomes of units, one at a time where `alone`, until none is left or the pool breaks.

    Returns the units that were under way when it broke.
    """
    pending: dict[Future[Value], Unit] = {}
    lost: list[Unit] = []
    with workers() as pool:
        most = 1 if alone else 2 * pool.width
        while True:
            for unit in islice(units, 0 if lost else most - len(pending)):
                pending[_submitted(pool.executor, work, unit)] = unit
            if not pending:
                return lost
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                unit = pending.pop(future)
                match future.exception():
                    case None:
                        yield Outcome(unit, future.result(), None)
                    case PipelineError() as cause:
                        yield Outcome(unit, None, str(cause), cause.exit_code)
                    case BrokenExecutor():
                        lost.append(unit)
                    case bug:
                        raise bug


def _submitted(executor: Executor, work: Callable[[Unit], Value], unit: Unit) -> Future[Value]:
    """The future of a unit; one that has failed already where the pool broke meanwhile."""
    try:
        return executor.submit(work, unit)
    except BrokenExecutor as cause:
        future: Future[Value] = Future()
        future.set_exception(cause)
        return future
