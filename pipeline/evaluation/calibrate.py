"""Fits the confidence and the pond area of a model on worlds that it was not trained on, and writes its card.

Everything that a run would consider counts, whatever confidence it will be given.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, QuantileRegressor

from pipeline.confidence import ENDS, FEATURES, SIZED_BY, Found
from pipeline.config import load
from pipeline.errors import PipelineError
from pipeline.evaluation.scores import LEAST_PONDS
from pipeline.evaluation.trials import START, Trial, Watched, Watcher, watch
from pipeline.evaluation.truth import TrueSite
from pipeline.progress import Progress
from pipeline.states import CLEARED, ENDED, HAS_GROUND, HAS_PONDS, IDLE, NONE, PONDS, RESUMED, STATES
from pipeline.training.chips import STYLES
from pipeline.weights import CARD, read_card, write_card

Doubles = NDArray[np.float64]
FIRST_SEED = 950_000_001
"""First world seed of calibration; training, validation and evaluation use others."""
WORLDS = 128
"""Worlds, half of each style; 3,360 km²."""
STEEPEST = (0.3, 6.0)
"""Bounds of what one look may say per e-fold of area."""
STRENGTH = 0.3
"""Inverse of the strength of the ridge: some features say much the same. Of 0.03 to 100 it left the least log loss on
calibration worlds that the fit had not seen."""
EVERY = (1, 1, 2, 1, 4, 1, 10, 30)
"""Worlds are watched in each so many-th look, in turn: the confidence must hold for places seen once and often."""
QUANTILES = (0.1, 0.5, 0.9)
"""Of true by told pond area, in the order of `confidence.ENDS`: the interval of 80 % and its middle."""


def calibrate(
    model: Path, workers: int, progress: Progress, worlds: int = WORLDS, styles: tuple[str, ...] = STYLES
) -> dict[str, float]:
    """Fit on that many worlds, write the numbers to the model's card and return them."""
    card = read_card(model / CARD).model_copy(update={"calibration": {}})
    write_card(model / CARD, card)  # a fit on top of an older fit would not be one
    settings = load(None).model_copy(update={"model": str(model)})
    found, note = fitted(Watcher(settings), workers, progress, worlds, styles)
    scores = {**card.scores, "calibration_set": note}
    write_card(model / CARD, card.model_copy(update={"calibration": found, "scores": scores}))
    return found


def fitted(
    watcher: Watcher, workers: int, progress: Progress, worlds: int, styles: tuple[str, ...] = STYLES
) -> tuple[dict[str, float], str]:
    """The calibration of what a watcher sees with, by name, and the words for the set it was made from.

    Raises `PipelineError` when there is too little to fit.
    """
    trials = [Trial(FIRST_SEED + n, styles[n % len(styles)], every=EVERY[n // 2 % len(EVERY)]) for n in range(worlds)]
    seen_worlds = watch(trials, watcher, workers, progress)
    pairs = [pair for seen in seen_worlds for pair in _pairs(seen)]
    true = [match is not None for _, match in pairs]
    sized = [
        (item, match.pond_area_m2 / item.past.pond_m2)
        for item, match in pairs
        if match is not None and match.n_ponds >= LEAST_PONDS and item.past.pond_m2 > 0
    ]
    if len(set(true)) < 2 or len(sized) < 3:
        raise PipelineError(f"calibration needs true and false sites: {sum(true)} true of {len(true)} reported")
    found = dict(
        zip(FEATURES, _logistic(np.array([item.features[1:] for item, _ in pairs]), np.array(true)), strict=True)
    )
    found |= _areas([item.features for item, _ in sized], np.array([ratio for _, ratio in sized]))
    found |= _chain(seen_worlds, [(item, match) for item, match in pairs if match is not None])
    last, where = FIRST_SEED + worlds - 1, " and ".join(styles)
    note = (
        f"{len(true)} reported sites ({sum(true)} true) in simulated worlds, styles {where}, seeds {FIRST_SEED}..{last}"
    )
    return found, note


def _logistic(values: Doubles, true: NDArray[np.bool_]) -> list[float]:
    """Intercept and coefficients for features (n, feature) as they are; fitted on scaled ones: all count alike."""
    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    fit = LogisticRegression(C=STRENGTH, max_iter=1000).fit((values - mean) / spread, true)
    slopes = fit.coef_[0] / spread
    return [float(fit.intercept_[0] - (slopes * mean).sum()), *map(float, slopes)]


def _areas(features: Sequence[tuple[float, ...]], ratios: Doubles) -> dict[str, float]:
    """Quantile regressions of the logarithm of true by told pond area (n,), by the names of `confidence.AREA`."""
    values = np.array(features)[:, [FEATURES.index(name) for name in SIZED_BY[1:]]]
    found: dict[str, float] = {}
    for end, quantile in zip(ENDS, QUANTILES, strict=True):
        fit = QuantileRegressor(quantile=quantile, alpha=1e-3).fit(values, np.log(ratios))
        numbers = [float(fit.intercept_), *map(float, fit.coef_)]
        found |= {f"area_{end}_{name}": number for name, number in zip(SIZED_BY, numbers, strict=True)}
    return found


def _chain(worlds: Sequence[Watched], found: Sequence[tuple[Found, TrueSite]]) -> dict[str, float]:
    """The chain by which looks are weighed, by the names of `confidence.CHAIN`, from what truly happened.

    Rates: changes of state by years spent in the state before. What a look says: a logistic fit of "there" on the
    logarithm of the area told.
    """
    steps, spent, first = Counter[tuple[int, int]](), Counter[int](), Counter[int]()
    for world in worlds:
        for site in world.case.truth:
            states = [site.state_on(START + timedelta(days=k)) for k in range((world.case.last - START).days + 1)]
            spent.update(states)
            steps.update(pairwise(states))
            first[site.state_on(world.case.first)] += 1
    idled = steps[PONDS, IDLE] + steps[RESUMED, IDLE], spent[PONDS] + spent[RESUMED]
    changes = {
        "cleared": (steps[NONE, CLEARED] + steps[NONE, PONDS], spent[NONE]),
        "built": (steps[CLEARED, PONDS], spent[CLEARED]),
        "idled": idled,
        "resumed": (steps[IDLE, RESUMED], spent[IDLE]),
        "ended": (steps[IDLE, ENDED], spent[IDLE]),
    }
    chain = {f"per_year_{name}": 365.25 * (changed + 0.5) / (days + 183) for name, (changed, days) in changes.items()}
    chain |= {f"first_{name}": (first[k] + 1) / (first.total() + len(STATES)) for k, name in enumerate(STATES)}
    looks = [(look, match.state_on(look.day)) for item, match in found for look in item.past.looks]
    for what, has in (("ground", HAS_GROUND), ("ponds", HAS_PONDS)):
        areas = np.array([look.ground_m2 if what == "ground" else look.pond_m2 for look, _ in looks])
        even, steepness = _shown(areas, np.array([has[state] for _, state in looks]))
        chain |= {f"{what}_even_m2": even, f"{what}_steepness": steepness}
    return chain


def _shown(areas_m2: Doubles, there: NDArray[np.bool_]) -> tuple[float, float]:
    """The area that says nothing either way, and the log-likelihood ratio per e-fold; both classes weigh alike."""
    if there.all() or not there.any():
        raise PipelineError("calibration needs looks with and without ponds, and with and without ground")
    logarithm = np.log(areas_m2 + 1.0)
    fit = LogisticRegression(C=100.0, class_weight="balanced").fit(logarithm[:, None], there)
    slope = float(np.clip(fit.coef_[0, 0], *STEEPEST))
    return float(np.exp(-fit.intercept_[0] / fit.coef_[0, 0]) - 1.0), slope


def _pairs(seen: Watched) -> Iterator[tuple[Found, TrueSite | None]]:
    """What was found in a world, and the true site it lies on."""
    for item, told in zip(seen.found, seen.case.reported, strict=True):
        yield item, next((t for t in seen.case.truth if t.polygon.intersects(told.polygon)), None)
