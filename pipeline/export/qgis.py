"""Styles with which the outputs open in QGIS: colours, labels, names for people, and time.

Written by hand, since QGIS is not a dependency. Both the newer <Option> and the older <prop> form of each
symbol property are given, so that QGIS from 3.14 on reads them.
"""

from collections.abc import Callable
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
    "appeared": ("Ground appeared", "230,159,0"),
    "ponds built": ("Ponds built", "213,94,0"),
    "idle": ("Idle", "0,114,178"),
    "ended": ("Ended", "86,180,233"),
}
SEEN = ((0.0, "Not seen", "90,90,90"), (0.05, "Under half", "190,174,212"), (0.5, "Half or more", "152,202,190"),
        (0.95, "All", "27,120,90"))  # fmt: skip
ALIASES = {
    "site_id": "Site",
    "status": "Status",
    "confidence": "Confidence (0 to 1)",
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
    "simulated": "SIMULATED",
}
TIP = (
    '<b>[% "site_id" %]</b> suspected leach-pond site<br>[% "status" %], confidence [% "confidence" %]<br>'
    "ponds after [% coalesce(\"ponds_after\", 'before the first clear look') %], by [% coalesce(\"ponds_by\", 'none yet') %]"
    "[% if(\"simulated\", '<br><b>SIMULATED</b>', '') %]"
)


def write_sites_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `sites.geojson`. Raises as `atomic.write_text`."""
    atomic.write_text(path, sites_style())


def sites_style() -> str:
    """Sites by status, labelled, appearing over time and staying."""
    symbols = {key: (label, _fill(colour, 70, 0.7)) for key, (label, colour) in STATUS.items()}
    return _qml(_categories("status", symbols), _from("ground_by"), label="site_id", tip=TIP, geometry=2)


def ponds_style() -> str:
    """Pond patches in blue."""
    return _qml(_single(_fill("0,158,200", 150, 0.2)), _from("first_seen"), geometry=2)


def looks_style() -> str:
    """One dot per clear look, on its day."""
    return _qml(_single(_marker("80,80,80", 1.6)), _from("day", accumulate=False), geometry=0)


def events_style() -> str:
    """Events by kind, from the day by which they had happened."""
    symbols = {key: (label, _marker(colour, 3.0)) for key, (label, colour) in EVENTS.items()}
    return _qml(_categories("kind", symbols), _from("by"), label="kind", geometry=0)


def coverage_style() -> str:
    """Cells by the share of them that was seen, month by month."""
    edges = [*[low for low, _, _ in SEEN], 1.0]
    ranges = "".join(
        f'<range lower="{low}" upper="{high}" label="{label}" symbol="{n}" render="true"/>'
        for n, ((low, label, _), high) in enumerate(zip(SEEN, edges[1:], strict=True))
    )
    symbols = "".join(_symbol(str(n), "fill", _fill(colour, 60, 0.05)) for n, (_, _, colour) in enumerate(SEEN))
    renderer = (
        f'<renderer-v2 type="graduatedSymbol" attr="share_seen" graduatedMethod="GraduatedColor"><ranges>{ranges}</ranges>'
        f"<symbols>{symbols}</symbols></renderer-v2>"
    )
    return _qml(renderer, _between("month_start", "month_end"), geometry=2)


STYLES: dict[str, Callable[[], str]] = {
    "sites": sites_style,
    "ponds": ponds_style,
    "looks": looks_style,
    "events": events_style,
    "coverage": coverage_style,
}
"""The default style of each layer of `sites.gpkg`."""


def _qml(renderer: str, temporal: str, *, geometry: int, label: str = "", tip: str = "") -> str:
    labelled = 1 if label else 0
    parts = [
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>",
        f'<qgis version="3.22.0" styleCategories="Symbology|Labeling|MapTips|Temporal|Fields" labelsEnabled="{labelled}">',
        temporal,
        renderer,
        _labels(label) if label else "",
        "<aliases>",
        *(f"<alias field={quoteattr(name)} name={quoteattr(words)}/>" for name, words in ALIASES.items()),
        "</aliases>",
        f"<mapTip>{escape(tip)}</mapTip>",
        f"<layerGeometryType>{geometry}</layerGeometryType>",
        "</qgis>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _categories(field: str, symbols: dict[str, tuple[str, str]]) -> str:
    kind = "marker" if "SimpleMarker" in next(iter(symbols.values()))[1] else "fill"
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


def _fill(colour: str, alpha: int, outline_mm: float) -> str:
    return _layer(
        "SimpleFill",
        {
            "color": f"{colour},{alpha}",
            "style": "solid",
            "outline_color": f"{colour},255",
            "outline_style": "solid",
            "outline_width": str(outline_mm),
            "outline_width_unit": "MM",
        },
    )


def _marker(colour: str, size_mm: float) -> str:
    return _layer(
        "SimpleMarker",
        {
            "name": "circle",
            "color": f"{colour},255",
            "outline_color": "255,255,255,255",
            "outline_width": "0.2",
            "size": str(size_mm),
            "size_unit": "MM",
        },
    )


def _layer(kind: str, values: dict[str, str]) -> str:
    options = "".join(f'<Option type="QString" name="{k}" value="{v}"/>' for k, v in values.items())
    props = "".join(f'<prop k="{k}" v="{v}"/>' for k, v in values.items())
    return f'<layer class="{kind}" enabled="1" locked="0" pass="0"><Option type="Map">{options}</Option>{props}</layer>'


def _labels(field: str) -> str:
    return (
        '<labeling type="simple"><settings calloutType="simple">'
        f'<text-style fieldName="{field}" isExpression="0" fontSize="8" fontSizeUnit="Point" textColor="20,20,20,255">'
        '<text-buffer bufferDraw="1" bufferSize="0.8" bufferSizeUnits="MM" bufferColor="255,255,255,255" '
        'bufferOpacity="1"/></text-style><placement placement="1" dist="1"/>'
        '<rendering scaleVisibility="0" drawLabels="1" obstacle="1"/></settings></labeling>'
    )


def _from(field: str, accumulate: bool = True) -> str:
    """Visible from a date on (or on that date only)."""
    return _temporal(1, field, "", accumulate)


def _between(start: str, end: str) -> str:
    """Visible between two dates."""
    return _temporal(2, start, end, False)


def _temporal(mode: int, start: str, end: str, accumulate: bool) -> str:
    return (
        f'<temporal enabled="1" mode="{mode}" startField="{start}" endField="{end}" startExpression="" endExpression="" '
        f'durationField="" durationUnit="min" fixedDuration="0" accumulate="{int(accumulate)}" limitMode="0">'
        "<fixedRange><start></start><end></end></fixedRange></temporal>"
    )
