"""Editions with made-up sites anywhere, for what is made from an edition."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Point, Polygon, box

from pipeline.aoi import Aoi
from pipeline.export.coverage import CoverageRecord
from pipeline.export.edition import Edition
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord, rounded
from pipeline.sites.statement import Provenance, Statement
from pipeline.sites.states import SiteState

RUN_ID = "deadbeef1234"
MODEL_SHA256 = "ab" * 32
AREA = box(96.6, 20.1, 100.4, 23.9)
FIRST = date(2024, 1, 3)


def aoi(polygon: Polygon = AREA, name: str = "shan", title: str = "Shan State") -> Aoi:
    return Aoi(name, title, "SHN", polygon)


def outline(rng: np.random.Generator, lon: float, lat: float) -> Polygon | MultiPolygon:
    """An uneven ring of a few hundred metres, now and then in two parts."""
    turns = np.sort(rng.uniform(0, 2 * np.pi, 11))
    sizes = rng.uniform(0.0006, 0.0018, 11)
    ring = Polygon(np.column_stack([lon + sizes * np.cos(turns), lat + sizes * np.sin(turns)])).buffer(0.0001)
    part = rounded(ring)
    return MultiPolygon([part, box(lon + 0.003, lat, lon + 0.0035, lat + 0.0004)]) if rng.random() < 0.2 else part


def statement(rng: np.random.Generator, number: int, lon: float, lat: float, simulated: bool = False) -> Statement:
    """All that may be said of a made-up site at a place."""
    polygon = rounded(outline(rng, lon, lat))
    site_id, seen = f"SHN-{number:04d}", FIRST + timedelta(days=int(rng.integers(0, 900)))
    before = seen - timedelta(days=int(rng.integers(3, 60)))
    status = SiteStatus(rng.choice([s.value for s in SiteStatus]))
    added = bool(rng.random() < 0.05)
    judged = status is SiteStatus.REJECTED or rng.random() < 0.3
    verdict = "rejected" if status is SiteStatus.REJECTED else str(rng.choice(["confirmed", "unsure"]))
    area = float(rng.uniform(120.3, 48_000.7))
    site = SiteRecord(
        site_id=site_id,
        status=status,
        confidence=None if added else float(rng.uniform(0.3, 0.999)),
        ground_after=None,
        ground_by=before,
        ponds_after=before if rng.random() < 0.7 else None,
        ponds_by=seen,
        last_seen=seen + timedelta(days=40),
        last_clear=seen + timedelta(days=77),
        clear_looks=int(rng.integers(1, 40)),
        pond_area_m2=area,
        pond_area_low_m2=area * 0.7,
        pond_area_high_m2=area * 1.4,
        ground_area_m2=area * 7,
        verdict=verdict if judged else None,
        reviewed_on=seen + timedelta(days=90) if judged else None,
        verdict_reason="fish pond" if status is SiteStatus.REJECTED else None,
        added=added,
        simulated=simulated,
        source="stac-earthsearch",
        model="third",
        run_id=RUN_ID,
        polygon=polygon,
    )
    point = rounded(polygon.representative_point())
    overpass = f"{seen:%Y%m%d}-S2B"
    pond = PondRecord(
        site_id=site_id, pond_id=1, area_m2=area / 2, first_seen=seen, polygon=rounded(outline(rng, lon, lat))
    )
    look = LookRecord(
        site_id=site_id, day=seen, overpass=overpass, share_seen=0.91, pond_area_m2=area, pond_area_low_m2=area * 0.7,
        pond_area_high_m2=area * 1.4, ground_area_m2=area * 7, state=SiteState.PONDS, ponds_present=True,
        ground_present=True, point=point,
    )  # fmt: skip
    event = EventRecord(
        site_id=site_id, kind=EventKind.PONDS_BUILT, after=before, by=seen, evidence=f"{before:%Y%m%d}-S2A, {overpass}", point=point,
    )  # fmt: skip
    return Statement(site, (pond,), (look,), (event,))


def moved(one: Statement, lon: float, lat: float) -> Statement:
    """The same statement about the same site somewhere else, by so many degrees."""
    return Statement(
        replace(one.site, polygon=translate(one.site.polygon, lon, lat)),
        tuple(replace(row, polygon=translate(row.polygon, lon, lat)) for row in one.ponds),
        tuple(replace(row, point=translate(row.point, lon, lat)) for row in one.looks),
        tuple(replace(row, point=translate(row.point, lon, lat)) for row in one.events),
    )


def statements(seed: int, count: int, within: Polygon = AREA, simulated: bool = False) -> list[Statement]:
    rng = np.random.default_rng(seed)
    west, south, east, north = within.bounds
    return [
        statement(rng, k + 1, float(rng.uniform(west, east)), float(rng.uniform(south, north)), simulated)
        for k in range(count)
    ]


def edition(
    rows: Iterable[Statement],
    area: Aoi | None = None,
    published: date = date(2025, 1, 2),
    simulated: bool = False,
    months: tuple[str, ...] = ("2024-01", "2024-02"),
) -> Edition:
    rows = tuple(rows)
    area = area or aoi()

    def coverage() -> Iterator[CoverageRecord]:
        for month in months:
            yield CoverageRecord(
                cell="47N_r1_c2",
                month=month,
                looks=2,
                clear_looks=1,
                share_seen=0.51234,
                polygon=box(97, 21, 97.05, 21.05),
            )

    return Edition(
        aoi=area,
        provenance=Provenance("stac-earthsearch", simulated, "third", RUN_ID),
        model_sha256=MODEL_SHA256,
        statements=rows,
        events=tuple(event for row in rows for event in row.events),
        coverage=coverage,
        months=months,
        seen_in=dict.fromkeys(months, 0.4),
        seen_share=0.612345,
        first_published={row.site.site_id: published for row in rows},
    )


def places(rows: Iterable[Statement]) -> Iterator[tuple[float, float]]:
    """Every vertex, centroid and inner point of sites and ponds, and every point of their rows; lon, lat."""
    from shapely import get_coordinates

    for row in rows:
        shapes = [row.site.polygon, *(pond.polygon for pond in row.ponds)]
        points: list[Point] = [look.point for look in row.looks] + [event.point for event in row.events]
        for shape in shapes:
            points += [shape.centroid, shape.representative_point()]
            west, south, east, north = shape.bounds
            yield from ((west, south), (east, north))
            yield from map(tuple, get_coordinates(shape).tolist())
        yield from ((point.x, point.y) for point in points)
