"""Cost of one more month for archives of 1, 5 and 10 years, and what it would be if nothing were kept.

    python benchmarks/age.py [WORK]

Builds ten years of looks at two simulated worlds in WORK (kept there for another time), lets a scan have all months but
the last, and measures the processor time of the run that adds it.
"""

import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from shutil import copytree, rmtree

from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.config import load
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.looks.weights import load_model
from pipeline.progress import Progress
from pipeline.run.context import Run
from pipeline.run.detect import detect
from pipeline.run.summary import Summary
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period
from pipeline.worlds.archive import build_archive, simulation_of

PLACE = Window(-243_200, 51_200, 1024, 1024)
YEARS = (1, 5, 10)
"""Ages of the archive."""
LAST = date(2025, 12, 31)
"""Its last day."""


def main() -> None:
    """Measure and print."""
    settings = load(None)
    settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"workers": 1})})
    archive = settings.simulated.model_copy(
        update={"worlds": 2, "world_px": 512, "start": f"{LAST.year - YEARS[-1] + 1}-01", "months": 12 * YEARS[-1]}
    )
    aoi = Aoi("age", "Age", "AGE", reprojected(PLACE.polygon_m, Grid(32647).crs, LONLAT))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        build_archive(work / "scenes", aoi, archive, Period(None, None), Progress(), 2)
        source = FolderSource(work / "scenes", name="simulated", simulation=simulation_of(aoi, archive))
        model = load_model(settings.model, "cpu", settings.segment.precision)

        def run(first: date, last: date, out: Path) -> Summary:
            """A scan of all from `first` to `last`."""
            return detect(
                Run(
                    aoi=aoi,
                    period=Period(first, last),
                    source=source,
                    settings=settings,
                    model=model,
                    archive=Archive(out / "archive", source.simulation),
                    out=out,
                    today=LAST,
                    device="cpu",
                    progress=Progress(quiet=True),
                )
            )

        print("years  looks  sites  one month more, s  with nothing kept but the looks, s")
        for years in YEARS:
            first, out, bare = date(LAST.year - years + 1, 1, 1), work / f"out-{years}", work / f"bare-{years}"
            for folder in (out, bare):
                rmtree(folder, ignore_errors=True)
            run(first, date(LAST.year, 11, 30), out)
            copytree(out, bare)
            for kept in (*bare.rglob("cells"), *bare.rglob("index.jsonl")):
                rmtree(kept) if kept.is_dir() else kept.unlink()
            spent = []
            for folder in (out, bare):
                begun = time.process_time()
                summary = run(first, LAST, folder)
                spent.append(time.process_time() - begun)
            counts = f"{years:5d} {len(summary.looks):6d} {len(summary.sites):6d}"
            print(f"{counts} {spent[0]:18.1f} {spent[1]:18.1f}", flush=True)


if __name__ == "__main__":
    main()
