"""How sure: the calibrated probability that a reported site is a leach-pond site, and how far off its pond area may be.

A logistic regression on a handful of features that a person can read, fitted on worlds that the network
was not trained on (`evaluation/calibrate.py`). Its numbers stand in the model card, so a model always
brings its own calibration.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import binary_dilation, label

from pipeline.config import Settings
from pipeline.errors import InputError
from pipeline.history import History, history
from pipeline.looks import Stack
from pipeline.raster import Bools, Bytes, Floats
from pipeline.segment import LEVELS
from pipeline.sites import EIGHT, Site
from pipeline.states import STATES, UNMEASURED, Chain, Rates, Shown

FEATURES = (
    "intercept",
    "log10_pond_m2",
    "mean_pond_fraction",
    "mean_ground",
    "log10_ground_m2",
    "log10_looks_with_ponds",
    "share_of_looks_with_ponds",
    "steady_pond_fraction",
    "steady_ground",
    "ground_around",
    "log10_patches",
    "log10_spread_px",
)
"""Order of the features and of the coefficients in a card."""
STRONGEST = 6
"""So many pond pixels tell how sure the network is of the surest ponds."""
AROUND_PX = 4
"""The ground around ponds is judged within so many pixels."""
SIZED_BY = ("intercept", "mean_pond_fraction", "log10_looks_with_ponds")
"""The features that tell how far off a pond area is: pale ponds are told too small, and many looks tell more."""
ONCE = SIZED_BY[2]
"""What a single look says of an area is as sure as what is known of a site that was seen once."""
ENDS = ("low", "middle", "high")
AREA = tuple(f"area_{end}_{name}" for end in ENDS for name in SIZED_BY)
"""Names, beside them in the card, of coefficients for the logarithm of true by told pond area: 80 % lie from low to
high."""

SAID = ("even_m2", "even_share", "steepness")
"""Names of what an area says, see `states.Shown`."""
RATES = ("cleared", "built", "idled", "resumed", "ended")
CHAIN = (
    *(f"per_year_{name}" for name in RATES),
    *(f"first_{name}" for name in STATES),
    *(f"{what}_{part}" for what in ("ground", "ponds") for part in SAID),
)
"""Names, in the card, of the chain that a site's looks are weighed by, see `states.Chain`."""


class Area(NamedTuple):
    """Pond area of a site, square metres."""

    low: float
    """Lower end of the 80 % interval."""
    middle: float
    """The value."""
    high: float
    """Upper end."""


@dataclass(frozen=True, slots=True)
class Found:
    """A site with its history, before it has a name."""

    site: Site
    """Where it is."""
    past: History
    """What the looks say of it."""
    confidence: float
    """Calibrated probability, 0 to 1."""
    area: Area
    """Its pond area with an 80 % interval."""
    look_areas: tuple[Area, ...]
    """The same at each clear look, in the order of `past.looks`."""
    features: tuple[float, ...]
    """What the confidence was made of, as in `FEATURES`."""


def found_site(site: Site, stack: Stack, settings: Settings, calibration: Mapping[str, float]) -> Found:
    """A site with its history, area and confidence; `stack` holds all looks on its window."""
    past = history(site, stack, settings.history, chain_of(calibration))
    values = features(site, past, stack)
    area = pond_area(past.pond_m2, values, calibration)
    once = tuple(math.log10(2.0) if name == ONCE else value for name, value in zip(FEATURES, values, strict=True))
    look_areas = tuple(pond_area(look.pond_m2, once, calibration) for look in past.looks)
    return Found(site, past, confidence(values, calibration), area, look_areas, values)


def features(site: Site, past: History, stack: Stack) -> tuple[float, ...]:
    """What the confidence is made of, in the order of `FEATURES`; areas in square metres, as told.

    `steady`: mean over all clear looks since the ponds were there, so that a few doubtful ones do not make it.
    """
    shown = past.ponds.looks_with if past.ponds else 0
    begun = [look for look in past.looks if past.ponds and look.day >= past.ponds.by]
    since = np.array([past.ponds is not None and day >= past.ponds.by for day in stack.days], bool)
    around = binary_dilation(site.pond, EIGHT, iterations=AROUND_PX) & ~binary_dilation(site.pond, EIGHT)
    ponds = np.sort(_steady(stack.pond, stack.clear, since, site.pond))[-STRONGEST:]
    rows, cols = np.nonzero(site.pond)
    return (
        1.0,
        math.log10(1.0 + past.pond_m2),
        site.mean_pond_fraction,
        site.mean_ground,
        math.log10(1.0 + site.ground_m2),
        math.log10(1.0 + shown),
        min(1.0, shown / len(begun)) if begun else 0.0,
        float(ponds.mean()),
        float(_steady(stack.ground, stack.clear, since, site.ground).mean()),
        float(_steady(stack.ground, stack.clear, since, around).mean()) if around.any() else 0.0,
        math.log10(label(site.pond, EIGHT)[1]),
        math.log10(1.0 + math.hypot(float(rows.std()), float(cols.std()))),
    )


def _steady(codes: Bytes, clear: Bools, since: Bools, here: Bools) -> Floats:
    """Mean over the clear looks of `since` (T,) of each pixel of `here` (y, x), 0 to 1; codes and clear (T, y, x)."""
    seen = clear[since][:, here]
    told = (codes[since][:, here] * seen).sum(axis=0, dtype=np.float64)
    mean: Floats = (told / np.maximum(seen.sum(axis=0), 1) / LEVELS).astype(np.float32)
    return mean


def confidence(values: tuple[float, ...], calibration: Mapping[str, float]) -> float:
    """Probability from 0 to 1 that these features are those of a true site; 1 by a model without calibration."""
    if not calibration:
        return 1.0
    score = sum(calibration[name] * value for name, value in zip(FEATURES, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))


def chain_of(calibration: Mapping[str, float]) -> Chain:
    """The chain in a card; that of `states.UNMEASURED` for a model without calibration."""
    if not calibration:
        return UNMEASURED
    ground, ponds = (Shown(*(calibration[f"{what}_{part}"] for part in SAID)) for what in ("ground", "ponds"))
    return Chain(rates_of(calibration), ground, ponds)


def rates_of(calibration: Mapping[str, float]) -> Rates:
    """How sites change, by the numbers in a card."""
    first = tuple(calibration[f"first_{name}"] for name in STATES)
    return Rates(**{name: calibration[f"per_year_{name}"] for name in RATES}, first=first)


def pond_area(told_m2: float, values: tuple[float, ...], calibration: Mapping[str, float]) -> Area:
    """The pond area that a told one stands for, by its site's features; the same by a model without calibration."""
    if not calibration:
        return Area(told_m2, told_m2, told_m2)
    known = dict(zip(FEATURES, values, strict=True))
    factors = (math.exp(sum(calibration[f"area_{end}_{name}"] * known[name] for name in SIZED_BY)) for end in ENDS)
    return Area(
        *sorted(told_m2 * factor for factor in factors)
    )  # fitted one by one, so far from the data they may cross


def check_calibrated(model: str, calibration: Mapping[str, float]) -> None:
    """Raise `InputError` when a model card lacks part of its calibration."""
    missing = [name for name in (*FEATURES, *AREA, *CHAIN) if name not in calibration]
    if missing:
        raise InputError(f"model {model}: its card has no calibration for {', '.join(missing)}; run `make train`")
