"""Sites drawn into real scenes to judge by: the ground they cover, the truth they leave, and nothing else touched."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion
from shapely.geometry import box

from pipeline.evaluation.overlay import FILLINGS, REACH_PX, drawing, overlaid
from pipeline.grid import PIXEL_M, Window
from pipeline.resources import shipped
from pipeline.training.backgrounds import read_background

EVALUATION = shipped("backgrounds") / "evaluation"
PLACE = Window(-5120, 512, 512, 512)
DAY = date(2025, 12, 31)


def scene(path: Path | None = None):
    return read_background(path or sorted(EVALUATION.glob("*.tif"))[0])


@pytest.mark.parametrize("seed", range(12))
def test_a_drawing_is_a_row_of_round_ponds_on_its_ground(seed: int) -> None:
    site = drawing(np.random.default_rng(seed))
    assert 6 <= len(site.ponds) <= 24
    assert site.filling in FILLINGS
    for number, pond in enumerate(site.ponds):
        assert pond.area == pytest.approx(np.pi / 4 * site.diameter_m**2, rel=0.02)
        assert all(not pond.intersects(other) for other in site.ponds[:number])
    reach = REACH_PX * PIXEL_M
    assert box(-reach, -reach, reach, reach).contains(site.ground)
    assert 0.3e4 < site.ground.area < 30e4


def test_sites_are_drawn_where_the_truth_says_and_nowhere_else() -> None:
    plain, none = overlaid(scene(), np.random.default_rng(4), PLACE, 0, DAY)
    look, sites = overlaid(scene(), np.random.default_rng(4), PLACE, 1, DAY)
    assert none == ()
    assert plain.pond_fraction.max() == 0
    (site,) = sites
    area = float(look.pond_fraction.sum()) * PIXEL_M**2
    assert area == pytest.approx(site.pond_area_m2, rel=0.01)
    west, _, _, north = PLACE.bounds_m
    rows, cols = np.nonzero(look.ground)
    middle = west + cols.mean() * PIXEL_M, north - rows.mean() * PIXEL_M
    assert site.polygon.buffer(20).covers(box(*middle, *middle).centroid)
    assert look.ground.sum() * PIXEL_M**2 == pytest.approx(site.polygon.area, rel=0.1)
    changed = np.abs(look.reflectance - plain.reflectance).max(axis=0) > 1e-6
    near = box(*site.polygon.bounds).buffer(60)
    for row, col in np.argwhere(changed):
        assert near.covers(box(west + col * 10, north - row * 10 - 10, west + col * 10 + 10, north - row * 10).centroid)
    inside = look.pond_fraction > 0.2
    assert inside.sum() > 5
    assert changed[inside].all()
    assert (site.pond_looks, site.ponds_from) == (1, DAY)


def test_the_air_that_the_scene_holds_lies_over_the_site_too() -> None:
    clear = replace(scene(), path_radiance=np.zeros(6, np.float32))
    hazy = replace(clear, path_radiance=np.full(6, 0.05, np.float32))
    one, other = (overlaid(of, np.random.default_rng(4), PLACE, 1, DAY)[0] for of in (clear, hazy))
    inside = binary_erosion(one.ground, np.ones((3, 3)), iterations=2)
    assert inside.sum() > 20
    added = (other.reflectance - one.reflectance)[:4, inside]
    np.testing.assert_allclose(added, 0.05, atol=0.01)  # noise grows with what is seen
    away = ~binary_dilation(one.ground, np.ones((3, 3)), iterations=8)
    np.testing.assert_array_equal(one.reflectance[:, away], other.reflectance[:, away])


def test_the_same_seed_draws_the_same_sites() -> None:
    one, other = (overlaid(scene(), np.random.default_rng(9), PLACE, 2, DAY) for _ in range(2))
    assert np.array_equal(one[0].reflectance, other[0].reflectance)
    assert one[1] == other[1]
