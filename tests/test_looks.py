from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fields import GRID, Field, scene
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.engine import executor_for, run
from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.looks.archive import LookMaker, look_at, read_stack
from pipeline.looks.file import open_look
from pipeline.looks.observe import CLEAR, NO_DATA, NOT_CLEAR
from pipeline.looks.task import LookTask, plan, recipe_of
from pipeline.looks.weights import Model, has_bf16, load_model
from pipeline.sources.interface import overpasses

SETTINGS = load(None)
MODEL = load_model(SETTINGS.model, "cpu", "fp32")
PRECISIONS = ["fp32", "bf16"] if MODEL.card.bf16 and has_bf16(MODEL.device) else ["fp32"]
AREA = Window(-243_200 + 16, 50_688 + 16, 256, 320)
"""Ground with cloud, clear parts and an edge without data, over which the test scene lies."""


def maker(folder: Path, **changes: object) -> LookMaker:
    return LookMaker(Field(**changes), recipe_of(SETTINGS, MODEL), "cpu", 1, folder)


def task(windows: tuple[Window, ...] = (AREA,), **of_scene: str) -> LookTask:
    (overpass,) = overpasses([scene(**of_scene)])
    return LookTask(GRID, next(iter(AREA.cells(2048))), windows, overpass)


def whole(model: Model = MODEL) -> np.ndarray:
    return look_at(task(), Field(), model, SETTINGS.clear, 1).bands


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.sampled_from([64, 96, 128, 192, 256, 512]), block=st.sampled_from([256, 512, 2048]), batch=st.integers(1, 5)
)
def test_a_look_is_the_same_however_the_ground_is_cut(precision: str, size: int, block: int, batch: int) -> None:
    torch.set_num_threads(1)  # as in a run
    model = load_model(SETTINGS.model, "cpu", precision)
    cells = [w for c in AREA.cells(size) if (w := c.intersection(AREA))]
    canvas = np.zeros((3, *AREA.shape), np.uint8)
    for made in plan(GRID, cells, block, overpasses([scene()])):
        canvas[(slice(None), *made.extent.within(AREA))] = look_at(made, Field(), model, SETTINGS.clear, batch).bands
    np.testing.assert_array_equal(canvas, whole(model))


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
        executor, width = executor_for(workers, len(tasks))
        with executor:
            outcomes = list(run(tasks, made, executor, width))
        assert all(o.value and o.value.computed for o in outcomes)
        contents.append([made.path_of(t).read_bytes() for t in tasks])
    assert contents[0] == contents[1]


def test_a_second_run_makes_no_look_again(tmp_path: Path) -> None:
    assert maker(tmp_path)(task()).computed
    assert not maker(tmp_path, broken=True)(task()).computed  # not even read


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "junk"])
def test_a_damaged_look_is_made_again(tmp_path: Path, damage: str) -> None:
    made = maker(tmp_path)
    path = made(task()).path
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
    assert open_look(path, task().key(made.recipe), task()) is None
    assert made(task()).computed
    assert path.read_bytes() == good


def test_another_scene_model_setting_or_code_never_meets_a_stale_look(tmp_path: Path) -> None:
    recipe = maker(tmp_path).recipe
    other = SETTINGS.clear.model_copy(update={"margin_px": SETTINGS.clear.margin_px + 1})
    keys = {
        task().key(recipe),
        task(fingerprint="2").key(recipe),
        task(name="two").key(recipe),
        task(windows=(AREA.grown(16),)).key(recipe),
        task().key(replace(recipe, model_sha256="0" * 64)),
        task().key(replace(recipe, precision="bf16")),
        task().key(replace(recipe, clear=other)),
        task().key(replace(recipe, code="0")),
    }
    assert len(keys) == 8


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
