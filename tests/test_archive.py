import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from scenes import PLACE, aoi
from shapely.geometry import shape

from pipeline.bands import NAMES
from pipeline.config import load
from pipeline.progress import Progress
from pipeline.sources.interface import Period, period_of
from pipeline.worlds import archive
from pipeline.worlds.source import simulated_source

SMALL = load(None).simulated.model_copy(update={"worlds": 2, "world_px": 128, "months": 3, "overpasses_per_month": 1})
QUIET = Progress(quiet=True)
ALWAYS = Period(None, None)
WIDE = PLACE.grown(220)


def build(folder: Path, workers: int = 1, settings=SMALL, period: Period = ALWAYS) -> dict[str, bytes]:
    archive.build_archive(folder, aoi(WIDE), settings, period, QUIET, workers=workers)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_archive_is_what_a_users_folder_holds(tmp_path: Path) -> None:
    files = build(tmp_path)
    tiffs = [name for name in files if name.endswith(".tif")]
    assert len(tiffs) == 2 * 3
    with rasterio.open(tmp_path / tiffs[0]) as file:
        assert file.descriptions == (*NAMES, "SCL")
        assert (file.scales[0], file.offsets[0], file.nodata) == (0.0001, -0.1, 0)
        assert file.tags()["simulated"] == "true"
        assert file.tags()["datetime"].endswith("Z")
    truth = json.loads(files["truth.geojson"])
    assert truth["simulated"] is True
    for feature in truth["features"]:
        assert shape(feature["geometry"]).centroid.within(aoi(WIDE).polygon)


def test_scenes_are_cogs_that_a_static_stac_catalogue_lists(tmp_path: Path) -> None:
    files = build(tmp_path)
    catalogue = pystac.Catalog.from_file(str(tmp_path / "stac" / "catalog.json"))
    items = list(catalogue.get_items())
    assert {item.id + ".tif" for item in items} == {name for name in files if name.endswith(".tif")}
    for item in items:
        with rasterio.open(item.assets["scene"].get_absolute_href()) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert item.properties["proj:code"] == f"EPSG:{file.crs.to_epsg()}"
            assert item.properties["proj:transform"] == list(file.transform)[:6]
            assert item.datetime == datetime.fromisoformat(file.tags()["datetime"])
            cloud = np.isin(file.read(7), [8, 9, 10]).mean() * 100
        assert item.properties["eo:cloud_cover"] == pytest.approx(cloud, abs=0.01)
        assert item.properties["simulated"] is True


def test_the_embedded_source_is_an_archive_read_as_a_folder(tmp_path: Path) -> None:
    settings = load(None)
    engine = settings.engine.model_copy(update={"workers": 1})
    settings = settings.model_copy(update={"simulated": SMALL, "engine": engine})
    source = simulated_source(tmp_path / "source", aoi(WIDE), settings, ALWAYS, QUIET)
    found = source.search(aoi(WIDE), ALWAYS)
    built = build(tmp_path / "built")
    assert {scene.id for scene in found.scenes} == {name for name in built if name.endswith(".tif")}
    assert found.refusals == ()
    assert source.simulation


def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path) -> None:
    assert build(tmp_path / "one") == build(tmp_path / "two", workers=2)


def test_a_finished_archive_is_not_built_again_and_a_half_one_is(tmp_path: Path) -> None:
    files = build(tmp_path)
    first = next(tmp_path.glob("*.tif"))
    stamp = first.stat().st_mtime_ns
    build(tmp_path)
    assert first.stat().st_mtime_ns == stamp
    (tmp_path / archive.MARKER).unlink()
    os.truncate(first, 100)
    assert build(tmp_path) == files
    assert build(tmp_path, settings=SMALL.model_copy(update={"seed": 8})) != files


def test_the_period_decides_the_days(tmp_path: Path) -> None:
    files = build(tmp_path, period=period_of("2026-02", "2026-03"))
    assert {name[:6] for name in files if name.endswith(".tif")} == {"202602", "202603"}


def test_a_tiny_area_gets_a_world_that_touches_it(tmp_path: Path) -> None:
    archive.build_archive(tmp_path, aoi(PLACE), SMALL, ALWAYS, QUIET)
    assert len(list(tmp_path.glob("*.tif"))) == 3


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads instead of processes: what is tested is that order and company change no byte."""
    monkeypatch.setattr(archive, "ProcessPoolExecutor", lambda n, mp_context: ThreadPoolExecutor(n))


def test_older_scenes_are_stored_without_an_offset_and_mean_the_same(tmp_path: Path) -> None:
    build(tmp_path, period=period_of("2021-12", "2022-02"))
    darkest: dict[float, list[float]] = {0.0: [], -0.1: []}
    for path in tmp_path.glob("*.tif"):
        with rasterio.open(path) as file:
            numbers = file.read(1)
            late = path.name[:8] >= "20220125"
            assert file.offsets[0] == (-0.1 if late else 0.0)
            darkest[file.offsets[0]].append(float(np.percentile(numbers[numbers > 0], 5) * 1e-4 + file.offsets[0]))
    assert min(darkest[0.0]) == pytest.approx(min(darkest[-0.1]), abs=0.03)  # forest in blue, without cloud


def test_a_part_of_a_scene_may_lie_beyond_the_swath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "EDGE_SHARE", 1.0)
    build(tmp_path)
    shares = []
    for path in tmp_path.glob("*.tif"):
        with rasterio.open(path) as file:
            numbers = file.read()
        blank = (numbers == 0).all(axis=0)
        assert (blank == (numbers[:6] == 0).any(axis=0)).all()  # all bands end together
        shares.append(blank.mean())
    assert all(0.05 < share < 0.95 for share in shares)
