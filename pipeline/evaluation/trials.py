"""Trials: simulated worlds watched over time by the pipeline's own code, without a file in between.

What a run does to scenes (clear test, network, evidence, sites, histories, confidence) is done here to worlds, so what
is measured is what users get. Worlds come from the seed; a trial is the same whoever runs it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.config import Settings
from pipeline.engine import executor_for, run
from pipeline.errors import PipelineError
from pipeline.evaluation.baselines import segmenter
from pipeline.evaluation.overlay import overlaid
from pipeline.evaluation.truth import (
    Case,
    KnownLookAlike,
    Reported,
    TrueSite,
    clusters,
    known_look_alikes,
    overlap,
    true_sites,
)
from pipeline.evidence.fuse import Evidence, fuse
from pipeline.grid import PIXEL_M, Window
from pipeline.looks.archive import Stack
from pipeline.looks.clear import clear
from pipeline.looks.segment import segment
from pipeline.looks.weights import Model, load_model
from pipeline.progress import Progress
from pipeline.raster import Bools, Bytes, Floats, Raster
from pipeline.sites.confidence import AssessedSite, assess
from pipeline.sites.extract import find_sites, pond_pixels
from pipeline.training.backgrounds import read_background
from pipeline.worlds.atmosphere import cloud_share
from pipeline.worlds.world import Rendering, World, make_world, render

Result = TypeVar("Result")
START, END = date(2023, 1, 1), date(2025, 12, 31)
"""Time of the worlds' histories."""
MONTHS = 15
"""The last so many of it are watched unless said otherwise, in two looks a month ..."""
OVERPASSES = 3
"""... each the clearest of so many overpasses: there are six a month, and a scan takes what is clear."""
PLACE = Window(-243_200, 51_200, 512, 512)
"""Where all of these worlds lie; 26.2 km²."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One world to watch."""

    seed: int
    """Of the world."""
    style: str
    """A style of `configs/worlds.toml`."""
    breadth: float = 1.0
    """How far colours go beyond the ranges of that file; 1: within."""
    look_alikes: float = 1.0
    """Look-alikes, in times their number in nature."""
    months: int = MONTHS
    """The last so many of its time are watched."""
    every: int = 1
    """Only each so many-th look is taken, the last one always: how well is a place known that is seen seldom?"""
    background: str = ""
    """File of a real scene without sites, to be looked at once in the place of a world; empty: a world."""
    sites: int = 0
    """Sites drawn into the background, at most."""


@dataclass(frozen=True, eq=False, slots=True)
class TrialResult:
    """What came of a trial."""

    case: Case
    """Truth, and all that was found, whatever its confidence."""
    found: tuple[AssessedSite, ...]
    """The same with features and history, in the order of `case.reported`."""


@dataclass(frozen=True, eq=False, slots=True)
class WorldLooks:
    """The looks at a world, in memory, in the place of an archive."""

    whole: Stack
    """All of them on `PLACE`."""
    settings: Settings
    """How they are fused."""

    def stack(self, window: Window) -> Stack:
        """The looks on a window; nothing was measured outside of the world."""
        part = window.intersection(self.whole.window)
        shape = (len(self.whole.days), *window.shape)
        pond, ground, seen = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros(shape, bool)
        if part is not None:
            into, out = (slice(None), *part.within(window)), (slice(None), *part.within(self.whole.window))
            pond[into], ground[into], seen[into] = self.whole.pond[out], self.whole.ground[out], self.whole.clear[out]
        return Stack(
            window=window,
            days=self.whole.days,
            overpasses=self.whole.overpasses,
            pond=pond,
            ground=ground,
            clear=seen,
            measured=self.whole.measured,
        )

    def evidence(self, window: Window) -> Evidence:
        """What the looks say of a window."""
        return fuse(self.stack(window), self.settings.evidence)


@dataclass(frozen=True, eq=False, slots=True)
class ObservedWorld:
    """The looks at a world, and what was really there at any of them, where anything was seen."""

    looks: Stack
    """On the window of the world."""
    pond: Floats
    """Largest pond fraction over the looks, 0 to 1, shape (y, x)."""
    ground: Bools
    """Ground of a site in any look, shape (y, x)."""
    clearest: Floats
    """Reflectance of the clearest look, the latest of several, shape (band, y, x)."""
    truth: tuple[TrueSite, ...]
    """Its sites."""
    look_alikes: tuple[KnownLookAlike, ...]
    """What is no site, where known."""


@dataclass(frozen=True, slots=True)
class TrialRunner:
    """Watches worlds in a worker process."""

    settings: Settings
    """Of the run, model included."""
    baseline: str = ""
    """Takes the network's place, see `baselines.py`; empty: the network."""
    calibration: tuple[tuple[str, float], ...] = ()
    """Of the baseline; a network has its own."""

    def __call__(self, trial: Trial) -> TrialResult:
        """Look at a world through its months, or at a background once, and derive its sites."""
        return self._derived(self.shown(trial))

    def shown(self, trial: Trial) -> "ObservedWorld":
        """The looks at a trial, and the truth."""
        if trial.background:
            return self._real(trial)
        size = PLACE.height
        world = make_world(
            trial.seed, size, trial.style, START, END, look_alikes=trial.look_alikes, breadth=trial.breadth
        )
        return self.looked(world, overpasses(trial.seed, trial.every, trial.months))

    def looked(self, world: World, passes: Sequence[tuple[date, float]]) -> "ObservedWorld":
        """The looks at a world on days, ascending, with their share of cloud, and the truth."""
        days = tuple(day for day, _ in passes)
        renderings = (render(world, day, world.seed, cloud) for day, cloud in passes)
        alikes = known_look_alikes(world, PLACE, days[-1])
        return self._shown(renderings, days, lambda looks: true_sites(world.sites, looks), alikes)

    def _real(self, trial: Trial) -> "ObservedWorld":
        scene = read_background(Path(trial.background))
        rng = np.random.default_rng([trial.seed, 9])
        look, truth = overlaid(scene, rng, PLACE, trial.sites, END)
        return self._shown([look], (END,), lambda _: truth, ())

    def found(self, whole: Stack) -> list[AssessedSite]:
        """Sites from looks, by the code that users run, whatever their confidence."""
        looks, settings = WorldLooks(whole, self.settings), self.settings
        window, everywhere = whole.window, np.ones(whole.window.shape, bool)
        ponds = pond_pixels(window, looks.evidence(window).pond, everywhere, settings.sites)
        numbers = dict(self.calibration) if self.baseline else self._network().card.calibration
        sites = find_sites([ponds], looks.evidence, settings.sites)
        return [assess(site, looks.stack(site.window), settings, numbers) for site in sites]

    def _derived(self, shown: "ObservedWorld") -> TrialResult:
        """What was found on a trial, beside what was there."""
        whole, settings, window = shown.looks, self.settings, shown.looks.window
        found = self.found(whole)
        told = [item.site for item in found if item.confidence >= settings.sites.min_confidence]
        case = Case(
            km2=float(whole.clear.any(axis=0).sum()) * PIXEL_M**2 / 1e6,
            first=whole.days[0],
            last=whole.days[-1],
            truth=shown.truth,
            look_alikes=shown.look_alikes,
            reported=tuple(_reported(item) for item in found),
            ground=overlap(_drawn([(site.window, site.ground) for site in told], window), shown.ground),
            ponds=overlap(
                clusters(_drawn([(site.window, site.pond) for site in told], window)),
                clusters(shown.pond >= settings.sites.pond_fraction),
            ),
        )
        return TrialResult(case, tuple(found))

    def _shown(
        self,
        renderings: Iterable[Rendering],
        days: tuple[date, ...],
        truth: Callable[[Stack], tuple[TrueSite, ...]],
        known: tuple[KnownLookAlike, ...],
    ) -> "ObservedWorld":
        """All looks at a world, at the corner of `PLACE`; one rendering at a time is kept, and the clearest."""
        layers: list[tuple[Bytes, Bytes, Bools]] = []
        pond, ground = np.zeros((0, 0), np.float32), np.zeros((0, 0), bool)
        clearest, most = np.zeros((0, 0, 0), np.float32), -1
        for seen in renderings:
            window = Window(PLACE.row, PLACE.col, *seen.clear.shape)
            layers.append(self._look(seen, window))
            pond = np.maximum(pond, seen.pond_fraction) if pond.size else seen.pond_fraction
            ground = ground | seen.ground if ground.size else seen.ground
            if int(seen.clear.sum()) >= most:
                clearest, most = seen.reflectance, int(seen.clear.sum())
        told_pond, told_ground, usable = (np.stack(planes) for planes in zip(*layers, strict=True))
        looks = Stack(
            window=window,
            days=days,
            overpasses=tuple(f"{day:%Y%m%d}" for day in days),
            pond=told_pond,
            ground=told_ground,
            clear=usable,
            measured=np.ones(len(days), bool),
        )
        ever = usable.any(axis=0)
        return ObservedWorld(looks, np.where(ever, pond, 0), ground & ever, clearest, truth(looks), known)

    def _look(self, seen: Rendering, window: Window) -> tuple[Bytes, Bytes, Bools]:
        """Pond fraction and ground probability in 1/200, 0 where not clear, and where the ground was seen; (y, x)."""
        raster = Raster(window=window, reflectance=seen.reflectance, valid=np.ones(window.shape, bool), scl=seen.scl)
        usable = clear(raster, self.settings.clear)
        if not usable.any():
            nothing = np.zeros(window.shape, np.uint8)
            return nothing, nothing, usable
        told = segmenter(self.baseline)(raster) if self.baseline else segment(self._network(), raster)
        return np.where(usable, told.pond_fraction, 0), np.where(usable, told.ground_probability, 0), usable

    def _network(self) -> Model:
        return _model(self.settings.model, self.settings.segment.precision)


def run_trials(trials: list[Trial], runner: TrialRunner, workers: int, progress: Progress) -> list[TrialResult]:
    """All trials watched, in order. Raises `PipelineError` when one fails."""
    return each_of(trials, runner, workers, progress, "Watching worlds")


def each_of(
    trials: list[Trial], work: Callable[[Trial], Result], workers: int, progress: Progress, title: str
) -> list[Result]:
    """What `work` makes of each trial, in order. Raises `PipelineError` when one fails."""
    executor, width = executor_for(workers, len(trials))
    done: dict[Trial, Result] = {}
    with executor, progress.stage(title, len(trials), unit="worlds") as step:
        for outcome in run(trials, work, executor, width):
            if outcome.value is None:
                raise PipelineError(f"world {outcome.unit.seed}: {outcome.reason}")
            done[outcome.unit] = outcome.value
            step(1)
    return [done[trial] for trial in trials]


def overpasses(seed: int, every: int = 1, months: int = MONTHS) -> list[tuple[date, float]]:
    """When a world is looked at, ascending, and the share of cloud then."""
    rng = np.random.default_rng([seed, 5])
    chosen = []
    for back in range(months - 1, -1, -1):
        number = END.year * 12 + END.month - 1 - back
        for first in (1, 15):
            start = date(number // 12, number % 12 + 1, first) + timedelta(days=int(rng.integers(4)))
            days = [start + timedelta(days=5 * later) for later in range(OVERPASSES)]
            cloud, day = min((cloud_share(rng, day), day) for day in days)
            chosen.append((day, cloud))
    return chosen[::-1][::every][::-1]


def _drawn(parts: Iterable[tuple[Window, Bools]], window: Window) -> Bools:
    """The pixels of `window` that any of the parts (y, x on their own windows) covers, shape (y, x)."""
    drawn = np.zeros(window.shape, bool)
    for own, pixels in parts:
        shared = own.intersection(window)
        if shared is not None:
            drawn[shared.within(window)] |= pixels[shared.within(own)]
    return drawn


def _reported(item: AssessedSite) -> Reported:
    past = item.past
    return Reported(
        polygon=item.site.polygon_m,
        confidence=item.confidence,
        ground=(past.ground.after, past.ground.by) if past.ground else None,
        ponds=(past.ponds.after, past.ponds.by) if past.ponds else None,
        pond_area_m2=item.area,
        course=tuple((look.day, state) for look, state in zip(past.looks, past.states, strict=True)),
    )


@lru_cache(maxsize=1)
def _model(name: str, precision: str) -> Model:
    import torch

    torch.set_num_threads(1)
    return load_model(name, "cpu", precision)
