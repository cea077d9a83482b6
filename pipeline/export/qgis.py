"""Styles with which the outputs open in QGIS: colours, labels, names for people, and time.

Written by hand, since QGIS is not a dependency. Both the newer <Option> and the older <prop> form of each
symbol property are given, so that QGIS from 3.14 on reads them. What was learned by looking at the result in
QGIS 3.22 stands beside each choice.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from pipeline import atomic

STATUS = {
    "candidate": ("Candidate", "230,159,0"),
    "confirmed": ("Confirmed by several looks", "213,94,0"),
    "idle": ("Idle", "0,114,178"),
    "ended": ("Ended", "86,180,233"),
    "rejected": ("Rejected by a reviewer", "140,140,140"),
}
"""Word for people and colour of each status; the Okabe-Ito palette, which colour-blind people can tell apart."""
EVENTS = {
    "appeared": ("Ground appeared", "240,228,66"),
    "ponds built": ("Ponds built", "204,121,167"),
    "idle": ("Idle", "0,114,178"),
    "ended": ("Ended", "86,180,233"),
    "split": ("Split from another site", "0,158,115"),
    "merged": ("Became part of another site", "230,159,0"),
    "withdrawn": ("No longer supported", "140,140,140"),
}
SEEN = ((0.0, "Not seen", "150,150,150", 0), (0.05, "Under half", "190,174,212", 14),
        (0.5, "Half or more", "152,202,190", 14), (0.95, "All", "27,120,90", 14))  # fmt: skip
"""Lower edge, words, colour and fill opacity (of 255) by share seen; faint, since without time all months overlay."""
ALIASES = {
    "site_id": "Site",
    "status": "Status",
    "confidence": "Confidence",
    "ground_after": "Ground: after",
    "ground_by": "Ground: by",
    "ponds_after": "Ponds: after",
    "ponds_by": "Ponds: by",
    "last_seen": "Last seen active",
    "last_clear": "Last clear look",
    "clear_looks": "Clear looks",
    "pond_area_m2": "Pond area (m²)",
    "pond_area_low_m2": "Pond area, low (m²)",
    "pond_area_high_m2": "Pond area, high (m²)",
    "ground_area_m2": "Mine ground (m²)",
    "verdict": "Reviewer's verdict",
    "reviewed_on": "Reviewed on",
    "simulated": "SIMULATED",
    "source": "Source",
    "model": "Model",
    "run_id": "Run",
    "parent": "Split from",
    "earlier_dates": "Dates published earlier",
    "pond_id": "Patch of ponds",
    "area_m2": "Pond area (m²)",
    "first_seen": "First clear look with ponds",
    "day": "Day",
    "overpass": "Overpass",
    "share_seen": "Share seen (0 to 1)",
    "state": "State by all looks",
    "ponds_present": "Shows ponds",
    "ground_present": "Shows cleared ground",
    "kind": "Event",
    "after": "After",
    "by": "By",
    "evidence": "Proved by",
    "cell": "Cell",
    "month": "Month",
    "looks": "Looks",
    "month_start": "Month begins",
    "month_end": "Next month begins",
}
"""Names for people of every column of every layer."""
NEAR = 150_000
"""Looks and events, which lie on one point per site, are drawn only when nearer than 1 to this."""
SITE_TIP = (
    '<b>[% "site_id" %]</b> suspected leach-pond site<br>[% "status" %], confidence [% round("confidence", 2) %]<br>'
    "[% if(\"ponds_by\" is null, 'no ponds seen yet', 'ponds ' || if(\"ponds_after\" is null, 'already there at the first "
    "clear look, ', 'after ' || left(to_string(\"ponds_after\"), 10) || ', by ') || left(to_string(\"ponds_by\"), 10)) %]"
    "[% if(\"simulated\", '<br><b>SIMULATED</b>', '') %]"
)
EVENT_TIP = (
    '<b>[% "site_id" %]</b>: [% "kind" %]<br>[% if("after" is null, \'\', \'after \' || left(to_string("after"), 10) || '
    "', ') %]by [% left(to_string(\"by\"), 10) %]"
)
LOOK_TIP = '<b>[% "site_id" %]</b>, look of [% left(to_string("day"), 10) %]<br>ponds [% round("pond_area_m2") %] m² ([% round("pond_area_low_m2") %] to [% round("pond_area_high_m2") %])'
POND_TIP = '<b>[% "site_id" %]</b>, patch of ponds [% "pond_id" %]<br>[% round("area_m2") %] m²'
COVERAGE_TIP = '[% "month" %]: [% "clear_looks" %] clear looks of [% "looks" %], [% round(100 * "share_seen") %] % seen'


def write_sites_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `sites.geojson`. Raises as `atomic.write_text`."""
    atomic.write_text(path, sites_style())


def write_coverage_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `coverage.geojson`. Raises as `atomic.write_text`."""
    begin = 'make_datetime(to_int(left("month", 4)), to_int(right("month", 2)), 1, 0, 0, 0)'
    atomic.write_text(path, _coverage(_temporal(4, expressions=(begin, f"{begin} + to_interval('1 month')"))))


def sites_style() -> str:
    """Sites by status, labelled, appearing over time and staying.

    A dot in each: at the scale of a state a site is smaller than a pixel of the screen.
    """
    symbols = {key: (label, _fill(colour, 28, 0.7) + _dot(colour, n)) for n, (key, (label, colour)) in _each(STATUS)}
    return _qml(_categories("status", symbols), _from("ground_by"), label='"site_id"', tip=SITE_TIP, geometry=2)


def ponds_style() -> str:
    """Pond patches in blue."""
    return _qml(_single(_fill("0,158,200", 150, 0.2)), _from("first_seen"), tip=POND_TIP, geometry=2)


def looks_style() -> str:
    """One dot per clear look, on its day."""
    dots = _single(_marker("80,80,80", 1.6))
    return _qml(dots, _from("day", accumulate=False), tip=LOOK_TIP, geometry=0, near=NEAR)


def events_style() -> str:
    """Events by kind, from the day by which they had happened."""
    symbols = {key: (label, _marker(colour, 3.4, "diamond")) for key, (label, colour) in EVENTS.items()}
    label = '"kind" || \' by \' || left(to_string("by"), 10)'
    return _qml(_categories("kind", symbols), _from("by"), label=label, tip=EVENT_TIP, geometry=0, near=NEAR)


def coverage_style() -> str:
    """Cells by the share of them that was seen, month by month."""
    return _coverage(_temporal(2, "month_start", "month_end"))


STYLES: dict[str, Callable[[], str]] = {
    "sites": sites_style,
    "ponds": ponds_style,
    "looks": looks_style,
    "events": events_style,
    "coverage": coverage_style,
}
"""The default style of each layer of `sites.gpkg`."""


def _each(words: Mapping[str, tuple[str, str]]) -> enumerate[tuple[str, tuple[str, str]]]:
    return enumerate(words.items())


def _coverage(temporal: str) -> str:
    edges = [*(low for low, *_ in SEEN[1:]), 1.0]
    ranges = "".join(
        f'<range lower="{low}" upper="{high}" label="{label}" symbol="{n}" render="true"/>'
        for n, ((low, label, *_), high) in enumerate(zip(SEEN, edges, strict=True))
    )
    symbols = "".join(
        _symbol(str(n), "fill", _fill(colour, opacity, 0.12)) for n, (*_, colour, opacity) in enumerate(SEEN)
    )
    renderer = (
        f'<renderer-v2 type="graduatedSymbol" attr="share_seen" graduatedMethod="GraduatedColor"><ranges>{ranges}</ranges>'
        f"<symbols>{symbols}</symbols></renderer-v2>"
    )
    return _qml(renderer, temporal, tip=COVERAGE_TIP, geometry=2, name='"cell"')


def _qml(
    renderer: str,
    temporal: str,
    *,
    geometry: int,
    tip: str,
    label: str = "",
    near: int = 0,
    name: str = '"site_id"',
) -> str:
    """A style; `name` is how a feature is called in lists, `near` the scale from which it is drawn."""
    scale = f' hasScaleBasedVisibilityFlag="1" minScale="{near}" maxScale="0"' if near else ""
    parts = [
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>",
        '<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields|Forms|Rendering" '
        f'labelsEnabled="{int(bool(label))}"{scale}>',
        temporal,
        renderer,
        _labels(label, geometry) if label else "",
        "<aliases>",
        *(f"<alias field={quoteattr(name)} name={quoteattr(words)}/>" for name, words in ALIASES.items()),
        "</aliases>",
        f"<previewExpression>{escape(name)}</previewExpression>",
        f"<mapTip>{escape(tip)}</mapTip>",
        f"<layerGeometryType>{geometry}</layerGeometryType>",
        "</qgis>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _categories(field: str, symbols: dict[str, tuple[str, str]]) -> str:
    kind = "fill" if "SimpleFill" in next(iter(symbols.values()))[1] else "marker"
    entries = "".join(
        f'<category value={quoteattr(key)} type="string" symbol="{n}" label={quoteattr(label)} render="true"/>'
        for n, (key, (label, _)) in enumerate(symbols.items())
    )
    drawn = "".join(_symbol(str(n), kind, layer) for n, (_, layer) in enumerate(symbols.values()))
    return (
        f'<renderer-v2 type="categorizedSymbol" attr="{field}"><categories>{entries}</categories>'
        f"<symbols>{drawn}</symbols></renderer-v2>"
    )


def _single(layer: str) -> str:
    kind = "marker" if "SimpleMarker" in layer else "fill"
    return f'<renderer-v2 type="singleSymbol"><symbols>{_symbol("0", kind, layer)}</symbols></renderer-v2>'


def _symbol(name: str, kind: str, layer: str) -> str:
    return f'<symbol type="{kind}" name="{name}" alpha="1" clip_to_extent="1" force_rhr="0">{layer}</symbol>'


def _fill(colour: str, opacity: int, outline_mm: float) -> str:
    return _layer(
        "SimpleFill",
        {
            "color": f"{colour},{opacity}",
            "style": "solid" if opacity else "no",
            "outline_color": f"{colour},255",
            "outline_style": "solid",
            "outline_width": str(outline_mm),
            "outline_width_unit": "MM",
        },
    )


def _marker(colour: str, size_mm: float, shape: str = "circle") -> str:
    return _layer(
        "SimpleMarker",
        {
            "name": shape,
            "color": f"{colour},255",
            "outline_color": "255,255,255,255",
            "outline_width": "0.2",
            "size": str(size_mm),
            "size_unit": "MM",
        },
    )


def _dot(colour: str, number: int) -> str:
    """A marker inside a polygon, as a second layer of symbol `number`."""
    marker = _symbol(f"@{number}@1", "marker", _marker(colour, 2.2))
    return _layer("CentroidFill", {"point_on_surface": "1", "point_on_all_parts": "0"}, marker)


def _layer(kind: str, values: dict[str, str], inner: str = "") -> str:
    options = "".join(f'<Option type="QString" name="{k}" value="{v}"/>' for k, v in values.items())
    props = "".join(f'<prop k="{k}" v="{v}"/>' for k, v in values.items())
    return f'<layer class="{kind}" enabled="1" locked="0" pass="0"><Option type="Map">{options}</Option>{props}{inner}</layer>'


def _labels(expression: str, geometry: int) -> str:
    """Labels beside their feature, all of them drawn; without a weight QGIS takes the thinnest letters there are."""
    around = "TR,TL,BR,BL,R,L,TSR,BSR"
    centre = (
        ' geometryGenerator="point_on_surface($geometry)" geometryGeneratorEnabled="1" '
        'geometryGeneratorType="PointGeometry"'
        if geometry == 2
        else ""
    )
    return (
        '<labeling type="simple"><settings calloutType="simple">'
        f'<text-style fieldName={quoteattr(expression)} isExpression="1" fontFamily="Sans Serif" fontWeight="50" '
        'textOpacity="1" fontSize="8" fontSizeUnit="Point" textColor="20,20,20,255">'
        '<text-buffer bufferDraw="1" bufferSize="0.6" bufferSizeUnits="MM" bufferColor="255,255,255,255" '
        f'bufferOpacity="0.8"/></text-style><placement placement="6" dist="1.2" predefinedPositionOrder="{around}" '
        f'offsetType="0"{centre}/><rendering scaleVisibility="0" drawLabels="1" obstacle="0" displayAll="1"/>'
        "</settings></labeling>"
    )


def _from(field: str, accumulate: bool = True) -> str:
    """Visible from a date on (or on that date only)."""
    return _temporal(1, field, accumulate=accumulate)


def _temporal(
    mode: int, start: str = "", end: str = "", *, accumulate: bool = False, expressions: tuple[str, str] = ("", "")
) -> str:
    """Time by one field (mode 1), by two (2) or by expressions for begin and end (4)."""
    begin, until = (quoteattr(text) for text in expressions)
    return (
        f'<temporal enabled="1" mode="{mode}" startField="{start}" endField="{end}" startExpression={begin} '
        f'endExpression={until} durationField="" durationUnit="min" fixedDuration="0" accumulate="{int(accumulate)}" '
        'limitMode="0"><fixedRange><start></start><end></end></fixedRange></temporal>'
    )
