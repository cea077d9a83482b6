import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from pipeline.errors import InputError
from pipeline.grid import Grid
from pipeline.registry import Registry, read_registry, write_registry

GRID = Grid(32647)
LINK_M = 150.0


def square(col: int, row: int, size: float = 200.0):
    x, y = 500_000 + 1000 * col, 2_400_000 + 1000 * row
    return box(x, y, x + size, y + size)


places = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True, max_size=12)


@given(first=places, second=places, data=st.data())
def test_a_place_keeps_its_name_in_any_later_run(first, second, data) -> None:
    registry, ids = Registry("SHN").named([square(*p) for p in first], GRID, LINK_M)
    named = dict(zip(first, ids, strict=True))
    shuffled = data.draw(st.permutations(second))
    later, again = registry.named([square(*p, size=180.0) for p in shuffled], GRID, LINK_M)
    assert len(set(again)) == len(again)
    for place, name in zip(shuffled, again, strict=True):
        assert named.get(place, name) == name
        assert place in named or name not in ids
    assert {e.site_id for e in registry.entries} <= {e.site_id for e in later.entries}


def test_two_sites_never_share_a_name_when_a_site_splits() -> None:
    registry, (name,) = Registry("SHN").named([square(0, 0, 800.0)], GRID, LINK_M)
    small, large = box(500_000, 2_400_000, 500_200, 2_400_200), box(500_300, 2_400_000, 500_800, 2_400_800)
    _, ids = registry.named([small, large], GRID, LINK_M)
    assert ids[1] == name
    assert ids[0] != name


def test_the_file_is_byte_for_byte_the_same_when_nothing_changed(tmp_path: Path) -> None:
    path, sites = tmp_path / "registry.json", [square(1, 1), square(3, 4)]
    registry, ids = read_registry(path, "SHN").named(sites, GRID, LINK_M)
    write_registry(path, registry)
    before = path.read_bytes()
    registry, again = read_registry(path, "SHN").named(sites, GRID, LINK_M)
    write_registry(path, registry)
    assert again == ids
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "not json", '{"version": 1, "prefix": "SHN", "sites": [{"site_id": "SHN-0001"}]}', "[" * 100_000],
)
def test_a_damaged_registry_is_refused_in_one_line_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "registry.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_registry(path, "SHN")
    assert "\n" not in str(error.value)
    assert path.read_text() == content


@pytest.mark.parametrize(
    "footprint",
    [None, "POLYGON ((1e400 0, 1 1, 1 0, 1e400 0))", "POINT EMPTY", "POLYGON EMPTY", "LINESTRING (0 0, 1 1)",
     "POLYGON ((500000 0, 500001 1, 500001 0, 500000 0))", "GEOMETRYCOLLECTION (POINT (1 1))"],
)  # fmt: skip
def test_a_footprint_that_no_site_can_have_is_damage(tmp_path: Path, footprint: str | None) -> None:
    path = tmp_path / "registry.json"
    entry = {"site_id": "SHN-0001", "footprint": footprint}
    path.write_text(json.dumps({"version": 1, "prefix": "SHN", "sites": [entry]}))
    with pytest.raises(InputError, match="damaged"):
        read_registry(path, "SHN")


def test_a_registry_of_another_aoi_or_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"version": 1, "prefix": "KCN", "sites": []}))
    with pytest.raises(InputError, match="belongs to KCN"):
        read_registry(path, "SHN")
    path.write_text(json.dumps({"version": 99, "places": []}))
    with pytest.raises(InputError, match="version 99"):
        read_registry(path, "SHN")
