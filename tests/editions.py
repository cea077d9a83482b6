"""Editions of invented sites, with pictures: what a run publishes, without a run."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image
from shapely.geometry import Polygon, box

from pipeline.aoi import Aoi
from pipeline.export.coverage import CoverageRecord
from pipeline.export.edition import Edition
from pipeline.months import first_day, months_between
from pipeline.pictures.album import Album, Frame, Role, View
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, LookRecord, SiteRecord
from pipeline.sites.statement import Provenance, Statement
from pipeline.sites.states import SiteState

AREA = Aoi("hills", "Hills", "HLS", box(98.0, 21.0, 99.0, 22.2), 2.0)
MONTHS = tuple(months_between(date(2024, 1, 1), date(2025, 6, 30)))
BLIND = "2024-07"
"""A month in which nothing is seen."""
SIDE_M = 1280.0


def statement(number: int, began: int = 5, **changes: object) -> Statement:
    """A site seen once a month, but for the blind one; its ponds were built in the month of number `began`.

    `changes`: of its row.
    """
    draw = np.random.default_rng(number)
    lon, lat = 98.05 + 0.9 * draw.random(), 21.05 + 1.1 * draw.random()
    outline = Polygon([(lon, lat), (lon + 0.006, lat + 0.001), (lon + 0.005, lat + 0.005), (lon + 0.001, lat + 0.004)])
    days = [first_day(month) + timedelta(days=int(draw.integers(2, 25))) for month in MONTHS if month != BLIND]
    built = next((k for k, day in enumerate(days) if day >= first_day(MONTHS[began])), len(days) - 1)
    site_id = f"HLS-{number:04d}"
    looks = tuple(_look(site_id, day, k >= built, outline, draw) for k, day in enumerate(days))
    site = SiteRecord(
        site_id=site_id,
        status=SiteStatus.CONFIRMED,
        confidence=round(0.8 + 0.19 * draw.random(), 3),
        ground_after=None,
        ground_by=days[0],
        ponds_after=days[built - 1] if built else None,
        ponds_by=days[built],
        last_seen=days[-1],
        last_clear=days[-1],
        clear_looks=len(days),
        pond_area_m2=looks[-1].pond_area_m2,
        pond_area_low_m2=looks[-1].pond_area_low_m2,
        pond_area_high_m2=looks[-1].pond_area_high_m2,
        ground_area_m2=looks[-1].ground_area_m2,
        verdict=None,
        reviewed_on=None,
        simulated=False,
        source="folder",
        model="third",
        run_id="0123456789ab",
        polygon=outline,
    )
    events = (
        EventRecord(
            site_id=site_id, kind=EventKind.PONDS_BUILT, after=site.ponds_after, by=days[built], evidence="S2A, S2B",
            point=outline.centroid,
        ),
    )  # fmt: skip
    return Statement(replace(site, **changes), (), looks, events)


def _look(site_id: str, day: date, ponds: bool, outline: Polygon, draw: np.random.Generator) -> LookRecord:
    area = float(draw.uniform(1500, 6000)) if ponds else 0.0
    return LookRecord(
        site_id=site_id, day=day, overpass=f"{day:%Y%m%d}-S2A", share_seen=1.0, pond_area_m2=area,
        pond_area_low_m2=area * 0.7, pond_area_high_m2=area * 1.5, ground_area_m2=float(draw.uniform(4e4, 6e4)),
        state=SiteState.PONDS if ponds else SiteState.CLEARED, ponds_present=ponds, ground_present=True,
        point=outline.centroid,
    )  # fmt: skip


def edition(*statements: Statement, simulated: bool = False, **changes: object) -> Edition:
    """An edition of some sites; `changes`: of its other parts."""
    marked = tuple(replace(one, site=replace(one.site, simulated=simulated)) for one in statements)
    content: dict[str, object] = {
        "aoi": AREA,
        "provenance": Provenance("simulated" if simulated else "folder", simulated, "third", "0123456789ab"),
        "model_sha256": "ab" * 32,
        "statements": marked,
        "events": (),
        "coverage": coverage,
        "months": MONTHS,
        "seen_in": {month: 0.9 if month != MONTHS[-1] else 0.355 for month in MONTHS if month != BLIND},
        "seen_share": 0.97,
        "first_published": {one.site.site_id: date(2025, 7, 1) for one in marked},
    }
    return Edition(**{**content, **changes})


def coverage() -> Iterator[CoverageRecord]:
    """Cells of 0.1°; the southern third was seen in the last month, the northernmost row never."""
    for row in range(12):
        for col in range(10):
            west, south = 98 + col / 10, 21 + row / 10
            for month in MONTHS:
                seen = row < 11 and month != BLIND and (row < 4 or month != MONTHS[-1])
                yield CoverageRecord(
                    cell=f"47N_r{row:+05d}_c{col:+05d}", month=month, looks=1, clear_looks=int(seen),
                    share_seen=0.9 if seen else 0.0, polygon=box(west, south, west + 0.1, south + 0.1),
                )  # fmt: skip


def album(one: Statement, side_px: int = 128, missing: str | None = None) -> Album:
    """Pictures of a site before, first and latest."""
    looks = {look.day: look for look in one.looks}
    days = [(Role.BEFORE, one.site.ponds_after), (Role.FIRST, one.site.ponds_by), (Role.LATEST, one.site.last_clear)]
    frames = tuple(
        Frame(
            role=role, day=day, overpass=looks[day].overpass, scenes=(f"S2A_{day:%Y%m%d}",), clear_share=0.98,
            images={view: picture(one.site.site_id, view, role, side_px) for view in View},
        )
        for role, day in days
        if day is not None
    )  # fmt: skip
    return Album(site_id=one.site.site_id, side_m=SIDE_M, frames=frames, missing=missing)


@cache
def picture(site_id: str, view: View, role: Role, side_px: int) -> bytes:
    """A WebP image: hills in a colour of the view, with a row of round ponds unless it is from before."""
    place = np.random.default_rng(int(site_id[-4:]))  # the same hills in every picture of the site
    coarse = Image.fromarray(place.integers(60, 160, (12, 12), dtype=np.uint8))
    hills = np.asarray(coarse.resize((side_px, side_px), Image.Resampling.BICUBIC), dtype=float)
    noise = np.random.default_rng([int(site_id[-4:]), len(view), len(role)]).normal(0, 6, (side_px, side_px))
    tint = {View.NATURAL: (0.55, 0.8, 0.5), View.SWIR: (0.4, 0.95, 0.45), View.MODEL: (0.9, 0.9, 0.9)}[view]
    colours = (hills + noise)[..., None] * np.array(tint)
    rows, cols = np.indices((side_px, side_px)) / side_px
    if role != Role.BEFORE:
        colours[np.hypot(rows - 0.5, cols - 0.5) < 0.2] = (176, 124, 84) if view != View.MODEL else (230, 190, 120)
        for k in range(8):
            disc = np.hypot(rows - 0.42 - 0.08 * (k % 3), cols - 0.38 - 0.08 * (k // 3)) < 0.03
            colours[disc] = (40, 90, 130)
    held = BytesIO()
    Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(held, "WEBP", quality=88)
    return held.getvalue()
