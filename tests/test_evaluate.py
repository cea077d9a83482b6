"""Scores by site on cases made by hand, and trials: the same code as a run, on worlds in memory."""

import json
import warnings
from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scenes
from fields import look_at
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import box

from pipeline.archive import Archive
from pipeline.bands import NAMES, SCL
from pipeline.cli import main
from pipeline.config import load
from pipeline.errors import InputError
from pipeline.evaluation import trials
from pipeline.evaluation.gallery import worst, write_gallery
from pipeline.evaluation.limits import limits, limits_table
from pipeline.evaluation.scores import Scores, calibration_curve, calibration_error, confidence_for_max_false, scores
from pipeline.evaluation.sets import case_of_run, cases_of, trials_of
from pipeline.evaluation.trials import (
    END,
    GRID,
    MONTHS,
    PLACE,
    Trial,
    TrialResult,
    TrialRunner,
    aoi_of,
    overpass_days,
    run_trials,
)
from pipeline.evaluation.truth import (
    Case,
    KnownLookAlike,
    Reported,
    TrueSite,
    clusters,
    known_look_alikes,
    overlap,
    true_sites,
)
from pipeline.export.coverage import coverage_records
from pipeline.grid import Window
from pipeline.looks.file import LookFile
from pipeline.looks.look import LookArray
from pipeline.looks.observe import CLEAR, NOT_CLEAR, SCREENED
from pipeline.looks.stack import LookArchive, Stack
from pipeline.looks.weights import load_model
from pipeline.progress import Progress
from pipeline.resources import shipped
from pipeline.run.context import Run
from pipeline.run.detect import detect
from pipeline.sites.confidence import AssessedSite
from pipeline.sites.names import Interval
from pipeline.sites.records import SiteRecord
from pipeline.sites.statement import Provenance, statement_of
from pipeline.sites.states import SiteState
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period
from pipeline.worlds.parameters import parameters
from pipeline.worlds.world import Rendering, World, make_world, render

FIRST, LAST = date(2024, 10, 1), date(2025, 12, 31)
SETTINGS = load(None)
QUIET = Progress(quiet=True)
EVALUATION = shipped("backgrounds") / "evaluation"


def true(x: float, ponds: int = 8, diameter: float = 16.0, area: float = 1500.0, begun: date = date(2025, 3, 5)):
    return TrueSite(box(x, 0, x + 10, 10), date(2025, 1, 5), begun, None, ponds, diameter, area)


def told(x: float, confidence: float = 0.9, area: tuple[float, float, float] = (1000.0, 1400.0, 2000.0)):
    ponds = Interval(date(2025, 3, 1), date(2025, 3, 11))
    return Reported(box(x + 3, 2, x + 5, 4), confidence, Interval(date(2025, 1, 1), date(2025, 1, 11)), ponds, area)


def case(truth: list[TrueSite], reported: list[Reported], alikes: tuple[KnownLookAlike, ...] = ()) -> Case:
    return Case(100.0, FIRST, LAST, tuple(truth), alikes, tuple(reported))


def scored(*cases: Case) -> Scores:
    return scores(cases, 0.5)


def test_a_site_is_found_when_a_reported_one_lies_on_it_and_false_when_it_lies_on_none() -> None:
    found = scored(case([true(0), true(100)], [told(0), told(500)], (KnownLookAlike("quarry", box(490, 0, 510, 9)),)))
    assert (found.found.hits, found.found.of) == (1, 2)
    assert (found.true.hits, found.true.of) == (1, 2)
    assert found.false_per_1000_km2.value == pytest.approx(10)
    assert found.false_by_kind == {"quarry": (1, 1)}


def test_small_and_unbuilt_and_ended_sites_need_not_be_found() -> None:
    small, unbuilt = true(0, ponds=5), true(20, begun=date(2026, 1, 1))
    ended = replace(true(40), ended_on=date(2024, 9, 1))
    assert scored(case([small, unbuilt, ended], [])).found.of == 0
    assert scored(case([small], [told(0)])).true.value == 1  # but finding one is no mistake


def test_sites_that_nobody_could_have_seen_are_counted_apart() -> None:
    seen, unseen = replace(true(0), pond_looks=2), replace(true(50), pond_looks=1)
    found = scored(case([seen, unseen], [told(0)]))
    assert (found.found.value, found.found_seen.value) == (0.5, 1.0)


def test_sizes_are_told_apart() -> None:
    found = scored(case([true(0, diameter=16), true(20, diameter=12), true(40, diameter=9)], [told(0)]))
    assert (found.found_large.hits, found.found_large.of) == (1, 1)
    assert (found.found_small.hits, found.found_small.of) == (0, 1)


@pytest.mark.parametrize(
    ("begun", "after", "by", "inside"),
    [
        (date(2025, 3, 5), date(2025, 3, 1), date(2025, 3, 11), True),
        (date(2025, 3, 1), date(2025, 3, 1), date(2025, 3, 11), False),
        (date(2025, 3, 11), date(2025, 3, 1), date(2025, 3, 11), True),
        (date(2020, 1, 1), None, date(2025, 3, 11), True),
        (date(2025, 3, 12), None, date(2025, 3, 11), False),
    ],
)
def test_an_onset_is_inside_after_and_up_to_by(begun: date, after: date | None, by: date, inside: bool) -> None:
    reported = replace(told(0), ponds=Interval(after, by))
    found = scored(case([true(0, begun=begun)], [reported]))
    assert (found.ponds_inside.hits, found.ponds_inside.of) == (inside, 1)


def test_doubtful_sites_are_left_out_of_the_scores_but_not_of_the_calibration() -> None:
    cases = [case([true(0)], [told(0, 0.9), told(500, 0.2)])]
    assert scored(*cases).true.of == 1
    # 0.9 was right and 0.2 was wrong: off by 0.1 and 0.2
    curve = calibration_curve(cases)
    assert calibration_error(curve) == pytest.approx(0.15)
    assert sum(true.of for _, true in curve) == sum(len(each.reported) for each in cases)


def test_a_turn_is_judged_by_the_second_clear_look_after_it() -> None:
    days = [date(2025, 4, 1) + timedelta(days=20 * k) for k in range(8)]
    idle = replace(true(0), idle=(days[2], days[6]))
    ponds, gone, again = SiteState.PONDS, SiteState.IDLE, SiteState.RESUMED
    right = [ponds, ponds, ponds, gone, gone, gone, again, again]  # the first look after each turn does not count
    late = [ponds, ponds, ponds, ponds, gone, gone, gone, again]
    for states, hits in ((right, 2), (late, 1)):
        reported = replace(told(0), states=tuple(zip(days, states, strict=True)))
        found = scored(case([idle], [reported])).changes_reported
        assert (found.hits, found.of) == (hits, 2)


def test_areas_are_summed_and_their_intervals_counted() -> None:
    found = scored(case([true(0, area=1500.0), true(50, area=3000.0)], [told(0), told(50)]))
    assert found.area_ratio.value == pytest.approx(2800 / 4500)
    assert (found.area_covered.hits, found.area_covered.of) == (1, 2)


def test_limits_tell_what_would_have_been_seen() -> None:
    seen, unseen = (
        replace(true(0), filling="pond_milky", pond_looks=7),
        replace(true(50, ponds=4), filling="pond_black"),
    )
    table = limits_table(limits([case([seen, unseen], [told(0)])], 0.5))
    for line, words in (("6 to below 10", "1 of 1"), ("3 to below 6", "0 of 1"), ("black", "0 of 1")):
        assert any(line in text and words in text for text in table.splitlines()), table


def test_intervals_hold_the_value_and_are_wide_when_there_is_little() -> None:
    hit, missed = case([true(0)], [told(0)]), case([true(0)], [])
    few, many = scored(hit, hit, missed).found, scored(*[hit, hit, missed] * 30).found
    for rate in (few, many):
        assert rate.low <= rate.value <= rate.high
    assert many.high - many.low < few.high - few.low
    clean = scored(*[hit] * 5)
    assert clean.found.high == 1
    assert clean.found.low == pytest.approx(0.025 ** (1 / 5), abs=1e-6)  # exact, five of five
    assert clean.false_per_1000_km2.high == pytest.approx(3.69 / 0.5)  # exact, none in 500 km²


def test_a_score_of_nothing_says_so() -> None:
    assert "none to judge" in scored(case([], [])).table()


def test_truth_lies_where_the_world_has_it() -> None:
    world = make_world(11, 256, "shan", date(2023, 1, 1), LAST, 3, look_alikes=8)
    window = Window(-243_200, 51_200, 256, 256)
    seen = np.ones((2, *window.shape), bool)
    seen[0] = False
    looks = Stack(
        window=window, days=(date(2025, 12, 1), LAST), overpasses=("a", "b"), pond=seen.astype(np.uint8),
        ground=seen.astype(np.uint8), clear=seen, seen=seen, measured=np.ones(2, bool),
    )  # fmt: skip
    sites = true_sites(world.sites, looks)
    assert sites
    assert any(site.pond_looks for site in sites)
    assert all(site.pond_looks <= 1 and bool(site.filling) == bool(site.n_ponds) for site in sites)
    for site, plan in zip(sites, [s for s in world.sites if s.ground_from <= LAST], strict=True):
        assert site.polygon.area == pytest.approx(plan.footprint.sum() * 100)
        assert window.polygon_m.contains(site.polygon)
    alikes = known_look_alikes(world, window, LAST)
    assert alikes
    assert all(window.polygon_m.contains(alike.polygon) for alike in alikes)


def test_looks_in_memory_are_cut_like_those_of_an_archive() -> None:
    bands = np.arange(PLACE.height * PLACE.width, dtype=np.uint32).reshape(PLACE.shape).astype(np.uint8) % 201
    state = np.where(bands % 7 > 2, CLEAR, NOT_CLEAR).astype(np.uint8)
    pixels = LookArray(np.stack([bands, 200 - bands, state]), PLACE)
    look = look_at(PLACE, LAST, pixels)
    window = Window(PLACE.row - 10, PLACE.col + 500, 30, 40)
    stack = LookArchive([look], PLACE.height).stack(window)
    part = (slice(0, 20), slice(500, 512))
    clear = state[part] == CLEAR
    assert 0 < clear.sum() < clear.size
    np.testing.assert_array_equal(stack.clear[0, 10:, :12], clear)
    np.testing.assert_array_equal(stack.pond[0, 10:, :12], bands[part] * clear)
    np.testing.assert_array_equal(stack.ground[0, 10:, :12], (200 - bands[part]) * clear)
    assert not stack.clear[:, :10].any()
    assert not stack.clear[:, :, 12:].any()


SMALL = Window(PLACE.row, PLACE.col, 256, 256)
EVERYTHING = SETTINGS.model_copy(
    update={
        "segment": SETTINGS.segment.model_copy(update={"window_px": 128}),
        "sites": SETTINGS.sites.model_copy(update={"min_confidence": 0.0}),
        "engine": SETTINGS.engine.model_copy(update={"workers": 1}),
    }
)
"""Several windows per look, and every site is published."""
SITES = Trial(535, "shan", months=4)
"""A world of five sites in eight looks, some of them clouded."""


@pytest.fixture
def small_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "PLACE", SMALL)


def test_a_trial_sees_and_finds_what_a_run_does_on_the_same_scenes_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_worlds: None
) -> None:
    def stored(world: World, day: date, seed: int, cloud: float) -> Rendering:
        """A rendering that is written as it is seen: as whole numbers of ten-thousandths."""
        seen = render(world, day, seed, cloud)
        numbers = np.concatenate([np.rint(seen.reflectance * 10_000), seen.scl[None]]).clip(1, 65_535).astype(np.uint16)
        path = tmp_path / "scenes" / f"{day:%Y%m%d}T040000.tif"
        scenes.write(path, numbers, names=(*NAMES, SCL), transform=SMALL.transform)
        return replace(seen, reflectance=(numbers[:6] * 0.0001).astype(np.float32))

    monkeypatch.setattr(trials, "render", stored)
    runner = TrialRunner(EVERYTHING, screened=True)
    seen, result = runner.observed(SITES), runner(SITES)
    context = Run(
        aoi=aoi_of(SMALL), period=Period(None, None), source=FolderSource(tmp_path / "scenes"), settings=EVERYTHING,
        model=load_model(EVERYTHING.model), archive=Archive(tmp_path / "archive"), out=tmp_path / "out", today=END, device="cpu", progress=QUIET,
    )  # fmt: skip
    summary = detect(context)

    assert len({look.overpass for look in summary.looks}) == 8
    assert len(seen.looks) == len(summary.looks) > 8  # some of them closer looks
    for mine, kept in zip(seen.looks, summary.looks, strict=True):
        assert isinstance(kept.pixels, LookFile)
        assert replace(mine, key="", computed=False, acquisitions=()) == replace(
            kept, key="", computed=False, acquisitions=()
        )  # but for the pixels
        np.testing.assert_array_equal(mine.pixels.read(mine.extent), kept.pixels.read(mine.extent))
    states = np.concatenate([look.pixels.read(look.extent)[2].ravel() for look in seen.looks])
    assert set(np.unique(states)) >= {NOT_CLEAR, CLEAR, SCREENED}

    assert result.found
    assert rows(result.found, summary.provenance) == [row(record, summary.provenance) for record in summary.sites]
    coverage = runner.derived(seen.aoi, seen.looks).coverage
    expected = coverage_records(context.aoi, EVERYTHING.coverage.cell_px, summary.months, coverage)
    published = json.loads((tmp_path / "out" / "coverage.geojson").read_text())["features"]
    names = ("cell", "month", "looks", "clear_looks")
    assert [[*(getattr(one, name) for name in names), round(one.share_seen, 4)] for one in expected] == [
        [one["properties"][name] for name in (*names, "share_seen")] for one in published
    ]


def rows(found: tuple[AssessedSite, ...], provenance: Provenance) -> list[dict[str, object]]:
    return [row(statement_of("", item, GRID, EVERYTHING, provenance).site, provenance) for item in found]


def row(record: SiteRecord, provenance: Provenance) -> dict[str, object]:
    """All that is published of a site but its name."""
    return {field.name: getattr(record, field.name) for field in fields(record) if field.name != "site_id"}


def test_an_outlier_is_left_out_in_a_trial_too(monkeypatch: pytest.MonkeyPatch, small_worlds: None) -> None:
    runner, passes = TrialRunner(EVERYTHING), overpass_days(SITES.seed, months=SITES.months)
    usual = runner(SITES)
    day = passes[-3][0]

    def brightened(world: World, when: date, seed: int, cloud: float) -> Rendering:
        seen = render(world, when, seed, cloud)
        return replace(seen, reflectance=seen.reflectance + np.float32(0.1)) if when == day else seen

    monkeypatch.setattr(trials, "render", brightened)
    seen = runner.observed(SITES)
    (outlier,) = runner.derived(seen.aoi, seen.looks).outliers
    assert outlier.id.endswith(f"{day:%Y%m%d}")
    with_outlier = runner(SITES)
    monkeypatch.setattr(trials, "overpass_days", lambda *_: [one for one in passes if one[0] != day])
    without = runner(SITES)
    assert told_of(with_outlier) == told_of(without)
    assert told_of(without) != told_of(usual)  # as it was the look was used


def told_of(result: TrialResult) -> tuple[object, ...]:
    return result.case.reported, result.case.km2, result.case.ground, result.case.ponds


def test_trials_are_the_same_with_any_number_of_workers_and_find_sites_on_true_ones() -> None:
    pair = [Trial(970_000_006, "kachin", months=2), Trial(970_000_004, "kachin", months=2)]
    one, two = (
        run_trials(pair, TrialRunner(SETTINGS), 1, QUIET),
        run_trials(pair[::-1], TrialRunner(SETTINGS), 2, QUIET)[::-1],
    )
    for a, b in zip(one, two, strict=True):
        assert a.case == b.case
        assert len(a.found) == len(a.case.reported)
    assert scores([seen.case for seen in one], 0.0).found.hits >= 1


def test_real_scenes_are_looked_at_with_and_without_sites_drawn_in() -> None:
    words, looks = trials_of("real", 4, EVALUATION)
    cases = cases_of(looks, TrialRunner(SETTINGS), 1, QUIET)
    assert "real scenes" in words
    assert all(0.5 < seen.km2 < 2 for seen in cases)
    assert not any(seen.truth for seen in cases[::2])


def test_a_world_is_looked_at_twice_a_month_when_it_is_clearest() -> None:
    passes = overpass_days(7)
    assert len(passes) == 2 * MONTHS
    assert passes == sorted(passes)
    assert passes[-1][0] <= END
    shares = [[share for day, share in overpass_days(seed) if day.month == 1] for seed in range(40)]
    assert np.mean(shares) < parameters().atmosphere.cloud_share[0] / 2  # of three overpasses the clearest
    assert overpass_days(7, every=30) == passes[-1:]
    assert overpass_days(7, every=4) == passes[::-1][::4][::-1]


def test_gaps_between_ponds_are_filled_up_to_20_m() -> None:
    row = np.zeros((5, 12), bool)
    row[2, [0, 3, 7, 11]] = True  # gaps of 2, 3 and 3 pixels
    joined = clusters(row)
    assert joined[2, :4].all()
    assert not joined[2, 4:7].any()
    assert overlap(joined, row) == (4, 6)


def test_the_strict_confidence_leaves_one_false_site_per_1000_km2() -> None:
    ten = [case([true(0)], [told(0, 0.7), told(500, c)]) for c in np.linspace(0.1, 0.95, 10)]  # 1,000 km2
    least = confidence_for_max_false(ten)
    assert 0.85 < least <= 0.95
    found = scores(ten, 0.0)
    assert found.found.value == 1
    assert found.found_at_max_false.value == 0
    assert confidence_for_max_false([case([true(0)], [told(0)])]) == 0


def test_iou_is_summed_over_worlds() -> None:
    one = replace(case([true(0)], [told(0)]), ground=(30, 60), ponds=(1, 4))
    found = scored(one, replace(one, ground=(30, 40), ponds=(0, 0)))
    assert found.ground_iou.value == pytest.approx(0.6)
    assert found.ponds_iou.value == pytest.approx(0.25)


def test_the_interval_of_an_iou_does_not_depend_on_the_number_of_pixels() -> None:
    """A world is one draw, however many pixels it has: with few worlds little is known."""
    empty = case([], [])
    for iou, low, high in ((0.6, 0.05, 0.999), (0.0, 0.0, 0.9), (1.0, 0.1, 1.0)):
        small, large = (scored(replace(empty, ponds=(round(iou * n), n))).ponds_iou for n in (50, 50_000))
        assert small.value == large.value == pytest.approx(iou)
        assert (small.low, small.high) == pytest.approx((large.low, large.high))
        assert large.low <= low
        assert large.high >= high
    halves = [replace(empty, ponds=(900, 1000)), replace(empty, ponds=(300, 1000))]
    few, many = (scored(*halves * n).ponds_iou for n in (2, 30))
    assert few.value == many.value == pytest.approx(0.6)
    assert few.high - few.low > 0.5
    assert 0.1 < many.high - many.low < 0.3


def test_worlds_without_a_pixel_to_judge_do_not_narrow_the_interval_of_an_iou() -> None:
    known = [replace(case([], []), ponds=(60, 100))] * 3
    alone, among = scored(*known).ponds_iou, scored(*known, *[case([], [])] * 20).ponds_iou
    assert (alone.low, alone.high) == (among.low, among.high)


def test_an_interval_is_narrow_when_it_is_the_gap_between_the_clear_looks_around_the_onset() -> None:
    days = [date(2025, 2, 11), date(2025, 3, 1), date(2025, 3, 11), date(2025, 4, 1)]
    one = replace(told(0), states=tuple((day, SiteState.PONDS) for day in days))
    assert scored(case([true(0)], [one])).ponds_narrow.value == 1
    for after, narrow in ((date(2025, 2, 11), 0), (None, 0)):
        assert scored(case([true(0)], [replace(one, ponds=Interval(after, days[2]))])).ponds_narrow.value == narrow
    early = true(0, begun=date(2025, 1, 20))  # before the first look
    assert scored(case([early], [replace(one, ponds=Interval(None, days[0]))])).ponds_narrow.value == 1
    assert scored(case([early], [replace(one, ponds=Interval(None, days[1]))])).ponds_narrow.value == 0
    assert scored(case([true(0)], [told(0)])).ponds_narrow.of == 0  # its looks are not known


def test_an_area_is_close_within_a_fifth() -> None:
    sizes = [(1000.0, area, 2000.0) for area in (1199.0, 1201.0, 1799.0, 1801.0)]
    found = scored(*[case([true(0)], [told(0, area=size)]) for size in sizes])
    assert (found.area_close.hits, found.area_close.of) == (2, 4)


def test_the_worst_errors_are_drawn_and_named(tmp_path: Path) -> None:
    trial = Trial(985_000_003, "shan", background=str(next(EVALUATION.glob("*.tif"))), sites=1)
    west, _, _, north = PLACE.bounds_m
    missed = replace(true(0), polygon=box(west + 300, north - 400, west + 400, north - 300), filling="milky")
    false = replace(told(0), polygon=box(west + 600, north - 200, west + 650, north - 150), confidence=0.8)
    alike = KnownLookAlike("quarry", false.polygon)
    mistakes = worst([trial], [case([missed], [false], (alike,))], 0.5, most=3)
    assert [mistake.false for mistake in mistakes] == [True, False]
    words = write_gallery(tmp_path / "worst.png", mistakes, TrialRunner(SETTINGS), QUIET)
    assert "confidence 0.80, on quarry" in words
    assert "missed, 8 ponds of 16 m, milky" in words
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "worst.png") as file:
            picture = file.read()
    assert picture.shape == (3, (4 * 40 + 4) * 3, 6 * (2 * 40 + 4) * 3)
    assert np.ptp(picture[:, 20:200, 20:200]) > 50


def test_the_command_scores_a_set_and_a_run_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--set", "real", "--worlds", "2", "--workers", "1"]) == 0
    told = capsys.readouterr().out
    assert "2 real scenes" in told
    assert "expected calibration error" in told
    assert main(["evaluate", "--run", str(tmp_path)]) == 2
    assert "not the folder of a run" in capsys.readouterr().err


def test_sets_never_share_a_world() -> None:
    names = ("held-out", "shifted", "other-country", "real")
    seeds = [{trial.seed for trial in trials_of(name, 200, EVALUATION)[1]} for name in names]
    assert len(set.union(*seeds)) == 800
    with pytest.raises(InputError, match="no GeoTIFF"):
        trials_of("real", 2, Path("nowhere"))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not the folder of a run"):
        case_of_run(tmp_path)
