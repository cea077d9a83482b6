"""All looks of a raster as a run makes them, in one worker: searched, planned, read, tested, segmented and written."""

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path

import rasterio
from shapely.geometry import box

from measurement import Passes, measure
from pipeline import __version__
from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.config import Settings, load
from pipeline.grid import LONLAT, PIXEL_M, reprojected
from pipeline.looks.codes import Segmentation
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.weights import load_model
from pipeline.progress import Progress
from pipeline.raster import Raster
from pipeline.run.context import Run
from pipeline.run.looks import make_looks, plan_looks
from pipeline.run.spare import spared
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period


def main() -> None:
    """Measure; prints one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("raster", type=Path, help="the only scene in its folder")
    parser.add_argument("precision", choices=("fp32", "bf16"))
    parser.add_argument("--screened", action="store_true", help="show the network only what could be part of a site")
    asked = parser.parse_args()
    passes = Passes()
    _count(passes)
    with rasterio.open(asked.raster) as file:
        raster_px = file.height * file.width
        # A pixel less, so that no window outside the raster touches it.
        outline = box(*file.bounds).buffer(-PIXEL_M, join_style="mitre")
        aoi = Aoi("speed", "Speed", "SPD", reprojected(outline, file.crs.to_wkt(), LONLAT))
    settings = _settings(asked.precision, asked.screened)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        context = Run(
            aoi=aoi,
            period=Period(None, None),
            source=FolderSource(asked.raster.parent),
            settings=settings,
            model=load_model(settings.model, "cpu", settings.segment.precision),
            archive=Archive(out / "archive"),
            out=out,
            today=date(2026, 1, 1),
            device="cpu",
            progress=Progress(quiet=True),
        )
        name = f"ours {asked.precision}{' screened' if asked.screened else ''}"
        measure(name, __version__, raster_px, lambda: _look(context), passes)


def _count(passes: Passes) -> None:
    """Count what the network is shown: it is rolled over rows, and so not called as a module."""
    roll = NetworkSegmenter._rolled

    def counted(segmenter: NetworkSegmenter, shown: Raster) -> Segmentation:
        begun = time.perf_counter()
        found = roll(segmenter, shown)
        passes.add(shown.window.area_px, time.perf_counter() - begun)
        return found

    NetworkSegmenter._rolled = counted  # type: ignore[method-assign, assignment]


def _settings(precision: str, screened: bool) -> Settings:
    """The defaults, with one worker and a precision."""
    settings = load(None)
    screen = settings.screen.model_copy(update={"enabled": screened})
    segment = settings.segment.model_copy(update={"precision": precision})
    engine = settings.engine.model_copy(update={"workers": 1})
    return settings.model_copy(update={"segment": segment, "engine": engine, "screen": screen})


def _look(context: Run) -> None:
    """Make all looks; raises where there are none or one fails, because then nothing was measured."""
    planned = plan_looks(context)
    outcome = make_looks(context, planned, spared(context, planned.missing, set()))
    made, failures = outcome.looks, outcome.failures
    if failures or not made:
        reasons = [failure.reason for failure in (*planned.search.refusals, *failures)]
        raise RuntimeError(f"error: {'; '.join(reasons) or 'no look was made'}")


if __name__ == "__main__":
    main()
