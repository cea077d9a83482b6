"""What clear looks tell of a site: the laws that dates and states keep, whatever the looks."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import courses, look_areas, state_courses, state_models

from pipeline.config import load
from pipeline.grid import Window
from pipeline.looks.calibration import AreaLikelihood, InitialShares, StateModel, TransitionRates
from pipeline.looks.stack import Stack
from pipeline.sites.extract import Site
from pipeline.sites.history import (
    PLAIN_M2,
    EventKind,
    History,
    SiteLook,
    SiteStatus,
    events,
    history,
    history_of,
    log_ratios,
)
from pipeline.sites.states import UNCALIBRATED, SiteState

SETTINGS = load(None).history
FIRST = date(2024, 1, 5)
AREAS = {
    "B": (4000.0, 40_000.0),
    ".": (0.0, 0.0),
    "g": (0.0, 40_000.0),
    "P": (2000.0, 40_000.0),
    "?": (400.0, 4000.0),
    "p": (420.0, 40_000.0),
    "l": (130.0, 40_000.0),
}
"""Pond and ground area of a look: twice the ponds, nothing, cleared ground, ponds, neither here nor there, doubtful, and
cleared ground of which a part looks like ponds: more than the even area of small sites."""


PALE = StateModel(
    per_year=TransitionRates(cleared=0.94, built=1.0, idled=0.18, resumed=0.27, overgrown=0.39),
    initial=InitialShares(none=0.05, cleared=0.21, ponds=0.53, idle=0.12, resumed=0.04, overgrown=0.05),
    ground=AreaLikelihood(break_even_m2=12.5, break_even_share=0.0002, log_slope=0.86),
    ponds=AreaLikelihood(break_even_m2=2.1, break_even_share=0.07, log_slope=2.4),
)
"""Near to the calibration of a model that predicts little."""
TAKEN_UP_IN_DOUBT = [
    (2000.0, 0.0, 32), (100.0, 40_000.0, 23), (2.0, 4000.0, 95), (0.0, 50.0, 76), (2000.0, 50.0, 3), (2000.0, 50.0, 96),
    (0.0, 400.0, 24),
]  # fmt: skip


def looks(pattern: str, every: int = 10, first: date = FIRST) -> list[SiteLook]:
    return [SiteLook(first + timedelta(days=every * k), f"o{k}", 1.0, *AREAS[kind]) for k, kind in enumerate(pattern)]


def dated(areas: list[tuple[float, float, int]]) -> list[SiteLook]:
    """Looks of these pond and ground areas (m2), each so many days after the one before."""
    days = accumulate((gap for *_, gap in areas), lambda day, gap: day + timedelta(days=gap), initial=FIRST)
    return [SiteLook(day, "o", 1.0, pond, ground) for day, (pond, ground, _) in zip(list(days)[1:], areas, strict=True)]


def told(pattern: str, every: int = 10) -> History:
    return history_of(looks(pattern, every), SETTINGS, UNCALIBRATED)


def states(past: History) -> str:
    return "".join(state.word[0] for state in past.states)


@given(before=st.integers(1, 12), cleared=st.integers(1, 12), there=st.integers(2, 12))
def test_onsets_are_the_gaps_between_the_looks_that_bracket_them_when_all_looks_agree(before, cleared, there) -> None:
    past = told("." * before + "g" * cleared + "P" * there)
    assert past.ground is not None
    assert past.ponds is not None
    days = [look.day for look in past.looks]
    assert (past.ground.after, past.ground.by) == (days[before - 1], days[before])
    assert (past.ponds.after, past.ponds.by) == (days[before + cleared - 1], days[before + cleared])
    assert (past.ponds.last, past.ponds.gone_by, past.ponds.looks_with) == (days[-1], None, there)
    assert states(past) == "n" * before + "c" * cleared + "p" * there


@given(before=st.integers(1, 6), cleared=st.integers(1, 12), there=st.integers(3, 12))
def test_cleared_ground_that_shows_a_little_of_the_later_ponds_is_not_their_beginning(before, cleared, there) -> None:
    past = told("." * before + "l" * cleared + "P" * there)
    assert past.ponds is not None
    days = [look.day for look in past.looks]
    assert (past.ponds.after, past.ponds.by) == (days[before + cleared - 1], days[before + cleared])
    assert past.ponds.looks_with == there


@pytest.mark.parametrize("n", [1, 2, 200])
def test_what_is_there_in_the_first_look_began_before_it(n: int) -> None:
    past = told("P" * n)
    assert past.ponds is not None
    assert past.ground is not None
    assert past.ponds.after is None
    assert past.ground.after is None


@given(st.integers(0, 30))
def test_nothing_begins_when_no_look_shows_it(n: int) -> None:
    past = told("." * n)
    assert past.ground is None
    assert past.ponds is None


@given(n=st.integers(6, 20), at=st.data())
def test_one_bad_look_makes_no_site_when_the_rest_say_nothing_is_there(n: int, at: st.DataObject) -> None:
    place = at.draw(st.integers(0, n - 2))
    past = told("." * place + "P" + "." * (n - place - 1))
    assert past.ponds is None


@given(before=st.integers(3, 8), there=st.integers(4, 8), at=st.data())
def test_one_missed_look_does_not_end_a_site(before: int, there: int, at: st.DataObject) -> None:
    place = at.draw(st.integers(1, there - 3))
    past = told("." * before + "P" * place + "." + "P" * (there - place - 1))
    assert past.ponds is not None
    assert past.ponds.gone_by is None
    assert "i" not in states(past)


@given(there=st.integers(3, 8), idle=st.integers(4, 8), again=st.integers(3, 8))
def test_idle_and_resumed_are_told_between_the_looks_on_either_side(there: int, idle: int, again: int) -> None:
    past = told("..." + "P" * there + "g" * idle + "P" * again, every=20)
    assert states(past) == "nnn" + "p" * there + "i" * idle + "r" * again
    days = [look.day for look in past.looks]
    turns = {event.kind: (event.after, event.by) for event in events(past, SETTINGS)}
    assert turns[EventKind.IDLE] == (days[2 + there], days[3 + there])
    assert turns[EventKind.RESUMED] == (days[2 + there + idle], days[3 + there + idle])
    assert past.status(SETTINGS, 3) is SiteStatus.CONFIRMED


def test_ponds_that_are_gone_are_idle_until_a_year_has_passed_or_the_ground_has_grown_over() -> None:
    assert told("..PPPPggggg", every=20).status(SETTINGS, 3) is SiteStatus.IDLE
    assert told("..PPPP" + "g" * 25, every=20).status(SETTINGS, 3) is SiteStatus.ENDED
    overgrown = told("..PPPPggg.....", every=20)
    assert overgrown.status(SETTINGS, 3) is SiteStatus.ENDED
    assert EventKind.ENDED in {event.kind for event in events(overgrown, SETTINGS)}


def turns(past: History) -> list[tuple[str, date | None, date]]:
    """What befell the ponds, oldest first."""
    kinds = (EventKind.IDLE, EventKind.RESUMED, EventKind.ENDED)
    return [(event.kind.value, event.after, event.by) for event in events(past, SETTINGS) if event.kind in kinds]


@given(there=st.integers(3, 8), idle=st.integers(3, 12), over=st.integers(4, 30))
def test_a_site_whose_ground_grows_over_ended_between_the_looks_on_either_side_of_that(there, idle, over) -> None:
    past = told("..." + "P" * there + "g" * idle + "." * over, every=20)
    assert states(past) == "nnn" + "p" * there + "i" * idle + "o" * over
    days, gone = [look.day for look in past.looks], 3 + there
    assert turns(past) == [
        ("idle", days[gone - 1], days[gone]),
        ("ended", days[gone + idle - 1], days[gone + idle]),
    ]


@given(there=st.integers(3, 8), every=st.integers(5, 60), spare=st.integers(0, 10))
def test_a_site_that_stays_idle_ends_by_the_first_look_a_year_after_its_last_ponds(there, every, spare) -> None:
    until = -(-SETTINGS.ended_days // every)  # looks after the last ponds, the first a year later included
    pattern = "..." + "P" * there + "g" * until
    past = told(pattern + "g" * spare, every)
    days, gone = [look.day for look in past.looks], 3 + there
    ended = gone + until - 1
    assert turns(past) == [("idle", days[gone - 1], days[gone]), ("ended", days[ended - 1], days[ended])]
    assert (days[ended] - days[gone - 1]).days >= SETTINGS.ended_days > (days[ended - 1] - days[gone - 1]).days
    assert told(pattern, every).status(SETTINGS, 3) is SiteStatus.ENDED
    assert told(pattern[:-1], every).status(SETTINGS, 3) is SiteStatus.IDLE


def test_ponds_that_no_look_shows_for_years_fell_idle_and_ended_between_the_same_two_looks() -> None:
    early, late = looks("..PPPP", every=20), looks("ggg", every=20, first=date(2027, 1, 1))
    past = history_of([*early, *late], SETTINGS, UNCALIBRATED)
    gap = early[-1].day, late[0].day
    assert turns(past) == [("idle", *gap), ("ended", *gap)]


@pytest.mark.parametrize(
    ("pattern", "kinds", "status"),
    [
        ("..PPPPggggPPPPgggg", ["idle", "resumed", "idle"], SiteStatus.IDLE),
        ("..PPPPggggPPPPgggg....", ["idle", "resumed", "idle", "ended"], SiteStatus.ENDED),
        ("..PPPPggggPPPP" + "g" * 20, ["idle", "resumed", "idle", "ended"], SiteStatus.ENDED),
        ("..PPPP" + "g" * 25 + "PPPP", ["idle", "ended", "resumed"], SiteStatus.CONFIRMED),
        ("..PPPP" + "g" * 25 + "PPPPgggg", ["idle", "ended", "resumed", "idle"], SiteStatus.IDLE),
        ("..PPPP" + ("g" * 25 + "PPPP") * 2 + "g" * 25, ["idle", "ended", "resumed"] * 2 + ["idle", "ended"], SiteStatus.ENDED),
        ("..PPPP" + "g" * 25 + "......", ["idle", "ended"], SiteStatus.ENDED),
    ],
)  # fmt: skip
def test_a_site_ends_once_until_it_is_taken_up_again(pattern: str, kinds: list[str], status: SiteStatus) -> None:
    past = told(pattern, every=20)
    assert [kind for kind, _, _ in turns(past)] == kinds
    assert past.status(SETTINGS, 3) is status


def lived(course: list[tuple[SiteState, int]]) -> History:
    """A history with ponds and these likeliest states, each so many days after the one before."""
    some = dated([(2000.0, 40_000.0, gap) for _, gap in course])
    past = history_of(some, SETTINGS, UNCALIBRATED)
    assert past.ponds is not None
    last = max(k for k, (state, _) in enumerate(course) if state.has_ponds)
    gone = [look.day for look in some[last + 1 :]]
    ponds = replace(past.ponds, last=some[last].day, gone_by=gone[0] if gone else None)
    return replace(past, states=tuple(state for state, _ in course), ponds=ponds)


@given(course=state_courses, days=st.sampled_from([1, 90, 365]))
def test_status_and_events_agree_on_whether_a_site_has_ended(course: list[tuple[SiteState, int]], days: int) -> None:
    past, rule = lived(course), SETTINGS.model_copy(update={"ended_days": days})
    kinds = (EventKind.IDLE, EventKind.RESUMED, EventKind.ENDED)
    told_kinds = [event.kind for event in events(past, rule) if event.kind in kinds]
    ends = [kind for kind in told_kinds if kind is not EventKind.IDLE]
    assert (past.status(rule, 3) is SiteStatus.ENDED) == (ends[-1:] == [EventKind.ENDED])
    after_end = {after for before, after in pairwise(told_kinds) if before is EventKind.ENDED}
    assert after_end <= {EventKind.RESUMED}  # neither ended again nor idle
    with_ponds = {look.day for look, state in zip(past.looks, past.states, strict=True) if state.has_ponds}
    assert {event.by for event in events(past, rule) if event.kind is EventKind.RESUMED} <= with_ponds


@given(course=state_courses, days=st.sampled_from([1, 90, 365]))
def test_a_site_ends_between_two_looks_in_a_row_of_which_only_the_later_counts_as_ended(
    course: list[tuple[SiteState, int]], days: int
) -> None:
    past, rule = lived(course), SETTINGS.model_copy(update={"ended_days": days})
    seen = [look.day for look in past.looks]
    for event in events(past, rule):
        if event.kind is EventKind.ENDED:
            k = seen.index(event.by)
            last = max(j for j in range(k) if past.states[j].has_ponds)
            over = [state is SiteState.OVERGROWN for state in past.states[last + 1 : k + 1]]
            assert event.after == seen[k - 1]
            assert not past.states[k].has_ponds
            assert over[-1] or (seen[k] - seen[last]).days >= days
            assert not any(over[:-1])
            assert (seen[k - 1] - seen[last]).days < days


@given(pattern=courses, at=st.data())
def test_a_look_that_agrees_never_widens_an_interval(pattern: str, at: st.DataObject) -> None:
    """Nor does taking one away narrow it: the same law read backwards."""
    place = at.draw(st.integers(0, len(pattern) - 1))
    fewer = looks(pattern, every=20)
    late = fewer[place].day + timedelta(days=7)
    more = sorted([*fewer, SiteLook(late, "more", 1.0, *AREAS[pattern[place]])], key=lambda look: look.day)
    one, two = (history_of(some, SETTINGS, UNCALIBRATED) for some in (fewer, more))
    for before, after in ((one.ground, two.ground), (one.ponds, two.ponds)):
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert (after.after or date.min) >= (before.after or date.min)
            assert after.by <= before.by


@given(pattern=courses, at=st.data())
def test_a_look_that_says_nothing_changes_nothing(pattern: str, at: st.DataObject) -> None:
    """Gaps are days: a look that is neither here nor there may move an edge to its own day and no farther."""
    whole = looks(pattern, every=20)
    place = at.draw(st.integers(1, len(pattern) - 1))
    middle = SiteLook(whole[place].day - timedelta(days=10), "vague", 1.0, *AREAS["?"])
    one = history_of(whole, SETTINGS, UNCALIBRATED)
    two = history_of(sorted([*whole, middle], key=lambda look: look.day), SETTINGS, UNCALIBRATED)
    for before, after in ((one.ground, two.ground), (one.ponds, two.ponds)):
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert after.after in (before.after, middle.day)
            assert after.by in (before.by, middle.day)


def test_interval_widens_when_a_look_contradicts_the_rest() -> None:
    agreeing, torn = told("....PPPP"), told("...pPPPP")
    assert agreeing.ponds is not None
    assert torn.ponds is not None
    assert agreeing.ponds.after is not None
    assert torn.ponds.after is not None
    assert (torn.ponds.by - torn.ponds.after) > (agreeing.ponds.by - agreeing.ponds.after)


def in_order(areas: list[tuple[float, float, int]], model: StateModel) -> None:
    past = history_of(dated(areas), SETTINGS, model)
    for found in (past.ground, past.ponds):
        if found is not None:
            assert found.after is None or found.after < found.by
            assert found.by <= found.last
            assert found.gone_by is None or found.last < found.gone_by
            assert found.looks_with >= 1
    for event in events(past, SETTINGS):
        assert event.after is None or event.after < event.by


@given(look_areas)
def test_intervals_are_in_order_whatever_the_areas(areas: list[tuple[float, float, int]]) -> None:
    in_order(areas, UNCALIBRATED)


@given(areas=look_areas, model=state_models)
@example(areas=TAKEN_UP_IN_DOUBT, model=PALE)
def test_intervals_are_in_order_whatever_the_calibration(
    areas: list[tuple[float, float, int]], model: StateModel
) -> None:
    in_order(areas, model)


def test_ground_is_there_in_a_look_that_shows_ponds() -> None:
    window, shape = Window(0, 0, 12, 12), (6, 12, 12)
    pond, ground = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    pond[3:, 4:8, 4:8] = 200
    ground[4:] = 200  # the network sees the ground one look later than the ponds
    stack = Stack(
        window=window, days=tuple(look.day for look in looks("......")), overpasses=tuple("abcdef"), pond=pond,
        ground=ground, clear=np.ones(shape, bool), seen=np.ones(shape, bool), measured=np.ones(6, bool),
    )  # fmt: skip
    site = Site(
        window=window, pond=pond[-1] > 0, ground=np.ones(window.shape, bool), mean_pond_fraction=1.0, mean_ground=1.0,
        polygon_m=window.polygon_m,
    )  # fmt: skip
    past = history(site, stack, SETTINGS, UNCALIBRATED)
    assert past.ponds is not None
    assert past.ground is not None
    assert (past.ground.after, past.ground.by) == (past.ponds.after, past.ponds.by) == stack.days[2:4]


@given(areas=look_areas, model=state_models)
def test_a_look_shows_what_it_makes_likelier_whichever_result_asks(
    areas: list[tuple[float, float, int]], model: StateModel
) -> None:
    past = history_of(dated(areas), SETTINGS, model)
    assert len(past.shows_ponds) == len(past.shows_ground) == len(past.looks)
    if past.looks:
        pond_m2, ground_m2 = (
            np.array([getattr(look, name) for look in past.looks]) for name in ("pond_m2", "ground_m2")
        )
        ground, ponds = log_ratios(ground_m2, pond_m2, model)
        assert past.shows_ponds == tuple(ponds > 0)
        assert past.shows_ground == tuple(ground > 0)
    if past.ponds is not None:
        here = [state.has_ponds and shown for state, shown in zip(past.states, past.shows_ponds, strict=True)]
        shown = [look for look, shows in zip(past.looks, past.shows_ponds, strict=True) if shows]
        assert past.ponds.looks_with == sum(here)
        areas_m2 = [look.pond_m2 for look in shown if look.day <= past.ponds.last]
        plainly = [area for area in areas_m2 if area >= PLAIN_M2]
        assert past.pond_m2 == np.median((plainly or areas_m2)[-5:]) > 0


def test_the_ponds_of_a_small_site_have_an_area_and_grow_however_small_the_calibration_lets_them_be() -> None:
    small = UNCALIBRATED.ponds.model_copy(update={"break_even_m2": 10.0})
    model = UNCALIBRATED.model_copy(update={"ponds": small})
    areas = [(0.0, 0.0, 20)] * 3 + [(40.0, 900.0, 20)] * 4 + [(80.0, 900.0, 20)] * 4
    past = history_of(dated(areas), SETTINGS, model)
    assert past.shows_ponds == (False,) * 3 + (True,) * 8
    assert past.pond_m2 == 80.0
    assert EventKind.GREW in {event.kind for event in events(past, SETTINGS)}


def test_ground_that_looks_a_little_like_ponds_shows_none_and_is_no_part_of_the_area() -> None:
    """However many such looks there are among those with ponds, as where haze hides most of them."""
    past = told("..PPPlll")
    assert past.shows_ponds == (False, False, True, True, True, False, False, False)
    assert past.shows_ground == (False, False, True, True, True, True, True, True)
    assert past.pond_m2 == AREAS["P"][0]


@given(before=st.integers(3, 12), after=st.integers(3, 12))
def test_ponds_that_become_twice_as_many_grew_between_two_looks(before: int, after: int) -> None:
    past = told("." * 3 + "P" * before + "B" * after)
    grown = [event for event in events(past, SETTINGS) if event.kind is EventKind.GREW]
    days = [look.day for look in past.looks]
    assert [(event.after, event.by) for event in grown] == [(days[2 + before], days[3 + before])]


@given(st.lists(st.sampled_from("PB"), min_size=3, max_size=20))
def test_growth_is_told_once_and_never_by_one_look(pattern: list[str]) -> None:
    past = told("".join(pattern))
    grown = [event for event in events(past, SETTINGS) if event.kind is EventKind.GREW]
    assert len(grown) <= 1
    if all(pattern[k : k + 3].count("B") < 2 for k in range(len(pattern))):
        assert not grown
