"""The budget of false alarms: the worlds that it is calibrated on, and whether lists keep to it in others.

Worlds are observed in few looks, as new sites are. Those of calibration are neither those that the confidence was
fitted on nor those that models are scored on.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.alerts.budget import ROUNDING, Target, joined, least_bar, share_kept
from pipeline.alerts.worlds import (
    AlertWorlds,
    KnownGround,
    KnownReport,
    KnownWorld,
    calibration_digest,
    pieces_of,
    write_alert_worlds,
)
from pipeline.errors import InputError
from pipeline.evaluation.rates import RateEstimate, exact_bounds, interval_text
from pipeline.evaluation.sets import FIRST_SEEDS
from pipeline.evaluation.trials import Trial, TrialResult, TrialRunner, run_trials
from pipeline.evaluation.truth import Case
from pipeline.looks.card import CARD, read_card
from pipeline.progress import Progress
from pipeline.training.chips import STYLES

FIRST_SEED = 960_000_001
"""First world seed of calibration."""
EVERY = 10
"""Only every so many looks are taken, which leaves three in 15 months."""
DIGITS = 6
"""Of confidences that are kept."""
DENSITIES = (2.0, 10.0, 75.0)
"""Sites per 1,000 km² at which lists are judged."""
DRAWS = 10_000
"""Scans that are drawn at each."""


@dataclass(frozen=True, slots=True)
class KeptBudget:
    """Lists of scans that were drawn from worlds with known truth."""

    broken: RateEstimate
    """Lists with a larger share of false ones than the budget, of as many scans as the worlds hold without overlap."""
    length: float
    """Mean length of a list."""
    length_error: float
    """Its standard error, by the same number of scans."""
    false: float
    """Share of false ones in all lists together, 0 to 1."""


def alert_trials(first: int, count: int) -> list[Trial]:
    """So many worlds, from a seed on."""
    return [Trial(first + k, STYLES[k % len(STYLES)], every=EVERY) for k in range(count)]


def make_alert_worlds(folder: Path, runner: TrialRunner, count: int, workers: int, progress: Progress) -> AlertWorlds:
    """Observe so many calibration worlds and write what a model reported there beside its card.

    Raises `InputError` for a model without calibration, and `PipelineError` where a world cannot be observed.
    """
    card = read_card(folder / CARD)
    digest = calibration_digest(card)
    trials = alert_trials(FIRST_SEED, count)
    worlds, reports = known(trials, run_trials(trials, runner, workers, progress))
    found = AlertWorlds(
        set=described(trials), model_sha256=card.sha256, calibration_sha256=digest, worlds=worlds, reports=reports
    )
    write_alert_worlds(folder, found)
    return found


def described(trials: Sequence[Trial]) -> str:
    """Which worlds these are."""
    seeds, styles = f"{trials[0].seed}..{trials[-1].seed}", " and ".join(STYLES)
    return f"{len(trials)} simulated worlds, seeds {seeds}, styles {styles}, every {EVERY}th look"


def known(
    trials: Sequence[Trial], results: Sequence[TrialResult]
) -> tuple[tuple[KnownWorld, ...], tuple[KnownReport, ...]]:
    """Worlds, and what was reported in them."""
    worlds, reports = [], []
    for trial, result in zip(trials, results, strict=True):
        case = result.case
        due = sum(site.ponds_from is not None and site.ponds_from <= case.last for site in case.truth)
        worlds.append(KnownWorld(seed=trial.seed, km2=round(case.km2, 4), sites=due))
        reports += [
            KnownReport(seed=trial.seed, confidence=round(confidence, DIGITS), true=true)
            for confidence, true in _reports(case)
        ]
    return tuple(worlds), tuple(reports)


def _reports(case: Case) -> Iterator[tuple[float, bool]]:
    """Confidence of each report, and whether it is true; of several on one site only the surest."""
    surest: dict[int, float] = {}
    for report in case.reported:
        site = next((k for k, site in enumerate(case.truth) if site.polygon.intersects(report.polygon)), None)
        if site is None:
            yield report.confidence, False
        else:
            surest[site] = max(surest.get(site, 0.0), report.confidence)
    yield from ((confidence, True) for confidence in surest.values())


def kept_budget(ground: Sequence[KnownGround], bar: float, target: Target) -> KeptBudget:
    """Lists at a bar, in scans drawn from ground that the bar was not made from."""
    whole = joined(ground)
    each_km2 = whole.km2 / len(ground)
    size = max(1, math.ceil(target.km2 / each_km2 - ROUNDING))
    if size > len(ground):
        raise InputError(f"{len(ground)} worlds are too few for scans of {target.km2:,.0f} km²: {size} are needed")
    inside, kept, scans = min(1.0, target.km2 / (size * each_km2)), share_kept(whole, target), len(ground) / size
    rng = np.random.default_rng(1)
    drawn = np.array([rng.choice(len(ground), size, replace=False) for _ in range(DRAWS)])
    true, false = (
        rng.binomial(np.array([sum(value >= bar for value in values) for values in each])[drawn].sum(axis=1), share)
        for each, share in (
            ([piece.true for piece in ground], kept * inside),
            ([piece.false for piece in ground], inside),
        )
    )
    length = true + false
    broken = float((false > target.budget * length + ROUNDING).mean()) * scans
    return KeptBudget(
        broken=RateEstimate(broken, scans, *exact_bounds(broken, scans)),
        length=float(length.mean()),
        length_error=float(length.std() / math.sqrt(scans)),
        false=float(false.sum() / max(1, length.sum())),
    )


def budget_table(worlds: AlertWorlds, ground: Sequence[KnownGround], budget: float, least: float, km2: float) -> str:
    """What is listed at the bar and without it (from confidence `least`), at each of `DENSITIES`, in other worlds."""
    rows = []
    for density in DENSITIES:
        target = Target(km2, density, budget)
        cut = least_bar(worlds.pieces, target)
        target = Target(min(km2, cut.km2), density, budget)
        rows.append(f"{density:g} sites per 1,000 km², scans of {target.km2:,.0f} km²")
        for name, bar in (("  all that is reported", least), ("  at the bar", cut.confidence)):
            rows.append(f"{name:24} {'no list' if bar is None else _row(bar, kept_budget(ground, bar, target))}")
    return "\n".join(rows)


def _row(bar: float, kept: KeptBudget) -> str:
    return (
        f"confidence {bar:.3f}; over the budget {interval_text(kept.broken)}; length {kept.length:.2f} "
        f"± {1.96 * kept.length_error:.2f}; false in all {kept.false:.2f}"
    )


def held_out(count: int, runner: TrialRunner, workers: int, progress: Progress) -> tuple[str, tuple[KnownGround, ...]]:
    """So many held-out worlds with what is reported in them, and which these are."""
    trials = alert_trials(FIRST_SEEDS["held-out"], count)
    worlds, reports = known(trials, run_trials(trials, runner, workers, progress))
    return described(trials), pieces_of(worlds, reports)
