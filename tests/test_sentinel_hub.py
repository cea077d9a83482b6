"""Sentinel Hub, on loopback: what is asked, what is believed of the answers, what it costs, and where secrets go."""

import json
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import fake_hub
import numpy as np
import pytest
from fake_hub import Hub, body, drop, fine, hub, sleep, status, tiff, wanted
from scenes import GRID, PLACE, aoi
from shapely.affinity import translate
from shapely.geometry import mapping

from pipeline.bands import NAMES
from pipeline.config import load
from pipeline.errors import CapReached, CredentialsRefused, InputError, SceneError
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.raster import Raster
from pipeline.sources import searching
from pipeline.sources.assets import HubItem
from pipeline.sources.budget import Budget, SpendingLimits
from pipeline.sources.credentials import TokenCache, token_cache
from pipeline.sources.http import HttpClient, RetryPolicy
from pipeline.sources.interface import Period, ReadRules, Refusal, Scene, SceneStatus
from pipeline.sources.sentinel_hub import auth
from pipeline.sources.sentinel_hub.pricing import processing_units
from pipeline.sources.sentinel_hub.request import request_of
from pipeline.sources.sentinel_hub.source import SentinelHubSource, sentinel_hub_source

RULES = ReadRules.of(load(None))
ALWAYS = Period(None, None)
TILE = Window(PLACE.row - 40, PLACE.col - 60, 240, 320)
QUICK = RetryPolicy(
    max_attempts=3,
    total_timeout_s=5,
    max_wait_s=0.5,
    connect_timeout_s=2,
    read_timeout_s=2,
    first_wait_s=0.01,
)
TIME = datetime(2024, 2, 5, 4, 1, 2, tzinfo=UTC)
SECRET = "the-secret"


class Ground:
    """What the fake cuts windows out of: texture that follows from the place alone."""

    def __init__(self) -> None:
        self.classes = np.full(TILE.shape, 4, np.uint16)
        self.mask = np.ones(TILE.shape, np.uint16)
        noise = np.random.default_rng(3).integers(0, 4000, (len(NAMES), *TILE.shape))
        self.bands = noise.astype(np.uint16)

    def __call__(
        self, epsg: int, box: tuple[float, ...], width: int, height: int, bands: list[str], first: str, last: str
    ) -> np.ndarray:
        assert epsg == GRID.epsg
        window = Window(round(-box[3] / 10), round(box[0] / 10), height, width)
        assert window.bounds_m == box
        planes = dict(zip(NAMES, self.bands, strict=True)) | {"SCL": self.classes, "dataMask": self.mask}
        part = window.within(TILE)
        return np.stack([planes[name][part] for name in bands])


def make_item(
    name: str = "S2B_MSIL2A_20240205T040102_N0510_R004_T47RLH_20240205T080000", **more: Any
) -> dict[str, Any]:
    properties = {"datetime": "2024-02-05T04:01:02Z", "platform": "sentinel-2b", "eo:cloud_cover": 3.0}
    outline = reprojected(TILE.polygon_m, GRID.crs, LONLAT)
    return {
        "type": "Feature", "id": name, "collection": "sentinel-2-l2a", "geometry": mapping(outline),
        "properties": properties | more, "assets": {}, "links": [],
    }  # fmt: skip


@pytest.fixture
def ground() -> Ground:
    return Ground()


@pytest.fixture
def server(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("LEACHWATCH_SH_CLIENT_ID", "LEACHWATCH_SH_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SH_CLIENT_ID", "id")
    monkeypatch.setenv("SH_CLIENT_SECRET", SECRET)
    with hub(ground, [make_item()]) as server:
        monkeypatch.setenv("LEACHWATCH_SH_BASE_URL", server.url)
        monkeypatch.setenv("LEACHWATCH_SH_TOKEN_URL", f"{server.url}/auth/token")
        yield server


def make(
    folder: Path, retry: RetryPolicy = QUICK, deployment: str = "cdse", **limits: SpendingLimits
) -> SentinelHubSource:
    budget = Budget(folder / "ledger.jsonl", "run", **limits)
    return sentinel_hub_source(deployment, RULES, lambda name, ms: HttpClient(name, retry, budget, ms))


@pytest.fixture
def source(server: Hub, tmp_path: Path) -> SentinelHubSource:
    return make(tmp_path)


def scene(**more: Any) -> Scene:
    outline = reprojected(TILE.polygon_m, GRID.crs, LONLAT)
    return replace(
        Scene("one", TIME, "S2B", HubItem("sentinel-2-l2a", "one"), outline, "f", True, "cdse-sentinelhub"), **more
    )


def read(source: SentinelHubSource, window: Window = PLACE) -> Raster:
    return source.read([scene()], GRID, window)


def bands_asked(server: Hub) -> list[int]:
    return [len(wanted(one.content["evalscript"])) for one in server.processed]


# What is read


def test_the_reflectance_is_that_which_was_put_in(server: Hub, source: SentinelHubSource, ground: Ground) -> None:
    part = PLACE.within(TILE)
    ground.mask[part][:5] = 0
    ground.bands[:, part[0].start + 10, part[1].start] = 0  # darker than black, once harmonised
    ground.bands[0, part[0].start + 11, part[1].start] = 60_000  # no reflectance
    raster = read(source)
    valid = np.ones(PLACE.shape, bool)
    valid[:5] = valid[11, 0] = False
    np.testing.assert_array_equal(raster.valid, valid)
    np.testing.assert_allclose(
        raster.reflectance, np.where(valid, ground.bands[(slice(None), *part)], 0) / 1e4, atol=5e-5
    )
    np.testing.assert_array_equal(raster.scl, np.where(valid, 4, 0))
    assert raster.scl.dtype == np.uint8


def test_any_window_gives_the_same(source: SentinelHubSource) -> None:
    part = Window(PLACE.row + 7, PLACE.col + 11, 30, 41)
    np.testing.assert_array_equal(
        read(source, part).reflectance, read(source).reflectance[(slice(None), *part.within(PLACE))]
    )


def test_the_request_says_all_that_matters(server: Hub, source: SentinelHubSource) -> None:
    read(source)
    for one, names in zip(server.processed, (["SCL"], list(NAMES)), strict=True):
        asked = one.content
        assert asked["input"]["bounds"] == {
            "bbox": list(PLACE.bounds_m), "properties": {"crs": "http://www.opengis.net/def/crs/EPSG/0/32647"}
        }  # fmt: skip
        (data,) = asked["input"]["data"]
        assert data["type"] == "sentinel-2-l2a"
        assert data["processing"] == {"harmonizeValues": True, "upsampling": "NEAREST", "downsampling": "NEAREST"}
        assert data["dataFilter"]["mosaickingOrder"] == "mostRecent"
        assert (asked["output"]["width"], asked["output"]["height"]) == (PLACE.width, PLACE.height)
        assert [r["format"]["type"] for r in asked["output"]["responses"]] == ["image/tiff"]
        assert wanted(asked["evalscript"]) == [*names, "dataMask"]
        assert 'units: "DN"' in asked["evalscript"]
        assert 'sampleType: "UINT16"' in asked["evalscript"]
        assert f"output: {{bands: {len(names) + 1}," in asked["evalscript"]


def test_granules_of_an_overpass_cost_one_pair_of_requests(server: Hub, source: SentinelHubSource) -> None:
    later = scene(id="two", time_utc=TIME + timedelta(seconds=18))
    source.read([later, scene()], GRID, PLACE)
    assert bands_asked(server) == [2, 7]
    spans = [one.content["input"]["data"][0]["dataFilter"]["timeRange"] for one in server.processed]
    assert spans == [{"from": "2024-02-05T04:00:02Z", "to": "2024-02-05T04:02:20Z"}] * 2


def test_where_nothing_is_clear_only_the_classification_is_asked_for(
    server: Hub, source: SentinelHubSource, ground: Ground
) -> None:
    ground.classes[:] = 9
    ground.classes[:, ::2] = 3
    rows, cols = PLACE.within(TILE)
    ground.mask[rows.start] = 0
    ground.classes[rows.start + 1] = 0
    raster = read(source)
    assert bands_asked(server) == [2]
    assert not raster.reflectance.any()
    assert raster.valid[2:].all()
    assert not raster.valid[:2].any()
    np.testing.assert_array_equal(raster.scl[2:], ground.classes[rows, cols][2:])
    assert not raster.scl[:2].any()
    ground.classes[rows.start + 5, cols.start + 5] = 4
    assert read(source).reflectance[:, 5, 5].any()
    assert bands_asked(server) == [2, 2, 7]


# Servers that are busy, slow or gone


def between(server: Hub, first: int = 0) -> float:
    return server.processed[first + 1].at - server.processed[first].at


def test_retry_after_is_in_milliseconds(server: Hub, tmp_path: Path) -> None:
    server.script = [status(429, Retry_After="200")]
    read(make(tmp_path, replace(QUICK, max_wait_s=30.0)))  # 200 s would be more than there is
    assert between(server) >= 0.2


def test_retry_after_may_be_a_date(server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(429, Retry_After=format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))]
    read(source)
    assert 0.5 <= between(server) < 5  # as long as we ever wait


@pytest.mark.parametrize("header", ["1.5", "soon", "-3", "inf", ""])
def test_an_odd_retry_after_does_no_harm(header: str, server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(429, Retry_After=header)]
    assert read(source).valid.all()


@pytest.mark.parametrize("act", [status(500), status(503), drop, body(b"")])
def test_two_failures_are_got_over(act, server: Hub, source: SentinelHubSource) -> None:
    server.script = [act, act]
    assert read(source).valid.all()
    assert bands_asked(server) == [2, 2, 2, 7]


def test_a_server_that_fails_for_ever_ends_in_an_error(server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(500, "our disk is full")] * 10
    begin = time.monotonic()
    with pytest.raises(SceneError, match=r"^one: .*3 attempts.*status 500: our disk is full"):
        read(source)
    assert time.monotonic() - begin < QUICK.total_timeout_s
    assert len(server.processed) == 3


def test_a_server_that_is_busy_for_ever_ends_in_an_error(server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(429, Retry_After="10")] * 10
    with pytest.raises(SceneError, match=r"one: .*status 429"):
        read(source)
    assert len(server.processed) == 3


def test_silence_ends(server: Hub, tmp_path: Path) -> None:
    server.script = [sleep(1.0)] * 2
    with pytest.raises(SceneError, match=r"one: .*read timeout"):
        read(make(tmp_path, replace(QUICK, max_attempts=2, read_timeout_s=0.1)))


def test_a_request_that_is_wrong_is_not_repeated(server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(400, "no such band")]
    with pytest.raises(SceneError, match=r"one: .*status 400: no such band"):
        read(source)
    assert len(server.processed) == 1


# Answers that are not what they should be


def resized(content: bytes) -> bytes:
    return tiff(np.ones((2, 50, 50), np.uint16), GRID.epsg, PLACE.bounds_m)


def typed(content: bytes) -> bytes:
    return tiff(np.ones((2, *PLACE.shape), np.float32), GRID.epsg, PLACE.bounds_m)


def banded(content: bytes) -> bytes:
    return tiff(np.ones((3, *PLACE.shape), np.uint16), GRID.epsg, PLACE.bounds_m)


def moved(content: bytes) -> bytes:
    west, south, east, north = PLACE.bounds_m
    return tiff(np.ones((2, *PLACE.shape), np.uint16), GRID.epsg, (west + 10, south, east + 10, north))


def in_another_zone(content: bytes) -> bytes:
    return tiff(np.ones((2, *PLACE.shape), np.uint16), GRID.epsg + 1, PLACE.bounds_m)


def masked(content: bytes) -> bytes:
    return tiff(np.full((2, *PLACE.shape), 65_535, np.uint16), GRID.epsg, PLACE.bounds_m)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>maintenance</html>", "not a TIFF"),
        (b'{"error": "none"}', "not a TIFF"),
        (b"", "an empty response"),
        (lambda good: good[: len(good) // 2], "a TIFF that"),
        (lambda good: good[:6], "cannot be read"),
        (lambda good: good + b"x" * 2_000_000, "more than"),
        (resized, r"\(2, 50, 50\) instead of \(2, 96, 112\)"),
        (banded, r"\(3, 96, 112\) instead of"),
        (typed, "float32"),
        (moved, "at another position"),
        (in_another_zone, "does not lie in EPSG:32647"),
        (masked, "data mask"),
    ],
)
def test_a_damaged_answer_is_asked_for_again_and_then_refused(
    content, reason: str, server: Hub, source: SentinelHubSource
) -> None:
    server.script = [body(content)]
    assert read(source).valid.all()
    assert bands_asked(server) == [2, 2, 7]
    server.script = [body(content)] * 3
    with pytest.raises(SceneError, match=f"^one: .*{reason}"):
        read(source)
    assert bands_asked(server) == [2, 2, 7, 2, 2, 2]


def test_pixels_that_came_damaged_are_asked_for_again(server: Hub, source: SentinelHubSource) -> None:
    server.script = [fine, body(lambda good: good[: len(good) // 2] + bytes(1000) + good[len(good) // 2 + 1000 :])]
    assert read(source).valid.all()
    assert bands_asked(server) == [2, 7, 7]


# Tokens and credentials


def test_one_token_serves_until_shortly_before_its_end(server: Hub, source: SentinelHubSource, tmp_path: Path) -> None:
    source.search(aoi(), ALWAYS)
    read(source)
    read(make(tmp_path))
    assert server.tokens == 1
    server.expires_in = 59
    token_cache.cache_clear()
    read(source)
    assert server.tokens == 3  # one per request


def test_a_token_that_is_refused_is_renewed(server: Hub, source: SentinelHubSource) -> None:
    read(source)
    server.valid.clear()
    assert read(source).valid.all()
    assert server.tokens == 2
    assert len(server.processed) == 5


def test_a_token_is_renewed_only_once(server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(401, "Unauthorized")] * 5
    with pytest.raises(CredentialsRefused, match=r"refuses the credentials.*shapps\.dataspace"):
        read(source)
    assert server.tokens == 2
    assert len(server.processed) == 2


def chain(error: BaseException) -> str:
    """All that an error shows, with what it came of."""
    text = ""
    while error is not None:
        text, error = (
            f"{text} {error!r}",
            error.__cause__ or (not error.__suppress_context__ and error.__context__) or None,
        )
    return text


@pytest.mark.parametrize(
    ("deployment", "pointer"),
    [
        ("cdse", "https://shapps.dataspace.copernicus.eu/dashboard/"),
        ("sentinelhub", "https://apps.sentinel-hub.com/dash"),
    ],
)
@pytest.mark.parametrize("code", [400, 401])
def test_wrong_credentials_are_told_without_them(
    code: int, deployment: str, pointer: str, server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEACHWATCH_SH_CLIENT_ID", "id")
    monkeypatch.setenv("LEACHWATCH_SH_CLIENT_SECRET", "wrong-secret")
    server.token_script = [lambda said: (code, said[1], said[2])] * 9
    source = make(tmp_path, deployment=deployment)
    for use in (lambda: source.search(aoi(), ALWAYS), lambda: read(source)):
        with pytest.raises(CredentialsRefused) as error:
            use()
        assert pointer in str(error.value)
        assert "LEACHWATCH_SH_CLIENT_SECRET" in str(error.value)
        assert "wrong-secret" not in chain(error.value)
        assert "\n" not in str(error.value)
    assert server.tokens == 2
    assert len(server.asked) == 2


@pytest.mark.parametrize("missing", ["SH_CLIENT_ID", "SH_CLIENT_SECRET"])
def test_missing_credentials_are_told(
    missing: str, server: Hub, source: SentinelHubSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(CredentialsRefused, match=r"set LEACHWATCH_SH_CLIENT_ID and .*dashboard/ \(User settings"):
        source.search(aoi(), ALWAYS)
    assert not server.asked


def test_our_own_variables_go_first(server: Hub, source: SentinelHubSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_CLIENT_SECRET", "of somebody else")
    monkeypatch.setenv("LEACHWATCH_SH_CLIENT_ID", "id")
    monkeypatch.setenv("LEACHWATCH_SH_CLIENT_SECRET", SECRET)
    assert read(source).valid.all()


@pytest.mark.parametrize(
    "act",
    [
        status(500, f"what is {SECRET}?"),
        status(404, f"what is {SECRET}?"),
        lambda _: (500, {}, b" " * 4000 + b'{"message": "the-secret"}'),
        drop,
        body(b"<html>"),
        body(b'{"access_token": "a\\nb"}'),
        body(b'{"access_token": ""}'),
        body(b"[" * 50_000),
        lambda _: (307, {"Location": "/elsewhere"}, b""),
    ],
)
def test_where_no_tokens_are_given_the_search_ends(act, server: Hub, source: SentinelHubSource) -> None:
    server.token_script = [act] * 9
    with pytest.raises(InputError, match="the catalogue cannot be searched") as error:
        source.search(aoi(), ALWAYS)
    assert SECRET not in chain(error.value)
    with pytest.raises(SceneError, match=r"^one: "):
        read(source)
    assert server.tokens <= 2 * QUICK.max_attempts
    assert len(server.asked) == server.tokens


def test_a_server_for_tokens_that_is_busy_is_asked_again(server: Hub, source: SentinelHubSource) -> None:
    server.token_script = [status(503), body(b"<html>")]
    assert read(source).valid.all()
    assert server.tokens == 3


def test_secrets_are_in_nothing_that_is_kept(
    server: Hub, source: SentinelHubSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches: dict[str, dict[str, object]] = {}

    def watched(kind: str) -> TokenCache:
        cache = token_cache(kind)
        caches[kind] = vars(cache)
        return cache

    monkeypatch.setattr(auth, "token_cache", watched)
    read(source)
    (token,) = server.valid
    (cache,) = caches.values()
    assert cache["_token"].auth.headers == {"Authorization": f"Bearer {token}"}
    for text in (repr(source), str(source), repr(caches), (tmp_path / "ledger.jsonl").read_text()):
        assert SECRET not in text
        assert token not in text
    sent = pickle.dumps(source)
    assert SECRET.encode() not in sent
    assert token.encode() not in sent
    assert pickle.loads(sent) == source
    assert read(pickle.loads(sent)).valid.all()


# What it costs


def test_processing_units_follow_the_rule() -> None:
    assert processing_units(512, 512, 3) == 1
    assert processing_units(2500, 2500, 11) == pytest.approx(87.4, abs=0.1)  # as the vendor's table
    assert processing_units(1, 1, 6) == pytest.approx(0.02)
    assert processing_units(1, 1, 1) == 0.005


def test_what_is_spent_goes_into_the_ledger(server: Hub, source: SentinelHubSource) -> None:
    read(source)
    (provider, spent), = source.http.budget.spent().items()  # fmt: skip
    assert (provider, spent.pu, spent.requests) == ("cdse-sentinelhub", 3.0, 3)  # the token is a request as well
    assert spent.n_bytes > 2 * PLACE.width * PLACE.height


@pytest.mark.parametrize("header", [None, "", "much", "nan", "inf", "-5", "1e9"])
def test_where_the_server_does_not_say_the_rule_counts(
    header: str | None, server: Hub, source: SentinelHubSource
) -> None:
    server.pu = header
    read(source)
    expected = processing_units(PLACE.width, PLACE.height, 1) + processing_units(PLACE.width, PLACE.height, 6)
    assert source.http.budget.spent()["cdse-sentinelhub"].pu == pytest.approx(expected, abs=1e-5)


def test_a_damaged_answer_is_paid_for_and_an_error_is_not(server: Hub, source: SentinelHubSource) -> None:
    server.script = [body(b"<html>"), status(500)]
    read(source)
    assert source.http.budget.spent()["cdse-sentinelhub"].pu == 4.5


def test_a_limit_stops_before_a_request_is_sent(server: Hub, tmp_path: Path) -> None:
    source = make(tmp_path, of_run=SpendingLimits(pu=3.0))
    read(source)
    sent = len(server.asked)
    with pytest.raises(CapReached, match="3 processing units"):
        read(source)
    assert len(server.asked) == sent


def test_a_quota_that_is_used_up_is_told_apart(server: Hub, source: SentinelHubSource) -> None:
    server.script = [status(403, "Insufficient processing units or requests available in your account.")] * 9
    with pytest.raises(CapReached, match="Insufficient processing units"):
        read(source)
    assert len(server.processed) <= 2


def test_a_window_that_is_too_large_is_refused_without_a_request(server: Hub, source: SentinelHubSource) -> None:
    for window in (Window(0, 0, 2501, 10), Window(0, 0, 10, 2501)):
        with pytest.raises(SceneError, match=r"^one: .*make segment\.window_px smaller"):
            read(source, window)
    assert not server.asked


def test_the_largest_window_may_be_asked_for(server: Hub, source: SentinelHubSource) -> None:
    server.answer_pixels = lambda epsg, box, width, height, bands, *_: np.ones((len(bands), height, width), np.uint16)
    assert read(source, Window(-250_000, 50_000, 2, 2500)).valid.all()


# The catalogue


def test_the_catalogue_is_paged_through(server: Hub, source: SentinelHubSource) -> None:
    days = (5, 10, 15, 20, 25)
    server.items = [make_item(f"item {day}", datetime=f"2024-02-{day:02d}T04:01:02.024Z") for day in days]
    search = source.search(aoi(), Period(date(2024, 2, 1), date(2024, 2, 20)))
    assert [scene.time_utc.day for scene in search.scenes] == [5, 10, 15, 20]
    assert search.refusals == (Refusal("item 25", "2024-02-25 is outside the period", status=SceneStatus.NOT_NEEDED),)
    asked = [one.content for one in server.to("/search")]
    assert [query.get("next") for query in asked] == [None, 2, 4]
    assert {query["datetime"] for query in asked} == {"2024-02-01T00:00:00Z/2024-02-21T00:00:00Z"}
    assert all(query["bbox"] == list(aoi().polygon.bounds) for query in asked)
    assert all((query["collections"], query["limit"]) == (["sentinel-2-l2a"], 100) for query in asked)


def test_an_item_becomes_a_scene(server: Hub, source: SentinelHubSource) -> None:
    (found,) = source.search(aoi(), ALWAYS).scenes
    assert (found.id, found.time_utc, found.platform) == (server.items[0]["id"], TIME, "S2B")
    assert (found.has_scl, found.provider) == (True, "cdse-sentinelhub")
    assert found.footprint.equals_exact(reprojected(TILE.polygon_m, GRID.crs, LONLAT), 1e-9, normalize=True)
    assert found.assets == HubItem("sentinel-2-l2a", found.id)
    assert source.read([found], GRID, PLACE).valid.all()
    (again,) = source.search(aoi(), ALWAYS).scenes
    assert again == found
    server.items[0]["properties"]["updated"] = "2024-03-01T00:00:00Z"
    (changed,) = source.search(aoi(), ALWAYS).scenes
    assert changed == found  # a catalogue that touches its items has not taken another picture


def test_the_platform_is_told_or_in_the_name(server: Hub, source: SentinelHubSource) -> None:
    server.items = [make_item(platform=None), make_item("S2A_x", platform=""), make_item("x", platform="sentinel-2c")]
    server.items.append(make_item("y", platform="landsat-8"))
    platforms = {scene.id: scene.platform for scene in source.search(aoi(), ALWAYS).scenes}
    assert platforms == {make_item()["id"]: "S2B", "S2A_x": "S2A", "x": "S2C", "y": ""}


def test_of_two_processings_the_newer_is_used(server: Hub, source: SentinelHubSource) -> None:
    names = [f"S2B_MSIL2A_20240205T040102_N{n}_R004_T47RLH_20240205T080000" for n in ("0510", "0214")]
    server.items = [make_item(name) for name in names]
    search = source.search(aoi(), ALWAYS)
    assert [scene.id for scene in search.scenes] == names[:1]
    assert [refusal.id for refusal in search.refusals] == names[1:]


@pytest.mark.parametrize(
    ("junk", "reason"),
    [
        (None, "not an item"),
        ("text", "not an item"),
        ([1], "not an item"),
        ({}, "not an item"),
        (make_item() | {"id": 5}, "without a name"),
        (make_item() | {"properties": None}, "not an item"),
        (make_item() | {"properties": {}}, "not an item"),
        (make_item(datetime=None), "not an item"),
        (make_item(datetime="yesterday"), "not an item"),
        (make_item(datetime="0001-01-01T00:00:00+23:00"), "not an item"),
        (make_item() | {"geometry": None}, "geometry"),
        (
            make_item() | {"geometry": {"type": "Polygon", "coordinates": [[[500, 0], [501, 0], [501, 1], [500, 0]]]}},
            "lon/lat",
        ),
        (make_item() | {"geometry": {"type": "Point", "coordinates": [97, 22]}}, "lon/lat"),
        (
            make_item() | {"geometry": {"type": "Polygon", "coordinates": [[["a", 0], [1, 1], [2, 0], ["a", 0]]]}},
            "geometry",
        ),
        (make_item() | {"collection": "sentinel-1-grd"}, "sentinel-1-grd"),
        (
            make_item() | {"geometry": mapping(translate(reprojected(TILE.polygon_m, GRID.crs, LONLAT), 3))},
            "no overlap",
        ),
    ],
)
def test_an_item_that_is_junk_is_refused_with_a_reason(
    junk: Any, reason: str, server: Hub, source: SentinelHubSource
) -> None:
    good = make_item("good", datetime="2024-02-10T04:00:00Z")
    server.items = [junk, good]
    search = source.search(aoi(), ALWAYS)
    assert [scene.id for scene in search.scenes] == ["good"]
    (refusal,) = search.refusals
    assert reason in refusal.reason
    assert (refusal.status is SceneStatus.NOT_NEEDED) == (reason == "no overlap")
    assert refusal.id


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b"{}", b'{"features": []}', b"null", b"[" * 100_000])
def test_a_page_that_is_none_is_asked_for_again_and_then_an_error(
    content: bytes, server: Hub, source: SentinelHubSource
) -> None:
    server.catalog_script = [body(content)]
    assert len(source.search(aoi(), ALWAYS).scenes) == 1
    server.catalog_script = [body(content)] * 3
    with pytest.raises(InputError, match=r"127\.0\.0\.1: the catalogue cannot be searched .*not a page"):
        source.search(aoi(), ALWAYS)


def page(features: list[Any], follow: object) -> bytes:
    return json.dumps({"features": features, "context": {"next": follow}}).encode()


@pytest.mark.parametrize("features", [[], [make_item()]])
def test_pages_without_end_are_an_error(features: list[Any], server: Hub, source: SentinelHubSource) -> None:
    server.catalog_script = [body(page(features, 1))] * 50
    with pytest.raises(InputError, match="no end"):
        source.search(aoi(), ALWAYS)
    assert len(server.to("/search")) <= 2


def test_more_items_than_any_search_needs_are_an_error(
    server: Hub, source: SentinelHubSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MAX_ITEMS", 3)
    server.items = [make_item(f"item {n}") for n in range(4)]
    with pytest.raises(InputError, match="more than 3 items"):
        source.search(aoi(), ALWAYS)


def test_a_refusal_of_the_catalogue_keeps_its_kind(server: Hub, source: SentinelHubSource) -> None:
    server.catalog_script = [fine, status(403, "Insufficient processing units"), status(403, "quota exceeded")]
    source.search(aoi(), ALWAYS)
    with pytest.raises(CapReached):
        source.search(aoi(), ALWAYS)
    server.catalog_script = [status(401, "Unauthorized")] * 2
    with pytest.raises(CredentialsRefused):
        source.search(aoi(), ALWAYS)


# Which one


def test_deployments_have_their_own_names_and_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEACHWATCH_SH_BASE_URL", "LEACHWATCH_SH_TOKEN_URL"):
        monkeypatch.delenv(name, raising=False)
    one, other = make(tmp_path), make(tmp_path, deployment="sentinelhub")
    assert (one.name, one.base_url) == ("cdse-sentinelhub", "https://sh.dataspace.copernicus.eu")
    assert (other.name, other.base_url) == ("sentinelhub", "https://services.sentinel-hub.com")
    assert one.token_url.startswith("https://identity.dataspace.copernicus.eu/")
    assert one.http.provider == one.name
    assert one.http.retry_after_ms
    assert not one.simulation
    for source in (one, other, one):  # a token goes to the deployment that gave it, and nowhere else
        url, _, _ = request_of(source.base_url, [scene()], Grid(32747), PLACE, NAMES)
        assert url == f"{source.base_url}/api/v1/process"
    with pytest.raises(InputError, match="cdse, sentinelhub"):
        make(tmp_path, deployment="mars")


@pytest.mark.parametrize(
    "address", ["http://example.org", "ftp://127.0.0.1", "https://", "https://id:pw@example.org", "x"]
)
def test_credentials_go_out_in_clear_to_nobody(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEACHWATCH_SH_TOKEN_URL", address)
    with pytest.raises(InputError, match="LEACHWATCH_SH_TOKEN_URL"):
        make(tmp_path)


def test_nothing_of_the_library_is_written(
    server: Hub, source: SentinelHubSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    read(source)
    assert not (tmp_path / "home").exists()
    assert fake_hub.PAGE < searching.PAGE
