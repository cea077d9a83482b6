"""What the screen costs in sites, and what it skips: the same worlds looked at with and without it.

    python benchmarks/screening.py [--held-out 200 --shifted 80 --real 400] [--thresholds 2,3,4]

A site is lost where it is reported without the screen and no site is reported on its ground with it. Prints a table of
thresholds: share of clear ground skipped at first, share looked at again, and sites lost with a 95 % interval.
"""

import argparse
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from scipy.stats import binomtest

from pipeline import resources
from pipeline.config import Settings, load
from pipeline.engine import processes, run
from pipeline.evaluation.sets import trials_of
from pipeline.evaluation.trials import Trial, TrialRunner
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, SCREENED
from pipeline.progress import Progress
from pipeline.sites.confidence import AssessedSite
from pipeline.worlds.world import Rendering, World, render

SETS = ("held-out", "shifted", "real")


@dataclass(frozen=True)
class Compared:
    """One world by one threshold."""

    name: str
    threshold: float
    found: int
    """Sites reported without the screen."""
    lost: int
    """Those of them on whose ground nothing is reported with it."""
    added: int
    """Sites reported with it alone."""
    clear_px: int
    """Clear pixels of all first looks."""
    skipped_px: int
    """Those of them that were screened out."""
    again_px: int
    """Pixels that closer looks looked at."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    for name, count in zip(SETS, (200, 80, 400), strict=True):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--thresholds", default="3")
    asked = vars(parser.parse_args())
    thresholds = [float(text) for text in asked["thresholds"].split(",")]
    places = resources.find("backgrounds", "evaluation") or Path("backgrounds", "evaluation")
    units = [(name, trial) for name in SETS if asked[name.replace("-", "_")]
             for trial in trials_of(name, asked[name.replace("-", "_")], places)[1]]  # fmt: skip
    results: list[Compared] = []
    progress = Progress()
    with progress.stage("Comparing", len(units), unit="worlds") as step:
        for outcome in run(units, partial(compared, thresholds), processes(0, len(units))):
            if outcome.value is None:
                raise SystemExit(f"world {outcome.unit[1].seed}: {outcome.reason}")
            results += outcome.value
            step(1)
    for name in (*SETS, "all"):
        own = [each for each in results if name in (each.name, "all")]
        for threshold in thresholds:
            told(name, threshold, [each for each in own if each.threshold == threshold])


def told(name: str, threshold: float, results: list[Compared]) -> None:
    """Print one line."""
    if not results:
        return
    total = {key: sum(getattr(each, key) for each in results) for key in ("found", "lost", "added")}
    clear, skipped, again = (
        sum(getattr(each, key) for each in results) for key in ("clear_px", "skipped_px", "again_px")
    )
    low, high = binomtest(total["lost"], max(1, total["found"])).proportion_ci(method="exact")
    print(
        f"{name:9s} threshold {threshold:4.1f}: {len(results)} worlds, skipped {skipped / clear:.3f} of clear ground, "
        f"looked at again {again / clear:.3f}; of {total['found']} sites lost {total['lost']} "
        f"({low:.3f} to {high:.3f}), added {total['added']}",
        flush=True,
    )


def compared(thresholds: list[float], unit: tuple[str, Trial]) -> list[Compared]:
    """One world without the screen, and with it by each threshold; each day of it is rendered once."""
    torch.set_num_threads(1)
    keep: dict[tuple[date, float], Rendering] = {}
    plain = render

    def kept(world: World, day: date, seed: int, cloud: float) -> Rendering:
        if (day, cloud) not in keep:
            keep[day, cloud] = plain(world, day, seed, cloud)
        return keep[day, cloud]

    with patch("pipeline.evaluation.trials.render", kept):
        return _compared_once(thresholds, *unit)


def _compared_once(thresholds: list[float], name: str, trial: Trial) -> list[Compared]:
    settings = load(None)
    dense, _ = _found(settings, trial, enabled=False)
    return [_by(name, trial, settings, threshold, dense) for threshold in thresholds]


def _by(name: str, trial: Trial, settings: Settings, threshold: float, dense: list[AssessedSite]) -> Compared:
    with patch("pipeline.looks.screen.THRESHOLD", threshold):
        sites, looks = _found(settings, trial, enabled=True)
    first = [look.pixels.read(look.extent)[2] for look in looks if look.generation == 0]
    again = [look.pixels.read(look.extent)[2] for look in looks if look.generation > 0]
    return Compared(
        name=name,
        threshold=threshold,
        found=len(dense),
        lost=sum(not any(_meet(one, other) for other in sites) for one in dense),
        added=sum(not any(_meet(one, other) for other in dense) for one in sites),
        clear_px=sum(int((state >= CLEAR).sum()) for state in first),
        skipped_px=sum(int((state == SCREENED).sum()) for state in first),
        again_px=sum(int((state == CLEAR).sum()) for state in again),
    )


def _meet(one: AssessedSite, other: AssessedSite) -> bool:
    return bool(one.site.polygon_m.intersects(other.site.polygon_m))


def _found(settings: Settings, trial: Trial, *, enabled: bool) -> tuple[list[AssessedSite], tuple[Look, ...]]:
    """Reported sites, and all looks."""
    runner = TrialRunner(settings, screened=enabled)
    seen = runner.observed(trial)
    derived = runner.derived(seen.aoi, seen.looks)
    reported = [item for item in derived.sites if item.confidence >= settings.sites.min_confidence]
    return reported, seen.looks


if __name__ == "__main__":
    main()
