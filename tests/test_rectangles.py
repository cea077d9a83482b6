import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.grid import Window
from pipeline.looks.rectangles import CALL_PX, rectangles
from pipeline.looks.squares import SQUARE_PX

windows = st.builds(
    lambda row, col, height, width: Window(16 * row, 16 * col, 16 * height, 16 * width),
    st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 40), st.integers(1, 40),
)  # fmt: skip


@given(windows, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.001, 0.02, 1.0]), st.sampled_from([0, 48]))
def test_rectangles_hold_what_is_wanted_once_and_cost_no_more_than_all(
    window: Window, seed: int, share: float, margin_px: int
) -> None:
    wanted = np.random.default_rng(seed).random(window.shape) < share
    found = rectangles(wanted, window, margin_px)
    count = np.zeros(window.shape, int)
    for part in found:
        count[part.within(window)] += 1
        assert all(edge % 16 == 0 for edge in (part.row, part.col, part.height, part.width))
    assert count.max() <= 1
    assert (count[wanted] == 1).all()
    assert bool(found) is bool(wanted.any())
    cost = sum((part.height + 2 * margin_px) * (part.width + 2 * margin_px) + CALL_PX for part in found)
    around = (window.height + 2 * (margin_px + SQUARE_PX)) * (window.width + 2 * (margin_px + SQUARE_PX)) + CALL_PX
    assert cost <= around


def test_far_squares_are_shown_alone_and_near_ones_together() -> None:
    window = Window(0, 0, 2048, 2048)
    wanted = np.zeros(window.shape, bool)
    wanted[10, 10] = wanted[2000, 2000] = True
    assert rectangles(wanted, window, 48) == [Window(0, 0, 64, 64), Window(1984, 1984, 64, 64)]
    wanted[:] = False
    wanted[70:120, 10:400] = True
    assert rectangles(wanted, window, 48) == [Window(64, 0, 64, 448)]
    wanted[:] = True
    assert rectangles(wanted, window, 48) == [window]
