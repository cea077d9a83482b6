"""Workers of a dask scheduler, in processes of their own on loopback: what a lost one costs, and which are refused."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scenes import ALWAYS, AREA, SIMULATION, run_of
from shapely.geometry import mapping
from test_cli import refusal
from test_detect import settings_with

from pipeline import __version__
from pipeline import cluster as far
from pipeline.cluster import cluster, following
from pipeline.config import Settings
from pipeline.engine import KILLED, run
from pipeline.errors import InputError, UnitsFailed
from pipeline.looks import maker
from pipeline.looks.look import Look
from pipeline.looks.maker import LookMaker
from pipeline.looks.task import LookTask
from pipeline.progress import Progress
from pipeline.run.detect import detect
from pipeline.run.looks import ELSEWHERE
from pipeline.run.summary import Summary
from pipeline.sources.folder import FolderSource

pytest.importorskip("distributed", reason="dask.distributed is not installed")
pytestmark = pytest.mark.timeout(100)

ROOT = Path(__file__).parent.parent
NOWHERE = "tcp://127.0.0.1:9"
"""Nobody listens there."""
LABOURS = """
import os, signal, time

def deadly(n):
    return os.kill(os.getpid(), signal.SIGKILL) if n == 1 else n

def slow(n):
    time.sleep(0.1)
    return n

def buggy(n):
    raise TimeoutError("of the work itself")
"""
"""What workers do."""
PATIENCE_S = 30.0
"""How long processes may take to start, seconds."""


@dataclass
class Machines:
    """A scheduler and its workers."""

    folder: Path
    """Where they keep what they need."""
    address: str = ""
    """Of the scheduler."""
    processes: list[subprocess.Popen] = field(default_factory=list)
    """The scheduler, and the workers in the order in which they were started."""
    other: bool = False
    """Whether those that are started now have another version."""
    settings: dict[str, str] = field(default_factory=dict)
    """Of dask, as environment variables."""

    def start(self, what: str, *options: str) -> None:
        """Start one more process, of leachwatch 9.9.9 where `other` is set."""
        words = [
            sys.executable,
            "-m",
            f"distributed.cli.dask_{what}",
            "--host",
            "127.0.0.1",
            "--no-dashboard",
            *options,
        ]
        path = os.pathsep.join([str(self.folder / "other")] * self.other + [str(ROOT), str(self.folder)])
        environment = {**os.environ, "PYTHONPATH": path, **self.settings}
        with (self.folder / f"{what}-{len(self.processes)}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    words, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )

    def worker(self, nanny: bool = False) -> None:
        """Start a worker with one thread; `nanny`: it is started again when it is killed."""
        own = ("--nthreads", "1", "--local-directory", str(self.folder))
        self.start("worker", self.address, *own, "--nanny" if nanny else "--no-nanny")

    def kill(self, number: int) -> None:
        """Kill a process and all that it has started."""
        os.killpg(self.processes[number].pid, signal.SIGKILL)
        self.processes[number].wait()


@contextmanager
def started(folder: Path, workers: int, other: bool = False, **settings: str) -> Iterator[Machines]:
    (folder / "other").mkdir(parents=True)
    (folder / "other" / "sitecustomize.py").write_text("import pipeline\n\npipeline.__version__ = '9.9.9'\n")
    (folder / "labours.py").write_text(LABOURS)
    machines, told = Machines(folder, other=other, settings=settings), folder / "scheduler.json"
    try:
        machines.start("scheduler", "--port", "0", "--scheduler-file", str(told))
        until(lambda: told.exists() and told.read_text().endswith("}"))
        machines.address = json.loads(told.read_text())["address"]
        for _ in range(workers):
            machines.worker()
        yield machines
    finally:
        for number, process in enumerate(machines.processes):
            if process.poll() is None:
                machines.kill(number)


def until(true: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline_s, "waited too long"
        time.sleep(0.02)


def looked(settings: Settings, scenes: Path, out: Path, progress: Progress) -> Summary:
    """A run over the small simulated archive, read as a folder."""
    source = FolderSource(scenes, name="simulated", simulation=SIMULATION)
    return detect(run_of(AREA, source, settings, ALWAYS, out, progress=progress))


def looks_in(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in (out / "archive").glob("looks*/**/*.tif")}


class Interrupted(Progress):
    """Does something when the first look is made."""

    def __init__(self, do: Callable[[], None]) -> None:
        super().__init__(quiet=True)
        self.do, self.steps = do, 0

    @contextmanager
    def stage(self, what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        def step(done: int) -> None:
            self.steps += done
            if self.steps == 1:
                self.do()

        yield step if what == "Looking" else lambda done: None


def test_a_worker_that_is_killed_in_the_middle_of_a_run_changes_no_byte(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are relative, and the workers were started elsewhere: they follow the run into its folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    maker._model.cache_clear()
    with started(tmp_path / "machines", workers=2) as machines:
        elsewhere = settings_with(engine={"workers": 1, "scheduler": machines.address})
        progress = Interrupted(lambda: machines.kill(2))
        told = looked(elsewhere, scenes, Path("far"), progress)
        assert machines.processes[1].poll() is None
    assert told.failures == ()
    assert progress.steps >= 6
    assert maker._model.cache_info().misses == 0, "looks were made here"
    looked(settings_with(engine={"workers": 1}), scenes, Path("near"), Progress(quiet=True))
    assert looks_in(Path("far")) == looks_in(Path("near"))
    assert Path("far", "sites.geojson").read_bytes() == Path("near", "sites.geojson").read_bytes()
    assert json.loads(Path("far", "sites.geojson").read_bytes())["features"]


def labour(machines: Machines, name: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], int]:
    """A function that workers find where this process finds it."""
    monkeypatch.syspath_prepend(machines.folder)
    monkeypatch.delitem(sys.modules, "labours", raising=False)
    return getattr(importlib.import_module("labours"), name)


def test_a_unit_that_kills_its_worker_fails_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strict = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    with started(tmp_path / "machines", workers=0, **strict) as machines:
        machines.worker(nanny=True)
        work, outcomes = labour(machines, "deadly", monkeypatch), []
        for n in range(3):
            outcomes += run([n], work, cluster(machines.address))
    expected = [(0, 0, None, 0), (1, None, KILLED, UnitsFailed.exit_code), (2, 2, None, 0)]
    assert [(told.unit, told.value, told.reason, told.code) for told in outcomes] == expected


def test_a_bug_in_a_worker_is_raised_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with started(tmp_path / "machines", workers=1) as machines, pytest.raises(TimeoutError, match="of the work itself"):
        list(run(range(3), labour(machines, "buggy", monkeypatch), cluster(machines.address)))


def test_when_the_scheduler_ends_all_that_is_left_fails_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "ANSWER_S", 3.0)
    outcomes = []
    with started(tmp_path / "machines", workers=2) as machines:
        for told in run(range(200), labour(machines, "slow", monkeypatch), cluster(machines.address)):
            outcomes.append(told)
            if len(outcomes) == 6:
                machines.kill(0)
                killed_s = time.monotonic()
    assert time.monotonic() - killed_s < 25
    assert sorted(told.unit for told in outcomes) == list(range(200))
    assert [told.value for told in outcomes[:6]] == [told.unit for told in outcomes[:6]]
    left = [told for told in outcomes if told.value is None]
    assert len(left) >= 190
    assert {(told.reason, told.code) for told in left} == {(far.GONE, UnitsFailed.exit_code)}


STOPPED = """
import sys
from itertools import count

from labours import slow
from pipeline.cluster import cluster
from pipeline.engine import run

try:
    for told in run(count(), slow, cluster(sys.argv[1])):
        print(told.value, flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_ends_promptly(tmp_path: Path) -> None:
    with started(tmp_path / "machines", workers=2) as machines:
        (machines.folder / "stopped.py").write_text(STOPPED)
        with subprocess.Popen(
            [sys.executable, str(machines.folder / "stopped.py"), machines.address], stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        ) as process:  # fmt: skip
            assert all(process.stdout.readline() for _ in range(6))
            process.send_signal(signal.SIGINT)
            stopped_s = time.monotonic()
            assert process.wait(30) == 130
            assert time.monotonic() - stopped_s < 5


def test_a_value_that_does_not_arrive_is_a_reason() -> None:
    """The worker has it, and the connection ends while it is on its way."""

    class Told:
        status = "finished"

        def cancelled(self) -> bool:
            return False

        def result(self, timeout: float) -> int:
            raise OSError("connection reset")

    future: Future[int] = Future()
    far._settle(future, Told())
    assert str(future.exception()) == far.GONE


def test_what_a_machine_must_have_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "ANSWER_S", 2.0)
    (tmp_path / "machines").mkdir()
    with started(tmp_path / "machines" / "one", workers=0) as machines:
        assert "no worker is connected; start some: dask worker tcp://127" in refused(machines.address)
        monkeypatch.setattr(far, "ANSWER_S", PATIENCE_S)
        machines.other = True
        machines.worker()
        assert "worker tcp://127.0.0.1:" in refused(machines.address)
        assert f"leachwatch 9.9.9 runs there, {__version__} here" in refused(machines.address)
    with started(tmp_path / "machines" / "two", workers=0, other=True) as machines:
        told = refused(machines.address)
        assert f"scheduler {machines.address}: leachwatch 9.9.9 runs there, {__version__} here" in told


def refused(address: str) -> str:
    with pytest.raises(InputError) as error:
        list(run([1], abs, cluster(address)))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_worker_that_joins_late_is_asked_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert following((__version__, str(ROOT)), abs, -3) == 3
    assert Path.cwd() == ROOT
    with pytest.raises(UnitsFailed, match="install the same"):
        following(("0.0.0", str(ROOT)), abs, -3)
    with pytest.raises(UnitsFailed, match="nowhere is not there; run leachwatch in a folder that all machines share"):
        following((__version__, str(tmp_path / "nowhere")), abs, -3)


def test_the_command_says_what_is_missing(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(far, "ANSWER_S", 0.5)
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps(mapping(AREA.polygon)))
    words = ("detect", "--aoi", str(area), "--source", "folder", "--scenes", str(scenes),
             "--out", str(tmp_path / "out"), "--scheduler", NOWHERE)  # fmt: skip
    assert f"{NOWHERE}: no scheduler answers within 0.5 s" in refusal(capsys, 2, *words)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "pip install distributed" in refusal(capsys, 2, *words)


def test_a_look_that_lies_on_another_machine_is_a_failed_unit(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, lost = LookMaker.__call__, []

    def elsewhere(self: LookMaker, task: LookTask) -> Look:
        made = make(self, task)
        if not lost:
            lost.append(task.name)
            self.path_of(task).unlink()
        return made

    monkeypatch.setattr(LookMaker, "__call__", elsewhere)
    told = looked(settings_with(engine={"workers": 1}), scenes, tmp_path, Progress(quiet=True))
    assert [(failure.id, failure.reason) for failure in told.failures] == [(lost[0], ELSEWHERE)]
    assert told.exit_code == UnitsFailed.exit_code
    assert len(looks_in(tmp_path)) == len(told.looks) > 1
