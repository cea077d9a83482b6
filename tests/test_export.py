import json
import sqlite3
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon, box, shape

from pipeline.errors import InputError
from pipeline.export import geojson, geopackage
from pipeline.export.coverage import CoverageRecord
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.lineage import lineage_events, with_lineage
from pipeline.sites.names import PublishedStatus, RegisteredSite, Registry
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.sites.standing import state_of
from pipeline.sites.states import SiteState

PROPERTIES = [
    "site_id",
    "status",
    "confidence",
    "ground_after",
    "ground_by",
    "ponds_after",
    "ponds_by",
    "last_seen",
    "last_clear",
    "clear_looks",
    "pond_area_m2",
    "pond_area_low_m2",
    "pond_area_high_m2",
    "ground_area_m2",
    "verdict",
    "reviewed_on",
    "verdict_reason",
    "added",
    "stale_since",
    "simulated",
    "source",
    "model",
    "run_id",
    "parent",
    "earlier_dates",
]
OUTLINE = box(99.1, 21.1, 99.102, 21.103).difference(box(99.1005, 21.1005, 99.101, 21.101))


def site(site_id: str = "SHN-0001", polygon=OUTLINE, **changes) -> SiteRecord:
    values = {
        "site_id": site_id, "status": SiteStatus.CONFIRMED, "confidence": 0.91234, "ground_after": None,
        "ground_by": date(2024, 1, 5), "ponds_after": date(2024, 6, 1), "ponds_by": date(2024, 11, 3),
        "last_seen": date(2025, 3, 1), "last_clear": date(2025, 3, 1), "clear_looks": 7, "pond_area_m2": 1234.5,
        "pond_area_low_m2": 900.0, "pond_area_high_m2": 1600.0, "ground_area_m2": 45_000.0, "verdict": None,
        "reviewed_on": None, "simulated": True, "source": "simulated", "model": "first", "run_id": "abc",
        "polygon": polygon,
    }  # fmt: skip
    return SiteRecord(**{**values, **changes})


def coverage(n: int, month: str = "2024-02") -> list[CoverageRecord]:
    return [
        CoverageRecord(
            cell=f"c{k}", month=month, looks=2, clear_looks=1, share_seen=0.5, polygon=box(99, 21, 99.05, 21.05)
        )
        for k in range(n)
    ]


def write_all(path: Path, sites: list[SiteRecord], rows: int = 3) -> None:
    here = Point(99.101, 21.102)
    geopackage.write_geopackage(
        path,
        sites=sites,
        ponds=[PondRecord(site_id=s.site_id, pond_id=1, area_m2=170.0, first_seen=s.ponds_by, polygon=OUTLINE) for s in sites],
        looks=[
            LookRecord(site_id=s.site_id, day=date(2024, 1, 5), overpass="20240105-S2A", share_seen=0.9, pond_area_m2=0.0,
                       pond_area_low_m2=0.0, pond_area_high_m2=0.0, ground_area_m2=9.0, state=SiteState.CLEARED, ponds_present=False, ground_present=True, point=here)
            for s in sites
        ],
        events=[EventRecord(site_id=s.site_id, kind=EventKind.APPEARED, after=None, by=date(2024, 1, 5),
                            evidence="20240105-S2A", point=here) for s in sites],
        coverage=iter(coverage(rows)),
    )  # fmt: skip


def area2(ring: list[list[float]]) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, ring[1:], strict=False))


def test_sites_have_the_properties_of_the_contract(tmp_path: Path) -> None:
    geojson.write_sites(tmp_path / "sites.geojson", [site("SHN-0002"), site()], "SIMULATED")
    content = json.loads((tmp_path / "sites.geojson").read_text())
    assert [list(f["properties"]) for f in content["features"]] == [PROPERTIES, PROPERTIES]
    first = content["features"][0]["properties"]
    assert (first["site_id"], first["ponds_by"], first["ground_after"], first["confidence"]) == (
        "SHN-0001", "2024-11-03", None, 0.912,
    )  # fmt: skip
    assert "crs" not in content
    assert "SIMULATED" in content["leachwatch"]["notice"]


star = st.lists(st.floats(0.2, 1.0), min_size=3, max_size=12)


@settings(max_examples=40, deadline=None)
@given(outer=star, turned=st.booleans(), many=st.booleans())
def test_rings_follow_the_right_hand_rule_and_are_valid(tmp_path_factory, outer, turned, many) -> None:
    from math import cos, pi, sin

    ring = [
        (99 + 0.004 * r * cos(2 * pi * k / len(outer)), 21 + 0.004 * r * sin(2 * pi * k / len(outer)))
        for k, r in enumerate(outer)
    ]
    polygon = Polygon(ring[::-1] if turned else ring, [])
    hole = polygon.buffer(-0.0004)
    if hole.geom_type == "Polygon" and not hole.is_empty:
        polygon = polygon.difference(hole)
    geometry = (
        MultiPolygon([polygon, box(99.1, 21, 99.11, 21.01)]) if many and polygon.geom_type == "Polygon" else polygon
    )
    path = tmp_path_factory.mktemp("out") / "sites.geojson"
    geojson.write_sites(path, [site(polygon=geometry)], None)
    written = json.loads(path.read_text())["features"][0]["geometry"]
    assert shape(written).is_valid
    for rings in [written["coordinates"]] if written["type"] == "Polygon" else written["coordinates"]:
        assert area2(rings[0]) > 0
        assert all(area2(inner) < 0 for inner in rings[1:])
        assert all(one[0] == one[-1] for one in rings)


def test_coverage_is_streamed_and_right_handed(tmp_path: Path) -> None:
    geojson.write_coverage(tmp_path / "coverage.geojson", iter(coverage(3)), None)
    features = json.loads((tmp_path / "coverage.geojson").read_text())["features"]
    assert [f["properties"] for f in features][0] == {
        "cell": "c0", "month": "2024-02", "looks": 2, "clear_looks": 1, "share_seen": 0.5,
    }  # fmt: skip
    assert area2(features[0]["geometry"]["coordinates"][0]) > 0


def test_no_sites_is_a_valid_result(tmp_path: Path) -> None:
    geojson.write_sites(tmp_path / "sites.geojson", [], None)
    assert json.loads((tmp_path / "sites.geojson").read_text()) == {"type": "FeatureCollection", "features": []}
    write_all(tmp_path / "sites.gpkg", [], rows=0)
    full = tmp_path / "full.gpkg"
    write_all(full, [site()])
    for layer in geopackage.DAYS:
        empty = gpd.read_file(tmp_path / "sites.gpkg", layer=layer)
        assert len(empty) == 0
        assert list(empty.columns) == list(gpd.read_file(full, layer=layer).columns)


def test_layers_hold_real_dates_and_default_styles(tmp_path: Path) -> None:
    path = tmp_path / "sites.gpkg"
    write_all(path, [site(), site("SHN-0002", ponds_after=None, ponds_by=None)])
    sites = gpd.read_file(path, layer="sites")
    assert sites.crs.to_epsg() == 4326
    assert str(sites["ponds_by"].dtype).startswith("datetime64")
    assert sites["ponds_by"].isna().tolist() == [False, True]
    assert set(PROPERTIES) <= set(sites.columns)
    with sqlite3.connect(path) as database:
        styled = database.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles").fetchall()
        version = database.execute("PRAGMA user_version").fetchone()[0]
    assert {row[0] for row in styled} == {"sites", "ponds", "looks", "events", "coverage"}
    assert all(row[1] == 1 and ET.fromstring(row[2].split("\n", 1)[1]).tag == "qgis" for row in styled)
    assert version == 10200  # QGIS 3.22 warns about newer ones


def test_long_coverage_is_written_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geopackage, "CHUNK", 4)
    write_all(tmp_path / "sites.gpkg", [site()], rows=11)
    assert len(gpd.read_file(tmp_path / "sites.gpkg", layer="coverage")) == 11
    with sqlite3.connect(tmp_path / "sites.gpkg") as database:
        days = {day for row in database.execute("SELECT month_start, month_end FROM coverage") for day in row}
    # QGIS compares times as texts: one row in another form would show in the wrong month
    assert days == {"2024-02-01T00:00:00.000", "2024-03-01T00:00:00.000"}


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_all(tmp_path / f"{name}.gpkg", [site()])
    assert (tmp_path / "one.gpkg").read_bytes() == (tmp_path / "two.gpkg").read_bytes()


def test_a_database_that_was_written_to_once_more_has_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GDAL does so now and then."""
    write_all(tmp_path / "one.gpkg", [site()])
    unify_days = geopackage._unify_days

    def once_more(database: sqlite3.Connection) -> None:
        unify_days(database)
        database.execute("UPDATE gpkg_contents SET last_change = ''")
        database.commit()

    monkeypatch.setattr(geopackage, "_unify_days", once_more)
    write_all(tmp_path / "two.gpkg", [site()])
    assert (tmp_path / "one.gpkg").read_bytes() == (tmp_path / "two.gpkg").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one.gpkg", "two.gpkg"}


def test_a_place_that_cannot_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        write_all(tmp_path / "file" / "sites.gpkg", [site()])
    with pytest.raises(InputError, match="cannot be written"):
        geojson.write_sites(tmp_path / "file" / "sites.geojson", [site()], None)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_row_names_the_site_it_split_from_and_the_dates_published_earlier() -> None:
    first = state_of(site(ponds_after=None, ponds_by=date(2025, 2, 1)), date(2026, 1, 5))
    second = state_of(site(ponds_after=date(2025, 1, 1), ponds_by=date(2025, 1, 20)), date(2026, 2, 5))
    third = replace(second, on=date(2026, 3, 5), status=PublishedStatus.IDLE)  # the same dates
    entry = RegisteredSite("SHN-0001", OUTLINE, parent="SHN-0007", published=(first, second, third))
    row = with_lineage(site(), entry)
    assert row.parent == "SHN-0007"
    assert row.earlier_dates == "2026-01-05: ground by 2024-01-05, ponds by 2025-02-01"
    assert with_lineage(site(), RegisteredSite("SHN-0001", OUTLINE, published=(first,))).earlier_dates is None


def test_splits_merges_and_withdrawals_are_events_between_two_runs() -> None:
    days = [date(2026, month, 1) for month in (1, 2, 3)]
    states = [state_of(site(), day) for day in days]
    parent = RegisteredSite("SHN-0001", OUTLINE, published=(states[0],))
    part = RegisteredSite(
        "SHN-0002",
        OUTLINE,
        parent="SHN-0001",
        published=(states[1], replace(states[2], status=PublishedStatus.WITHDRAWN)),
    )
    other = RegisteredSite(
        "SHN-0003",
        OUTLINE,
        published=(states[0], replace(states[2], status=PublishedStatus.MERGED, merged_into="SHN-0001")),
    )
    registry = Registry("SHN", (parent, part, other))
    told = [(e.site_id, e.kind, e.after, e.by) for entry in registry.entries for e in lineage_events(entry, registry)]
    assert told == [
        ("SHN-0002", EventKind.SPLIT, days[0], days[1]),
        ("SHN-0002", EventKind.WITHDRAWN, days[1], days[2]),
        ("SHN-0003", EventKind.MERGED, days[0], days[2]),
    ]
