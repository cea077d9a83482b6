from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from fields import look_at
from hypothesis import given
from hypothesis import strategies as st

from pipeline.grid import Window
from pipeline.looks.closer import closer
from pipeline.looks.look import Look, LookArray
from pipeline.looks.squares import SQUARE_PX, Squares, shape_of, touching

PLACE = Window(-2048, 4096, 256, 256)
FIRST = date(2025, 1, 5)
ROWS, COLS = shape_of(PLACE)
A, B, C = Window(-2048, 4096, 64, 64), Window(-1984, 4096, 64, 64), Window(-1856, 4288, 64, 64)


def look(day: int, hidden: Iterable[Window] = (), ponds: Iterable[Window] = (), **more: object) -> Look:
    pixels = LookArray(np.zeros((3, *PLACE.shape), np.uint8), PLACE)
    return replace(
        look_at(PLACE, FIRST + timedelta(days=day), pixels),
        screened=Squares.of(PLACE, touching(hidden, PLACE)) or None,
        ponds=Squares.of(PLACE, touching(ponds, PLACE)) or None,
        **more,
    )  # fmt: skip


def asked(
    looks: Iterable[Look], ground: Iterable[Window] = (), beside: int = 2, agreeing: int = 99
) -> dict[int, set[Window]]:
    """Squares that are wanted, by day."""
    return {
        (each.day - FIRST).days: {square for window in each.windows for square in window.cells(SQUARE_PX)}
        for each in closer(looks, ground, beside, agreeing)
    }


def test_where_nothing_shows_ponds_and_no_site_is_known_nothing_is_looked_at_again() -> None:
    assert asked([look(0, [A, B]), look(5, [A])]) == {}
    assert asked([look(0, ponds=[A]), look(5)]) == {}


def test_ground_of_a_site_is_looked_at_in_every_look_that_screened_it() -> None:
    looks = [look(0, [A, B, C]), look(5), look(10, [A]), look(15, [C])]
    assert asked(looks, [A, B]) == {0: {A, B}, 10: {A}}


def test_ponds_in_one_look_are_checked_in_as_many_before_and_after_as_must_agree() -> None:
    looks = [look(0, [A]), look(5, [A]), look(10, [A]), look(15, ponds=[A]), look(20), look(25, [A, B]), look(30, [A])]
    assert asked(looks) == {5: {A}, 10: {A}, 25: {A}, 30: {A}}
    assert asked(looks, beside=1) == {10: {A}, 25: {A}}
    assert asked(looks, beside=0) == {}


def test_where_as_many_looks_show_ponds_as_must_agree_all_are_looked_at() -> None:
    looks = [look(5 * k, [A, B]) for k in range(6)] + [look(40, [B], [A]), look(45, [B], [A])]
    assert asked(looks, agreeing=3) == {20: {A}, 25: {A}}
    assert asked(looks, agreeing=2) == {5 * k: {A} for k in range(6)}


def test_a_closer_look_counts_for_the_squares_that_it_looked_at() -> None:
    first = look(0, [A, B])
    again = replace(look(0), windows=(A,), extent=A, generation=1, key="again", screened=None)
    assert asked([first, again, look(5, ponds=[A, B])]) == {0: {B}}
    assert asked([first, again], [A]) == {}


def test_overpasses_of_one_day_are_told_apart() -> None:
    other = replace(look(0, [A]), overpass="20250105-S2C", key="other")
    found = closer([look(0, [B]), other], [A, B], 2, 2)
    assert [(each.overpass, each.windows) for each in found] == [("20250105", (B,)), ("20250105-S2C", (A,))]


squares = st.sets(st.sampled_from(list(PLACE.cells(SQUARE_PX))), max_size=6)


@given(st.lists(st.tuples(squares, squares), min_size=1, max_size=6), squares, st.integers(0, 3))
def test_after_what_is_asked_was_looked_at_nothing_more_is_asked(
    sights: list[tuple[set[Window], set[Window]]], ground: set[Window], agreeing: int
) -> None:
    looks = [look(5 * k, hidden, ponds - hidden) for k, (hidden, ponds) in enumerate(sights)]
    made = []
    for each in closer(looks, ground, agreeing, 99):
        was = next(one for one in looks if one.day == each.day)
        hidden = set(was.screened or ())
        for window in each.windows:
            assert set(window.cells(SQUARE_PX)) <= hidden  # only what was screened out
            made.append(replace(was, windows=(window,), extent=window, generation=1, key=f"{each.day} {window}",
                                screened=None, ponds=None))  # fmt: skip
    assert ground.isdisjoint(
        square for each in looks for square in each.screened or () if square not in {s for m in made for s in m.windows
                                                                                     if m.day == each.day for s in s.cells(SQUARE_PX)}
    )  # fmt: skip
    assert closer([*looks, *made], ground, 0, 99) == []
