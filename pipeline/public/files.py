"""`public.geojson`, `public.csv`, `public.json`: counts by cell for maps and spreadsheets, and how they were made."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from shapely.geometry import mapping

from pipeline import __version__, atomic
from pipeline.export.edition import Edition
from pipeline.export.manifest import SIMULATED
from pipeline.export.spreadsheet import csv_text
from pipeline.months import month_of
from pipeline.public.globe import EQUAL_AREA, Cell
from pipeline.public.rules import FEW, LEAST_SHARE, Rules
from pipeline.public.tally import Count, Tally
from pipeline.words import Words

EDGES = ("west", "south", "east", "north")


def write_map(path: Path, counted: Tally, simulated: bool) -> None:
    """Write the cells with sites as GeoJSON (RFC 7946); raises as `atomic.write_text`."""
    features = [
        {
            "type": "Feature",
            "id": cell.name,
            "properties": _properties(cell, count, simulated),
            "geometry": mapping(cell.polygon.normalize().reverse()),
        }
        for cell, count in counted.cells
    ]
    content: dict[str, object] = {"type": "FeatureCollection"}
    if simulated:
        content["leachwatch"] = {"notice": SIMULATED}
    atomic.write_text(path, json.dumps({**content, "features": features}, indent=1, ensure_ascii=False) + "\n")


def write_rows(path: Path, counted: Tally, simulated: bool) -> None:
    """Write the cells with sites as a table for a spreadsheet; raises as `atomic.write_text`."""
    rows = [{**_properties(cell, count, simulated), **_edges(cell)} for cell, count in counted.cells]
    heads = ("cell", *Count.__dataclass_fields__, *EDGES, "simulated")
    atomic.write_text(path, csv_text(heads, ([row[head] for head in heads] for row in rows)))


def write_method(path: Path, counted: Tally, edition: Edition, rules: Rules, words: Words) -> None:
    """Write how the counts were made, and the totals; raises as `atomic.write_text`."""
    simulated = edition.provenance.simulated
    content = {
        "what": words("public.title"),
        "area": counted.title,
        "simulated": simulated,
        "notice": SIMULATED if simulated else None,
        "software": {"name": "leachwatch", "version": __version__},
        "as_of": month_of(rules.today),
        "images_from": edition.months[0] if edition.months else None,
        "images_to": edition.months[-1] if edition.months else None,
        "share_of_area_seen": words.percent(edition.seen_share),
        "cell_km": rules.cell_km,
        "grid": f"EASE-Grid 2.0 ({EQUAL_AREA})",
        "embargo_days": rules.embargo_days,
        "known_before": month_of(rules.released_before),
        "sites": counted.all_sites.sites,
        "sites_without_a_cell": counted.elsewhere,
        "sites_held_back": counted.held_back,
        "sites_held_back_means": words("public.few", n=FEW),
        "method": method(rules, words),
        "limits": limits(words),
        "columns": {name: words.of("public_column", name) for name in ("cell", *Count.__dataclass_fields__)},
    }
    atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def method(rules: Rules, words: Words) -> list[str]:
    """How the counts were made, in sentences."""
    return [
        words("public.method_found"),
        words("public.method_cells", km=rules.cell_km, area=f"{rules.cell_km**2:,}"),
        words("public.method_edge", percent=words.percent(LEAST_SHARE)),
        words("public.method_embargo", n=rules.embargo_days),
        words("public.method_rejected"),
        words("public.method_dates"),
        words("public.method_left_out"),
    ]


def limits(words: Words) -> list[str]:
    """What the counts do not say, in sentences."""
    return [
        words("public.limit_suspected"),
        words("public.limit_confidence"),
        words("public.limit_unseen"),
        words("public.limit_owners"),
    ]


def _properties(cell: Cell, count: Count, simulated: bool) -> dict[str, object]:
    return {"cell": cell.name, **asdict(count), "simulated": simulated}


def _edges(cell: Cell) -> Mapping[str, object]:
    return dict(zip(EDGES, cell.bounds, strict=True))
