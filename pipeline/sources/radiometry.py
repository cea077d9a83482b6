"""From stored numbers to reflectance, in one place."""

import math

from pipeline.errors import SceneError

SCALE, OFFSET = 0.0001, 0.0
"""Sentinel-2's own, for files that say nothing."""

LEAST_SCALE, MOST_SCALE, MOST_OFFSET = 1e-6, 1.01, 1.0
"""No one stores reflectance otherwise: from millionths to percent and whole numbers."""


def scale_and_offset(scale: float, offset: float) -> tuple[float, float]:
    """What turns stored numbers into reflectance, from GDAL's band scale and offset (1 and 0 = absent).

    Raises `SceneError` for a scale that can be no one's.
    """
    if not (math.isfinite(scale) and LEAST_SCALE <= scale <= MOST_SCALE and abs(offset) <= MOST_OFFSET):
        raise SceneError(f"band scale {scale} and offset {offset} make no reflectance")
    if (scale, offset) == (1.0, 0.0):
        return SCALE, OFFSET
    return scale, offset
