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
from pipeline.reviews.review import PondPoint, Reason, Review, Verdict
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
    "reviews": Review,
    "pond_points": PondPoint,
    "outline": None,
    "places": None,
}
CONTEXT = {"kind", "name", "rank"}
ADDED = {"coverage": {"month_start", "month_end"}, "outline": CONTEXT, "places": CONTEXT}
"""Columns that a layer has and its records have not."""
RENAMED = {"first": "from", "last": "to"}
"""Columns of `reviews` whose names are no names in Python."""
PRODUCTS = ("sites", "ponds", "looks", "events", "coverage", "coverage_geojson")
"""Layers of which a run writes every row."""
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
TIMELESS = {"mode": "1", "startField": "", "accumulate": "0", "enabled": "0"}
"""1: from a date on, or on that date only; 2: between two dates; 4: between two expressions."""
UNTIMED = {"startField": "", "endField": "", "startExpression": "", "endExpression": "", "durationField": ""}

every_layer = pytest.mark.parametrize("layer", RECORDS)


def parsed(layer: str) -> ET.Element:
    return ET.fromstring(style(layer))


def columns(layer: str) -> set[str]:
    """Columns of a layer, with those that its style computes."""
    record = RECORDS[layer]
    kept = {field.name for field in fields(record)} if record else set()
    computed = {str(field.get("name")) for field in parsed(layer).iterfind("expressionfields/field")}
    kept = {RENAMED.get(name, name) if layer == "reviews" else name for name in kept}
    return kept - {"polygon", "point"} | ADDED.get(layer, set()) | computed


def quoted(text: str) -> set[str]:
    """Names of columns in an expression."""
    return set(re.findall(r'"(\w+)"', text))


def the(root: ET.Element, tag: str) -> ET.Element:
    (found,) = root.iter(tag)
    return found


def test_every_layer_has_a_style_and_every_style_a_layer() -> None:
    assert {path.name for path in files("pipeline.export").joinpath("styles").iterdir()} == {
        f"{n}.qml" for n in RECORDS
    }
    assert set(geopackage.DAYS) | {"coverage_geojson"} == set(PRODUCTS)


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
def test_coverage_draws_only_what_was_not_seen_and_only_in_one_month(layer: str) -> None:
    renderer = parsed(layer).find("renderer-v2")
    assert renderer is not None
    assert renderer.get("type") == "mergedFeatureRenderer", "cells are one area, without lines between them"
    rules = list(renderer.iter("rule"))
    assert [rule.get("label") for rule in rules] == ["Not seen", "Seen in part"]
    for rule in rules:
        assert "@map_start_time is not null or" in rule.get("filter", ""), "the clock chooses the month"
        assert "aggregate(@layer_id, 'max', \"month\")" in rule.get("filter", ""), "without it, the latest"
        assert quoted(rule.get("filter", "")) == {"share_seen", "month"}
    assert {layer.get("class") for layer in renderer.iter("layer")} == {"LinePatternFill", "SimpleLine"}


def test_coverage_looks_alike_in_both_files() -> None:
    both = [parsed(name).find("renderer-v2") for name in ("coverage", "coverage_geojson")]
    assert ET.tostring(both[0]) == ET.tostring(both[1])


@every_layer
def test_new_and_old_qgis_read_the_same_symbols(layer: str) -> None:
    renderer = parsed(layer).find("renderer-v2")
    assert renderer is not None
    drawn = list(renderer.iter("layer"))
    assert drawn
    for each in drawn:
        new = {option.get("name"): option.get("value") for option in each.findall("Option/Option")}
        old = {prop.get("k"): prop.get("v") for prop in each.findall("prop")}
        assert new == old != {}


@every_layer
def test_layers_play_over_time(layer: str) -> None:
    time = the(parsed(layer), "temporal").attrib
    steady = {"enabled": "1", "fixedDuration": "0", "limitMode": "0", "durationUnit": "min"}
    assert dict(time) == UNTIMED | steady | TIME.get(layer, TIMELESS)
    days = {time["startField"], time["endField"]} - {""}
    assert days <= set(geopackage.DAYS.get(layer.removesuffix("_geojson"), ()))
    assert quoted(time["startExpression"] + time["endExpression"]) <= columns(layer)


@every_layer
def test_labels_tips_and_names_use_columns_of_their_layer(layer: str) -> None:
    root = parsed(layer)
    labels = [label.get("fieldName", "") for label in root.iter("text-style")]
    labelled = ("sites", "events", "reviews", "places")
    assert bool(labels) == (root.get("labelsEnabled") == "1") == (layer in labelled)
    for text in (*labels, the(root, "mapTip").text or "", the(root, "previewExpression").text or ""):
        assert quoted(text)
        assert quoted(text) <= columns(layer)


@every_layer
def test_no_label_covers_another(layer: str) -> None:
    assert all(each.get("displayAll") == "0" for each in parsed(layer).iter("rendering"))


def test_what_lies_on_one_point_is_drawn_from_near_only() -> None:
    near = {layer: parsed(layer).get("minScale") for layer in RECORDS}
    assert near == dict.fromkeys(RECORDS) | {"looks": "150000", "events": "40000", "pond_points": "100000"}


@every_layer
def test_whatever_a_style_computes_is_made_of_columns(layer: str) -> None:
    root = parsed(layer)
    texts = [str(field.get("expression")) for field in root.iterfind("expressionfields/field")]
    texts += [str(each.get("expression")) for each in root.iterfind("defaults/default")]
    texts += [str(each.get("value")) for each in root.iter("Option") if each.get("name") == "expression"]
    for text in texts:
        assert quoted(text) <= columns(layer)
        assert set(re.findall(r"attribute\(@s, '(\w+)'\)", text)) <= columns("sites")
        assert set(re.findall(r"attribute\(@was, '(\w+)'\)", text)) <= columns("reviews")


@every_layer
def test_forms_and_tables_show_columns_of_their_layer(layer: str) -> None:
    root, known = parsed(layer), columns(layer)
    for tag in ("fieldConfiguration/field", "attributeEditorForm//attributeEditorField"):
        assert {str(each.get("name")) for each in root.iterfind(tag)} <= known
    table = [str(each.get("name")) for each in root.iterfind("attributetableconfig/columns/column[@type='field']")]
    assert not table or (set(table) == known and len(table) == len(known))


@pytest.mark.parametrize(("column", "values"), [("verdict", Verdict), ("reason", Reason)])
def test_the_review_form_offers_every_word_and_none(column: str, values: type) -> None:
    (widget,) = parsed("reviews").iterfind(f"fieldConfiguration/field[@name='{column}']/editWidget")
    assert widget.get("type") == "ValueMap"
    offered = [option.attrib for option in widget.iterfind("config/Option/Option[@name='map']/Option/Option")]
    assert offered[0]["value"] == "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}", "what QGIS takes for no value"
    assert [each["value"] for each in offered[1:]] == list(values)
    assert len({each["name"] for each in offered}) == len(values) + 1


def test_verdicts_are_told_apart() -> None:
    renderer = the(parsed("reviews"), "renderer-v2")
    assert [each.get("value") for each in renderer.iter("category")] == [*Verdict, ""]
    colours = [s.findall("layer/prop[@k='line_color']")[0].get("v") for s in renderer.findall("symbols/symbol")]
    assert len(set(colours)) == len(Verdict) + 1


def test_reviewers_may_change_what_they_say_and_nothing_else() -> None:
    free = {layer: {e.get("field") or e.get("name") for e in parsed(layer).iterfind("editable/field[@editable='1']")}
            for layer in RECORDS}  # fmt: skip
    assert free.pop("reviews") == {"verdict", "reason", "note", "reviewer", "reviewed_at", "from", "to"}
    assert free.pop("pond_points") == {"site_id", "reviewer", "set_at"}
    assert not any(free.values())


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
