"""A source that needs no files: reflectance as a function of the place, for tests of looks and tiling."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from shapely.geometry import box

from pipeline.bands import BANDS
from pipeline.errors import SceneError
from pipeline.grid import Grid, Window
from pipeline.looks.look import Look, LookPixels
from pipeline.raster import Raster
from pipeline.sources.assets import GeoTiff
from pipeline.sources.interface import Period, Scene, Search

GRID = Grid(32647)


def scene(name: str = "one", day: str = "2025-01-05", content: str = "1") -> Scene:
    return Scene(
        id=name,
        time_utc=datetime.fromisoformat(day).replace(tzinfo=UTC),
        platform="",
        assets=GeoTiff(Path(name)),
        footprint=box(98.0, 20.0, 101.0, 24.0),
        has_scl=True,
        provider="test",
        content=content,
    )


def look_at(
    extent: Window, day: date, pixels: LookPixels, *, name: str = "", key: str = "", clear_p10: tuple[float, ...] = ()
) -> Look:
    """A look on a day as if it had been made."""
    return Look(
        name=name or f"b/{day:%Y%m%d}",
        extent=extent,
        windows=(extent,),
        day=day,
        overpass=f"{day:%Y%m%d}",
        acquisitions=(scene(day=f"{day}").acquisition,),
        clear_share=1.0,
        key=key or f"key of {day}",
        generation=0,
        pixels=pixels,
        clear_p10=clear_p10,
    )


@dataclass(frozen=True)
class Field:
    """Smooth ground with bright dots and clouds, the same for a pixel however it is asked for."""

    name: str = "field"
    simulation: str = ""
    paid: bool = False
    remote: bool = False
    broken: bool = False
    clouded: bool = False

    def search(self, aoi: object, period: Period) -> Search:
        return Search((scene(),), ())

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        if self.broken:
            raise SceneError(f"{scenes[0].id}: cannot be read")
        rows, cols = np.mgrid[window.row : window.row + window.height, window.col : window.col + window.width].astype(
            np.int64
        )
        noise = ((rows * 7919 + cols * 104729) % 997) / 997
        bands = [0.05 + 0.03 * b + 0.05 * noise + 0.1 * np.sin((rows + b) / 17) ** 2 for b in range(len(BANDS))]
        cloud = self.clouded | ((rows // 90 + cols // 70) % 5 == 0)
        edge = (cols // 210) % 7 == 3
        return Raster(
            window=window,
            pixels=np.where(edge, 0, np.stack(bands)).astype(np.float32),
            valid=~edge,
            scl=np.where(edge, 0, np.where(cloud, 9, 4)).astype(np.uint8),
        )


@dataclass(frozen=True)
class Unmasked(Field):
    """Ground with bright cloud and dark shadow, and no scene classification."""

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        rows, cols = np.mgrid[window.row : window.row + window.height, window.col : window.col + window.width]
        planes = np.full((len(BANDS), *window.shape), 0.1, np.float32)
        planes[:, (rows // 7 + cols // 9) % 3 == 1] = np.array([[0.01, 0.02, 0.01, 0.05, 0.03, 0.02]]).T
        planes[:, (rows // 20 % 13 == 0) & (cols // 20 % 11 == 0)] = np.array([[0.5, 0.5, 0.5, 0.6, 0.4, 0.3]]).T
        return Raster(window=window, pixels=planes, valid=np.ones(window.shape, bool), scl=None)
