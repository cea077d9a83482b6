"""Peak memory of `detect` with two workers, for a scene of 4,000 px (four looks) and for a larger one.

    python benchmarks/memory.py [--large 20000] [--work DIR]
    python benchmarks/memory.py --site 1000

The second dates one site of 400 px from so many looks in a process of its own, and prints by how much its memory grew.

The first prints, for each, the largest sum over all processes of the run of their proportional memory (PSS: what they
share counts once), sampled ten times a second, and the ratio of the two.
"""

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from shapely.geometry import mapping

from imagery import GRID, NORTH_WEST, write_scene
from pipeline.config import load
from pipeline.evidence.fuse import fuse
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, NO_VALUE, NOT_CLEAR
from pipeline.looks.stack import LookArchive
from pipeline.raster import Bytes
from pipeline.sites.confidence import assess
from pipeline.sites.extract import find_sites, pond_pixels
from pipeline.sources.acquisitions import Acquisition
from rivals.environment import FOLDER

SMALL_PX = 4_000
EVERY_S = 0.1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, default=20_000, help="side of the large scene, pixels")
    parser.add_argument("--work", type=Path, default=FOLDER / "work")
    parser.add_argument("--site", type=int, metavar="LOOKS", help="date one site from so many looks instead")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        date_site(asked.site)
        return
    if asked.site:
        subprocess.run([sys.executable, __file__, "--site", str(asked.site), "--child"], check=True)
        return
    peaks = [_peak_mb(asked.work.resolve() / "memory", side) for side in (SMALL_PX, asked.large)]
    print(f"{asked.large} px over {SMALL_PX} px: {peaks[1] / peaks[0]:.3f}")


@dataclass(frozen=True)
class Drawn:
    """Pixels of a look that are drawn when they are read: ponds in the middle of mine ground, two thirds clear."""

    number: int

    def read(self, part: Window) -> Bytes:
        """As `LookPixels.read`."""
        rng = np.random.default_rng(self.number)
        clear = rng.random(part.shape) < 0.66
        pond, ground = np.full(part.shape, 3, np.uint8), np.full(part.shape, 180, np.uint8)
        pond[100:300:6, 100:300:6] = 180
        planes = [np.where(clear, plane, NO_VALUE) for plane in (pond, ground)]
        return np.stack([*planes, np.where(clear, CLEAR, NOT_CLEAR)]).astype(np.uint8)


def date_site(count: int) -> None:
    """Weigh and date a site of 400 px, and print by how much the memory of this process grew at most."""
    place, settings = Window(*NORTH_WEST, 400, 400), load(None)
    taken = Acquisition(
        "x", datetime(2020, 1, 1, tzinfo=UTC), "S2A", (98.0, 21.0, 99.0, 22.0), tile="47QKA", baseline="05.11"
    )
    days = [date(2016, 1, 1) + timedelta(days=3 * number) for number in range(count)]
    looks = [
        Look(
            name=f"{day}", extent=place, windows=(place,), day=day, overpass=f"{day:%Y%m%d}-S2A", acquisitions=(taken,),
            clear_share=0.66, key=f"{day}", generation=0, pixels=Drawn(number),
        )
        for number, day in enumerate(days)
    ]  # fmt: skip
    archive = LookArchive(looks, settings.coverage.cell_px)
    pixels = np.zeros(place.shape, bool)
    pixels[100:300:6, 100:300:6] = True
    piece = pond_pixels(place, pixels.astype(np.float32), np.ones(place.shape, bool), settings.sites)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    (site,) = find_sites([piece], lambda window: fuse(archive.stacks(window), settings.evidence), settings.sites)
    found = assess(site, archive.stacks(site.window), settings, None)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    spent = time.process_time() - begun
    print(f"{len(found.history.looks)} looks of {site.window.shape} px: {grown:.0f} MB more, {spent:.1f} s")


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
