"""Each stage of a look alone, and how its cost grows with what it is given.

    python benchmarks/stages.py [--rounds 5]

Processor seconds per megapixel for squares of growing side, medians over interleaved rounds, one thread; and, for what
works on lists, seconds per 1,000 rows. A stage whose figure stays level grows with its input and no faster.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import numpy as np
import torch

from imagery import GRID, NORTH_WEST, write_scene
from pipeline.aoi import Aoi
from pipeline.config import load
from pipeline.evidence.coverage import CellCoverage, MonthCoverage
from pipeline.evidence.fuse import RunningEvidence
from pipeline.export.coverage import coverage_records
from pipeline.export.geojson import write_coverage
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks.clear import clear
from pipeline.looks.file import encoded
from pipeline.looks.observe import CLEAR, LookContent
from pipeline.looks.screen import screened
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.task import LookTask
from pipeline.looks.weights import load_model
from pipeline.sites.extract import pond_pixels
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, overpasses

SIDES = (512, 1024, 2048)
MARGIN_PX = 48
LOOKS = 8
"""Looks of which evidence is made."""
ROWS = (1_000, 10_000, 90_000)
"""Rows of coverage that are written."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        place = Window(*NORTH_WEST, SIDES[-1] + 2048, SIDES[-1] + 2048)
        (Path(scratch) / "scenes").mkdir()
        write_scene(Path(scratch) / "scenes" / "20250105.tif", place, seed=1, clouds=0.3)
        acts = {side: _of_pixels(Path(scratch) / "scenes", place, side) for side in SIDES}
        print("CPU s per Mpx          " + "".join(f"{side:>9d} px" for side in SIDES))
        for name in acts[SIDES[0]]:
            spent = _interleaved([acts[side][name] for side in SIDES], rounds)
            print(f"{name:22s} " + "".join(f"{s / side**2 * 1e6:12.4f}" for s, side in zip(spent, SIDES, strict=True)))
        print("CPU s per 1,000 rows   " + "".join(f"{rows:>12,d}" for rows in ROWS))
        spent = _interleaved([_coverage(Path(scratch), rows) for rows in ROWS], max(1, rounds // 2))
        print(f"{'export coverage':22s} " + "".join(f"{s / n * 1e3:12.4f}" for s, n in zip(spent, ROWS, strict=True)))


def _interleaved(acts: list[Callable[[], object]], rounds: int) -> list[float]:
    """Median processor seconds of each."""
    found: list[list[float]] = [[] for _ in acts]
    for act in acts:
        act()
    for _ in range(rounds):
        for times, act in zip(found, acts, strict=True):
            begun = time.process_time()
            act()
            times.append(time.process_time() - begun)
    return [median(times) for times in found]


def _of_pixels(scenes: Path, place: Window, side: int) -> dict[str, Callable[[], object]]:
    settings, source = load(None), FolderSource(scenes)
    aoi = Aoi("stages", "Stages", "STG", reprojected(place.polygon_m, GRID.crs, LONLAT))
    (overpass,) = overpasses(source.search(aoi, Period(None, None)).scenes)
    window = Window(place.row + 512, place.col + 512, side, side)
    shown = window.grown(MARGIN_PX)
    raster = source.read(overpass.scenes, GRID, shown)
    cut = window.within(shown)
    seen = clear(raster, settings.clear)[cut]
    models = {
        precision: NetworkSegmenter(load_model(settings.model, "cpu", precision)) for precision in ("fp32", "bf16")
    }
    (answer,) = models["bf16"](raster, [window])
    bands = np.stack([answer.pond_fraction, answer.ground_probability, np.where(seen, CLEAR, 1).astype(np.uint8)])
    bands[:2, ~seen] = 255
    task = LookTask(GRID, next(iter(window.cells(2048))), (window,), overpass)
    stack = np.random.default_rng(1).integers(0, 60, (LOOKS, side, side)).astype(np.uint8)
    stack[:, np.random.default_rng(2).random((side, side)) < 0.99] = 0
    empty = RunningEvidence.empty((side, side), settings.evidence)
    always = np.ones(stack.shape, bool)
    evidence = empty.updated(stack, always, settings.evidence).agreed(settings.evidence)
    return {
        "read": lambda: source.read(overpass.scenes, GRID, shown),
        "clear": lambda: clear(raster, settings.clear),
        "clear without SCL": lambda: clear(replace(raster, scl=None), settings.clear),
        "screen": lambda: screened(raster, window, seen, ()),
        "segment bf16": lambda: models["bf16"](raster, [window]),
        "segment fp32": lambda: models["fp32"](raster, [window]),
        "write look": lambda: encoded(LookContent(bands, (), (), window), task, "key"),
        f"fuse {LOOKS} looks": lambda: empty.updated(stack, always, settings.evidence),
        "pixels of sites": lambda: pond_pixels(window, evidence, always[0], settings.sites),
    }


def _coverage(folder: Path, rows: int) -> Callable[[], object]:
    """Writes rows of coverage as GeoJSON."""
    area = Window(*NORTH_WEST, 512 * 80, 512 * 80)
    aoi = Aoi("stages", "Stages", "STG", reprojected(area.polygon_m.buffer(-20), GRID.crs, LONLAT))
    cells = list(aoi.windows(512))
    months = tuple(f"{(date(2015, 1, 15) + timedelta(days=30 * k)):%Y-%m}" for k in range(-(-rows // len(cells))))
    seen = {cell: CellCoverage({month: MonthCoverage(2, 1, 0.5) for month in months}, 1000) for cell in cells}
    return lambda: write_coverage(
        folder / "coverage.geojson", list(coverage_records(aoi, 512, months, seen))[:rows], None
    )


if __name__ == "__main__":
    main()
