"""Searches that a catalogue cuts short, in each of the ways in which catalogues do."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Server, quick_http, serving
from scenes import aoi
from test_stac import RULES, make_item

from pipeline.errors import SceneError
from pipeline.sources import searching
from pipeline.sources.interface import Period
from pipeline.sources.searching import Page, items_in
from pipeline.sources.stac import stac_source

TEN_YEARS = Period(date(2016, 1, 1), date(2025, 12, 31))


class Catalogue:
    """Items of an instant each, in pages, and no more than `most` in one search."""

    def __init__(self, moments: list[datetime], most: int, page: int = 50, ends: str = "says") -> None:
        """`ends`: how it cuts a search short: it `says` so, `fails` at a later page, or is `silent`."""
        self.moments, self.most, self.page, self.ends = moments, most, page, ends
        self.searches = Counter[str]()
        self.pages = 0

    def __call__(self, interval: str) -> Iterator[Page]:
        self.searches[interval] += 1
        begin, end = (datetime.fromisoformat(text) for text in interval.split("/"))
        matched = [moment for moment in self.moments if begin <= moment <= end]
        given = [{"id": str(moment), "collection": "c"} for moment in matched[: self.most]]
        for first in range(0, max(len(given), 1), self.page):
            self.pages += 1
            yield Page(given[first : first + self.page], len(matched) if self.ends == "says" else None)
        if len(matched) > self.most and self.ends == "fails":
            raise SceneError("status 400: result window is too large")


def every(hours: float, period: Period = TEN_YEARS) -> list[datetime]:
    """Instants from the first day of a period to its last."""
    assert period.first is not None
    assert period.last is not None
    begin = datetime(period.first.year, period.first.month, period.first.day, tzinfo=UTC)
    days = (period.last - period.first).days + 1
    return [begin + timedelta(hours=hours * number) for number in range(round(days * 24 / hours))]


@pytest.mark.parametrize("ends", ["says", "fails", "silent"])
@pytest.mark.parametrize("most", [100, 1000, 10_000])
def test_ten_years_are_found_whole_whatever_a_catalogue_gives_at_once(most: int, ends: str) -> None:
    moments = every(4)
    assert len(moments) > 21_000  # more than was ever found before
    catalogue = Catalogue(moments, most, ends=ends)
    found = [item["id"] for item in items_in(TEN_YEARS, catalogue)]
    assert found == [str(moment) for moment in moments]
    assert max(catalogue.searches.values()) == 1
    assert catalogue.pages < 2.2 * len(moments) / catalogue.page + 400


def test_what_a_catalogue_gives_at_once_is_asked_for_at_once() -> None:
    catalogue = Catalogue(every(24 * 10), 10_000)
    assert len(list(items_in(TEN_YEARS, catalogue))) == len(catalogue.moments)
    assert list(catalogue.searches) == ["2016-01-01T00:00:00Z/2026-01-01T00:00:00Z"]


def test_no_search_of_many_days_is_read_beyond_its_bound() -> None:
    catalogue = Catalogue(every(4), 10**6, ends="silent")
    given = Counter[str]()

    def noting(interval: str) -> Iterator[Page]:
        for page in catalogue(interval):
            given[interval] += len(page.items)
            yield page

    assert len(list(items_in(TEN_YEARS, noting))) == len(catalogue.moments)
    assert max(given.values()) <= searching.MAX_FOUND + catalogue.page


def test_a_day_that_a_catalogue_does_not_give_whole_is_an_error() -> None:
    day = Period(date(2024, 2, 5), date(2024, 2, 5))
    with pytest.raises(SceneError, match="it has 240 items on 2024-02-05 and gives 100"):
        list(items_in(day, Catalogue(every(0.1, day), 100)))
    with pytest.raises(SceneError, match="result window"):
        list(items_in(day, Catalogue(every(0.1, day), 100, ends="fails")))


def test_a_catalogue_that_fails_at_once_is_asked_once() -> None:
    asked: list[str] = []

    def fails(interval: str) -> Iterator[Page]:
        asked.append(interval)
        raise SceneError("status 500")
        yield

    with pytest.raises(SceneError, match="status 500"):
        list(items_in(TEN_YEARS, fails))
    assert len(asked) == 1


def test_a_catalogue_that_heeds_no_time_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MAX_SEARCHES", 50)
    asked: list[str] = []

    def same(interval: str) -> Iterator[Page]:
        asked.append(interval)
        yield Page([{"id": str(number)} for number in range(100)], None)

    with pytest.raises(SceneError, match="more than 50 searches"):
        list(items_in(TEN_YEARS, same))
    assert len(asked) == 50


def test_pages_that_repeat_are_no_reason_to_ask_more() -> None:
    asked: list[str] = []

    def same(interval: str) -> Iterator[Page]:
        asked.append(interval)
        while True:
            yield Page([{"id": "one"}], None)

    with pytest.raises(SceneError, match="no end"):
        list(items_in(TEN_YEARS, same))
    assert len(asked) == 1


def test_pages_that_are_always_new_end_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MAX_OF_DAY", 500)

    def new(interval: str) -> Iterator[Page]:
        number = 0
        while True:
            number += 1
            yield Page([{"id": f"{interval} {number}"}], None)

    with pytest.raises(SceneError, match="more than 500 items on 2016-01-01"):
        list(items_in(TEN_YEARS, new))


@pytest.mark.parametrize("odd", [None, 3, "text", {}, {"id": 7}])
def test_what_is_no_item_is_given_on(odd: Any) -> None:
    assert list(items_in(TEN_YEARS, lambda _: iter([Page([odd, odd], None)]))) == [odd, odd]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        first = make_item(tmp_path, date(2024, 1, 3), href=server.url).to_dict(include_self_link=False)
        for number in range(40):
            moment = datetime(2024, 1, 3, 4, 1, tzinfo=UTC) + timedelta(days=9 * number)
            properties = {**first["properties"], "datetime": moment.isoformat()}
            server.items.append({**first, "id": f"S2B_47RLH_{moment:%Y%m%d}_0_L2A", "properties": properties})
        yield server


@pytest.mark.parametrize("most", [3, 5, 39])
def test_a_searchable_catalogue_with_a_small_cap_and_small_pages_gives_all(most: int, server: Server) -> None:
    server.most, server.counts = most, True
    source = stac_source(f"{server.url}/api", RULES, quick_http)
    search = source.search(aoi(), Period(date(2024, 1, 1), date(2025, 12, 31)))
    assert [scene.id for scene in search.scenes] == [item["id"] for item in server.items]
    assert not search.refusals


def test_a_page_size_is_asked_for(server: Server) -> None:
    server.page = 1000
    asked: list[Any] = []
    found = server.found
    server.found = lambda query: asked.append(query["limit"]) or found(query)  # type: ignore[method-assign]
    stac_source(f"{server.url}/api", RULES, quick_http).search(aoi(), Period(date(2024, 1, 1), date(2024, 2, 28)))
    assert asked == [searching.PAGE]
