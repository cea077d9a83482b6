"""The ledger: all that is spent stands in it, whoever spends it, and limits are kept to."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import CapReached, InputError, UnitsFailed
from pipeline.locks import locked
from pipeline.sources.budget import Budget, SpendingLimits, totals
from pipeline.sources.ledger import Tally, Usage, read_ledger, tidy_ledger


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


def test_a_half_written_last_line_is_left_out(tmp_path: Path) -> None:
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


def test_what_cannot_be_written_down_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Budget(tmp_path, "run").spend("x", Usage(1, 1))
    with pytest.raises(UnitsFailed, match="disk is full"):
        Budget(Path("/dev/full"), "run").spend("x", Usage(1, 1))


# Damaged lines, and ten years of them

NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)


def line(
    at: str = "2026-11-05T00:00:00+00:00", run: str = "r", n_bytes: int = 10, pu: float = 0.5, by: str = "x"
) -> str:
    return json.dumps({"at": at, "run": run, "provider": by, "requests": 1, "bytes": n_bytes, "pu": pu})


@pytest.mark.parametrize(
    ("damaged", "counts"),
    [
        ('{"at": "yesterday"}', Usage(1, 40, 2.0)),  # nothing can be read: as the largest of its month, by its place
        (line(n_bytes=7).replace('"requests": 1', '"requests": x'), Usage(1, 7, 0.5)),
        (line(n_bytes=7).replace('"pu": 0.5', '"pu": -0.5'), Usage(1, 7, 2.0)),
        (line(n_bytes=7)[:-1] + "\x00", Usage(1, 7, 2.0)),
        (line(n_bytes=7)[:-1] + "0", Usage(1, 7, 2.0)),
        ("\x00" * 64, Usage(1, 40, 2.0)),
    ],
)
def test_a_damaged_line_blocks_nothing_and_is_not_forgotten(damaged: str, counts: Usage, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    lines = [line(), damaged, line(n_bytes=40, pu=2.0), line("2026-10-05T00:00:00+00:00", n_bytes=900)]
    ledger.write_text("\n".join(lines) + "\n")
    expected = Usage(2, 50, 2.5) + counts
    assert Tally(ledger).totals()["2026-11"] == expected
    for told in (True, False):
        note = tidy_ledger(ledger, NOW)
        assert (note is not None) is told
        assert note is None or "1 damaged lines, copied to ledger.damaged" in note
        assert Tally(ledger).totals()["2026-11"] == expected
        assert (tmp_path / "ledger.damaged").read_text() == damaged + "\n"
    assert not [each for each in ledger.read_text().split("\n") if each and not json.loads(each)]
    Budget(ledger, "later").spend("x", Usage(1, 5))
    assert totals(read_ledger(ledger))["x"].n_bytes >= 955


def test_a_tally_keeps_its_sums_while_the_ledger_is_damaged_tidied_and_added_to(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    tally = Tally(ledger)
    assert tally.totals() == {}
    for number in range(40):
        with ledger.open("a") as file:
            file.write(line("2026-08-01T00:00:00+00:00" if number < 20 else "2026-11-05T00:00:00+00:00") + "\n")
            file.write('{"at"}\n' if number in (25, 33) else "")
        if number % 7 == 3:
            tidy_ledger(ledger, NOW)
        assert {key: usage for key, usage in tally.totals().items() if key != "r"} == {
            key: usage for key, usage in Tally(ledger).totals().items() if key != "r"
        }
    assert tally.totals()["2026-08"] == Usage(20, 200, 10.0)
    assert tally.totals()["2026-11"] == Usage(22, 220, 11.0)


def test_ten_years_take_a_line_per_month_and_provider(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    days = [date(2016, 12, 1) + timedelta(days=k) for k in range(3650)]
    rows = [line(f"{day}T04:00:00+00:00", f"{day}", 3, 0.25, by) for day in days for by in ("x", "y")]
    ledger.write_text("\n".join(rows) + "\n")
    before = totals(read_ledger(ledger))
    assert tidy_ledger(ledger, NOW) is None
    assert totals(read_ledger(ledger)) == before
    kept = read_ledger(ledger)
    assert len(kept) < 120 * 2 + 2 * 95
    assert [entry.at for entry in kept if entry.run == "month"] == sorted(e.at for e in kept if e.run == "month")
    assert {entry.run for entry in kept} >= {f"{day}" for day in days if day >= date(2026, 10, 1)}
    content = ledger.read_bytes()
    assert tidy_ledger(ledger, NOW) is None
    assert ledger.read_bytes() == content


def test_nothing_is_lost_that_is_spent_while_the_ledger_is_tidied(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text(line("2020-01-05T00:00:00+00:00") + "\n")
    budget = Budget(ledger, "run")
    with ThreadPoolExecutor(4) as pool:
        spending = [pool.submit(budget.spend, "p", Usage(1, 10, 0.5)) for _ in range(60)]
        for number in range(20):
            with locked(ledger, "test", 60.0), ledger.open("a") as file:
                file.write(line(f"2020-02-{number + 1:02d}T00:00:00+00:00") + "\n")
            tidy_ledger(ledger)
        for each in spending:
            each.result()
    assert budget.spent() == {"p": Usage(60, 600, 30.0)}
