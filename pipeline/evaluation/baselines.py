"""Baselines that the network must beat: a water-index rule, and a random forest on bands and indices.

A baseline replaces the network only: looks, evidence, sites, histories and the way of calibrating stay the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from scipy.ndimage import uniform_filter
from sklearn.ensemble import RandomForestClassifier

from pipeline.bands import BANDS, BLUE, GREEN, NIR, RED, SWIR1, SWIR2
from pipeline.grid import Window, aligned_up
from pipeline.looks.codes import LEVELS, Segmentation
from pipeline.raster import Floats, Raster
from pipeline.training.chips import Chips, ChipSettings, concatenated, make_unit

NAMES = ("water-rule", "random-forest")
"""Names of the baselines."""
BLUE_AT, GREEN_AT, RED_AT, NIR_AT, SWIR1_AT, SWIR2_AT = (
    BANDS.index(band) for band in (BLUE, GREEN, RED, NIR, SWIR1, SWIR2)
)
AROUND_PX = 9
"""Side of the square over which a pixel's background is averaged, pixels."""
PURE_NDWI = 0.5
"""NDWI of open pond water; the pond fraction is how far a pixel's NDWI lies from its background towards this."""
BARE_NDVI = 0.35
"""Ground with a lower NDVI is bare."""
UNITS = 48
"""Units of chips that the forest is trained on."""
PIXELS = 60_000
"""Pixels that it is trained on, a third of each class."""
TREES = 40
SEED = 11


@dataclass(frozen=True, slots=True)
class BaselineSegmenter:
    """A baseline in the network's place."""

    predict: Callable[[Raster], Segmentation]
    """Segments one raster."""

    @property
    def margin_px(self) -> int:
        """Side of the background square, rounded up to a multiple of `ALIGN_PX`."""
        return aligned_up(AROUND_PX)

    def __call__(self, raster: Raster, windows: Sequence[Window]) -> list[Segmentation]:
        """As `Segmenter`."""
        found = []
        for window in windows:
            shown = window.grown(self.margin_px)
            answer, cut = self.predict(raster.cropped(shown)), window.within(shown)
            found.append(Segmentation(answer.pond_fraction[cut], answer.ground_probability[cut]))
        return found


def segmenter_of(name: str) -> BaselineSegmenter:
    """The baseline of a name in `NAMES`."""
    if name not in NAMES:
        raise ValueError(f"no baseline {name!r}, only {NAMES}")
    return BaselineSegmenter(water_rule if name == NAMES[0] else partial(_by_forest, _forest()))


def water_rule(raster: Raster) -> Segmentation:
    """NDWI against its surroundings for ponds; low NDVI and bright short-wave infrared for mine ground."""
    green, red, nir, swir = raster.reflectance[[GREEN_AT, RED_AT, NIR_AT, SWIR1_AT]]
    ndwi, ndvi = _index(green, nir), _index(nir, red)
    background = uniform_filter(ndwi, AROUND_PX)
    pond = np.clip((ndwi - background - 0.1) / np.maximum(PURE_NDWI - background, 0.1), 0, 1)
    near = uniform_filter(((ndvi < BARE_NDVI) & (swir > 0.15)).astype(np.float32), 3)
    return _coded(pond, near)


def _by_forest(forest: RandomForestClassifier, raster: Raster) -> Segmentation:
    columns = _columns(raster.reflectance)
    odds = forest.predict_proba(columns.reshape(len(columns), -1).T).astype(np.float32)
    ground, pond = (odds[:, k].reshape(raster.valid.shape) for k in (1, 2))
    return _coded(pond, np.minimum(ground + pond, 1))


@lru_cache(maxsize=1)
def _forest() -> RandomForestClassifier:
    """A forest that classifies other ground (0), mine ground (1) and ponds (2), trained on the network's own chips."""
    settings = ChipSettings(real=0.0)
    chips = concatenated([make_unit(SEED, index, settings) for index in range(UNITS)])
    features, kinds = _labelled(chips)
    rng = np.random.default_rng(SEED)
    chosen = np.concatenate([rng.choice(np.flatnonzero(kinds == kind), PIXELS // 3) for kind in range(3)])
    forest = RandomForestClassifier(TREES, min_samples_leaf=20, random_state=SEED, n_jobs=1)
    return forest.fit(features[chosen], kinds[chosen])


def _labelled(chips: Chips) -> tuple[Floats, np.ndarray]:
    """Features (n, feature) and classes (n,) of all clear pixels of chips."""
    columns = np.stack([_columns(one.astype(np.float32)) for one in chips.reflectance], axis=1)
    kinds = np.where(chips.pond_percent >= 40, 2, chips.ground.astype(int))
    return columns[:, chips.clear].T, kinds[chips.clear]


def _columns(reflectance: Floats) -> Floats:
    """Bands, indices, and the mean of each index around the pixel, (feature, y, x)."""
    green, red, nir, swir1, swir2 = reflectance[[GREEN_AT, RED_AT, NIR_AT, SWIR1_AT, SWIR2_AT]]
    indices = [_index(green, nir), _index(nir, red), _index(green, swir1), _index(swir1, nir), _index(nir, swir2)]
    around = [uniform_filter(index, AROUND_PX) for index in indices]
    return np.stack([*reflectance, *indices, *around]).astype(np.float32)


def _index(one: Floats, other: Floats) -> Floats:
    """Normalised difference index, -1 to 1."""
    index: Floats = ((one - other) / np.maximum(one + other, 1e-3)).astype(np.float32)
    return index


def _coded(pond: Floats, ground: Floats) -> Segmentation:
    """Pond fraction and mine-ground probability, 0 to 1, as codes in steps of 1/`LEVELS`."""
    codes = [np.rint(plane * LEVELS).astype(np.uint8) for plane in (pond, ground)]
    return Segmentation(pond_fraction=codes[0], ground_probability=codes[1])
