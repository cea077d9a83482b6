"""Trials: simulated worlds observed over time by the code of a run, without a file in between.

A rendering of a world takes the place of a scene; planning, margins, clear test, network, outliers, evidence, sites,
histories and confidence are those of `detect` (`looks/observe.py`, `run/derive.py`). Worlds follow from their seeds, so
trials are reproducible.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.aoi import Aoi
from pipeline.bands import BANDS
from pipeline.config import Settings
from pipeline.engine import processes, run
from pipeline.errors import PipelineError
from pipeline.evaluation.baselines import segmenter_of
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
from pipeline.evidence.cells import CellMemory, EvidenceCache
from pipeline.grid import LONLAT, PIXEL_M, Grid, Window, reprojected
from pipeline.looks.calibration import Calibration
from pipeline.looks.codes import Segmenter
from pipeline.looks.look import Look, LookArray, in_force, look_of
from pipeline.looks.observe import observe
from pipeline.looks.recipe import read_margin_px
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.stack import LookArchive, Stack
from pipeline.looks.task import plan
from pipeline.looks.weights import Model, load_model
from pipeline.progress import Progress
from pipeline.raster import Bools, Floats, Raster
from pipeline.run.derive import Derived, derive
from pipeline.run.detect import ROUNDS
from pipeline.run.spare import closer_in
from pipeline.sites.confidence import AssessedSite
from pipeline.sites.names import Interval
from pipeline.sources.assets import HubItem
from pipeline.sources.interface import Period, Scene, Search, overpasses
from pipeline.training.backgrounds import read_background
from pipeline.worlds.atmosphere import cloud_share
from pipeline.worlds.world import Rendering, World, make_world, render

Result = TypeVar("Result")
START, END = date(2023, 1, 1), date(2025, 12, 31)
"""First and last day of the worlds' histories."""
MONTHS = 15
"""Months at the end of that time that are observed unless stated otherwise, in two looks a month ..."""
OVERPASSES = 3
"""... each the clearest of this many overpasses: there are six a month, and a scan uses the clear ones."""
KEPT_RENDERINGS = 40
"""Renderings of a world that are kept for closer looks, about 8 MB each; of more, some are rendered again."""
GRID = Grid(32647)
"""Grid of all these worlds ..."""
PLACE = Window(-243_200, 51_200, 512, 512)
"""... and the pixels that they cover; 26.2 km²."""
MORNING = time(4, 0, tzinfo=UTC)
"""Time of the overpasses, UTC: 10:30 local time."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One world to observe."""

    seed: int
    """Seed of the world."""
    style: str
    """A style of `configs/worlds.toml`."""
    breadth: float = 1.0
    """How far colours go beyond the ranges of that file, as a factor; 1 = within."""
    look_alikes: float = 1.0
    """Number of look-alikes relative to that in nature."""
    months: int = MONTHS
    """How many months at the end of its history are observed."""
    every: int = 1
    """Only every n-th look is taken, the last one always, to test places that are seldom seen."""
    background: str = ""
    """File of a real scene without sites, observed once in the place of a world; empty = a world."""
    sites: int = 0
    """Largest number of sites drawn into the background."""


@dataclass(frozen=True, eq=False, slots=True)
class TrialResult:
    """Result of a trial."""

    case: Case
    """Truth, and all sites that were found, whatever their confidence."""
    found: tuple[AssessedSite, ...]
    """These sites with features and history, in the order of `case.reported`."""


@dataclass(frozen=True, eq=False, slots=True)
class RenderedSource:
    """One rendering of a world as the only scene of a source; there are no data outside it."""

    rendering: Rendering
    """The rendering."""
    window: Window
    """The pixels that it covers."""
    scene: Scene
    """The scene that it stands for."""
    name: str = "world"
    """Name, as of any source."""
    simulation: str = "world"
    """Not empty: it shows no real place."""
    paid: bool = False
    """Always False."""
    remote: bool = False
    """Always False."""

    def search(self, aoi: Aoi, period: Period) -> Search:
        """The one scene."""
        return Search((self.scene,), ())

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`."""
        reflectance = np.zeros((len(BANDS), *window.shape), np.float32)
        valid, scl = np.zeros(window.shape, bool), np.zeros(window.shape, np.uint8)
        part = window.intersection(self.window)
        if part is not None:
            into, out = part.within(window), part.within(self.window)
            reflectance[(slice(None), *into)] = self.rendering.reflectance[(slice(None), *out)]
            valid[into], scl[into] = True, self.rendering.scl[out]
        return Raster(window=window, pixels=reflectance, valid=valid, scl=scl)


@dataclass(frozen=True, eq=False, slots=True)
class ObservedWorld:
    """The looks at a world, and what was really there at any of them, where any of them was clear."""

    aoi: Aoi
    """The area of the world."""
    window: Window
    """The same on the grid."""
    looks: tuple[Look, ...]
    """Ascending in time."""
    pond: Floats
    """Largest true pond fraction over the looks, 0 to 1, shape (y, x)."""
    ground: Bools
    """True: ground of a true site at any look; shape (y, x)."""
    clearest: Floats
    """Reflectance of the clearest look, the latest of equals, shape (band, y, x)."""
    truth: tuple[TrueSite, ...]
    """Its true sites."""
    look_alikes: tuple[KnownLookAlike, ...]
    """Its look-alikes, where known."""

    def stack(self) -> Stack:
        """All looks on its window."""
        return LookArchive(self.looks, PLACE.height).stack(self.window)


@dataclass(frozen=True, slots=True)
class TrialRunner:
    """Runs trials in a worker process."""

    settings: Settings
    """Settings of the run, model included."""
    baseline: str = ""
    """Name of the baseline in the network's place, see `baselines.py`; empty = the network."""
    baseline_calibration: Calibration | None = None
    """Calibration of the baseline, as a network has its own; None = not calibrated."""
    screened: bool = False
    """True: ground is screened as in a run on files of this disk. It changes next to nothing (`docs/screening.md`), and
    worlds are so small and full of sites that it saves no time."""

    def __call__(self, trial: Trial) -> TrialResult:
        """Observe a world through its months, or a background once, and derive its sites."""
        seen = self.observed(trial)
        return self._result(seen, self.derived(seen.aoi, seen.looks))

    def observed(self, trial: Trial) -> ObservedWorld:
        """The looks at a trial, and the truth."""
        if trial.background:
            return self._background(trial)
        size = PLACE.height
        world = make_world(
            trial.seed, size, trial.style, START, END, look_alikes=trial.look_alikes, breadth=trial.breadth
        )
        return self.observed_world(world, overpass_days(trial.seed, trial.every, trial.months))

    def observed_world(self, world: World, passes: Sequence[tuple[date, float]]) -> ObservedWorld:
        """The looks at a world, and the truth; `passes`: day and cloud share of each look, ascending."""
        clouds = dict(passes)
        look_alikes = known_look_alikes(world, PLACE, passes[-1][0])
        return self._observed(
            [day for day, _ in passes],
            lambda day: render(world, day, world.seed, clouds[day]),
            lambda looks: true_sites(world.sites, looks),
            look_alikes,
        )

    def derived(
        self, aoi: Aoi, looks: Sequence[Look], cache: EvidenceCache | None = None, progress: Progress | None = None
    ) -> Derived:
        """Coverage and sites from looks, by the code of a run; sites of any confidence."""
        cache = cache or EvidenceCache(CellMemory(), self.settings.evidence)
        calibration = self.baseline_calibration if self.baseline else self._network().card.calibration
        return derive(aoi, looks, cache, self.settings, calibration, progress or Progress(quiet=True))

    def _background(self, trial: Trial) -> ObservedWorld:
        scene = read_background(Path(trial.background))
        rng = np.random.default_rng([trial.seed, 9])
        look, truth = overlaid(scene, rng, PLACE, trial.sites, END)
        return self._observed([END], lambda _: look, lambda _: truth, ())

    def _observed(
        self,
        days: Sequence[date],
        rendering_of: Callable[[date], Rendering],
        truth: Callable[[Stack], tuple[TrueSite, ...]],
        look_alikes: tuple[KnownLookAlike, ...],
    ) -> ObservedWorld:
        """All looks at a world, at the north-west corner of `PLACE`."""
        rendering_of = lru_cache(maxsize=KEPT_RENDERINGS)(rendering_of)
        looks: list[Look] = []
        pond, ground = np.zeros((0, 0), np.float32), np.zeros((0, 0), bool)
        clearest, most = np.zeros((0, 0, 0), np.float32), -1
        for day in days:
            seen = rendering_of(day)
            window = Window(PLACE.row, PLACE.col, *seen.clear.shape)
            looks += self._looks(day, seen, window, () if self.screened else None)
            pond = np.maximum(pond, seen.pond_fraction) if pond.size else seen.pond_fraction
            ground = ground | seen.ground if ground.size else seen.ground
            if int(seen.clear.sum()) >= most:
                clearest, most = seen.reflectance, int(seen.clear.sum())
        looks = self._with_closer(looks, rendering_of, window) if self.screened else looks
        stack = LookArchive(looks, PLACE.height).stack(window)
        ever = stack.seen.any(axis=0)
        return ObservedWorld(
            aoi=aoi_of(window),
            window=window,
            looks=tuple(looks),
            pond=np.where(ever, pond, 0),
            ground=ground & ever,
            clearest=clearest,
            truth=truth(stack),
            look_alikes=look_alikes,
        )

    def _with_closer(
        self, looks: Sequence[Look], rendering_of: Callable[[date], Rendering], window: Window
    ) -> list[Look]:
        """These looks, and closer looks where ground with ponds was screened out, as in `run/detect.py`."""
        now = list(looks)
        for _ in range(ROUNDS):
            derived = self.derived(aoi_of(window), in_force(now))
            wanted = closer_in(derived, set(), self.settings.evidence)
            for each in wanted:
                before = [look.generation for look in now if look.day == each.day and look.meets(each.windows)]
                generation = 1 + max(before)
                now += self._made(each.day, rendering_of(each.day), window, each.windows, None, generation)
            if not wanted:
                break
        return in_force(now)

    def _looks(
        self, day: date, seen: Rendering, window: Window, spared: tuple[Window, ...] | None
    ) -> Iterator[Look]:  # fmt: skip
        """The looks at one rendering, in memory."""
        windows = aoi_of(window).windows(self.settings.segment.window_px)
        yield from self._made(day, seen, window, windows, spared, 0)

    def _made(
        self,
        day: date,
        seen: Rendering,
        window: Window,
        windows: Iterable[Window],
        spared: tuple[Window, ...] | None,
        generation: int,
    ) -> Iterator[Look]:
        """Looks at some windows of one rendering."""
        settings, segmenter, aoi = self.settings, self._segmenter(), aoi_of(window)
        scene = Scene(
            id=f"{day:%Y%m%d}",
            time_utc=datetime.combine(day, MORNING),
            platform="",
            assets=HubItem("world", f"{day:%Y%m%d}"),
            footprint=aoi.polygon,
            has_scl=True,
            provider="world",
        )
        source = RenderedSource(seen, window, scene)
        margin_px = read_margin_px(segmenter.margin_px)
        passes = overpasses(source.search(aoi, Period(None, None)).scenes)
        for task in plan(GRID, windows, settings.grid.block_px, passes, margin_px):
            asked = replace(task, spared=spared, generation=generation)
            found = observe(asked, source, segmenter, margin_px, settings.clear)
            yield look_of(asked, f"{task.name} {generation} {task.windows}", found, LookArray(found.bands, task.extent))

    def _result(self, seen: ObservedWorld, derived: Derived) -> TrialResult:
        """The sites found in a trial, with the truth."""
        settings, window = self.settings, seen.window
        reported = [item.site for item in derived.sites if item.confidence >= settings.sites.min_confidence]
        case = Case(
            km2=derived.seen_px * PIXEL_M**2 / 1e6,
            first=seen.looks[0].day,
            last=seen.looks[-1].day,
            truth=seen.truth,
            look_alikes=seen.look_alikes,
            reported=tuple(map(_reported, derived.sites)),
            ground=overlap(_drawn([(site.window, site.ground) for site in reported], window), seen.ground),
            ponds=overlap(
                clusters(_drawn([(site.window, site.pond) for site in reported], window)),
                clusters(seen.pond >= settings.sites.pond_fraction),
            ),
        )
        return TrialResult(case, derived.sites)

    def _segmenter(self) -> Segmenter:
        return segmenter_of(self.baseline) if self.baseline else NetworkSegmenter(self._network())

    def _network(self) -> Model:
        return _model(self.settings.model, self.settings.segment.precision)


def run_trials(trials: list[Trial], runner: TrialRunner, workers: int, progress: Progress) -> list[TrialResult]:
    """The results of all trials, in order. Raises `PipelineError` when one fails."""
    return each_of(trials, runner, workers, progress, "Observing worlds")


def each_of(
    trials: list[Trial], work: Callable[[Trial], Result], workers: int, progress: Progress, title: str
) -> list[Result]:
    """The result of `work` on each trial, in order. Raises `PipelineError` when one fails."""
    done: dict[Trial, Result] = {}
    with progress.stage(title, len(trials), unit="worlds") as step:
        for outcome in run(trials, work, processes(workers, len(trials))):
            if outcome.value is None:
                raise PipelineError(f"world {outcome.unit.seed}: {outcome.reason}")
            done[outcome.unit] = outcome.value
            step(1)
    return [done[trial] for trial in trials]


def overpass_days(seed: int, every: int = 1, months: int = MONTHS) -> list[tuple[date, float]]:
    """The days on which a world is observed, ascending, each with its cloud share."""
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


@lru_cache(maxsize=4)
def aoi_of(window: Window) -> Aoi:
    """The AOI of a world, one metre smaller on each side, so that no reprojection makes it touch the pixels beyond."""
    return Aoi("world", "Simulated world", "SIM", reprojected(window.polygon_m.buffer(-1.0), GRID.crs, LONLAT))


def _drawn(parts: Iterable[tuple[Window, Bools]], window: Window) -> Bools:
    """The pixels of `window` that any of the parts (y, x on their own windows) covers, shape (y, x)."""
    drawn = np.zeros(window.shape, bool)
    for own, pixels in parts:
        shared = own.intersection(window)
        if shared is not None:
            drawn[shared.within(window)] |= pixels[shared.within(own)]
    return drawn


def _reported(item: AssessedSite) -> Reported:
    past = item.history
    return Reported(
        polygon=item.site.polygon_m,
        confidence=item.confidence,
        ground=Interval(past.ground.after, past.ground.by) if past.ground else None,
        ponds=Interval(past.ponds.after, past.ponds.by) if past.ponds else None,
        pond_area_m2=item.pond_area,
        states=tuple((look.day, state) for look, state in zip(past.looks, past.states, strict=True)),
    )


@lru_cache(maxsize=1)
def _model(name: str, precision: str) -> Model:
    import torch

    torch.set_num_threads(1)
    return load_model(name, "cpu", precision)
