"""What a run would read, and what that costs: known before anything is paid for.

Catalogues are searched, and where a provider gives parts of files for nothing, headers and coarse pictures of the
scene classification are looked at. No pixel of a band is fetched and no processing unit spent.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipeline.aoi import Aoi
from pipeline.bands import NAMES
from pipeline.checked import Checked
from pipeline.clear import RADIUS_PX
from pipeline.config import Settings
from pipeline.engine import usable_cores
from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.looks import ALIGN_PX, LookMaker, LookTask, plan
from pipeline.progress import Progress
from pipeline.raster import Raster
from pipeline.segment import segment
from pipeline.sources.interface import Period, Price, Priced, Refusal, Search, Source, overpasses
from pipeline.spending import Limits, Spent
from pipeline.weights import Model

BYTES_PER_S = 5e6
"""What a usual line carries, assumed."""
MOST_ROWS = 40
"""Overpasses told one by one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One overpass."""

    day: date
    """Day, UTC."""
    name: str
    """As in the looks."""
    windows: int
    """Windows to look at."""
    price: Price
    """What they cost."""


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
    rows: tuple[Row, ...]
    """Overpasses with something to do, in time."""
    failures: tuple[Refusal, ...]
    """Looks whose price could not be found out, and why."""
    seconds: float
    """How long it will take, by the speed of this machine and an assumed line."""

    @property
    def spent(self) -> Spent:
        """All of it."""
        return sum((row.price.spent for row in self.rows), Spent())

    def within(self, limits: Limits) -> int:
        """How many overpasses fit, the clearest first."""
        spent, count = Spent(), 0
        for row in sorted(self.rows, key=lambda row: -(row.price.clear_share or 0.0)):
            if limits.reached(spent):
                break
            spent, count = spent + row.price.spent, count + 1
        return count

    def text(self, limits: Limits, in_month: Spent) -> str:
        """For a person; `limits`: those of the run; `in_month`: what was spent this month already."""
        shares = [row.price.clear_share for row in self.rows if row.price.clear_share is not None]
        looks = f"about {sum(shares):.1f} clear looks at each place" if shares else "not known before it is read"
        unknown = f"; {len(self.rows) - len(shares)} overpasses do not tell" if 0 < len(shares) < len(self.rows) else ""
        lines = [
            f"{self.aoi.title}: {len(self.search.scenes)} scenes in {len(self.rows)} overpasses to look at "
            f"({self.kept} looks are there already), source {self.source}",
            f"  clear    {looks}{unknown}",
            f"  cost     {self.spent.text()}",
            f"  time     about {_duration(self.seconds)}, of it {_duration(self.spent.n_bytes / BYTES_PER_S)} for a "
            f"line of {BYTES_PER_S / 1e6:g} MB/s",
        ]
        if self.failures:
            first = self.failures[0]
            lines.append(f"  failed   {len(self.failures)} looks could not be priced, first {first.id}: {first.reason}")
        if in_month != Spent():
            lines.append(f"  month    {in_month.text()} were spent this month already")
        if limits != Limits():
            lines.append(f"  limit    {self.within(limits)} of {len(self.rows)} overpasses fit, the clearest first")
        lines += [_line(row) for row in self.rows[:MOST_ROWS]]
        if len(self.rows) > MOST_ROWS:
            lines.append(f"  … {len(self.rows) - MOST_ROWS} more")
        return "\n".join(lines)


def estimate(
    aoi: Aoi, source: Source, settings: Settings, period: Period, maker: LookMaker, model: Model, progress: Progress
) -> Estimate:
    """What `detect` would do with the same words; writes nothing but the ledger. Raises as `Source.search`."""
    found = source.search(aoi, period)
    reach = max(model.card.receptive_radius_px, RADIUS_PX)
    margin = -(-reach // ALIGN_PX) * ALIGN_PX
    windows = aoi.windows(settings.segment.window_px)
    tasks = list(plan(aoi.grid, windows, settings.grid.block_px, overpasses(found.scenes)))
    checked, missing = Checked.of(maker), list[LookTask]()
    for task in tasks:
        missing += [] if checked.look(task, maker) else [task]
    rows: dict[str, Row] = {}
    failures: list[Refusal] = []
    with progress.stage("Pricing looks", len(missing), unit="looks") as step:
        for task in missing:
            grown = [window.grown(margin) for window in task.windows]
            step(1)
            try:
                price = _price(source, task, grown)
            except SceneError as cause:
                failures.append(Refusal(task.name, str(cause)))
                continue
            before = rows.get(task.overpass.name)
            rows[task.overpass.name] = _joined(before, Row(task.overpass.day, task.overpass.name, len(grown), price))
    ordered = tuple(rows[name] for name in sorted(rows))
    read = sum(row.price.read for row in ordered)
    workers = settings.engine.workers or usable_cores()
    seconds = read * _seconds_per_window(model, settings.segment.window_px + 2 * margin) / workers
    fetched = sum(row.price.spent.n_bytes for row in ordered) / BYTES_PER_S
    kept = len(tasks) - len(missing)
    return Estimate(aoi, source.name, found, kept, ordered, tuple(failures), seconds + fetched)


def _price(source: Source, task: LookTask, windows: Sequence[Window]) -> Price:
    if isinstance(source, Priced):
        return source.price(task.overpass.scenes, task.grid, windows)
    told = any(scene.cloud_share is not None for scene in task.overpass.scenes)
    return Price(Spent(), len(windows), 1 - task.overpass.cloud_share if told else None)


def _joined(one: Row | None, other: Row) -> Row:
    """Two blocks of one overpass as one."""
    if one is None:
        return other
    windows = one.windows + other.windows
    shares = [(row.price.clear_share, row.windows) for row in (one, other)]
    known = [(share, count) for share, count in shares if share is not None]
    clear = sum(share * count for share, count in known) / sum(count for _, count in known) if known else None
    price = Price(one.price.spent + other.price.spent, one.price.read + other.price.read, clear)
    return Row(one.day, one.name, windows, price)


def _seconds_per_window(model: Model, side_px: int) -> float:
    """Measured on this machine: one window through the network, on one core."""
    import torch

    shape = (side_px, side_px)
    raster = Raster(
        window=Window(0, 0, *shape),
        reflectance=np.full((len(NAMES), *shape), 0.1, np.float32),
        valid=np.ones(shape, bool),
        scl=None,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    segment(model, raster)
    torch.set_num_threads(threads)
    return time.perf_counter() - begun


def _line(row: Row) -> str:
    clear = "clear share not known" if row.price.clear_share is None else f"{row.price.clear_share:4.0%} clear"
    cost = f", {row.price.spent.text()}" if row.price.spent != Spent() else ""
    return f"    {row.day} {row.name[9:]:4} {row.windows:4} windows, {clear}{cost}"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )
