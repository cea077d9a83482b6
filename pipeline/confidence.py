"""How sure: the calibrated probability that a reported site is a leach-pond site.

A logistic regression on a handful of features that a person can read, fitted on worlds that the network
was not trained on (`training/calibrate.py`). Its numbers stand in the model card, so a model always
brings its own calibration.
"""

import math
from collections.abc import Mapping

from pipeline.errors import InputError
from pipeline.history import History
from pipeline.sites import Site

FEATURES = (
    "intercept",
    "log10_pond_m2",
    "mean_pond_fraction",
    "mean_ground",
    "log10_ground_m2",
    "log10_looks_with_ponds",
    "share_of_looks_with_ponds",
)
"""Order of the features and of the coefficients in a card."""

AREA_ERROR = "area_error"
"""Name, beside them in the card, of the relative standard error of a single pond area."""


def features(site: Site, past: History) -> tuple[float, ...]:
    """What the confidence is made of, in the order of `FEATURES`; areas in square metres."""
    shown = past.ponds.looks_with if past.ponds else 0
    begun = [look for look in past.looks if past.ponds and look.day >= past.ponds.by]
    return (
        1.0,
        math.log10(1.0 + past.pond_m2),
        site.mean_pond_fraction,
        site.mean_ground,
        math.log10(1.0 + site.ground_m2),
        math.log10(1.0 + shown),
        min(1.0, shown / len(begun)) if begun else 0.0,
    )


def confidence(values: tuple[float, ...], calibration: Mapping[str, float]) -> float:
    """Probability from 0 to 1 that these features are those of a true site."""
    score = sum(calibration[name] * value for name, value in zip(FEATURES, values, strict=True))
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))


def check_calibrated(model: str, calibration: Mapping[str, float]) -> None:
    """Raise `InputError` when a model card lacks part of its calibration."""
    missing = [name for name in (*FEATURES, AREA_ERROR) if name not in calibration]
    if missing:
        raise InputError(f"model {model}: its card has no calibration for {', '.join(missing)}; run `make train`")
