import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engine import SerialExecutor, executor_for, run
from pipeline.errors import SceneError


def double(n: int) -> int:
    if n == 13:
        raise SceneError("thirteen cannot be read")
    return 2 * n


def die(n: int) -> int:
    if n == 1:
        os._exit(9)
    return n


@given(units=st.lists(st.integers(0, 40)), width=st.integers(1, 4))
def test_every_unit_ends_as_a_value_or_a_reason(units: list[int], width: int) -> None:
    with ThreadPoolExecutor(width) as executor:
        outcomes = list(run(iter(units), double, executor, width))
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

    outcomes = run(endless(), double, SerialExecutor(), 1)
    assert {next(outcomes).value for _ in range(3)} <= {2, 4, 6, 8}
    assert taken < 10


def test_a_killed_worker_is_a_reason_and_not_a_crash() -> None:
    executor, width = executor_for(2, 8)
    with executor:
        outcomes = list(run(range(8), die, executor, width))
    assert sorted(o.unit for o in outcomes) == list(range(8))
    assert any(o.reason and "killed" in o.reason for o in outcomes if o.unit == 1)


def test_a_bug_is_raised_and_not_recorded() -> None:
    with pytest.raises(ZeroDivisionError):
        list(run([1], lambda n: n // 0, SerialExecutor(), 1))
