"""Which months are due."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.months import first_day, month_of, months_between
from pipeline.scan.due import Step, due, earlier, last_complete
from pipeline.scan.log import Outcome, ScanLog, ScanRecord

MONTHS = list(months_between(date(2024, 1, 1), date(2026, 12, 1)))
OUTCOMES = list(Outcome)


def record(first: str, last: str | None = None, outcome: Outcome = Outcome.DONE) -> ScanRecord:
    return ScanRecord(at=datetime(2026, 1, 1, tzinfo=UTC), aoi="a", first=first, last=last or first, outcome=outcome)


def log(*records: ScanRecord) -> ScanLog:
    return ScanLog(records)


@pytest.mark.parametrize(
    ("today", "last"),
    [("2026-12-05", "2026-10"), ("2026-12-06", "2026-11"), ("2026-12-31", "2026-11"), ("2026-01-06", "2025-12")],
)
def test_a_month_is_complete_five_days_after_its_end(today: str, last: str) -> None:
    assert last_complete(date.fromisoformat(today), 5) == last


def test_a_first_scan_is_one_step_from_where_it_begins() -> None:
    assert due(log(), "2026-10", None, lambda: "2025-11") == [Step("2025-11", "2026-10", opening=True)]
    assert due(log(), "2026-10", "2026-03", lambda: "2025-11") == [Step("2026-03", "2026-10", opening=True)]
    assert due(log(), "2026-10", None, lambda: None) == []
    assert due(log(), "2026-10", "2026-11", lambda: None) == []


def test_after_it_each_month_is_a_step() -> None:
    known = log(record("2025-11", "2026-08"))
    assert due(known, "2026-08", None, lambda: "never") == []
    assert due(known, "2026-10", None, lambda: "never") == [Step("2026-09", "2026-09"), Step("2026-10", "2026-10")]


def test_a_first_scan_that_did_not_end_goes_on() -> None:
    cut = log(record("2025-11", "2026-08", Outcome.UNFINISHED))
    assert due(cut, "2026-09", None, lambda: "never") == [Step("2025-11", "2026-09", opening=True)]


def test_earlier_months_that_are_asked_for_later_are_one_step_before_the_others() -> None:
    known = log(record("2026-05", "2026-08"))
    assert due(known, "2026-09", "2026-01", lambda: "never") == [
        Step("2026-01", "2026-04", opening=True),
        Step("2026-09", "2026-09"),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(MONTHS), st.integers(0, 5), st.sampled_from(OUTCOMES)), max_size=12),
    st.sampled_from(MONTHS),
    st.none() | st.sampled_from(MONTHS),
)
def test_every_month_that_is_not_settled_is_due_once_and_in_order(
    told: list[tuple[str, int, Outcome]], last: str, first: str | None
) -> None:
    records = [record(month, month_of(first_day(month)) if not n else later(month, n), what) for month, n, what in told]
    known = log(*records)
    steps = due(known, last, first, lambda: "2024-06")
    start = min(filter(None, (first, known.begun)), default="2024-06")
    found = [month for step in steps for month in months_between(first_day(step.first), first_day(step.last))]
    wanted = {month for month in MONTHS if start <= month <= last} - known.settled
    assert wanted <= set(found)
    assert all(one < other for one, other in pairwise(found))
    assert sum(step.opening for step in steps) <= 1
    assert not {month for step in steps if not step.opening for month in [step.first]} & known.settled


def later(month: str, n: int) -> str:
    return earlier(month, -n)


def test_a_step_that_was_tried_again_and_again_is_known_since_its_first_try() -> None:
    def tried(day: int, outcome: Outcome) -> ScanRecord:
        return record("2026-09", outcome=outcome).model_copy(update={"at": datetime(2026, 10, day, tzinfo=UTC)})

    known = log(tried(6, Outcome.FAILED), tried(7, Outcome.UNFINISHED), tried(8, Outcome.FAILED))
    assert known.first_try("2026-09") == datetime(2026, 10, 6, tzinfo=UTC)
    assert known.first_try("2026-08") is None
    assert log(*known.records, tried(9, Outcome.DONE)).first_try("2026-09") is None
