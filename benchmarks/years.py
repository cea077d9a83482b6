"""Ten years of monthly scans, on looks as many as a tenth of Shan has, but small ones: what grows, and how.

    PYTHONPATH=.:benchmarks python benchmarks/years.py [WORK] [--blocks 40] [--years 10]

Writes looks of 64 x 64 px, one in each of some blocks for every overpass of five days, into an archive in WORK. Then
scans the first year at once and every month after it by itself, as a timer would, with nothing to fetch, and prints for
some of them the time of the scan, its memory, and the number and size of files.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from shapely.geometry import MultiPolygon, box

from evidence import content_of, patterns
from pipeline import atomic
from pipeline.alerts.message import Bar
from pipeline.alerts.outbox import Outbox
from pipeline.alerts.send import deliver
from pipeline.aoi import Aoi, read_aoi
from pipeline.archive import Archive
from pipeline.config import Settings, load
from pipeline.errors import SceneError
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.looks.file import encoded, open_look
from pipeline.looks.store import LookStore
from pipeline.looks.weights import load_model
from pipeline.months import first_day, last_day, months_between
from pipeline.progress import Progress
from pipeline.raster import Raster
from pipeline.run.context import Run
from pipeline.run.looks import plan_looks
from pipeline.scan.scan import Asked, Bounds, scan
from pipeline.sources.assets import HubItem
from pipeline.sources.interface import Period, Scene, Search

FIRST = date(2016, 1, 3)
EVERY_DAYS = 5
SQUARE_PX = 64
SIDE_PX = 60
"""Of the ground that is looked at in each block: less than a window, so it lies in one."""
SEED = 1


@dataclass(frozen=True)
class Passes:
    """A source that lists one scene per overpass, and cannot read them."""

    footprint: MultiPolygon
    last: date
    name: str = "listed"
    simulation: str = "benchmark"
    paid: bool = False
    remote: bool = False

    def search(self, aoi: Aoi, period: Period) -> Search:
        """The scenes of the period."""
        days = (FIRST + timedelta(days=k * EVERY_DAYS) for k in range((self.last - FIRST).days // EVERY_DAYS + 1))
        moments = (datetime(day.year, day.month, day.day, 4, tzinfo=UTC) for day in days)
        found = [self._scene(moment) for moment in moments if period.holds(moment)]
        return Search(tuple(found), ())

    def _scene(self, moment: datetime) -> Scene:
        name = f"S2A_{moment:%Y%m%d}"
        outline = box(*self.footprint.bounds)
        return Scene(name, moment, "S2A", HubItem("none", name), outline, True, self.name)

    def unmasked(self) -> "Passes":
        """As `Source.unmasked`."""
        return self

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """Nothing."""
        raise SceneError("there are no pixels")


def place(blocks: int) -> Aoi:
    """A square in each of some blocks of Shan."""
    shan = read_aoi("shan")
    rng = np.random.default_rng(SEED)
    inside = [block for block in shan.windows(2048) if shan.polygon_m.contains(block.polygon_m)]
    squares = []
    for k in sorted(rng.permutation(len(inside))[:blocks].tolist()):
        row, col = (int(step) for step in rng.integers(0, 2048 // SQUARE_PX, 2))
        corner = inside[k].row + row * SQUARE_PX + 2, inside[k].col + col * SQUARE_PX + 2
        squares.append(Window(*corner, SIDE_PX, SIDE_PX).polygon_m)
    return Aoi("years", "Ten years", "TEN", reprojected(MultiPolygon(squares), shan.grid.crs, LONLAT))


def settings_of() -> Settings:
    """Windows of one square, one process."""
    base = load(None)
    parts = {
        "segment": base.segment.model_copy(update={"window_px": SQUARE_PX}),
        "engine": base.engine.model_copy(update={"workers": 1}),
    }
    return base.model_copy(update=parts)


def context_of(work: Path, aoi: Aoi, last: date, today: date) -> Run:
    """A run on a day."""
    settings = settings_of()
    polygon = aoi.polygon
    assert isinstance(polygon, MultiPolygon)
    return Run(
        aoi=aoi,
        period=Period(None, last),
        source=Passes(polygon, last),
        settings=settings,
        model=load_model(settings.model, "cpu", settings.segment.precision),
        archive=Archive(work / "archive", "benchmark"),
        out=work / "out",
        today=today,
        device="cpu",
        progress=Progress(quiet=True),
    )


def build(work: Path, aoi: Aoi, last: date) -> int:
    """Write the looks that are not there; returns how many there are."""
    planned = plan_looks(context_of(work, aoi, last, last))
    store = LookStore(planned.maker.folder)
    drawn = patterns(SQUARE_PX + 512)
    rng = np.random.default_rng(SEED)
    chosen = set(rng.permutation(len({task.block for task in planned.missing}))[:4].tolist())
    order = {block: k for k, block in enumerate(sorted({task.block for task in planned.missing}))}
    for number, task in enumerate(planned.missing):
        key, path = task.key(planned.maker.recipe), planned.maker.path_of(task)
        at = (30, 30) if order[task.block] in chosen else None
        atomic.write_bytes(path, encoded(content_of(task, drawn, at, number), task, key))
        look = open_look(path)
        assert look is not None
        store.add(look)
        if number % 2000 == 1999:
            print(f"Writing looks: {number + 1}/{len(planned.missing)}", flush=True)
    return len(planned.missing) + len(planned.kept)


def sizes(folder: Path) -> tuple[int, int]:
    """Number and bytes of the files below a folder."""
    found = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(found), sum(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="?", type=Path)
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--years", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work: Path = options.work or Path(scratch)
        aoi, last = place(options.blocks), date(FIRST.year + options.years - 1, 12, 31)
        print(f"{build(work, aoi, last):,} looks", flush=True)
        months = list(months_between(FIRST, last))
        print(
            "after     seconds  CPU s  peak MB   files  archive MB  registry kB  log kB  outbox kB  sites", flush=True
        )
        for k in range(11, len(months)):
            month = months[k]
            context = context_of(work, aoi, last_day(month), last_day(month) + timedelta(days=6))
            begun, cpu = time.perf_counter(), time.process_time()
            done = scan(context, Asked(first=f"{first_day(months[0]):%Y-%m}"), Bounds(), Bar())
            deliver(Outbox(context.archive.outbox(aoi.name)), [], context.progress)
            took, spent = time.perf_counter() - begun, time.process_time() - cpu
            assert [record.made for record in done.records] == [0], done
            if k in (11, 12, 23, 59) or k == len(months) - 1:
                n_files, n_bytes = sizes(context.archive.folder)
                registry = context.archive.registry.stat().st_size / 1e3
                log = context.archive.scans(aoi.name).stat().st_size / 1e3
                outbox = sizes(context.archive.outbox(aoi.name))[1] / 1e3
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                sites = sum(done.records[-1].sites.values())
                print(
                    f"{month} {took:10.2f} {spent:6.2f} {peak:8.0f} {n_files:7d} {n_bytes / 1e6:11.1f} {registry:12.0f}"
                    f" {log:7.0f} {outbox:10.0f} {sites:6d}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
