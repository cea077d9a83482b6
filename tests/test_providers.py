"""One simulated archive through every kind of provider: the same sites, what it costs, limits, and secrets."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from fake_hub import Hub, hub
from loopback import Server, quick_http, serving
from scenes import ALWAYS, AREA, GRID, PLACE, SIMULATION, aoi, run_of
from shapely.geometry import mapping
from test_detect import SERIAL, vars_of
from test_safe import write_product
from test_stac import make_item

from pipeline.bands import NAMES, SCL
from pipeline.cli import main
from pipeline.errors import CredentialsRefused, PipelineError, QuotaUsed, SceneError
from pipeline.grid import Grid, Window
from pipeline.run.detect import detect
from pipeline.run.summary import Summary
from pipeline.sites.records import SiteRecord
from pipeline.sources.assets import BandAssets
from pipeline.sources.budget import Budget, totals
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import ReadRules, Scene
from pipeline.sources.ledger import Usage, read_ledger
from pipeline.sources.sentinel_hub.source import sentinel_hub_source
from pipeline.sources.stac import stac_source

RULES = ReadRules.of(SERIAL)
SECRETS = {"LEACHWATCH_SH_CLIENT_ID": "the-client-7f3a", "LEACHWATCH_SH_CLIENT_SECRET": "the-secret-91bc"}


@pytest.fixture(scope="module")
def first(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    found = detect(
        run_of(AREA, FolderSource(scenes, simulation=SIMULATION), SERIAL, ALWAYS, tmp_path_factory.mktemp("out"))
    )
    assert found.sites
    return found


@contextmanager
def api(scenes: Path) -> Iterator[Server]:
    """The archive behind a STAC API, two items a page."""
    with serving(scenes) as server:
        for path in sorted((scenes / "stac").rglob("*.json")):
            item = json.loads(path.read_text())
            if item["type"] == "Feature":
                for asset in item["assets"].values():
                    asset["href"] = f"{server.url}/{(path.parent / asset['href']).resolve().relative_to(scenes)}"
                server.items.append({**item, "links": []})
        yield server


@contextmanager
def sentinel_hub(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The archive behind a Sentinel Hub."""
    source = FolderSource(scenes, simulation=SIMULATION)
    listed = source.search(AREA, ALWAYS).scenes

    def pixels(epsg, bbox, width, height, bands, begin, end) -> np.ndarray:
        window = Window(round(-bbox[3] / 10), round(bbox[0] / 10), height, width)
        first, last = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (begin, end))
        shown = [s for s in listed if first <= s.time_utc.replace(tzinfo=first.tzinfo) <= last + timedelta(seconds=1)]
        raster = source.read(shown, Grid(epsg), window)
        planes = dict(zip(NAMES, np.round(raster.reflectance.clip(0) * 10_000), strict=True))
        planes |= {SCL: raster.scl, "dataMask": raster.valid}
        return np.stack([planes[name] for name in bands]).astype(np.uint16)

    documents = [json.loads(path.read_text()) for path in (scenes / "stac").rglob("*.json")]
    cloud = {
        item["properties"]["datetime"][:10]: item["properties"]["eo:cloud_cover"]
        for item in documents
        if item["type"] == "Feature"
    }
    items = [
        {
            "id": scene.id,
            "collection": "sentinel-2-l2a",
            "geometry": mapping(scene.footprint),
            "properties": {
                "datetime": scene.time_utc.isoformat(),
                "platform": scene.platform,
                "eo:cloud_cover": cloud[f"{scene.time_utc:%Y-%m-%d}"],
            },
        }
        for scene in listed
    ]
    with hub(pixels, items) as server:
        server.secrets = {SECRETS["LEACHWATCH_SH_CLIENT_ID"]: SECRETS["LEACHWATCH_SH_CLIENT_SECRET"]}
        monkeypatch.setenv("LEACHWATCH_SH_BASE_URL", server.url)
        monkeypatch.setenv("LEACHWATCH_SH_TOKEN_URL", f"{server.url}/auth/token")
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        yield server


def alike(records: tuple[SiteRecord, ...]) -> list[dict[str, object]]:
    """What two providers must agree on to the letter."""
    numbers = {"pond_area_m2", "pond_area_low_m2", "pond_area_high_m2", "ground_area_m2", "confidence"}
    own = {"source", "run_id", "simulated", "polygon", "ponds", "looks"} | numbers
    return [{k: v for k, v in vars_of(record).items() if k not in own} for record in records]


def test_a_searchable_catalogue_over_http_gives_the_same_sites(first: Summary, scenes: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with api(scenes) as server:
        source = stac_source(f"{server.url}/api", RULES, lambda name, ms: quick_http(name, ms, ledger))
        told = detect(run_of(AREA, source, SERIAL, ALWAYS, tmp_path / "out"))
        assert told.error is None
        own = {"source": "", "run_id": "", "simulated": None}
        assert [{**vars_of(s), **own} for s in told.sites] == [{**vars_of(s), **own} for s in first.sites]
        assert totals(read_ledger(ledger))["stac"].n_bytes == server.sent  # every byte stands in the ledger


def test_sentinel_hub_gives_the_same_sites(
    first: Summary, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with sentinel_hub(scenes, monkeypatch) as server:
        source = sentinel_hub_source("cdse", RULES, lambda name, ms: quick_http(name, ms, ledger))
        told = detect(run_of(AREA, source, SERIAL, ALWAYS, tmp_path / "out"))
        assert told.error is None
        assert alike(told.sites) == alike(first.sites)
        for one, other in zip(told.sites, first.sites, strict=True):
            assert one.pond_area_m2 == pytest.approx(other.pond_area_m2, rel=0.01)
            assert one.ground_area_m2 == pytest.approx(other.ground_area_m2, rel=0.01)
        assert totals(read_ledger(ledger))["cdse-sentinelhub"].pu == pytest.approx(1.5 * len(server.processed))


def test_products_as_esa_ships_them_give_the_same_sites(scenes: Path, tmp_path: Path) -> None:
    """Against GeoTIFFs whose 20 m bands lie in 20 m pixels of the same corner; those of the archive need not."""
    for path in scenes.glob("*.tif"):
        with rasterio.open(path) as file:
            numbers, profile, tags, offset = file.read(), file.profile, file.tags(), file.offsets[0]
            scales, offsets, names = file.scales, file.offsets, file.descriptions
        numbers[4:] = numbers[4:, ::2, ::2].repeat(2, 1).repeat(2, 2)
        copied = tmp_path / "tiffs" / path.name
        copied.parent.mkdir(exist_ok=True)
        with rasterio.open(copied, "w", **profile) as file:
            file.write(numbers)
            file.scales, file.offsets, file.descriptions = scales, offsets, names
            file.update_tags(datetime=tags["datetime"], platform=tags["platform"])
        t = profile["transform"]
        window = Window(round(-t.f / 10), round(t.c / 10), *numbers.shape[1:])
        planes = {
            name: plane if number < 4 else plane[::2, ::2]
            for number, (name, plane) in enumerate(zip((*NAMES, SCL), numbers, strict=True))
        }
        spacecraft, baseline = f"Sentinel-2{tags['platform'][-1]}", "05.10" if offset else "03.01"
        root = tmp_path / "products" / f"{tags['platform']}_MSIL2A_{path.stem}_20260101T000000.SAFE"
        write_product(root, planes, window, tags["datetime"], spacecraft, baseline, round(offset * 10_000) or None)
    found = [
        detect(
            run_of(
                AREA,
                FolderSource(tmp_path / kind, decoded=tmp_path / "decoded"),
                SERIAL,
                ALWAYS,
                tmp_path / f"out-{kind}",
            )
        )
        for kind in ("tiffs", "products")
    ]
    assert found[0].sites
    own = {"run_id": ""}
    assert [{**vars_of(s), **own} for s in found[0].sites] == [{**vars_of(s), **own} for s in found[1].sites]


def command(scenes: Path, out: Path, source: str, which: str, *words: str) -> list[str]:
    (scenes / "aoi.geojson").write_text(
        json.dumps({"type": "Feature", "properties": {}, "geometry": mapping(AREA.polygon)})
    )
    config = scenes / "quick.toml"
    config.write_text(
        "[http]\nmax_attempts = 2\ntotal_timeout_s = 5\nmax_wait_s = 0.3\nconnect_timeout_s = 2\nread_timeout_s = 2\n"
    )
    begin = ["detect", "--aoi", str(scenes / "aoi.geojson"), "--source", source, "--scenes", which, "--workers", "1"]
    return [*begin, "--out", str(out), "--archive", str(out / "archive"), "--config", str(config), *words]


def left_behind(out: Path) -> str:
    """Everything a run wrote, names included."""
    return "".join(f"{path} {path.read_bytes()!r}" for path in sorted(out.rglob("*")) if path.is_file())


def test_a_run_leaves_no_secret_behind(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with sentinel_hub(scenes, monkeypatch) as server:
        assert main(command(scenes, tmp_path / "fine", "sentinelhub", "cdse", "--to", "2024-11")) in (0, 3)
        server.secrets = {}
        server.valid.clear()
        monkeypatch.setenv("LEACHWATCH_SH_CLIENT_SECRET", "another-secret-55aa")
        assert main(command(scenes, tmp_path / "refused", "sentinelhub", "cdse")) == 5
        tokens = {one.bearer for one in server.asked if one.bearer}
    said = "".join(capfd.readouterr())
    assert "refuses the client id and secret; set LEACHWATCH_SH_CLIENT_ID" in said
    assert tokens
    for secret in (*SECRETS.values(), "another-secret-55aa", *tokens):
        assert secret not in said
        assert secret not in left_behind(tmp_path)


def test_missing_credentials_end_with_5_and_say_where_to_get_them(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LEACHWATCH_SH_CLIENT_ID", "LEACHWATCH_SH_CLIENT_SECRET", "SH_CLIENT_ID", "SH_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert main(command(scenes, tmp_path / "out", "sentinelhub", "cdse")) == 5
    said = capsys.readouterr().err
    assert "https://shapps.dataspace.copernicus.eu/dashboard/" in said
    assert said.count("\n") == 1


def test_a_limit_ends_with_4_and_the_next_run_goes_on(
    first: Summary, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sentinel_hub(scenes, monkeypatch):
        out = tmp_path / "out"
        assert main(command(scenes, out, "sentinelhub", "cdse", "--max-pu", "4")) == 4
        assert "the limit of 4 processing units for this run (--max-pu, --max-gb) is reached" in capsys.readouterr().err
        manifest = json.loads((out / "manifest.json").read_text())
        done = len(manifest["looks"])
        assert 0 < done < len({k.overpass for k in first.looks})
        assert done + len(manifest["failed_units"]) == len({k.overpass for k in first.looks})
        spent = totals(read_ledger(out / "archive" / "ledger.jsonl"))["cdse-sentinelhub"].pu
        assert 4 <= spent < 4 + 2 * 1.5
        assert main(command(scenes, out, "sentinelhub", "cdse")) == 0
        assert len(json.loads((out / "manifest.json").read_text())["looks"]) == len({k.overpass for k in first.looks})


def test_where_a_catalogue_fails_the_next_gives_the_scene_and_says_so(
    first: Summary, scenes: Path, tmp_path: Path
) -> None:
    from pipeline.sources.failover import FailoverSource

    with api(scenes) as broken, api(scenes) as sound:
        sources = [stac_source(f"{server.url}/api", RULES, quick_http) for server in (broken, sound)]
        both = FailoverSource((replace(sources[0], provider="first"), replace(sources[1], provider="second")))
        broken.faults += [lambda path: (404, {}, b"gone") if path.endswith(".tif") else None] * 1000
        told = detect(run_of(AREA, both, SERIAL, ALWAYS, tmp_path))
        assert told.error is None
        own = {"source": "", "run_id": "", "simulated": None}
        assert [{**vars_of(s), **own} for s in told.sites] == [{**vars_of(s), **own} for s in first.sites]
        notes = [
            note for look in json.loads((tmp_path / "manifest.json").read_text())["looks"] for note in look["notes"]
        ]
        assert len(notes) == len({k.overpass for k in first.looks})
        assert all("read from second, because first: " in note and "status 404" in note for note in notes)
        broken.faults[:] = [lambda path: (500, {}, b"") if path == "/api/search" else None] * 10
        searched = both.search(AREA, ALWAYS)
        assert len(searched.scenes) == len(told.search.scenes)
        assert [r.id for r in searched.refusals] == ["first"]


def test_whoever_lists_an_acquisition_and_however_it_is_signed_no_look_is_made_again(
    first: Summary, scenes: Path, tmp_path: Path
) -> None:
    from pipeline.sources.failover import FailoverSource

    with api(scenes) as one, api(scenes) as other:
        for item in other.items:
            item["id"] = f"S2_{item['id']}_other"
        sources = [stac_source(f"{server.url}/api", RULES, quick_http) for server in (one, other)]
        both = FailoverSource((replace(sources[0], provider="first"), replace(sources[1], provider="second")))
        made = detect(run_of(AREA, both, SERIAL, ALWAYS, tmp_path))
        assert sum(look.computed for look in made.looks) == len({k.overpass for k in first.looks})
        one.faults[:] = [lambda path: (500, {}, b"") if path == "/api/search" else None] * 10
        down = detect(run_of(AREA, both, SERIAL, ALWAYS, tmp_path))
        assert {scene.provider for scene in down.search.scenes} == {"second"}
        one.faults.clear()
        for item in (*one.items, *other.items):
            item["properties"]["updated"] = "2026-11-26T00:00:00Z"
            for asset in item["assets"].values():
                asset["href"] += "?signature=new"
        signed = detect(run_of(AREA, both, SERIAL, ALWAYS, tmp_path))
        for again in (down, signed):
            assert again.exit_code == 0
            assert len(again.asked) == len({k.overpass for k in first.looks})
            assert not any(look.computed for look in again.looks)
            assert again.sites == made.sites


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ((CredentialsRefused("no key"), CredentialsRefused("no id")), 5),
        ((QuotaUsed("all gone"), QuotaUsed("gone")), 4),
        ((CredentialsRefused("no key"), SceneError("gone")), SceneError.exit_code),
    ],
)
def test_where_all_providers_fail_alike_the_run_ends_as_with_one(failures, code: int, monkeypatch) -> None:
    from pipeline.sources.failover import FailoverSource

    one, other = (replace(stac_source("earthsearch", RULES, quick_http), provider=name) for name in ("first", "second"))

    def read(self, *_: object):
        raise failures[self.provider == "second"]

    monkeypatch.setattr(type(one), "read", read)
    scene = Scene("a", datetime(2024, 2, 5, tzinfo=UTC), "S2A", BandAssets(()), AREA.polygon, True, "first")
    both = replace(scene, others=(replace(scene, provider="second"),))
    with pytest.raises(PipelineError, match=f"first: {failures[0]}; second: {failures[1]}") as caught:
        FailoverSource((one, other)).read([both], GRID, PLACE)
    assert caught.value.exit_code == code


def test_clouded_windows_cost_next_to_nothing(tmp_path: Path) -> None:
    """Three of five overpasses under cloud: of what all five cost when all is read, the two clear ones and a little."""
    days = [date(2024, 2, day) for day in (5, 10, 15, 20, 25)]
    spent = {}
    with serving(tmp_path) as server:
        items = [make_item(tmp_path, day, href=server.url, classes=9 if k < 3 else 4) for k, day in enumerate(days)]
        server.items = [item.to_dict(include_self_link=False) for item in items]
        for unclear in (RULES.unclear, ()):
            source = stac_source(f"{server.url}/api", replace(RULES, unclear=unclear), quick_http)
            listed, before = source.search(aoi(), ALWAYS).scenes, server.sent
            for scene in listed:
                source.read([scene], GRID, PLACE)
            spent[unclear] = server.sent - before
    assert 0.4 < spent[RULES.unclear] / spent[()] < 0.5


def test_what_a_catalogue_will_cost_is_known_before(tmp_path: Path) -> None:
    days = [date(2024, 2, day) for day in (5, 10, 15, 20, 25)]
    with serving(tmp_path) as server:
        items = [make_item(tmp_path, day, href=server.url, classes=9 if k < 3 else 4) for k, day in enumerate(days)]
        server.items = [item.to_dict(include_self_link=False) for item in items]
        source = stac_source(f"{server.url}/api", RULES, quick_http)
        listed, windows = source.search(aoi(), ALWAYS).scenes, [PLACE, PLACE.grown(16)]
        prices = [source.price([scene], GRID, windows) for scene in listed]
        before = server.sent
        for scene in listed:
            for window in windows:
                source.read([scene], GRID, window)
        spent = server.sent - before
    assert sum(price.usage.n_bytes for price in prices) == pytest.approx(spent, rel=0.1)
    assert [price.read_px for price in prices] == [0, 0, 0, *[sum(window.area_px for window in windows)] * 2]
    assert [price.clear_share for price in prices] == [0, 0, 0, 1, 1]


def units_by_the_vendors_rule(width: int, height: int, bands: int) -> float:
    """As their documentation has it: 1 for 512 x 512 px of three bands of 16 bits, and no request below 0.005."""
    return max(0.005, width * height / 262_144 * bands / 3)


def test_an_estimate_is_what_the_run_then_spends(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stated: list[float] = []

    def state(width: int, height: int, bands: int) -> float:
        stated.append(units_by_the_vendors_rule(width, height, bands))
        return stated[-1]

    with sentinel_hub(scenes, monkeypatch) as server:
        server.pu = state
        words = command(scenes, tmp_path / "out", "sentinelhub", "cdse")
        assert main(["estimate", *words[1:]]) == 0
        told = capsys.readouterr().out
        assert not server.processed
        assert main(words) == 0
        units = float(re.search(r"cost .* ([0-9.]+) processing units", told)[1])
        spent = totals(read_ledger(tmp_path / "out" / "archive" / "ledger.jsonl"))["cdse-sentinelhub"].pu
        assert len(stated) == len(server.processed)
        assert spent == pytest.approx(sum(stated), rel=1e-5)
        assert units == pytest.approx(sum(stated), rel=0.1)
        capsys.readouterr()
        assert main(["estimate", *words[1:], "--max-pu", "4"]) == 0
        assert "7 scenes in 0 overpasses to read" in capsys.readouterr().out


def test_an_estimate_knows_the_limit_of_the_month(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with sentinel_hub(scenes, monkeypatch):
        words = command(scenes, tmp_path / "out", "sentinelhub", "cdse", "--ledger", str(ledger))
        with Path(words[words.index("--config") + 1]).open("a") as config:
            config.write("[spending]\nmonthly_pu = 20\n")
        fit = []
        for spent in (0.0, 19.9):
            Budget(ledger, "another run").spend("cdse-sentinelhub", Usage(1, 0, spent))
            assert main(["estimate", *words[1:]]) == 0
            told = capsys.readouterr().out
            fit.append(int(re.search(r"limit    (\d) of 7 overpasses fit, the clearest first", told)[1]))
    assert fit[0] > fit[1] == 1


def test_a_damaged_ledger_is_told_and_blocks_nothing(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ledger.jsonl").write_text('{"at": "yesterday"}\n')
    words = command(scenes, tmp_path / "out", "folder", str(scenes), "--ledger", str(tmp_path / "ledger.jsonl"))
    assert main(words) == 0
    told = capsys.readouterr()
    assert "1 damaged lines, copied to ledger.damaged" in told.err + told.out


def test_an_estimate_of_own_imagery_costs_nothing(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(scenes, tmp_path / "out", "folder", str(scenes))
    assert main(["estimate", *words[1:]]) == 0
    told = capsys.readouterr().out
    assert "cost     0.0 MB in 0 requests" in told
    assert "7 scenes" in told
