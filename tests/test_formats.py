"""Formats beside GeoJSON and GeoPackage: spreadsheets, Google Earth, GeoParquet, STAC."""

import csv
import hashlib
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, datetime
from html.parser import HTMLParser
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq
import pyogrio
import pystac
import pytest
import shapely
from made_editions import RUN_ID, aoi, edition, statements
from test_export import PROPERTIES

from pipeline.errors import InputError
from pipeline.export.geojson import site_properties
from pipeline.export.geoparquet import write_geoparquet
from pipeline.export.kml import NAMESPACE, legal, write_kml
from pipeline.export.spreadsheet import csv_text, guarded, write_spreadsheets
from pipeline.export.stac_items import write_stac
from pipeline.export.tables import tables, text_of
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import EventRecord, LookRecord, PondRecord
from pipeline.sites.statement import Statement

ROWS = statements(7, 40)
KML = {"k": NAMESPACE}
RUNS = '=HYPERLINK("http://x")'


def with_site(row: Statement, **changes: object) -> Statement:
    return replace(row, site=replace(row.site, **changes))


def of_status(status: SiteStatus) -> Statement:
    return next(row for row in ROWS if row.site.status is status)


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))


# Spreadsheets


def test_a_spreadsheet_has_the_columns_of_the_contract_and_says_what_they_mean(tmp_path: Path) -> None:
    written = write_spreadsheets(tmp_path, edition(ROWS))
    assert [path.name for path in written] == ["sites.csv", "ponds.csv", "looks.csv", "events.csv", "legend.csv"]
    raw = (tmp_path / "sites.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfsite_id,status,")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 1 + len(ROWS)
    rows = read_csv(tmp_path / "sites.csv")
    assert list(rows[0]) == [*PROPERTIES, "lon", "lat"]
    legend = {(row["table"], row["column"]) for row in read_csv(tmp_path / "legend.csv") if row["meaning"]}
    for name in ("sites", "ponds", "looks", "events"):
        assert {(name, column) for column in read_csv(tmp_path / f"{name}.csv")[0]} == {
            x for x in legend if x[0] == name
        }


def test_a_spreadsheet_says_what_the_geojson_says_and_its_point_is_in_the_site(tmp_path: Path) -> None:
    write_spreadsheets(tmp_path, edition(ROWS))
    for row, statement in zip(read_csv(tmp_path / "sites.csv"), ROWS, strict=True):
        for name, value in site_properties(statement.site).items():
            assert row[name] == text_of(value), name
        assert statement.site.polygon.covers(shapely.Point(float(row["lon"]), float(row["lat"])))


@pytest.mark.parametrize("text", [RUNS, "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1"])
def test_what_a_spreadsheet_could_run_is_only_text(tmp_path: Path, text: str) -> None:
    row = with_site(ROWS[0], earlier_dates=text)
    write_spreadsheets(tmp_path, edition([row]))
    (found,) = csv.DictReader(io.StringIO((tmp_path / "sites.csv").read_bytes().decode("utf-8-sig"), newline=""))
    assert found["earlier_dates"] == f"'{text}"
    assert guarded("SHN-0001") == "SHN-0001"
    assert csv_text(["a"], [(-70.5,)]).endswith("-70.5\r\n")  # a number is no text


def test_quotes_commas_and_other_scripts_survive(tmp_path: Path) -> None:
    text = 'မိုင်းပေါက်, "ပန်ဝါ"; 孟波'
    write_spreadsheets(tmp_path, edition([with_site(ROWS[0], earlier_dates=text)]))
    assert read_csv(tmp_path / "sites.csv")[0]["earlier_dates"] == text


# Google Earth


class Reader(HTMLParser):
    """The tags and the text of a balloon."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def kml_of(folder: Path, rows: list[Statement], **how: object) -> ET.Element:
    (path,) = write_kml(folder, edition(rows, **how))
    return ET.parse(path).getroot()


def marks(root: ET.Element, folder: str) -> list[ET.Element]:
    (found,) = [each for each in root.iterfind("k:Document/k:Folder", KML) if said(each, "name").startswith(folder)]
    return found.findall("k:Placemark", KML)


def said(element: ET.Element, tag: str) -> str:
    return element.findtext(f"k:{tag}", "", KML)


ORDER = (
    "name",
    "visibility",
    "open",
    "description",
    "TimeSpan",
    "styleUrl",
    "Style",
    "Placemark",
    "Folder",
    "MultiGeometry",
)
"""Order of the KML 2.2 schema, of what is used; places and folders may come in any order."""
PARTS = {"Placemark": 8, "Folder": 8}


def test_google_earth_gets_elements_in_the_order_of_the_schema_styles_that_exist_and_closed_rings(
    tmp_path: Path,
) -> None:
    root = kml_of(tmp_path, ROWS)
    styles = {f"#{style.get('id')}" for style in root.iterfind("k:Document/k:Style", KML)}
    for element in root.iter():
        tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
        assert element.tag != tag, "all in the namespace of KML"
        if tag in ("Document", "Folder", "Placemark"):
            places = [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in element]
            ranks = [PARTS.get(place, ORDER.index(place)) for place in places]
            assert ranks == sorted(ranks), places
        if tag == "styleUrl":
            assert element.text in styles
        if tag == "LinearRing":
            points = said(element, "coordinates").split()
            assert points[0] == points[-1]
            assert all(len(point.split(",")) == 3 for point in points)
        assert tag not in ("Icon", "href"), "nothing is fetched"


def test_each_site_is_one_placemark_with_its_outline_its_time_and_its_ponds(tmp_path: Path) -> None:
    root = kml_of(tmp_path, ROWS)
    stand = [row for row in ROWS if row.site.status is not SiteStatus.REJECTED]
    found = marks(root, "Sites")
    assert [said(mark, "name") for mark in found] == [row.site.site_id for row in stand]
    for mark, row in zip(found, stand, strict=True):
        span = mark.find("k:TimeSpan", KML)
        assert span is not None
        assert said(span, "begin") == min(row.site.ground_by, row.site.ponds_by).isoformat()
        assert said(span, "end") == (row.site.last_seen.isoformat() if row.site.status is SiteStatus.ENDED else "")
    (folder,) = [each for each in root.iterfind("k:Document/k:Folder", KML) if said(each, "name").startswith("Sites")]
    ponds = folder.findall("k:Folder/k:Placemark", KML)
    assert len(ponds) == len(stand)
    rejected = marks(root, "Rejected")
    assert len(rejected) == len(ROWS) - len(stand)
    assert {said(mark, "visibility") for mark in rejected} == {"0"}


def test_another_reader_sees_the_same_outlines(tmp_path: Path) -> None:
    """GDAL, which QGIS reads KML with."""
    (path,) = write_kml(tmp_path, edition(ROWS))
    seen = {}
    for name, _ in pyogrio.list_layers(path):
        frame = pyogrio.read_dataframe(path, layer=name)
        seen |= dict(zip(frame["Name"], frame.geometry, strict=True))
    for row in ROWS:
        area = shapely.union_all([part for part in shapely.get_parts(seen[row.site.site_id]) if part.area])
        assert shapely.force_2d(area).symmetric_difference(row.site.polygon).area < 1e-12


def test_a_balloon_tells_dates_as_intervals_confidence_and_verdict_and_escapes_all(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>&\x00\ud800"
    row = with_site(
        of_status(SiteStatus.CONFIRMED), ponds_after=date(2024, 4, 14), ponds_by=date(2024, 11, 4), ground_after=None,
        ground_by=date(2024, 1, 12), confidence=0.97, verdict="confirmed", reviewed_on=date(2025, 5, 1), added=False,
    )  # fmt: skip
    (mark,) = marks(kml_of(tmp_path, [row], area=aoi(title=evil)), "Sites")
    reader = Reader()
    reader.feed(said(mark, "description"))
    for words in ("after 14 Apr 2024, by 4 Nov 2024", "before 12 Jan 2024, the first clear look", "97% likely",
                  "confirmed by a reviewer, 1 May 2025", "nobody has been there"):  # fmt: skip
        assert words in reader.text
    assert set(reader.tags) <= {"div", "p", "b", "table", "tr", "td"}
    text = (tmp_path / "sites.kml").read_text()
    assert "<script>" not in text
    assert "SIMULATED" not in text
    assert legal("a\x00\ud800\x0b𐍈 b") == "a\ufffd\ufffd\ufffd𐍈 b"


def test_simulated_is_marked_in_the_name_and_in_the_balloon_of_everything(tmp_path: Path) -> None:
    root = kml_of(tmp_path, statements(3, 9, simulated=True), simulated=True)
    assert said(root.find("k:Document", KML), "name").startswith("SIMULATED")
    for mark in root.iterfind(".//k:Folder/k:Placemark", KML):
        assert said(mark, "name").startswith("SIMULATED: ")
        assert "made by leachwatch's own simulator" in said(mark, "description")


# GeoParquet


def test_geoparquet_holds_the_rows_with_real_dates_and_states_its_version(tmp_path: Path) -> None:
    written = write_geoparquet(tmp_path, edition(ROWS))
    assert [path.stem for path in written] == ["sites", "ponds", "looks", "events", "coverage"]
    for path in written:
        stated = json.loads(pq.read_schema(path).metadata[b"geo"])
        assert stated["version"] == "1.1.0"
        assert stated["primary_column"] == "geometry"
        assert "covering" in stated["columns"]["geometry"]
    schema = pq.read_schema(tmp_path / "sites.parquet")
    assert {
        str(schema.field(name).type) for name in PROPERTIES if name.endswith(("_by", "_after", "_on", "_since"))
    } == {"date32[day]"}
    assert str(schema.field("pond_area_m2").type) == "int64"
    assert str(schema.field("added").type) == "bool"
    frame = gpd.read_parquet(tmp_path / "sites.parquet")
    assert frame.crs.to_epsg() in (4326, None) or frame.crs.to_authority() == ("OGC", "CRS84")
    assert [name for name in frame.columns if name in PROPERTIES] == PROPERTIES
    assert frame.geometry.geom_equals(gpd.GeoSeries([row.site.polygon for row in ROWS], crs=frame.crs)).all()
    assert frame["ponds_by"].tolist() == [row.site.ponds_by for row in ROWS]


def test_geoparquet_without_rows_has_its_columns(tmp_path: Path) -> None:
    write_geoparquet(tmp_path, edition([]))
    full = tmp_path / "full"
    write_geoparquet(full, edition(ROWS))
    for path in full.iterdir():
        empty, some = pq.read_schema(tmp_path / path.name), pq.read_schema(path)
        assert empty.names == some.names
        assert [empty.field(n).type for n in empty.names if n != "bbox"] == [
            some.field(n).type for n in some.names if n != "bbox"
        ]


# STAC


@pytest.fixture
def products(tmp_path: Path) -> Path:
    for name in ("sites.geojson", "sites.gpkg", "coverage.geojson", "manifest.json"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_the_catalogue_validates_and_leads_to_the_products_with_their_checksums(
    products: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the schemas of STAC 1.1 that pystac carries; those of extensions are not on this machine."""
    pytest.importorskip("jsonschema")
    folder = products / "stac"
    written = write_stac(folder, edition(ROWS), products)
    assert sorted(folder.iterdir()) == sorted(written)
    monkeypatch.setattr(
        pystac.StacIO, "read_text_from_href", lambda *_: pytest.fail("asked the network"), raising=False
    )
    collection = pystac.Collection.from_file(str(folder / "collection.json"))
    offline = pystac.validation.JsonSchemaSTACValidator()
    assert offline.validate_core(collection.to_dict(), pystac.STACObjectType.COLLECTION, "1.1.0")
    items = list(collection.get_items())
    assert [item.id for item in items] == ["shan-sites", "shan-coverage"]
    for item in items:
        assert offline.validate_core(item.to_dict(), pystac.STACObjectType.ITEM, "1.1.0")
        assert item.common_metadata.start_datetime == datetime.fromisoformat("2024-01-01T00:00:00+00:00")
        assert item.common_metadata.end_datetime == datetime.fromisoformat("2024-02-29T23:59:59+00:00")
        assert shapely.geometry.shape(item.geometry).bounds == tuple(item.bbox)
        for asset in item.assets.values():
            path = Path(asset.get_absolute_href())
            assert asset.extra_fields["file:checksum"] == f"1220{hashlib.sha256(path.read_bytes()).hexdigest()}"
            assert asset.extra_fields["file:size"] == path.stat().st_size
            assert asset.media_type
            assert asset.roles
        stated = {name: value for name, value in item.properties.items() if name.startswith("processing:")}
        assert {name: type(value) for name, value in stated.items()} == {
            "processing:software": dict,
            "processing:lineage": str,
        }
    assert set(items[0].assets) == {"sites", "layers", "manifest"}  # there is no report
    for path in written:
        assert str(products) not in path.read_text(), "no place on this machine"


def test_a_catalogue_that_breaks_the_specification_is_refused_by_the_same_check(products: Path) -> None:
    pytest.importorskip("jsonschema")
    write_stac(products / "stac", edition(ROWS), products)
    item = json.loads((products / "stac" / "shan-sites.json").read_text())
    del item["bbox"]
    with pytest.raises(pystac.errors.STACValidationError):
        pystac.validation.JsonSchemaSTACValidator().validate_core(item, pystac.STACObjectType.ITEM, "1.1.0")


def test_the_catalogue_still_leads_to_the_products_when_both_are_moved(
    products: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_stac(products / "stac", edition(ROWS), products)
    there = tmp_path_factory.mktemp("there") / "shan"
    products.rename(there)
    for item in pystac.Collection.from_file(str(there / "stac" / "collection.json")).get_items():
        assert all(Path(asset.get_absolute_href()).is_file() for asset in item.assets.values())
        assert item.properties["leachwatch:run_id"] == RUN_ID


def test_without_products_or_months_one_line_says_what_to_do(tmp_path: Path, products: Path) -> None:
    with pytest.raises(InputError, match=r"no coverage\.geojson, manifest\.json, sites\.geojson.*detect"):
        write_stac(tmp_path / "stac", edition(ROWS), tmp_path / "elsewhere")
    with pytest.raises(InputError, match="no month"):
        write_stac(tmp_path / "stac", edition(ROWS, months=()), products)


# All


def test_the_same_edition_gives_the_same_bytes(products: Path) -> None:
    for folder in ("one", "two"):
        there = products / folder
        for write in (write_spreadsheets, write_kml, write_geoparquet):
            write(there, edition(ROWS))
        write_stac(there, edition(ROWS), products)
    for path in (products / "one").iterdir():
        assert path.read_bytes() == (products / "two" / path.name).read_bytes(), path.name


def test_tables_hold_every_field_of_the_records() -> None:
    sites, ponds, looks, events = tables(edition(ROWS))
    assert [column.name for column in sites.columns] == PROPERTIES
    for table, record in ((ponds, PondRecord), (looks, LookRecord), (events, EventRecord)):
        assert {column.name for column in table.columns} == set(record.__slots__) - {"polygon", "point"}
        assert len(table.rows) == len(ROWS)
