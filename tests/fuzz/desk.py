"""The kinds of input that people hand to each other: reviewers' files, cuts and bundles."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from shapely.geometry import box

from pipeline.bundle.pack import CUTS, SITE, SUMS, sums_text
from pipeline.bundle.verify import read_bundle, verify
from pipeline.cuts.cut import Cut, encoded, read_cut
from pipeline.grid import Grid, Window
from pipeline.progress import Progress
from pipeline.reviews.apply import undated
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.merge import merge
from pipeline.reviews.review import Reason, Review, Verdict
from pipeline.sites.statement import Provenance
from pipeline.sources.acquisitions import Acquisition
from tests.fuzz.geopackages import GPKG, log_beside
from tests.fuzz.kind import Files, Kind, Seed
from tests.fuzz.mutators import BYTES
from tests.fuzz.tiff import TIFF

AT = datetime(2026, 11, 29, tzinfo=UTC)
EARTH = box(-180, -90, 180, 90)


def cut() -> Cut:
    """A cut of 32 by 32 pixels."""
    rng = np.random.default_rng(5)
    return Cut(
        grid=Grid(32647), window=Window(-244_000, 30_000, 32, 32), time_utc=AT, overpass="20261129-S2B",
        provider="folder", simulation="", notes=(),
        acquisitions=(Acquisition("S2B_x", AT, "S2B", (97.0, 22.0, 98.0, 23.0), "47QKE", "05.11", ""),),
        numbers=rng.integers(1, 5000, (6, 32, 32)).astype(np.uint16), scl=np.full((32, 32), 4, np.uint8),
    )  # fmt: skip


class Reviews(Kind):
    """`reviews.gpkg`, read, and merged into a sound one."""

    name = "reviews"
    mutators = (*BYTES, *GPKG)
    cut_is_told = False  # SQLite rolls back or reads what is there

    def sound(self) -> Iterator[Seed]:
        with tempfile.TemporaryDirectory() as folder:
            file = _reviews(Path(folder))
            yield Seed("reviews", {"reviews.gpkg": file.path.read_bytes()}, ("reviews.gpkg",))

    def damaged(self, rng: Random, seed: Seed) -> tuple[dict[str, bytes], str]:
        if rng.random() > 0.1:
            return super().damaged(rng, seed)
        beside = log_beside(rng, seed.files["reviews.gpkg"])
        return {f"reviews.gpkg{ending}": content for ending, content in beside.items()}, log_beside.__name__

    def read(self, folder: Path) -> Any:
        found = ReviewsFile(folder / "reviews.gpkg").read()
        (folder / "mine").mkdir(exist_ok=True)
        mine = _reviews(folder / "mine")
        before = {row.site_id: row.verdict for row in mine.rows()}
        merge(mine, ReviewsFile(folder / "reviews.gpkg"))
        kept = {row.site_id: row.verdict for row in mine.rows()}
        lost = [name for name, verdict in before.items() if verdict is not None and kept.get(name) is None]
        return tuple((row.site_id, row.verdict, row.reason) for row in found.reviews), len(found.points), lost, found

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        if result[2]:
            yield f"verdicts on {result[2]} were lost by merging"
        if not all(row.polygon.is_empty or EARTH.covers(row.polygon) for row in result[3].reviews):
            yield "an outline that is not on Earth"
        if not all("\n" not in problem for problem in result[3].problems):
            yield "a problem of several lines"


def _reviews(folder: Path) -> ReviewsFile:
    file = ReviewsFile(folder / "reviews.gpkg")
    file.make({})
    file.add_sites([undated(_drawn(k), Provenance("folder", False, "third", "abc")) for k in range(1, 5)])
    file.judge("SHN-0001", Verdict.CONFIRMED, None, "ponds", "Nang", AT)
    file.judge("SHN-0002", Verdict.REJECTED, Reason.PADDY, None, "Nang", AT)
    file.set_point(None, "SHN-0001", 97.105, 22.005, "Nang", AT)
    return file


def _drawn(number: int) -> Review:
    outline = box(97 + number / 10, 22, 97.01 + number / 10, 22.01)
    return Review(
        fid=number, site_id=f"SHN-000{number}", verdict=None, reason=None, note=None, reviewer=None, reviewed_at=None,
        added=False, polygon=outline,
    )  # fmt: skip


class Cuts(Kind):
    """A cut in an archive."""

    name = "cut"
    mutators = (*BYTES, *TIFF)

    def sound(self) -> Iterator[Seed]:
        yield Seed("cut", {"cut.tif": encoded(cut(), kept=True)}, ("cut.tif",))

    def read(self, folder: Path) -> Any:
        found = read_cut(folder / "cut.tif")
        return found.numbers.tobytes(), found.window, found.overpass, found.acquisitions

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        if result[0] != cut().numbers.tobytes():
            yield "other pixels without a word"


class Bundles(Kind):
    """A bundle of evidence."""

    name = "bundle"
    mutators = BYTES

    def sound(self) -> Iterator[Seed]:
        yield Seed("bundle", {"bundle.zip": _bundle()}, ("bundle.zip",))

    def read(self, folder: Path) -> Any:
        bundle = read_bundle(folder / "bundle.zip")
        done = verify(bundle, None, None, Progress(quiet=True))
        return tuple(sorted(bundle.files.items())), done.problems

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        if not result[1] and dict(result[0])[f"{CUTS}/20261129-S2B.tif"] != encoded(cut()):
            yield "another cut that verifies"


def _bundle() -> bytes:
    import json
    from io import BytesIO
    from zipfile import ZipFile

    scenes = [acquisition.id for acquisition in cut().acquisitions]
    name = f"{CUTS}/20261129-S2B.tif"
    content = {"layout": 1, "site": {"site_id": "SHN-0001"}, "cuts": [{"file": name, "scenes": scenes}]}
    files: Files = {SITE: json.dumps(content).encode(), name: encoded(cut())}
    memory = BytesIO()
    with ZipFile(memory, "w") as archive:
        for each, data in [*files.items(), (SUMS, sums_text(files).encode())]:
            archive.writestr(each, data)
    return memory.getvalue()
