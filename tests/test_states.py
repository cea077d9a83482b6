"""The chain of states: what it makes of looks, and that time counts and the number of looks does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.looks.calibration import AreaLikelihood
from pipeline.sites.states import CLEARED, ENDED, MAX_LOG_RATIO, PONDS, STATES, UNCALIBRATED, course

RATES = UNCALIBRATED.rates
ratios = st.lists(st.tuples(st.floats(-4.5, 4.5), st.floats(-4.5, 4.5), st.integers(1, 300)), min_size=1, max_size=12)


def odds(some: list[tuple[float, float, int]]) -> np.ndarray:
    ground, ponds, gaps = (np.array(column, float) for column in zip(*some, strict=True))
    return course(np.cumsum(gaps).astype(int), ground, ponds, RATES).odds


@given(ratios)
def test_odds_are_probabilities_and_what_has_begun_stays_begun(some) -> None:
    told = odds(some)
    assert told.shape == (len(some), len(STATES))
    np.testing.assert_allclose(told.sum(axis=1), 1)
    for state in (CLEARED, PONDS, ENDED):
        assert (np.diff(told[:, state:].sum(axis=1)) > -1e-9).all()


@given(some=ratios, at=st.data())
def test_a_look_that_says_nothing_leaves_all_others_as_they_were(some, at: st.DataObject) -> None:
    place = at.draw(st.integers(0, len(some) - 1))
    ground, ponds, gap = some[place]
    within = at.draw(st.integers(0, gap))
    split = [*some[:place], (0.0, 0.0, within), (ground, ponds, gap - within), *some[place + 1 :]]
    if place == 0:
        return  # before the first look there is no time to split
    np.testing.assert_allclose(np.delete(odds(split), place, axis=0), odds(some), atol=1e-9)


@given(ratios)
def test_a_stronger_look_for_ponds_never_makes_ponds_less_likely(some) -> None:
    ground, ponds, gap = some[-1]
    stronger = [*some[:-1], (ground, min(4.5, ponds + 1), gap)]
    before, after = odds(some)[-1], odds(stronger)[-1]
    assert after[2] + after[4] >= before[2] + before[4] - 1e-9


def test_what_a_look_says_is_nothing_at_the_even_area_and_bounded() -> None:
    shown = AreaLikelihood(break_even_m2=120.0, break_even_share=0.2, log_slope=3.0)
    assert shown.ratio(np.array([0.0, 120.0, 1e9]), full_m2=500.0) == pytest.approx([-MAX_LOG_RATIO, 0, MAX_LOG_RATIO])
    assert shown.ratio(np.array([120.0, 800.0]), full_m2=4000.0) == pytest.approx([-MAX_LOG_RATIO, 0])
