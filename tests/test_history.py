from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.grid import Window
from pipeline.history import history, onset
from pipeline.looks import Stack
from pipeline.sites import Site

SETTINGS = load(None).history
PRESENT_M2 = 120.0
ABSENT, THERE = 0.0, 2000.0


def days(n: int) -> list[date]:
    return [date(2024, 1, 5) + timedelta(days=10 * i) for i in range(n)]


@given(absent=st.integers(0, 12), there=st.integers(2, 12))
def test_onset_is_the_gap_between_the_two_looks_when_all_looks_agree(absent: int, there: int) -> None:
    looks = days(absent + there)
    found = onset(looks, [ABSENT] * absent + [THERE] * there, PRESENT_M2, SETTINGS)
    assert found is not None
    assert found.after == (looks[absent - 1] if absent else None)
    assert found.by == looks[absent]
    assert found.last == looks[-1]
    assert found.gone_by is None
    assert found.looks_with == there


@given(st.integers(0, 30))
def test_nothing_begins_when_no_look_shows_it(n: int) -> None:
    assert onset(days(n), [ABSENT] * n, PRESENT_M2, SETTINGS) is None


@given(before=st.integers(3, 8), there=st.integers(3, 8), gone=st.integers(3, 8))
def test_an_end_is_found_when_looks_stop_showing_it(before: int, there: int, gone: int) -> None:
    looks = days(before + there + gone)
    areas = [ABSENT] * before + [THERE] * there + [ABSENT] * gone
    found = onset(looks, areas, PRESENT_M2, SETTINGS)
    assert found is not None
    assert (found.by, found.last, found.gone_by) == (looks[before], looks[before + there - 1], looks[before + there])


@given(n=st.integers(6, 15), at=st.data())
def test_one_bad_look_makes_no_site_when_the_rest_say_nothing_is_there(n: int, at: st.DataObject) -> None:
    areas = [ABSENT] * n
    areas[at.draw(st.integers(0, n - 2))] = THERE
    assert onset(days(n), areas, PRESENT_M2, SETTINGS) is None


@given(absent=st.integers(3, 8), there=st.integers(4, 8), at=st.data())
def test_one_missed_look_does_not_end_a_site(absent: int, there: int, at: st.DataObject) -> None:
    areas = [ABSENT] * absent + [THERE] * there
    areas[absent + at.draw(st.integers(1, there - 3))] = ABSENT
    found = onset(days(absent + there), areas, PRESENT_M2, SETTINGS)
    assert found is not None
    assert found.gone_by is None


def test_ground_is_there_in_a_look_that_shows_ponds() -> None:
    window, shape = Window(0, 0, 12, 12), (6, 12, 12)
    pond, ground = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    pond[3:, 4:8, 4:8] = 200
    ground[4:] = 200  # the network sees the ground one look later than the ponds
    stack = Stack(
        window=window, days=tuple(days(6)), overpasses=tuple("abcdef"), pond=pond, ground=ground,
        clear=np.ones(shape, bool), measured=np.ones(6, bool),
    )  # fmt: skip
    site = Site(
        window=window, pond=pond[-1] > 0, ground=np.ones(window.shape, bool), mean_pond_fraction=1.0, mean_ground=1.0,
        polygon_m=window.polygon_m,
    )  # fmt: skip
    past = history(site, stack, SETTINGS)
    assert past.ponds is not None
    assert past.ground is not None
    assert (past.ground.after, past.ground.by) == (past.ponds.after, past.ponds.by) == (days(6)[2], days(6)[3])


def test_interval_widens_when_a_look_contradicts_the_rest() -> None:
    agreeing = onset(days(8), [ABSENT] * 4 + [THERE] * 4, PRESENT_M2, SETTINGS)
    torn = onset(days(8), [ABSENT] * 3 + [PRESENT_M2 * 1.1] + [THERE] * 4, PRESENT_M2, SETTINGS)
    assert agreeing is not None
    assert torn is not None
    assert torn.after is not None
    assert agreeing.after is not None
    assert (torn.by - torn.after) > (agreeing.by - agreeing.after)


@given(st.lists(st.floats(0, 5000), max_size=25))
def test_interval_is_in_order_whatever_the_areas(areas: list[float]) -> None:
    found = onset(days(len(areas)), areas, PRESENT_M2, SETTINGS)
    if found is not None:
        assert found.after is None or found.after < found.by
        assert found.by <= found.last
        assert found.gone_by is None or found.last < found.gone_by
        assert found.looks_with >= 1


@pytest.mark.parametrize("n", [1, 200])
def test_onset_is_found_whatever_the_number_of_looks(n: int) -> None:
    found = onset(days(n), [THERE] * n, PRESENT_M2, SETTINGS)
    assert found is not None
    assert found.after is None
