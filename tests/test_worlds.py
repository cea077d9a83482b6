import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import world_statistics
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import AREA, SMALL
from world_statistics import complaint, kept, statistics, styles

from pipeline.errors import ConfigError
from pipeline.worlds import parameters as worlds_parameters
from pipeline.worlds import world as world_module
from pipeline.worlds.archive import WORLDS_VERSION, simulation_of
from pipeline.worlds.look_alikes import DRAWERS
from pipeline.worlds.parameters import parameters, parameters_file
from pipeline.worlds.ponds import OVERGROWN, Pond, plan_site
from pipeline.worlds.spectra import Cover, ranges
from pipeline.worlds.terrain import Terrain, light, make_terrain, sun
from pipeline.worlds.world import make_world, render

START, END = date(2024, 1, 1), date(2025, 12, 31)


def world(seed: int = 3, sites: int = 3):
    return make_world(seed, 256, "shan", START, END, sites)


def test_the_same_seed_gives_the_same_pixels() -> None:
    one, two = (render(world(), END, 5) for _ in range(2))
    for name in ("reflectance", "scl", "pond_fraction", "ground", "clear"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert not np.array_equal(one.reflectance, render(world(seed=4), END, 5).reflectance)


@pytest.mark.parametrize("style", ["kachin", "shan"])
@pytest.mark.parametrize("month", [1, 4, 7, 11])
def test_reflectance_is_physical_whatever_the_season(style: str, month: int) -> None:
    seen = render(make_world(8, 128, style, START, END), date(2024, month, 10), 1)
    assert seen.reflectance.dtype == np.float32
    assert seen.reflectance.min() > 0
    assert seen.reflectance.max() <= 1.5
    assert set(np.unique(seen.scl)) <= set(range(12))


@settings(max_examples=30, deadline=None)
@given(row=st.floats(20, 40), col=st.floats(20, 40), diameter_m=st.floats(6, 40), square=st.booleans())
def test_shares_of_a_pond_add_up_to_its_area(row: float, col: float, diameter_m: float, square: bool) -> None:
    pond = Pond(row, col, diameter_m, START, Cover.POND_MILKY, Cover.POND_MILKY, END, square)
    share = pond.patch(64).share
    assert share.min() >= 0
    assert share.max() <= 1
    assert share.sum() * 100 == pytest.approx(pond.area_m2, rel=0.02)


def test_truth_follows_the_life_of_a_site() -> None:
    place = world(seed=11, sites=4)
    assert place.sites
    for site in place.sites:
        assert not site.ground_on(site.ground_from - timedelta(days=1)).any()
        assert site.ground_on(END).any() or site.ground_from > END or site.bare_share_left(END) < OVERGROWN
        if site.ponds_from:
            assert site.ponds_from > site.ground_from
            assert site.ponds_on(site.ponds_from - timedelta(days=1)) == []
        if site.ended_on:
            assert site.ponds_on(site.ended_on) == []
    seen = render(place, END, 1, 0.0)
    expected = sum(pond.area_m2 / 100 for site in place.sites for pond in site.ponds_on(END))
    assert seen.pond_fraction.sum() == pytest.approx(expected, rel=0.05)
    assert seen.ground[seen.pond_fraction > 0].all()


def test_cloud_hides_and_is_not_called_clear() -> None:
    clouded = render(world(), END, 2, 0.9)
    assert clouded.clear.mean() < 0.3
    assert np.isin(clouded.scl, (3, 8, 9, 10)).mean() > 0.5
    assert render(world(), END, 2, 0.0).clear.all()


def test_every_spectrum_is_a_range() -> None:
    low, high = ranges()
    assert low.shape == high.shape == (len(Cover), 6)
    assert (low > 0).all()
    assert (low < high).all()
    assert (high < 0.6).all()


def test_every_number_has_a_source() -> None:
    known = parameters()
    spreads = [getattr(known.site, name) for name in type(known.site).model_fields]
    for figure in (*known.spectra.values(), *known.look_alikes.values(), *spreads):
        assert len(figure.source) >= 7
    assert {cover.name.lower() for cover in Cover} == set(known.spectra)
    assert set(known.look_alikes) == set(DRAWERS)
    assert {name.upper() for name in known.pond_colours} <= set(Cover.__members__)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("slope = 0.38", "slope = -1.0", "styles.kachin.slope"),
        ("[atmosphere]", "[sky]", "atmosphere"),
        ("[atmosphere]", "[atmosphere", "not TOML"),
        ("low = [0.012,", "low = [0.9,", "spectra.forest"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(tmp_path, monkeypatch, old: str, new: str, words: str) -> None:
    changed = tmp_path / "worlds.toml"
    text = parameters_file().read_text(encoding="utf-8")
    assert old in text
    changed.write_text(text.replace(old, new, 1))
    monkeypatch.setattr(worlds_parameters, "parameters_file", lambda: changed)
    with pytest.raises(ConfigError) as error:
        parameters.__wrapped__()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_users_own_parameters_are_found_first_and_make_another_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, simulation = parameters_file().read_text(encoding="utf-8"), simulation_of(AREA, SMALL)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "worlds.toml").write_text(text.replace("slope = 0.38", "slope = 0.21", 1), encoding="utf-8")
    assert parameters.__wrapped__().styles["kachin"].slope == 0.38
    monkeypatch.chdir(tmp_path)
    assert parameters.__wrapped__().styles["kachin"].slope == 0.21
    parameters.cache_clear()
    assert simulation_of(AREA, SMALL) != simulation
    parameters.cache_clear()


def test_cut_distributions_stay_between_their_ends() -> None:
    rng = np.random.default_rng(1)
    spread = parameters().site.pond_diameter_m
    drawn = [spread.draw(rng) for _ in range(400)]
    assert min(drawn) >= spread.low
    assert max(drawn) <= spread.high
    assert len(set(drawn)) == 400


def test_slopes_are_those_of_hills_and_follow_the_style() -> None:
    steep = {style: np.median([make_terrain(np.random.default_rng(k), 192, parameters().styles[style].slope).slope
                               for k in range(3)]) for style in ("kachin", "plain")}  # fmt: skip
    assert steep["kachin"] == pytest.approx(parameters().styles["kachin"].slope, rel=0.05)
    assert steep["plain"] < 0.05


def test_a_ridge_throws_its_shadow_away_from_the_sun_and_as_far_as_the_sun_is_low() -> None:
    height = np.zeros((80, 80), np.float32)
    height[40:43] = 300.0  # a wall from west to east
    wall = Terrain(height_m=height, slope=np.hypot(*np.gradient(height, 10.0)), river_px=np.full_like(height, 99))
    day, latitude = date(2025, 1, 10), 24.0
    lit = light(wall, day, latitude, 1.0)
    up, azimuth = sun(day, latitude)
    assert np.cos(azimuth) < 0  # the sun stands in the south
    reach = 300 / np.tan(up) * -np.cos(azimuth) / 10  # pixels northwards
    column = lit[:, 40]
    dark = np.flatnonzero(column < 0.5)
    assert dark.min() == pytest.approx(40 - reach, abs=3)
    assert column[50:].min() > 0.9  # nothing falls on the sunny side


def test_no_ground_is_in_the_shadow_of_a_ridge_when_all_is_flatter_than_the_rays() -> None:
    terrain = make_terrain(np.random.default_rng(1), 96, 0.02)
    assert light(terrain, date(2025, 6, 10), 24.0, 1.0).min() > 0.9


def test_a_new_style_changes_no_world_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    before = make_world(5, 96, "shan", START, END)
    known = parameters()
    more = known.model_copy(update={"styles": {"alpine": known.styles["kachin"], **known.styles}})
    monkeypatch.setattr(world_module, "parameters", lambda: more)
    np.testing.assert_array_equal(make_world(5, 96, "shan", START, END).land.base, before.land.base)


def test_natural_edges_are_soft_and_tracks_stay_sharp() -> None:
    land = make_world(5, 192, "kachin", START, END).land
    track, forest = land.base == Cover.TRACK, land.base == Cover.FOREST
    assert land.blend[forest].mean() > 2 * land.blend[track].mean()
    assert land.blend.min() >= 0
    assert land.blend.max() <= 1


def test_sites_leave_room_to_what_is_taken() -> None:
    rng, size = np.random.default_rng(2), 200
    terrain = make_terrain(rng, size, 0.3)
    taken = np.zeros((size, size), bool)
    taken[:, :120] = True
    for room in (20, 30):
        sites = [plan_site(np.random.default_rng(k), terrain, taken, START, END, room) for k in range(5)]
        middles = [np.mean([pond.col for pond in site.ponds[:3]]) for site in sites if site and site.ponds]
        assert middles
        assert min(middles) > 120 + room - 15
    assert plan_site(rng, terrain, np.ones_like(taken), START, END) is None


AGAIN = "python tests/world_statistics.py --write"


@pytest.mark.parametrize("style", styles())
def test_worlds_are_drawn_as_this_version_draws_them(style: str) -> None:
    said = complaint(style, statistics(style), kept())
    if said:
        pytest.fail(said, pytrace=False)


def test_the_worlds_of_which_statistics_are_kept_hold_sites_cloud_and_look_alikes() -> None:
    for known in kept()["styles"].values():
        assert known["sites"] >= 2
        assert known["look_alikes"] >= 2
        assert all(known[day]["pond_m2"] > 500 for day in world_statistics.DAYS)
        assert {"3", "4", "5", "9"} <= set(known["wet and clouded"]["scl_px"])


@pytest.mark.parametrize(
    ("name", "part", "change", "moved"),
    [
        ("mean", "B02", 0.0001, False),
        ("mean", "B02", 0.0002, True),
        ("mean_of_ponds", "B12", -0.01, True),
        ("std", "B08", 0.001, True),
        ("scl_px", "4", 8, False),
        ("scl_px", "4", 9, True),
        ("scl_px", "7", 9, True),  # a class that was not there
        ("pond_m2", "", 9, True),
    ],
)
def test_worlds_that_moved_are_told_in_one_line_with_what_to_do(
    name: str, part: str, change: float, moved: bool
) -> None:
    found, known = kept()["styles"]["shan"], kept()
    day = found["dry and clear"]
    place, key = (day[name], part) if part else (day, name)
    place[key] = place.get(key, 0) + change
    said = complaint("shan", found, known)
    assert said.startswith(f"worlds of shan have moved (dry and clear {name} {part}".rstrip()) is moved
    assert said.endswith(f"): raise WORLDS_VERSION in pipeline/worlds/archive.py, then {AGAIN}") is moved
    assert bool(said) is moved


def test_another_number_of_sites_is_another_world() -> None:
    known = kept()
    found = {**known["styles"]["shan"], "sites": 9}
    assert "(sites 9, not" in complaint("shan", found, known)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 0}, f"WORLDS_VERSION is {WORLDS_VERSION} and tests/golden/worlds.json is of 0: {AGAIN}"),
        ({"parameters": ""}, f"tests/golden/worlds.json is of another configs/worlds.toml: {AGAIN}"),
        ({"styles": {}}, f"worlds of shan are not kept yet: {AGAIN}"),
    ],
)
def test_kept_statistics_that_are_out_of_date_are_told_though_no_pixel_moved(change, words: str) -> None:
    assert complaint("shan", kept()["styles"]["shan"], {**kept(), **change}) == words


def test_writing_does_not_hide_that_worlds_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, path = kept(), tmp_path / "worlds.json"
    monkeypatch.setattr(world_statistics, "of_today", lambda: made)
    monkeypatch.setattr(world_statistics, "GOLDEN", path)
    assert world_statistics.write() == 0  # the first
    made["styles"]["dry"]["sites"] += 1
    assert world_statistics.write() == 1
    assert "not written: worlds of dry have moved (sites " in capsys.readouterr().out
    path.write_text(json.dumps({**kept(), "version": 0}))
    assert world_statistics.write() == 0
    assert kept() == made
