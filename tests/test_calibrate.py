"""What calibration makes of worlds: what one look says, how sites change, and features on their own scales."""

from datetime import date, timedelta
from itertools import product
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pytest
from shapely.geometry import box

from pipeline.config import load
from pipeline.errors import InputError, PipelineError
from pipeline.evaluation import calibrate as calibrating
from pipeline.evaluation.calibrate import (
    LOOK_STEPS,
    NO_AREA,
    _areas,
    _likelihoods,
    _logistic,
    _SeenOnsets,
    _state_model,
    calibrate,
    fitted,
)
from pipeline.evaluation.trials import START, Trial, TrialResult, TrialRunner
from pipeline.evaluation.truth import Case, Reported, TrueSite
from pipeline.looks.calibration import AreaLikelihood
from pipeline.looks.card import CARD, read_card
from pipeline.progress import Progress
from pipeline.resources import shipped
from pipeline.sites.confidence import SiteFeatures, confidence, pond_area
from pipeline.sites.history import SiteLook
from pipeline.sites.states import UNCALIBRATED, SiteState, log_ratio
from pipeline.training.chips import STYLES

LAST = date(2025, 12, 31)
MODEL = shipped("models") / load(None).model


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
    return _SeenOnsets(days, told * 4, told, ((SiteState.CLEARED, k), (SiteState.PONDS, k)))


def break_even(likelihood: AreaLikelihood, full_m2: float = 1100.0) -> float:
    """Area that says nothing at a site of that size."""
    return max(likelihood.break_even_m2, likelihood.break_even_share * full_m2)


def test_the_break_even_area_lies_between_what_looks_show_with_and_without() -> None:
    rng = np.random.default_rng(1)
    sites = [seen_site(rng, int(begun)) for begun in rng.integers(60, 500, 15)]
    ponds = _likelihoods(sites, UNCALIBRATED).ponds
    assert np.exp(3) < break_even(ponds) < np.exp(6)
    assert ponds.log_slope > 1


def test_sites_that_were_never_well_seen_do_not_make_all_onsets_vague() -> None:
    rng = np.random.default_rng(4)
    begun = rng.integers(60, 500, 14)
    seen = [seen_site(rng, int(one)) for one in begun]
    hidden = [seen_site(rng, int(one), hidden=True) for one in begun[:7]]
    ponds = _likelihoods([*seen, *hidden], UNCALIBRATED).ponds
    assert np.exp(3) < break_even(ponds) < np.exp(6)
    assert ponds.log_slope > 1


def test_where_large_sites_show_more_before_they_begin_a_share_of_their_size_says_nothing() -> None:
    rng = np.random.default_rng(6)
    sites = []
    for begun, full in zip(rng.integers(8, 32, 20), np.exp(rng.uniform(6, 10, 20)), strict=True):
        share = np.where(np.arange(40) >= begun, 1.0, 0.1) * np.exp(rng.normal(0, 0.2, 40))
        days = START.toordinal() + np.arange(0, 600, 15)
        onsets = ((SiteState.CLEARED, int(begun)), (SiteState.PONDS, int(begun)))
        sites.append(_SeenOnsets(days, share * full * 4, share * full, onsets))
    ponds = _likelihoods(sites, UNCALIBRATED).ponds
    assert 0.13 < break_even(ponds, np.exp(10)) / np.exp(10) < 0.8


def test_two_looks_that_show_nothing_outweigh_one_that_shows_much() -> None:
    """Here the likeliest curve would say that any ground at all is sure, and none says nothing."""
    rng = np.random.default_rng(5)
    days, begun = START.toordinal() + np.arange(0, 600, 15), rng.integers(5, 30, 20)
    there = np.arange(40) >= begun[:, None]
    ground = np.exp(rng.uniform(4.6, 8.5, (20, 40))) * (there & (rng.random((20, 40)) < 0.25))
    ponds = np.where(np.arange(40) >= begun[:, None] + 4, 900.0, 0.0)
    sites = [
        _SeenOnsets(days, one, other, ((SiteState.CLEARED, int(k)), (SiteState.PONDS, int(k) + 4)))
        for one, other, k in zip(ground, ponds, begun, strict=True)
    ]
    model = _likelihoods(sites, UNCALIBRATED)
    for likelihood in (model.ground, model.ponds):
        much, nothing = log_ratio(likelihood, np.array([1e6, *NO_AREA]), full_m2=0.0)
        assert much + 2 * nothing <= 0
    assert (model.per_year, model.initial) == (UNCALIBRATED.per_year, UNCALIBRATED.initial)


def test_onsets_need_sites_that_began_while_they_were_looked_at() -> None:
    old = seen_site(np.random.default_rng(1), 0)
    with pytest.raises(PipelineError, match="began between two looks"):
        _likelihoods([old], UNCALIBRATED)


def test_a_site_goes_through_its_states() -> None:
    whole = site(100, 300, ended=900, idle=(400, 500))
    days = (50, 200, 350, 450, 600, 950, 1010)
    none, cleared, ponds, idle, resumed, overgrown = SiteState
    expected = [none, cleared, ponds, idle, resumed, idle, overgrown]
    assert [whole.state_on(START + timedelta(days=k)) for k in days] == expected
    assert site(100, None).state_on(LAST) == cleared


def test_rates_are_changes_by_the_time_in_which_they_could_happen() -> None:
    worlds = [
        TrialResult(Case(26.0, START + timedelta(days=700), LAST, (site(-50, 365),), (), ()), ()) for _ in range(200)
    ]
    looks = tuple(
        SiteLook(START + timedelta(days=k), "o", 1.0, max(0.0, k), max(0.0, k + 60)) for k in range(-200, 900, 50)
    )
    found = SimpleNamespace(history=SimpleNamespace(looks=looks))
    model = _state_model(worlds, [(found, site(-50, 365))])
    assert model.per_year.built == pytest.approx(1.0, rel=0.02)
    assert model.per_year.idled < 0.01
    assert model.initial.ponds > 0.95
    assert sum(model.initial.model_dump().values()) == pytest.approx(1)
    assert 0 < model.ponds.break_even_m2 < 900


def test_coefficients_are_those_of_the_features_as_they_are() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal([100.0, 0.01], [50.0, 0.002], (800, 2))
    true = rng.random(800) < 1 / (1 + np.exp(-(values[:, 0] - 100) / 20))
    intercept, first, second = _logistic(values, true)
    told = 1 / (1 + np.exp(-(intercept + values @ [first, second])))
    assert told[values[:, 0] > 170].mean() > 0.9
    assert told[values[:, 0] < 30].mean() < 0.1
    assert abs(second * 0.002) < 0.3 * abs(first * 50)


def test_a_model_that_lacks_a_part_of_its_calibration_is_refused_by_name(tmp_path: Path) -> None:
    whole = (MODEL / CARD).read_text(encoding="utf-8")
    assert 0 < confidence(SiteFeatures(*[1.0] * 11), read_card(MODEL / CARD).calibrated().confidence) < 1
    for table, name in (("confidence", "steady_ground"), ("states.per_year", "idled")):
        start = whole.index(f"[calibration.{table}]")
        line = whole.index(f"\n{name} = ", start)
        (tmp_path / CARD).write_text(whole[:line] + whole[whole.index("\n", line + 1) :], encoding="utf-8")
        with pytest.raises(InputError, match=rf"calibration\.{table}\.{name}: Field required"):
            read_card(tmp_path / CARD)


def test_a_calibration_stands_on_the_card_as_it_was_fitted_and_no_older_one_takes_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = read_card(MODEL / CARD).calibrated()
    fresh = known.model_copy(update={"confidence": known.confidence.model_copy(update={"intercept": -3.25})})
    begun_with = []

    def refitted(runner: TrialRunner, *_: object) -> tuple[object, str]:
        begun_with.append(read_card(Path(runner.settings.model) / CARD).calibration)
        return fresh, "12 sites"

    monkeypatch.setattr(calibrating, "fitted", refitted)
    model = copytree(MODEL, tmp_path / "mine")
    assert calibrate(model, 1, Progress(quiet=True), 2) == fresh
    card = read_card(model / CARD)
    assert begun_with == [None]
    assert card.calibrated() == fresh
    assert card.scores["calibration_set"] == "12 sites"


def result(rng: np.random.Generator, is_true: bool) -> TrialResult:
    """A world with one site, and one that was reported: on it, with half of its pond area, or beside it."""
    truth = site(int(rng.integers(30, 60)), int(rng.integers(200, 400)))
    begun = (truth.ponds_from - START).days
    looks = tuple(
        SiteLook(START + timedelta(days=k), "o", 1.0, 750.0 * (k >= begun), 3000.0 * (k >= begun - 150))
        for k in range(0, 600, 30)
    )
    features = _features(log10_pond_m2=rng.normal(3 if is_true else 2, 0.3), mean_ground=rng.normal(0.5, 0.1))
    item = SimpleNamespace(features=features, history=SimpleNamespace(looks=looks, pond_m2=750.0))
    reported = Reported(box(0.2, 0.2, 0.4, 0.4) if is_true else box(5, 5, 6, 6), 1.0, None, None, (750.0,) * 3)
    case = Case(26.0, START, LAST, (truth,), (), (reported,))
    return TrialResult(case, (item,))


def test_a_calibration_is_fitted_on_all_that_is_reported_in_worlds_seen_often_and_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng, observed = np.random.default_rng(7), []

    def run_trials(trials: list[Trial], *_: object) -> list[TrialResult]:
        observed.extend((trial, result(rng, is_true=k % 3 > 0)) for k, trial in enumerate(trials))
        return [one for _, one in observed]

    monkeypatch.setattr(calibrating, "run_trials", run_trials)
    found, note = fitted(TrialRunner(load(None)), 1, Progress(quiet=True), worlds=24)
    assert "24 reported sites (16 true)" in note
    assert len({trial.seed for trial, _ in observed}) == 24
    assert {(trial.style, trial.every) for trial, _ in observed} == set(product(STYLES, LOOK_STEPS))
    stated = np.array([confidence(one.found[0].features, found.confidence) for _, one in observed])
    is_true = np.arange(24) % 3 > 0
    assert stated[is_true].mean() > 0.8 > 0.4 > stated[~is_true].mean()
    assert pond_area(750.0, observed[1][1].found[0].features, found.pond_area).value == pytest.approx(1500, rel=0.01)
    assert found.states.per_year.built == pytest.approx(365.25 / 255, rel=0.2)  # cleared for 255 days in the mean
    assert 0 < found.states.ponds.break_even_m2 < 750


def test_the_area_interval_follows_what_was_seen_and_never_crosses() -> None:
    rng = np.random.default_rng(3)
    pale, looks = rng.uniform(0.2, 0.7, 600), rng.uniform(0.3, 1.4, 600)
    spread = 0.6 / (1 + looks)
    ratios = np.exp(1.0 - 1.5 * pale + rng.normal(0, 1, 600) * spread)
    values = [_features(mean_pond_fraction=p, log10_looks_with_ponds=n) for p, n in zip(pale, looks, strict=True)]
    model = _areas(values, ratios)
    told = [pond_area(1000.0, one, model) for one in values]
    inside = np.mean([area.low <= 1000 * ratio <= area.high for area, ratio in zip(told, ratios, strict=True)])
    assert 0.75 < inside < 0.85
    middle = np.array([area.value for area in told])
    assert np.corrcoef(middle, ratios)[0, 1] > 0.5
    once, often = (
        pond_area(1000.0, _features(mean_pond_fraction=0.4, log10_looks_with_ponds=n), model) for n in (0.3, 1.4)
    )
    assert often.high / often.low < once.high / once.low
    for one in (_features(mean_pond_fraction=p, log10_looks_with_ponds=n) for p in (0.0, 1.0) for n in (0.0, 3.0)):
        low, value, high = pond_area(1000.0, one, model)
        assert low <= value <= high


def _features(**known: float) -> SiteFeatures:
    return SiteFeatures(**{**dict.fromkeys(SiteFeatures._fields, 0.0), **known})
