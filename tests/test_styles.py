"""The styles that QGIS takes up with the outputs."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import fields
from importlib.resources import files
from pathlib import Path

import pytest

from pipeline.export import geopackage
from pipeline.export.coverage import CoverageRecord
from pipeline.export.qgis import style, write_coverage_qml, write_sites_qml
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord

ROOT = Path(__file__).parent.parent
RECORDS = {
    "sites": SiteRecord,
    "ponds": PondRecord,
    "looks": LookRecord,
    "events": EventRecord,
    "coverage": CoverageRecord,
    "coverage_geojson": CoverageRecord,
}
ADDED = {"coverage": {"month_start", "month_end"}}
"""Columns that a layer has and its records have not."""
BEGIN = 'make_datetime(to_int(left("month", 4)), to_int(right("month", 2)), 1, 0, 0, 0)'
TIME = {
    "sites": {"mode": "1", "startField": "ground_by", "accumulate": "1"},
    "ponds": {"mode": "1", "startField": "first_seen", "accumulate": "1"},
    "looks": {"mode": "1", "startField": "day", "accumulate": "0"},
    "events": {"mode": "1", "startField": "by", "accumulate": "1"},
    "coverage": {"mode": "2", "startField": "month_start", "endField": "month_end", "accumulate": "0"},
    "coverage_geojson": {
        "mode": "4", "startExpression": BEGIN, "endExpression": f"{BEGIN} + to_interval('1 month')", "accumulate": "0",
    },
}  # fmt: skip
"""1: from a date on, or on that date only; 2: between two dates; 4: between two expressions."""
UNTIMED = {"startField": "", "endField": "", "startExpression": "", "endExpression": "", "durationField": ""}

every_layer = pytest.mark.parametrize("layer", RECORDS)


def parsed(layer: str) -> ET.Element:
    return ET.fromstring(style(layer))


def columns(layer: str) -> set[str]:
    return {field.name for field in fields(RECORDS[layer])} - {"polygon", "point"} | ADDED.get(layer, set())


def the(root: ET.Element, tag: str) -> ET.Element:
    (found,) = root.iter(tag)
    return found


def test_every_layer_has_a_style_and_every_style_a_layer() -> None:
    assert {path.name for path in files("pipeline.export").joinpath("styles").iterdir()} == {
        f"{n}.qml" for n in RECORDS
    }
    assert set(geopackage.DAYS) | {"coverage_geojson"} == set(RECORDS)


@every_layer
def test_a_style_is_what_qgis_takes_for_one_and_reads_line_by_line(layer: str) -> None:
    text = style(layer)
    assert text.startswith("<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis ")
    assert parsed(layer).tag == "qgis"
    assert all(line.count("<") <= 2 for line in text.splitlines()), "one element to a line: a change can then be read"


def test_the_label_of_a_site_that_stands_as_last_published_says_as_of_when() -> None:
    (label,) = {text.get("fieldName") for text in parsed("sites").iter("text-style")}
    assert label is not None
    assert '"site_id"' in label
    assert 'format_date("stale_since"' in label


@every_layer
def test_every_column_has_a_name_for_people(layer: str) -> None:
    names = {alias.get("field"): alias.get("name") for alias in parsed(layer).iter("alias")}
    assert set(names) == columns(layer)
    assert all(names.values())
    assert names.get("earlier_dates") in (None, "Dates published earlier")


@pytest.mark.parametrize(
    ("layer", "column", "values"), [("sites", "status", SiteStatus), ("events", "kind", EventKind)]
)
def test_every_status_and_every_kind_of_event_has_a_colour_of_its_own(layer: str, column: str, values: type) -> None:
    renderer = the(parsed(layer), "renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("categorizedSymbol", column)
    entries = list(renderer.iter("category"))
    assert [entry.get("value") for entry in entries] == list(values)
    assert len({entry.get("label") for entry in entries}) == len(entries)
    symbols = {symbol.get("name"): symbol for symbol in renderer.findall("symbols/symbol")}
    assert [entry.get("symbol") for entry in entries] == list(symbols)
    colours = [symbols[entry.get("symbol", "")].findall("layer/prop[@k='color']")[0].get("v", "") for entry in entries]
    assert len({colour.rsplit(",", 1)[0] for colour in colours}) == len(entries)


@pytest.mark.parametrize("layer", ["coverage", "coverage_geojson"])
def test_shares_from_0_to_1_all_have_a_symbol(layer: str) -> None:
    renderer = the(parsed(layer), "renderer-v2")
    assert (renderer.get("type"), renderer.get("attr")) == ("graduatedSymbol", "share_seen")
    ranges = [(float(r.get("lower", "")), float(r.get("upper", ""))) for r in renderer.iter("range")]
    assert (ranges[0][0], ranges[-1][1]) == (0, 1)
    assert all(below[1] == above[0] for below, above in zip(ranges, ranges[1:], strict=False))
    symbols = [symbol.get("name") for symbol in renderer.findall("symbols/symbol")]
    assert [r.get("symbol") for r in renderer.iter("range")] == symbols


@every_layer
def test_new_and_old_qgis_read_the_same_symbols(layer: str) -> None:
    drawn = list(the(parsed(layer), "renderer-v2").iter("layer"))
    assert drawn
    for each in drawn:
        new = {option.get("name"): option.get("value") for option in each.findall("Option/Option")}
        old = {prop.get("k"): prop.get("v") for prop in each.findall("prop")}
        assert new == old != {}


@every_layer
def test_layers_play_over_time(layer: str) -> None:
    time = the(parsed(layer), "temporal").attrib
    expected = UNTIMED | TIME[layer] | {"enabled": "1", "fixedDuration": "0", "limitMode": "0", "durationUnit": "min"}
    assert dict(time) == expected
    days = {time["startField"], time["endField"]} - {""}
    assert days <= set(geopackage.DAYS[layer.removesuffix("_geojson")])
    assert set(re.findall(r'"(\w+)"', time["startExpression"] + time["endExpression"])) <= columns(layer)


@every_layer
def test_labels_tips_and_names_use_columns_of_their_layer(layer: str) -> None:
    root = parsed(layer)
    labels = [label.get("fieldName", "") for label in root.iter("text-style")]
    assert bool(labels) == (root.get("labelsEnabled") == "1") == (layer in ("sites", "events"))
    for text in (*labels, the(root, "mapTip").text or "", the(root, "previewExpression").text or ""):
        used = set(re.findall(r'"(\w+)"', text))
        assert used
        assert used <= columns(layer)


def test_looks_and_events_are_drawn_from_near_only() -> None:
    near = {layer: parsed(layer).get("minScale") for layer in RECORDS}
    assert near == dict.fromkeys(RECORDS) | {"looks": "150000", "events": "150000"}


def test_styles_are_written_beside_the_geojson(tmp_path: Path) -> None:
    write_sites_qml(tmp_path / "sites.qml")
    write_coverage_qml(tmp_path / "coverage.qml")
    assert (tmp_path / "sites.qml").read_text("utf-8") == style("sites")
    assert (tmp_path / "coverage.qml").read_text("utf-8") == style("coverage_geojson")


def test_styles_travel_with_the_package(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    build = ["egg_info", "--egg-base", str(tmp_path), "build_py", "--build-lib", str(tmp_path / "built")]
    code = f"from setuptools import setup; setup(script_args={build})"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, timeout=60)
    built = tmp_path / "built" / "pipeline" / "export" / "styles"
    assert {path.stem: path.read_text("utf-8") for path in built.iterdir()} == {name: style(name) for name in RECORDS}
