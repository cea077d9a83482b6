import numpy as np
import pytest

from pipeline.evaluation.baselines import NAMES, segmenter
from pipeline.grid import Window
from pipeline.raster import Raster
from pipeline.worlds.shapes import disc

FOREST = np.array([0.02, 0.04, 0.02, 0.32, 0.15, 0.07], np.float32)
SOIL = np.array([0.07, 0.11, 0.18, 0.28, 0.38, 0.33], np.float32)
WATER = np.array([0.09, 0.14, 0.08, 0.03, 0.01, 0.01], np.float32)


def raster() -> Raster:
    """Forest with a bare square in it, and a pond of 40 m on that."""
    planes = np.tile(FOREST[:, None, None], (1, 64, 64))
    planes[:, 20:44, 20:44] = SOIL[:, None, None]
    pond = disc(32, 32, 2, 64)
    at = (slice(None), pond.rows, pond.cols)
    planes[at] += pond.share * (WATER[:, None, None] - planes[at])
    return Raster(window=Window(0, 0, 64, 64), reflectance=planes, valid=np.ones((64, 64), bool), scl=None)


def test_the_rule_tells_water_bare_ground_and_forest_apart() -> None:
    told = segmenter("water-rule")(raster())
    assert told.pond_fraction[31:33, 31:33].min() > 150
    assert told.pond_fraction[5:15].max() == 0
    assert told.ground_probability[22:28, 22:28].min() == 200
    assert told.ground_probability[:15].max() == 0


def test_an_unknown_baseline_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no baseline"):
        segmenter("luck")
    assert "random-forest" in NAMES
