"""Looks whose reflectance differs from that of their neighbours in time by BOA_ADD_OFFSET."""

from datetime import date, timedelta

import numpy as np
import pytest
from fields import look_at

from pipeline.bands import NAMES
from pipeline.evidence.outliers import without_outliers
from pipeline.grid import Window
from pipeline.looks.look import Look, LookArray

PLACE = Window(0, 0, 64, 64)
GROUND = np.array([0.05, 0.07, 0.06, 0.28, 0.20, 0.12])
HAZE = np.array([0.12, 0.10, 0.08, 0.02, 0.01, 0.0])
FIRE = np.array([-0.01, -0.02, -0.02, -0.14, -0.06, 0.02])


def looks(*levels: np.ndarray | None, extent: Window = PLACE) -> list[Look]:
    """One every ten days; None: little of it was clear."""
    days = [date(2024, 11, 1) + timedelta(days=10 * k) for k in range(len(levels))]
    pixels = LookArray(np.zeros((3, *extent.shape), np.uint8), extent)
    return [
        look_at(
            extent,
            day,
            pixels,
            name=f"b{extent.row}/{day:%Y%m%d}",
            key=f"key of {extent.row} {day}",
            clear_p10=() if level is None else tuple(level),
        )
        for day, level in zip(days, levels, strict=True)
    ]


def seasons(count: int) -> list[np.ndarray]:
    """Ground that dries out a little from look to look, under some noise."""
    rng = np.random.default_rng(3)
    dry = np.array([0.002, 0.002, 0.003, -0.008, 0.006, 0.005])
    return [GROUND + k * dry + rng.normal(0, 0.004, 6) for k in range(count)]


@pytest.mark.parametrize(("added", "what"), [(0.1, "not applied"), (-0.1, "applied twice")])
@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_look_that_lies_off_by_the_offset_is_not_used_and_the_others_are(added: float, what: str, at: int) -> None:
    levels = seasons(8)
    levels[at] = levels[at] + added
    given = looks(*levels)
    kept, refused = without_outliers(given)
    assert kept == given[:at] + given[at + 1 :]
    (one,) = refused
    assert one.id == f"b0/{given[at].overpass}"
    assert one.reason.startswith(f"{added:+}"[0])
    assert f"BOA_ADD_OFFSET was {what}" in one.reason


@pytest.mark.parametrize("change", [HAZE, FIRE, -HAZE, 2 * HAZE, FIRE + HAZE, np.full(6, 0.04), np.full(6, 0.25)])
def test_haze_fire_and_seasons_are_no_outlier(change: np.ndarray) -> None:
    levels = seasons(8)
    levels[4] = levels[4] + change
    given = looks(*levels)
    assert without_outliers(given) == (given, [])


def test_where_it_cannot_be_told_which_are_wrong_none_is_left_out() -> None:
    base = seasons(6)
    half = looks(*(level + (0.1 if k >= 3 else 0.0) for k, level in enumerate(base)))
    assert without_outliers(half) == (half, [])
    few = looks(base[0], base[1] + 0.1, base[2])
    assert without_outliers(few) == (few, [])


def test_looks_are_compared_at_their_own_place_and_only_where_enough_was_clear() -> None:
    here = looks(*seasons(5), None)
    there = looks(*(level + 0.1 for level in seasons(5)), extent=Window(64, 0, 64, 64))
    assert without_outliers([*here, *there]) == ([*here, *there], [])
    alone = looks(GROUND + 0.1, extent=Window(128, 0, 64, 64))  # among those of another place it would stand apart
    assert without_outliers([*here, *alone]) == ([*here, *alone], [])


def test_the_ground_here_has_as_many_bands_as_a_look() -> None:
    assert len(GROUND) == len(NAMES)
