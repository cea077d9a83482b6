from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fields import GRID, Field, Unmasked, scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import aligned_windows, block_sizes, window_sizes

from pipeline.bands import NAMES
from pipeline.config import OffsetError, load
from pipeline.engine import processes, run
from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.looks.clear import CLEAR_RADIUS_PX, clear
from pipeline.looks.codes import Segmentation
from pipeline.looks.file import LookFile, encoded, open_look
from pipeline.looks.look import LookArray, look_of
from pipeline.looks.maker import LookMaker
from pipeline.looks.observe import CLEAR, NO_DATA, NO_VALUE, NOT_CLEAR, LookContent, observe
from pipeline.looks.recipe import LOOK_VERSION, read_margin_px, recipe_of
from pipeline.looks.segment import NetworkSegmenter, segment
from pipeline.looks.stack import read_stack
from pipeline.looks.store import LookStore
from pipeline.looks.task import LookTask, plan
from pipeline.looks.weights import Model, has_bf16, load_model
from pipeline.raster import Raster
from pipeline.sources.interface import overpasses

SETTINGS = load(None)
MODEL = load_model(SETTINGS.model, "cpu", "fp32")
MARGIN_PX = recipe_of(SETTINGS, MODEL).margin_px
PRECISIONS = ["fp32", "bf16"] if MODEL.card.bf16 and has_bf16(MODEL.device) else ["fp32"]
AREA = Window(-243_200 + 16, 50_688 + 16, 256, 320)
"""Ground with cloud, clear parts and an edge without data, over which the test scene lies."""


def maker(folder: Path, **changes: object) -> LookMaker:
    return LookMaker(Field(**changes), recipe_of(SETTINGS, MODEL), "cpu", 1, folder)


def task(windows: tuple[Window, ...] = (AREA,), **of_scene: str) -> LookTask:
    (overpass,) = overpasses([scene(**of_scene)])
    return LookTask(GRID, next(iter(AREA.cells(2048))), windows, overpass)


def observed(one: LookTask, model: Model = MODEL) -> LookContent:
    return observe(one, Field(), NetworkSegmenter(model), MARGIN_PX, SETTINGS.clear)


def whole(model: Model = MODEL) -> np.ndarray:
    return observed(task(), model).bands


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=window_sizes, block=block_sizes)
def test_a_look_is_the_same_however_the_ground_is_cut(precision: str, size: int, block: int) -> None:
    torch.set_num_threads(1)  # as in a run
    model = load_model(SETTINGS.model, "cpu", precision)
    cells = [w for c in AREA.cells(size) if (w := c.intersection(AREA))]
    canvas = np.zeros((3, *AREA.shape), np.uint8)
    for made in plan(GRID, cells, block, overpasses([scene()]), MARGIN_PX):
        canvas[(slice(None), *made.extent.within(AREA))] = observed(made, model).bands
    np.testing.assert_array_equal(canvas, whole(model))


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(windows=st.lists(aligned_windows(AREA, 128), min_size=1, max_size=3))
def test_what_is_cropped_before_segmenting_changes_no_pixel(precision: str, windows: list[Window]) -> None:
    """The network is shown less than is read for the clear test: all of it gives the same."""
    torch.set_num_threads(1)  # as in a run
    model = load_model(SETTINGS.model, "cpu", precision)
    segmenter = NetworkSegmenter(model)
    assert segmenter.margin_px < MARGIN_PX
    one = task(windows=tuple(windows))
    seen = observe(one, Field(), segmenter, MARGIN_PX, SETTINGS.clear)
    for window in windows:
        raster = Field().read(one.overpass.scenes, GRID, window.grown(MARGIN_PX))
        cut, answer = window.within(raster.window), segment(model, raster)
        ground = clear(raster, SETTINGS.clear)[cut]
        pond, mine, state = seen.bands[(slice(None), *window.within(one.extent))]
        np.testing.assert_array_equal(pond, np.where(ground, answer.pond_fraction[cut], NO_VALUE))
        np.testing.assert_array_equal(mine, np.where(ground, answer.ground_probability[cut], NO_VALUE))
        np.testing.assert_array_equal(state == CLEAR, ground)


@dataclass(frozen=True)
class Nearsighted:
    """A segmenter that needs no margin: what it predicts for a pixel is the pixel's own."""

    margin_px: int = 0

    def __call__(self, raster: Raster, windows: Sequence[Window]) -> list[Segmentation]:
        shown = [raster.cropped(window).reflectance[:2] for window in windows]
        return [Segmentation(*np.round(200 * planes).astype(np.uint8)) for planes in shown]


@settings(max_examples=12, deadline=None)
@given(size=window_sizes)
def test_clouds_beyond_a_window_are_seen_however_near_the_network_looks(size: int) -> None:
    """Without SCL, a shadow is one only near a cloud: with the widest reach that settings allow."""
    reach = SETTINGS.clear.model_copy(update={"margin_px": 40, "fallback_shadow_reach_px": 60, "fallback_white": 0.3})
    margin_px = read_margin_px(Nearsighted().margin_px)
    cells = tuple(w for c in AREA.cells(size) if (w := c.intersection(AREA)))
    one, other = (
        observe(task(windows=some), Unmasked(), Nearsighted(), margin_px, reach).bands for some in (cells, (AREA,))
    )
    np.testing.assert_array_equal(one, other)
    assert {NOT_CLEAR, CLEAR} == set(np.unique(one[2]))


@given(st.integers(0, 400))
def test_looks_are_read_wide_enough_for_the_network_and_the_clear_test(radius_px: int) -> None:
    margin_px = read_margin_px(radius_px)
    assert margin_px % 16 == 0
    assert max(radius_px, CLEAR_RADIUS_PX) <= margin_px < max(radius_px, CLEAR_RADIUS_PX) + 16


def test_a_look_tells_clear_ground_from_cloud_and_from_no_data() -> None:
    states = whole()[2]
    assert set(np.unique(states)) == {NO_DATA, NOT_CLEAR, CLEAR}
    assert (whole()[0][states != CLEAR] == 255).all()
    assert (whole()[0][states == CLEAR] <= 200).all()


def test_looks_are_the_same_bytes_with_one_worker_or_two(tmp_path: Path) -> None:
    tasks = [task(), task(day="2025-02-04")]
    contents = []
    for workers in (1, 2):
        made = maker(tmp_path / str(workers))
        outcomes = list(run(tasks, made, processes(workers, len(tasks))))
        assert all(o.value and o.value.computed for o in outcomes)
        contents.append([made.path_of(t).read_bytes() for t in tasks])
    assert contents[0] == contents[1]


def test_a_second_run_makes_no_look_again(tmp_path: Path) -> None:
    assert maker(tmp_path)(task()).computed
    assert not maker(tmp_path, broken=True)(task()).computed  # not even read


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "junk"])
def test_a_damaged_look_is_made_again(tmp_path: Path, damage: str) -> None:
    made = maker(tmp_path)
    made(task())
    path = made.path_of(task())
    good = path.read_bytes()
    middle = len(good) // 2
    path.write_bytes(
        {
            "empty": b"",
            "cut": good[:middle],
            "flipped": good[:middle] + bytes(b ^ 255 for b in good[middle:]),
            "junk": b"not a tiff at all",
        }[damage]
    )
    assert open_look(path) is None
    assert list(LookStore(tmp_path).looks(GRID)) == []
    assert made(task()).computed
    assert path.read_bytes() == good


def test_another_scene_model_setting_or_version_never_meets_a_stale_look(tmp_path: Path) -> None:
    recipe = maker(tmp_path).recipe
    other = SETTINGS.clear.model_copy(update={"margin_px": SETTINGS.clear.margin_px + 1})
    keys = {
        task().key(recipe),
        task(content="2").key(recipe),
        task(content="").key(recipe),
        task(windows=(AREA.grown(16),)).key(recipe),
        task().key(replace(recipe, model_sha256="0" * 64)),
        task().key(replace(recipe, precision="bf16")),
        task().key(replace(recipe, clear=other)),
        task().key(replace(recipe, version=LOOK_VERSION + 1)),
        task().key(replace(recipe, offset_error=OffsetError.CORRECT)),
    }
    assert len(keys) == 9
    assert task(name="moved/one").key(replace(recipe, model="/elsewhere/third")) == task().key(recipe)


def test_what_a_file_holds_is_what_was_observed(tmp_path: Path) -> None:
    seen = replace(observed(task()), notes=("read otherwise", "ö"))
    path = tmp_path / "look.tif"
    path.write_bytes(encoded(seen, task(), "key"))
    back = open_look(path)
    assert back is not None
    assert back == look_of(task(), "key", seen, back.pixels)
    np.testing.assert_array_equal(back.pixels.read(AREA), seen.bands)
    assert len(seen.clear_p10) == len(NAMES)
    assert open_look(tmp_path / "none.tif") is None


def test_a_look_in_memory_is_read_as_one_on_disk(tmp_path: Path) -> None:
    kept, seen = maker(tmp_path)(task()), observed(task())
    made = look_of(task(), kept.key, seen, LookArray(seen.bands, AREA))
    assert made == replace(kept, computed=False)
    assert isinstance(kept.pixels, LookFile)
    for window in (AREA, AREA.grown(8), Window(AREA.row + 5, AREA.col + 7, 50, 90)):
        one, other = read_stack([made], window), read_stack([kept], window)
        for name in ("pond", "ground", "clear", "measured"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_failed_read_leaves_no_look(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="cannot be read"):
        maker(tmp_path, broken=True)(task())
    assert not list(tmp_path.rglob("*.tif"))


def test_windows_without_a_clear_pixel_are_kept_as_not_clear(tmp_path: Path) -> None:
    look = maker(tmp_path, clouded=True)(task())
    assert look.clear_share == 0
    stack = read_stack([look], AREA)
    assert stack.measured.all()
    assert not stack.clear.any()


def test_looks_are_stacked_in_time_in_whatever_order_they_come(tmp_path: Path) -> None:
    looks = [maker(tmp_path)(task(day=day)) for day in ("2025-03-01", "2025-01-05", "2025-02-04")]
    one, other = read_stack(looks, AREA), read_stack(looks[::-1], AREA)
    assert one.days == other.days == tuple(sorted(look.day for look in looks))
    np.testing.assert_array_equal(one.pond, other.pond)


def test_blocks_of_one_overpass_become_one_layer(tmp_path: Path) -> None:
    west = Window(AREA.row, AREA.col, AREA.height, 160)
    east = Window(AREA.row, AREA.col + 160, AREA.height, AREA.width - 160)
    looks = [maker(tmp_path / name)(task(windows=(w,))) for name, w in (("w", west), ("e", east))]
    stack = read_stack(looks, AREA)
    assert stack.days == (looks[0].day,)
    np.testing.assert_array_equal(stack.clear[0], whole()[2] == CLEAR)
    np.testing.assert_array_equal(stack.pond[0], np.where(whole()[2] == CLEAR, whole()[0], 0))
