"""Small GeoTIFF scenes as a user's folder may hold them, sound and broken, and runs over them."""

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.bands import NAMES
from pipeline.config import Settings, load
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.looks.weights import load_model
from pipeline.progress import Progress
from pipeline.run.context import Run
from pipeline.sources.interface import Period, Source
from pipeline.worlds.archive import simulation_of

GRID = Grid(32647)
PLACE = Window(-243_000, 53_008, 96, 112)
"""Where the scenes lie."""
FOREST = (300, 500, 300, 3000, 1500, 800)


def aoi(window: Window = PLACE) -> Aoi:
    """An AOI that covers a window."""
    return Aoi("test", "Test", "TST", reprojected(window.polygon_m, GRID.crs, LONLAT))


QUIET = Progress(quiet=True)
ALWAYS = Period(None, None)
AREA = aoi(PLACE.grown(560))
"""Where the shared simulated archive lies; the fixture `scenes` builds it."""
SMALL = load(None).simulated.model_copy(
    update={"worlds": 2, "world_px": 512, "months": 7, "start": "2024-10", "seed": 8, "overpasses_per_month": 1}
)
"""What is in it."""
SIMULATION = simulation_of(AREA, SMALL)
"""Its id."""
model_of = lru_cache(load_model)
"""A model by name, device and precision, loaded once."""


def run_of(aoi: Aoi, source: Source, settings: Settings, period: Period, out: Path, **changes: object) -> Run:
    """What `detect` and `estimate` take: on the CPU, today, silent, without a limit of spending; `changes` go first."""
    parts: dict[str, object] = {
        "aoi": aoi,
        "period": period,
        "source": source,
        "settings": settings,
        "archive": Archive(out / "archive", source.simulation),
        "out": out,
        "today": datetime.now(UTC).date(),
        "device": "cpu",
        "progress": Progress(quiet=True),
    }
    if "model" not in changes:
        parts["model"] = model_of(settings.model, "cpu", settings.segment.precision)
    return Run(**(parts | changes))


def forest(shape: tuple[int, int] = PLACE.shape, seed: int = 0) -> np.ndarray:
    """Stored numbers (band, y, x) of a forest with some texture."""
    noise = np.random.default_rng(seed).integers(0, 200, shape)
    return np.stack([np.full(shape, value) + noise for value in FOREST]).astype(np.uint16)


def write(
    path: Path,
    numbers: np.ndarray | None = None,
    *,
    names: tuple[str, ...] = NAMES,
    crs: str | None = GRID.crs,
    transform: Affine | None = PLACE.transform,
    tags: dict[str, str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = 0,
    **profile: object,
) -> Path:
    """Write a GeoTIFF; whatever is left out is as it should be."""
    numbers = forest() if numbers is None else numbers
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", dtype=numbers.dtype, count=len(numbers), height=numbers.shape[1],
        width=numbers.shape[2], crs=crs, transform=transform, nodata=nodata, **profile,
    ) as file:  # fmt: skip
        file.write(numbers)
        file.descriptions = names
        if scale is not None:
            file.scales = [scale] * len(numbers)
        if offset is not None:
            file.offsets = [offset] * len(numbers)
        file.update_tags(**(tags or {}))
    return path
