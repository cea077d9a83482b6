"""The ledger: all that is spent stands in it, whoever spends it, and limits are kept to."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import CapReached, InputError, UnitsFailed
from pipeline.spending import Limits, Purse, Spent, read_ledger, totals


def test_many_at_once_lose_no_line(tmp_path: Path) -> None:
    purse = Purse(tmp_path / "new" / "ledger.jsonl", "run")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: purse.spend(f"p{k % 2}", Spent(1, 10, 0.5)), range(200)))
    assert purse.spent() == {"p0": Spent(100, 1000, 50.0), "p1": Spent(100, 1000, 50.0)}


def test_a_limit_of_the_run_does_not_count_other_runs_and_one_of_the_month_does(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    Purse(ledger, "before").spend("x", Spent(1, 0, 6.0))
    Purse(ledger, "now", of_run=Limits(pu=5)).check()
    with pytest.raises(CapReached, match="limit of 6 processing units for this month"):
        Purse(ledger, "now", of_month=Limits(pu=6)).check()
    Purse(ledger, "now", of_month=Limits(pu=6.1)).check()
    old = {"at": "2020-01-05T00:00:00+00:00", "run": "old", "provider": "x", "requests": 1, "bytes": 1, "pu": 900}
    ledger.write_text(json.dumps(old) + "\n")  # a new file, of another month
    Purse(ledger, "now", of_month=Limits(pu=6)).check()
    assert Purse(ledger, "now").spent_in_month() == {}


def test_a_limit_is_seen_as_soon_as_another_process_has_spent(tmp_path: Path) -> None:
    purse = Purse(tmp_path / "ledger.jsonl", "run", of_run=Limits(n_bytes=100))
    purse.check()
    for total in (60, 120):
        line = {"at": "2026-11-25T00:00:00+00:00", "run": "run", "provider": "x", "requests": 1, "bytes": 60, "pu": 0}
        with purse.ledger.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if total < 100:
            purse.check()
    with pytest.raises(CapReached):
        purse.check()


def test_a_half_written_last_line_is_left_out_and_a_damaged_one_refused(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    Purse(ledger, "run").spend("x", Spent(1, 5))
    whole = ledger.read_text()
    ledger.write_text(whole + whole[: len(whole) // 2])
    assert totals(read_ledger(ledger)) == {"x": Spent(1, 5)}
    later = Purse(ledger, "run", of_run=Limits(n_bytes=10))
    later.check()
    later.spend("x", Spent(1, 5))
    assert later.spent() == {"x": Spent(2, 10)}
    with pytest.raises(CapReached):
        later.check()
    ledger.write_text(whole + '{"at": "yesterday"}\n' + whole)
    with pytest.raises(InputError, match="is damaged"):
        list(read_ledger(ledger))


def test_what_cannot_be_written_down_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Purse(tmp_path, "run").spend("x", Spent(1, 1))
    with pytest.raises(UnitsFailed, match="disk is full"):
        Purse(Path("/dev/full"), "run").spend("x", Spent(1, 1))
