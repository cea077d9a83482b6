"""Providers asked for one window, on loopback: those that are as we expect them, and those that lie or fall silent."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from fake_hub import Hub, body, hub, status
from loopback import QUICK, Server, serving
from scenes import GRID, PLACE, QUIET, aoi
from shapely.geometry import box, mapping
from test_stac import FOREST, make_item

from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.bands import NAMES, SCL
from pipeline.cli import main
from pipeline.config import OffsetError
from pipeline.errors import InputError
from pipeline.grid import LONLAT, reprojected
from pipeline.raster import Raster
from pipeline.sources.budget import Budget, SpendingLimits, read_ledger, totals
from pipeline.sources.interface import Period, ReadRules
from pipeline.sources.reach import Reach
from pipeline.sources.sentinel_hub.source import sentinel_hub_source
from pipeline.sources.stac import stac_source
from pipeline.upkeep import live
from pipeline.upkeep.agreement import compare
from pipeline.upkeep.finding import Finding, State
from pipeline.upkeep.hearing import Hearing, HearingClient, without_secrets
from pipeline.upkeep.probe import Probe

DAY = date(2026, 2, 5)
PERIOD = Period(date(2026, 2, 1), date(2026, 3, 31))
SECRETS = {"LEACHWATCH_SH_CLIENT_ID": "the-client-7f3a", "LEACHWATCH_SH_CLIENT_SECRET": "the-secret-91bc"}
Change = Callable[[dict], None]


@pytest.fixture(autouse=True)
def at_the_small_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window of the small scenes, and no credentials but those of a test."""
    monkeypatch.setattr(live, "place", lambda: (aoi(), PLACE))
    for name in (*SECRETS, "SH_CLIENT_ID", "SH_CLIENT_SECRET", "LEACHWATCH_CDSE_S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def catalogue(folder: Path, change: Change = lambda item: None, **how: object) -> Iterator[Server]:
    """A catalogue with one scene, whose item is changed before it is listed; `how` as in `make_item`."""
    folder.mkdir(parents=True)
    with serving(folder) as server:
        item = make_item(folder, DAY, href=server.url, **how).to_dict(include_self_link=False)
        change(item)
        server.items = [item]
        yield server


def budget_in(tmp_path: Path, n_bytes: float = live.MAX_BYTES) -> Budget:
    return Budget(tmp_path / "ledger.jsonl", "doctor", SpendingLimits(live.MAX_PU, n_bytes))


ABROAD = Reach(data_hosts=("sentinel2l2a01.blob.core.windows.net",))
"""Where the items of Planetary Computer say that their files lie."""


def probe(name: str, server: Server, tmp_path: Path, budget: Budget | None = None, **rules: object) -> Probe:
    """A provider of that name at a server's address."""
    hearing = Hearing(time.monotonic() + 60, live.MAX_ANSWER_BYTES)
    spending = budget or budget_in(tmp_path)
    source = stac_source(
        f"{server.url}/api",
        ReadRules(**rules),
        lambda provider, ms: HearingClient(provider, QUICK, spending, ms, ABROAD, hearing=hearing),
    )
    return Probe(replace(source, provider=name), hearing, tmp_path / "documents", lambda: True)


def found(*probes: Probe, total_s: float = 60.0) -> dict[str, Finding]:
    findings = live.examine(probes, probes[0].source.http.budget, PERIOD, total_s, QUIET)
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


def states(findings: dict[str, Finding]) -> dict[str, State]:
    return {name: finding.state for name, finding in findings.items()}


def test_providers_as_we_expect_them_are_read_and_agree(tmp_path: Path) -> None:
    with catalogue(tmp_path / "a") as a, catalogue(tmp_path / "b", offset=-0.1) as b:
        findings = found(probe("one", a, tmp_path), probe("two", b, tmp_path))
    steps = ("search", "reading", "units", "classes")
    expected = {f"{name}: {step}" for name in ("one", "two") for step in steps} | {"two: agreement"}
    assert set(findings) == expected
    assert set(states(findings).values()) == {State.OK}
    assert re.search(r"B08 0\.30\d/0\.30\d/0\.30\d", findings["one: units"].found)
    assert findings["one: classes"].found == "SCL 4 100%"
    assert "the same to 0.000" in findings["two: agreement"].found
    assert not (tmp_path / "documents").exists()
    assert totals(read_ledger(tmp_path / "ledger.jsonl"))["stac"].n_bytes == a.sent + b.sent


def state_offset(value: float) -> Change:
    """The item states another offset than its numbers hold."""

    def change(item: dict) -> None:
        for key, asset in item["assets"].items():
            if key != "scl":
                asset["raster:bands"][0]["offset"] = value

    return change


def test_an_offset_that_was_not_applied_is_named_by_comparison(tmp_path: Path) -> None:
    """On bare ground, where one provider alone shows nothing odd."""
    with (
        catalogue(tmp_path / "a", classes=5) as a,
        catalogue(tmp_path / "b", state_offset(0.0), offset=-0.1, classes=5) as b,
        catalogue(tmp_path / "c", classes=5) as c,
    ):
        servers = {"one": a, "liar": b, "three": c}
        findings = found(*(probe(name, server, tmp_path) for name, server in servers.items()))
    wrong = {name for name, state in states(findings).items() if state is State.FAIL}
    assert wrong == {"liar: agreement"}
    assert "0.1 higher in all bands: BOA_ADD_OFFSET was not applied" in findings["liar: agreement"].found
    assert "do not use liar" in findings["liar: agreement"].todo
    assert findings["three: agreement"].state is State.OK


def test_of_two_that_disagree_neither_is_blamed(tmp_path: Path) -> None:
    with (
        catalogue(tmp_path / "a", classes=5) as a,
        catalogue(tmp_path / "b", state_offset(0.0), offset=-0.1, classes=5) as b,
    ):
        finding = found(probe("one", a, tmp_path), probe("two", b, tmp_path))["two: agreement"]
    assert finding.state is State.FAIL
    assert finding.todo == "one of the two is wrong; ask a third provider"


@pytest.mark.parametrize(
    ("numbers", "stated", "words"),
    [(0.0, -0.1, "BOA_ADD_OFFSET was applied twice"), (-0.1, 0.0, "BOA_ADD_OFFSET was not applied")],
)
def test_an_offset_that_a_forest_cannot_have_is_named_at_once(
    tmp_path: Path, numbers: float, stated: float, words: str
) -> None:
    with catalogue(tmp_path / "a", state_offset(stated), offset=numbers) as server:
        findings = found(probe("one", server, tmp_path))
    assert findings["one: reading"].state is State.FAIL
    document = Path(findings["one: reading"].todo.rsplit(" ", 1)[1])
    assert words in document.read_text()
    assert document.stat().st_mode & 0o777 == 0o600


def test_other_bands_are_recognised_by_what_they_hold(tmp_path: Path) -> None:
    def swap(item: dict) -> None:
        assets = item["assets"]
        assets["red"]["href"], assets["nir"]["href"] = assets["nir"]["href"], assets["red"]["href"]

    # the forest's B02 and B04 are alike, so of these two nothing is said
    with catalogue(tmp_path / "a", classes=5) as a, catalogue(tmp_path / "b", swap, classes=5) as b:
        finding = found(probe("one", a, tmp_path), probe("two", b, tmp_path))["two: agreement"]
    assert finding.state is State.FAIL
    assert "other bands: its B04 holds B08, its B08 holds B0" in finding.found


def test_an_item_that_lacks_a_band_is_kept_for_the_maintainers(tmp_path: Path) -> None:
    def lose(item: dict) -> None:
        item["assets"]["swir1"] = {**item["assets"].pop("swir16"), "token": "sesame-55aa"}

    with catalogue(tmp_path / "a", lose) as server:
        findings = found(probe("one", server, tmp_path))
    assert findings["one: search"].state is State.FAIL
    assert "band B11 missing" in findings["one: search"].found
    kept = (tmp_path / "documents" / "one-search.txt").read_text()
    assert '"swir22"' in kept
    assert "status 200, application/json" in kept
    assert "sesame" not in kept
    assert findings["agreement"].state is State.SKIPPED


@pytest.mark.parametrize(
    ("answer", "said", "kept"),
    [
        ((200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), "not JSON", "<html>Sign in</html>"),
        ((403, {}, b'{"description": "not from here"}'), "refuses the credentials (status 403", "not from here"),
        ((500, {}, b"our database is down"), "status 500", "our database is down"),
    ],
)
def test_what_a_catalogue_says_instead_is_shown_and_kept(tmp_path: Path, answer, said: str, kept: str) -> None:
    with catalogue(tmp_path / "a") as sound, catalogue(tmp_path / "b") as server:
        server.faults = [lambda path: answer if path == "/api/search" else None] * 5
        findings = found(probe("bad", server, tmp_path), probe("good", sound, tmp_path))
    assert findings["bad: search"].state is State.FAIL
    assert said in findings["bad: search"].found
    assert kept in (tmp_path / "documents" / "bad-search.txt").read_text()
    assert findings["good: units"].state is State.OK


def test_pixels_that_are_a_page_are_shown_and_kept(tmp_path: Path) -> None:
    page = (200, {"Content-Type": "text/html"}, b"<html>Too many requests, dear user</html>")
    with catalogue(tmp_path / "a") as server:
        server.faults = [lambda path: page if path.endswith(".tif") else None] * 20
        findings = found(probe("one", server, tmp_path))
    assert states(findings)["one: reading"] is State.FAIL
    assert "a page of HTML instead of the file" in findings["one: reading"].found
    assert "dear user" in (tmp_path / "documents" / "one-reading.txt").read_text()


def test_classes_that_are_none_are_told(tmp_path: Path) -> None:
    with catalogue(tmp_path / "a", classes=40) as server:
        findings = found(probe("one", server, tmp_path))
    assert findings["one: classes"].state is State.FAIL
    assert "100% of measured pixels have no legal class" in findings["one: classes"].found


def test_numbers_that_are_no_reflectance_are_told(tmp_path: Path) -> None:
    def percent(item: dict) -> None:
        for key, asset in item["assets"].items():
            if key != "scl":
                asset["raster:bands"][0]["scale"] = 0.001

    with catalogue(tmp_path / "a", percent, classes=5) as server:
        findings = found(probe("one", server, tmp_path))
    assert findings["one: units"].state is State.FAIL
    assert findings["one: units"].found.startswith("B08, B11 cannot be reflectance")


def test_a_band_that_is_the_same_everywhere_is_told(tmp_path: Path) -> None:
    pixels = np.full((len(NAMES), *PLACE.shape), 1000, np.uint16)
    pixels[1:] += np.random.default_rng(1).integers(0, 300, (5, *PLACE.shape)).astype(np.uint16)
    here = np.ones(PLACE.shape, bool)
    raster = Raster(
        window=PLACE, pixels=pixels, radiometry=((0.0001, 0.0),) * len(NAMES), valid=here, scl=here.astype(np.uint8) * 4
    )
    with catalogue(tmp_path / "a") as server:
        finding = probe("one", server, tmp_path)._units(raster)
    assert finding.state is State.FAIL
    assert finding.found.startswith("B02 is the same everywhere")


def test_a_provider_that_is_silent_takes_its_share_of_the_time_only(tmp_path: Path) -> None:
    def silent(path: str, headers: object) -> None:
        time.sleep(3)

    with catalogue(tmp_path / "a") as sound, catalogue(tmp_path / "b") as server:
        both = probe("bad", server, tmp_path), probe("good", sound, tmp_path)
        server.guard = silent
        begun_s = time.monotonic()
        findings = found(*both, total_s=8.0)
        took_s = time.monotonic() - begun_s
    assert findings["bad: search"].state is State.FAIL
    assert "read timeout" in (tmp_path / "documents" / "bad-search.txt").read_text()
    assert findings["good: reading"].state is State.OK
    assert took_s < 8.0


def test_what_no_bound_reaches_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the look-up of a name: findings of others are told all the same."""
    monkeypatch.setattr(live, "GRACE_S", 0.2)
    with catalogue(tmp_path / "a") as a, catalogue(tmp_path / "b") as b:
        good, bad = probe("good", a, tmp_path), probe("bad", b, tmp_path)

        class Hangs:
            name = "bad"

            def search(self, *_: object) -> None:
                time.sleep(4)

        bad = replace(bad, source=Hangs())
        begun_s = time.monotonic()
        findings = live.examine((good, bad), budget_in(tmp_path), PERIOD, 1.0, QUIET)
        assert time.monotonic() - begun_s < 3.0
    assert [finding.name for finding in findings] == ["good: search", "time"]
    assert findings[-1].state is State.FAIL


def test_no_more_bytes_come_than_agreed(tmp_path: Path) -> None:
    with catalogue(tmp_path / "a") as server:
        most = 30_000
        one = probe("one", server, tmp_path, budget_in(tmp_path, most))
        one.hearing.max_answer_bytes = 40_000
        findings = found(one)
        assert server.sent < most + 40_000
    assert findings["one: reading"].state is State.FAIL
    assert "limit of 3e-05 GB" in findings["one: reading"].found
    assert "fewer providers at once" in findings["one: reading"].todo


def test_an_answer_that_is_too_large_is_broken_off(tmp_path: Path) -> None:
    with catalogue(tmp_path / "a") as server:
        one = probe("one", server, tmp_path)
        one.hearing.max_answer_bytes = 900
        assert "more than 0.0009 MB" in found(one)["one: search"].found
    assert live.MAX_BYTES + live.MAX_ANSWER_BYTES + 65_536 < 50e6


@contextmanager
def sentinel_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: int = 0) -> Iterator[tuple[Hub, Probe]]:
    """A Sentinel Hub that gives the same forest, with something added to its numbers."""

    def pixels(epsg, bbox, width, height, bands, begin, end) -> np.ndarray:
        planes = {name: np.full((height, width), round(value * 10_000) + 30 + added) for name, value in FOREST.items()}
        planes = {name: plane + np.arange(width) % 40 - 20 for name, plane in planes.items()}
        planes |= {SCL: np.full((height, width), 5), "dataMask": np.ones((height, width))}
        return np.stack([planes[name] for name in bands]).astype(np.uint16)

    item = {
        "id": "S2B_MSIL2A_20260205T040100_N0511_R004_T47RLH_20260205T070000.SAFE",
        "collection": "sentinel-2-l2a",
        "geometry": mapping(reprojected(PLACE.grown(60).polygon_m, GRID.crs, LONLAT)),
        "properties": {"datetime": f"{DAY}T04:01:00Z", "platform": "sentinel-2b", "eo:cloud_cover": 1.0},
    }
    hearing = Hearing(time.monotonic() + 60, live.MAX_ANSWER_BYTES)
    with hub(pixels, [item]) as server:
        server.secrets = {SECRETS["LEACHWATCH_SH_CLIENT_ID"]: SECRETS["LEACHWATCH_SH_CLIENT_SECRET"]}
        monkeypatch.setenv("LEACHWATCH_SH_BASE_URL", server.url)
        monkeypatch.setenv("LEACHWATCH_SH_TOKEN_URL", f"{server.url}/auth/token")
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        source = sentinel_hub_source(
            "cdse",
            ReadRules(),
            lambda provider, ms: HearingClient(provider, QUICK, budget_in(tmp_path), ms, hearing=hearing),
        )
        yield server, Probe(source, hearing, tmp_path / "documents", lambda: live.has_credentials("cdse-sentinelhub"))


def no_secret_in(tmp_path: Path, findings: dict[str, Finding], server: Hub) -> None:
    said = "".join(f"{finding.row()}" for finding in findings.values())
    said += "".join(path.read_text() for path in (tmp_path / "documents").glob("*"))
    for secret in (*SECRETS.values(), *server.valid):
        assert secret not in said


@pytest.mark.parametrize(("added", "state"), [(0, State.OK), (1000, State.FAIL)])
def test_sentinel_hub_is_compared_with_catalogues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: int, state: State
) -> None:
    with catalogue(tmp_path / "a", classes=5) as a, sentinel_hub(tmp_path, monkeypatch, added) as (server, asked):
        findings = found(probe("one", a, tmp_path), asked)
        assert len(server.processed) == 2
    assert findings["cdse-sentinelhub: agreement"].state is state
    assert ("0.1 higher" in findings["cdse-sentinelhub: agreement"].found) == (added == 1000)
    assert totals(read_ledger(tmp_path / "ledger.jsonl"))["cdse-sentinelhub"].pu == 3.0
    no_secret_in(tmp_path, findings, server)


def test_what_sentinel_hub_sends_instead_is_kept_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sentinel_hub(tmp_path, monkeypatch) as (server, asked):
        echo = f'{{"error": "no, {SECRETS["LEACHWATCH_SH_CLIENT_SECRET"]}", "access_token": "h.0.s"}}'
        server.script, server.pu = [body(echo.encode()) for _ in range(4)], "0.2"
        findings = found(asked)
        kept = (tmp_path / "documents" / "cdse-sentinelhub-reading.txt").read_text()
        no_secret_in(tmp_path, findings, server)
    assert "not a TIFF" in findings["cdse-sentinelhub: reading"].found
    assert '"error": "no, (secret)"' in kept


def test_refused_credentials_fail_and_missing_ones_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sentinel_hub(tmp_path, monkeypatch) as (server, asked):
        server.secrets = {}
        refused = found(asked)
        no_secret_in(tmp_path, refused, server)
        for name in SECRETS:
            monkeypatch.delenv(name)
        missing = found(asked)
    assert refused["cdse-sentinelhub: search"].state is State.FAIL
    assert missing["cdse-sentinelhub: search"].state is State.SKIPPED
    assert "https://shapps.dataspace.copernicus.eu" in missing["cdse-sentinelhub: search"].todo


def test_a_quota_that_is_used_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sentinel_hub(tmp_path, monkeypatch) as (server, asked):
        server.script = [status(403, "Insufficient processing units left")] * 2
        findings = found(asked)
    assert findings["cdse-sentinelhub: reading"].state is State.FAIL
    assert "quota is used up" in findings["cdse-sentinelhub: reading"].found


def test_a_provider_without_the_acquisition_is_not_compared(tmp_path: Path) -> None:
    def later(item: dict) -> None:
        item["id"] = item["id"].replace("20260205", "20260210")
        item["properties"]["datetime"] = "2026-02-10T04:01:00Z"

    with catalogue(tmp_path / "a") as a, catalogue(tmp_path / "b", later) as b, catalogue(tmp_path / "c") as c:
        servers = {"one": a, "other": b, "three": c}
        findings = found(*(probe(name, server, tmp_path) for name, server in servers.items()))
    assert findings["other: reading"].state is State.OK
    assert findings["other: agreement"].state is State.SKIPPED
    assert findings["three: agreement"].state is State.OK


def test_the_clearest_acquisition_that_all_list_is_chosen(tmp_path: Path) -> None:
    def clear(percent: float) -> Change:
        return lambda item: item["properties"].update({"eo:cloud_cover": percent})

    with catalogue(tmp_path / "a", clear(40.0)) as server:
        listed, _ = probe("one", server, tmp_path).search(aoi(), PERIOD)
        (cloudy,) = listed
        sunny = replace(cloudy, id="b", time_utc=datetime(2026, 2, 15, tzinfo=UTC), cloud_share=0.1)
        alone = replace(cloudy, id="c", time_utc=datetime(2026, 2, 25, tzinfo=UTC), cloud_share=0.0)
    chosen = live.choose({"one": [cloudy, sunny, alone], "two": [cloudy, sunny], "three": [cloudy, sunny], "none": []})
    assert chosen == {"one": sunny, "two": sunny, "three": sunny}


def test_an_item_as_planetary_computer_sends_it_is_understood(tmp_path: Path) -> None:
    item = json.loads((Path(__file__).parent / "data" / "planetary_item.json").read_text())
    place = Aoi("alaska", "Alaska", "ALA", box(-148.0, 60.8, -147.8, 60.9))
    with serving(tmp_path) as server:
        server.items = [item]
        one = probe("planetary", server, tmp_path)
        scenes, (finding,) = one.search(place, Period(date(2019, 6, 1), date(2019, 6, 30)))
    assert finding.state is State.OK, finding
    assert [(scene.tile, scene.baseline, scene.platform) for scene in scenes] == [("06VVN", "02.12", "S2B")]


@pytest.mark.parametrize(
    "text",
    [
        "https://x.y/a.tif?sv=2021&se=2026&sig=Zm9v%3D&x=1",
        '"href": "https://x.y/a.tif?sig=Zm9v%3D"',
        '{"access_token": "Zm9v", "expires_in": 3600}',
        "Authorization: Bearer Zm9v.b-r_1",
        "https://user:Zm9v@x.y/",
        "?X-Amz-Signature=Zm9v&a=b",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert "Zm9v" not in without_secrets(text)
    assert without_secrets("B04 of S2B_47RLH, status 200") == "B04 of S2B_47RLH, status 200"


def test_the_window_lies_in_mong_bawk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    area, window = live.place()
    west, south, east, north = area.polygon.bounds
    assert window.shape == (256, 256)
    assert 99.1 < west < east < 99.55
    assert 21.75 < south < north < 22.1
    assert area.polygon_m.symmetric_difference(window.polygon_m).area < 1.0


@pytest.mark.parametrize(
    ("today", "first"), [(date(2026, 11, 29), 2026), (date(2026, 3, 31), 2025), (date(2026, 4, 1), 2026)]
)
def test_the_last_dry_months_that_are_over_are_asked_for(today: date, first: int) -> None:
    assert live.period_before(today) == Period(date(first, 2, 1), date(first, 3, 31))


def test_too_few_pixels_say_nothing() -> None:
    pixels, few = np.ones((len(NAMES), *PLACE.shape), np.float32), np.zeros(PLACE.shape, bool)
    few[:2, :200] = True
    pixels[:, ~few] = 0
    raster = Raster(window=PLACE, pixels=pixels, valid=few, scl=None)
    assert compare(raster, raster) is None


def test_the_command_tells_what_does_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(live, "period_before", lambda today: PERIOD)
    with catalogue(tmp_path / "a") as server:
        monkeypatch.setattr(live, "probe_of", lambda name, rules, budget, *_: probe(name, server, tmp_path, budget))
        words = ["doctor", "--live", "--providers", "earthsearch,cdse", "--archive", str(tmp_path / "archive")]
        assert main(words) == 0
        said = capsys.readouterr()
        assert re.search(r"^cdse: agreement +ok ", said.out, re.MULTILINE)
        assert re.search(r"^spent +ok +\d\.\d MB in \d+ requests in \d+ s", said.out, re.MULTILINE)
        assert "Asking cdse what it has" in said.err
        server.faults = [lambda path: (403, {}, b"no") if path == "/api/search" else None] * 2
        assert main([*words, "--format", "json"]) == 2
    said = capsys.readouterr()
    assert json.loads(said.out)["counts"]["fail"] == 2
    assert "checks failed; the first is earthsearch: search: " in said.err
    assert said.err.splitlines()[-1].startswith("leachwatch: error: 2 of 4 checks failed")
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in (tmp_path / "archive").iterdir()) == [".ledger.jsonl.lock", "ledger.jsonl"]


def test_providers_by_name_are_those_of_a_run(tmp_path: Path) -> None:
    budget, rules = budget_in(tmp_path), ReadRules(offset_error=OffsetError.REFUSE)
    for name in live.PROVIDERS:
        one = live.probe_of(name, rules, budget, QUICK, tmp_path)
        assert one.name == name
        assert one.source.rules.unclear == ()
    assert set(live.USUAL) == set(live.PROVIDERS) - {"sentinelhub"}


def test_an_unknown_provider_and_a_damaged_ledger_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"
    assert main(["doctor", "--live", "--providers", "landsat"]) == 2
    assert "unknown provider 'landsat'; known: earthsearch, planetary" in capsys.readouterr().err
    assert main(["doctor", "--providers", "earthsearch"]) == 2
    assert "--providers goes with --live" in capsys.readouterr().err
    (archive / "ledger.jsonl").mkdir(parents=True)
    with pytest.raises(InputError, match=r"ledger\.jsonl: cannot be read"):
        live.ask((), live_settings(), Archive(archive), DAY, QUIET)


def live_settings():
    from pipeline.config import load

    return load(None)


def test_when_the_time_is_over_nothing_is_asked(tmp_path: Path) -> None:
    with catalogue(tmp_path / "a") as server:
        one = probe("one", server, tmp_path)
        one.hearing.end_s = time.monotonic() - 1
        server.asked.clear()
        _, (finding,) = one.search(aoi(), PERIOD)
        assert server.asked == []
    assert "no time is left to ask" in finding.found


def test_time_is_shared_by_those_that_are_left() -> None:
    now = time.monotonic()
    assert live._share_end(now + 40, 4) == pytest.approx(now + 10, abs=0.5)
    assert live._share_end(now - 40, 4) == pytest.approx(now, abs=0.5)


def test_what_gives_tokens_is_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sentinel_hub(tmp_path, monkeypatch) as (server, asked):
        server.token_script = [body(b"<html>a page with h.9.token</html>")] * 3
        findings = found(asked)
    assert findings["cdse-sentinelhub: search"].state is State.FAIL
    assert not asked.hearing.documents
    assert "h.9.token" not in (tmp_path / "documents" / "cdse-sentinelhub-search.txt").read_text()
