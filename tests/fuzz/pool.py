"""Workers that try inputs one by one, each in a process that may die or be ended without harm to the rest."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from tests.fuzz.kind import Judged, Kind, Verdict

WALL_S = 60.0
"""A worker that says nothing for so long, although the limit of processor time is below, waits or is stuck in C."""
START_S = 180.0
"""The first input of a worker waits for its imports and seeds."""


def _work(kind: Kind, seed: int, channel: Connection) -> None:
    """Try inputs by number until told to stop."""
    kind.results  # noqa: B018 made before the first input is measured
    channel.send(None)
    while (index := channel.recv()) is not None:
        channel.send(kind.tried(seed, index))


class _Worker:
    def __init__(self, kind: Kind, seed: int) -> None:
        context = multiprocessing.get_context("spawn")  # what GDAL and torch hold does not survive a fork
        self.channel, other = context.Pipe()
        self.process = context.Process(target=_work, args=(kind, seed, other), daemon=True)
        self.process.start()
        other.close()
        self.index: int | None = None
        self.since, self.ready = time.monotonic(), False

    def give(self, index: int | None) -> None:
        self.index, self.since = index, time.monotonic()
        self.channel.send(index)

    @property
    def overdue(self) -> bool:
        return time.monotonic() - self.since > (WALL_S if self.ready else START_S)

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.channel.close()


def tried_all(kind: Kind, seed: int, inputs: int, workers: int, until: float) -> Iterator[tuple[int, Judged]]:
    """The verdict on each input by number, as they come; stops early at `until` of the monotonic clock."""
    left = iter(range(inputs))
    team = [_Worker(kind, seed) for _ in range(workers)]
    try:
        while team:
            ready: Sequence[Any] = wait([worker.channel for worker in team], timeout=1.0)
            for worker in list(team):
                if worker.channel in ready:
                    told, lost = _told(worker)
                elif worker.overdue:
                    told, lost = Judged(Verdict.HANG, f"no word for {WALL_S:g} s"), True
                else:
                    continue
                if told is not None and worker.index is not None:
                    yield worker.index, told
                if lost and not worker.ready:
                    raise RuntimeError(f"{kind.name}: a worker ended before its first input")
                if lost:
                    worker.end()
                    team[team.index(worker)] = worker = _Worker(kind, seed)
                    continue
                worker.ready = True
                following = next(left, None) if time.monotonic() < until else None
                worker.give(following)
                if following is None:
                    team.remove(worker)
                    worker.process.join(5)
                    worker.end()
    finally:
        for worker in team:
            worker.end()


def _told(worker: _Worker) -> tuple[Judged | None, bool]:
    """What a worker says, and whether it is lost."""
    try:
        return worker.channel.recv(), False
    except (EOFError, ConnectionError):
        worker.process.join()
        return Judged(Verdict.TRACEBACK, f"the process died (exit {worker.process.exitcode})"), True
