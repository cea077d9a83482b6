"""Surface reflectance of what worlds are made of: a range per class, never a single endmember.

Each row is (low, high) for B02 B03 B04 B08 B11 B12, unitless. Where the numbers come from:
vegetation and paddies from published canopy radiative-transfer runs (PROSAIL) widened for mixture; water,
roofs and soils from published library medians and box averages; everything about leach ponds is an
assumption, for no Sentinel-2 spectrum of one was found in print. Measure real ponds and correct them here.
"""

from enum import IntEnum

import numpy as np

from pipeline.raster import Floats


class Cover(IntEnum):
    """What a pixel is covered with."""

    FOREST = 0
    DRY_FOREST = 1
    REGROWTH = 2
    GRASS = 3
    BURNT = 4
    SOIL_RED = 5
    SOIL_PALE = 6
    SOIL_BROWN = 7
    PADDY_WET = 8
    PADDY_GREEN = 9
    WATER_CLEAR = 10
    WATER_TURBID = 11
    SAND = 12
    ROOF_BLUE = 13
    ROOF_GREY = 14
    PLASTIC = 15
    TRACK = 16
    POND_TURQUOISE = 17
    POND_MILKY = 18
    POND_MESH = 19
    POND_BLACK = 20
    POND_BROWN = 21
    POND_EMPTY = 22


_RANGES = {
    Cover.FOREST: ((0.012, 0.026, 0.011, 0.22, 0.08, 0.03), (0.034, 0.058, 0.034, 0.42, 0.21, 0.10)),
    Cover.DRY_FOREST: ((0.030, 0.050, 0.045, 0.17, 0.18, 0.09), (0.055, 0.085, 0.090, 0.30, 0.30, 0.20)),
    Cover.REGROWTH: ((0.032, 0.058, 0.038, 0.26, 0.17, 0.08), (0.060, 0.100, 0.080, 0.40, 0.30, 0.18)),
    Cover.GRASS: ((0.040, 0.070, 0.070, 0.19, 0.24, 0.14), (0.075, 0.115, 0.135, 0.33, 0.38, 0.28)),
    Cover.BURNT: ((0.028, 0.035, 0.040, 0.06, 0.12, 0.11), (0.055, 0.065, 0.075, 0.13, 0.24, 0.24)),
    Cover.SOIL_RED: ((0.045, 0.075, 0.125, 0.21, 0.29, 0.24), (0.095, 0.135, 0.225, 0.35, 0.46, 0.41)),
    Cover.SOIL_PALE: ((0.11, 0.15, 0.19, 0.27, 0.36, 0.31), (0.20, 0.26, 0.32, 0.42, 0.53, 0.49)),
    Cover.SOIL_BROWN: ((0.038, 0.055, 0.072, 0.13, 0.20, 0.16), (0.075, 0.100, 0.135, 0.23, 0.35, 0.29)),
    Cover.PADDY_WET: ((0.028, 0.042, 0.038, 0.04, 0.02, 0.015), (0.075, 0.095, 0.095, 0.13, 0.12, 0.08)),
    Cover.PADDY_GREEN: ((0.020, 0.042, 0.022, 0.28, 0.13, 0.05), (0.042, 0.080, 0.055, 0.46, 0.25, 0.13)),
    Cover.WATER_CLEAR: (
        (0.018, 0.028, 0.012, 0.008, 0.004, 0.003),
        (0.052, 0.075, 0.042, 0.030, 0.020, 0.015),
    ),
    Cover.WATER_TURBID: (
        (0.055, 0.085, 0.085, 0.045, 0.010, 0.008),
        (0.110, 0.155, 0.185, 0.130, 0.045, 0.035),
    ),
    Cover.SAND: ((0.11, 0.15, 0.18, 0.24, 0.30, 0.26), (0.20, 0.26, 0.32, 0.38, 0.47, 0.43)),
    Cover.ROOF_BLUE: ((0.14, 0.12, 0.08, 0.20, 0.20, 0.20), (0.30, 0.23, 0.16, 0.35, 0.41, 0.41)),
    Cover.ROOF_GREY: ((0.10, 0.12, 0.13, 0.17, 0.21, 0.21), (0.26, 0.28, 0.31, 0.37, 0.43, 0.43)),
    Cover.PLASTIC: ((0.18, 0.20, 0.20, 0.28, 0.24, 0.19), (0.35, 0.38, 0.38, 0.50, 0.43, 0.36)),
    Cover.TRACK: ((0.06, 0.09, 0.12, 0.19, 0.27, 0.23), (0.12, 0.16, 0.22, 0.31, 0.41, 0.37)),
    Cover.POND_TURQUOISE: (
        (0.065, 0.095, 0.045, 0.018, 0.005, 0.004),
        (0.125, 0.185, 0.105, 0.055, 0.025, 0.02),
    ),
    Cover.POND_MILKY: (
        (0.115, 0.145, 0.115, 0.045, 0.010, 0.009),
        (0.255, 0.285, 0.255, 0.155, 0.055, 0.045),
    ),
    Cover.POND_MESH: ((0.045, 0.045, 0.028, 0.025, 0.025, 0.025), (0.125, 0.115, 0.075, 0.080, 0.090, 0.08)),
    Cover.POND_BLACK: ((0.018, 0.018, 0.018, 0.022, 0.028, 0.028), (0.052, 0.052, 0.052, 0.080, 0.085, 0.08)),
    Cover.POND_BROWN: ((0.045, 0.075, 0.090, 0.050, 0.012, 0.010), (0.095, 0.135, 0.175, 0.145, 0.065, 0.05)),
    Cover.POND_EMPTY: ((0.055, 0.065, 0.065, 0.09, 0.11, 0.10), (0.130, 0.140, 0.150, 0.19, 0.23, 0.21)),
}

PONDS = (
    (Cover.POND_TURQUOISE, 0.27),
    (Cover.POND_MILKY, 0.27),
    (Cover.POND_MESH, 0.14),
    (Cover.POND_BLACK, 0.12),
    (Cover.POND_BROWN, 0.12),
    (Cover.POND_EMPTY, 0.08),
)
"""Colours of leach ponds and how often each is met; assumed, after reports of milky, bright blue and covered ponds."""


def low_and_high() -> tuple[Floats, Floats]:
    """The table as two arrays, shape (cover, band)."""
    table = np.array([_RANGES[cover] for cover in Cover], np.float32)
    return table[:, 0], table[:, 1]
