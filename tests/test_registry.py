"""Names for life: they follow the ground through re-runs, splits, merges, lost folders and copies."""

import json
import multiprocessing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, label
from shapely.geometry import box
from shapely.ops import unary_union
from strategies import lats, lons, prefixes, published_states, site_ids

from pipeline.cli import main
from pipeline.errors import InputError
from pipeline.grid import LONLAT, Grid, reprojected
from pipeline.locks import locked
from pipeline.run.clock import clock_warnings
from pipeline.sites.names import Interval, PublishedState, PublishedStatus, RegisteredSite, Registry
from pipeline.sites.registry import read_registry, write_registry

GRID = Grid(32647)
LINK_M = 150.0
TODAY = date(2026, 11, 25)


def square(col: int, row: int, size: float = 200.0):
    x, y = 500_000 + 1000 * col, 2_400_000 + 1000 * row
    return box(x, y, x + size, y + size)


def bar(first: int, last: int):
    """Cells first to last of a row of ground, 100 m each."""
    return box(500_000 + 100 * first, 2_400_000, 500_000 + 100 * (last + 1), 2_400_100)


def named(registry: Registry, *polygons) -> tuple[Registry, list[str]]:
    return registry.with_ids(list(polygons), GRID, LINK_M)


def state_on(
    on: date = TODAY,
    by: date = date(2025, 3, 1),
    status: PublishedStatus = PublishedStatus.CONFIRMED,
    run: str = "r1",
) -> PublishedState:
    return PublishedState(on, run, status, Interval(None, by), Interval(None, by))


def recorded(registry: Registry, states: dict[str, PublishedState]) -> Registry:
    return replace(
        registry, entries=tuple(e.with_state(states[e.site_id]) if e.site_id in states else e for e in registry.entries)
    )


places = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), unique=True, max_size=12)


@given(first=places, second=places, data=st.data())
def test_a_place_keeps_its_name_in_any_later_run(first, second, data) -> None:
    registry, ids = named(Registry("SHN"), *(square(*p) for p in first))
    given_to = dict(zip(first, ids, strict=True))
    shuffled = data.draw(st.permutations(second))
    later, again = named(registry, *(square(*p, size=180.0) for p in shuffled))
    assert len(set(again)) == len(again)
    for place, name in zip(shuffled, again, strict=True):
        assert given_to.get(place, name) == name
        assert place in given_to or name not in ids
    assert {e.site_id for e in registry.entries} <= {e.site_id for e in later.entries}


cuts = st.lists(st.integers(0, 19), min_size=1, max_size=6, unique=True).map(sorted)


@settings(max_examples=60)
@given(runs=st.lists(cuts, min_size=1, max_size=8))
@example(runs=[[19], [2, 3, 17], [1, 7, 8, 11, 17, 19], [0, 1, 2, 4, 12, 17], [2, 12, 17]])  # names that tie
def test_names_are_never_renumbered_or_shared_however_sites_split_and_merge(runs) -> None:
    """Each run sees parts of one row of ground, cut anywhere; 300 m between cuts, so that parts are sites."""
    registry, owners = Registry("SHN"), {}
    for run in runs:
        parts = [bar(4 * a, 4 * b - 4) for a, b in zip(run, [*run[1:], 20], strict=True) if b - 1 > a]
        before = {e.site_id: (e.territory, e.parent) for e in registry.entries}
        registry, ids = named(registry, *parts)
        assert len(set(ids)) == len(ids) == len(parts)
        assert list(before) == [e.site_id for e in registry.entries][: len(before)]
        for entry in registry.entries:
            assert not entry.territory.is_empty
            if entry.site_id in before:
                assert entry.parent == before[entry.site_id][1]
        everything = [entry.territory for entry in registry.entries]
        assert unary_union(everything).area == pytest.approx(sum(t.area for t in everything), rel=1e-3)  # lines bend
        # The same run again is a no-op.
        again, ids_again = named(registry, *parts)
        assert ids_again == ids
        assert again == registry
        owners.update(dict.fromkeys(ids))
    assert set(owners) == {e.site_id for e in registry.entries}


@pytest.mark.parametrize("seed", [17, 26, 54, 83])
def test_sites_of_ragged_pixels_are_named_month_after_month(seed: int) -> None:
    """Pixels that touch at corners, projected and back: on the digits that leaves, cutting ground up once failed."""
    rng = np.random.default_rng(seed)
    ground, registry = gaussian_filter(rng.random((25, 25)), 1.2), Registry("TST")
    for _ in range(12):
        level = np.quantile(ground, 0.6 + 0.02 * rng.integers(-4, 5))
        parts, count = label(ground + rng.normal(0, 0.02, ground.shape) > level, np.ones((3, 3)))
        pixels = [np.argwhere(parts == k) for k in range(1, count + 1)]
        sites = [
            unary_union([box(513000 + 10 * x, 2430390 - 10 * y, 513010 + 10 * x, 2430400 - 10 * y) for y, x in one])
            for one in pixels
            if len(one) >= 6
        ]
        registry, ids = registry.with_ids(sites, GRID, 150.0)
        assert len(set(ids)) == len(sites)
        territories = [reprojected(entry.territory, LONLAT, GRID.crs) for entry in registry.entries]
        assert all(territory.is_valid for territory in territories)


def test_when_a_site_splits_the_larger_part_keeps_the_name_and_the_rest_names_its_parent() -> None:
    registry, (name,) = named(Registry("SHN"), bar(0, 9))
    registry, ids = named(registry, bar(0, 1), bar(4, 9))
    assert ids == ["SHN-0002", name]
    assert registry.entry("SHN-0002").parent == name
    assert registry.entry(name).parent is None
    _, swapped = named(registry, bar(0, 1))  # the larger part is not seen this time: the small one is still itself
    assert swapped == ["SHN-0002"]


def test_when_sites_merge_the_name_with_most_ground_stays_and_the_other_rests_until_it_is_a_site_again() -> None:
    registry, (small, large) = named(Registry("SHN"), bar(0, 1), bar(5, 9))
    registry, ids = named(registry, bar(0, 9))
    assert ids == [large]
    assert registry.entry(small).merged_into == large
    registry, ids = named(registry, bar(0, 1), bar(5, 9), square(5, 5))
    assert ids == [small, large, "SHN-0003"]
    assert registry.entry(small).merged_into is None


def test_a_resting_name_is_never_given_to_another_place() -> None:
    registry, _ = named(Registry("SHN"), bar(0, 1), bar(5, 9))
    registry, _ = named(registry, bar(0, 9))
    _, ids = named(registry, bar(0, 9), square(3, 3))
    assert ids == ["SHN-0002", "SHN-0003"]


def test_what_was_published_is_kept_when_it_changes_and_only_then() -> None:
    registry, (name,) = named(Registry("SHN"), bar(0, 3))
    registry = recorded(registry, {name: state_on()})
    later = TODAY + timedelta(days=30)
    again = recorded(registry, {name: state_on(later, run="r2")})
    assert again == registry
    sharper = recorded(registry, {name: state_on(later, by=date(2025, 2, 1), run="r3")})
    assert [state.on for state in sharper.entry(name).published] == [TODAY, later]


def test_after_a_run_under_a_clock_in_the_future_sayings_go_on_and_stay_in_order(tmp_path: Path) -> None:
    registry, (name,) = named(Registry("SHN"), bar(0, 3))
    future, days = date(2031, 5, 1), [TODAY, TODAY + timedelta(days=40)]
    registry = recorded(registry, {name: state_on(future)})
    assert registry.check_clock(future) is None
    told = registry.check_clock(TODAY)
    assert told is not None
    assert f"{name} was last published on 2031-05-01, and the clock says {TODAY}" in told
    for number, day in enumerate(days):
        registry = recorded(registry, {name: state_on(day, by=date(2025, 2, 1 + number), run=f"a{number}")})
    said = registry.entry(name).published
    assert [state.on for state in said] == [future] * 3
    assert [state.clock for state in said] == [None, *days]
    write_registry(tmp_path / "registry.json", registry)
    assert read_registry(tmp_path / "registry.json", "SHN").entry(name).published == said
    registry = recorded(registry, {name: state_on(date(2032, 1, 1), by=date(2025, 3, 1))})
    assert [state.on for state in registry.entry(name).published] == [future] * 3 + [date(2032, 1, 1)]
    # Run ids say nothing of order: joined with an earlier copy of itself, what was said stays as it was said.
    earlier = replace(registry, entries=(replace(registry.entry(name), published=said[:2]),))
    for one, other in ((registry, earlier), (earlier, registry)):
        assert one.joined(other).entry(name).published == registry.entry(name).published


@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.booleans(), min_size=8, max_size=8))
def test_joined_copies_keep_what_each_said_in_its_order(days: list[int], kept: list[bool]) -> None:
    common, (name,) = named(Registry("SHN"), bar(0, 3))
    copies = []
    for copy in (True, False):
        registry = common
        for number, day in enumerate(days):
            state = state_on(TODAY + timedelta(days=day), by=date(2025, 1, 1 + number), run=f"r{(number * 7) % 5}")
            registry = recorded(registry, {name: state}) if kept[number] is copy or number < 2 else registry
        copies.append(registry)
    joined = copies[0].joined(copies[1]).entry(name).published
    assert joined == copies[1].joined(copies[0]).entry(name).published
    assert [state.on for state in joined] == sorted(state.on for state in joined)
    for each in copies:
        own = each.entry(name).published
        assert [state for state in joined if state in own] == list(own)


def test_a_wrong_clock_is_told_and_refuses_nothing(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    assert clock_warnings(today, Registry("SHN"), tmp_path) == []
    assert clock_warnings(today, Registry("SHN"), tmp_path, today - timedelta(days=40)) == []
    (ahead,) = clock_warnings(today, Registry("SHN"), tmp_path, today - timedelta(days=41))
    assert "the newest scene that is listed is of" in ahead
    for wrong in (today + timedelta(days=900), today - timedelta(days=900)):
        (told,) = clock_warnings(wrong, Registry("SHN"), tmp_path)
        assert f"the clock says {wrong}, and that of the disk" in told
    assert not list(tmp_path.iterdir())


def test_copies_that_went_different_ways_are_joined() -> None:
    common, _ = named(Registry("SHN"), bar(0, 3))
    common = recorded(common, {"SHN-0001": state_on()})
    ours, _ = named(common, bar(0, 3), square(4, 4))
    later = TODAY + timedelta(days=9)
    theirs = recorded(common, {"SHN-0001": state_on(later, status=PublishedStatus.ENDED, run="r2")})
    both = ours.joined(theirs)
    assert [e.site_id for e in both.entries] == ["SHN-0001", "SHN-0002"]
    assert [state.status for state in both.entry("SHN-0001").published] == [
        PublishedStatus.CONFIRMED, PublishedStatus.ENDED,
    ]  # fmt: skip
    assert both.joined(theirs) == both
    assert theirs.joined(ours).entry("SHN-0001").published == both.entry("SHN-0001").published


def test_copies_that_gave_one_id_to_two_places_are_not_joined() -> None:
    ours, theirs = named(Registry("SHN"), square(1, 1))[0], named(Registry("SHN"), square(7, 7))[0]
    with pytest.raises(InputError, match="SHN-0001 is the name of two places"):
        ours.joined(theirs)


def test_copies_that_named_one_place_apart_keep_the_older_name() -> None:
    ours, _ = named(Registry("SHN"), square(1, 1))
    theirs, _ = named(Registry("SHN"), square(1, 1))
    renamed = json.loads(json.dumps(["SHN-0002"]))[0]
    theirs = Registry("SHN", (type(theirs.entries[0])(renamed, theirs.entries[0].territory),))
    both = ours.joined(theirs)
    assert both.entry("SHN-0002").merged_into == "SHN-0001"
    assert named(both, square(1, 1))[1] == ["SHN-0001"]


def test_the_file_is_byte_for_byte_the_same_when_nothing_changed(tmp_path: Path) -> None:
    path, sites = tmp_path / "registry.json", [square(1, 1), square(3, 4)]
    registry, ids = named(read_registry(path, "SHN"), *sites)
    registry = recorded(registry, {name: state_on() for name in ids})
    write_registry(path, registry)
    before = path.read_bytes()
    registry, again = named(read_registry(path, "SHN"), *sites)
    registry = recorded(registry, {name: state_on() for name in ids})
    write_registry(path, registry)
    assert again == ids
    assert path.read_bytes() == before


def test_lineage_and_published_states_come_back_from_the_file(tmp_path: Path) -> None:
    registry, (name,) = named(Registry("SHN"), bar(0, 9))
    registry = recorded(registry, {name: state_on()})
    registry, ids = named(registry, bar(0, 1), bar(4, 9))
    registry = recorded(registry, {k: state_on(by=date(2025, 1, 1)) for k in ids})
    write_registry(tmp_path / "r.json", registry)
    back = read_registry(tmp_path / "r.json", "SHN")
    for one, two in zip(registry.entries, back.entries, strict=True):
        assert (one.site_id, one.parent, one.merged_into, one.published) == (
            two.site_id, two.parent, two.merged_into, two.published,
        )  # fmt: skip
        assert one.territory.symmetric_difference(two.territory).area < 1e-3 * one.territory.area


def test_a_registry_of_version_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    entry = {"site_id": "SHN-0001", "footprint": "POLYGON ((99 21, 99.002 21, 99.002 21.002, 99 21))"}
    path.write_text(json.dumps({"version": 1, "prefix": "SHN", "sites": [entry]}))
    registry = read_registry(path, "SHN")
    assert registry.entries[0].site_id == "SHN-0001"
    assert registry.entries[0].published == ()


OLD_STATES = [
    {"on": "2026-01-05", "run_id": "r1", "status": "confirmed", "ground": [None, "2024-01-05"], "ponds": None},
    {"on": "2026-02-05", "run_id": "r2", "status": "merged into SHN-0002", "ground": [None, "2024-01-05"],
     "ponds": ["2024-03-01", "2024-03-11"]},
    {"on": "2026-03-05", "run_id": "r3", "status": "withdrawn", "ground": None, "ponds": ["2024-03-01", "2024-03-11"]},
]  # fmt: skip
"""As version 2 wrote them."""


def test_a_registry_of_version_2_is_read_and_written_as_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    ground = "POLYGON ((99 21, 99.002 21, 99.002 21.002, 99 21))"
    entry = {"site_id": "SHN-0001", "territory": ground, "parent": None, "merged_into": "SHN-0002", "said": OLD_STATES}
    other = {"site_id": "SHN-0002", "territory": ground, "parent": "SHN-0001", "merged_into": None, "said": []}
    path.write_text(json.dumps({"version": 2, "prefix": "SHN", "sites": [entry, other]}))
    registry = read_registry(path, "SHN")
    first, second = registry.entries
    assert (first.merged_into, second.parent, second.published) == ("SHN-0002", "SHN-0001", ())
    seen, built = Interval(None, date(2024, 1, 5)), Interval(date(2024, 3, 1), date(2024, 3, 11))
    assert first.published == (
        PublishedState(date(2026, 1, 5), "r1", PublishedStatus.CONFIRMED, seen, None),
        PublishedState(date(2026, 2, 5), "r2", PublishedStatus.MERGED, seen, built, merged_into="SHN-0002"),
        PublishedState(date(2026, 3, 5), "r3", PublishedStatus.WITHDRAWN, None, built),
    )
    write_registry(path, registry)
    assert json.loads(path.read_text())["version"] == 4
    assert "merged into" not in path.read_text()
    assert read_registry(path, "SHN") == registry


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "change",
    [{"status": "unknown"}, {"status": None}, {"on": "yesterday"}, {"on": None}, {"ground": 7},
     {"ground": ["2024-01-05"]}, {"ponds": [None, None]}, {"ponds": ["x", "2024-01-05"]}, {"status": "merged into"}],
    ids=str,
)  # fmt: skip
def test_a_published_state_that_no_run_published_is_damage(
    tmp_path: Path, version: int, change: dict[str, object]
) -> None:
    path = tmp_path / "registry.json"
    ground = "POLYGON ((99 21, 99.002 21, 99.002 21.002, 99 21))"
    states = [{**OLD_STATES[0], **({"merged_into": None} if version == 3 else {}), **change}]
    entry = {"site_id": "SHN-0001", "territory": ground, "parent": None, "merged_into": None}
    entry["said" if version == 2 else "published"] = states
    path.write_text(json.dumps({"version": version, "prefix": "SHN", "sites": [entry]}))
    with pytest.raises(InputError, match="damaged") as error:
        read_registry(path, "SHN")
    assert "\n" not in str(error.value)


@given(data=st.data(), prefix=prefixes)
def test_whatever_was_published_comes_back_from_the_file(tmp_path_factory, data: st.DataObject, prefix: str) -> None:
    ids = data.draw(st.lists(site_ids(prefix), min_size=1, max_size=4, unique=True))
    entries = tuple(
        RegisteredSite(
            name,
            box(99 + k, 21, 99.002 + k, 21.002),
            parent=data.draw(st.none() | st.sampled_from(ids)),
            merged_into=data.draw(st.none() | st.sampled_from(ids)),
            published=tuple(data.draw(st.lists(published_states(ids[0]), max_size=3))),
        )
        for k, name in enumerate(ids)
    )
    path = tmp_path_factory.mktemp("registry") / "registry.json"
    write_registry(path, Registry(prefix, entries))
    back = read_registry(path, prefix)
    assert [replace(entry, territory=None) for entry in back.entries] == [
        replace(entry, territory=None) for entry in entries
    ]
    assert all(one.territory.equals(two.territory) for one, two in zip(back.entries, entries, strict=True))


@given(lon=lons, lat=lats, side=st.floats(0.001, 0.01))
def test_a_territory_is_read_wherever_on_earth_it_lies(tmp_path_factory, lon: float, lat: float, side: float) -> None:
    territory = (
        box(lon, lat, min(180.0, lon + side), lat + side) if lon < 179.9 else box(lon - side, lat, lon, lat + side)
    )
    path = tmp_path_factory.mktemp("registry") / "registry.json"
    write_registry(path, Registry("SHN", (RegisteredSite("SHN-0001", territory),)))
    (entry,) = read_registry(path, "SHN").entries
    assert entry.territory.symmetric_difference(territory).area < 0.01 * territory.area


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "not json", '{"version": 2, "prefix": "SHN", "sites": [{"site_id": "SHN-0001"}]}', "[" * 100_000,
     '{"version": 2, "prefix": "SHN", "sites": [7]}', '{"version": 3, "prefix": "SHN", "sites": [7]}',
     '{"version": 3, "prefix": "SHN", "sites": [{"site_id": "SHN-0001"}]}'],
)  # fmt: skip
def test_a_damaged_registry_is_refused_in_one_line_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "registry.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_registry(path, "SHN")
    assert "\n" not in str(error.value)
    assert path.read_text() == content


def test_a_half_written_registry_is_refused_at_any_length(tmp_path: Path) -> None:
    registry, ids = named(Registry("SHN"), square(1, 1), square(3, 4))
    path = tmp_path / "registry.json"
    write_registry(path, recorded(registry, {name: state_on() for name in ids}))
    whole = path.read_text()
    for length in range(0, len(whole) - 2, 37):
        path.write_text(whole[:length])
        with pytest.raises(InputError, match="damaged"):
            read_registry(path, "SHN")


@pytest.mark.parametrize(
    "footprint",
    [None, "POLYGON ((1e400 0, 1 1, 1 0, 1e400 0))", "POINT EMPTY", "POLYGON EMPTY", "LINESTRING (0 0, 1 1)",
     "POLYGON ((500000 0, 500001 1, 500001 0, 500000 0))", "GEOMETRYCOLLECTION (POINT (1 1))"],
)  # fmt: skip
def test_a_territory_that_no_site_can_have_is_damage(tmp_path: Path, footprint: str | None) -> None:
    path = tmp_path / "registry.json"
    for version, states in ((2, "said"), (3, "published")):
        entry = {"site_id": "SHN-0001", "territory": footprint, "parent": None, "merged_into": None, states: []}
        path.write_text(json.dumps({"version": version, "prefix": "SHN", "sites": [entry]}))
        with pytest.raises(InputError, match="damaged"):
            read_registry(path, "SHN")


@pytest.mark.parametrize("ids", [["SHN-0001", "SHN-0001"], ["KCN-0001"], ["SHN-1"], ["SHN-0001; drop"]])
def test_ids_that_this_program_cannot_have_given_are_damage(tmp_path: Path, ids: list[str]) -> None:
    path = tmp_path / "registry.json"
    ground = "POLYGON ((99 21, 99.002 21, 99.002 21.002, 99 21))"
    for version, states in ((2, "said"), (3, "published")):
        rows = [{"site_id": k, "territory": ground, "parent": None, "merged_into": None, states: []} for k in ids]
        path.write_text(json.dumps({"version": version, "prefix": "SHN", "sites": rows}))
        with pytest.raises(InputError, match="damaged"):
            read_registry(path, "SHN")


def test_a_registry_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps({"version": 99, "places": []}))
    with pytest.raises(InputError, match=r"newer version .*upgrade.*layout 99"):
        read_registry(path, "SHN")


def test_one_registry_holds_the_names_of_several_areas(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    registry, _ = named(Registry("KCN"), square(1, 1), square(3, 4))
    write_registry(path, registry)
    later, ids = named(read_registry(path, "SHN"), square(1, 1), square(7, 7), square(8, 2))
    assert ids == ["KCN-0001", "SHN-0001", "SHN-0002"]
    write_registry(path, later)
    assert [entry.site_id for entry in read_registry(path).entries] == ["KCN-0001", "KCN-0002", "SHN-0001", "SHN-0002"]


def test_places_on_another_continent_play_no_part() -> None:
    far = RegisteredSite("AMZ-0001", box(-60, -3, -59.99, -2.99))
    registry, ids = named(Registry("SHN", (far,)), square(1, 1))
    assert ids == ["SHN-0001"]
    assert registry.entries[0] == far


def hold(path: str, ready, done) -> None:
    with locked(Path(path), "archive"):
        ready.set()
        done.wait(30)


def test_a_second_run_is_refused_while_the_first_one_writes(tmp_path: Path) -> None:
    path = tmp_path / "registry.json"
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    first = context.Process(target=hold, args=(str(path), ready, done))
    first.start()
    assert ready.wait(60)
    with pytest.raises(InputError, match="archive: another run is writing here"), locked(path, "archive"):
        pass
    first.kill()  # the lock ends with the process, however it ends
    first.join()
    with locked(path, "archive"):
        pass


def test_two_files_are_joined_by_the_command_into_a_third(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, out = (tmp_path / name for name in ("one.json", "two.json", "out.json"))
    common, _ = named(Registry("SHN"), square(1, 1))
    write_registry(one, named(common, square(1, 1), square(3, 3))[0])
    write_registry(two, common)
    before = one.read_bytes()
    assert main(["registry", "join", str(one), str(two), "--out", str(out)]) == 0
    assert [entry.site_id for entry in read_registry(out).entries] == ["SHN-0001", "SHN-0002"]
    assert main(["registry", "join", str(one), str(two), "--out", str(one)]) == 2
    assert one.read_bytes() == before
    assert main(["registry", "join", str(one), str(tmp_path / "none.json"), "--out", str(tmp_path / "x.json")]) == 2
    assert "no such registry" in capsys.readouterr().err
