"""Locks between processes of one machine, and between machines that share a folder."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.errors import InputError, UnitsFailed
from pipeline.lease import Held, Holder, Lease
from pipeline.locks import locked

ELSEWHERE = {"token": "t", "host": "other", "boot": "another", "process": 7, "beat": 0}


def foreign(path: Path, **changes: object) -> Path:
    lease = path.with_name(f".{path.name}.lease")
    lease.write_text(json.dumps({**ELSEWHERE, **changes}))
    return lease


def quick(path: Path) -> Lease:
    return Lease(path, beat_s=0.02, still_s=0.3)


def hold(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with locked(path, "x"):
        held.set()
        time.sleep(60)


def test_one_works_and_the_other_says_who(tmp_path: Path) -> None:
    path, spawn = tmp_path / "place", multiprocessing.get_context("fork")
    held = spawn.Event()
    child = spawn.Process(target=hold, args=(path, held))
    child.start()
    try:
        assert held.wait(20)
        with (
            pytest.raises(InputError, match=rf"x: another run is writing here \(process {child.pid} on .*\)"),
            locked(path, "x"),
        ):
            pass
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        begun = time.monotonic()
        with locked(path, "x") as lease:  # its lease is still there, and its holder is known to be dead
            assert lease.holder.process == os.getpid()
        assert time.monotonic() - begun < 5
    finally:
        child.kill()
        child.join()
    assert [each.name for each in tmp_path.iterdir()] == [".place.lock"]


def test_a_lease_of_another_machine_that_stands_still_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lease"
    path.write_text(json.dumps(ELSEWHERE))
    mine, told = quick(path), []
    begun = time.monotonic()
    mine.acquire(alone=True, wait_s=0, told=told.append)
    assert 0.3 < time.monotonic() - begun < 5
    assert "process 7 on other" in told[0]
    mine.check()
    mine.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_of_another_machine_that_moves_is_left_alone(tmp_path: Path) -> None:
    theirs = Lease(tmp_path / "lease", Holder("a", "other", "another", 7), beat_s=0.02, still_s=0.3)
    theirs.acquire(alone=True, wait_s=0)
    with pytest.raises(Held, match="process 7 on other"):
        quick(tmp_path / "lease").acquire(alone=True, wait_s=0)
    theirs.check()
    theirs.release()


def test_who_stood_still_and_was_taken_over_notices(tmp_path: Path) -> None:
    sleeper = Lease(tmp_path / "lease", Holder("a", "other", "another", 7), beat_s=60, still_s=0.3)
    sleeper.acquire(alone=True, wait_s=0)
    mine = quick(tmp_path / "lease")
    mine.acquire(alone=True, wait_s=0)
    with pytest.raises(UnitsFailed, match="another run took this folder over"):
        sleeper.check()
    sleeper.release()
    mine.check()
    mine.release()


def test_without_locks_of_the_kernel_a_dead_holder_of_this_machine_is_watched_as_any_other(tmp_path: Path) -> None:
    dead = Holder.here()
    (tmp_path / "lease").write_text(json.dumps({"token": "t", "host": dead.host, "boot": dead.boot, "process": 1}))
    begun = time.monotonic()
    mine = quick(tmp_path / "lease")
    mine.acquire(alone=False, wait_s=0)
    assert time.monotonic() - begun > 0.3
    mine.release()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"token": 1}', "\x00" * 50, "{" * 5000])
def test_a_damaged_lease_is_taken_over_as_one_that_stands_still(tmp_path: Path, content: str) -> None:
    (tmp_path / "lease").write_text(content)
    mine = quick(tmp_path / "lease")
    mine.acquire(alone=True, wait_s=0)
    mine.check()
    mine.release()


def take(path: Path, results: "multiprocessing.queues.Queue[str]", number: int) -> None:
    lease = Lease(
        path, Holder(f"token {number}", f"machine {number}", f"boot {number}", number), beat_s=0.02, still_s=0.3
    )
    try:
        lease.acquire(alone=True, wait_s=0)
        time.sleep(1.5)  # longer than anybody watches
        lease.check()
        results.put("held")
        lease.release()
    except Held:
        results.put("left")


def test_of_many_machines_that_find_a_dead_holder_one_takes_over(tmp_path: Path) -> None:
    """Each believes to be alone on its machine, as on a network folder that carries no locks."""
    path, spawn = tmp_path / "lease", multiprocessing.get_context("fork")
    path.write_text(json.dumps(ELSEWHERE))
    results: multiprocessing.Queue[str] = spawn.Queue()
    children = [spawn.Process(target=take, args=(path, results, k)) for k in range(6)]
    for child in children:
        child.start()
    told = sorted(results.get(timeout=30) for _ in children)
    for child in children:
        child.join()
    assert told == ["held", *["left"] * 5]
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_locks_has_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FileLock, **_: object) -> None:
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with locked(tmp_path / "place", "x") as lease:
        lease.check()
    assert list(tmp_path.iterdir()) == []
