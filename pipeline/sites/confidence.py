"""Confidence of a site (calibrated probability that it is a leach-pond site), and its pond area with an interval.

A logistic regression on a few features that a person can interpret, and quantile regressions of the pond area, both
fitted on worlds that the network was not trained on (`evaluation/calibrate.py`).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label
from scipy.special import expit

from pipeline.config import Settings
from pipeline.looks.calibration import AreaModel, AreaQuantile, Calibration, ConfidenceModel
from pipeline.looks.codes import LEVELS
from pipeline.looks.stack import Stacks
from pipeline.raster import Bools, Bytes, Floats
from pipeline.sites.extract import EIGHT, Site
from pipeline.sites.history import History, history
from pipeline.sites.patches import PondPatch, pond_patches
from pipeline.sites.states import UNCALIBRATED

SUREST_PIXELS = 6
"""Number of pond pixels with the highest steady pond fraction that are averaged."""
AROUND_PX = 4
"""Ground around ponds is judged within this distance, pixels."""


class SiteFeatures(NamedTuple):
    """The features of the confidence; each has a coefficient in `calibration.ConfidenceModel`.

    `steady`: mean over all clear looks since the ponds were there, so that a few doubtful ones do not decide it.
    """

    log10_pond_m2: float
    """Logarithm of 1 + the predicted pond area in square metres."""
    mean_pond_fraction: float
    """Mean over its pond pixels, 0 to 1."""
    mean_ground: float
    """Mean mine-ground probability over its ground, 0 to 1."""
    log10_ground_m2: float
    """Logarithm of 1 + the area of its ground in square metres."""
    log10_looks_with_ponds: float
    """Logarithm of 1 + the number of clear looks that show ponds."""
    share_of_looks_with_ponds: float
    """Share of the clear looks since its ponds were there that show ponds, 0 to 1."""
    steady_pond_fraction: float
    """Steady pond fraction, mean over its `SUREST_PIXELS` highest pond pixels, 0 to 1."""
    steady_ground: float
    """Steady mine-ground probability, mean over its ground, 0 to 1."""
    ground_around: float
    """Steady mine-ground probability, mean around its ponds, 0 to 1."""
    log10_patches: float
    """Logarithm of the number of patches of touching pond pixels."""
    log10_spread_px: float
    """Logarithm of 1 + the standard distance of its pond pixels in pixels."""


class AreaEstimate(NamedTuple):
    """Pond area of a site, square metres."""

    low: float
    """Lower end of the 80 % interval."""
    value: float
    """The estimate."""
    high: float
    """Upper end."""


@dataclass(frozen=True, slots=True)
class AssessedSite:
    """A site with its history, patches, area and confidence, before it has a name."""

    site: Site
    """Place and shape."""
    history: History
    """Its history from the looks."""
    confidence: float
    """Calibrated probability, 0 to 1."""
    pond_area: AreaEstimate
    """Present pond area."""
    look_areas: tuple[AreaEstimate, ...]
    """Pond area at each clear look, in the order of `history.looks`."""
    features: SiteFeatures
    """The features that gave the confidence."""
    patches: tuple[PondPatch, ...]
    """Its patches of ponds, each with its own first day."""


def assess(site: Site, stacks: Stacks, settings: Settings, calibration: Calibration | None) -> AssessedSite:
    """A site with its history, patches, area and confidence; `stacks` hold all looks on its window.

    They are gone through three times, and no more of them than one part is in memory.
    Without a calibration (while one is being fitted) the confidence is 1 and areas are as predicted.
    """
    past = history(site, stacks, settings.history, calibration.states if calibration else UNCALIBRATED)
    found = features(site, past, stacks)
    # The area from a single look is as uncertain as that of a site that was seen once.
    once = found._replace(log10_looks_with_ponds=math.log10(2.0))
    areas = calibration.pond_area if calibration else None
    return AssessedSite(
        site=site,
        history=past,
        confidence=confidence(found, calibration.confidence) if calibration else 1.0,
        pond_area=pond_area(past.pond_m2, found, areas),
        look_areas=tuple(pond_area(look.pond_m2, once, areas) for look in past.looks),
        features=found,
        patches=pond_patches(site, stacks, past, settings),
    )


def features(site: Site, past: History, stacks: Stacks) -> SiteFeatures:
    """The features of a site by its history and all looks on its window."""
    with_ponds = past.ponds.looks_with if past.ponds else 0
    begun = [look for look in past.looks if past.ponds and look.day >= past.ponds.by]
    first = past.ponds.by if past.ponds else date.max
    around = binary_dilation(site.pond, EIGHT, iterations=AROUND_PX) & ~binary_dilation(site.pond, EIGHT)
    on_ponds, on_ground, near = _steady(stacks, first, site, around)
    rows, cols = np.nonzero(site.pond)
    return SiteFeatures(
        log10_pond_m2=math.log10(1.0 + past.pond_m2),
        mean_pond_fraction=site.mean_pond_fraction,
        mean_ground=site.mean_ground,
        log10_ground_m2=math.log10(1.0 + site.ground_m2),
        log10_looks_with_ponds=math.log10(1.0 + with_ponds),
        share_of_looks_with_ponds=min(1.0, with_ponds / len(begun)) if begun else 0.0,
        steady_pond_fraction=float(np.sort(on_ponds)[-SUREST_PIXELS:].mean()),
        steady_ground=float(on_ground.mean()),
        ground_around=float(near.mean()) if around.any() else 0.0,
        log10_patches=math.log10(label(site.pond, EIGHT)[1]),
        log10_spread_px=math.log10(1.0 + math.hypot(float(rows.std()), float(cols.std()))),
    )


def _steady(stacks: Stacks, first: date, site: Site, around: Bools) -> tuple[Floats, Floats, Floats]:
    """Means over the clear looks from `first` on, 0 to 1.

    Pond fraction at each pixel of its ponds, and mine-ground probability at those of its ground and those `around`.
    """
    ponds, ground, near = _Mean.over(site.pond), _Mean.over(site.ground), _Mean.over(around)
    for stack in stacks.parts():
        begin = bisect_left(stack.days, first)
        clear = stack.clear[begin:]
        ponds.add(stack.pond[begin:], clear)
        ground.add(stack.ground[begin:], clear)
        near.add(stack.ground[begin:], clear)
    return ponds.share, ground.share, near.share


@dataclass(frozen=True, eq=False, slots=True)
class _Mean:
    """The mean of codes over clear looks at some pixels, added up part by part; whole numbers, so order is nothing."""

    here: Bools
    """The pixels, (y, x)."""
    total: NDArray[np.int64]
    """Sum of codes at each of them."""
    count: NDArray[np.int64]
    """Number of clear looks at each of them."""

    @classmethod
    def over(cls, here: Bools) -> "_Mean":
        """The mean of nothing."""
        return cls(here, *np.zeros((2, int(here.sum())), np.int64))

    def add(self, codes: Bytes, clear: Bools) -> None:
        """Add looks, (T, y, x); codes are 0 where it is not clear."""
        self.total[:] += codes[:, self.here].sum(axis=0, dtype=np.int64)
        self.count[:] += clear[:, self.here].sum(axis=0, dtype=np.int64)

    @property
    def share(self) -> Floats:
        """The mean, 0 to 1."""
        mean: Floats = (self.total.astype(np.float64) / np.maximum(self.count, 1) / LEVELS).astype(np.float32)
        return mean


def confidence(found: SiteFeatures, model: ConfidenceModel) -> float:
    """Probability from 0 to 1 that these features are those of a true site."""
    return float(expit(model.intercept + _weighted(found, SiteFeatures._fields, model)))


def pond_area(predicted_m2: float, found: SiteFeatures, model: AreaModel | None) -> AreaEstimate:
    """A predicted pond area corrected by its site's features, with its 80 % interval; unchanged without a model."""
    if model is None:
        return AreaEstimate(predicted_m2, predicted_m2, predicted_m2)
    names = [name for name in AreaQuantile.model_fields if name != "intercept"]
    factors = (
        math.exp(quantile.intercept + _weighted(found, names, quantile))
        for quantile in (model.low, model.middle, model.high)
    )
    # Quantiles are fitted separately, so they may cross far from the data.
    return AreaEstimate(*sorted(predicted_m2 * factor for factor in factors))


def _weighted(found: SiteFeatures, names: Sequence[str], model: ConfidenceModel | AreaQuantile) -> float:
    """Sum of features times the coefficients of the same names."""
    return sum(float(getattr(model, name)) * float(getattr(found, name)) for name in names)
