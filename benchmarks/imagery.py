"""Imagery to measure with: forest in several scales with a sensor's noise, compressed about as well as Sentinel-2's.

    python benchmarks/imagery.py FILE.tif [--size 4096] [--clouds 0.3] [--seed 1]

Only what decides the cost of reading is like the original: data type, bands, tiles, compression and the share of cloud.
"""

import argparse
import time
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import rasterio
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.bands import NAMES, SCL
from pipeline.grid import Grid, Window
from pipeline.raster import Bools, Bytes, Floats

GRID = Grid(32647)
NORTH_WEST = (-118 * 2048, 26 * 2048)
"""Row and column where scenes begin that are written from the command line: the corner of a block."""
TILE_PX = 512
STEP_PX = 16
"""Distance of the points between which reflectance is interpolated."""
FINER = 4
"""How much finer each scale is than the one before."""
GROUND_SCALES = (0.7, 0.5, 0.4, 0.3)
"""Standard deviations of what differs over 1,024, 256, 64 and 16 pixels."""
CLOUD_SCALES = (1.0, 0.3, 0.0, 0.0)
"""The same for cloud, which comes in large fields."""
FOREST = (350, 620, 420, 3100, 1850, 850)
"""Mean reflectance of forest, 1 / 10,000, in the order of `NAMES`."""
SOIL = (950, 1350, 1750, 2500, 3300, 2600)
"""The same of bare ground."""
SOIL_SHARE = (0.12, 0.18)
"""Mean share of bare ground, and how much of it comes with one standard deviation of the smooth field."""
BARE = 0.35
"""SCL says bare from this share on."""
RELIEF = 0.12
"""How much light differs with one standard deviation of another smooth field."""
CLOUD = (5200, 5400, 5500, 6000, 4300, 3400)
"""Reflectance of thick cloud, 1 / 10,000."""
CLOUD_EDGE = 0.06
"""How far the field of cloud rises from no cloud to thick cloud."""
SHADOW_STEPS = (2, 3)
"""Where the shadow of a cloud lies: so many times `STEP_PX` south and east of it."""
SHADOW_LIGHT = 0.4
"""Share of light in shadow."""
NOISE = 40
"""Standard deviation of the noise of a pixel, 1 / 10,000."""
NOISE_POOL = 1 << 22
"""Numbers of noise that are drawn; each row of a band begins elsewhere in them."""
VEGETATION_CLASS, BARE_CLASS, SHADOW_CLASS, CLOUD_CLASS = 4, 5, 3, 9
"""Classes of SCL."""
CACHE_MB = 64
"""GDAL's cache: a tile is written once."""


def write_scene(
    path: Path,
    window: Window,
    *,
    seed: int,
    clouds: float = 0.0,
    compress: str = "deflate",
    day: date = date(2025, 1, 5),
) -> None:
    """Write a scene on a window of the grid, tile row by tile row; the same seed gives the same pixels.

    `clouds`: share of the area under cloud, 0 to 1; shadow comes on top of it.
    """
    rng = np.random.default_rng(seed)
    ground = _Ground(window, rng, clouds)
    begins = rng.integers(0, NOISE_POOL, (len(NAMES), window.height))
    pool = (NOISE * rng.standard_normal(NOISE_POOL + window.width, dtype=np.float32)).round().astype(np.int16)
    level = {"deflate": {"zlevel": 1}, "zstd": {"zstd_level": 1}}.get(compress, {})
    moment = datetime(day.year, day.month, day.day, 3, 55, 1, tzinfo=UTC)
    with (
        rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
        rasterio.open(
            path, "w", driver="GTiff", dtype="uint16", count=len(NAMES) + 1, nodata=0, interleave="band",
            height=window.height, width=window.width, crs=GRID.crs, transform=window.transform, bigtiff="if_safer",
            tiled=True, blockxsize=TILE_PX, blockysize=TILE_PX, predictor=2, compress=compress, **level,
            num_threads="all_cpus",
        ) as file,
    ):  # fmt: skip
        file.descriptions = (*NAMES, SCL)
        file.update_tags(datetime=moment.isoformat(), platform="Sentinel-2A")
        for row in range(0, window.height, TILE_PX):
            height = min(TILE_PX, window.height - row)
            strip = rasterio.windows.Window(0, row, window.width, height)
            light, cloud, classes = ground.sky(row, height)
            for number in range(len(NAMES)):
                plane = ground.reflectance(number, row, height, light, cloud).astype(np.int16)
                for line, begin in zip(plane, begins[number, row:], strict=False):
                    line += pool[begin : begin + window.width]
                np.maximum(plane, 1, out=plane)
                file.write(plane.view(np.uint16), number + 1, window=strip)
            file.write(classes.astype(np.uint16), len(NAMES) + 1, window=strip)


class _Ground:
    """What a scene shows, as smooth fields on points `STEP_PX` apart."""

    def __init__(self, window: Window, rng: np.random.Generator, clouds: float) -> None:
        south, east = SHADOW_STEPS
        height, width = (-(-side // STEP_PX) + 3 for side in window.shape)
        self.window = window
        mean, spread = SOIL_SHARE
        self.soil = np.clip(mean + spread * _field(rng, (height, width), GROUND_SCALES), 0, 1)
        relief = 1 + RELIEF * np.clip(_field(rng, (height, width), GROUND_SCALES), -3, 3)
        self.planes = [
            (relief * (forest + (soil - forest) * self.soil)).astype(np.float32)
            for forest, soil in zip(FOREST, SOIL, strict=True)
        ]
        self.cloud = self.shadow = None
        if clouds > 0:
            field = _field(rng, (height + south, width + east), CLOUD_SCALES)
            field -= np.quantile(field[south:, east:], 1 - min(clouds, 1.0))
            self.cloud, self.shadow = field[south:, east:], field[:-south, :-east]

    def sky(self, row: int, height: int) -> tuple[Floats | None, Floats | None, Bytes]:
        """Light on the ground, opacity of cloud, and SCL, of some rows; light and cloud are None without any cloud."""
        classes = np.where(self._pixels(self.soil, row, height) < BARE, VEGETATION_CLASS, BARE_CLASS).astype(np.uint8)
        if self.cloud is None or self.shadow is None:
            return None, None, classes
        cloud = np.clip(self._pixels(self.cloud, row, height) / CLOUD_EDGE, 0, 1)
        shadow = np.clip(self._pixels(self.shadow, row, height) / CLOUD_EDGE, 0, 1)
        hidden: Bools = cloud > 0
        classes[shadow > 0] = SHADOW_CLASS
        classes[hidden] = CLOUD_CLASS
        return 1 - (1 - SHADOW_LIGHT) * shadow, cloud, classes

    def reflectance(self, number: int, row: int, height: int, light: Floats | None, cloud: Floats | None) -> Floats:
        """One band of some rows, 1 / 10,000, without noise."""
        plane = self._pixels(self.planes[number], row, height)
        if light is not None and cloud is not None:
            plane *= light
            plane += (CLOUD[number] - plane) * cloud
        return plane

    def _pixels(self, field: Floats, row: int, height: int) -> Floats:
        """A field at the pixels of some rows; `row` is a multiple of `STEP_PX`."""
        first, count = row // STEP_PX, -(-height // STEP_PX)
        return _finer(field[first : first + count + 3], STEP_PX)[:height, : self.window.width]


def _field(rng: np.random.Generator, shape: tuple[int, int], scales: tuple[float, ...]) -> Floats:
    """A smooth random field of some shape: a sum of fields, each `FINER` times as fine as the one before."""
    shapes = [shape]
    for _ in scales[1:]:
        shapes.append((-(-shapes[-1][0] // FINER) + 3, -(-shapes[-1][1] // FINER) + 3))
    field = np.zeros(shapes[-1], np.float32)
    for place, scale in enumerate(scales):
        here = shapes[-1 - place]
        if place:
            field = _finer(field, FINER)[: here[0], : here[1]]
        field = field + np.float32(scale) * rng.standard_normal(here, dtype=np.float32)
    return field


def _finer(field: Floats, factor: int) -> Floats:
    """A field at `factor` times as many points each way, by cubic B-splines; the outer points only lend their slope."""
    t = (np.arange(factor, dtype=np.float32) + 0.5) / factor
    pieces = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3])
    weights = (pieces / 6).astype(np.float32)
    tall = _stretched(np.ascontiguousarray(field.T), weights)
    return _stretched(np.ascontiguousarray(tall.T), weights)


def _stretched(field: Floats, weights: NDArray[np.float32]) -> Floats:
    """A field with `weights.shape[1]` points for each along its last axis."""
    out: Floats = np.ascontiguousarray(sliding_window_view(field, 4, axis=1)) @ weights
    return out.reshape(len(field), -1)


def main() -> None:
    """Write one scene and print how fast and how large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--size", type=int, default=4096, help="side, pixels")
    parser.add_argument("--clouds", type=float, default=0.0, help="share of the area under cloud")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compress", default="deflate")
    asked = parser.parse_args()
    window = Window(*NORTH_WEST, asked.size, asked.size)
    begun = time.perf_counter()
    write_scene(asked.path, window, seed=asked.seed, clouds=asked.clouds, compress=asked.compress)
    spent = time.perf_counter() - begun
    area, stored = asked.size**2 / 1e6, asked.path.stat().st_size
    share = stored / (asked.size**2 * 2 * len(NAMES))
    print(
        f"{asked.path}: {area:.1f} Mpx in {spent:.1f} s ({area / spent:.1f} Mpx/s); "
        f"{stored / 1e6:.0f} MB, {share:.2f} of the raw size of its {len(NAMES)} bands; SCL adds almost nothing"
    )


if __name__ == "__main__":
    main()
