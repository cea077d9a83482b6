"""Fits the calibration of a model on worlds that it was not trained on, and writes it to the model's card.

All sites that a run would assess are used, whatever confidence they will get.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, QuantileRegressor

from pipeline.config import load
from pipeline.errors import PipelineError
from pipeline.evaluation.scores import MIN_PONDS
from pipeline.evaluation.trials import START, Trial, TrialResult, TrialRunner, run_trials
from pipeline.evaluation.truth import TrueSite
from pipeline.looks.calibration import (
    AreaLikelihood,
    AreaModel,
    AreaQuantile,
    Calibration,
    ConfidenceModel,
    InitialShares,
    StateModel,
    TransitionRates,
)
from pipeline.looks.card import CARD, read_card, write_card
from pipeline.progress import Progress
from pipeline.sites.confidence import AssessedSite, SiteFeatures
from pipeline.sites.history import log_ratios
from pipeline.sites.states import (
    DAYS_PER_YEAR,
    MAX_LOG_RATIO,
    UNCALIBRATED,
    SiteState,
    forward_backward,
    log_ratio,
)
from pipeline.training.chips import STYLES

Doubles = NDArray[np.float64]
FIRST_SEED = 950_000_001
"""First world seed of calibration; training, validation and evaluation use others."""
WORLDS = 128
"""Number of worlds, half of each style; 3,360 km²."""
UNINFORMATIVE = 0.02
"""Probability that looks say nothing of a site's onsets: one that was never well seen must not outweigh all others."""
INVERSE_RIDGE = 0.3
"""Inverse strength of the ridge penalty, needed because some features are correlated. Of 0.03 to 100 it gave the least
log loss on calibration worlds that were left out of the fit."""
LOOK_STEPS = (1, 1, 2, 1, 4, 1, 10, 30)
"""Worlds are observed in every n-th look, these n in turn: the confidence must hold for places seen once and often."""
NO_AREA = np.zeros(1)
"""Predicted area in a look that shows nothing, square metres, shape (1,)."""
QUANTILES = MappingProxyType({"low": 0.1, "middle": 0.5, "high": 0.9})
"""Quantiles of true over predicted pond area: the ends of the 80 % interval, and the median."""
PRIOR_CHANGES, PRIOR_DAYS = 0.5, 183
"""Pseudo-counts of changes and of days, so that no rate is 0."""


def calibrate(
    model: Path, workers: int, progress: Progress, worlds: int = WORLDS, styles: tuple[str, ...] = STYLES
) -> Calibration:
    """Fit on so many `worlds`, write the calibration to the model's card and return it."""
    card = read_card(model / CARD).model_copy(update={"calibration": None})
    write_card(model / CARD, card)  # an older calibration must not affect the fit
    settings = load(None).model_copy(update={"model": str(model)})
    found, note = fitted(TrialRunner(settings), workers, progress, worlds, styles)
    scores = {**card.scores, "calibration_set": note}
    write_card(model / CARD, card.model_copy(update={"calibration": found, "scores": scores}))
    return found


def fitted(
    runner: TrialRunner, workers: int, progress: Progress, worlds: int, styles: tuple[str, ...] = STYLES
) -> tuple[Calibration, str]:
    """The calibration of a runner's network or baseline, and a description of the set it was fitted on.

    Raises `PipelineError` when there are too few sites to fit.
    """
    trials = [
        Trial(FIRST_SEED + n, styles[n % len(styles)], every=LOOK_STEPS[n // 2 % len(LOOK_STEPS)])
        for n in range(worlds)
    ]
    results = run_trials(trials, runner, workers, progress)
    pairs = [pair for result in results for pair in _pairs(result)]
    true = [match is not None for _, match in pairs]
    sized = [
        (item.features, match.pond_area_m2 / item.history.pond_m2)
        for item, match in pairs
        if match is not None and match.n_ponds >= MIN_PONDS and item.history.pond_m2 > 0
    ]
    if len(set(true)) < 2 or len(sized) < 3:
        raise PipelineError(f"calibration needs true and false sites: {sum(true)} true of {len(true)} reported")
    intercept, *slopes = _logistic(np.array([item.features for item, _ in pairs]), np.array(true))
    found = Calibration(
        confidence=ConfidenceModel(intercept=intercept, **dict(zip(SiteFeatures._fields, slopes, strict=True))),
        pond_area=_areas([features for features, _ in sized], np.array([ratio for _, ratio in sized])),
        states=_state_model(results, [(item, match) for item, match in pairs if match is not None]),
    )
    last, where = FIRST_SEED + worlds - 1, " and ".join(styles)
    note = (
        f"{len(true)} reported sites ({sum(true)} true) in simulated worlds, styles {where}, seeds {FIRST_SEED}..{last}"
    )
    return found, note


def _logistic(values: Doubles, true: NDArray[np.bool_]) -> list[float]:
    """Intercept and coefficients for unscaled features (n, feature); fitted on standardised ones: all count alike."""
    mean, spread = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-6)
    fit = LogisticRegression(C=INVERSE_RIDGE, max_iter=1000).fit((values - mean) / spread, true)
    slopes = fit.coef_[0] / spread
    return [float(fit.intercept_[0] - (slopes * mean).sum()), *map(float, slopes)]


def _areas(features: Sequence[SiteFeatures], ratios: Doubles) -> AreaModel:
    """Quantile regressions of the logarithm of true over predicted pond area (n,)."""
    names = [name for name in AreaQuantile.model_fields if name != "intercept"]
    values = np.array([[getattr(one, name) for name in names] for one in features])
    found: dict[str, AreaQuantile] = {}
    for end, quantile in QUANTILES.items():
        fit = QuantileRegressor(quantile=quantile, alpha=1e-3).fit(values, np.log(ratios))
        slopes = dict(zip(names, map(float, fit.coef_), strict=True))
        found[end] = AreaQuantile(intercept=float(fit.intercept_), **slopes)
    return AreaModel(**found)


def _state_model(results: Sequence[TrialResult], found: Sequence[tuple[AssessedSite, TrueSite]]) -> StateModel:
    """The state model, fitted to the true histories.

    Rates: changes of state per year spent in the state before. Area likelihoods: see `_likelihoods`.
    """
    rates, initial = _rates(results)
    sites = [_seen_onsets(item, match) for item, match in found if item.history.looks]
    start = UNCALIBRATED.model_copy(update={"per_year": rates, "initial": initial})
    return _likelihoods(sites, start)


def _rates(results: Sequence[TrialResult]) -> tuple[TransitionRates, InitialShares]:
    """Transition rates of the true sites, and the shares of their states at the first look."""
    steps, days_in, first = Counter[tuple[SiteState, SiteState]](), Counter[SiteState](), Counter[SiteState]()
    for result in results:
        for site in result.case.truth:
            days = range((result.case.last - START).days + 1)
            states = [site.state_on(START + timedelta(days=k)) for k in days]
            days_in.update(states)
            steps.update(pairwise(states))
            first[site.state_on(result.case.first)] += 1
    none, cleared, ponds, idle, resumed, overgrown = SiteState
    changes = {
        "cleared": (steps[none, cleared] + steps[none, ponds], days_in[none]),
        "built": (steps[cleared, ponds], days_in[cleared]),
        "idled": (steps[ponds, idle] + steps[resumed, idle], days_in[ponds] + days_in[resumed]),
        "resumed": (steps[idle, resumed], days_in[idle]),
        "overgrown": (steps[idle, overgrown], days_in[idle]),
    }
    per_year = {
        name: DAYS_PER_YEAR * (changed + PRIOR_CHANGES) / (days + PRIOR_DAYS)
        for name, (changed, days) in changes.items()
    }
    shares = {state.word: (first[state] + 1) / (first.total() + len(SiteState)) for state in SiteState}
    return TransitionRates(**per_year), InitialShares(**shares)


@dataclass(frozen=True, slots=True)
class _SeenOnsets:
    """The looks at a true site, and its true onsets."""

    days: NDArray[np.int64]
    """Days of its clear looks, as ordinals, shape (look,)."""
    ground_m2: Doubles
    """Predicted area of cleared ground at each look, shape (look,)."""
    pond_m2: Doubles
    """Predicted pond area at each look, shape (look,)."""
    begun: tuple[tuple[SiteState, int | None], ...]
    """Each state with the index of the first look on or after its onset, None = no such look; ground before ponds."""


def _seen_onsets(item: AssessedSite, match: TrueSite) -> _SeenOnsets:
    looks = item.history.looks
    begun = tuple(
        (state, next((k for k, look in enumerate(looks) if look.day >= day), None) if day else None)
        for state, day in ((SiteState.CLEARED, match.ground_from), (SiteState.PONDS, match.ponds_from))
    )
    return _SeenOnsets(
        days=np.array([look.day.toordinal() for look in looks]),
        ground_m2=np.array([look.ground_m2 for look in looks]),
        pond_m2=np.array([look.pond_m2 for look in looks]),
        begun=begun,
    )


def _likelihoods(sites: Sequence[_SeenOnsets], start: StateModel) -> StateModel:
    """`start` with the area likelihoods of ground and of ponds that maximise the likelihood of the true onsets.

    A fit of presence against absence look by look would be spoilt by sites that the network hardly ever detects: they
    flatten the likelihood, and all onsets become vague. Constraint: two looks that show nothing outweigh one that shows
    any area, however large; otherwise a single false look could begin a site.
    """
    if not any(k for site in sites for _, k in site.begun):
        raise PipelineError("calibration needs sites that began between two looks")
    names = list(AreaLikelihood.model_fields)

    def model_of(numbers: Doubles) -> StateModel:
        ground, ponds = (
            AreaLikelihood(**dict(zip(names, map(float, half), strict=True))) for half in np.split(np.exp(numbers), 2)
        )
        return start.model_copy(update={"ground": ground, "ponds": ponds})

    def unlikely(numbers: Doubles) -> float:
        model = model_of(numbers)
        if max(log_ratio(one, NO_AREA, 0.0)[0] for one in (model.ground, model.ponds)) > -MAX_LOG_RATIO / 2:
            return math.inf
        return sum(_negative_log_likelihood(site, model) for site in sites)

    first = [value for one in (UNCALIBRATED.ground, UNCALIBRATED.ponds) for value in one.model_dump().values()]
    fit = minimize(unlikely, np.log(first), method="Nelder-Mead", options={"xatol": 0.03, "fatol": 0.3, "maxfev": 400})
    return model_of(fit.x)


def _negative_log_likelihood(site: _SeenOnsets, model: StateModel) -> float:
    """Negative log-likelihood of a site's true onsets."""
    ground, ponds = log_ratios(site.ground_m2, site.pond_m2, model)
    states = forward_backward(site.days, ground, ponds, model)
    lost = 0.0
    for state, k in site.begun:
        onset = states.onset(state)
        likely = onset[k] if k is not None else 1.0 - onset.sum()
        lost -= math.log(UNINFORMATIVE + (1.0 - UNINFORMATIVE) * float(likely))
    return lost


def _pairs(result: TrialResult) -> Iterator[tuple[AssessedSite, TrueSite | None]]:
    """Each site found in a world, and the true site it lies on; None = on none."""
    for item, reported in zip(result.found, result.case.reported, strict=True):
        yield item, next((t for t in result.case.truth if t.polygon.intersects(reported.polygon)), None)
