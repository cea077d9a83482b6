"""Peak memory of `detect` with two workers, for a scene of 4,000 px (four looks) and for a larger one.

    python benchmarks/memory.py [--large 20000] [--work DIR]

Prints, for each, the largest sum over all processes of the run of their proportional memory (PSS: what they share
counts once), sampled ten times a second, and the ratio of the two.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from shapely.geometry import mapping

from imagery import GRID, NORTH_WEST, write_scene
from pipeline.grid import LONLAT, Window, reprojected
from rivals.environment import FOLDER

SMALL_PX = 4_000
EVERY_S = 0.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=20_000, help="side of the large scene, pixels")
    parser.add_argument("--work", type=Path, default=FOLDER / "work")
    asked = parser.parse_args()
    peaks = [_peak_mb(asked.work.resolve() / "memory", side) for side in (SMALL_PX, asked.large)]
    print(f"{asked.large} px over {SMALL_PX} px: {peaks[1] / peaks[0]:.3f}")


def _peak_mb(work: Path, side: int) -> float:
    """Peak memory of all processes of one run on a scene of a side, MB."""
    scenes = work / f"scenes-{side}"
    place = Window(*NORTH_WEST, side, side)
    if not (scenes / "20250105.tif").is_file():
        scenes.mkdir(parents=True, exist_ok=True)
        write_scene(scenes / "20250105.part", place, seed=1, clouds=0.3)
        (scenes / "20250105.part").rename(scenes / "20250105.tif")
    aoi = work / f"aoi-{side}.geojson"
    aoi.write_text(json.dumps(mapping(reprojected(place.polygon_m.buffer(-20), GRID.crs, LONLAT))))
    out = work / f"out-{side}-{time.time_ns()}"
    command = [
        sys.executable, "-m", "pipeline", "detect", "--aoi", str(aoi), "--source", "folder", "--scenes", str(scenes),
        "--out", str(out / "products"), "--archive", str(out / "archive"), "--workers", "2",
    ]  # fmt: skip
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(_pss_mb(each) for each in _family(process.pid)))
            time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"{side} px: exit {process.returncode}")
    print(f"{side} px: {peak:.0f} MB in all processes, {time.monotonic() - begun:.0f} s", flush=True)
    return peak


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


def _pss_mb(pid: int) -> float:
    """Proportional memory of a process; 0 where it has just ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1e3
    return 0.0


if __name__ == "__main__":
    main()
