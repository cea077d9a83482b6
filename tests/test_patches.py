"""The patches of a site's ponds: each is dated by what the looks show of it, not by its site's onset."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from pipeline.config import load
from pipeline.grid import PIXEL_M, Grid, Window
from pipeline.looks.stack import Stack
from pipeline.sites.confidence import AssessedSite, assess
from pipeline.sites.extract import Site
from pipeline.sites.patches import pond_patches
from pipeline.sites.records import PondRecord
from pipeline.sites.statement import Provenance, statement_of

SETTINGS = load(None)
GRID = Grid(32647)
FIRST = date(2024, 1, 5)
WINDOW = Window(-200, 300, 24, 24)
ROWS = (slice(4, 6), slice(10, 12), slice(16, 18))
"""Where the rows of ponds are, north to south; each spans `COLS`."""
COLS = slice(3, 21)


def drawn(*rows: int) -> np.ndarray:
    """The pixels of some rows of ponds, (y, x)."""
    found = np.zeros(WINDOW.shape, bool)
    for row in rows:
        found[ROWS[row], COLS] = True
    return found


def built(*courses: str, every: int = 15) -> tuple[Site, Stack]:
    """A site, and one look per letter of what each row shows then: `P` ponds, `p` too little, `-` hidden, `.` none."""
    count = len(courses[0])
    pond, clear = np.zeros((count, *WINDOW.shape), np.uint8), np.ones((count, *WINDOW.shape), bool)
    for row, course in enumerate(courses):
        for k, letter in enumerate(course):
            pond[k][drawn(row)] = {"P": 160, "p": 20}.get(letter, 0)
            clear[k][drawn(row)] = letter != "-"
    site = Site(
        window=WINDOW, pond=drawn(*range(len(courses))), ground=np.ones(WINDOW.shape, bool), mean_pond_fraction=0.8,
        mean_ground=0.9, polygon_m=WINDOW.polygon_m,
    )  # fmt: skip
    stack = Stack(
        window=WINDOW, days=tuple(FIRST + timedelta(days=every * k) for k in range(count)),
        overpasses=tuple(f"o{k}" for k in range(count)), pond=pond, ground=np.full(pond.shape, 180, np.uint8) * clear,
        clear=clear, seen=clear, measured=np.ones(count, bool),
    )  # fmt: skip
    return site, stack


def assessed(*courses: str, every: int = 15) -> AssessedSite:
    return assess(*built(*courses, every=every), SETTINGS, None)


def looks_of_first_days(*courses: str) -> list[int | None]:
    """For each row, the number of the look by which it is dated."""
    found = assessed(*courses, every=15)
    return [None if p.first_seen is None else (p.first_seen - FIRST).days // 15 for p in found.patches]


def test_a_second_row_of_ponds_built_a_year_later_has_its_own_first_day() -> None:
    found = assessed("..." + "P" * 29, "..." + "." * 24 + "P" * 5)
    one, two = found.patches
    assert one.first_seen == FIRST + timedelta(days=15 * 3)
    assert two.first_seen == FIRST + timedelta(days=15 * 27)
    onset = found.history.ponds
    assert onset is not None
    assert onset.after is not None
    assert onset.after < one.first_seen <= onset.by


def test_a_patch_is_its_own_pixels() -> None:
    one, two = assessed("..PPP", "..PPP").patches
    assert (one.pixels, two.pixels) == (36, 36)
    left, top = (WINDOW.col + COLS.start) * PIXEL_M, -WINDOW.row * PIXEL_M
    for patch, rows in ((one, ROWS[0]), (two, ROWS[1])):
        outline = box(left, top - rows.stop * PIXEL_M, left + 180.0, top - rows.start * PIXEL_M)
        assert patch.outline_m.equals(outline)


def test_patches_that_touch_at_a_corner_are_one_with_all_their_ground() -> None:
    site, stack = built("..PPP")
    pond = np.zeros(WINDOW.shape, bool)
    pond[2:4, 2:4] = pond[4:6, 4:6] = pond[20, 20] = True
    site = replace(site, pond=pond)
    patches = assess(site, stack, SETTINGS, None).patches
    assert [patch.pixels for patch in patches] == [8, 1]
    assert [patch.outline_m.area for patch in patches] == [800.0, 100.0]


@given(begun=st.integers(1, 8), later=st.integers(0, 10), hidden=st.sets(st.integers(0, 22)))
def test_the_first_day_is_the_first_look_in_which_the_patch_itself_is_clear_and_shows_ponds(
    begun: int, later: int, hidden: set[int]
) -> None:
    """What hides the other rows, or another patch, does not matter; nor does what is hidden of this one."""
    row = "".join("-" if k in hidden else "P" if k >= begun + later else "." for k in range(24))
    other = "." * begun + "P" * (24 - begun)
    expected = next(k for k in range(24) if row[k] == "P")
    assert looks_of_first_days(other, row, other) == [begun, expected, begun]


@pytest.mark.parametrize(
    ("course", "expected"),
    [
        ("..........PPPP", 10),
        ("......P...PPPP", 10),  # one bad look dates no patch
        ("......P.PPPPPP", 6),  # two of three agree
        ("......P-.PPPPP", 6),  # a look that is hidden is none of the three
        (".............P", 13),  # nothing agrees yet: it counts alone
        ("....P.........", 4),
        ("PPPPPPPPPPPPPP", 2),  # not before the site has ponds
        ("pppppppppppppp", None),
        ("--------------", None),
    ],
)
def test_looks_that_agree_date_a_patch(course: str, expected: int | None) -> None:
    """Beside a row of ponds since the third look, by which the site is dated."""
    site, stack = built(".." + "P" * 12, course)
    past = assess(*built(".." + "P" * 12, ".." + "P" * 12), SETTINGS, None).history
    two = pond_patches(site, stack, past, SETTINGS)[1]
    assert two.first_seen == (None if expected is None else stack.days[expected])


@pytest.mark.parametrize(
    ("seen_px", "code", "shows"),
    [
        (36, 30, True),  # 0.15 of each pixel
        (36, 29, False),
        (24, 30, True),  # what is hidden does not make it less
        (21, 200, False),  # less than 60 % of it was seen
        (22, 200, True),
    ],
)
def test_a_look_shows_a_patch_by_the_mean_fraction_of_what_it_saw_of_it(seen_px: int, code: int, shows: bool) -> None:
    site, stack = built("..." + "P" * 7)
    rows, cols = np.nonzero(drawn(0))
    stack.clear[3:, rows[seen_px:], cols[seen_px:]] = False
    stack.pond[3:] = np.where(stack.clear[3:] & drawn(0), code, 0)
    past = assessed("..." + "P" * 7).history
    (patch,) = pond_patches(site, stack, past, SETTINGS)
    assert patch.first_seen == (stack.days[3] if shows else None)


def test_a_look_that_saw_nothing_of_a_patch_shows_nothing_even_where_any_share_counts() -> None:
    rule = SETTINGS.model_copy(update={"history": SETTINGS.history.model_copy(update={"min_share_seen": 0.0})})
    site, stack = built("PPPPPPPP", "---PPPPP")
    two = pond_patches(site, stack, assessed("PPPPPPPP").history, rule)[1]
    assert two.first_seen == stack.days[3]


def test_a_patch_is_dated_after_the_last_look_that_the_site_is_without_ponds_in() -> None:
    """The likeliest states look by look may have ponds before that."""
    site, stack = built("PPPPPPPP")
    past = assess(site, stack, SETTINGS, None).history
    assert past.ponds is not None
    past = replace(past, ponds=replace(past.ponds, after=stack.days[4], by=stack.days[6]))
    (patch,) = pond_patches(site, stack, past, SETTINGS)
    assert patch.first_seen == stack.days[5]


def test_patches_of_a_site_that_is_not_dated_to_have_ponds_have_no_day() -> None:
    found = assessed(".....P....")
    assert found.history.ponds is None
    assert [patch.first_seen for patch in found.patches] == [None]


@given(st.lists(st.text("P.p-", min_size=6, max_size=6), min_size=1, max_size=3), st.integers(1, 200))
def test_no_patch_is_older_than_its_site(courses: list[str], every: int) -> None:
    found = assessed(*courses, every=every)
    ponds, days = found.history.ponds, {patch.first_seen for patch in found.patches} - {None}
    assert ponds is not None or not days
    for day in days:
        assert ponds is not None
        assert day is not None
        assert ponds.after is None or day > ponds.after
        states = zip(found.history.looks, found.history.states, strict=True)
        assert any(look.day <= day for look, state in states if state.has_ponds)


def rows_of(found: AssessedSite) -> tuple[list[PondRecord], list[tuple[bool, bool]]]:
    said = statement_of("SHN-0001", found, GRID, SETTINGS, Provenance("simulated", True, "third", "abc"))
    return list(said.ponds), [(look.ponds_present, look.ground_present) for look in said.looks]


def test_rows_of_ponds_have_the_days_of_their_patches_and_rows_of_looks_what_each_shows() -> None:
    found = assessed("..." + "P" * 9, "......" + "P" * 6)
    ponds, looks = rows_of(found)
    assert [pond.first_seen for pond in ponds] == [patch.first_seen for patch in found.patches]
    assert [pond.pond_id for pond in ponds] == [1, 2]
    assert [pond.area_m2 for pond in ponds] == [pytest.approx(36 * PIXEL_M**2 * 0.8)] * 2
    assert looks == list(zip(found.history.shows_ponds, found.history.shows_ground, strict=True))
    assert {shown for shown, _ in looks} == {True, False}
