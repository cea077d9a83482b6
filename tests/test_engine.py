import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine import KILLED, Pool, processes, run
from pipeline.errors import SceneError, UnitsFailed

ROOT = Path(__file__).parent.parent


def double(n: int) -> int:
    if n == 13:
        raise SceneError("thirteen cannot be read")
    return 2 * n


@dataclass(frozen=True)
class Deadly:
    """Doubles numbers; some kill the process that tries them, always or only the first time."""

    tried: Path
    """One line for each number that was begun."""
    always: tuple[int, ...] = ()
    once: tuple[int, ...] = ()

    def __call__(self, n: int) -> int:
        known = self.tried.read_text().split() if self.tried.exists() else []
        with self.tried.open("a") as file:
            file.write(f"{n}\n")
        if n in self.always or (n in self.once and str(n) not in known):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return 2 * n

    def times(self) -> Counter[int]:
        """How often each number was tried."""
        return Counter(map(int, self.tried.read_text().split()))


@given(units=st.lists(st.integers(0, 40)), width=st.integers(1, 4))
def test_every_unit_ends_as_a_value_or_a_reason(units: list[int], width: int) -> None:
    with ThreadPoolExecutor(width) as executor:
        outcomes = list(run(iter(units), double, lambda: nullcontext(Pool(executor, width))))
    assert sorted(o.unit for o in outcomes) == sorted(units)
    for outcome in outcomes:
        expected = (None, "thirteen cannot be read") if outcome.unit == 13 else (2 * outcome.unit, None)
        assert (outcome.value, outcome.reason) == expected


def test_only_a_few_units_are_under_way_when_the_list_is_endless() -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield taken

    outcomes = run(endless(), double, processes(1, 100))
    assert {next(outcomes).value for _ in range(3)} <= {2, 4, 6, 8}
    assert taken < 10


def test_nothing_is_opened_for_nothing() -> None:
    assert list(run([], double, lambda: pytest.fail("opened"))) == []


def test_a_unit_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    work = Deadly(tmp_path / "tried", always=(3,))
    outcomes = list(run(range(12), work, processes(2, 12)))
    assert sorted((o.unit, o.value) for o in outcomes if o.unit != 3) == [(n, 2 * n) for n in range(12) if n != 3]
    assert [(o.value, o.reason, o.code) for o in outcomes if o.unit == 3] == [(None, KILLED, UnitsFailed.exit_code)]
    assert work.times()[3] == 2
    assert max(work.times().values()) == 2


def test_a_unit_whose_worker_is_killed_once_is_done_the_second_time(tmp_path: Path) -> None:
    work = Deadly(tmp_path / "tried", once=(0, 7, 11))
    outcomes = list(run(range(12), work, processes(2, 12)))
    assert sorted((o.unit, o.value) for o in outcomes) == [(n, 2 * n) for n in range(12)]
    assert max(work.times().values()) == 2


class Breaking(Executor):
    """Breaks as soon as four units are under way."""

    def __init__(self) -> None:
        self.under_way: list[Future] = []

    def submit(self, fn, /, *args, **kwargs):
        self.under_way.append(Future())
        if len(self.under_way) == 4:
            for future in self.under_way:
                future.set_exception(BrokenExecutor())
        return self.under_way[-1]


def test_suspects_are_tried_again_with_no_other_beside_them() -> None:
    """Where several are too much for the memory, one alone may not be."""
    beside, most = 0, []

    def counted(n: int) -> int:
        nonlocal beside
        beside += 1
        time.sleep(0.02)
        most.append((n, beside))
        beside -= 1
        return n

    with ThreadPoolExecutor(4) as threads:
        pools = iter([Pool(Breaking(), 2), *3 * [Pool(threads, 2)]])
        outcomes = list(run(range(12), counted, lambda: nullcontext(next(pools))))
    assert sorted((o.unit, o.value) for o in outcomes) == [(n, n) for n in range(12)]
    assert sorted(most[:4]) == [(0, 1), (1, 1), (2, 1), (3, 1)]
    assert max(together for _, together in most[4:]) > 1


def test_where_no_process_lives_the_units_left_are_not_tried(tmp_path: Path) -> None:
    work = Deadly(tmp_path / "tried", always=tuple(range(40)))
    outcomes = list(run(range(40), work, processes(2, 40)))
    assert sorted(o.unit for o in outcomes) == list(range(40))
    assert {o.reason for o in outcomes} == {KILLED}
    assert len(work.times()) <= 4


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bug_is_raised_and_not_recorded(workers: int) -> None:
    with pytest.raises(TypeError):
        list(run([1, "one", 2], abs, processes(workers, 3)))


STOPPED = """
import sys, time
from pipeline.engine import processes, run

def slow(n):
    print(n, flush=True)
    time.sleep(3 if n else 0)

if __name__ == "__main__":
    try:
        for outcome in run(range(1000), slow, processes(2, 1000)):
            pass
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_ctrl_c_ends_promptly(tmp_path: Path) -> None:
    """As a terminal does it: the signal reaches all processes of the group."""
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    with process:
        begun = [process.stdout.readline() for _ in range(3)]
        assert all(begun)
        os.killpg(process.pid, signal.SIGINT)
        stopped_s = time.monotonic()
        assert process.wait(30) == 130
        assert time.monotonic() - stopped_s < 12
