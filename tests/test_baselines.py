from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.evaluation import baselines
from pipeline.evaluation.baselines import segmenter_of
from pipeline.grid import Window
from pipeline.looks.codes import LEVELS, Segmentation
from pipeline.raster import Bools, Raster
from pipeline.worlds.shapes import disc

FOREST = np.array([0.02, 0.04, 0.02, 0.32, 0.15, 0.07], np.float32)
SOIL = np.array([0.07, 0.11, 0.18, 0.28, 0.38, 0.33], np.float32)
WATER = np.array([0.09, 0.14, 0.08, 0.03, 0.01, 0.01], np.float32)
BARE = (slice(20, 44), slice(20, 44))
POND = disc(32, 32, 2, 64)


def raster() -> Raster:
    """Forest with a bare square in it, and a pond of 40 m on that."""
    planes = np.tile(FOREST[:, None, None], (1, 64, 64))
    planes[(slice(None), *BARE)] = SOIL[:, None, None]
    at = (slice(None), POND.rows, POND.cols)
    planes[at] += POND.share * (WATER[:, None, None] - planes[at])
    return Raster(window=Window(0, 0, 64, 64), pixels=planes, valid=np.ones((64, 64), bool), scl=None)


def wholly() -> dict[str, Bools]:
    """The pixels of the raster that are wholly forest, bare ground or pond."""
    pond = np.zeros((64, 64), np.float32)
    pond[POND.rows, POND.cols] = POND.share
    bare = np.zeros((64, 64), bool)
    bare[BARE] = True
    return {"forest": ~bare, "bare": bare & (pond == 0), "pond": pond > 0.99}


@pytest.fixture
def small_forest(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A random forest that has seen little, learned anew and not kept."""
    for name, value in (("UNITS", 2), ("PIXELS", 6000), ("TREES", 10)):
        monkeypatch.setattr(baselines, name, value)
    baselines._forest.cache_clear()
    yield
    baselines._forest.cache_clear()


def test_the_rule_tells_water_bare_ground_and_forest_apart() -> None:
    told = segmenter_of("water-rule").predict(raster())
    assert told.pond_fraction[31:33, 31:33].min() > 150
    assert told.pond_fraction[5:15].max() == 0
    assert told.ground_probability[22:28, 22:28].min() == 200
    assert told.ground_probability[:15].max() == 0


def test_the_forest_tells_ponds_bare_ground_and_forest_apart_better_than_chance(small_forest: None) -> None:
    told = segmenter_of("random-forest").predict(raster())
    called = likeliest(told)
    for number, (name, here) in enumerate(wholly().items()):
        assert (called[here] == number).mean() > 0.5, name  # by chance a third


def likeliest(told: Segmentation) -> np.ndarray:
    """0: no ground of a site, 1: ground without ponds, 2: ponds; shape (y, x)."""
    pond, ground = told.pond_fraction.astype(int), told.ground_probability.astype(int)
    return np.argmax([LEVELS - ground, ground - pond, pond], axis=0)


def test_a_baseline_says_the_same_of_a_part_read_with_its_margin() -> None:
    segmenter = segmenter_of("water-rule")
    inner = Window(16, 16, 16, 32)
    whole = segmenter.predict(raster())
    (part,) = segmenter(raster().cropped(inner.grown(segmenter.margin_px)), [inner])
    for name in ("pond_fraction", "ground_probability"):
        expected = getattr(whole, name)[inner.within(raster().window)]
        np.testing.assert_array_equal(getattr(part, name), expected)
    assert np.ptp(expected) == LEVELS


def test_an_unknown_baseline_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no baseline"):
        segmenter_of("luck")
