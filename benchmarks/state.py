"""A state at its real size: all of Shan from full granules on this disk, run as a user would, and run again.

    python benchmarks/state.py [--overpasses 2] [--work DIR] [--no-screen] [--aoi shan]

Writes one granule of 10,980 x 10,980 px with 60 % cloud per overpass, and copies it to each place that the AOI touches
(about 0.4 GB each, 28 places for Shan; kept in the work folder). Prints what each stage took, how right the time left
was that was told after the first tenth, peak memory of the largest process, and bytes of looks.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine
from shapely.geometry import box

from imagery import CLOUD, CLOUD_CLASS, write_scene
from pipeline.aoi import Aoi, read_aoi
from pipeline.grid import Window

SIDE_PX, PITCH_M = 10_980, 100_000
"""Side of a granule, and distance of their corners."""
CLOUDS = 0.6
FIRST = date(2025, 1, 5)
LINE = re.compile(r"(?P<stage>[A-Z][a-z ]+): (?P<done>\d+)/(?P<total>\d+) \S+ (?P<rest>.*)")


def main() -> None:
    """Write what is missing, run twice, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overpasses", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(".bench", "state"))
    parser.add_argument("--aoi", default="shan")
    parser.add_argument("--workers", default="0")
    parser.add_argument("--no-screen", action="store_true")
    asked = parser.parse_args()
    scenes = asked.work / "scenes"
    scenes.mkdir(parents=True, exist_ok=True)
    count = sum(_overpass(read_aoi(asked.aoi), scenes, number) for number in range(asked.overpasses))
    print(f"{count} granules, {sum(path.stat().st_size for path in scenes.glob('*.tif')) / 1e9:.1f} GB", flush=True)
    out = asked.work / "out"
    shutil.rmtree(out, ignore_errors=True)
    options = ["--aoi", asked.aoi, "--source", "folder", "--scenes", str(scenes), "--out", str(out / "products"),
               "--archive", str(out / "archive"), "--workers", asked.workers]  # fmt: skip
    options += ["--no-screen"] if asked.no_screen else []
    _run("first run", options)
    looks = [path.stat().st_size for path in (out / "archive").rglob("*.tif")]
    cells = [path.stat().st_size for path in (out / "archive").rglob("*.cells")]
    print(f"{len(looks)} looks of {sum(looks) / 1e6:.0f} MB, evidence {sum(cells) / 1e6:.0f} MB", flush=True)
    _run("nothing new", options)


def _overpass(aoi: Aoi, scenes: Path, number: int) -> int:
    """Write the granules of one overpass that are missing; returns how many there are."""
    day = FIRST + timedelta(days=5 * number)
    paths = {place: scenes / f"{day:%Y%m%d}T040000_{k:02d}.tif" for k, place in enumerate(_places(aoi))}
    if all(path.is_file() for path in paths.values()):
        return len(paths)
    base = scenes / f"{day:%Y%m%d}.part"
    _write_base(base, number, day)
    for (west, north), path in paths.items():
        shutil.copyfile(base, path)
        with rasterio.open(path, "r+") as file:
            file.transform = Affine(10, 0, west, 0, -10, north)
    base.unlink()
    return len(paths)


def _places(aoi: Aoi) -> Iterator[tuple[int, int]]:
    """West and north edge, metres, of the granules that touch the AOI."""
    west, south, east, north = aoi.polygon_m.bounds
    for row in range(int(south // PITCH_M), int(north // PITCH_M) + 1):
        for col in range(int(west // PITCH_M), int(east // PITCH_M) + 1):
            corner = col * PITCH_M - 20, (row + 1) * PITCH_M + 9_820
            if aoi.polygon_m.intersects(box(corner[0], corner[1] - 10 * SIDE_PX, corner[0] + 10 * SIDE_PX, corner[1])):
                yield corner


def _write_base(path: Path, seed: int, day: date) -> None:
    """One granule; thick cloud is of one colour, so that it takes little room on this disk."""
    plain = path.with_suffix(".plain")
    write_scene(plain, Window(0, 0, SIDE_PX, SIDE_PX), seed=seed + 1, clouds=CLOUDS, day=day)
    with rasterio.open(plain, driver="GTiff") as source:
        profile = {**source.profile, "num_threads": "all_cpus", "zlevel": 1}
        with rasterio.open(path, "w", **profile) as target:
            target.descriptions = source.descriptions
            target.update_tags(datetime=f"{datetime(day.year, day.month, day.day, 4, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}")
            for _, window in source.block_windows(1):
                pixels = source.read(window=window)
                cloud = pixels[-1] == CLOUD_CLASS
                pixels[:-1, cloud] = np.array(CLOUD, pixels.dtype)[:, None]
                target.write(pixels, window=window)
    plain.unlink()


def _run(title: str, options: list[str]) -> None:
    """Run `detect`, and print what its progress and the system say of it."""
    command = [sys.executable, "-m", "pipeline", "detect", *options]
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told: list[tuple[float, re.Match[str]]] = []
    others: list[str] = []
    for line in process.stderr:
        found = LINE.match(line)
        told += [(time.monotonic() - begun, found)] if found else []
        others += [] if found else [line.strip()]
    _, status, usage = os.wait4(process.pid, 0)
    whole = time.monotonic() - begun
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"{title}: exit {os.waitstatus_to_exitcode(status)}, {whole:.1f} s, {cpu:.0f} CPU s, largest process "
        f"{usage.ru_maxrss / 1e6:.2f} GB; {' | '.join(others)[:300]}",
        flush=True,
    )
    for stage in dict.fromkeys(found["stage"] for _, found in told):
        lines = [(when, found) for when, found in told if found["stage"] == stage]
        print(f"  {stage}: {lines[-1][1]['done']} {lines[-1][1]['rest']} (at {lines[-1][0]:.0f} s)")
        early = next(
            ((when, f) for when, f in lines if int(f["done"]) * 10 >= int(f["total"]) and "left" in f["rest"]), None
        )
        if early is not None:
            left = float(re.search(r"about (\d+) s", early[1]["rest"])[1])  # type: ignore[index]
            print(f"    told after a tenth: {left:.0f} s left; it was {lines[-1][0] - early[0]:.0f} s")


if __name__ == "__main__":
    main()
