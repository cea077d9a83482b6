"""What the screen saves over forested hills: four simulated worlds of style kachin without sites, on one clear day.

    python benchmarks/forest.py [--rounds 3] [--work DIR]

Prints processor seconds per megapixel with and without the screen, the share of the ground that is looked at, and how
much of the gain that this share allows is reached: what the network is not shown cannot cost less than nothing.
"""

import argparse
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from imagery import GRID, NORTH_WEST
from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.config import load
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks.clear import clear
from pipeline.looks.screen import screened as screened_pixels
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period
from pipeline.worlds.world import make_world, render
from rivals.environment import FOLDER, environment_of

SIDE_PX, STYLE, DAY = 1024, "kachin", date(2025, 1, 15)
SEEDS = (986_000_001, 986_000_002, 986_000_003, 986_000_004)
PLACE = Window(*NORTH_WEST, 2 * SIDE_PX, 2 * SIDE_PX)


def main() -> None:
    """Write what is missing, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=FOLDER / "work")
    asked = parser.parse_args()
    raster = asked.work.resolve() / "forest" / f"{DAY:%Y%m%d}.tif"
    if not raster.is_file():
        raster.parent.mkdir(parents=True, exist_ok=True)
        _write(raster)
    found: dict[str, list[dict[str, Any]]] = {"dense": [], "screened": []}
    for _ in range(asked.rounds):
        for name, more in (("dense", []), ("screened", ["--screened"])):
            command = [sys.executable, "-m", "contestants.ours", str(raster), "bf16", *more]
            done = subprocess.run(command, env=environment_of(), capture_output=True, text=True, check=True)
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
    mpx = PLACE.area_px / 1e6
    dense, screened = (median(each["cpu_s"] for each in found[name]) for name in ("dense", "screened"))
    network, pixels = (median(each[key] for each in found["dense"]) for key in ("forward_s", "forward_px_ratio"))
    shown = median(each["forward_px_ratio"] for each in found["screened"])
    left = 1 - _skipped(raster)
    bound = dense / (dense - network + network * left)
    for name, values in found.items():
        spent = sorted(each["cpu_s"] / mpx for each in values)
        print(f"{name:9s} {median(spent):.3f} [{spent[0]:.3f}..{spent[-1]:.3f}] CPU s per Mpx")
    print(
        f"{left:.3f} of the ground is looked at; {shown:.2f} px shown per px, {pixels:.2f} without the screen\n"
        f"{dense / screened:.2f} times faster; at most {bound:.2f} by the skipped share, "
        f"{dense / screened / bound:.2f} of that"
    )


def _write(path: Path) -> None:
    """The four worlds side by side, in one file as a source reads it."""
    planes = np.zeros((len(NAMES) + 1, *PLACE.shape), np.uint16)
    for number, seed in enumerate(SEEDS):
        look = render(make_world(seed, SIDE_PX, STYLE, DAY, DAY, n_sites=0), DAY, seed, 0.0)
        rows, cols = (slice(SIDE_PX * k, SIDE_PX * (k + 1)) for k in divmod(number, 2))
        planes[:-1, rows, cols] = np.clip(np.rint(look.reflectance * 10_000), 1, 65_535)
        planes[-1, rows, cols] = look.scl
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=len(planes), height=PLACE.height, width=PLACE.width, nodata=0,
        crs=GRID.crs, transform=Affine(*PLACE.transform[:6]), tiled=True, blockxsize=512, blockysize=512,
        compress="deflate", predictor=2,
    ) as file:  # fmt: skip
        file.descriptions = (*NAMES, SCL)
        file.write(planes)


def _skipped(raster: Path) -> float:
    """Share of the clear ground that is screened out."""
    source = FolderSource(raster.parent)
    aoi = Aoi("forest", "Forest", "FRS", reprojected(PLACE.polygon_m, GRID.crs, LONLAT))
    shown = source.read(source.search(aoi, Period(None, None)).scenes, GRID, PLACE)
    seen = clear(shown, load(None).clear)
    return float(screened_pixels(shown, PLACE, seen, ()).sum() / seen.sum())


if __name__ == "__main__":
    main()
