import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.grid import Window
from pipeline.sources.parts import CELL_PX, NEED_MARGIN_PX, parts_needed

CLOUD, FOREST, BARE = 9, 4, 5
windows = st.builds(
    Window, st.integers(-900, 900), st.integers(-900, 900), st.integers(1, 1800), st.integers(1, 1800)
)  # fmt: skip
places = st.lists(st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), max_size=4)


@given(windows, places)
def test_all_ground_around_a_cell_with_another_class_is_needed_and_cloud_far_from_it_is_not(
    window: Window, bare: list[tuple[float, float]]
) -> None:
    classes = np.full(window.shape, CLOUD, np.uint8)
    for row, col in bare:
        classes[int(row * window.height), int(col * window.width)] = BARE
    needed = np.zeros(window.shape, bool)
    parts = parts_needed(window, classes, (CLOUD, FOREST))
    for part in parts:
        needed[part.within(window)] = True
    for row, col in bare:
        (cell,) = Window(window.row + int(row * window.height), window.col + int(col * window.width), 1, 1).cells(
            CELL_PX
        )
        around = cell.grown(NEED_MARGIN_PX).intersection(window)
        assert around is not None
        assert needed[around.within(window)].all()
    assert bool(parts) is bool(bare)


def test_cells_of_cloud_alone_are_not_needed() -> None:
    window = Window(0, 0, 2048, 2048)
    classes = np.full(window.shape, CLOUD, np.uint8)
    assert parts_needed(window, classes, (CLOUD,)) == []
    assert parts_needed(window, classes, ()) == [window]
    classes[1600, 1600] = FOREST
    assert parts_needed(window, classes, (CLOUD,)) == [Window(1424, 1424, 624, 624)]
