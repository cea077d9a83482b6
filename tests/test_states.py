"""The chain of states: what it makes of looks, and that time counts and the number of looks does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import look_ratios

from pipeline.looks.calibration import AreaLikelihood
from pipeline.sites.states import (
    HAS_PONDS,
    MAX_LOG_RATIO,
    UNCALIBRATED,
    SiteState,
    StatePosterior,
    forward_backward,
    log_ratio,
)


def weighed(some: list[tuple[float, float, int]]) -> StatePosterior:
    ground, ponds, gaps = (np.array(column, float) for column in zip(*some, strict=True))
    return forward_backward(np.cumsum(gaps).astype(int), ground, ponds, UNCALIBRATED)


def posterior(some: list[tuple[float, float, int]]) -> np.ndarray:
    return weighed(some).posterior


@given(look_ratios)
def test_posteriors_are_probabilities_and_what_has_begun_stays_begun(some) -> None:
    told = posterior(some)
    assert told.shape == (len(some), len(SiteState))
    np.testing.assert_allclose(told.sum(axis=1), 1)
    for state in (SiteState.CLEARED, SiteState.PONDS, SiteState.OVERGROWN):
        assert (np.diff(told[:, state:].sum(axis=1)) > -1e-9).all()


@given(some=look_ratios, at=st.data())
def test_a_look_that_says_nothing_leaves_all_others_as_they_were(some, at: st.DataObject) -> None:
    place = at.draw(st.integers(0, len(some) - 1))
    ground, ponds, gap = some[place]
    within = at.draw(st.integers(0, gap))
    split = [*some[:place], (0.0, 0.0, within), (ground, ponds, gap - within), *some[place + 1 :]]
    if place == 0:
        return  # before the first look there is no time to split
    np.testing.assert_allclose(np.delete(posterior(split), place, axis=0), posterior(some), atol=1e-9)


@given(look_ratios)
def test_a_stronger_look_for_ponds_never_makes_ponds_less_likely(some) -> None:
    ground, ponds, gap = some[-1]
    stronger = [*some[:-1], (ground, min(4.5, ponds + 1), gap)]
    before, after = posterior(some)[-1], posterior(stronger)[-1]
    assert after[HAS_PONDS].sum() >= before[HAS_PONDS].sum() - 1e-9


def test_the_log_ratio_is_0_at_the_break_even_area_and_bounded() -> None:
    shown = AreaLikelihood(break_even_m2=120.0, break_even_share=0.2, log_slope=3.0)
    assert log_ratio(shown, np.array([0.0, 120.0, 1e9]), full_m2=500.0) == pytest.approx(
        [-MAX_LOG_RATIO, 0, MAX_LOG_RATIO]
    )
    assert log_ratio(shown, np.array([120.0, 800.0]), full_m2=4000.0) == pytest.approx([-MAX_LOG_RATIO, 0])


@given(look_ratios)
def test_the_likeliest_state_and_onsets_follow_from_the_posterior(some) -> None:
    found = weighed(some)
    np.testing.assert_array_equal(found.likeliest, found.posterior.argmax(axis=1))
    for state in (SiteState.CLEARED, SiteState.PONDS):
        begins = found.onset(state)
        assert (begins >= 0).all()
        assert begins.sum() == pytest.approx(found.posterior[-1, state:].sum())


def test_states_are_in_the_order_of_the_calibration_and_have_the_words_of_the_outputs() -> None:
    assert [state.word for state in SiteState] == ["none", "cleared", "ponds", "idle", "resumed", "overgrown"]
    assert list(type(UNCALIBRATED.initial).model_fields) == [state.word for state in SiteState]
    assert [state.has_ponds for state in SiteState] == HAS_PONDS.tolist() == [False, False, True, False, True, False]
