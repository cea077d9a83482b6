"""Providers that misbehave: each fault ends in the whole answer or in a recorded reason, within the bound."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
from loopback import QUICK, Response, Server, http_at, quick_http, serving
from scenes import GRID, PLACE, aoi
from test_stac import RULES, make_item

from pipeline.errors import CapReached, CredentialsRefused, InputError, QuotaUsed, SceneError
from pipeline.raster import Raster
from pipeline.sources.budget import Budget, SpendingLimits
from pipeline.sources.http import NO_AUTH, HttpClient, RequestAuth, RetryPolicy, retry_after
from pipeline.sources.interface import Period, Scene
from pipeline.sources.ledger import read_ledger
from pipeline.sources.remote import RemoteFile
from pipeline.sources.stac import StacSource, stac_source

ALWAYS = Period(None, None)
SOON = {"Retry-After": "0.05"}
DATE = {"Retry-After": format_datetime(datetime.now(UTC), usegmt=True)}
Fault = Callable[[str], Response | None]


def status(code: int, headers: dict[str, str] | None = None, body: bytes = b"no") -> Fault:
    return lambda path: (code, headers or {}, body)


def slow(path: str) -> Response:
    time.sleep(QUICK.read_timeout_s + 0.3)
    return 500, {}, b""


HTML = b"<!DOCTYPE html><html>sign in</html>"
PART = {"Content-Range": "bytes 0-32767/900000"}
PASSING = {
    "408": status(408),
    "425": status(425),
    "429": status(429),
    "429 in seconds": status(429, SOON),
    "429 in a date": status(429, DATE),
    "429 in a negative number": status(429, {"Retry-After": "-5"}),
    "429 in words": status(429, {"Retry-After": "soon"}),
    "429 in nan": status(429, {"Retry-After": "nan"}),
    "429 in a far date": status(429, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}),
    "429 in an hour": status(429, {"Retry-After": "3600"}),
    "500": status(500),
    "502": status(502),
    "503": status(503, SOON),
    "504": status(504, body=HTML),
    "dropped": status(0),
    "silent": slow,
    "HTML instead of a file": status(200, {"Content-Type": "text/html"}, HTML),
    "HTML as a part": status(206, {"Content-Type": "text/html", **PART}, HTML),
    "an empty answer": status(206, PART, b""),
    "the whole instead of a part": status(200, {}, b"II*\0" + bytes(1000)),
    "another part": status(206, {"Content-Range": "bytes 5-32772/900000"}, bytes(32768)),
    "a part that breaks off": status(206, {"Content-Length": "32768", **PART}, b"II*\0" + bytes(100)),
    "too much": status(206, PART, bytes(200_000)),
    "a part without saying which": status(206, {}, bytes(32768)),
    "gzip that is none": status(206, {"Content-Encoding": "gzip", **PART}, bytes(32768)),
}
LASTING = {
    "400": (status(400), SceneError, "status 400"),
    "404": (status(404), SceneError, "status 404"),
    "410": (status(410), SceneError, "status 410"),
    "402": (status(402), QuotaUsed, "quota is used up"),
    "401": (status(401), CredentialsRefused, "refuses the credentials"),
    "403": (status(403), CredentialsRefused, "refuses the credentials"),
    "403 of a quota": (status(403, body=b'{"message": "quota exceeded"}'), QuotaUsed, "quota exceeded"),
    "to itself for ever": (lambda path: (302, {"Location": path}, b""), SceneError, "too many redirects"),
    "zeros instead of a TIFF": (status(206, {"Content-Range": "bytes 0-99/100"}, bytes(100)), SceneError, "TIFF"),
}


@dataclass
class Served:
    """A catalogue with one scene, and what it gives when nothing goes wrong."""

    server: Server
    source: StacSource
    scenes: tuple[Scene, ...]
    whole: Raster


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder) as server:
        server.items = [make_item(folder, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)]
        source = stac_source(f"{server.url}/api", RULES, quick_http)
        scenes = source.search(aoi(), ALWAYS).scenes
        yield Served(server, source, scenes, source.read(scenes, GRID, PLACE))


@pytest.fixture
def served(catalogue: Served) -> Iterator[Served]:
    yield catalogue
    catalogue.server.faults.clear()


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_changes_nothing(name: str, served: Served) -> None:
    served.server.faults.append(lambda path: PASSING[name](path) if path.endswith("nir.tif") else None)
    begun = time.monotonic()
    again = served.source.read(served.scenes, GRID, PLACE)
    assert time.monotonic() - begun < QUICK.total_timeout_s
    assert not served.server.faults
    np.testing.assert_array_equal(again.reflectance, served.whole.reflectance)
    np.testing.assert_array_equal(again.valid, served.whole.valid)


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_stays_is_a_reason_and_never_an_empty_hillside(name: str, served: Served) -> None:
    served.server.faults += [lambda path: PASSING[name](path) if path.endswith("nir.tif") else None] * 10
    begun = time.monotonic()
    with pytest.raises(SceneError, match=r"S2B_47RLH_20240205_0_L2A: 127\.0\.0\.1: no valid response after 3 attempts"):
        served.source.read(served.scenes, GRID, PLACE)
    assert time.monotonic() - begun < QUICK.total_timeout_s + QUICK.read_timeout_s + 1


@pytest.mark.parametrize("name", LASTING)
def test_what_no_second_attempt_mends_is_told_at_once(name: str, served: Served) -> None:
    fault, kind, says = LASTING[name]
    served.server.faults += [lambda path: fault(path) if path.endswith("nir.tif") else None] * 200
    with pytest.raises(kind, match=says) as caught:
        served.source.read(served.scenes, GRID, PLACE)
    assert "S2B" in str(caught.value) or kind is not SceneError


@pytest.mark.parametrize("name", ["500", "dropped", "silent", "HTML instead of a file"])
def test_a_catalogue_has_the_same_retry_policy(name: str, served: Served) -> None:
    served.server.faults.append(lambda path: PASSING[name](path) if path == "/api/search" else None)
    assert len(served.source.search(aoi(), ALWAYS).scenes) == 1
    served.server.faults += [lambda path: PASSING[name](path) if path == "/api/search" else None] * 10
    with pytest.raises(InputError, match="cannot be searched"):
        served.source.search(aoi(), ALWAYS)


def test_an_answer_that_only_drips_is_cut_off(tmp_path: Path) -> None:
    http = HttpClient("test", RetryPolicy(5, 1.0, 0.3, 1.0, 1.0, 0.01), Budget(tmp_path / "ledger.jsonl", "run"))
    with serving(tmp_path) as server:
        (tmp_path / "a").write_bytes(bytes(100))
        server.drip_s = 0.2
        begun = time.monotonic()
        with pytest.raises(SceneError, match=r"too slow|no time"):
            http.at(server.url).request("GET", f"{server.url}/a", 1000)
        assert time.monotonic() - begun < 3
    assert sum(entry.usage.n_bytes for entry in read_ledger(tmp_path / "ledger.jsonl")) > 2  # what came was paid for


def test_a_file_that_is_replaced_while_it_is_read_is_not_put_together(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        path = tmp_path / "a.tif"
        path.write_bytes(b"II*\0" + bytes(200_000))
        file = RemoteFile(http_at(server.url), f"{server.url}/a.tif")
        path.write_bytes(b"II*\0" + bytes(300_000))
        with pytest.raises(SceneError, match="replaced"):
            file.read_range(100_000, 1000)


def test_a_token_that_ran_out_is_renewed_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    asked: list[bool] = []

    def authenticator(url: str, renew: bool) -> RequestAuth:
        asked.append(renew)
        return NO_AUTH

    with serving(tmp_path) as server:
        server.faults.append(status(401))
        assert http_at(server.url).request("GET", f"{server.url}/a", 10, authenticator=authenticator).body == b"x"
        assert asked == [False, True]
        server.faults += [status(401)] * 5
        with pytest.raises(CredentialsRefused):
            http_at(server.url).request("GET", f"{server.url}/a", 10, authenticator=authenticator)
        assert asked == [False, True, False, True]
        assert len(server.faults) == 3


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "milliseconds", "seconds"),
    [
        ("2", False, 2.0),
        ("1500", True, 1.5),
        ("1.5", False, 1.5),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), False, 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), False, 0.0),
        ("-1", False, 0.0),
        ("inf", False, None),
        ("soon", False, None),
        ("", False, None),
        (None, False, None),
    ],
)
def test_retry_after_in_every_form(text: str | None, milliseconds: bool, seconds: float | None) -> None:
    assert retry_after(text, NOW, milliseconds) == seconds


def test_a_limit_stops_before_anything_more_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(600))
    ledger = tmp_path / "ledger.jsonl"
    http = quick_http(ledger=ledger, of_run=SpendingLimits(n_bytes=1000))
    with serving(tmp_path) as server:
        for _ in range(2):
            http.at(server.url).request("GET", f"{server.url}/a", 1000)
        with pytest.raises(CapReached, match=r"limit of 1e-06 GB for this run"):
            http.at(server.url).request("GET", f"{server.url}/a", 1000)
        assert len(server.asked) == 2
    assert sum(entry.usage.n_bytes for entry in read_ledger(ledger)) == 1200


def test_no_cookie_is_kept(tmp_path: Path) -> None:
    """A server that sets a cookie does not see it again."""
    (tmp_path / "one.json").write_text("{}")
    seen: list[str | None] = []

    def guard(_path: str, headers: Mapping[str, str]) -> Response | None:
        seen.append(headers.get("Cookie"))
        return 200, {"Set-Cookie": "a=b; Path=/"}, b"{}"

    with serving(tmp_path) as server:
        server.guard = guard
        for _ in range(2):
            http_at(server.url).request("GET", f"{server.url}/one.json", 1000)
    assert seen == [None, None]
