"""What is published says nothing of where in its cell a site lies, who judged it, or what it is called."""

import csv
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import shapely
from browser import browser, needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from made_editions import AREA, MODEL_SHA256, RUN_ID, aoi, edition, moved, places, statement, statements
from shapely.geometry import box

from pipeline.aoi import EARTH
from pipeline.errors import InputError
from pipeline.export.edition import Edition
from pipeline.public.chart import Frame, chart, class_of, class_words
from pipeline.public.globe import Cell, cell_at, shares
from pipeline.public.page import place
from pipeline.public.rules import FEW, LEAST_SHARE, Rules
from pipeline.public.tally import PondArea, cell_of, count_of, quarter_of, tally
from pipeline.public.write import write_public
from pipeline.sites.history import SiteStatus
from pipeline.sites.statement import Statement
from pipeline.words import words_in

TODAY = date(2026, 11, 29)
FILES = ("public.geojson", "public.csv", "public.html", "public.json")
LONG_AGO, LATELY = date(2025, 1, 2), date(2026, 10, 1)
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d{3,}")
"""A number with so many decimals that it could say where something is."""
SECRETS = ("SHN-", RUN_ID, MODEL_SHA256, "S2A", "S2B", "stac-earthsearch", "fish pond", "47N", "archive", "third")
"""Ids, runs, overpasses, sources, reasons, cells of the coverage, places on the machine, names of models."""


def rules(km: int = 10, embargo: int = 90, today: date = TODAY) -> Rules:
    return Rules(km, embargo, today)


def written(folder: Path, of: Edition, how: Rules | None = None) -> dict[str, bytes]:
    """The bytes of every file."""
    assert tuple(path.name for path in write_public(folder, of, how or rules())) == FILES
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    return {name: (folder / name).read_bytes() for name in FILES}


def shown(files: dict[str, bytes]) -> dict[str, int]:
    """Sites by name of the cell."""
    return {f["id"]: f["properties"]["sites"] for f in json.loads(files["public.geojson"])["features"]}


def is_published(row: Statement, of: Edition, before: date = date(2026, 8, 1)) -> bool:
    """Whether a site may be counted, told in another way than in the program."""
    site = row.site
    days = [of.first_published[site.site_id], min(day for day in (site.ground_by, site.ponds_by) if day)]
    return site.status is not SiteStatus.REJECTED and site.verdict != "rejected" and all(day < before for day in days)


def grid_lines(area: shapely.Polygon, km: int) -> set[float]:
    """Every edge of every cell of an area: known without knowing any site."""
    return {edge for cell in shares(area, km) for edge in cell.bounds}


def rows_of(seed: int, count: int = 500) -> list[Statement]:
    """Sites that were published long ago and lately, with texts that must not get out."""
    return [
        replace(row, site=replace(row.site, earlier_dates=f"{RUN_ID} 2024-05-06")) for row in statements(seed, count)
    ]


def some_of_them_lately(of: Edition, seed: int) -> Edition:
    late = np.random.default_rng(seed).random(len(of.statements)) < 0.1
    days = {row.site.site_id: LATELY if k else LONG_AGO for row, k in zip(of.statements, late, strict=True)}
    return replace(of, first_published=days)


def moved_within_its_cell(row: Statement, km: int, rng: np.random.Generator) -> Statement:
    """The same site anywhere else in its cell."""
    west, south, east, north = cell_of(row.site, km).bounds
    point = row.site.polygon.representative_point()
    lon, lat = west + (east - west) * rng.uniform(0.01, 0.99), south + (north - south) * rng.uniform(0.01, 0.99)
    return moved(row, lon - point.x, lat - point.y)


seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=8, deadline=None)
@given(seed=seeds, km=st.sampled_from([5, 10, 25]))
def test_nothing_in_any_file_says_where_a_site_is_or_what_it_is_called(tmp_path_factory, seed: int, km: int) -> None:
    """500 sites: every number with three decimals or more is an edge of the grid, and no vertex, centre or corner of a
    site or pond is in any file."""
    rows = rows_of(seed)
    files = written(tmp_path_factory.mktemp("out"), some_of_them_lately(edition(rows), seed), rules(km))
    lines = grid_lines(AREA, km)
    exact = {round(value, digits) for place in places(rows) for value in place for digits in range(3, 8)}
    for name, content in files.items():
        text = content.decode()
        numbers = {float(number) for number in NUMBER.findall(text)}
        assert numbers <= lines, name
        assert not (numbers & exact) - lines, name
        for secret in SECRETS:
            assert secret not in text, (name, secret)
        assert not re.search(r"\d{4}-\d{2}-\d{2}", text), f"{name}: a day"


@settings(max_examples=8, deadline=None)
@given(seed=seeds, km=st.sampled_from([5, 10, 25]))
def test_where_in_their_cells_sites_lie_changes_no_byte(tmp_path_factory, seed: int, km: int) -> None:
    rows, rng = rows_of(seed), np.random.default_rng(seed)
    others = [moved_within_its_cell(row, km, rng) for row in rows]
    distances = [a.site.polygon.centroid.distance(b.site.polygon.centroid) for a, b in zip(rows, others, strict=True)]
    assert np.median(distances) > 0.01
    one, two = (
        written(tmp_path_factory.mktemp("out"), some_of_them_lately(edition(these), seed), rules(km))
        for these in (rows, others)
    )
    assert one == two


@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_names_notes_runs_and_exact_dates_of_sites_change_no_byte(tmp_path_factory, seed: int) -> None:
    rows = rows_of(seed, 60)
    ids = {row.site.site_id: f"ZZZ-{k:05d}" for k, row in enumerate(reversed(rows))}

    def other(row: Statement) -> Statement:
        first = row.site.ground_by
        assert first is not None
        start = date(first.year, 3 * ((first.month - 1) // 3) + 1, 1)
        site = replace(
            row.site, site_id=ids[row.site.site_id], run_id="other", source="folder", model="else", parent="ZZZ-1",
            earlier_dates="a note by Daw Khin", ground_by=start, last_seen=None, reviewed_on=None, clear_looks=1,
            ground_area_m2=1.0, stale_since=TODAY,
        )  # fmt: skip
        return Statement(site, (), (), ())

    first = edition(rows)
    second = replace(edition(map(other, rows)), provenance=replace(first.provenance, run_id="x", source="y", model="z"))
    one, two = (written(tmp_path_factory.mktemp("out"), of) for of in (first, second))
    assert one == two


@settings(max_examples=8, deadline=None)
@given(seed=seeds, km=st.sampled_from([5, 10, 25]))
def test_every_count_is_right(tmp_path_factory, seed: int, km: int) -> None:
    """Counted again by which points the outlines of the cells hold."""
    of = some_of_them_lately(edition(rows_of(seed)), seed)
    files = written(tmp_path_factory.mktemp("out"), of, rules(km))
    content, method = json.loads(files["public.geojson"]), json.loads(files["public.json"])
    known = [row for row in of.statements if is_published(row, of)]
    points = [row.site.polygon.representative_point() for row in known]
    table = list(csv.DictReader(files["public.csv"].decode("utf-8-sig").splitlines()))
    for feature, line in zip(content["features"], table, strict=True):
        outline = shapely.geometry.shape(feature["geometry"])
        there = [row.site for row, point in zip(known, points, strict=True) if outline.contains(point)]
        said = feature["properties"]
        assert said["sites"] == len(there) > 0
        assert said["confirmed_by_reviewer"] == sum(site.verdict == "confirmed" for site in there)
        assert said["confidence_high"] == sum((site.confidence or 0) >= 0.9 for site in there)
        assert said["reported_by_person"] == sum(site.added for site in there)
        assert said["sites"] == sum(
            said[k] for k in ("confidence_high", "confidence_medium", "confidence_low", "reported_by_person")
        )
        assert said["sites"] == said["active"] + said["idle_or_ended"]
        assert {k: v if isinstance(v, str) else str(v).lower() for k, v in said.items()} == {k: line[k] for k in said}
        assert tuple(float(line[k]) for k in ("west", "south", "east", "north")) == outline.bounds
    counted = sum(feature["properties"]["sites"] for feature in content["features"])
    assert method["sites"] == len(known) == counted + method["sites_without_a_cell"]
    stand = [row for row in of.statements if row.site.status is not SiteStatus.REJECTED]
    held = len(stand) - len(known)
    assert method["sites_held_back"] == (held if held >= FEW else None)
    assert Counter(shown(files)).total() == counted


def test_a_rejected_site_is_nowhere_counted(tmp_path: Path) -> None:
    rows = [replace(row, site=replace(row.site, status=SiteStatus.CONFIRMED, verdict=None)) for row in statements(1, 9)]
    for change in ({"status": SiteStatus.REJECTED}, {"verdict": "rejected"}):
        gone = [replace(row, site=replace(row.site, **change)) for row in statements(2, 9)]
        one = written(tmp_path / "one", edition(rows))
        two = written(tmp_path / f"two-{len(change)}-{next(iter(change))}", edition([*rows, *gone]))
        assert one == two


# Embargo


def at(lon: float, lat: float, number: int = 1, **changes: object) -> Statement:
    row = statement(np.random.default_rng(number), number, lon, lat)
    fixed = {
        "status": SiteStatus.CONFIRMED,
        "verdict": None,
        "added": False,
        "confidence": 0.8,
        "ground_by": date(2024, 2, 3),
        "ponds_by": date(2024, 5, 6),
    }
    return replace(row, site=replace(row.site, **{**fixed, **changes}))


def held_back(rows: Iterable[Statement], days: dict[str, date], how: Rules) -> int:
    """How many of some sites are not counted."""
    rows = list(rows)
    of = replace(edition(rows), first_published=days)
    return len(rows) - tally(of, how).all_sites.sites


@pytest.mark.parametrize(
    ("published", "seen", "counted"),
    [
        (date(2026, 7, 31), date(2024, 2, 3), True),
        (date(2026, 8, 1), date(2024, 2, 3), False),  # 90 days before the 29th of November is in August
        (date(2026, 8, 31), date(2024, 2, 3), False),
        (date(2024, 5, 1), date(2026, 7, 31), True),
        (date(2024, 5, 1), date(2026, 8, 1), False),  # first seen lately, by a wrong clock or a late date
        (None, date(2024, 2, 3), False),
    ],
)
def test_a_site_is_held_back_until_the_turn_of_the_month_after_its_embargo(
    published: date | None, seen: date, counted: bool
) -> None:
    row = at(98, 22, ground_by=seen, ponds_by=None)
    days = {} if published is None else {row.site.site_id: published}
    assert held_back([row], days, rules()) == (not counted)


def test_within_a_month_nothing_is_added_so_no_day_is_told(tmp_path: Path) -> None:
    rows = statements(5, 40)
    days = {row.site.site_id: date(2026, 6, 1) + timedelta(days=k) for k, row in enumerate(rows)}
    of = replace(edition(rows), first_published=days)
    by_day = [written(tmp_path / f"{day}", of, rules(today=date(2026, 11, day))) for day in (1, 15, 28)]
    assert by_day[1] == by_day[2]
    assert rules(today=date(2026, 11, 28)).released_before == date(2026, 8, 1)
    assert rules(embargo=0, today=date(2026, 11, 28)).released_before == date(2026, 11, 1)


@pytest.mark.parametrize("late", [0, 1, FEW - 1])
def test_a_few_sites_that_are_held_back_leave_no_trace(tmp_path: Path, late: int) -> None:
    """Not even whether there are any."""
    rows, few = statements(11, 50), [at(97.5, 21.5, 900 + k) for k in range(late)]
    of = edition([*rows, *few])
    days = {**of.first_published, **{row.site.site_id: LATELY for row in few}}
    assert written(tmp_path / "with", replace(of, first_published=days)) == written(tmp_path / "without", edition(rows))


def test_more_of_them_are_counted_and_nothing_else_is_said(tmp_path: Path) -> None:
    rows, more = statements(11, 50), [at(97.5, 21.5, 900 + k) for k in range(FEW)]
    of = edition([*rows, *more])
    days = {**of.first_published, **{row.site.site_id: LATELY for row in more}}
    one, two = (
        written(tmp_path / "with", replace(of, first_published=days)),
        written(tmp_path / "without", edition(rows)),
    )
    assert {name for name in FILES if one[name] != two[name]} == {"public.html", "public.json"}
    assert b"5 newer sites are held back." in one["public.html"]
    assert json.loads(one["public.json"])["sites_held_back"] == FEW


# Areas that would lead back themselves


def test_a_small_area_is_neither_named_nor_drawn_and_a_cell_it_hardly_touches_is_not_shown(tmp_path: Path) -> None:
    _, _, east, north = cell_at(98.0, 22.0, 10).bounds
    corner = box(east - 0.02, north - 0.02, east + 0.02, north + 0.02)
    valley = aoi(corner, "nam-hpa-valley", "Nam Hpa valley, behind the school")
    files = written(tmp_path, edition([at(east - 0.01, north - 0.01)], area=valley))
    assert shown(files) == {}
    method = json.loads(files["public.json"])
    assert (method["area"], method["sites"], method["sites_without_a_cell"]) == (None, 1, 1)
    for name, content in files.items():
        assert b"Nam Hpa" not in content, name
        assert b"nam-hpa" not in content, name
        assert b"<svg" not in content, name
        assert not NUMBER.findall(content.decode()), name


def test_cells_that_the_edge_of_the_area_cuts_small_are_not_shown(tmp_path: Path) -> None:
    west, south, east, north = cell_at(98.0, 22.0, 10).bounds
    share = LEAST_SHARE - 0.05
    cut = box(97, 20, west + (east - west) * share, 24)
    row = at(west + (east - west) * share / 2, (south + north) / 2)
    files = written(tmp_path / "cut", edition([row], area=aoi(cut)))
    assert shown(files) == {}
    assert b"1 of the sites lies in a cell of which little was searched" in files["public.html"]
    wide = box(97, 20, west + (east - west) * (LEAST_SHARE + 0.05), 24)
    assert list(shown(written(tmp_path / "wide", edition([row], area=aoi(wide)))).values()) == [1]


def test_the_outline_of_the_area_is_that_of_its_cells(tmp_path: Path) -> None:
    """Areas that touch the same cells by as much look the same."""
    west, south, east, _ = cell_at(97.0, 21.0, 10).bounds
    _, _, far_east, far_north = cell_at(99.0, 23.0, 10).bounds
    areas = [box(west + part * (east - west), south, far_east - part * (east - west), far_north) for part in (0.2, 0.4)]
    one, two = (written(tmp_path / f"{k}", edition([at(98, 22)], area=aoi(area))) for k, area in enumerate(areas))
    assert b"<svg" in one["public.html"]
    assert one == two


# The grid


@given(lon=st.floats(-179.9, 179.9), lat=st.floats(-80, 80), km=st.sampled_from([5, 10, 25, 100]))
@settings(max_examples=200)
def test_a_place_lies_in_its_cell_and_cells_lie_side_by_side(lon: float, lat: float, km: int) -> None:
    cell = cell_at(lon, lat, km)
    west, south, east, north = cell.bounds
    assert west - 1e-4 <= lon <= east + 1e-4
    assert south - 1e-4 <= lat <= north + 1e-4
    assert east == 180 or Cell(cell.row, cell.col + 1, km).bounds[0] == east
    assert Cell(cell.row + 1, cell.col, km).bounds[1] == north
    if abs(lon) > 178:
        return  # the last column is cut at 180 degrees
    area = abs(EARTH.geometry_area_perimeter(cell.polygon)[0]) / 1e6
    assert area == pytest.approx(km**2, rel=0.02 if abs(lat) < 60 else 0.1)
    assert cell.polygon.exterior.is_ccw


@given(lon=st.floats(-170, 170), lat=st.floats(-70, 70), km=st.sampled_from([5, 10, 25]))
@settings(max_examples=50)
def test_cells_of_one_size_have_names_of_their_own(lon: float, lat: float, km: int) -> None:
    around = [
        Cell(cell_at(lon, lat, km).row + i, cell_at(lon, lat, km).col + j, km)
        for i in range(-3, 4)
        for j in range(-3, 4)
    ]
    assert len({cell.name for cell in around}) == len(around)


def test_shares_of_cells_add_up_to_the_area() -> None:
    found = shares(AREA, 10)
    assert sum(share * cell.polygon.area for cell, share in found.items()) == pytest.approx(AREA.area, rel=1e-3)
    assert all(0 <= share <= 1 for share in found.values())


# Rules and classes


@pytest.mark.parametrize(
    ("km", "days", "says"),
    [(4, 90, "choose 5 to 200 km"), (201, 90, "choose 5"), (10, -1, "choose 0"), (10, 9999, "choose 0")],
)
def test_rules_that_give_places_away_are_refused_in_one_line(km: int, days: int, says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        Rules(km, days, TODAY)
    assert "\n" not in str(told.value)


def test_another_size_of_cell_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Cells of two sizes cross: a site that is in both is in what they share."""
    of = edition(statements(1, 9))
    before = written(tmp_path, of)
    with pytest.raises(InputError, match=r"holds cells of 10 km.*--cell-km 10"):
        write_public(tmp_path, of, rules(12))
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before
    assert written(tmp_path, of) == before
    (tmp_path / "public.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        write_public(tmp_path, of, rules())


def test_areas_are_classes_and_dates_quarters() -> None:
    assert [quarter_of(date(2024, month, 28)) for month in (1, 3, 4, 12)] == [
        "2024-Q1",
        "2024-Q1",
        "2024-Q2",
        "2024-Q4",
    ]
    areas = [count_of([at(98, 22, pond_area_m2=m2).site]).pond_area for m2 in (0, 9_999, 10_000, 60_000, 200_000)]
    assert areas == [PondArea.SMALL, PondArea.SMALL, PondArea.MIDDLE, PondArea.LARGE, PondArea.LARGEST]
    counts = count_of([at(98, 22, confidence=c).site for c in (0.9, 0.89, 0.7, 0.69, None)])
    assert (counts.confidence_high, counts.confidence_medium, counts.confidence_low, counts.reported_by_person) == (
        1,
        2,
        1,
        1,
    )
    nobody = count_of([at(98, 22, ground_by=None, ponds_by=None).site])
    assert (nobody.first_seen_from, nobody.first_seen_to) == (None, None)


# The page


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_asks_nobody_for_anything_and_runs_nothing(tmp_path: Path) -> None:
    page = Page(written(tmp_path, edition(statements(4, 60)))["public.html"])
    assert not {tag for tag, _ in page.tags} & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "video",
    }
    names = {name for _, attributes in page.tags for name in attributes}
    assert not names & {"src", "href", "style", "srcset", "action"}
    assert not {name for name in names if name.startswith("on")}
    (policy,) = [each["content"] for each in page.of("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "http" not in page.text.replace("https://", "")


def test_the_page_says_what_is_not_known_and_calls_nothing_a_mine_of_anybody(tmp_path: Path) -> None:
    page = Page(written(tmp_path, edition(statements(4, 60)))["public.html"])
    for words in ("Suspected leach-pond sites", "Nobody has been there", "simulated worlds", "What was not seen may hold sites",
                  "who owns, runs or controls", "61%", "January 2024 to February 2024", "modified Copernicus Sentinel data 2024",
                  "Townships"[1:]):  # fmt: skip
        assert words in page.text, words
    assert not re.search(r"\bmines? of [A-Z]", page.text)
    assert "SIMULATED" not in page.text


def test_simulated_is_marked_in_every_file(tmp_path: Path) -> None:
    files = written(tmp_path, edition(statements(4, 20, simulated=True), simulated=True))
    page = Page(files["public.html"])
    assert ("p", {"class": "simulated"}) in page.tags
    assert "Do not cite this" in page.text
    assert "Copernicus" not in page.text
    assert all(f["properties"]["simulated"] is True for f in json.loads(files["public.geojson"])["features"])
    assert "SIMULATED" in json.loads(files["public.geojson"])["leachwatch"]["notice"]
    assert {line["simulated"] for line in csv.DictReader(files["public.csv"].decode("utf-8-sig").splitlines())} == {
        "true"
    }
    assert json.loads(files["public.json"])["simulated"] is True


def test_a_title_from_a_file_is_text_in_the_page(tmp_path: Path) -> None:
    files = written(tmp_path, edition(statements(4, 20), area=aoi(title='<script>alert("x")</script> & co')))
    page = Page(files["public.html"])
    assert "script" not in {tag for tag, _ in page.tags}
    assert '<script>alert("x")</script> & co' in page.text


def test_without_sites_the_page_says_so_and_the_map_shows_what_was_searched(tmp_path: Path) -> None:
    files = written(tmp_path, edition([]))
    assert json.loads(files["public.geojson"])["features"] == []
    page = Page(files["public.html"])
    assert len(page.of("svg")) == 1
    assert not page.of("table")
    assert "0suspected sites" in page.text
    assert files["public.csv"].count(b"\r\n") == 1


def test_the_map_is_the_same_for_a_reader_who_sees_no_colours() -> None:
    """Squares wide enough have their number in them, all of them in a title, and the table lists them."""
    counted = tally(edition([at(98, 22, k) for k in range(1, 12)], area=aoi(box(97.4, 21.4, 98.6, 22.6))), rules())
    drawing = chart(counted, words_in())
    assert drawing is not None
    assert "11" in [text.text for text in drawing.iter("text")]
    assert [title.text for title in drawing.iter("title")][1:] == [f"{counted.cells[0][0].name}: 11"]
    assert drawing.get("aria-labelledby") == drawing.find("title").get("id")
    assert ET.tostring(drawing)
    assert [class_of(n) for n in (1, 2, 4, 5, 9, 10, 99)] == [1, 2, 2, 3, 3, 4, 4]
    assert list(class_words()) == [(1, "1"), (2, "2–4"), (3, "5–9"), (4, "10+")]


def test_places_are_said_in_degrees_of_either_hemisphere() -> None:
    assert place(cell_at(98.6, 22.17, 10)).endswith("° E")
    south_west = place(cell_at(-71.05, -12.05, 10))
    low, high = (float(n) for n in re.findall(r"[\d.]+", south_west)[:2])
    assert low < 12.05 < high
    assert "° S, " in south_west
    assert south_west.endswith("° W")


@pytest.mark.parametrize("bounds", [(97, 20, 101, 24), (97, 20, 97.3, 30), (98, 22, 98.1, 22.08), (-72, -13, -68, -9)])
def test_a_map_of_any_form_fits_its_frame(bounds: tuple[float, float, float, float]) -> None:
    frame = Frame(*bounds)
    width, height = frame.size
    assert width <= 900.001
    assert height <= 1100.001
    assert max(width / 900, height / 1100) == pytest.approx(1)
    assert frame.at(frame.west, frame.north) == (0, 0)


@needs_chromium
def test_in_a_real_browser_nothing_is_asked_for_nothing_is_blocked_and_it_fits_a_phone(tmp_path: Path) -> None:
    written(tmp_path / "out", edition(statements(4, 500)))
    with browser(tmp_path) as chromium:
        page = chromium.open(tmp_path / "out" / "public.html")
        page.pump(0.5)
        assert page.outside() == []
        assert page.errors == []
        page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        assert page.js("document.documentElement.scrollWidth") <= 360
        assert page.js("getComputedStyle(document.querySelector('rect.c1')).fill") == "rgb(253, 208, 162)"
