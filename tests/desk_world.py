"""A made-up edition with sites to judge, pictures of them, and a file of verdicts; also as a program of its own.

python -m tests.desk_world FILE SITES PORT      a desk on a file of verdicts, until it is ended
"""

import io
import sys
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image
from shapely.geometry import Point, box

from pipeline.aoi import Aoi, read_aoi
from pipeline.desk.desk import Desk
from pipeline.desk.server import serve
from pipeline.export.edition import Edition
from pipeline.grid import LONLAT, reprojected
from pipeline.pictures.album import Album, Frame, Role, View
from pipeline.reviews.file import ReviewsFile
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import LookRecord, PondRecord, SiteRecord, rounded
from pipeline.sites.statement import Provenance, Statement
from pipeline.sites.states import SiteState
from pipeline.words import words_in

SIDE_PX = 128
LOOKS = 9
FIRST = date(2024, 1, 12)
DAMAGED = "SHN-0004"
"""Its cut is damaged."""


@lru_cache
def shan() -> Aoi:
    return read_aoi("shan")


def centre_m(number: int) -> tuple[float, float]:
    """The middle of a site, metres on the AOI's grid; inside it."""
    rng = np.random.default_rng([number, 7])
    aoi = shan()
    west, south, east, north = aoi.polygon_m.bounds
    while True:
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        if aoi.polygon_m.buffer(-2000).contains(Point(x, y)):
            return round(x, -1), round(y, -1)


def pond_places(number: int) -> list[tuple[float, float, float]]:
    """East and north of a site's middle, and radius, of its ponds; metres."""
    rng = np.random.default_rng([number, 3])
    return [(*rng.uniform(-150, 150, 2), rng.uniform(12, 28)) for _ in range(int(rng.integers(3, 9)))]


@lru_cache(maxsize=100)
def statement(number: int) -> Statement:
    """All that is said of a made-up site."""
    rng = np.random.default_rng([number, 1])
    site_id, (x, y) = f"SHN-{number:04d}", centre_m(number)
    ponds = [Point(x + east, y + north).buffer(radius) for east, north, radius in pond_places(number)]
    outline = box(x - 210, y - 190, x + 200, y + 205).intersection(Point(x, y).buffer(250, 6))
    area = float(sum(pond.area for pond in ponds))
    begun = int(rng.integers(2, 5))
    days = [FIRST + timedelta(days=int(40 * k + rng.integers(0, 20))) for k in range(LOOKS)]
    site = SiteRecord(
        site_id=site_id, status=SiteStatus.CANDIDATE if number % 3 else SiteStatus.CONFIRMED,
        confidence=round(float(rng.uniform(0.05, 0.99)), 3), ground_after=None, ground_by=days[0],
        ponds_after=days[begun - 1], ponds_by=days[begun], last_seen=days[-1], last_clear=days[-1], clear_looks=LOOKS,
        pond_area_m2=round(area), pond_area_low_m2=round(0.6 * area), pond_area_high_m2=round(1.8 * area),
        ground_area_m2=round(outline.area), verdict=None, reviewed_on=None, simulated=True, source="simulated",
        model="third", run_id="made-up", polygon=rounded(reprojected(outline, shan().grid.crs, LONLAT)),
    )  # fmt: skip
    looks = tuple(
        LookRecord(
            site_id=site_id, day=day, overpass=overpass(day), share_seen=1.0,
            pond_area_m2=round(area if k >= begun else 20 * k), pond_area_low_m2=round(0.6 * area if k >= begun else 0),
            pond_area_high_m2=round(1.8 * area if k >= begun else 200), ground_area_m2=round(outline.area),
            state=SiteState.PONDS if k >= begun else SiteState.CLEARED, ponds_present=k >= begun, ground_present=True,
            point=rounded(reprojected(Point(x, y), shan().grid.crs, LONLAT)),
        )
        for k, day in enumerate(days)
    )  # fmt: skip
    rows = tuple(
        PondRecord(site_id=site_id, pond_id=k, area_m2=pond.area, first_seen=days[begun],
                   polygon=rounded(reprojected(pond, shan().grid.crs, LONLAT)))
        for k, pond in enumerate(ponds, start=1)
    )  # fmt: skip
    return Statement(site=site, ponds=rows, looks=looks, events=())


def overpass(day: date) -> str:
    return f"{day:%Y%m%d}T040119_S2A"


def edition(sites: int) -> Edition:
    """An edition of Shan with so many made-up sites."""
    statements = tuple(statement(number) for number in range(1, sites + 1))
    return Edition(
        aoi=shan(),
        provenance=Provenance("simulated", True, "third", "made-up"),
        model_sha256="0" * 64,
        statements=statements,
        events=(),
        coverage=lambda: iter(()),
        months=("2024-01", "2025-03"),
        seen_in={},
        seen_share=0.8,
        first_published={one.site.site_id: FIRST for one in statements},
    )


def ground(number: int, look: int) -> np.ndarray:
    """Reflectance-like planes of a place: red, green, blue, near and short infrared; 0 to 1."""
    rng = np.random.default_rng([number, 5])
    small = rng.normal(size=(SIDE_PX // 8, SIDE_PX // 8))
    hills = np.asarray(Image.fromarray(small.astype(np.float32)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC))
    fine = np.random.default_rng([number, look]).normal(size=(SIDE_PX, SIDE_PX))
    planes = np.stack(
        [0.22 + 0.05 * hills, 0.30 + 0.05 * hills, 0.16 + 0.04 * hills, 0.5 + 0.08 * hills, 0.3 + 0.05 * hills]
    )
    planes += 0.015 * fine
    rows, cols = np.mgrid[:SIDE_PX, :SIDE_PX] - SIDE_PX / 2 + 0.5
    cleared = (np.abs(rows) < 19) & (np.abs(cols) < 20) & (rows**2 + cols**2 < 24**2)
    planes[:, cleared] = np.array([0.62, 0.48, 0.36, 0.55, 0.7])[:, None] + 0.02 * fine[cleared]
    begun = next(k for k, one in enumerate(statement(number).looks) if one.ponds_present)
    for east, north, radius in pond_places(number) if look >= begun else ():
        disc = (rows + north / 10) ** 2 + (cols - east / 10) ** 2 < max(radius / 10, 1.3) ** 2
        planes[:, disc] = np.array([0.25, 0.5, 0.6, 0.08, 0.03])[:, None]
    return np.clip(planes, 0, 1)


def webp(colours: np.ndarray) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray((255 * np.moveaxis(colours, 0, -1)).astype(np.uint8))
    image.save(file, "WEBP", quality=82)
    return file.getvalue()


def album(site_id: str) -> Album | None:
    """Pictures of a made-up site at all its looks; one says that its cut is damaged."""
    if site_id.startswith("added-"):
        return None
    number = int(site_id[-4:])
    if site_id == DAMAGED:
        return Album(site_id=site_id, side_m=0, frames=(), missing="archive/cuts/SHN-0004/20240112.npz: a damaged cut")
    looks = statement(number).looks
    begun = next(k for k, one in enumerate(looks) if one.ponds_present)
    roles = {begun - 1: Role.BEFORE, begun: Role.FIRST, LOOKS - 1: Role.LATEST}
    x, y = centre_m(number)
    frames = []
    for k, look in enumerate(looks):
        planes = ground(number, k)
        grey = np.repeat(planes[:3].mean(axis=0, keepdims=True), 3, axis=0)
        blue = planes[4] < 0.1
        grey[:, blue] = np.array([0.2, 0.5, 1.0])[:, None]
        images = {View.NATURAL: webp(planes[:3]), View.SWIR: webp(planes[[4, 3, 0]]), View.MODEL: webp(grey)}
        frames.append(
            Frame(role=roles.get(k, Role.BETWEEN), day=look.day, overpass=look.overpass, scenes=(f"S2A_{k}",),
                  clear_share=0.9 + 0.01 * k, images=images)
        )  # fmt: skip
    half = SIDE_PX * 5
    return Album(
        site_id=site_id, side_m=2.0 * half, frames=tuple(frames), bounds_m=(x - half, y - half, x + half, y + half)
    )  # fmt: skip


def reviews_of(path: Path, made: Edition) -> ReviewsFile:
    """A file of verdicts with a row for each site of an edition."""
    file = ReviewsFile(path)
    file.make({})
    file.add_sites(made.sites)
    return file


def desk_on(path: Path, sites: int, reviewer: str | None = "Nang") -> Desk:
    """A desk with so many made-up sites on a file of verdicts."""
    made = edition(sites)
    return Desk(
        edition=made, storage=reviews_of(path, made), albums=album, reviewer=reviewer, now=lambda: datetime.now(UTC),
        again="make review AOI=shan", words=words_in(),
    )  # fmt: skip


if __name__ == "__main__":
    serve(desk_on(Path(sys.argv[1]), int(sys.argv[2])), int(sys.argv[3]), open_browser=False)
