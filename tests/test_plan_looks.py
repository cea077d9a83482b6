"""Which looks a run makes: what nobody looked at, what was recorded since, and nothing that is there already."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from fields import GRID, Field
from fields import scene as own_scene
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scenes import ALWAYS, aoi, run_of
from strategies import block_sizes, window_sizes
from test_detect import settings_with

from pipeline import atomic
from pipeline.config import Settings
from pipeline.grid import LONLAT, Window, covers, reprojected
from pipeline.looks.file import encoded
from pipeline.looks.look import Look, in_force
from pipeline.looks.observe import CLEAR, LookContent
from pipeline.looks.recipe import describe_recipe
from pipeline.looks.stack import read_stack
from pipeline.looks.task import LookTask
from pipeline.run.context import Run
from pipeline.run.looks import LookPlan, make_looks, plan_looks
from pipeline.sources.assets import Asset, BandAssets, GeoTiff
from pipeline.sources.interface import Period, Scene, Search

GROUND = Window(-243_200, 50_688, 512, 512)
"""Four windows of 256 pixels in one block; the AOI ends a little inside of it."""
SMALL = settings_with(segment={"window_px": 256}, grid={"block_px": 512}, engine={"workers": 1})
STRICTER = SMALL.model_copy(update={"clear": SMALL.clear.model_copy(update={"margin_px": SMALL.clear.margin_px + 1})})
FAR = Window(GROUND.row - 4_000, GROUND.col - 4_000, 8_500, 8_500)
"""What a granule covers: more than any AOI here."""


def granule(covered: Window = FAR, tile: str = "47QNF", baseline: str = "05.10", days: int = 0) -> Scene:
    """A granule on a server, as a provider lists it."""
    base = own_scene(name=f"S2B_T{tile}_2025{days}", content="")
    return replace(
        base,
        time_utc=base.time_utc + timedelta(days=days, hours=4),
        platform="S2B",
        assets=BandAssets.of({"B02": Asset(f"https://one.test/{tile}.tif?sig=a", 1, 0.0001, -0.1)}),
        footprint=reprojected(covered.polygon_m, GRID.crs, LONLAT),
        tile=tile,
        baseline=baseline,
    )


@dataclass(frozen=True)
class Listed(Field):
    """Ground that a provider lists in granules."""

    scenes: tuple[Scene, ...] = ()

    def search(self, aoi: object, period: Period) -> Search:
        return Search(tuple(scene for scene in self.scenes if period.holds(scene.time_utc)), ())


def run(out: Path, *scenes: Scene, ground: Window = GROUND, configured: Settings = SMALL, **changes) -> Run:
    source = changes.pop("source", None) or Listed(scenes=scenes)
    return run_of(aoi(ground.grown(-8)), source, configured, changes.pop("period", ALWAYS), out, **changes)


def filled(context: Run, fill: int = 1) -> LookPlan:
    """What was planned, and all of it made, as if the network had said `fill` everywhere."""
    planned = plan_looks(context)
    for task in (*planned.missing, *planned.outdated):
        bands = np.full((3, *task.extent.shape), fill, np.uint8)
        bands[2] = CLEAR
        key = task.key(planned.maker.recipe)
        atomic.write_bytes(planned.maker.path_of(task), encoded(LookContent(bands, (), (), task.extent), task, key))
        made = planned.maker.kept(task)
        assert made is not None
        planned.store.add(made)
    describe_recipe(planned.maker.folder, planned.maker.recipe)
    return planned


def windows_of(tasks: Sequence[LookTask | Look]) -> list[Window]:
    return sorted(window for task in tasks for window in task.windows)


def missing(context: Run) -> list[Window]:
    """The windows to look at, each once."""
    planned = plan_looks(context)
    assert not planned.outdated
    return windows_of(planned.missing)


def force(context: Run) -> list[Look]:
    return in_force(plan_looks(context).kept)


# What is there is not made again


def test_after_a_first_run_nothing_is_missing(tmp_path: Path) -> None:
    context = run(tmp_path, granule(), granule(days=5))
    planned = plan_looks(context)
    assert windows_of(planned.missing) == sorted(list(context.aoi.windows(256)) * 2)
    assert not planned.kept
    outcome = make_looks(context, planned, planned.missing)
    made, failures = outcome.looks, outcome.failures
    assert not failures
    again = plan_looks(context)
    assert (again.missing, again.outdated, again.older) == ((), (), ())
    assert (
        again.asked
        == again.kept
        == tuple(replace(look, computed=False) for look in sorted(made, key=lambda look: look.day))
    )


def test_looks_are_there_though_a_provider_lists_nothing(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    silent = plan_looks(run(tmp_path))
    assert (silent.missing, silent.asked) == ((), ())
    assert windows_of(silent.kept) == windows_of(filled(run(tmp_path, granule())).kept)


def test_a_longer_period_makes_only_what_is_new(tmp_path: Path) -> None:
    scenes = [granule(days=days) for days in (0, 5, 40)]
    first = scenes[0].time_utc.date()
    filled(run(tmp_path, *scenes, period=Period(first, first + timedelta(days=9))))
    planned = plan_looks(run(tmp_path, *scenes))
    assert {task.overpass.day for task in planned.missing} == {scenes[2].time_utc.date()}
    assert len(planned.asked) == 2


shifts = st.integers(-700, 700)


@settings(max_examples=25)
@example(0, 0)
@example(256, 0)
@given(shifts, shifts)
def test_of_an_aoi_that_moved_only_new_windows_are_missing(tmp_path_factory, down: int, right: int) -> None:
    out = tmp_path_factory.mktemp("run")
    before = run(out, granule())
    filled(before)
    moved = run(out, granule(), ground=Window(GROUND.row + down, GROUND.col + right, 512, 512))
    there = set(before.aoi.windows(256))
    assert missing(moved) == [window for window in moved.aoi.windows(256) if window not in there]


@settings(max_examples=25)
@given(window_sizes, block_sizes, window_sizes, block_sizes)
def test_other_windows_and_blocks_make_nothing_where_there_are_looks(
    tmp_path_factory, size: int, block: int, other_size: int, other_block: int
) -> None:
    out = tmp_path_factory.mktemp("run")

    def cut(window_px: int, block_px: int) -> Settings:
        return settings_with(segment={"window_px": window_px}, grid={"block_px": block_px}, engine={"workers": 1})

    filled(run(out, granule(), configured=cut(size, block)))
    there = windows_of(plan_looks(run(out, granule())).kept)
    other = run(out, granule(), configured=cut(other_size, other_block))
    planned = plan_looks(other)
    assert not any(covers(there, window) for window in windows_of(planned.missing))
    filled(other)
    assert not missing(other)
    assert covers(windows_of(plan_looks(other).asked), GROUND)
    assert len(read_stack(force(other), GROUND).days) == 1


SAME = {
    "an older baseline": {"baseline": "04.00"},
    "an older baseline by number": {"baseline": "05.9"},
    "no baseline": {"baseline": ""},
    "another id": {"id": "S2B_MSIL2A_20250105T040000_R047_T47QNF_20250105T070000", "provider": "other"},
    "a new signature": {"assets": BandAssets.of({"B02": Asset("https://two.test/x.tif?sig=b", 1, 0.0001, -0.1)})},
    "its end, not its start": {"time_utc": granule().time_utc + timedelta(seconds=299)},
    "no tile": {"tile": ""},
    "a footprint in other digits": {"footprint": granule().footprint.buffer(0.001)},
    "another cloud cover": {"cloud_share": 0.5},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_the_same_acquisition_listed_otherwise_is_not_looked_at_again(changes: dict, tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    planned = plan_looks(run(tmp_path, replace(granule(), **changes)))
    assert (planned.missing, planned.outdated) == ((), ())
    assert planned.asked == planned.kept


OTHER = {
    "a later baseline": {"baseline": "05.11"},
    "another tile": {"tile": "47QPF", "id": "S2B_47QPF"},
    "another time": {"time_utc": granule().time_utc + timedelta(seconds=301)},
    "another satellite": {"platform": "S2A"},
    "another day": {"time_utc": granule().time_utc + timedelta(days=1)},
}


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_another_acquisition_is_looked_at(changes: dict, tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    context = run(tmp_path, replace(granule(), **changes))
    assert missing(context) == list(context.aoi.windows(256))


def in_file(path: Path, content: bytes, **changes: object) -> Scene:
    """The granule in a file of one's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return replace(granule(**changes), id=path.name, assets=GeoTiff(path))


def test_a_file_with_other_content_is_looked_at_again_and_a_moved_one_is_not(tmp_path: Path) -> None:
    filled(run(tmp_path, in_file(tmp_path / "one.tif", b"pixels", tile="", baseline="")))
    moved = run(tmp_path, in_file(tmp_path / "deep" / "moved.tif", b"pixels", tile="", baseline=""))
    assert not missing(moved)
    edited = run(tmp_path, in_file(tmp_path / "one.tif", b"others", tile="", baseline=""))
    assert missing(edited) == list(edited.aoi.windows(256))


def test_of_a_file_that_was_mended_in_place_the_last_content_counts(tmp_path: Path) -> None:
    for fill, content in ((1, b"spoilt"), (2, b"mended"), (3, b"spoilt"), (4, b"mended")):
        context = run(tmp_path, in_file(tmp_path / "one.tif", content, tile="", baseline=""))
        assert missing(context) == list(context.aoi.windows(256))
        filled(context, fill)
        planned = plan_looks(context)
        assert not planned.missing
        looks = in_force(planned.kept)
        area = looks[0].extent
        assert (read_stack(looks, area).pond == fill).all()
        assert {look.generation for look in looks} == {fill - 1}


def test_a_tile_that_was_downloaded_is_the_one_on_the_server(tmp_path: Path) -> None:
    filled(run(tmp_path / "a", granule()))
    assert not missing(run(tmp_path / "a", in_file(tmp_path / "tile.zip", b"pixels")))
    filled(run(tmp_path / "b", in_file(tmp_path / "tile.zip", b"pixels")))
    assert not missing(run(tmp_path / "b", granule()))
    assert missing(run(tmp_path / "b", granule(baseline="05.11")))


# Later granules and baselines


def touched(context: Run, covered: Window) -> list[Window]:
    margin_px = context.recipe.margin_px
    return [w for w in context.aoi.windows(256) if w.grown(margin_px).intersection(covered)]


@settings(max_examples=30)
@example(-20, 16)
@given(st.integers(-30, 30), st.integers(-30, 30))
def test_of_a_late_granule_only_the_windows_it_touches_are_made_again(tmp_path_factory, down: int, right: int) -> None:
    out = tmp_path_factory.mktemp("run")
    filled(run(out, granule()))
    covered = Window(GROUND.row + 16 * down + 5, GROUND.col + 16 * right + 5, 262, 246)
    context = run(out, granule(), granule(covered, tile="47QPF"))
    again = touched(context, covered)
    assert missing(context) == again
    filled(context, fill=2)
    assert not missing(context)
    assert not missing(run(out, granule()))  # the granules of before show nothing that is not there
    stack = read_stack(force(context), GROUND)
    assert len(stack.days) == 1
    expected = np.ones(GROUND.shape, np.uint8)
    for window in again:
        expected[window.within(GROUND)] = 2
    np.testing.assert_array_equal(stack.pond[0], expected)


def test_a_look_from_all_granules_replaces_the_one_from_some(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    context = run(tmp_path, granule(), granule(tile="47QPF"))
    filled(context, fill=2)
    (look,) = force(context)
    assert len(look.acquisitions) == 2
    assert len(plan_looks(context).kept) == 2


@pytest.mark.parametrize(("before", "after"), [("05.10", "05.11"), ("05.9", "05.10"), ("02.14", "05.00")])
def test_a_look_from_a_later_baseline_replaces_the_earlier_one(tmp_path: Path, before: str, after: str) -> None:
    filled(run(tmp_path, granule(baseline=before)))
    later = run(tmp_path, granule(baseline=after))
    assert missing(later) == list(later.aoi.windows(256))
    filled(later, fill=2)
    (look,) = force(later)
    assert [each.baseline for each in look.acquisitions] == [after]
    assert len(plan_looks(later).kept) == 2
    assert not missing(run(tmp_path, granule(baseline=before)))
    np.testing.assert_array_equal(read_stack(plan_looks(later).kept, GROUND).pond, np.full((1, 512, 512), 2))


def test_a_look_of_another_tile_replaces_nothing_however_late_it_was_processed(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    other = run(tmp_path, granule(tile="47QPF", baseline="05.11"))
    filled(other, fill=2)
    assert len(force(other)) == 2
    assert len(read_stack(force(other), GROUND).days) == 1
    assert not missing(run(tmp_path, granule()))


def test_where_the_later_look_is_smaller_the_earlier_one_still_counts_around_it(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    small = run(tmp_path, granule(baseline="05.11"), ground=Window(GROUND.row, GROUND.col, 256, 256))
    filled(small, fill=2)
    assert len(force(small)) == 2
    pond = read_stack(force(small), GROUND).pond
    assert len(pond) == 1
    assert (pond[0, :256, :256] == 2).all()
    assert pond[0].sum() == 512 * 512 + 256 * 256


# Other recipes


def test_looks_by_another_recipe_are_outdated_and_not_missing(tmp_path: Path) -> None:
    first = filled(run(tmp_path, granule()))
    planned = plan_looks(run(tmp_path, granule(), configured=STRICTER))
    assert (planned.missing, planned.kept, planned.asked) == ((), (), ())
    assert windows_of(planned.outdated) == windows_of(first.missing)
    assert planned.older == (first.maker.recipe.description,)


def test_new_ground_is_missing_and_not_outdated(tmp_path: Path) -> None:
    before = run(tmp_path, granule())
    filled(before)
    wider = run(tmp_path, granule(), ground=Window(GROUND.row, GROUND.col, 512, 768), configured=STRICTER)
    planned = plan_looks(wider)
    assert windows_of(planned.outdated) == list(before.aoi.windows(256))
    assert windows_of(planned.missing) == [w for w in wider.aoi.windows(256) if not covers([GROUND], w)]


def test_a_later_baseline_is_missing_whatever_made_the_earlier_look(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    planned = plan_looks(run(tmp_path, granule(baseline="05.11"), configured=STRICTER))
    assert planned.missing
    assert not planned.outdated


def test_once_made_again_nothing_is_outdated_either_way(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    filled(run(tmp_path, granule(), configured=STRICTER))
    for configured in (SMALL, STRICTER):
        planned = plan_looks(run(tmp_path, granule(), configured=configured))
        assert (planned.missing, planned.outdated) == ((), ())
        assert len(planned.kept) == len(planned.asked) == 1


def test_a_recipe_that_nothing_describes_is_unknown(tmp_path: Path) -> None:
    first = filled(run(tmp_path, granule()))
    (first.maker.folder / "recipe.json").unlink()
    planned = plan_looks(run(tmp_path, granule(), configured=STRICTER))
    assert [each.model for each in planned.older] == ["unknown"]
    assert planned.outdated
