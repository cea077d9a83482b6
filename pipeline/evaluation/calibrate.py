"""Fits the confidence and the pond area of a model on worlds that it was not trained on, and writes its card.

Everything that a run would consider counts, whatever confidence it will be given.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, QuantileRegressor

from pipeline.config import load
from pipeline.errors import PipelineError
from pipeline.evaluation.scores import LEAST_PONDS
from pipeline.evaluation.trials import START, Trial, TrialResult, TrialRunner, run_trials
from pipeline.evaluation.truth import TrueSite
from pipeline.looks.calibration import AreaLikelihood, StateModel, TransitionRates
from pipeline.looks.card import CARD, read_card, write_card
from pipeline.progress import Progress
from pipeline.sites.confidence import ENDS, FEATURES, SAID, SIZED_BY, AssessedSite, rates_of
from pipeline.sites.history import looks_say
from pipeline.sites.states import (
    CLEARED,
    ENDED,
    IDLE,
    MAX_LOG_RATIO,
    NONE,
    PONDS,
    RESUMED,
    STATES,
    UNCALIBRATED,
    course,
)
from pipeline.training.chips import STYLES

Doubles = NDArray[np.float64]
FIRST_SEED = 950_000_001
"""First world seed of calibration; training, validation and evaluation use others."""
WORLDS = 128
"""Worlds, half of each style; 3,360 km²."""
DOUBT = 0.02
"""Share of sites of which the looks tell nothing: one that was never well seen must not outweigh all others."""
STRENGTH = 0.3
"""Inverse of the strength of the ridge: some features say much the same. Of 0.03 to 100 it left the least log loss on
calibration worlds that the fit had not seen."""
EVERY = (1, 1, 2, 1, 4, 1, 10, 30)
"""Worlds are watched in each so many-th look, in turn: the confidence must hold for places seen once and often."""
NOTHING = np.zeros(1)
"""A look that shows no area at all, square metres."""
QUANTILES = (0.1, 0.5, 0.9)
"""Of true by told pond area, in the order of `confidence.ENDS`: the interval of 80 % and its middle."""


def calibrate(
    model: Path, workers: int, progress: Progress, worlds: int = WORLDS, styles: tuple[str, ...] = STYLES
) -> dict[str, float]:
    """Fit on that many worlds, write the numbers to the model's card and return them."""
    card = read_card(model / CARD).model_copy(update={"calibration": {}})
    write_card(model / CARD, card)  # a fit on top of an older fit would not be one
    settings = load(None).model_copy(update={"model": str(model)})
    found, note = fitted(TrialRunner(settings), workers, progress, worlds, styles)
    scores = {**card.scores, "calibration_set": note}
    write_card(model / CARD, card.model_copy(update={"calibration": found, "scores": scores}))
    return found


def fitted(
    runner: TrialRunner, workers: int, progress: Progress, worlds: int, styles: tuple[str, ...] = STYLES
) -> tuple[dict[str, float], str]:
    """The calibration of what a watcher sees with, by name, and the words for the set it was made from.

    Raises `PipelineError` when there is too little to fit.
    """
    trials = [Trial(FIRST_SEED + n, styles[n % len(styles)], every=EVERY[n // 2 % len(EVERY)]) for n in range(worlds)]
    seen_worlds = run_trials(trials, runner, workers, progress)
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


def _chain(worlds: Sequence[TrialResult], found: Sequence[tuple[AssessedSite, TrueSite]]) -> dict[str, float]:
    """The chain by which looks are weighed, by the names of `confidence.CHAIN`, from what truly happened.

    Rates: changes of state by years spent in the state before. What a look says: see `_shown`.
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
    shown = _shown([_seen_onsets(item, match) for item, match in found if item.past.looks], rates_of(chain))
    for what, said in zip(("ground", "ponds"), shown, strict=True):
        chain |= {f"{what}_{part}": number for part, number in zip(SAID, astuple(said), strict=True)}
    return chain


@dataclass(frozen=True, slots=True)
class _SeenOnsets:
    """The looks at a true site, and when it truly began."""

    days: NDArray[np.int64]
    """Of its clear looks, ordinals."""
    ground_m2: Doubles
    """Cleared ground as told at each look (look,)."""
    pond_m2: Doubles
    """Pond area as told (look,)."""
    begun: tuple[tuple[int, int | None], ...]
    """State and the first look that it was there at, None = at none; ground before ponds."""


def _seen_onsets(item: AssessedSite, match: TrueSite) -> _SeenOnsets:
    looks = item.past.looks
    begun = tuple(
        (state, next((k for k, look in enumerate(looks) if look.day >= day), None) if day else None)
        for state, day in ((CLEARED, match.ground_from), (PONDS, match.ponds_from))
    )
    return _SeenOnsets(
        days=np.array([look.day.toordinal() for look in looks]),
        ground_m2=np.array([look.ground_m2 for look in looks]),
        pond_m2=np.array([look.pond_m2 for look in looks]),
        begun=begun,
    )


def _shown(sites: Sequence[_SeenOnsets], rates: TransitionRates) -> tuple[AreaLikelihood, AreaLikelihood]:
    """What areas of ground, and of ponds, must say for the true onsets to be likeliest.

    A fit of "there" against "not there" look by look would be spoilt by sites that the network hardly ever sees: they
    make it flat, and all onsets vague. Bound: two looks that show nothing outweigh one that shows as much as it likes,
    or a single false one could begin a site.
    """
    if not any(k for site in sites for _, k in site.begun):
        raise PipelineError("calibration needs sites that began between two looks")

    def both(numbers: Doubles) -> tuple[AreaLikelihood, AreaLikelihood]:
        ground, ponds = (AreaLikelihood(*map(float, half)) for half in np.split(np.exp(numbers), 2))
        return ground, ponds

    def unlikely(numbers: Doubles) -> float:
        ground, ponds = both(numbers)
        if max(shown.ratio(NOTHING, 0.0)[0] for shown in (ground, ponds)) > -MAX_LOG_RATIO / 2:
            return math.inf
        lost = 0.0
        for site in sites:
            says = looks_say(site.ground_m2, site.pond_m2, StateModel(rates, ground, ponds))
            past = course(site.days, *says, rates)
            for state, k in site.begun:
                begins = past.begins(state)
                likely = begins[k] if k is not None else 1.0 - begins.sum()
                lost -= math.log(DOUBT + (1.0 - DOUBT) * float(likely))
        return lost

    first = [number for shown in (UNCALIBRATED.ground, UNCALIBRATED.ponds) for number in astuple(shown)]
    fit = minimize(unlikely, np.log(first), method="Nelder-Mead", options={"xatol": 0.03, "fatol": 0.3, "maxfev": 400})
    return both(fit.x)


def _pairs(seen: TrialResult) -> Iterator[tuple[AssessedSite, TrueSite | None]]:
    """What was found in a world, and the true site it lies on."""
    for item, told in zip(seen.found, seen.case.reported, strict=True):
        yield item, next((t for t in seen.case.truth if t.polygon.intersects(told.polygon)), None)
