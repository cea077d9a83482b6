"""The ledger: all that is spent stands in it, whoever spends it, and limits are kept to."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import CapReached, InputError, UnitsFailed
from pipeline.sources.budget import Budget, SpendingLimits, Usage, read_ledger, totals


def test_many_at_once_lose_no_line(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "new" / "ledger.jsonl", "run")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: budget.spend(f"p{k % 2}", Usage(1, 10, 0.5)), range(200)))
    assert budget.spent() == {"p0": Usage(100, 1000, 50.0), "p1": Usage(100, 1000, 50.0)}


def test_a_limit_of_the_run_does_not_count_other_runs_and_one_of_the_month_does(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    Budget(ledger, "before").spend("x", Usage(1, 0, 6.0))
    Budget(ledger, "now", of_run=SpendingLimits(pu=5)).check()
    with pytest.raises(CapReached, match="limit of 6 processing units for this month"):
        Budget(ledger, "now", of_month=SpendingLimits(pu=6)).check()
    Budget(ledger, "now", of_month=SpendingLimits(pu=6.1)).check()
    old = {"at": "2020-01-05T00:00:00+00:00", "run": "old", "provider": "x", "requests": 1, "bytes": 1, "pu": 900}
    ledger.write_text(json.dumps(old) + "\n")  # a new file, of another month
    Budget(ledger, "now", of_month=SpendingLimits(pu=6)).check()
    assert Budget(ledger, "now").spent_in_month() == {}


def test_a_limit_is_seen_as_soon_as_another_process_has_spent(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "ledger.jsonl", "run", of_run=SpendingLimits(n_bytes=100))
    budget.check()
    for total in (60, 120):
        line = {"at": "2026-11-25T00:00:00+00:00", "run": "run", "provider": "x", "requests": 1, "bytes": 60, "pu": 0}
        with budget.ledger.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if total < 100:
            budget.check()
    with pytest.raises(CapReached):
        budget.check()


def test_a_half_written_last_line_is_left_out_and_a_damaged_one_refused(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    Budget(ledger, "run").spend("x", Usage(1, 5))
    whole = ledger.read_text()
    ledger.write_text(whole + whole[: len(whole) // 2])
    assert totals(read_ledger(ledger)) == {"x": Usage(1, 5)}
    later = Budget(ledger, "run", of_run=SpendingLimits(n_bytes=10))
    later.check()
    later.spend("x", Usage(1, 5))
    assert later.spent() == {"x": Usage(2, 10)}
    with pytest.raises(CapReached):
        later.check()
    ledger.write_text(whole + '{"at": "yesterday"}\n' + whole)
    with pytest.raises(InputError, match="is damaged"):
        list(read_ledger(ledger))


def test_what_cannot_be_written_down_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Budget(tmp_path, "run").spend("x", Usage(1, 1))
    with pytest.raises(UnitsFailed, match="disk is full"):
        Budget(Path("/dev/full"), "run").spend("x", Usage(1, 1))
