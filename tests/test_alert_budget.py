"""The bar of the budget of false alarms: what it guarantees is simulated, and seen to fail without its parts."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from pipeline import resources
from pipeline.alerts import budget
from pipeline.alerts.budget import BARS, LEAST_SCANS, Target, alert_bar, least_bar, losses, scans_of
from pipeline.alerts.message import Bar
from pipeline.alerts.worlds import ALERTS, AlertWorlds, KnownGround, KnownReport, KnownWorld, read_alert_worlds
from pipeline.aoi import Aoi, list_aois, read_aoi
from pipeline.cli import main
from pipeline.config import load
from pipeline.errors import InputError
from pipeline.evaluation.alert_worlds import EVERY, alert_trials, budget_table, kept_budget, known
from pipeline.evaluation.trials import TrialRunner
from pipeline.looks.card import CARD, read_card, write_card

SHIPPED = resources.shipped("models") / "third"
KM2, SITES = 26.0, 50
"""Area and sites of a piece of ground in these tests ..."""
DENSE = 1000 * SITES / KM2
"""... and so the density of their sites per 1,000 km²."""
confidences = st.lists(st.integers(0, 1000).map(lambda k: k / 1000), max_size=6).map(tuple)
grounds = st.lists(st.builds(KnownGround, st.just(KM2), st.just(8), confidences, confidences), min_size=19, max_size=45)


def piece(rng: np.random.Generator, false: int) -> KnownGround:
    """A piece whose sites are all found, and surely; its false reports all have one confidence, of up to 0.5."""
    return KnownGround(KM2, SITES, (0.9,) * SITES, (float(rng.uniform(0, 0.5)),) * false)


def breaks(scan: KnownGround, bar: float | None, kept: float, rng: np.random.Generator) -> bool:
    """Whether the list of a scan is over a budget of 0.1, where each of its sites is there with a probability."""
    if bar is None:
        return False
    true = rng.binomial(sum(value >= bar for value in scan.true), kept)
    false = sum(value >= bar for value in scan.false)
    return false > 0.1 * (true + false) + 1e-9


def risk(false: int, density: float, count: int = LEAST_SCANS, trials: int = 1200) -> float:
    """Share of scans over the budget, each judged by a bar made from so many others."""
    rng, kept = np.random.default_rng(5), density / DENSE
    broken = 0
    for _ in range(trials):
        bar = least_bar([piece(rng, false) for _ in range(count)], Target(KM2, density, 0.1)).confidence
        broken += breaks(piece(rng, false), bar, kept, rng)
    return broken / trials


ERROR = 3 * math.sqrt(0.1 * 0.9 / 1200)
"""Three standard errors of a risk of 0.1."""


@pytest.mark.parametrize(("false", "density"), [(10, DENSE), (3, 0.2 * DENSE)])
def test_at_most_a_tenth_of_scans_breaks_the_budget_and_little_is_wasted(false: int, density: float) -> None:
    assert 0.1 - 2 * ERROR < risk(false, density) < 0.1 + ERROR


def test_without_the_scan_that_was_not_seen_the_guarantee_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "UNSEEN_LOSS", 0.0)
    assert risk(10, DENSE) > 0.1 + ERROR


def test_where_sites_are_taken_to_be_as_common_as_in_the_worlds_the_guarantee_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "share_kept", lambda whole, target: 1.0)
    assert risk(3, 0.2 * DENSE, trials=200) > 0.5


def test_few_false_reports_may_be_chance() -> None:
    """At most so many are expected: with more, as few as were counted would be seen in less than a tenth of cases."""
    counted = np.arange(6)
    bound = budget.most_false(counted, 0.9)
    drawn = np.random.default_rng(4).poisson(bound, (100_000, 6))
    np.testing.assert_allclose((drawn <= counted).mean(axis=0), 0.1, atol=0.005)


def test_small_areas_do_not_hide_false_sites_among_empty_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """One false report in twenty pieces, one site in fifty: lists are empty but for the false ones."""
    rare = [KnownGround(KM2, SITES, (0.9,) * SITES, (0.95,) if k % 20 == 0 else ()) for k in range(200)]
    target = Target(KM2, 0.001 * DENSE, 0.1)
    assert least_bar(rare, target).confidence is None
    monkeypatch.setattr(budget, "most_false", lambda false, level: 0.0 * false)
    cut = least_bar(rare, target)
    assert cut.confidence == 0.0
    assert sum(len(each.false) for each in rare) > 0.1 * 0.001 * sum(len(each.true) for each in rare)


@settings(max_examples=60, deadline=None)
@given(grounds, st.floats(0.02, 0.9), st.floats(0.02, 0.9), st.floats(1, 3 * DENSE), st.floats(1, 2000))
def test_a_smaller_budget_never_lowers_the_bar(
    ground: list[KnownGround], one: float, other: float, density: float, km2: float
) -> None:
    small, large = (least_bar(ground, Target(km2, density, share)).confidence for share in sorted((one, other)))
    assert small is None or (large is not None and large <= small)


@settings(max_examples=60, deadline=None)
@given(grounds, st.floats(1, 500), st.floats(1, 500))
def test_where_sites_are_rarer_the_bar_is_never_lower(ground: list[KnownGround], one: float, other: float) -> None:
    rare, common = (least_bar(ground, Target(50.0, density, 0.1)).confidence for density in sorted((one, other)))
    assert rare is None or (common is not None and common <= rare)


@settings(max_examples=30, deadline=None)
@given(grounds, st.floats(0.02, 0.9))
def test_without_a_false_report_nothing_is_cut(ground: list[KnownGround], share: float) -> None:
    sure = [replace(each, false=(), true=(0.0, *each.true)) for each in ground]
    # So many sites that they outweigh the false reports that there may be without one having been seen.
    target = Target(KM2, 1e6, max(share, 0.12))
    assert least_bar(sure, target).confidence == 0.0


@settings(max_examples=60, deadline=None)
@given(grounds, st.floats(0.02, 0.9), st.floats(0, 1), st.floats(1, 100))
def test_losses_are_probabilities_that_fall_as_the_bar_rises(
    ground: list[KnownGround], share: float, kept: float, km2: float
) -> None:
    lost = losses(ground[0], Target(km2, 2.0, share), kept)
    assert lost.shape == (len(BARS),)
    assert ((lost >= 0) & (lost <= 1 + 1e-9)).all()
    assert (np.diff(lost) <= 1e-12).all()


def test_a_low_bar_is_no_better_than_the_worst_above_it() -> None:
    """Of twenty true reports and one false one nothing is over the budget, until the true ones fall below the bar."""
    scan = KnownGround(KM2, 20, (0.2,) * 20, (0.5,))
    lost = losses(scan, Target(KM2, DENSE, 0.1), 1.0)
    assert list(lost[[0, 200, 201, 500, 501, 1000]]) == [1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize(("km2", "kept"), [(KM2, 1.0), (KM2, 0.3), (0.4 * KM2, 0.3), (0.4 * KM2, 1.0)])
def test_the_loss_of_a_scan_is_the_share_of_thinned_lists_over_the_budget(km2: float, kept: float) -> None:
    scan = KnownGround(KM2, 40, tuple(np.linspace(0.2, 0.99, 30)), (0.1, 0.3, 0.55, 0.8))
    rng, target = np.random.default_rng(2), Target(km2, 2.0, 0.2)
    inside = km2 / KM2
    simulated = []
    for bar in BARS[::50]:
        true = rng.binomial(sum(value >= bar for value in scan.true), kept * inside, 20_000)
        false = rng.binomial(sum(value >= bar for value in scan.false), inside, 20_000)
        simulated.append((false > 0.2 * (true + false) + 1e-9).mean())
    expected = np.maximum.accumulate(simulated[::-1])[::-1]
    np.testing.assert_allclose(losses(scan, target, kept)[::50], expected, atol=0.02)


def test_scans_are_as_large_as_the_area_or_as_leaves_enough_of_them() -> None:
    ground = [KnownGround(KM2, k, (), ()) for k in range(100)]
    assert [len(scans_of(ground, km2)) for km2 in (1.0, KM2, 3.5 * KM2, 1e6)] == [100, 100, 25, 20]
    assert scans_of(ground[:18], KM2) == []
    assert sum(scan.sites for scan in scans_of(ground, 4 * KM2)) == sum(range(100))


def alert_worlds(count: int, true: int, false: int) -> AlertWorlds:
    worlds = tuple(KnownWorld(seed=k, km2=KM2, sites=SITES) for k in range(count))
    reports = [KnownReport(seed=k % count, confidence=0.9, true=True) for k in range(true)]
    reports += [KnownReport(seed=k % count, confidence=0.7, true=False) for k in range(false)]
    return AlertWorlds(
        set="worlds", model_sha256="0" * 64, calibration_sha256="1" * 64, worlds=worlds, reports=tuple(reports)
    )


def an_aoi(density: float | None) -> Aoi:
    return Aoi("valley", "Valley", "VLL", box(99.0, 21.0, 99.1, 21.1), sites_per_1000_km2=density)


def test_a_bar_says_what_it_keeps_to() -> None:
    worlds = alert_worlds(40, 40 * SITES, 40)
    assert alert_bar(worlds, an_aoi(None), 0.0) == Bar()
    bar = alert_bar(worlds, an_aoi(40.0), 0.1)
    assert bar.confidence == pytest.approx(0.701)
    assert bar.reason == (
        "their confidence is below 0.701, the bar for at most 10% false in 90% of scans of 52 km², at 40 sites per "
        "1,000 km²; 100% of the sites of simulated worlds reach it"
    )


@pytest.mark.parametrize(
    ("worlds", "density", "words"),
    [
        (alert_worlds(40, 400, 40), None, "state sites_per_1000_km2 in the file of the AOI"),
        (alert_worlds(18, 180, 0), 40.0, "it takes 19 simulated worlds"),
        (alert_worlds(40, 400, 40), 0.5, "no list within the budget can be made at this density (at most 10% false"),
        (alert_worlds(40, 0, 40), 40.0, "no list within the budget can be made at this density"),
    ],
)
def test_where_no_bar_keeps_to_the_budget_nothing_may_be_listed(
    worlds: AlertWorlds, density: float | None, words: str
) -> None:
    bar = alert_bar(worlds, an_aoi(density), 0.1)
    assert bar.confidence is None
    assert words in bar.reason


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A copy of the shipped model without its weights."""
    shutil.copy(SHIPPED / CARD, tmp_path)
    shutil.copy(SHIPPED / ALERTS, tmp_path)
    return tmp_path


def test_the_worlds_of_the_shipped_model_are_those_that_the_command_makes() -> None:
    """Some of them, made again: those at which most was reported."""
    kept = read_alert_worlds(SHIPPED, read_card(SHIPPED / CARD))
    trials = alert_trials(kept.worlds[0].seed, len(kept.worlds))
    assert [trial.seed for trial in trials] == [world.seed for world in kept.worlds]
    counts = [sum(report.seed == trial.seed for report in kept.reports) for trial in trials]
    chosen = [trials[k] for k in np.argsort(counts, kind="stable")[-2:]]
    runner = TrialRunner(load(None).model_copy(update={"model": "third"}))
    worlds, reports = known(chosen, [runner(trial) for trial in chosen])
    assert set(worlds) <= set(kept.worlds)
    for trial in chosen:
        made, there = (
            sorted((report.true, report.confidence) for report in each if report.seed == trial.seed)
            for each in (reports, kept.reports)
        )
        assert [true for true, _ in made] == [true for true, _ in there]
        np.testing.assert_allclose([value for _, value in made], [value for _, value in there], atol=0.03)
    assert all(trial.every == EVERY for trial in chosen)


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"calibration": "other"}])
def test_worlds_of_other_weights_or_another_calibration_are_refused(own: Path, change: dict[str, str]) -> None:
    card = read_card(own / CARD)
    read_alert_worlds(own, card)
    if "calibration" in change:
        calibration = card.calibrated()
        confidence = calibration.confidence.model_copy(update={"intercept": -3.0})
        other = card.model_copy(update={"calibration": calibration.model_copy(update={"confidence": confidence})})
    else:
        other = card.model_copy(update=change)
    write_card(own / CARD, other)
    with pytest.raises(InputError, match="made with other weights or another calibration than model third; run"):
        read_alert_worlds(own, read_card(own / CARD))


def _without(path: Path) -> None:
    path.unlink()


def _broken(path: Path) -> None:
    path.write_text("worlds = [")


def _twice(path: Path) -> None:
    path.write_text(path.read_text().replace("960000002", "960000001"))


def _elsewhere(path: Path) -> None:
    path.write_text(path.read_text().replace("{ seed = 960000001,", "{ seed = 1,", 1))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_without, "not there"),
        (_broken, "not TOML"),
        (_twice, "there twice"),
        (_elsewhere, "a world that is not there"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(own: Path, harm: Callable[[Path], None], words: str) -> None:
    harm(own / ALERTS)
    with pytest.raises(InputError, match=words) as error:
        read_alert_worlds(own, read_card(own / CARD))
    assert "\n" not in str(error.value)


def test_the_areas_that_come_with_it_get_the_bars_that_the_page_tells() -> None:
    page = (Path(__file__).parent.parent / "docs" / "alert-budget.md").read_text()
    worlds = read_alert_worlds(SHIPPED, read_card(SHIPPED / CARD))
    for aoi in list_aois():
        bar = alert_bar(worlds, aoi, 0.1)
        if aoi.sites_per_1000_km2 is None:
            assert bar.confidence is None
            continue
        told = "none" if bar.confidence is None else f"{bar.confidence:.3f}"
        assert f"| `{aoi.name}` | {aoi.sites_per_1000_km2:g} | {told} |" in page
    assert alert_bar(worlds, read_aoi("shan"), 0.1).confidence is None


def test_lists_in_other_worlds_are_counted_at_the_bar_and_at_the_density() -> None:
    ground = [KnownGround(KM2, SITES, (0.9,) * SITES, (0.95,) if k % 4 == 0 else ()) for k in range(200)]
    at_worlds = kept_budget(ground, 0.8, Target(KM2, DENSE, 0.1))
    assert at_worlds.broken.value == 0.0
    assert at_worlds.length == pytest.approx(50.25, abs=0.05)
    assert at_worlds.false == pytest.approx(0.25 / 50.25, abs=0.001)
    rare = kept_budget(ground, 0.8, Target(KM2, 0.1 * DENSE, 0.1))  # 5 sites and, in a quarter of scans, a false one
    assert rare.broken.value == pytest.approx(0.24, abs=0.03)
    assert rare.broken.low < rare.broken.value < rare.broken.high
    assert kept_budget(ground, 0.96, Target(KM2, DENSE, 0.1)).length == 0
    with pytest.raises(InputError, match="200 worlds are too few"):
        kept_budget(ground, 0.8, Target(300 * KM2, DENSE, 0.1))
    table = budget_table(alert_worlds(40, 40 * SITES, 40), ground, 0.1, 0.8, KM2)
    assert table.count("sites per 1,000 km², scans of 26 km²") == 3
    assert "no list" in table


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget", "0.1", "--replay"], "leave out the others"),
        (["--alert-worlds", "20", "--set", "shifted"], "leave out the others"),
        (["--budget", "0.1", "--every", "2"], "leave out the others"),
        (["--budget", "0.1", "--alert-worlds", "20"], "first the one, then the other"),
        (["--km2", "100"], "--km2 goes with --budget"),
        (["--budget", "1.5"], "not a share between 0 and 1"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["evaluate", *options]) == 2
    assert words in capsys.readouterr().err
