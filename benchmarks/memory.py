"""Peak memory of `detect` on one block's worth of scene, for an AOI and for one four times its size.

Prints the peak of the largest process of each run (what /usr/bin/time calls maximum resident set) and their ratio.
Run with: make bench
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine
from shapely.geometry import mapping

from pipeline.bands import NAMES
from pipeline.grid import LONLAT, Grid, Window, reprojected

GRID = Grid(32647)
SCENE = Window(-118 * 2048, 26 * 2048, 4096, 4096)


def write_scene(path: Path, day: int) -> None:
    """A forest of 4096 x 4096 pixels, written strip by strip."""
    rng = np.random.default_rng(day)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=6, height=SCENE.height, width=SCENE.width, nodata=0,
        crs=GRID.crs, transform=Affine(*SCENE.transform[:6]), tiled=True, compress="deflate", zlevel=1,
    ) as file:  # fmt: skip
        file.descriptions = NAMES
        for row in range(0, SCENE.height, 512):
            strip = rng.integers(300, 900, (6, 512, SCENE.width)).astype("uint16") + 1000 * np.array(
                [0, 0, 0, 2, 1, 0], "uint16"
            ).reshape(6, 1, 1)
            file.write(strip, window=rasterio.windows.Window(0, row, SCENE.width, 512))


def peak_mb(folder: Path, area: Window, name: str) -> float:
    """Peak resident memory of one run, MB."""
    aoi = folder / f"{name}.geojson"
    aoi.write_text(json.dumps(mapping(reprojected(area.polygon_m, GRID.crs, LONLAT))))
    command = [sys.executable, "-m", "pipeline", "detect", "--aoi", str(aoi), "--source", "folder",
               "--scenes", str(folder / "scenes"), "--out", str(folder / name), "--workers", "1"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name}: exit {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "scenes").mkdir()
        write_scene(folder / "scenes" / "20250105.tif", 5)
        small = Window(SCENE.row + 64, SCENE.col + 64, 1400, 1400)
        large = Window(SCENE.row + 64, SCENE.col + 64, 2800, 2800)
        one, four = peak_mb(folder, small, "small"), peak_mb(folder, large, "large")
    print(f"AOI of 196 km²: {one:.0f} MB; of 784 km²: {four:.0f} MB; ratio {four / one:.3f}")


if __name__ == "__main__":
    main()
