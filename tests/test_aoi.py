import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, mapping
from strategies import boxes, rings

from pipeline import resources
from pipeline.aoi import list_aois, read_aoi
from pipeline.errors import AoiError
from pipeline.grid import Window

SQUARE = [[99.0, 21.0], [99.1, 21.0], [99.1, 21.1], [99.0, 21.1], [99.0, 21.0]]


def save(path: Path, geometry: object, **members: object) -> str:
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": geometry, **members}))
    return str(path)


def polygon(*rings: object) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def test_the_aois_that_come_with_it_have_known_areas_and_unique_prefixes() -> None:
    aois = {aoi.name: aoi for aoi in list_aois()}
    assert {"kachin", "shan", "wa", "pangwa", "momauk", "mong-bawk", "mong-yawn", "mong-yawng", "hpakant"} == set(aois)
    assert aois["kachin"].area_km2 == pytest.approx(87_971, rel=0.01)
    assert aois["shan"].area_km2 == pytest.approx(154_583, rel=0.01)
    assert len({aoi.prefix for aoi in aois.values()}) == len(aois)
    paths = list(resources.shipped("aoi").glob("*.geojson"))
    assert {path.stem for path in paths} == set(aois)
    for path in paths:
        properties = json.loads(path.read_text())["features"][0]["properties"]
        assert {"name", "title", "prefix", "source", "note"} <= set(properties)


@settings(max_examples=20, deadline=None)
@given(rings)
def test_any_ring_is_repaired_or_refused_in_one_line(tmp_path_factory, points) -> None:
    path = tmp_path_factory.mktemp("aoi") / "ring.geojson"
    try:
        aoi = read_aoi(save(path, polygon(points)))
    except AoiError as error:
        assert "\n" not in str(error)
        return
    assert aoi.polygon.is_valid
    repaired = shapely.make_valid(Polygon(points))
    assert aoi.polygon.area == pytest.approx(repaired.area, rel=1e-6)


def test_a_self_crossing_ring_is_repaired(tmp_path: Path) -> None:
    bow = [[99.0, 21.0], [99.1, 21.1], [99.1, 21.0], [99.0, 21.1], [99.0, 21.0]]
    aoi = read_aoi(save(tmp_path / "bow.geojson", polygon(bow)))
    assert aoi.polygon.is_valid
    assert aoi.polygon.area == pytest.approx(0.005)


def test_another_crs_is_reprojected_when_the_file_names_it(tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32647"}}
    ring = [
        [500_000, 2_400_000],
        [510_000, 2_400_000],
        [510_000, 2_410_000],
        [500_000, 2_410_000],
        [500_000, 2_400_000],
    ]
    aoi = read_aoi(save(tmp_path / "utm.geojson", polygon(ring), crs=crs))
    assert aoi.area_km2 == pytest.approx(100, rel=0.01)


def _with_crs(name: str) -> str:
    crs = '{"properties": {"name": "' + name.replace('"', '\\"') + '"}}'
    return f'{{"type": "Polygon", "crs": {crs}, "coordinates": [[[99, 21], [99.1, 21], [99, 21.1]]]}}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not GeoJSON"),
        ('{"type": 3}', "not GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "no polygon"),
        ('{"type": "FeatureCollection"}', "broken GeoJSON"),
        ('{"type": "Feature", "geometry": null}', "no polygon"),
        ('{"type": "Point", "coordinates": [99, 21]}', "no polygon"),
        ('{"type": "Polygon", "coordinates": []}', "no polygon"),
        ('{"type": "Polygon", "coordinates": [[[99, 21], [99, 21]]]}', "broken GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[["a", 21], [99, 22], [98, 22]]]}', "broken GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 21], [99, 22], [98, 22]]]}', "not JSON"),
        ('{"type": "Polygon", "coordinates": [[[1e999, 21], [99, 22], [98, 22]]]}', "finite"),
        ('{"type": "Polygon", "coordinates": [[[99, 21], [99.00001, 21], [99, 21.00001]]]}', "less than"),
        (
            '{"type": "Polygon", "coordinates": [[[500000, 2400000], [510000, 2400000], [500000, 2410000]]]}',
            "projected",
        ),
        ('{"type": "Polygon", "coordinates": [[[-179, 1], [179, 1], [179, 2]]]}', "antimeridian"),
        ('{"type": "Polygon", "coordinates": [[[179, 1], [181, 1], [180, 2]]]}', "antimeridian"),
        ('{"type": "Polygon", "coordinates": [[[10, 84], [11, 84], [10, 85]]]}', "80"),
        ('{"type": "Polygon", "coordinates": [[[10, 4], [60, 4], [10, 5]]]}', "wide"),
        ('{"type": "Polygon", "crs": 7, "coordinates": [[[99, 21], [99.1, 21], [99, 21.1]]]}', "crs"),
        (f'{{"type": "Polygon", "coordinates": [[[{"9" * 401}, 21], [99, 22], [98, 22]]]}}', "broken GeoJSON"),
        (f'{{"type": "Point", "coordinates": [{"9" * 401}, 21]}}', "broken GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[], [[99, 21], [99.1, 21], [99, 21.1]]]}', "hole"),
        (_with_crs('LOCAL_CS["x",UNIT["metre",1]]'), "crs"),
        (_with_crs("\\ud800"), "crs"),
        ('{"type": "FeatureCollection"}', "no 'features'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "area.geojson"
    path.write_text(text)
    with pytest.raises(AoiError) as error:
        read_aoi(str(path))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_title_that_no_file_can_hold_is_escaped(tmp_path: Path) -> None:
    path = tmp_path / "area.geojson"
    path.write_text(
        '{"type": "Feature", "properties": {"title": "\\ud800x"}, "geometry": '
        '{"type": "Polygon", "coordinates": [[[99, 21], [99.1, 21], [99, 21.1]]]}}'
    )
    assert read_aoi(str(path)).title == "\\ud800x"


def _density(tmp_path: Path, *properties: object, **members: object) -> float | None:
    """What an AOI of so many features states."""
    features = [{"type": "Feature", "properties": of, "geometry": polygon(SQUARE)} for of in properties]
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}))
    return read_aoi(str(path)).sites_per_1000_km2


def test_an_aoi_states_its_density_of_sites_or_does_not(tmp_path: Path) -> None:
    assert _density(tmp_path, {}) is None
    assert _density(tmp_path, None, {"sites_per_1000_km2": None}) is None
    assert _density(tmp_path, {"sites_per_1000_km2": 14}) == 14.0
    assert _density(tmp_path, {}, {"sites_per_1000_km2": 0.3}) == 0.3
    assert _density(tmp_path, {}, sites_per_1000_km2=2.5) == 2.5
    assert _density(tmp_path, {"sites_per_1000_km2": 2.5}, sites_per_1000_km2=2.5) == 2.5
    feature = save(tmp_path / "feature.geojson", polygon(SQUARE), properties={"sites_per_1000_km2": 7})
    assert read_aoi(feature).sites_per_1000_km2 == 7.0
    assert read_aoi(save(tmp_path / "member.geojson", polygon(SQUARE), sites_per_1000_km2=8)).sites_per_1000_km2 == 8.0


@pytest.mark.parametrize("value", [0, -1, True, "2", [2], 1e999, float("nan"), 10**400, 2e6])
def test_a_density_that_is_none_is_refused_in_one_line(tmp_path: Path, value: object) -> None:
    with pytest.raises(AoiError, match=r"sites_per_1000_km2 is|not JSON") as error:
        _density(tmp_path, {"sites_per_1000_km2": value})
    assert "\n" not in str(error.value)


def test_two_densities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AoiError, match="sites_per_1000_km2 is 2 and 3; an AOI has one density"):
        _density(tmp_path, {"sites_per_1000_km2": 3}, {"sites_per_1000_km2": 2})


def test_the_density_is_no_part_of_what_an_aoi_is(tmp_path: Path) -> None:
    plain = read_aoi(save(tmp_path / "plain.geojson", polygon(SQUARE)))
    stated = read_aoi(save(tmp_path / "stated.geojson", polygon(SQUARE), sites_per_1000_km2=2))
    assert stated.digest == plain.digest


def test_the_densities_of_the_aois_that_come_with_it_are_those_of_their_readme() -> None:
    readme = (resources.shipped("aoi") / "README.md").read_text()
    rows = [line.split("|")[1:3] for line in readme.splitlines() if line.startswith("| `")]
    told = {name: value.strip() for names, value in rows for name in re.findall("`([a-z-]+)`", names)}
    for aoi in list_aois():
        shown = "not stated" if aoi.sites_per_1000_km2 is None else f"{aoi.sites_per_1000_km2:g}"
        assert told[aoi.name] == shown


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(AoiError, match="did you mean shan"):
        read_aoi("shna")
    with pytest.raises(AoiError, match="cannot be read"):
        read_aoi("nowhere/area.geojson")


@settings(max_examples=20, deadline=None)
@given(area=boxes(), size=st.sampled_from([64, 100, 512, 2048]))
def test_windows_are_exactly_the_cells_that_touch(tmp_path_factory, area: Polygon, size: int) -> None:
    path = tmp_path_factory.mktemp("aoi") / "box.geojson"
    aoi = read_aoi(save(path, mapping(area)))
    windows = list(aoi.windows(size))
    assert windows == sorted(windows)
    assert all(aoi.polygon_m.intersects(w.polygon_m) for w in windows)
    assert sum(aoi.polygon_m.intersection(w.polygon_m).area for w in windows) == pytest.approx(aoi.polygon_m.area)


@settings(max_examples=40, deadline=None)
@given(st.integers(-40, 2100), st.integers(-40, 1100), st.integers(1, 700))
def test_parts_of_windows_are_those_of_each_alone(row: int, col: int, size_px: int) -> None:
    aoi = read_aoi("mong-bawk")
    north_west = next(iter(aoi.windows(16)))
    first = Window(north_west.row + row, north_west.col - 500 + col, size_px, size_px)
    windows = [first, first.grown(1), first.grown(3 * size_px)]
    for window, inside in zip(windows, aoi.parts(windows), strict=True):
        assert np.array_equal(inside, aoi.inside(window))
    assert list(aoi.parts([])) == []


def test_pixels_inside_add_up_to_the_area() -> None:
    aoi = read_aoi("mong-yawn")
    inside = sum(int(aoi.inside(w).sum()) for w in aoi.windows(512))
    assert inside * 100 == pytest.approx(aoi.polygon_m.area, rel=1e-3)


def test_a_state_is_planned_lazily_and_travels_to_workers() -> None:
    shan = read_aoi("shan")
    assert next(iter(shan.windows(2048)))
    copy = pickle.loads(pickle.dumps(shan))
    assert copy.digest == shan.digest
    assert np.array_equal(copy.inside(next(iter(shan.windows(512)))), shan.inside(next(iter(shan.windows(512)))))


def test_an_own_area_is_found_before_the_shipped_one_of_its_name(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = {aoi.name: aoi.digest for aoi in list_aois()}
    (tmp_path / "aoi").mkdir()
    for name in ("shan", "valley"):
        save(tmp_path / "aoi" / f"{name}.geojson", polygon(SQUARE))
    assert read_aoi("shan").area_km2 == pytest.approx(115, rel=0.01)
    assert read_aoi("wa").digest == shipped["wa"]
    assert {aoi.name for aoi in list_aois()} == {*shipped, "valley"}
