"""What a run would read, and what that costs: known before anything is paid for.

Catalogues are searched, and where a provider gives parts of files for nothing, headers and coarse pictures of the
scene classification are read. No pixel of a band is fetched and no processing unit spent.
"""

import time
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipeline.aoi import Aoi
from pipeline.bands import NAMES
from pipeline.cuts.store import CutStore, core_of
from pipeline.engine import usable_cores
from pipeline.errors import SceneError
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.weights import Model
from pipeline.raster import Raster
from pipeline.run.context import Run
from pipeline.run.edition import lies_in
from pipeline.run.looks import LookPlan, plan_looks
from pipeline.run.price import outdated_text, price_of
from pipeline.sites.registry import read_registry
from pipeline.sources.budget import SpendingLimits
from pipeline.sources.interface import Price, Refusal, Search
from pipeline.sources.ledger import Usage

BYTES_PER_S = 5e6
"""What a usual line carries, assumed."""
CUT_BYTES = 110_000
"""What one cut takes, measured: `benchmarks/cuts.py`."""
PARTS = ("before", "first", "latest", "onset of ground")
"""Looks at a site that are kept besides those between."""
MAX_LINES = 40
"""Overpasses shown one by one."""


@dataclass(frozen=True, slots=True)
class OverpassEstimate:
    """What one overpass costs."""

    day: date
    """Day, UTC."""
    platform: str
    """As in `Scene`."""
    windows: int
    """Windows to read."""
    price: Price
    """What they cost."""

    def joined(self, other: "OverpassEstimate") -> "OverpassEstimate":
        """Two blocks of one overpass as one."""
        known = [(e.price.clear_share, e.windows) for e in (self, other) if e.price.clear_share is not None]
        clear = sum(share * count for share, count in known) / sum(count for _, count in known) if known else None
        price = Price(self.price.usage + other.price.usage, self.price.read_px + other.price.read_px, clear)
        return OverpassEstimate(self.day, self.platform, self.windows + other.windows, price)

    def line(self) -> str:
        """For a person."""
        price = self.price
        clear = "clear share not known" if price.clear_share is None else f"{price.clear_share:4.0%} clear"
        cost = f", {price.usage.text()}" if price.usage != Usage() else ""
        return f"    {self.day} {self.platform:4} {self.windows:4} windows, {clear}{cost}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Cuts that a run may keep of places that are known."""

    sites: int
    """Known sites in and around the AOI."""
    cuts: int
    """Most cuts of them that may be made."""
    most: int
    """Most cuts of one site, known or new."""

    def text(self) -> str:
        """For a person."""
        known = (
            f"{self.cuts} cuts of {self.sites} known sites, {_megabytes(self.cuts)}" if self.sites else "no known site"
        )
        return f"at most {known}; a new site takes up to {_megabytes(self.most)} in the archive"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would do."""

    aoi: Aoi
    """The AOI."""
    source: str
    """Name of the source."""
    search: Search
    """Scenes to be used, and others with the reason."""
    kept: int
    """Looks that an earlier run made and that cost nothing."""
    outdated: str | None
    """What is to be said of looks that an older recipe made; None = there are none."""
    overpasses: tuple[OverpassEstimate, ...]
    """Those with something to do, in time."""
    failures: tuple[Refusal, ...]
    """Looks whose price could not be found out, and why."""
    evidence: Evidence
    """Cuts that may be kept."""
    seconds: float
    """How long it will take, by the speed of this machine and an assumed line."""

    @property
    def usage(self) -> Usage:
        """All of it."""
        return sum((overpass.price.usage for overpass in self.overpasses), Usage())

    def within(self, of_run: SpendingLimits, of_month: SpendingLimits, in_month: Usage) -> int:
        """How many overpasses fit, the clearest first: those begun before a limit is reached.

        `in_month`: what was spent this month already, which counts for `of_month` alone.
        """
        spent, count = Usage(), 0
        for overpass in sorted(self.overpasses, key=lambda each: -(each.price.clear_share or 0.0)):
            if of_run.reached(spent) or of_month.reached(in_month + spent):
                break
            spent, count = spent + overpass.price.usage, count + 1
        return count

    def text(self, of_run: SpendingLimits, of_month: SpendingLimits, in_month: Usage) -> str:
        """For a person, with the limits of the run and of the month; `in_month`: what was spent this month already."""
        count = len(self.overpasses)
        lines = [
            f"{self.aoi.title}: {len(self.search.scenes)} scenes in {count} overpasses to read "
            f"({self.kept} looks are there already), source {self.source}",
            f"  clear    {self._clear()}",
            f"  cost     {self.usage.text()}",
            f"  time     about {_duration(self.seconds)}, of it {_duration(self.usage.n_bytes / BYTES_PER_S)} for a "
            f"line of {BYTES_PER_S / 1e6:g} MB/s",
            f"  evidence {self.evidence.text()}",
        ]
        if self.outdated:
            lines.append(f"  {self.outdated}")
        if self.failures:
            first = self.failures[0]
            lines.append(f"  failed   {len(self.failures)} looks could not be priced, first {first.id}: {first.reason}")
        if in_month != Usage():
            lines.append(f"  month    {in_month.text()} were spent this month already")
        if (of_run, of_month) != (SpendingLimits(), SpendingLimits()):
            fit = self.within(of_run, of_month, in_month)
            lines.append(f"  limit    {fit} of {count} overpasses fit, the clearest first")
        lines += [overpass.line() for overpass in self.overpasses[:MAX_LINES]]
        if count > MAX_LINES:
            lines.append(f"  … {count - MAX_LINES} more")
        return "\n".join(lines)

    def _clear(self) -> str:
        shares = [each.price.clear_share for each in self.overpasses if each.price.clear_share is not None]
        looks = f"about {sum(shares):.1f} clear looks at each place" if shares else "not known before it is read"
        unknown = len(self.overpasses) - len(shares)
        return looks + (f"; {unknown} overpasses do not say" if shares and unknown else "")


def estimate(context: Run) -> Estimate:
    """What `detect` would do with the same context; raises as `Source.search`.

    Writes nothing but the ledger and the hashes of local files.
    """
    planned = plan_looks(context)
    overpasses, failures = _priced(context, planned)
    workers = context.settings.engine.workers or usable_cores()
    read_px = sum(overpass.price.read_px for overpass in overpasses)
    computing_s = read_px * _seconds_per_pixel(context.model) / workers
    fetching_s = sum(overpass.price.usage.n_bytes for overpass in overpasses) / BYTES_PER_S
    return Estimate(
        aoi=context.aoi,
        source=context.source.name,
        search=planned.search,
        kept=len(planned.asked),
        outdated=outdated_text(context, planned) if planned.outdated else None,
        overpasses=overpasses,
        failures=failures,
        evidence=_evidence(context, len(overpasses)),
        seconds=computing_s + fetching_s,
    )


def _evidence(context: Run, passes: int) -> Evidence:
    """The cuts that may be made of known sites from some overpasses. Raises as `read_registry`."""
    aoi, most = context.aoi, context.settings.cuts.between + len(PARTS)
    registry = read_registry(context.archive.registry, aoi.prefix)
    store = CutStore(context.archive.cuts, aoi.grid)
    outlines = [
        entry.statement.site.polygon
        for entry in registry.entries
        if entry.statement is not None and lies_in(entry, aoi)
    ]
    kept = [len(store.overpasses(core_of(reprojected(each, LONLAT, aoi.grid.crs).bounds))) for each in outlines]
    # The latest look is new with each run, however many are kept already.
    return Evidence(len(outlines), sum(min(passes, max(1, most - count)) for count in kept), most)


def _priced(context: Run, planned: LookPlan) -> tuple[tuple[OverpassEstimate, ...], tuple[Refusal, ...]]:
    """The price of each overpass with something to do, in time, and the looks that have none."""
    found: dict[str, OverpassEstimate] = {}
    failures: list[Refusal] = []
    tasks = (*planned.missing, *(planned.outdated if context.remakes else ()))
    with context.progress.stage("Pricing looks", len(tasks), unit="looks") as step:
        for task in tasks:
            step(1)
            try:
                price = price_of(context.source, task, planned.read_windows(task))
            except SceneError as cause:
                failures.append(Refusal(task.name, str(cause)))
                continue
            overpass, before = task.overpass, found.get(task.overpass.name)
            here = OverpassEstimate(overpass.day, overpass.platform, len(task.windows), price)
            found[overpass.name] = before.joined(here) if before is not None else here
    return tuple(found[name] for name in sorted(found)), tuple(failures)


def _seconds_per_pixel(model: Model) -> float:
    """Measured on this machine: the network on some ground, on one core."""
    import torch

    segmenter = NetworkSegmenter(model)
    ground = Window(0, 0, 512, 1024)
    shown = ground.grown(segmenter.margin_px)
    raster = Raster(
        window=shown,
        pixels=np.full((len(NAMES), *shown.shape), 0.1, np.float32),
        valid=np.ones(shown.shape, bool),
        scl=None,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    segmenter(raster, [ground])
    torch.set_num_threads(threads)
    return (time.perf_counter() - begun) / ground.area_px


def _megabytes(cuts: int) -> str:
    return f"{cuts * CUT_BYTES / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
