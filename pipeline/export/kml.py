"""`sites.kml` for Google Earth: sites and ponds as polygons with a time span, described in words.

Elements stand in the order of the KML 2.2 schema, which Google Earth is strict about. No icon is named, so that nothing
is fetched.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from pipeline import atomic
from pipeline.aoi import Aoi
from pipeline.export.edition import Edition
from pipeline.export.facts import facts, first_of
from pipeline.export.manifest import SIMULATED
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import PondRecord, SiteRecord
from pipeline.sites.statement import Statement
from pipeline.words import Words, words_in

NAMESPACE = "http://www.opengis.net/kml/2.2"
DIGITS = 7
"""Decimals of a degree."""
ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
POND_STYLE, AREA_STYLE = "pond", "searched"
STYLES = (
    (SiteStatus.CANDIDATE.value, "ff00a5ff", "5500a5ff"),
    (SiteStatus.CONFIRMED.value, "ff1c1ce3", "661c1ce3"),
    (SiteStatus.IDLE.value, "ffb87e37", "44b87e37"),
    (SiteStatus.ENDED.value, "ff9e9e9e", "449e9e9e"),
    (SiteStatus.REJECTED.value, "ff505050", "22505050"),
    (POND_STYLE, "ffffe600", "88ffe600"),
    (AREA_STYLE, "ffffffff", "00ffffff"),
)
"""Name, and colours of outline and filling as KML has them: opacity, blue, green, red."""


def write_kml(folder: Path, edition: Edition) -> list[Path]:
    """Write one file with sites, ponds and the outline of the AOI; raises as `atomic.write_bytes`."""
    words, simulated = words_in(), edition.provenance.simulated
    root = ET.Element("kml", xmlns=NAMESPACE)
    document = ET.SubElement(root, "Document")
    title = words("products.in_area", area=edition.aoi.title, what=words("products.many_suspected"))
    _say(document, "name", _marked(title, simulated, words))
    _say(document, "open", "1")
    _say(document, "description", _introduction(simulated, words))
    for name, line, fill in STYLES:
        _style(document, name, line, fill)
    _outline_of(document, edition.aoi, words)
    rejected = [each for each in edition.statements if each.site.status is SiteStatus.REJECTED]
    stand = [each for each in edition.statements if each.site.status is not SiteStatus.REJECTED]
    _folder(document, words("globe.sites", n=len(stand)), stand, True, words)
    if rejected:
        _folder(document, words("globe.rejected", n=len(rejected)), rejected, False, words)
    path = folder / "sites.kml"
    ET.indent(root, " ")
    atomic.write_bytes(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    return [path]


def legal(text: str) -> str:
    """A text with marks of replacement for the characters that XML cannot hold, whatever they are written as."""
    return ILLEGAL.sub("\ufffd", text)


def _say(parent: ET.Element, tag: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = legal(text)
    return child


def _marked(name: str, simulated: bool, words: Words) -> str:
    return f"{words('products.simulated')}: {name}" if simulated else name


def _introduction(simulated: bool, words: Words) -> str:
    balloon = ET.Element("div")
    if simulated:
        _say(balloon, "p", SIMULATED)
    said = words("products.seen_from_satellite"), words("products.says_nothing_of_owners"), words("products.exact")
    _say(balloon, "p", " ".join(said))
    return ET.tostring(balloon, encoding="unicode", method="html")


def _style(document: ET.Element, name: str, line: str, fill: str) -> None:
    style = ET.SubElement(document, "Style", id=name)
    icon = ET.SubElement(style, "IconStyle")
    _say(icon, "color", line)
    _say(icon, "scale", "0.8")
    outline = ET.SubElement(style, "LineStyle")
    _say(outline, "color", line)
    _say(outline, "width", "2")
    filling = ET.SubElement(style, "PolyStyle")
    _say(filling, "color", fill)
    _say(filling, "fill", "0" if fill.startswith("00") else "1")


def _outline_of(document: ET.Element, aoi: Aoi, words: Words) -> None:
    mark = ET.SubElement(document, "Placemark")
    _say(mark, "name", words("globe.searched", area=aoi.title))
    _say(mark, "description", words("globe.searched_means"))
    _say(mark, "styleUrl", f"#{AREA_STYLE}")
    _geometry(mark, aoi.polygon, ())


def _folder(document: ET.Element, name: str, statements: Sequence[Statement], shown: bool, words: Words) -> None:
    """Sites, and in a sub-folder their ponds."""
    folder = ET.SubElement(document, "Folder")
    _say(folder, "name", name)
    _say(folder, "visibility", str(int(shown)))
    for statement in statements:
        _site(folder, statement.site, shown, words)
    ponds = ET.SubElement(folder, "Folder")
    _say(ponds, "name", words("globe.ponds"))
    _say(ponds, "visibility", str(int(shown)))
    for statement in statements:
        for pond in statement.ponds:
            _pond(ponds, statement.site, pond, shown, words)


def _site(folder: ET.Element, site: SiteRecord, shown: bool, words: Words) -> None:
    mark = ET.SubElement(folder, "Placemark", id=legal(site.site_id))
    _say(mark, "name", _marked(site.site_id, site.simulated, words))
    _say(mark, "visibility", str(int(shown)))
    _say(mark, "description", _balloon(facts(site, words), site.simulated, words))
    _time(mark, first_of(site), _end_of(site))
    _say(mark, "styleUrl", f"#{site.status.value}")
    _geometry(mark, site.polygon, [site.polygon.representative_point()])


def _pond(folder: ET.Element, site: SiteRecord, pond: PondRecord, shown: bool, words: Words) -> None:
    mark = ET.SubElement(folder, "Placemark")
    name = words("globe.pond", site=pond.site_id, number=pond.pond_id)
    seen = words.day(pond.first_seen) if pond.first_seen else words("facts.not_by_itself")
    rows = (words("facts.area"), words.hectares(pond.area_m2)), (words("facts.first_seen"), seen)
    _say(mark, "name", _marked(name, site.simulated, words))
    _say(mark, "visibility", str(int(shown)))
    _say(mark, "description", _balloon(rows, site.simulated, words))
    _time(mark, pond.first_seen or first_of(site), _end_of(site))
    _say(mark, "styleUrl", f"#{POND_STYLE}")
    _geometry(mark, pond.polygon, ())


def _end_of(site: SiteRecord) -> date | None:
    """The last day on which a site that ended was active; None = it may still be."""
    return site.last_seen if site.status is SiteStatus.ENDED else None


def _time(mark: ET.Element, begin: date | None, end: date | None) -> None:
    if begin is None and end is None:
        return
    span = ET.SubElement(mark, "TimeSpan")
    if begin is not None:
        _say(span, "begin", begin.isoformat())
    if end is not None:
        _say(span, "end", end.isoformat())


def _balloon(rows: Iterable[tuple[str, str]], simulated: bool, words: Words) -> str:
    """A table as HTML, which Google Earth shows when a site is clicked."""
    balloon = ET.Element("div")
    if simulated:
        _say(ET.SubElement(balloon, "p"), "b", SIMULATED)
    _say(balloon, "p", words("products.seen_from_satellite"))
    table = ET.SubElement(balloon, "table")
    for what, said in rows:
        row = ET.SubElement(table, "tr")
        _say(row, "td", what)
        _say(row, "td", said)
    return ET.tostring(balloon, encoding="unicode", method="html")


def _geometry(mark: ET.Element, shape: BaseGeometry, points: Iterable[shapely.Point]) -> None:
    """Points, which show from afar, and polygons, outer rings counter-clockwise."""
    whole = ET.SubElement(mark, "MultiGeometry")
    for point in points:
        _say(ET.SubElement(whole, "Point"), "coordinates", _coordinates(point))
    for part in shapely.get_parts(shapely.orient_polygons(shape)):
        _polygon(whole, part)


def _polygon(whole: ET.Element, part: Polygon) -> None:
    polygon = ET.SubElement(whole, "Polygon")
    _say(polygon, "tessellate", "1")
    _ring(polygon, "outerBoundaryIs", part.exterior)
    for hole in part.interiors:
        _ring(polygon, "innerBoundaryIs", hole)


def _ring(polygon: ET.Element, tag: str, ring: BaseGeometry) -> None:
    boundary = ET.SubElement(ET.SubElement(polygon, tag), "LinearRing")
    _say(boundary, "coordinates", _coordinates(ring))


def _coordinates(shape: BaseGeometry) -> str:
    return " ".join(f"{lon:.{DIGITS}f},{lat:.{DIGITS}f},0" for lon, lat in shapely.get_coordinates(shape))
