"""Trials: simulated worlds watched over time by the pipeline's own code, without a file in between.

What a run does to scenes (clear test, network, evidence, sites, histories, confidence) is done here to worlds, so what
is measured is what users get. Worlds come from the seed; a trial is the same whoever runs it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.clear import clear
from pipeline.confidence import Found, found_site
from pipeline.config import Settings
from pipeline.engine import executor_for, run
from pipeline.errors import PipelineError
from pipeline.fuse import Evidence, fuse
from pipeline.grid import PIXEL_M, Window
from pipeline.looks import Stack
from pipeline.progress import Progress
from pipeline.raster import Bools, Bytes, Raster
from pipeline.segment import segment
from pipeline.sites import find_sites, pond_pixels
from pipeline.training.backgrounds import painted, read_background
from pipeline.training.baselines import segmenter
from pipeline.training.truth import Case, LookAlike, Reported, TrueSite, true_look_alikes, true_sites
from pipeline.weights import Model, load_model
from pipeline.worlds.world import Rendering, make_world, render

START, END = date(2023, 1, 1), date(2025, 12, 31)
"""Time of the worlds' histories."""
MONTHS = 15
"""The last so many of it are watched, one look a month."""
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
    decoys: float = 1.0
    """Look-alikes, in times their number in nature."""
    background: str = ""
    """File of a real scene without sites, to be looked at once in the place of a world; empty: a world."""
    sites: int = 0
    """Sites painted into the background."""


@dataclass(frozen=True, eq=False, slots=True)
class Watched:
    """What came of a trial."""

    case: Case
    """Truth, and all that was found, whatever its confidence."""
    found: tuple[Found, ...]
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


@dataclass(frozen=True, slots=True)
class Watcher:
    """Watches worlds in a worker process."""

    settings: Settings
    """Of the run, model included."""
    baseline: str = ""
    """Takes the network's place, see `baselines.py`; empty: the network."""
    calibration: tuple[tuple[str, float], ...] = ()
    """Of the baseline; a network has its own."""

    def __call__(self, trial: Trial) -> Watched:
        """Look at a world once a month, or at a background once, and derive its sites."""
        return self._real(trial) if trial.background else self._world(trial)

    def _world(self, trial: Trial) -> Watched:
        size = PLACE.height
        world = make_world(trial.seed, size, trial.style, START, END, decoys=trial.decoys, breadth=trial.breadth)
        days = tuple(_days(trial.seed))
        whole = self._stack([render(world, day, trial.seed) for day in days], days)
        known = true_look_alikes(world, PLACE, days[-1])
        return self._derived(whole, true_sites(world.sites, whole), known)

    def _real(self, trial: Trial) -> Watched:
        scene = read_background(Path(trial.background))
        rng = np.random.default_rng([trial.seed, 9])
        look, sites, day = painted(scene, rng, PLACE.height, trial.sites, START, END)
        whole = self._stack([look], (day,))
        return self._derived(whole, true_sites(sites, whole), ())

    def _derived(self, whole: Stack, truth: tuple[TrueSite, ...], known: tuple[LookAlike, ...]) -> Watched:
        """Sites from looks, by the code that users run."""
        looks, settings, window = WorldLooks(whole, self.settings), self.settings, whole.window
        ponds = pond_pixels(looks.evidence(window), np.ones(window.shape, bool), settings.sites)
        sites = find_sites([ponds], looks.evidence, settings.sites)
        numbers = dict(self.calibration) if self.baseline else self._network().card.calibration
        found = [found_site(site, looks.stack(site.window), settings, numbers) for site in sites]
        case = Case(
            km2=float(whole.clear.any(axis=0).sum()) * PIXEL_M**2 / 1e6,
            first=whole.days[0],
            last=whole.days[-1],
            truth=truth,
            look_alikes=known,
            reported=tuple(_reported(item) for item in found),
        )
        return Watched(case, tuple(found))

    def _stack(self, seen: list[Rendering], days: tuple[date, ...]) -> Stack:
        """All looks at a world, at the corner of `PLACE`."""
        window = Window(PLACE.row, PLACE.col, *seen[0].clear.shape)
        layers = [self._look(look, window) for look in seen]
        pond, ground, usable = (np.stack(planes) for planes in zip(*layers, strict=True))
        return Stack(
            window=window,
            days=days,
            overpasses=tuple(f"{day:%Y%m%d}" for day in days),
            pond=pond,
            ground=ground,
            clear=usable,
            measured=np.ones(len(days), bool),
        )

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


def watch(trials: list[Trial], watcher: Watcher, workers: int, progress: Progress) -> list[Watched]:
    """All trials, in order. Raises `PipelineError` when one fails."""
    executor, width = executor_for(workers, len(trials))
    done: dict[Trial, Watched] = {}
    with executor, progress.stage("Watching worlds", len(trials), unit="worlds") as step:
        for outcome in run(trials, watcher, executor, width):
            if outcome.value is None:
                raise PipelineError(f"world {outcome.unit.seed}: {outcome.reason}")
            done[outcome.unit] = outcome.value
            step(1)
    return [done[trial] for trial in trials]


def _days(seed: int) -> Iterator[date]:
    """One day in each of the last months."""
    rng = np.random.default_rng([seed, 5])
    for back in range(MONTHS - 1, -1, -1):
        number = END.year * 12 + END.month - 1 - back
        yield date(number // 12, number % 12 + 1, 1) + timedelta(days=int(rng.integers(28)))


def _reported(item: Found) -> Reported:
    past = item.past
    return Reported(
        polygon=item.site.polygon_m,
        confidence=item.confidence,
        ground=(past.ground.after, past.ground.by) if past.ground else None,
        ponds=(past.ponds.after, past.ponds.by) if past.ponds else None,
        pond_area_m2=item.area,
    )


@lru_cache(maxsize=1)
def _model(name: str, precision: str) -> Model:
    import torch

    torch.set_num_threads(1)
    return load_model(name, "cpu", precision)
