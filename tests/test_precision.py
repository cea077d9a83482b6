"""Reviewed precision: the sample is drawn by chance, the intervals hold what they say, and nothing chosen counts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_export import site

from pipeline.desk.order import order
from pipeline.reviews.precision import BANDS, precision, sample, seed_of
from pipeline.reviews.review import Verdict

SITES = [site(f"SHN-{k:04d}", confidence=0.5 + 0.49 * (k % 100) / 100) for k in range(1, 301)]
SEED = seed_of("shan")
CONFIRMED, REJECTED, UNSURE = Verdict.CONFIRMED, Verdict.REJECTED, Verdict.UNSURE


def test_the_sample_is_the_same_each_time_and_another_word_draws_another() -> None:
    assert sample(SITES, 50, SEED) == sample(list(reversed(SITES)), 50, SEED)
    assert sample(SITES, 50, SEED) != sample(SITES, 50, seed_of("shan", "again"))


def test_every_band_is_in_the_sample_by_its_share() -> None:
    chosen = set(sample(SITES, 60, SEED))
    for low, high in BANDS:
        here = [s for s in SITES if s.confidence is not None and low <= s.confidence < high]
        if here:
            drawn = sum(s.site_id in chosen for s in here)
            assert drawn == max(1, round(60 * len(here) / len(SITES)))


def test_sites_that_people_added_are_in_no_sample() -> None:
    added = replace(SITES[0], site_id="SHN-9999", confidence=None, added=True)
    assert "SHN-9999" not in sample([*SITES, added], 300, SEED)
    found = precision([*SITES, added], ["SHN-9999"], {"SHN-9999": CONFIRMED})
    assert found.whole.judged == 0


def test_verdicts_outside_the_sample_do_not_count() -> None:
    chosen = sample(SITES, 20, SEED)
    others = {s.site_id: CONFIRMED for s in SITES if s.site_id not in chosen}
    assert precision(SITES, chosen, others).whole.judged == 0
    assert len(precision(SITES, chosen, others).waiting) == len(chosen)


def test_exact_intervals_are_those_of_clopper_and_pearson() -> None:
    one = [replace(each, confidence=0.97) for each in SITES[:20]]
    chosen = [each.site_id for each in one]
    said = dict.fromkeys(chosen, CONFIRMED) | {chosen[0]: REJECTED}
    (band,) = precision(one, chosen, said).bands
    assert (band.share.confirmed, band.share.judged, band.share.value) == (19, 20, 0.95)
    assert (band.share.low, band.share.high) == pytest.approx((0.7513, 0.9987), abs=1e-4)  # R: binom.test(19, 20)
    (band,) = precision(one, chosen, dict.fromkeys(chosen, CONFIRMED)).bands
    assert (band.share.low, band.share.high) == pytest.approx((0.8316, 1.0), abs=1e-4)  # R: binom.test(20, 20)
    (band,) = precision(one, chosen, dict.fromkeys(chosen, REJECTED)).bands
    assert (band.share.low, band.share.high) == pytest.approx((0.0, 0.1684), abs=1e-4)


def test_unsure_sites_widen_the_interval_to_both_sides() -> None:
    one = [replace(each, confidence=0.97) for each in SITES[:20]]
    chosen = [each.site_id for each in one]
    said = dict.fromkeys(chosen[:10], CONFIRMED) | dict.fromkeys(chosen[10:], REJECTED)
    sure = precision(one, chosen, said).bands[0].share
    unsure = precision(one, chosen, said | dict.fromkeys(chosen[8:12], UNSURE)).bands[0].share
    assert unsure.low < sure.low
    assert unsure.high > sure.high
    assert (unsure.value, unsure.unsure) == (0.5, 4)


@given(st.lists(st.sampled_from([CONFIRMED, REJECTED, UNSURE, None]), min_size=30, max_size=30))
def test_the_whole_lies_between_the_ends_and_nothing_is_more_than_all(verdicts: list[Verdict | None]) -> None:
    chosen = sample(SITES, 30, SEED)
    said = {name: verdict for name, verdict in zip(chosen, verdicts, strict=False) if verdict is not None}
    found = precision(SITES, chosen, said)
    assert 0 <= found.whole.low <= found.whole.high <= 1
    assert found.whole.value is None or found.whole.low <= found.whole.value <= found.whole.high
    assert sum(band.sites for band in found.bands) == len(SITES)
    assert found.text().count("\n") >= len(found.bands)


def test_the_interval_of_the_whole_list_holds_the_truth_as_often_as_it_says() -> None:
    """Lists of 300 sites whose true precision rises with confidence, fifty of them judged, two hundred times."""
    rng, held = np.random.default_rng(3), 0
    for trial in range(200):
        right = {s.site_id: bool(rng.random() < (s.confidence or 0) ** 2) for s in SITES}
        chosen = sample(SITES, 50, f"trial {trial}")
        found = precision(SITES, chosen, {name: CONFIRMED if right[name] else REJECTED for name in chosen})
        held += found.whole.low <= np.mean(list(right.values())) <= found.whole.high
    assert held >= 184  # 95 % of 200, less two standard errors


def test_the_desk_shows_the_sample_first_and_then_what_teaches_most() -> None:
    chosen = sample(SITES[:40], 10, SEED)
    found = order(SITES[:40], [], chosen)
    assert found[: len(chosen)] == chosen
    assert found[len(chosen) :] == [name for name in order(SITES[:40], []) if name not in chosen]
