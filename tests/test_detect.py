"""The whole way, from a folder of scenes to files, on a small simulated archive read as a user's own folder."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from loopback import quick_http
from rasterio.features import geometry_mask
from scenes import ALWAYS, AREA, SIMULATION, run_of
from shapely.geometry import box, mapping

from pipeline.aoi import Aoi
from pipeline.config import Settings, load
from pipeline.evaluation.scores import scores
from pipeline.evaluation.sets import case_of_run
from pipeline.evaluation.truth import read_case
from pipeline.grid import LONLAT, Grid, hull, reprojected, window_of
from pipeline.looks.file import LookFile
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR
from pipeline.looks.stack import LookArchive
from pipeline.run.detect import detect
from pipeline.run.spare import known_ground
from pipeline.run.summary import Summary
from pipeline.sites.records import SiteRecord
from pipeline.sites.registry import read_registry
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, ReadRules
from pipeline.sources.stac import stac_source

ROOT = Path(__file__).parent.parent


def settings_with(**sections: dict[str, object]) -> Settings:
    base = load(None)
    merged = {name: getattr(base, name).model_copy(update=changes) for name, changes in sections.items()}
    return base.model_copy(update=merged)


SERIAL = settings_with(engine={"workers": 1})
UNSCREENED = settings_with(engine={"workers": 1}, screen={"enabled": False})


@pytest.fixture(scope="module")
def first(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return look(scenes, tmp_path_factory.mktemp("out"))


def look(
    scenes: Path, out: Path, settings: Settings = SERIAL, simulated: bool = True, period: Period = ALWAYS
) -> Summary:
    source = FolderSource(scenes, name="simulated" if simulated else "folder", simulation=SIMULATION * simulated)
    return detect(run_of(AREA, source, settings, period, out))


def path_of(look: Look) -> Path:
    assert isinstance(look.pixels, LookFile)
    return look.pixels.path


def products(out: Path) -> dict[str, bytes]:
    names = ("sites.geojson", "sites.qml", "sites.gpkg", "coverage.geojson", "manifest.json")
    return {path.name: path.read_bytes() for path in [*(out / name for name in names), registry_in(out)]}


def registry_in(out: Path) -> Path:
    return out / "archive" / f"registry-simulated-{SIMULATION}.json"


def test_sites_are_found_where_they_are(first: Summary, scenes: Path) -> None:
    days = [look.day for look in first.looks]
    case = read_case(first.context.out / "sites.geojson", scenes / "truth.geojson", min(days), max(days))
    found = scores([case], 0.0)
    assert found.found.of >= 1
    assert found.found.value >= 0.5, found.table()
    assert found.true.value >= 0.5, found.table()
    assert first.error is None


def test_evaluation_counts_the_clear_looks_of_a_run_in_its_look_files(
    first: Summary, scenes: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(first.context.out, tmp_path / "out")
    (out / "simulated").mkdir()
    shutil.copy(scenes / "truth.geojson", out / "simulated")
    truth = [site for site in case_of_run(out).truth if site.ponds_from is not None]
    assert any(site.pond_looks for site in truth)
    for site in truth:
        outline = reprojected(site.polygon, LONLAT, Grid(32647).crs)
        seen: Counter[date] = Counter()
        for look in first.looks:
            with rasterio.open(path_of(look)) as file:
                if box(*file.bounds).intersects(outline):
                    inside = geometry_mask([outline], file.shape, file.transform, invert=True)
                    seen[look.day] += int((file.read(3)[inside] == CLEAR).sum())
        clear = [day for day, n in seen.items() if n * 100 >= 0.6 * outline.area and site.state_on(day).has_ponds]
        assert list(site.pond_days) == sorted(clear)
        assert site.pond_looks == len(clear)


def test_simulated_output_says_so_everywhere(first: Summary) -> None:
    assert "SIMULATED" in first.text()
    features = json.loads((first.context.out / "sites.geojson").read_text())["features"]
    assert features
    assert all(f["properties"]["simulated"] is True for f in features)
    assert json.loads((first.context.out / "manifest.json").read_text())["simulated"] is True
    assert "SIMULATED" in (first.context.out / "coverage.geojson").read_text()[:400]


def test_layers_agree_with_the_geojson(first: Summary) -> None:
    sites = json.loads((first.context.out / "sites.geojson").read_text())["features"]
    ids = {f["properties"]["site_id"] for f in sites}
    package = first.context.out / "sites.gpkg"
    assert set(gpd.read_file(package, layer="sites")["site_id"]) == ids
    looks = gpd.read_file(package, layer="looks")
    for feature in sites:
        assert (looks["site_id"] == feature["properties"]["site_id"]).sum() == feature["properties"]["clear_looks"]
    events = gpd.read_file(package, layer="events")
    assert set(events["site_id"]) <= ids
    states = {(row.site_id, f"{row.day:%Y%m%d}"): row.state for row in looks.itertuples()}
    for event in events.itertuples():
        days = [f"{day:%Y%m%d}" for day in (event.after, event.by) if not pd.isna(day)]
        assert [overpass[:8] for overpass in event.evidence.split(", ")] == days
    for feature in sites:
        told = feature["properties"]
        last = states[told["site_id"], told["last_seen"].replace("-", "")]
        assert last in (("ponds", "resumed") if told["ponds_by"] else ("cleared",))


def test_a_scene_that_lies_off_by_the_offset_of_a_baseline_is_left_out_and_told(
    first: Summary, scenes: Path, tmp_path: Path
) -> None:
    """Own files are taken at their word on scale and offset; that one of them is wrong, the others show."""
    clear = sorted((look for look in first.looks if look.clear_share > 0.9), key=lambda look: look.day)
    wrong = clear[len(clear) // 2]
    shutil.copytree(scenes, tmp_path / "scenes", ignore=lambda folder, names: [n for n in names if n == "stac"])
    path = next(path for path in (tmp_path / "scenes").glob("*.tif") if f"{wrong.day:%Y%m%d}" in path.name)
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.offsets = [offset + 0.1 if name != "SCL" else offset
                        for name, offset in zip(file.descriptions, file.offsets, strict=True)]  # fmt: skip
    told = look(tmp_path / "scenes", tmp_path / "out")
    assert [refusal.id.endswith(wrong.overpass) for refusal in told.outliers] == [True]
    assert "BOA_ADD_OFFSET was not applied" in told.outliers[0].reason
    (listed,) = json.loads((told.context.out / "manifest.json").read_text())["outlier_looks"]
    assert listed["reason"] in told.text()
    assert told.exit_code == 0
    assert len({k.overpass for k in told.looks}) == len({k.overpass for k in first.looks}) - 1
    again = look(tmp_path / "scenes", tmp_path / "out")
    assert (again.outliers, products(again.context.out)) == (told.outliers, products(told.context.out))


def test_a_second_run_makes_no_look_and_the_same_bytes(first: Summary, scenes: Path) -> None:
    before = products(first.context.out)
    again = look(scenes, first.context.out)
    assert not any(k.computed for k in again.looks)
    assert products(first.context.out) == before


def test_a_scan_month_by_month_ends_where_one_run_over_all_does(first: Summary, scenes: Path, tmp_path: Path) -> None:
    for last in (date(2024, 12, 31), date(2025, 2, 28), None):
        by_month = look(scenes, tmp_path, period=Period(None, last))
    assert products(tmp_path)["coverage.geojson"] == products(first.context.out)["coverage.geojson"]
    told = [{**vars_of(record), "earlier_dates": None, "site_id": "", "parent": None} for record in by_month.sites]
    assert told == [{**vars_of(record), "earlier_dates": None, "site_id": "", "parent": None} for record in first.sites]
    assert list(tmp_path.rglob("cells/*.cells"))


def vars_of(record: SiteRecord) -> dict[str, object]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def test_a_look_that_changed_on_disk_is_read_again(scenes: Path, tmp_path: Path) -> None:
    whole = look(scenes, tmp_path, UNSCREENED)
    victim = path_of(whole.looks[0])
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 255
    victim.write_bytes(content)
    again = look(scenes, tmp_path, UNSCREENED)
    assert [path_of(k) for k in again.looks if k.computed] == [victim]
    assert again.sites == whole.sites


def test_workers_windows_and_blocks_change_no_byte_of_the_sites(first: Summary, scenes: Path, tmp_path: Path) -> None:
    other = settings_with(engine={"workers": 2}, segment={"window_px": 320, "batch": 3}, grid={"block_px": 1024})
    look(scenes, tmp_path / "out", other)
    one, two = (json.loads((p / "sites.geojson").read_text()) for p in (first.context.out, tmp_path / "out"))
    for feature in (*one["features"], *two["features"]):
        del feature["properties"]["run_id"]  # names the settings as well
    assert one == two


def test_the_same_scenes_listed_by_a_catalogue_give_the_same_sites(
    first: Summary, scenes: Path, tmp_path: Path
) -> None:
    source = stac_source(str(scenes / "stac" / "catalog.json"), ReadRules.of(SERIAL), quick_http)
    assert source.simulation
    told = detect(run_of(AREA, source, SERIAL, ALWAYS, tmp_path))
    assert told.error is None
    assert len(told.looks) == len(first.looks)
    own = {"source": "", "run_id": ""}
    assert [{**vars_of(s), **own} for s in told.sites] == [{**vars_of(s), **own} for s in first.sites]
    assert registry_in(tmp_path).is_file()


def test_two_areas_that_overlap_agree_where_they_do(first: Summary, scenes: Path, tmp_path: Path) -> None:
    (north, south), west, east = AREA.polygon.bounds[1::2], *AREA.polygon.bounds[::2]
    half = box(west + 0.3 * (east - west), min(north, south), east, max(north, south))
    other = Aoi("other", "Other", "OTH", half)
    source = FolderSource(scenes, name="simulated", simulation=SIMULATION)
    told = detect(run_of(other, source, SERIAL, ALWAYS, tmp_path))
    shared = [s for s in first.sites if half.buffer(-0.01).contains(s.polygon)]
    assert shared
    alike = {s.polygon.wkb: s for s in told.sites}
    for site in shared:
        twin = alike[site.polygon.wkb]
        own = {"site_id": "", "run_id": ""}
        assert {**vars_of(site), **own} == {**vars_of(twin), **own}
    outer = [s for s in told.sites if half.buffer(-0.01).contains(s.polygon)]
    assert len(outer) == len(shared)


def test_a_threshold_renames_nothing_and_makes_no_look(first: Summary, scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(first.context.out, out)
    names = {s.site_id: s.polygon for s in first.sites}
    changed = settings_with(engine={"workers": 1}, sites={"pond_fraction": 0.4, "min_confidence": 0.3})
    later = look(scenes, out, changed)
    assert not any(k.computed for k in later.looks)
    for record in later.sites:
        for name, polygon in names.items():
            if polygon.intersection(record.polygon).area > 0.5 * polygon.area:
                assert record.site_id == name


def test_a_new_scene_costs_only_its_own_look(scenes: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(scenes, few)
    held_back = sorted(few.glob("*.tif"))[-1]
    kept = held_back.read_bytes()
    held_back.unlink()
    before = look(few, tmp_path / "out")
    held_back.write_bytes(kept)
    after = look(few, tmp_path / "out")
    assert 0 < sum(k.computed for k in after.looks) <= len(after.looks) - len(before.looks) + 4


def test_coverage_tells_every_cell_and_month_seen_or_not(first: Summary) -> None:
    features = json.loads((first.context.out / "coverage.geojson").read_text())["features"]
    months = {f["properties"]["month"] for f in features}
    cells = {f["properties"]["cell"] for f in features}
    assert len(months) == 7
    assert len(cells) == len(list(AREA.windows(load(None).coverage.cell_px)))
    assert len(features) == len(months) * len(cells)
    assert any(f["properties"]["clear_looks"] > 0 for f in features)
    for feature in features:
        values = feature["properties"]
        assert 0 <= values["share_seen"] <= 1
        assert values["clear_looks"] <= values["looks"]


def test_a_broken_scene_is_recorded_and_the_rest_goes_on(first: Summary, scenes: Path, tmp_path: Path) -> None:
    some = tmp_path / "scenes"
    shutil.copytree(scenes, some)
    (some / "20241111_truncated.tif").write_bytes(next(some.glob("*.tif")).read_bytes()[:20_000])
    broken = sorted(some.glob("*_w00.tif"))[2]
    content = bytearray(broken.read_bytes())
    with rasterio.open(broken) as file:
        at = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=3))
    content[at : at + 300] = b"\xff" * 300
    broken.write_bytes(content)
    summary = look(some, tmp_path / "out")
    assert summary.exit_code == 6
    assert any("truncated" in r.reason or "not a readable" in r.reason for r in summary.refused)
    assert {failure.reason.split(":")[0] for failure in summary.failures} == {broken.name}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert len(manifest["failed_units"]) == len(summary.failures)
    assert summary.looks
    whole = next(p for p in scenes.glob("*.tif") if p.name == broken.name)
    broken.write_bytes(whole.read_bytes())
    mended = look(some, tmp_path / "out")
    assert mended.exit_code == 0
    assert sum(k.computed for k in mended.looks) <= 2 * len(summary.failures) + 2


def test_clouded_scenes_alone_are_nothing_observed(scenes: Path, tmp_path: Path) -> None:
    some = tmp_path / "scenes"
    some.mkdir()
    with rasterio.open(next(scenes.glob("*.tif"))) as file:
        profile, numbers, tags = file.profile, file.read(), file.tags()
        names, scales, offsets = file.descriptions, file.scales, file.offsets
    numbers[-1] = 9
    profile = {k: v for k, v in profile.items() if k != "blockysize"}
    with rasterio.open(some / "20250105.tif", "w", **profile) as file:
        file.write(numbers)
        file.descriptions, file.scales, file.offsets = names, scales, offsets
        file.update_tags(datetime=tags["datetime"])
    summary = look(some, tmp_path / "out", simulated=False)
    assert summary.exit_code == 3
    assert "no clear pixel" in (summary.error or "")
    assert (tmp_path / "out" / "archive" / "registry.json").is_file()  # real and simulated names never mix


def test_a_full_disk_is_one_line_and_what_was_done_is_kept(scenes: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    area = tmp_path / "area.geojson"
    area.write_text(json.dumps(mapping(AREA.polygon)))
    command = [sys.executable, "-m", "pipeline", "detect", "--aoi", str(area), "--source", "folder",
               "--scenes", str(scenes), "--out", str(tmp_path / "out"), "--workers", "1"]  # fmt: skip

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=200, cwd=ROOT, check=False, preexec_fn=limited,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    assert "disk is full" in done.stderr
    assert not list((tmp_path / "out").rglob("*.part*"))


def test_the_state_of_a_site_is_dated_by_looks_alone(first: Summary) -> None:
    for record in first.sites:
        assert isinstance(record.ground_by, date)
        assert record.ground_after is None or record.ground_after < record.ground_by
        assert record.last_clear is not None
        assert np.isfinite(record.pond_area_m2)
        assert record.pond_area_low_m2 <= record.pond_area_m2 <= record.pond_area_high_m2
        assert reprojected(record.polygon, LONLAT, Grid(32647).crs).area > 0


def same(records: Iterable[SiteRecord]) -> list[dict[str, object]]:
    """All that is said of sites but by which run."""
    return [{**vars_of(record), "run_id": ""} for record in records]


def test_without_the_screen_all_clear_ground_is_looked_at_and_the_same_is_said(
    first: Summary, scenes: Path, tmp_path: Path
) -> None:
    whole = look(scenes, tmp_path, UNSCREENED)
    assert not any(k.screened for k in whole.looks)
    assert "screened" not in whole.text()
    assert any(k.screened for k in first.looks)
    assert "squares of 640 m that could hold no part of a site" in first.text()
    assert same(whole.sites) == same(first.sites)
    assert products(tmp_path)["coverage.geojson"] == products(first.context.out)["coverage.geojson"]


def test_what_was_screened_out_is_looked_at_by_a_run_without_the_screen_and_never_again(
    scenes: Path, tmp_path: Path
) -> None:
    screened = look(scenes, tmp_path)
    whole = look(scenes, tmp_path, UNSCREENED)
    assert any(k.computed for k in whole.looks)
    assert same(whole.sites) == same(screened.sites)
    stack = LookArchive(whole.looks, 512).stack(hull([k.extent for k in whole.looks]))
    np.testing.assert_array_equal(stack.clear, stack.seen)
    assert not any(k.computed for k in look(scenes, tmp_path).looks)


def test_no_look_stays_screened_on_the_ground_of_a_site(first: Summary) -> None:
    archive = LookArchive(first.looks, 512)
    everywhere = archive.stack(hull([k.extent for k in first.looks]))
    assert (everywhere.clear != everywhere.seen).any()
    assert first.sites
    for site in first.sites:
        stack = archive.stack(window_of(reprojected(site.polygon, LONLAT, "EPSG:32647").bounds))
        np.testing.assert_array_equal(stack.clear, stack.seen)


def test_a_closer_look_that_fails_is_told_as_any_other(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.run import detect as detection
    from pipeline.run.looks import MadeLooks
    from pipeline.sources.interface import Refusal

    usual = detection.make_looks

    def failing(*parts: object) -> object:
        failed = MadeLooks(failures=(Refusal("closer", "cannot be read", 6),))
        return failed if "Looking closer" in parts else usual(*parts)

    monkeypatch.setattr(detection, "make_looks", failing)
    told = look(scenes, tmp_path)
    assert [failure.id for failure in told.failures] == ["closer"]
    assert told.exit_code == 6


def test_only_sites_around_the_area_are_known_ground(first: Summary) -> None:
    registry = read_registry(first.context.archive.registry)
    near = known_ground(registry, AREA)
    assert near
    elsewhere = Aoi("far", "Far", "FAR", box(-60.1, -10.1, -60.0, -10.0))
    assert known_ground(registry, elsewhere) == set()  # a territory so far off has no place on the grid
