"""The chart of a site shows every look with its error bar, and months without a look as unseen."""

from dataclasses import replace
from datetime import date

import pytest
from defusedxml.ElementTree import fromstring
from editions import BLIND, MONTHS, statement

from pipeline.months import first_day
from pipeline.pictures.chart import GROUND, POND, UNSEEN, WIDTH, chart_svg

SVG = "{http://www.w3.org/2000/svg}"
ONE = statement(1, began=3)


def test_every_look_has_its_dots_and_those_with_ponds_an_error_bar() -> None:
    drawn = fromstring(chart_svg(ONE))
    dots = [circle.get("fill") for circle in drawn.iter(f"{SVG}circle")]
    assert (dots.count(POND), dots.count(GROUND)) == (len(ONE.looks), len(ONE.looks))
    bars = [path for path in drawn.iter(f"{SVG}path") if path.get("stroke-width") == "1.5"]
    assert len(bars) == sum(look.pond_area_high_m2 > 0 for look in ONE.looks)


def test_a_month_without_a_look_is_shown_as_unseen_in_both_parts() -> None:
    rects = [rect for rect in fromstring(chart_svg(ONE)).iter(f"{SVG}rect") if rect.get("fill") == UNSEEN]
    assert len(rects) == 2
    left = float(rects[0].get("x"))
    days = (date(2025, 7, 1) - first_day(MONTHS[0])).days
    assert left == pytest.approx(44 + (WIDTH - 58) * (first_day(BLIND) - first_day(MONTHS[0])).days / days, abs=0.1)
    whole = replace(ONE, looks=tuple(look for look in ONE.looks if look.day.month < 4 and look.day.year == 2024))
    assert not list(fromstring(chart_svg(whole)).iter(f"{SVG}rect"))


def test_higher_areas_are_drawn_higher_and_nothing_leaves_the_drawing() -> None:
    drawn = fromstring(chart_svg(ONE))
    dots = [float(c.get("cy")) for c in drawn.iter(f"{SVG}circle") if c.get("fill") == POND]
    by_area = sorted(zip([look.pond_area_m2 for look in ONE.looks], dots, strict=True))
    assert [y for _, y in by_area] == sorted(dots, reverse=True)
    height = float(drawn.get("viewBox").split()[3])
    assert all(0 < float(c.get("cx")) < WIDTH and 0 < float(c.get("cy")) < height for c in drawn.iter(f"{SVG}circle"))


def test_it_says_what_it_shows() -> None:
    label = fromstring(chart_svg(ONE)).get("aria-label")
    assert label.startswith("HLS-0001: areas of ponds and of cleared ground at 17 clear looks from ")
    assert f"{ONE.looks[-1].pond_area_m2 / 1e4:.2f} ha" in label


def test_one_look_and_no_area_can_be_drawn() -> None:
    empty = replace(ONE.looks[0], pond_area_m2=0.0, pond_area_low_m2=0.0, pond_area_high_m2=0.0, ground_area_m2=0.0)
    drawn = fromstring(chart_svg(replace(ONE, looks=(empty,))))
    assert len(list(drawn.iter(f"{SVG}circle"))) == 2
