"""A folder of products for a made-up area, as a person finds it: sites, reviews, context and the QGIS project."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

from shapely.geometry import Point, Polygon, box
from test_export import site

from pipeline.aoi import Aoi, read_aoi
from pipeline.export import geopackage
from pipeline.export.context import write_context
from pipeline.export.coverage import CoverageRecord
from pipeline.export.edition import Edition
from pipeline.export.geojson import write_coverage, write_sites
from pipeline.export.project import write_project
from pipeline.export.qgis import style, write_coverage_qml, write_sites_qml
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.review import Reason, Verdict
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, PondRecord, SiteRecord
from pipeline.sites.statement import Provenance

AREA = box(99.2, 20.05, 99.5, 20.35)
"""Around Mong Yun."""
MONTHS = ("2024-01", "2024-02", "2024-03")
STATUS = (SiteStatus.CANDIDATE, SiteStatus.CONFIRMED, SiteStatus.IDLE, SiteStatus.ENDED, SiteStatus.REJECTED)
TITLE = 'Mong <Yawn> & "hills"'


def aoi(folder: Path) -> Aoi:
    path = folder / "hills.geojson"
    feature = {"type": "Feature", "properties": {"title": TITLE}, "geometry": AREA.__geo_interface__}
    path.write_text(json.dumps(feature))
    return read_aoi(str(path))


def place(k: int) -> Polygon:
    """Outline of the k-th site."""
    x, y = 99.23 + 0.05 * (k % 5), 20.1 + 0.03 * (k // 5)
    return box(x, y, x + 0.003, y + 0.002).difference(box(x + 0.002, y + 0.001, x + 0.0024, y + 0.0014))


def sites(n: int = 5) -> list[SiteRecord]:
    return [
        site(
            f"HLL-{k + 1:04d}", place(k), status=STATUS[k % 5], added=k == 3, confidence=None if k == 3 else 0.91,
            ponds_after=None, ground_by=date(2024, 1 + k % 3, 5), pond_area_m2=12_345.0,
        )
        for k in range(n)
    ]  # fmt: skip


def coverage() -> list[CoverageRecord]:
    """Nothing seen in January, half of the area in February, all of it in March."""
    seen = {"2024-01": (0.0, 0.0), "2024-02": (0.9, 0.0), "2024-03": (0.9, 1.0)}
    halves = (box(99.2, 20.05, 99.35, 20.35), box(99.35, 20.05, 99.5, 20.35))
    return [
        CoverageRecord(cell=f"c{k}", month=month, looks=2, clear_looks=1, share_seen=seen[month][k], polygon=half)
        for k, half in enumerate(halves)
        for month in MONTHS
    ]


def write_reviews(path: Path, rows: list[SiteRecord]) -> None:
    """`reviews.gpkg` with a row per site, the first of them rejected with a note that is no HTML."""
    file = ReviewsFile(path)
    file.make({layer: style(layer) for layer in ("reviews", "pond_points")})
    file.add_sites(rows)
    at = datetime(2025, 4, 2, 10, tzinfo=UTC)
    first = rows[0]
    file.judge(first.site_id, Verdict.REJECTED, Reason.FISH_POND, "<script>alert(1)</script> & more", "<b>Nang</b>", at)
    middle = first.polygon.representative_point()
    file.set_point(None, first.site_id, middle.x, middle.y, "Nang", at)


def edition(area: Aoi, simulated: bool = True) -> Edition:
    return Edition(
        aoi=area, provenance=Provenance(source="simulated", simulated=simulated, model="first", run_id="abc"),
        model_sha256="0" * 64, statements=(), events=(), coverage=lambda: iter(coverage()), months=MONTHS, seen_in={},
        seen_share=1.0, first_published={},
    )  # fmt: skip


def write_desk(folder: Path, rows: list[SiteRecord] | None = None) -> Path:
    """All files of the folder; returns the project."""
    rows = sites() if rows is None else rows
    folder.mkdir(parents=True)
    area = aoi(folder)
    events = [
        EventRecord(site_id=row.site_id, kind=kind, after=None, by=day, evidence="", point=row.polygon.centroid)
        for row in rows
        for kind, day in ((EventKind.APPEARED, date(2024, 1, 5)), (EventKind.PONDS_BUILT, date(2024, 2, 5)))
    ]
    ponds = [
        PondRecord(site_id=row.site_id, pond_id=1, area_m2=900.0, first_seen=date(2024, 2, 5), polygon=Point(row.polygon.centroid).buffer(2e-4))
        for row in rows
    ]  # fmt: skip
    geopackage.write_geopackage(
        folder / "sites.gpkg", sites=rows, ponds=ponds, looks=[], events=events, coverage=iter(coverage())
    )
    write_sites(folder / "sites.geojson", rows, None)
    write_sites_qml(folder / "sites.qml")
    write_coverage(folder / "coverage.geojson", iter(coverage()), None)
    write_coverage_qml(folder / "coverage.qml")
    write_reviews(folder / "reviews.gpkg", rows)
    write_context(folder / "context.geojson", area)
    write_project(folder / "hills.qgz", edition(area), reviews=True)
    return folder / "hills.qgz"
