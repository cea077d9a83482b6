"""Cost of weighing the evidence of all of Shan, without scenes and without the network.

    python benchmarks/evidence.py [WORK] [--passes N]

Writes looks of N overpasses (2 by default) over every block of the AOI into an archive in WORK, with 60 % of the pixels
not clear and 60 places with ponds. Then measures runs of `detect`, each in a process of its own: the first, one with
nothing new, one with one look more, one with all of that overpass, and one with nothing new after it. Looks in WORK
are used again. Times are of this machine; the processor time depends least on what else runs there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import rmtree

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom
from shapely import box

from pipeline import atomic
from pipeline.aoi import Aoi, read_aoi
from pipeline.archive import Archive
from pipeline.config import load
from pipeline.errors import SceneError
from pipeline.grid import Grid, Window
from pipeline.looks.file import encoded, open_look
from pipeline.looks.observe import CLEAR, NO_VALUE, NOT_CLEAR, LookContent
from pipeline.looks.store import LookStore
from pipeline.looks.task import LookTask
from pipeline.looks.weights import load_model
from pipeline.progress import Progress
from pipeline.raster import Bytes, Raster
from pipeline.run.context import Run
from pipeline.run.detect import detect
from pipeline.run.looks import plan_looks
from pipeline.sources.assets import HubItem
from pipeline.sources.interface import Period, Scene, Search

AOI = "shan"
FIRST = date(2024, 10, 3)
LAST = date(2025, 12, 31)
"""15 months of coverage."""
EVERY_DAYS = 40
CLOUDED = 0.6
PLACES = 60
SEED = 1
PATTERNS = 6
"""Different clouds; each block and overpass has one of these, shifted."""
MARGIN_PX = 512
"""Blocks are cut out of patterns that are so much larger."""


@dataclass(frozen=True)
class Listed:
    """A source that lists scenes of one degree each, and cannot read them."""

    passes: int
    name: str = "listed"
    simulation: str = "benchmark"
    paid: bool = False
    remote: bool = False

    def search(self, aoi: Aoi, period: Period) -> Search:
        """The scenes of so many overpasses."""
        west, south, east, north = (int(edge // 1) for edge in aoi.polygon.bounds)
        scenes = [
            Scene(
                id=f"S2A_{day:%Y%m%d}_{lon}_{lat}",
                time_utc=datetime(day.year, day.month, day.day, 4, tzinfo=UTC),
                platform="S2A",
                assets=HubItem("none", f"{day} {lon} {lat}"),
                footprint=box(lon, lat, lon + 1.05, lat + 1.05),
                has_scl=True,
                provider=self.name,
            )
            for day in (FIRST + timedelta(days=EVERY_DAYS * number) for number in range(self.passes))
            for lon in range(west, east + 1)
            for lat in range(south, north + 1)
            if aoi.polygon.intersects(box(lon, lat, lon + 1.05, lat + 1.05))
        ]
        return Search(tuple(sorted(scenes, key=lambda scene: (scene.time_utc, scene.id))), ())

    def unmasked(self) -> "Listed":
        """As `Source.unmasked`."""
        return self

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """Nothing."""
        raise SceneError("there are no pixels")


class Measured(Progress):
    """Seconds of each stage."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.spent: dict[str, float] = {}

    @contextmanager
    def stage(self, what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """As in `Progress`."""
        begun = time.perf_counter()
        yield lambda done: None
        self.spent[what] = self.spent.get(what, 0.0) + time.perf_counter() - begun


def context_of(work: Path, passes: int, progress: Progress) -> Run:
    """A run on the first overpasses."""
    settings = load(None)
    settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"workers": 1})})
    source = Listed(passes)
    return Run(
        aoi=read_aoi(AOI),
        period=Period(FIRST, LAST),
        source=source,
        settings=settings,
        model=load_model(settings.model, "cpu", settings.segment.precision),
        archive=Archive(work / "archive", source.simulation),
        out=work / "out",
        today=LAST,
        device="cpu",
        progress=progress,
    )


def fields(rng: np.random.Generator, size_px: int, scale_px: int) -> NDArray[np.float64]:
    """Smooth noise with ranks from 0 to 1, (y, x)."""
    small = gaussian_filter(rng.standard_normal((size_px // scale_px + 8,) * 2), 1.5)
    smooth = zoom(small, scale_px, order=1)[:size_px, :size_px]
    ranks: NDArray[np.float64] = np.searchsorted(np.sort(smooth[::7, ::7].ravel()), smooth) / smooth[::7, ::7].size
    return ranks


def patterns(size_px: int) -> list[Bytes]:
    """Looks without ponds, (3, y, x)."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(PATTERNS):
        clear = fields(rng, size_px, 16) >= CLOUDED
        ground = (fields(rng, size_px, 8) ** 6 * 9).astype(np.uint8)
        states = np.where(clear, CLEAR, NOT_CLEAR)
        planes = [np.where(clear, 0, NO_VALUE), np.where(clear, ground, NO_VALUE), states]
        found.append(np.stack(planes).astype(np.uint8))
    return found


def draw(bands: Bytes, row: int, col: int) -> None:
    """Five ponds on mine ground, where it is clear."""
    y, x = np.ogrid[: bands.shape[1], : bands.shape[2]]
    clear = bands[2] == CLEAR
    bands[1][clear & ((y - row) ** 2 + (x - col) ** 2 <= 20**2)] = 190
    for number in range(5):
        near = (y - row - 9 * (number % 2)) ** 2 + (x - col - 4 * number) ** 2 <= 2.5**2
        bands[0][clear & near] = 180


def content_of(task: LookTask, drawn: list[Bytes], place: tuple[int, int] | None, number: int) -> LookContent:
    """What a look shows."""
    rng = np.random.default_rng([SEED, number])
    row, col = (int(shift) for shift in rng.integers(0, MARGIN_PX, 2))
    height, width = task.extent.shape
    bands = drawn[int(rng.integers(PATTERNS))][:, row : row + height, col : col + width].copy()
    if place is not None:
        draw(bands, place[0] % height, place[1] % width)
    return LookContent(bands, (), (0.02, 0.03, 0.02, 0.1, 0.06, 0.03), task.extent)


def build(work: Path, passes: int) -> int:
    """Write the looks that are not there; returns how many there are of a pass."""
    context = context_of(work, passes, Progress())
    planned = plan_looks(context)
    maker, store = planned.maker, LookStore(context.maker.folder)
    blocks = sorted({task.block for task in planned.missing})
    rng = np.random.default_rng(SEED)
    chosen = sorted(rng.permutation(len(blocks))[:PLACES].tolist())
    places = {blocks[k]: (int(rng.integers(2048)), int(rng.integers(2048))) for k in chosen}
    drawn = patterns(context.settings.grid.block_px + MARGIN_PX) if planned.missing else []
    with context.progress.stage("Writing looks", len(planned.missing), unit="looks") as step:
        for number, task in enumerate(planned.missing):
            key, seen = task.key(maker.recipe), content_of(task, drawn, places.get(task.block), number)
            path = maker.path_of(task)
            atomic.write_bytes(path, encoded(seen, task, key))
            look = open_look(path)
            assert look is not None
            store.add(look)
            step(1)
    return len(planned.missing)


def held_back(work: Path, passes: int) -> list[Path]:
    """Hide the looks of the last overpass from runs; returns the hidden files."""
    day = FIRST + timedelta(days=EVERY_DAYS * passes)
    return [path.rename(f"{path}.later") for path in work.glob(f"archive/looks*/*/*/{day:%Y%m%d}-*.tif")]


def child(work: Path, passes: int) -> None:
    """One run; prints the seconds of its stages."""
    progress = Measured()
    context = context_of(work, passes, progress)
    ready = time.perf_counter()
    summary = detect(context)
    spent = {"detect": time.perf_counter() - ready, **progress.spent}
    print(json.dumps({"spent": spent, "looks": len(summary.looks), "sites": len(summary.sites)}))


def measured(work: Path, passes: int, name: str) -> None:
    """A run in a process of its own; prints a line of the table."""
    begun = time.perf_counter()
    command = [sys.executable, __file__, str(work), "--passes", str(passes), "--child"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name}: exit {os.waitstatus_to_exitcode(status)}")
    whole, found = time.perf_counter() - begun, json.loads(answer)
    spent = found["spent"]
    stages = [spent.get(what, 0.0) for what in ("Weighing evidence", "Dating", "Writing")]
    other = spent["detect"] - sum(stages)
    columns = [whole, whole - spent["detect"], other, *stages]
    print(
        f"{name:24} {found['looks']:6d} {found['sites']:6d}" + "".join(f" {each:9.1f}" for each in columns)
        + f" {usage.ru_utime + usage.ru_stime:9.1f} {usage.ru_maxrss / 1024:9.0f}",
        flush=True,
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", nargs="?", type=Path)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.work, options.passes)
        return
    with tempfile.TemporaryDirectory() as scratch:
        work: Path = options.work or Path(scratch)
        for path in work.glob("archive/looks*/*/*/*.later"):
            path.rename(path.with_suffix(""))
        build(work, options.passes + 1)
        later = held_back(work, options.passes)
        for kept in (*work.glob("out"), *work.glob("archive/looks*/*/cells"), *work.glob("archive/*.json")):
            rmtree(kept) if kept.is_dir() else kept.unlink()
        print("seconds                   looks  sites       all     start  planning   weighing   dating   writing"
              " processor  memory, MB")  # fmt: skip
        measured(work, options.passes, "first")
        measured(work, options.passes, "nothing new")
        middle = later.pop(len(later) // 2)
        middle.rename(middle.with_suffix(""))
        measured(work, options.passes, "one look more")
        for path in later:
            path.rename(path.with_suffix(""))
        measured(work, options.passes + 1, "one overpass more")
        measured(work, options.passes + 1, "nothing new after it")


if __name__ == "__main__":
    main()
