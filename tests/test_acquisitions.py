"""An acquisition is the same whoever lists it, and only a later processing of it is a new one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.acquisitions import (
    MAX_CENTRE_DIFFERENCE_DEGREES,
    MAX_TIME_DIFFERENCE_S,
    Acquisition,
    baseline_in,
    is_older,
    tile_in,
    version_of,
)

ESA = "S2B_MSIL2A_20190629T212529_N0212_R043_T06VVN_20201006T080531.SAFE"
PLANETARY = "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531"
COPERNICUS = "S2B_MSIL2A_20240205T040101_N0510_R047_T47QKA_20240205T070000"
EARTH_SEARCH = "S2A_47QNF_20230101_0_L2A"
EARTH_SEARCH_C1 = "S2B_T47QKA_20240205T040101_L2A"
NOON = datetime(2024, 2, 5, 12, tzinfo=UTC)


def around(lon: float, lat: float) -> tuple[float, float, float, float]:
    """The bounds of a tile about a point."""
    return lon - 0.5, lat - 0.5, lon + 0.5, lat + 0.5


ONE = Acquisition(EARTH_SEARCH_C1, NOON, "S2B", around(98.5, 21.0), "47QKA", "05.10")
OTHER = replace(ONE, id=COPERNICUS)
OWN = replace(ONE, tile="", baseline="", content="a" * 24)

acquisitions = st.builds(
    Acquisition,
    id=st.sampled_from(["one", "two"]),
    time_utc=st.sampled_from([-43_200, -200, 0, 0, 200, 400]).map(lambda s: NOON + timedelta(seconds=s)),
    platform=st.sampled_from(["", "S2A", "S2A"]),
    bounds=st.sampled_from([around(98.5, 21.0), around(98.52, 21.03), around(98.5, 21.06)]),
    tile=st.sampled_from(["", "47QKA", "47QLA"]),
    baseline=st.sampled_from(["", "04.00", "05.9", "05.11"]),
    content=st.sampled_from(["", "", "a" * 24, "b" * 24]),
)
"""Few values of each, so that two often agree."""
baselines = st.tuples(st.integers(0, 99), st.integers(0, 99))


@pytest.mark.parametrize(
    ("name", "tile"),
    [
        (ESA, "06VVN"),
        (PLANETARY, "06VVN"),
        (COPERNICUS, "47QKA"),
        (EARTH_SEARCH, "47QNF"),
        (EARTH_SEARCH_C1, "47QKA"),
        ("S2A_6VVN_20230101_0_L2A", "06VVN"),
        ("S2C_1CCV_20250101_1_L2A", "01CCV"),
        ("MGRS-47QNF", "47QNF"),
        ("MGRS-6VVN", "06VVN"),
        ("47QNF", "47QNF"),
        ("6VVN", "06VVN"),
        (ESA.replace(".SAFE", ".zip"), "06VVN"),
    ],
)
def test_the_tile_is_found_in_names_as_providers_write_them(name: str, tile: str) -> None:
    assert tile_in(name) == tile


@pytest.mark.parametrize(
    ("name", "baseline"),
    [
        (ESA, "02.12"),
        (COPERNICUS, "05.10"),
        (PLANETARY, ""),
        (EARTH_SEARCH, ""),
        ("05.11", "05.11"),
        ("5.9", "05.09"),
        ("02.08", "02.08"),
    ],
)
def test_the_baseline_is_found_in_names_and_as_stated(name: str, baseline: str) -> None:
    assert baseline_in(name) == baseline


@pytest.mark.parametrize(
    "junk",
    [
        None,
        "",
        "None",
        "20240205_forest.tif",
        "20190629T212529",
        "S2B_MSIL2A_20190629T212529",
        "scene_47",
        "S2A_99QNF_20230101_0_L2A",  # there are 60 zones
        "S2A_00QNF_20230101_0_L2A",
        "MGRS-47INF",  # I and O are no letters of MGRS
        "MGRS-47QOF",
        "MGRS-47QNW",  # rows end with V
        "MGRS-47QNFX",
        "x47QNF",
        "1.2.3",
        "version 05.11",
        "IMG_N0511.tif",
        "a\n05.11",
    ],
)
def test_junk_names_give_neither_tile_nor_baseline(junk: object) -> None:
    assert (tile_in(junk), baseline_in(junk)) == ("", "")


def test_the_first_name_that_says_something_counts() -> None:
    assert tile_in(None, "junk", "MGRS-6VVN", EARTH_SEARCH) == "06VVN"
    assert baseline_in("", "05.11", COPERNICUS) == "05.11"


@given(st.text() | st.from_regex(r"[S_MTN0-9A-Z.\-]{0,30}"))
def test_any_name_gives_a_tile_and_a_baseline_of_one_form_or_none(name: str) -> None:
    tile, baseline = tile_in(name), baseline_in(name)
    assert not tile or (tile[:2].isdecimal() and tile[2:].isalpha() and len(tile) == 5)
    assert not baseline or len(version_of(baseline)) == 2
    assert (tile_in(tile), baseline_in(baseline)) == (tile, baseline)


@given(baselines, baselines)
def test_baselines_compare_as_numbers(one: tuple[int, int], other: tuple[int, int]) -> None:
    written = [f"{major:02d}.{minor}" for major, minor in (one, other)]
    assert is_older(*written) == (one < other)


@given(st.sampled_from(["", "unknown", "05.", "05.x", "v5"]), st.sampled_from(["", "05.11", "junk"]))
def test_what_is_no_baseline_is_neither_older_nor_newer(nothing: str, other: str) -> None:
    assert not is_older(nothing, other)
    assert not is_older(other, nothing)


def test_05_9_is_older_than_05_11() -> None:
    assert is_older("05.9", "05.11")
    assert not is_older("05.11", "05.9")


@given(acquisitions, acquisitions)
def test_who_asks_makes_no_difference_to_what_is_the_same(one: Acquisition, other: Acquisition) -> None:
    assert one.is_same(other) == other.is_same(one)


@given(acquisitions)
def test_each_is_the_same_as_itself_and_serves_itself(one: Acquisition) -> None:
    assert one.is_same(one)
    assert one.serves(one)


@given(acquisitions, acquisitions)
def test_of_two_versions_of_one_acquisition_at_least_one_serves(one: Acquisition, version: Acquisition) -> None:
    other = replace(one, baseline=version.baseline, content="" if one.content else version.content)
    assert one.serves(other) or other.serves(one)
    assert one.serves(other) != is_older(one.baseline, other.baseline)


@given(acquisitions, acquisitions)
def test_what_has_the_same_identity_serves(one: Acquisition, other: Acquisition) -> None:
    if one.identity == other.identity:
        assert one.serves(other)


@given(st.integers(-2 * MAX_TIME_DIFFERENCE_S, 2 * MAX_TIME_DIFFERENCE_S))
def test_providers_may_state_the_start_or_the_end(seconds: int) -> None:
    moved = replace(OTHER, time_utc=NOON + timedelta(seconds=seconds))
    assert ONE.is_same(moved) == ONE.serves(moved) == (abs(seconds) <= MAX_TIME_DIFFERENCE_S)


@pytest.mark.parametrize("changes", [{"tile": "47QLA"}, {"platform": "S2A"}, {"time_utc": NOON + timedelta(hours=1)}])
def test_another_tile_satellite_or_time_is_another_acquisition(changes: dict) -> None:
    changed = replace(OTHER, **changes)
    assert not ONE.is_same(changed)
    assert not ONE.serves(changed)


def test_one_provider_states_the_outline_of_the_tile_and_another_that_of_its_data() -> None:
    part = replace(OTHER, bounds=(98.7, 20.5, 99.0, 21.5))
    assert ONE.is_same(part)
    assert not ONE.is_same(replace(part, tile=""))
    near = around(98.5, 21.0 + 0.9 * MAX_CENTRE_DIFFERENCE_DEGREES)
    assert ONE.is_same(replace(OTHER, bounds=near, tile=""))


def test_a_tile_that_comes_in_two_parts_is_two_acquisitions() -> None:
    west, east = replace(ONE, bounds=(98.0, 20.5, 98.4, 21.5)), replace(OTHER, bounds=(98.35, 20.5, 99.0, 21.5))
    assert not west.is_same(east)
    assert not west.serves(east)


def test_a_later_baseline_is_new_and_an_earlier_or_unknown_one_is_not() -> None:
    assert not ONE.serves(replace(OTHER, baseline="05.11"))
    for baseline in ("05.10", "05.9", "02.12", ""):
        assert ONE.serves(replace(OTHER, baseline=baseline))
    assert replace(ONE, baseline="").serves(replace(OTHER, baseline="05.11"))


def test_a_file_is_known_by_its_content_and_by_nothing_else() -> None:
    moved = replace(OWN, id="elsewhere.tif", bounds=around(0.0, 0.0))
    assert OWN.serves(moved)
    assert OWN.identity == moved.identity
    edited = replace(OWN, content="b" * 24)
    assert not OWN.serves(edited)
    assert OWN.identity != edited.identity


def test_somebodys_own_file_without_a_tile_is_never_taken_for_a_whole_tile() -> None:
    assert not OWN.is_same(OTHER)
    assert not OWN.serves(OTHER)
    assert not ONE.serves(replace(OWN, id="own.tif"))


def test_a_downloaded_tile_serves_for_the_one_on_the_server_and_the_other_way_round() -> None:
    downloaded = replace(ONE, id=ESA, content="a" * 24)
    assert downloaded.serves(OTHER)
    assert OTHER.serves(downloaded)
    assert not downloaded.serves(replace(OTHER, baseline="05.11"))


@pytest.mark.parametrize("changes", [{"id": "x"}, {"platform": "S2A"}, {"tile": "47QLA"}, {"baseline": "05.11"},
                                     {"time_utc": NOON + timedelta(seconds=1)}, {"content": "a" * 24}])  # fmt: skip
def test_all_that_a_provider_states_is_part_of_the_identity(changes: dict) -> None:
    assert replace(ONE, **changes).identity != ONE.identity


def test_the_footprint_is_not_part_of_the_identity() -> None:
    assert replace(ONE, bounds=around(0.0, 0.0)).identity == ONE.identity
