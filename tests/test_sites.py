import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.evidence.fuse import Evidence, RunningEvidence, fuse
from pipeline.grid import Window
from pipeline.looks.stack import Stack
from pipeline.sites.extract import PondPixels, find_sites, pond_pixels, ponds_of

SETTINGS = load(None)
AREA = Window(-20_000, 30_000, 400, 400)


def ground_with_sites(*places: tuple[int, int]) -> Evidence:
    pond, ground = np.zeros(AREA.shape, np.float32), np.zeros(AREA.shape, np.float32)
    for row, col in places:
        ground[row - 8 : row + 12, col - 10 : col + 30] = 0.9
        for k in range(0, 20, 3):
            pond[row, col + k] = 0.8
    return Evidence(window=AREA, pond=pond, ground=ground, clear_looks=np.full(AREA.shape, 5, np.uint16))


def cut(evidence: Evidence, window: Window) -> Evidence:
    """A window of the evidence, empty outside of what there is."""
    part = window.intersection(AREA)
    arrays = {}
    for name in ("pond", "ground", "clear_looks"):
        full = getattr(evidence, name)
        arrays[name] = np.zeros(window.shape, full.dtype)
        if part:
            arrays[name][part.within(window)] = full[part.within(AREA)]
    return Evidence(window=window, **arrays)


def sites_of(evidence: Evidence, cell_px: int):
    everywhere = lambda w: np.ones(w.shape, bool)  # noqa: E731
    cells = [w for c in AREA.cells(cell_px) if (w := c.intersection(AREA))]
    pieces = [pond_pixels(w, cut(evidence, w).pond, everywhere(w), SETTINGS.sites) for w in cells]
    return find_sites(pieces, lambda w: cut(evidence, w), SETTINGS.sites)


@settings(max_examples=20, deadline=None)
@given(row=st.integers(60, 320), col=st.integers(60, 320), cell_px=st.sampled_from([16, 64, 100, 512]))
def test_a_site_cut_by_a_border_is_one_site(row: int, col: int, cell_px: int) -> None:
    (site,) = sites_of(ground_with_sites((row, col)), cell_px)
    (reference,) = sites_of(ground_with_sites((row, col)), 1000)
    assert site.polygon_m.equals(reference.polygon_m)
    assert site.ground_m2 == 20 * 40 * 100


def test_sites_are_two_when_they_lie_far_apart_and_one_when_they_share_ground() -> None:
    assert len(sites_of(ground_with_sites((100, 100), (100, 200)), 64)) == 2
    assert len(sites_of(ground_with_sites((100, 100), (112, 100)), 64)) == 1
    joined = ground_with_sites((100, 100), (100, 150))
    joined.ground[100:104, 100:180] = 0.9
    assert len(sites_of(joined, 64)) == 1


def test_ponds_without_mine_ground_are_no_site() -> None:
    fish = ground_with_sites((100, 100))
    fish.ground[:] = 0.1
    assert sites_of(fish, 64) == []


def test_nothing_is_found_where_there_is_nothing() -> None:
    assert find_sites([], lambda w: cut(ground_with_sites(), w), SETTINGS.sites) == []
    empty = PondPixels(rows=np.zeros(0, np.int64), cols=np.zeros(0, np.int64), fraction=np.zeros(0, np.float32))
    assert find_sites([empty], lambda w: cut(ground_with_sites(), w), SETTINGS.sites) == []


def test_each_patch_of_pond_pixels_is_a_pond() -> None:
    (site,) = sites_of(ground_with_sites((100, 100)), 64)
    assert len(list(ponds_of(site))) == 7


def stack_of(pond: list[list[int]], clear: list[list[bool]]) -> Stack:
    shape = (len(pond), 1, len(pond[0]))
    seen = np.array(clear, bool).reshape(shape)
    values = np.where(seen, np.array(pond).reshape(shape), 0).astype(np.uint8)
    return Stack(
        window=Window(0, 0, 1, shape[2]), days=(), overpasses=(), pond=values, ground=values, clear=seen, seen=seen,
        measured=np.ones(shape[0], bool),
    )  # fmt: skip


def test_one_bad_look_makes_no_evidence_and_two_good_ones_do() -> None:
    looks = [[200, 200, 200], [0, 180, 0], [0, 0, 0]]
    clear = [[True, True, True], [True, True, False], [True, True, False]]
    evidence = fuse(stack_of(looks, clear), SETTINGS.evidence)
    np.testing.assert_allclose(evidence.pond, [[0.0, 0.9, 1.0]])  # the third was seen only once
    np.testing.assert_array_equal(evidence.clear_looks, [[3, 3, 1]])


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([180, 0, 0, 180, 0, 0], 0.0),  # doubtful looks far apart do not add up
        ([0, 180, 0, 180, 0, 0], 0.9),  # two of three in a row do
        ([0, 0, 0, 0, 160, 180], 0.8),  # the last two are enough
        ([0, 0, 0, 0, 0, 180], 0.0),  # the last one alone is not
        ([180, 160], 0.8),
        ([180], 0.9),
    ],
)
def test_looks_that_agree_must_be_near_each_other(looks: list[int], expected: float) -> None:
    evidence = fuse(stack_of([[k] for k in looks], [[True]] * len(looks)), SETTINGS.evidence)
    assert evidence.pond[0, 0] == pytest.approx(expected)


@given(st.lists(st.integers(0, 200), min_size=1, max_size=9), st.integers(1, 4), st.integers(0, 5))
def test_evidence_is_the_kth_highest_of_the_best_run(looks: list[int], k: int, more: int) -> None:
    m = k + more
    rule = SETTINGS.evidence.model_copy(update={"agreeing_looks": k, "among_looks": m})
    told = fuse(stack_of([[v] for v in looks], [[True]] * len(looks)), rule).pond[0, 0] * 200
    runs = [sorted(looks[i : i + m], reverse=True) for i in range(len(looks))]
    expected = max((run[k - 1] for run in runs if len(run) >= k), default=0) if len(looks) >= k else min(looks)
    assert round(told) == expected


@given(st.data(), st.integers(1, 4), st.integers(0, 4), st.integers(0, 12), st.integers(0, 12))
def test_evidence_can_be_gone_on_with_from_any_look(data, k: int, more: int, looks: int, cut: int) -> None:
    rule = SETTINGS.evidence.model_copy(update={"agreeing_looks": k, "among_looks": k + more})
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    clear = rng.random((looks, 3, 4)) < 0.6
    values = np.where(clear, rng.integers(0, 201, clear.shape), 0).astype(np.uint8)
    nothing = RunningEvidence.empty((3, 4), rule)
    whole = nothing.updated(values, clear, rule)
    parts = nothing.updated(values[:cut], clear[:cut], rule).updated(values[cut:], clear[cut:], rule)
    np.testing.assert_array_equal(whole.agreed(rule), parts.agreed(rule))
    for name in ("best", "last", "count"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


@given(st.lists(st.integers(0, 200), min_size=1, max_size=8), st.integers(0, 8))
def test_a_look_that_saw_nothing_changes_no_evidence(looks: list[int], at: int) -> None:
    clear = [[True]] * len(looks)
    before = fuse(stack_of([[k] for k in looks], clear), SETTINGS.evidence)
    place = min(at, len(looks))
    clouded = [*looks[:place], 0, *looks[place:]]
    after = fuse(stack_of([[k] for k in clouded], [*clear[:place], [False], *clear[place:]]), SETTINGS.evidence)
    np.testing.assert_array_equal(before.pond, after.pond)
    np.testing.assert_array_equal(before.clear_looks, after.clear_looks)
