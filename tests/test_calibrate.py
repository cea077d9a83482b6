"""What calibration makes of worlds: what one look says, how sites change, and features on their own scales."""

from datetime import date, timedelta

import numpy as np
import pytest
from shapely.geometry import box

from pipeline.errors import InputError, PipelineError
from pipeline.evaluation.calibrate import _areas, _chain, _logistic, _SeenOnsets, _shown
from pipeline.evaluation.trials import START, TrialResult
from pipeline.evaluation.truth import Case, TrueSite
from pipeline.looks.calibration import AreaLikelihood
from pipeline.sites.confidence import AREA, CHAIN, FEATURES, chain_of, check_calibrated, confidence, pond_area
from pipeline.sites.states import CLEARED, ENDED, IDLE, NONE, PONDS, RESUMED, UNCALIBRATED

LAST = date(2025, 12, 31)


def site(ground: int, ponds: int | None, ended: int | None = None, idle: tuple[int, int] | None = None) -> TrueSite:
    day = lambda k: None if k is None else START + timedelta(days=k)  # noqa: E731
    return TrueSite(
        polygon=box(0, 0, 1, 1), ground_from=day(ground), ponds_from=day(ponds), ended_on=day(ended), n_ponds=9,
        pond_diameter_m=15.0, pond_area_m2=1500.0, idle=idle and (day(idle[0]), day(idle[1])),
        overgrown_on=None if ended is None else day(ended + 100),
    )  # fmt: skip


def seen_site(rng: np.random.Generator, begun: int, hidden: bool = False) -> _SeenOnsets:
    """A site seen every 15 days for 600, told as 8 m2 of ponds before it began and as 1,100 m2 after, roughly."""
    days = START.toordinal() + np.arange(0, 600, 15)
    there = (np.arange(0, 600, 15) >= begun) & (not hidden)
    told = np.exp(np.where(there, rng.normal(7, 0.7, len(days)), rng.normal(2, 0.7, len(days))))
    k = -(-begun // 15)
    return _SeenOnsets(days, told * 4, told, ((CLEARED, k), (PONDS, k)))


def even(shown: AreaLikelihood, full_m2: float = 1100.0) -> float:
    """Area that says nothing at a site of that size."""
    return max(shown.break_even_m2, shown.break_even_share * full_m2)


def test_the_even_area_lies_between_what_looks_show_with_and_without() -> None:
    rng = np.random.default_rng(1)
    sites = [seen_site(rng, int(begun)) for begun in rng.integers(60, 500, 25)]
    _, ponds = _shown(sites, UNCALIBRATED.rates)
    assert np.exp(3) < even(ponds) < np.exp(6)
    assert ponds.log_slope > 1


def test_sites_that_were_never_well_seen_do_not_make_all_onsets_vague() -> None:
    rng = np.random.default_rng(4)
    begun = rng.integers(60, 500, 24)
    seen = [seen_site(rng, int(one)) for one in begun]
    hidden = [seen_site(rng, int(one), hidden=True) for one in begun[:12]]
    _, ponds = _shown([*seen, *hidden], UNCALIBRATED.rates)
    assert np.exp(3) < even(ponds) < np.exp(6)
    assert ponds.log_slope > 1


def test_where_large_sites_show_more_before_they_begin_a_share_of_their_size_says_nothing() -> None:
    rng = np.random.default_rng(6)
    sites = []
    for begun, full in zip(rng.integers(8, 32, 30), np.exp(rng.uniform(6, 10, 30)), strict=True):
        share = np.where(np.arange(40) >= begun, 1.0, 0.1) * np.exp(rng.normal(0, 0.2, 40))
        days = START.toordinal() + np.arange(0, 600, 15)
        sites.append(_SeenOnsets(days, share * full * 4, share * full, ((CLEARED, int(begun)), (PONDS, int(begun)))))
    _, ponds = _shown(sites, UNCALIBRATED.rates)
    assert 0.13 < even(ponds, np.exp(10)) / np.exp(10) < 0.8


def test_two_looks_that_show_nothing_outweigh_one_that_shows_much() -> None:
    """Here the likeliest curve would say that any ground at all is sure, and none says nothing."""
    rng = np.random.default_rng(5)
    days, begun = START.toordinal() + np.arange(0, 600, 15), rng.integers(5, 30, 30)
    there = np.arange(40) >= begun[:, None]
    ground = np.exp(rng.uniform(4.6, 8.5, (30, 40))) * (there & (rng.random((30, 40)) < 0.25))
    ponds = np.where(np.arange(40) >= begun[:, None] + 4, 900.0, 0.0)
    sites = [
        _SeenOnsets(days, one, other, ((CLEARED, int(k)), (PONDS, int(k) + 4)))
        for one, other, k in zip(ground, ponds, begun, strict=True)
    ]
    for shown in _shown(sites, UNCALIBRATED.rates):
        much, nothing = shown.ratio(np.array([1e6, 0.0]), full_m2=0.0)
        assert much + 2 * nothing <= 0


def test_onsets_need_sites_that_began_while_they_were_looked_at() -> None:
    old = seen_site(np.random.default_rng(1), 0)
    with pytest.raises(PipelineError, match="began between two looks"):
        _shown([old], UNCALIBRATED.rates)


def test_a_site_goes_through_its_states() -> None:
    whole = site(100, 300, ended=900, idle=(400, 500))
    days = (50, 200, 350, 450, 600, 950, 1010)
    told = [whole.state_on(START + timedelta(days=k)) for k in days]
    assert told == [NONE, CLEARED, PONDS, IDLE, RESUMED, IDLE, ENDED]
    assert site(100, None).state_on(LAST) == CLEARED


def test_rates_are_changes_by_the_time_in_which_they_could_happen() -> None:
    worlds = [
        TrialResult(Case(26.0, START + timedelta(days=700), LAST, (site(-50, 365),), (), ()), ()) for _ in range(200)
    ]
    from pipeline.sites.history import SiteLook

    class AssessedSite:
        class past:  # noqa: N801 - stands for a history
            looks = tuple(
                SiteLook(START + timedelta(days=k), "o", 1.0, max(0.0, k), max(0.0, k + 60))
                for k in range(-200, 900, 50)
            )

    chain = _chain(worlds, [(AssessedSite, site(-50, 365))])  # type: ignore[list-item]
    assert chain["per_year_built"] == pytest.approx(1.0, rel=0.02)
    assert chain["per_year_idled"] < 0.01
    assert chain["first_ponds"] > 0.95
    assert sum(value for name, value in chain.items() if name.startswith("first_")) == pytest.approx(1)
    assert 0 < chain["ponds_even_m2"] < 900
    assert set(chain) == set(CHAIN)
    assert chain_of(chain).rates.built == chain["per_year_built"]


def test_coefficients_are_those_of_the_features_as_they_are() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal([100.0, 0.01], [50.0, 0.002], (800, 2))
    true = rng.random(800) < 1 / (1 + np.exp(-(values[:, 0] - 100) / 20))
    intercept, first, second = _logistic(values, true)
    told = 1 / (1 + np.exp(-(intercept + values @ [first, second])))
    assert told[values[:, 0] > 170].mean() > 0.9
    assert told[values[:, 0] < 30].mean() < 0.1
    assert abs(second * 0.002) < 0.3 * abs(first * 50)


def test_a_model_that_lacks_a_part_of_its_calibration_is_refused_by_name() -> None:
    whole = dict.fromkeys((*FEATURES, *AREA, *CHAIN), 0.1)
    check_calibrated("m", whole)
    assert 0 < confidence(tuple([1.0] * len(FEATURES)), whole) < 1
    del whole["steady_ground"], whole["per_year_idled"]
    with pytest.raises(InputError, match="steady_ground, per_year_idled"):
        check_calibrated("m", whole)


def test_the_area_interval_follows_what_was_seen_and_never_crosses() -> None:
    rng = np.random.default_rng(3)
    pale, looks = rng.uniform(0.2, 0.7, 600), rng.uniform(0.3, 1.4, 600)
    spread = 0.6 / (1 + looks)
    ratios = np.exp(1.0 - 1.5 * pale + rng.normal(0, 1, 600) * spread)
    values = [_values(mean_pond_fraction=p, log10_looks_with_ponds=n) for p, n in zip(pale, looks, strict=True)]
    card = _areas(values, ratios)
    assert set(card) == set(AREA)
    told = [pond_area(1000.0, one, card) for one in values]
    inside = np.mean([area.low <= 1000 * ratio <= area.high for area, ratio in zip(told, ratios, strict=True)])
    assert 0.75 < inside < 0.85
    middle = np.array([area.middle for area in told])
    assert np.corrcoef(middle, ratios)[0, 1] > 0.5
    once, often = (
        pond_area(1000.0, _values(mean_pond_fraction=0.4, log10_looks_with_ponds=n), card) for n in (0.3, 1.4)
    )
    assert often.high / often.low < once.high / once.low
    for one in (_values(mean_pond_fraction=p, log10_looks_with_ponds=n) for p in (0.0, 1.0) for n in (0.0, 3.0)):
        low, value, high = pond_area(1000.0, one, card)
        assert low <= value <= high


def _values(**known: float) -> tuple[float, ...]:
    return tuple({**dict.fromkeys(FEATURES, 0.0), "intercept": 1.0, **known}.values())
