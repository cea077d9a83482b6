"""Sets of trials that models are scored on, each with the description that belongs to every figure made from it."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

from pipeline.config import Settings
from pipeline.errors import InputError, describe
from pipeline.evaluation.calibrate import WORLDS, fitted
from pipeline.evaluation.clear_looks import with_clear_looks
from pipeline.evaluation.trials import MONTHS, Trial, TrialRunner, run_trials
from pipeline.evaluation.truth import Case, read_case
from pipeline.progress import Progress
from pipeline.training.chips import STYLES

FIRST_SEEDS = MappingProxyType(
    {"held-out": 970_000_001, "shifted": 975_000_001, "other-country": 980_000_001, "real": 985_000_001}
)
"""First world seed of each set; training, validation and calibration use others."""
SHIFT = 1.8
"""How far from the middle of their ranges the colours of the shifted set lie, as a factor; training goes to 1.5."""
SITES = 3
"""Largest number of sites drawn into a real scene."""
MIN_WORLDS = 16
"""A baseline is calibrated on at least this many worlds: with fewer there would be too few sites."""


def trials_of(
    name: str,
    count: int,
    backgrounds: Path,
    styles: tuple[str, ...] = STYLES,
    every: int = 1,
    months: int = MONTHS,
) -> tuple[str, list[Trial]]:
    """The description of a set, and `count` trials of it; `every`, `months`: see `Trial`. Raises `InputError`."""
    first = FIRST_SEEDS[name]
    seeds = range(first, first + count)
    if name == "real":
        return _real(seeds, backgrounds)
    shown, breadth, more = styles, 1.0, ""
    if name == "shifted":
        breadth, more = SHIFT, f", colours {SHIFT} times as far from the middle of their ranges"
    if name == "other-country":
        shown = ("plain", "dry")
    seldom = f", every {every}th look" if every > 1 else ""
    words = f"{count} simulated worlds, seeds {first}..{seeds[-1]}, styles {' and '.join(shown)}{more}{seldom}"
    return words, [Trial(k, shown[k % len(shown)], breadth=breadth, every=every, months=months) for k in seeds]


def _real(seeds: range, backgrounds: Path) -> tuple[str, list[Trial]]:
    paths = [str(path) for path in sorted(backgrounds.glob("*.tif"))]
    if not paths:
        raise InputError(f"{backgrounds}: holds no GeoTIFF")
    words = f"{len(paths)} real scenes in {backgrounds}, {len(seeds)} looks, half with sites drawn in; area: all looks"
    chosen = [(seed, paths[number // 2 % len(paths)], SITES * (number % 2)) for number, seed in enumerate(seeds)]
    return words, [Trial(seed, STYLES[0], background=path, sites=sites) for seed, path, sites in chosen]


def cases_of(trials: list[Trial], runner: TrialRunner, workers: int, progress: Progress) -> list[Case]:
    """The cases of a set, with what a runner's network (or baseline) reported."""
    return [seen.case for seen in run_trials(trials, runner, workers, progress)]


def baseline_of(name: str, settings: Settings, workers: int, progress: Progress, worlds: int) -> TrialRunner:
    """A runner with a baseline in the network's place, calibrated as a network is.

    `worlds`: how many it will be scored on; it is calibrated on as many others, from `MIN_WORLDS` to `WORLDS`: a
    forest is slow.
    """
    runner = TrialRunner(settings, name)
    calibration, _ = fitted(runner, workers, progress, min(max(worlds, MIN_WORLDS), WORLDS))
    return replace(runner, baseline_calibration=calibration)


def case_of_run(out: Path) -> Case:
    """The case of a finished run on simulated input; clear looks as far as its look files are there.

    Raises `InputError`.
    """
    try:
        rows = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["looks"]
        days = sorted(date.fromisoformat(row["overpass"][:8]) for row in rows)
    except (OSError, ValueError, KeyError) as cause:
        raise InputError(f"{out}: not the folder of a run ({describe(cause)})") from cause
    if not days:
        raise InputError(f"{out}: the run has no look to score")
    case = read_case(out / "sites.geojson", out / "simulated" / "truth.geojson", days[0], days[-1])
    return with_clear_looks(case, out, rows)
