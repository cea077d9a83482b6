"""STAC catalogues: static ones on disk and on loopback, one that can be searched, and what they get wrong."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from loopback import Server, quick_http, serving
from products import write_catalogue
from rasterio.transform import Affine
from scenes import GRID, PLACE, aoi
from shapely.affinity import translate
from shapely.geometry import mapping

from pipeline.bands import NAMES, SCL
from pipeline.cli import main
from pipeline.config import OffsetError, load
from pipeline.errors import InputError, SceneError
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.sources import stac_documents
from pipeline.sources.interface import Period, ReadRules, Refusal, SceneStatus, Search
from pipeline.sources.stac import StacSource, stac_source
from pipeline.sources.versions import newest_versions

RULES = ReadRules.of(load(None))
ALWAYS = Period(None, None)
TILE = Window(PLACE.row - 40, PLACE.col - 60, 240, 320)
BAND_KEYS = dict(zip((*NAMES, SCL), ("blue", "green", "red", "nir", "swir16", "swir22", "scl"), strict=True))
FOREST = dict(zip(NAMES, (0.02, 0.04, 0.02, 0.30, 0.15, 0.07), strict=True))


def write_band(path: Path, name: str, offset: float, classes: int = 4) -> None:
    step = 2 if name in ("B11", "B12", SCL) else 1
    shape = (TILE.height // step, TILE.width // step)
    if name == SCL:
        numbers = np.full(shape, classes)
    else:
        noise = np.random.default_rng(len(name)).integers(0, 60, shape)
        numbers = np.round((FOREST[name] - offset) * 10_000) + noise
    west, _, _, north = TILE.bounds_m
    transform = Affine(10 * step, 0, west, 0, -10 * step, north)
    profile = {"driver": "COG", "count": 1, "dtype": "uint16", "nodata": 0, "crs": GRID.crs, "blocksize": 128}
    with rasterio.open(path, "w", height=shape[0], width=shape[1], transform=transform, **profile) as file:
        file.write(numbers.astype(np.uint16), 1)


def make_item(
    folder: Path, day: date, *, href: str = "", offset: float = 0.0, told: bool = True, classes: int = 4, **more
) -> pystac.Item:
    """An item as Earth Search lists it, one file per band; `offset` is in its numbers, `told` in its metadata."""
    name = more.pop("name", f"S2B_47RLH_{day:%Y%m%d}_0_L2A")
    (folder / name).mkdir(parents=True)
    outline = reprojected(TILE.polygon_m, GRID.crs, LONLAT)
    properties = {"platform": "sentinel-2b", "s2:processing_baseline": "05.11", **more}
    item = pystac.Item(
        name, mapping(outline), list(outline.bounds), datetime(day.year, day.month, day.day, 4, 1, tzinfo=UTC), properties
    )  # fmt: skip
    for band, key in BAND_KEYS.items():
        path = folder / name / f"{key}.tif"
        write_band(path, band, offset, classes)
        extra = {} if band == SCL or not told else {"raster:bands": [{"scale": 0.0001, "offset": offset, "nodata": 0}]}
        item.add_asset(key, pystac.Asset(f"{href or folder}/{name}/{key}.tif", extra_fields=extra))
    return item


def opened(scenes: object) -> StacSource:
    return stac_source(str(scenes), RULES, quick_http)


def found(source: StacSource, period: Period = ALWAYS) -> Search:
    return source.search(aoi(), period)


def read(source: StacSource, search: Search):
    return source.read(search.scenes[:1], GRID, PLACE)


def test_a_static_catalogue_gives_the_reflectance_that_is_in_its_files(tmp_path: Path) -> None:
    items = [make_item(tmp_path, date(2021, 12, 20)), make_item(tmp_path, date(2024, 2, 5), offset=-0.1)]
    source = opened(str(write_catalogue(tmp_path, items)))
    search = found(source)
    assert [(s.id, s.platform, s.has_scl) for s in search.scenes] == [(i.id, "S2B", True) for i in items]
    before, after = (source.read([scene], GRID, PLACE) for scene in search.scenes)
    np.testing.assert_allclose(before.reflectance, after.reflectance, atol=5e-5)  # half a digital number
    for plane, value in zip(before.reflectance, FOREST.values(), strict=True):
        assert abs(plane.mean() - value - 0.003) < 0.001
    assert before.valid.all()
    assert (before.scl == 4).all()


def test_20_m_bands_are_repeated_and_any_window_gives_the_same(tmp_path: Path) -> None:
    source = opened(write_catalogue(tmp_path, [make_item(tmp_path, date(2024, 2, 5))]))
    (scene,) = found(source).scenes
    whole = source.read([scene], GRID, PLACE)
    part = Window(PLACE.row + 7, PLACE.col + 11, 30, 41)
    piece = source.read([scene], GRID, part)
    np.testing.assert_array_equal(piece.reflectance, whole.reflectance[(slice(None), *part.within(PLACE))])
    swir = whole.reflectance[NAMES.index("B11")]
    assert (np.diff(swir, axis=0)[::2] == 0).all()  # the tile begins on an even row, and so does the place
    assert (np.diff(swir, axis=0)[1::2] != 0).any()


def test_where_nothing_is_clear_the_bands_are_not_fetched(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        items = [make_item(tmp_path, date(2024, 2, 5), classes=9), make_item(tmp_path, date(2024, 2, 10))]
        write_catalogue(tmp_path, items)
        source = opened(f"{server.url}/stac/catalog.json")
        clouded, clear = found(source).scenes
        raster = source.read([clouded], GRID, PLACE)
        assert (raster.scl == 9).all()
        assert not [path for _, path in server.asked if "swir" in path or "green" in path]
        source.read([clear], GRID, PLACE)
        assert [path for _, path in server.asked if "swir" in path]


def test_a_catalogue_that_can_be_searched_is_paged_through(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        days = [date(2024, 2, day) for day in (5, 10, 15, 20, 25)]
        server.items = [
            make_item(tmp_path, day, href=server.url, offset=-0.1).to_dict(include_self_link=False) for day in days
        ]
        server.heeds_time = False
        source = opened(f"{server.url}/api")
        search = found(source, Period(date(2024, 2, 1), date(2024, 2, 20)))
        assert [s.time_utc.date() for s in search.scenes] == days[:4]
        name = "S2B_47RLH_20240225_0_L2A"
        assert search.refusals == (Refusal(name, "2024-02-25 is outside the period", status=SceneStatus.NOT_NEEDED),)
        assert len([1 for method, path in server.asked if path == "/api/search"]) == 3
        assert abs(read(source, search).reflectance[2].mean() - 0.023) < 0.001


def test_jpeg_2000_is_read_by_parts_as_well(tmp_path: Path) -> None:
    """As the Copernicus Data Space has it."""
    with serving(tmp_path) as server:
        item = make_item(tmp_path, date(2024, 2, 5), href=server.url)
        server.items = [item.to_dict(include_self_link=False)]
        source = opened(f"{server.url}/api")
        before = read(source, found(source))
        for asset in item.assets.values():
            path = tmp_path / asset.href.removeprefix(f"{server.url}/")
            with rasterio.open(path) as file:
                profile = {**file.profile, "driver": "JP2OpenJPEG", "REVERSIBLE": "YES", "QUALITY": 100}
                numbers = file.read()
            for key in ("compress", "interleave", "tiled", "blockxsize", "blockysize"):
                profile.pop(key, None)
            with rasterio.open(path.with_suffix(".jp2"), "w", **profile) as file:
                file.write(numbers)
            path.unlink()
            asset.href = asset.href.replace(".tif", ".jp2")
        server.items = [item.to_dict(include_self_link=False)]
        after = read(source, found(source))
        np.testing.assert_array_equal(after.reflectance, before.reflectance)
        assert [path for _, path in server.asked if path.endswith("red.jp2")]


def busy(code: int, **headers: str) -> Callable[[str], tuple[int, dict[str, str], bytes] | None]:
    return lambda path: (code, {k.replace("_", "-"): v for k, v in headers.items()}, b"busy")


@pytest.mark.parametrize("fault", [busy(500), busy(503), busy(429, Retry_After="1"), busy(502)])
def test_a_server_that_is_busy_is_asked_again(fault, tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.items = [make_item(tmp_path, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)]
        source = opened(f"{server.url}/api")
        server.faults.append(fault)
        assert len(found(source).scenes) == 1
        server.faults.append(fault)
        assert read(source, found(source)).valid.all()


def test_a_wait_that_a_server_asks_for_is_bounded(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.items = [make_item(tmp_path, date(2024, 2, 5), href=server.url).to_dict(include_self_link=False)]
        source = opened(f"{server.url}/api")
        server.faults += [busy(429, Retry_After="3600"), busy(503, Retry_After="Fri, 31 Dec 2100 23:59:59 GMT")]
        begun = time.monotonic()
        assert len(found(source).scenes) == 1
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"<html>sign in first</html>"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 3]),
        lambda path: path.write_bytes(b"<VRTDataset/>"),
    ],
)
def test_a_band_that_cannot_be_read_is_a_reason_and_never_an_empty_hillside(damage, tmp_path: Path) -> None:
    item = make_item(tmp_path, date(2024, 2, 5))
    source = opened(write_catalogue(tmp_path, [item]))
    search = found(source)
    damage(tmp_path / item.id / "nir.tif")
    with pytest.raises(SceneError, match=f"{item.id}: cannot be read"):
        read(source, search)


@pytest.mark.parametrize(
    ("offset", "told", "says"),
    [(0.0, -0.1, "BOA_ADD_OFFSET was applied twice"), (-0.1, 0.0, "BOA_ADD_OFFSET was not applied")],
)
def test_a_wrong_offset_is_refused_or_corrected_and_noted(offset, told, says, tmp_path: Path) -> None:
    """Numbers with ESA's 1,000 taken off but said to have it, and the other way about (Earth Search, #66 and #71)."""
    item = make_item(tmp_path, date(2024, 2, 5), offset=offset)
    for asset in item.assets.values():
        for band in asset.extra_fields.get("raster:bands", []):
            band["offset"] = told
    path = write_catalogue(tmp_path, [item])
    strict, lenient = (stac_source(str(path), replace(RULES, offset_error=error), quick_http) for error in OffsetError)
    with pytest.raises(SceneError, match=says):
        read(strict, found(strict))
    mended = read(lenient, found(lenient))
    assert [says in note and item.id in note for note in mended.notes] == [True]
    for plane, value in zip(mended.reflectance, FOREST.values(), strict=True):
        assert abs(plane.mean() - value - 0.003) < 0.001


def test_of_two_processings_of_one_acquisition_the_newer_is_used(tmp_path: Path) -> None:
    old = make_item(tmp_path, date(2021, 3, 5), name="S2B_47RLH_20210305_0_L2A", **{"s2:processing_baseline": "02.14"})
    new = make_item(tmp_path, date(2021, 3, 5), name="S2B_47RLH_20210305_1_L2A", **{"s2:processing_baseline": "05.00"})
    search = found(opened(write_catalogue(tmp_path, [new, old])))
    assert [s.id for s in search.scenes] == [new.id]
    reason = f"the same acquisition as {new.id}, which was processed later"
    assert search.refusals == (Refusal(old.id, reason, status=SceneStatus.NOT_NEEDED),)


def test_a_catalogue_from_the_network_names_no_document_here(tmp_path: Path) -> None:
    here = write_catalogue(tmp_path / "here", [make_item(tmp_path / "here", date(2024, 2, 5))])
    assert stac_documents.Documents(str(here), quick_http()).read_text_from_href(str(here))
    with pytest.raises(ValueError, match="names a document on this machine"):
        stac_documents.Documents("https://host/catalog.json", quick_http()).read_text_from_href(str(here))
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "liar", "description": "lies"}
    (tmp_path / "served").mkdir()
    for href in (here.as_uri(), f"file:{here}"):
        content = {**root, "links": [{"rel": "child", "href": href}]}
        (tmp_path / "served" / "catalog.json").write_text(json.dumps(content))
        with serving(tmp_path / "served") as server:
            source = opened(f"{server.url}/catalog.json")
            with pytest.raises(InputError, match="cannot be searched"):
                found(source)


def test_two_times_of_one_acquisition_are_one_wherever_they_fall(tmp_path: Path) -> None:
    path = write_catalogue(tmp_path, [make_item(tmp_path, date(2024, 2, 5))])
    (scene,) = found(opened(str(path))).scenes
    for seconds in (1, 149, 151, 299):
        for shift in range(0, 300, 50):
            early = replace(scene, id="early", time_utc=scene.time_utc + timedelta(seconds=shift))
            late = replace(scene, id="late", time_utc=early.time_utc + timedelta(seconds=seconds))
            used, older = newest_versions([("05.11", early), ("05.10", late)])
            assert [s.id for s in used] == ["early"]
            assert [r.id for r in older] == ["late"]
    for tile, other in (("47QKA", "47QLA"), ("", "")):
        east = replace(scene, id="east", footprint=translate(scene.footprint, 0.9), tile=other)
        assert len(newest_versions([("1", replace(scene, tile=tile)), ("2", east)])[0]) == 2


def test_items_that_cannot_be_used_are_refused_with_the_reason(tmp_path: Path) -> None:
    silent = make_item(tmp_path, date(2024, 2, 5), told=False)
    bandless = make_item(tmp_path, date(2024, 2, 6))
    del bandless.assets["nir"]
    outside = make_item(tmp_path, date(2024, 2, 7), href="/etc")
    nowhere = make_item(tmp_path, date(2024, 2, 8))
    nowhere.geometry = {"type": "Polygon", "coordinates": [[[400, 0], [401, 0], [401, 1], [400, 0]]]}
    foreign = make_item(tmp_path, date(2024, 2, 9))
    foreign.assets["red"].href = "s3://bucket/red.tif"
    path = write_catalogue(tmp_path, [silent, bandless, nowhere, foreign])
    kept = json.loads((path.parent / foreign.id / f"{foreign.id}.json").read_text())
    assert kept["assets"]["red"]["href"] == "s3://bucket/red.tif"
    search = found(opened(str(path)))
    assert not search.scenes
    assert {r.status for r in search.refusals} == {SceneStatus.REFUSED}
    reasons = {r.id: r.reason for r in search.refusals}
    assert "states no scale and offset" in reasons[silent.id]
    assert reasons[bandless.id].startswith("band B08 missing")
    assert "outside of lon/lat" in reasons[nowhere.id]
    assert "unsupported location: s3://bucket/red.tif" in reasons[foreign.id]
    outside_only = found(opened(write_catalogue(tmp_path / "other", [outside])))
    assert [r.reason for r in outside_only.refusals] == ["its file lies outside of the catalogue's folder"]


@pytest.mark.parametrize(
    ("scenes", "says"),
    [
        ("nowhere.json", "neither a catalogue of a known name"),
        ("ftp://host/catalog.json", "begin with https"),
        ("http://127.0.0.1:9/catalog.json?key=secret", "not a STAC catalogue that can be read"),
    ],
)
def test_what_is_no_catalogue_is_told_in_one_line(scenes: str, says: str, capsys, tmp_path: Path) -> None:
    (tmp_path / "quick.toml").write_text("[http]\nmax_attempts = 1\n")
    words = ["--scenes", scenes, "--out", str(tmp_path / "out"), "--config", str(tmp_path / "quick.toml")]
    code = main(["detect", "--aoi", "mong-bawk", "--source", "stac", *words])
    said = capsys.readouterr().err
    assert code == InputError.exit_code
    assert says in said
    assert said.count("\n") == 1


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    for content in ("", "{", "[]", '{"type": "Feature"}', "null", '{"type": "Catalog", "id": 3}'):
        (tmp_path / "catalog.json").write_text(content)
        with pytest.raises(InputError, match="not a STAC catalogue"):
            opened(str(tmp_path / "catalog.json"))


def test_server_counts(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(bytes(range(100)))
    server = Server(tmp_path)
    assert server.response("GET", "/a.tif", "bytes=10-19", b"")[2] == bytes(range(10, 20))
    assert server.response("GET", "/b.tif", None, b"")[0] == 404
