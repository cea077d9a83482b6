"""What evidence costs: bytes of a cut and of a site, time to keep one, and time to make its pictures.

    python benchmarks/cuts.py --run FOLDER    on the products and the archive of a run: FOLDER/out/<aoi>, FOLDER/archive

Bytes on real ground are those of the scenes of `tests/data/real_folder`, as many pixels as a cut has.
"""

import argparse
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio

from pipeline.aoi import read_aoi
from pipeline.cuts.cut import Cut, encoded, read_cut
from pipeline.cuts.store import CUT_PX
from pipeline.grid import Grid, Window
from pipeline.pictures.darkroom import album_of, developed
from pipeline.pictures.strip import strip
from pipeline.run.edition import read_published
from pipeline.run.refresh import stored_darkroom
from pipeline.sources.acquisitions import Acquisition

REAL = Path(__file__).parent.parent / "tests" / "data" / "real_folder"


def real_bytes() -> list[float]:
    """Bytes of a cut of real ground, for each real scene, by the share of a cut's pixels that it has."""
    found = []
    for path in sorted(REAL.glob("*.tif")):
        with rasterio.open(path) as file:
            numbers = file.read(list(range(1, 7))).astype(np.uint16)
        rows, cols = numbers.shape[1:]
        when = read_time(path)
        made_from = (Acquisition(path.stem, when, "S2A", (0.0, 0.0, 1.0, 1.0), "", "", ""),)
        cut = Cut(
            grid=Grid(32633), window=Window(0, 0, rows, cols), time_utc=when, overpass="x", provider="folder",
            simulation="", acquisitions=made_from, notes=(), numbers=numbers, scl=None,
        )  # fmt: skip
        found.append(len(encoded(cut)) * CUT_PX**2 / (rows * cols))
    return found


def read_time(path: Path) -> datetime:
    """The time in the name of a scene."""
    return datetime.strptime(path.name[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder with out/<aoi> and archive")
    parser.add_argument("--aoi", default="shan", help="name of the AOI (%(default)s)")
    options = parser.parse_args()
    aoi = read_aoi(options.aoi)
    found = read_published(aoi, options.run / "out" / aoi.name, options.run / "archive")
    room = stored_darkroom(found)
    sizes, per_site, seconds = list[int](), list[tuple[int, int]](), list[float]()
    for statement in found.edition.statements:
        files = room.store.files(room.core(statement.site))
        sizes += [path.stat().st_size for path in files]
        per_site.append((len(files), sum(path.stat().st_size for path in files)))
        begun = time.perf_counter()
        plates, missing = room.plates(statement.site, statement.looks, everything=False)
        prints = developed(plates)
        album_of(statement.site.site_id, prints, missing)
        if prints:
            strip(statement.site, prints)
        seconds.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    again = [encoded(read_cut(path)) for path in room.store.files(room.core(found.edition.statements[0].site))]
    real = real_bytes()
    print(f"a cut, this run             {statistics.median(sizes) / 1e3:6.0f} kB median, {max(sizes) / 1e3:.0f} most")
    print(f"a cut, real ground          {statistics.median(real) / 1e3:6.0f} kB median, {max(real) / 1e3:.0f} most")
    for name, values in (("this run", sizes), ("real ground", real)):
        print(f"a site of twelve looks      {12 * statistics.mean(values) / 1e6:6.2f} MB, {name}")
    count, most = max(per_site)
    print(f"the site with most cuts     {most / 1e6:6.2f} MB, {count} cuts")
    print(f"reading and writing a cut   {(time.perf_counter() - begun) / len(again) * 1e3:6.0f} ms")
    print(f"pictures of a site          {statistics.median(seconds) * 1e3:6.0f} ms")


if __name__ == "__main__":
    main()
