"""The screen: squares of ground on which the network need not look, because nothing in them could be part of a site.

A site has bare or disturbed ground with something like water in it. Closed forest, green crops, clear rivers and
shadow have not. A pixel could be part of a site if it is bare ground mixed with water, mesh or plastic, which is
neither green nor as bright in the short-wave infrared as soil is (one sum, `mixture`), or bright water itself. A square
of 640 m with fewer than `MIN_SUSPECT_PX` such pixels is screened out.

The weights were fitted by logistic regression to pixels that the network calls pond, and to others, on simulated
worlds. How much is skipped, and what it costs in sites, is measured in `docs/screening.md`.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.bands import BANDS, BLUE, GREEN, NIR, RED, SWIR1, SWIR2
from pipeline.grid import Window
from pipeline.looks.squares import SQUARE_PX, in_pixels, sums, touching
from pipeline.raster import Bools, Floats, Raster

SCREEN_VERSION = 1
"""Raise it when other squares are screened out."""
CONSTANT, NDVI, WATER, VISIBLE, FLAT, BRIGHT, DARK = 4.65, -11.4, 9.1, -17.7, -21.8, 47.9, -27.4
"""Weights: constant; (NIR - red), (green - NIR), (green - SWIR 1), (SWIR 1 - SWIR 2), each relative to their sum; blue;
SWIR 2."""
THRESHOLD = 4.0
"""A pixel with a sum above it could be part of a site; at 5 none of 53 simulated or drawn sites was lost
either, but brown ponds on dark soil lie between."""
WATER_BLUE = 0.05
"""Water (green above SWIR 1) is bright from this reflectance in blue on: milky, turquoise or turbid, not clear."""
MIN_SUSPECT_PX = 3
"""Fewer such pixels in a square are none: the smallest sites that are found have more."""
STRIP_SQUARES = 1
"""Rows of squares at once: what is computed for them stays in a processor's cache."""
BLUE_AT, GREEN_AT, RED_AT, NIR_AT, SWIR1_AT, SWIR2_AT = (
    BANDS.index(band) for band in (BLUE, GREEN, RED, NIR, SWIR1, SWIR2)
)


def screened(raster: Raster, window: Window, clear: Bools, spared: Sequence[Window]) -> Bools:
    """The clear pixels of a window inside a raster that the network need not see, shape (y, x).

    `clear`: where the ground was seen, (y, x) of the window; `spared`: squares that are never screened out. Decided
    square by square, from the pixels of each within the window.
    """
    read = clear if raster.unread is None else clear & ~raster.unread[window.within(raster.window)]
    hot = np.zeros(window.shape, bool)
    for strip in _strips(window):
        part = raster.cropped(strip)
        reflectance = part.reflectance
        hot[strip.within(window)] = (mixture(reflectance) > THRESHOLD) | bright_water(reflectance)
    looked = (sums(hot & read, window) >= MIN_SUSPECT_PX) | touching(spared, window)
    out: Bools = clear & ~in_pixels(looked, window)
    return out


def mixture(reflectance: Floats) -> Floats:
    """How much each pixel (y, x) of some reflectance (band, y, x) looks like bare ground with ponds."""
    blue, green, red, nir, swir1, swir2 = (
        reflectance[at] for at in (BLUE_AT, GREEN_AT, RED_AT, NIR_AT, SWIR1_AT, SWIR2_AT)
    )
    total = np.float32(BRIGHT) * blue
    total += np.float32(DARK) * swir2
    for weight, one, other in (
        (NDVI, nir, red),
        (WATER, green, nir),
        (VISIBLE, green, swir1),
        (FLAT, swir1, swir2),
    ):
        total += np.float32(weight) * ((one - other) / np.maximum(one + other, np.float32(1e-3)))
    found: Floats = total + np.float32(CONSTANT)
    return found


def bright_water(reflectance: Floats) -> Bools:
    """Where some reflectance (band, y, x) is of water that is not clear, (y, x)."""
    found: Bools = (reflectance[GREEN_AT] > reflectance[SWIR1_AT]) & (reflectance[BLUE_AT] > WATER_BLUE)
    return found


def _strips(window: Window) -> list[Window]:
    step = STRIP_SQUARES * SQUARE_PX
    return [
        strip
        for row in range(window.row // step * step, window.row + window.height, step)
        if (strip := Window(row, window.col, step, window.width).intersection(window)) is not None
    ]
