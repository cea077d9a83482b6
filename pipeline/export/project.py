"""`<aoi>.qgz`: a QGIS project with everything that is published of an AOI, styled, in time, and ready for review.

It is written without QGIS, as XML that QGIS 3.22 and later read. What QGIS does not say aloud, and what broke it:

- Ids of layers must be longer than ten characters, or QGIS makes up others and the tree of layers stays empty.
- A CRS is only taken from its name where a number stands in `srsid`, whatever the number.
- With a time navigation other than off, the map opens on the first month only; so it is off, with the range stored.
- Sources are relative to the folder of the project: the folder can be moved, or sent to a colleague.
- Nothing is fetched before a person ticks the layer of OpenStreetMap.
"""

import calendar
import io
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from defusedxml.ElementTree import fromstring

from pipeline import atomic
from pipeline.aoi import Aoi
from pipeline.export.context import CREDIT
from pipeline.export.edition import Edition
from pipeline.export.qgis import style
from pipeline.grid import LONLAT

Element = ElementTree.Element
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
WRITTEN_FOR = "3.22.0"
"""The oldest version of QGIS that is tried."""
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can hold, so that the same project gives the same bytes."""
OPENSTREETMAP = "type=xyz&url=https://tile.openstreetmap.org/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=19&zmin=0"
WEB_MERCATOR = "EPSG:3857"
MARGIN = 0.06
"""How much of the AOI's width and height is shown around it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """A layer of the project."""

    id: str
    """For QGIS and for expressions of styles; longer than ten characters."""
    name: str
    """For people."""
    source: str
    """Where its rows are, relative to the project."""
    style: str | None
    """Name of its style; None = it is a picture of the world."""
    shape: str = "Polygon"
    """What it draws."""
    shown: bool = True
    """Whether it is ticked when the project opens."""
    open: bool = False
    """Whether its legend is unfolded."""
    hidden: bool = False
    """Whether the tree of layers leaves it out."""
    read_only: bool = True
    """Whether QGIS lets nobody edit it: what a run writes is replaced by the next."""


REVIEWS = (
    _Layer(
        id="leachwatch_reviews", name="Reviews (edit here)", source="./reviews.gpkg|layername=reviews",
        style="reviews", open=True, read_only=False,
    ),
    _Layer(
        id="leachwatch_pond_points", name="Middles of ponds", source="./reviews.gpkg|layername=pond_points",
        style="pond_points", shape="Point", read_only=False,
    ),
    # What is saved, beside what is being edited: so the form knows whether a verdict was changed, and signs it.
    _Layer(
        id="leachwatch_reviews_as_stored", name="Reviews as stored", source="./reviews.gpkg|layername=reviews",
        style=None, shown=False, hidden=True,
    ),
)  # fmt: skip
SITES = (
    _Layer(
        id="leachwatch_sites", name="Suspected sites", source="./sites.gpkg|layername=sites", style="sites",
        open=True,
    ),
    _Layer(
        id="leachwatch_events", name="Events", source="./sites.gpkg|layername=events",
        style="events", shape="Point",
    ),
    _Layer(id="leachwatch_ponds", name="Ponds", source="./sites.gpkg|layername=ponds", style="ponds"),
    _Layer(
        id="leachwatch_looks", name="Every clear look", source="./sites.gpkg|layername=looks",
        style="looks", shape="Point", shown=False,
    ),
)  # fmt: skip
GROUND = (
    _Layer(
        id="leachwatch_places", name="Towns", source="./context.geojson|geometrytype=Point", style="places",
        shape="Point",
    ),
    _Layer(
        id="leachwatch_outline", name="Area searched", source="./context.geojson|geometrytype=Polygon",
        style="outline",
    ),
    _Layer(
        id="leachwatch_coverage", name="Not seen, latest month", source="./sites.gpkg|layername=coverage",
        style="coverage", open=True,
    ),
    _Layer(
        id="leachwatch_openstreetmap", name="OpenStreetMap (internet)", source=OPENSTREETMAP,
        style=None, shown=False,
    ),
)  # fmt: skip
SIMULATED_MARK = " (SIMULATED)"
WARNING = "SIMULATED: nothing here says anything about any real place"
"""Written over the map."""
AMBER = "255,224,130,230"
"""Colour behind it: red, green, blue, opacity, each up to 255."""


def write_project(path: Path, edition: Edition, reviews: bool) -> None:
    """Write the project to lie in one folder with the other products. Raises as `atomic.write_bytes`.

    `reviews`: whether there is a `reviews.gpkg` in that folder.
    """
    content = DOCTYPE.encode() + ElementTree.tostring(_project(edition, reviews), encoding="utf-8") + b"\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(f"{path.stem}.qgs", ZIP_TIME)
        member.create_system, member.external_attr = 3, 0o644 << 16  # the same on Windows
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, content)
    atomic.write_bytes(path, packed.getvalue())


def _project(edition: Edition, reviews: bool) -> Element:
    aoi, mark = edition.aoi, SIMULATED_MARK if edition.provenance.simulated else ""
    groups: dict[str, tuple[_Layer, ...]] = {"Review": REVIEWS} if reviews else {}
    groups |= {f"Sites{mark}": SITES, "Where": GROUND}
    title = f"{aoi.title}: suspected leach-pond sites{mark}"
    layers = [layer for group in groups.values() for layer in group]
    crs = aoi.grid.crs
    return _element(
        "qgis",
        {"projectname": title, "version": WRITTEN_FOR},
        _element("title", {}, text=title),
        _element("projectCrs", {}, _srs(crs)),
        _tree(groups),
        _canvas(aoi),
        _element("layerorder", {}, *(_element("layer", {"id": layer.id}) for layer in layers)),
        _element("projectlayers", {}, *(_map_layer(layer) for layer in layers)),
        _properties(edition.months, mark),
        _times(edition.months),
    )


def _tree(groups: dict[str, tuple[_Layer, ...]]) -> Element:
    """The tree of layers as a person sees it, which is also the order of drawing: the first on top."""
    root = _element("layer-tree-group", {})
    for name, layers in groups.items():
        attributes = {"name": name, "checked": "Qt::Checked", "expanded": "1"}
        root.append(_element("layer-tree-group", attributes, *(_leaf(each) for each in layers)))
    root.append(_element("custom-order", {"enabled": "0"}))
    return root


def _leaf(layer: _Layer) -> Element:
    return _element(
        "layer-tree-layer",
        {
            "id": layer.id,
            "name": layer.name,
            "checked": "Qt::Checked" if layer.shown else "Qt::Unchecked",
            "expanded": str(int(layer.open)),
            "providerKey": _provider(layer),
            "source": layer.source,
        },
    )


def _provider(layer: _Layer) -> str:
    return "wms" if layer.source is OPENSTREETMAP else "ogr"


def _map_layer(layer: _Layer) -> Element:
    flags = {"Identifiable": not layer.hidden, "Removable": 1, "Searchable": not layer.hidden, "Private": layer.hidden}
    parts = [
        _element("id", {}, text=layer.id),
        _element("datasource", {}, text=layer.source),
        _element("layername", {}, text=layer.name),
        _element("flags", {}, *(_element(name, {}, text=str(int(value))) for name, value in flags.items())),
    ]
    if _provider(layer) == "wms":
        credit = _element("attribution", {"href": "https://www.openstreetmap.org/copyright"})
        credit.text = "© OpenStreetMap contributors"
        raster = _element("rasterrenderer", {"type": "singlebandcolordata", "band": "1", "opacity": "1"})
        ground = (_element("srs", {}, _srs(WEB_MERCATOR)), _element("provider", {}, text="wms"))
        return _element("maplayer", {"type": "raster"}, *parts, credit, *ground, _element("pipe", {}, raster))
    look = fromstring(style(layer.style)) if layer.style else _element("qgis", {})
    return _element(
        "maplayer",
        {
            **{name: value for name, value in look.attrib.items() if name not in ("version", "styleCategories")},
            "type": "vector",
            "geometry": layer.shape,
            "simplifyDrawingHints": "0" if layer.shape == "Point" else "1",
            "readOnly": str(int(layer.read_only)),
            "styleCategories": "AllStyleCategories",
        },
        *parts,
        _element("srs", {}, _srs(LONLAT)),
        _element("provider", {"encoding": "UTF-8"}, text="ogr"),
        *look,
        _element("legend", {"type": "default-vector", "showLabelLegend": "0"}),
    )


def _canvas(aoi: Aoi) -> Element:
    """The map as it opens: all of the AOI."""
    west, south, east, north = aoi.polygon_m.bounds
    x, y = MARGIN * (east - west), MARGIN * (north - south)
    sides = {"xmin": west - x, "ymin": south - y, "xmax": east + x, "ymax": north + y}
    return _element(
        "mapcanvas",
        {"name": "theMapCanvas", "annotationsVisible": "1"},
        _element("units", {}, text="meters"),
        _element("extent", {}, *(_element(name, {}, text=f"{value:.0f}") for name, value in sides.items())),
        _element("rotation", {}, text="0"),
        _element("destinationsrs", {}, _srs(aoi.grid.crs)),
    )


def _srs(name: str) -> Element:
    parts = {"srsid": "1", "srid": name.removeprefix("EPSG:"), "authid": name}
    return _element("spatialrefsys", {}, *(_element(key, {}, text=value) for key, value in parts.items()))


def _properties(months: tuple[str, ...], mark: str) -> Element:
    """Settings of the project: what is written over the map, and a clock that is off."""
    begin, end = _range(months)
    settings: dict[str, dict[str, int | bool | str]] = {
        "SpatialRefSys": {"ProjectionsEnabled": 1},
        "Paths": {"Absolute": False},
        "TemporalControllerWidget": {"NavigationMode": 0, "StartDateTime": begin, "EndDateTime": end},
        "ScaleBar": {"Enabled": True, "Placement": 0, "PreferredSize": 30, "SnappingSize": True},
        "CopyrightLabel": {"Enabled": True, "Label": CREDIT, "Placement": 3},
        "TitleLabel": {"Enabled": bool(mark), "Label": WARNING, "Placement": 4, "BackgroundColor": AMBER},
    }
    return _element("properties", {}, *(_setting(name, values) for name, values in settings.items()))


def _setting(name: str, values: dict[str, int | bool | str]) -> Element:
    kinds = {bool: "bool", int: "int", str: "QString"}
    return _element(
        name,
        {},
        *(
            _element(
                key,
                {"type": kinds[type(value)]},
                text=str(value).lower() if value is True or value is False else str(value),
            )
            for key, value in values.items()
        ),
    )


def _times(months: tuple[str, ...]) -> Element:
    """The range of the clock: from the first month to the last, one month a step."""
    begin, end = _range(months)
    span = _element("TemporalRange", {}, _element("start", {}, text=begin), _element("end", {}, text=end))
    step = {"timeStep": "1", "timeStepUnit": "mon", "frameRate": "1", "cumulativeTemporalRange": "0"}
    return _element("ProjectTimeSettings", step, span)


def _range(months: tuple[str, ...]) -> tuple[str, str]:
    """First and last day of the months, as QGIS writes times; a day more, and the clock would show another month."""
    last = date.fromisoformat(f"{months[-1]}-01")
    end = last.replace(day=calendar.monthrange(last.year, last.month)[1])
    return f"{months[0]}-01T00:00:00Z", f"{end.isoformat()}T00:00:00Z"


def _element(tag: str, attributes: dict[str, Any], *parts: Element, text: str | None = None) -> Element:
    element = Element(tag, attributes)
    element.extend(parts)
    element.text = text
    return element
