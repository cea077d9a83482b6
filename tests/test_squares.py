import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.grid import Window
from pipeline.looks.squares import SQUARE_PX, Squares, in_pixels, shape_of, sums, touching

windows = st.builds(Window, st.integers(-300, 300), st.integers(-300, 300), st.integers(1, 200), st.integers(1, 200))


@given(windows, st.integers(0, 2**32 - 1))
def test_sums_are_those_of_each_square(window: Window, seed: int) -> None:
    pixels = np.random.default_rng(seed).random(window.shape) < 0.1
    found = sums(pixels, window)
    assert found.shape == shape_of(window)
    for square, total in zip(window.cells(SQUARE_PX), found.ravel(), strict=True):
        inside = square.intersection(window)
        assert inside is not None
        assert total == pixels[inside.within(window)].sum()


@given(windows, st.integers(0, 2**32 - 1))
def test_a_set_of_squares_is_the_same_after_writing_and_reading(window: Window, seed: int) -> None:
    mask = np.random.default_rng(seed).random(shape_of(window)) < 0.3
    squares = Squares.of(window, mask)
    again = Squares.of_text(window, squares.text)
    np.testing.assert_array_equal(again.mask, mask)
    assert bool(again) is bool(mask.any())
    np.testing.assert_array_equal(touching(again, window), mask)
    for other in (window.grown(100), Window(window.row - 70, window.col + 50, 90, 300)):
        np.testing.assert_array_equal(again.on(other), touching(again, other))
    assert all(square.intersection(window) for square in again)


@given(windows, st.integers(0, 2**32 - 1))
def test_pixels_of_squares_are_those_that_lie_in_them(window: Window, seed: int) -> None:
    mask = np.random.default_rng(seed).random(shape_of(window)) < 0.3
    expected = np.zeros(window.shape, bool)
    for square in Squares.of(window, mask):
        inside = square.intersection(window)
        assert inside is not None
        expected[inside.within(window)] = True
    np.testing.assert_array_equal(in_pixels(mask, window), expected)


@pytest.mark.parametrize("text", ["zz", "ff" * 40])
def test_other_text_is_no_set_of_squares(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Squares.of_text(Window(0, 0, 128, 128), text)
