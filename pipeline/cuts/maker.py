"""Makes cuts in worker processes: reads a square of one overpass from its scenes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.cuts.cut import Cut, stored_numbers
from pipeline.cuts.store import CutStore
from pipeline.errors import SceneError
from pipeline.grid import Grid, Window
from pipeline.sources.interface import Overpass, Source


@dataclass(frozen=True, slots=True)
class CutTask:
    """One cut to make."""

    grid: Grid
    """The UTM zone."""
    square: Window
    """The square."""
    overpass: Overpass
    """The overpass, with the granules that show any of the square."""

    @property
    def name(self) -> str:
        """Place and overpass, for people."""
        return f"cut of {self.overpass.name} at {self.grid.zone}_r{self.square.row:+07d}_c{self.square.col:+06d}"


@dataclass(frozen=True, slots=True)
class CutMaker:
    """Makes cuts from a source; cheap to pickle."""

    source: Source
    """Where pixels come from."""
    folder: Path
    """Folder of the cuts."""

    def __call__(self, task: CutTask) -> Path:
        """Make a cut and keep it; returns its file. Raises `SceneError` where a granule cannot be read."""
        cut = cut_of(self.source, task)
        return CutStore(self.folder, task.grid).keep(cut)


def cut_of(source: Source, task: CutTask) -> Cut:
    """What an overpass measured on a square, also where SCL shows nothing clear. Raises as `Source.read`."""
    scenes = task.overpass.scenes
    raster = source.unmasked().read(scenes, task.grid, task.square)
    if not raster.valid.any():
        raise SceneError(f"{task.name}: no pixel was measured there")
    return Cut(
        grid=task.grid,
        window=task.square,
        time_utc=min(scene.time_utc for scene in scenes),
        overpass=task.overpass.name,
        provider=source.name,
        simulation=source.simulation,
        acquisitions=tuple(scene.acquisition for scene in scenes),
        notes=raster.notes,
        numbers=stored_numbers(raster),
        scl=None if raster.scl is None else raster.scl.astype(np.uint8),
    )
