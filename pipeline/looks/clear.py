"""The clear test: where the ground was seen.

With SCL: its classes, and a margin around cloud and shadow. Without it: the fallback cloud test on reflectance,
simpler than SCL; `manifest.json` states that it was used. Both are strictly local: nothing farther than
`CLEAR_RADIUS_PX` from a pixel can change its result.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_opening

from pipeline.bands import BANDS, BLUE, GREEN, NIR, RED, SWIR1
from pipeline.config import ClearSettings
from pipeline.raster import Bools, Bytes, Raster

CLEAR_RADIUS_PX = 112
"""How far a pixel can affect others, pixels: shadow reach (60), margin (40), opening and rounding."""
SQUARE_MARGIN_PX = 2
"""Margins up to this are squares: a disc of so few pixels is none."""
SCL_CLOUD_AND_SHADOW = (3, 8, 9, 10)
"""Classes that get a margin where they are not clear: cloud shadow, medium and high cloud, thin cirrus."""
VEIL_RED_RATIO = 0.6
"""A veil has a ratio of B04 to B02 above this; blue roofs and sheets have less."""
VEIL_SWIR_RATIO = 1.9
"""Ground under a veil still shows in B11; at this ratio of B11 to B02 or above it is bare soil without a veil."""
BLUE_AT, GREEN_AT, RED_AT, NIR_AT, SWIR_AT = (BANDS.index(b) for b in (BLUE, GREEN, RED, NIR, SWIR1))


def clear(raster: Raster, settings: ClearSettings) -> Bools:
    """True where the ground was seen, (y, x); closer to the edge than `CLEAR_RADIUS_PX` it may miss cloud or shadow."""
    if raster.scl is not None:
        hidden = _of(raster.scl, [code for code in settings.scl_unclear if code in SCL_CLOUD_AND_SHADOW])
        other = _of(raster.scl, settings.scl_unclear)
        seen: Bools = raster.valid & ~other & ~near(hidden & raster.valid, settings.margin_px)
        return seen
    cloud = fallback_cloud(raster, settings)
    shadow = fallback_shadow(raster, cloud, settings)
    seen = raster.valid & ~near(cloud | shadow, settings.margin_px)
    return seen


def fallback_cloud(raster: Raster, settings: ClearSettings) -> Bools:
    """Cloud by the fallback cloud test, shape (y, x): thick cloud, and veils of thin cloud and haze over land.

    Thick cloud is bright, white, and less bright in the short-wave infrared than soil. A veil is bluer than any
    land (haze-optimised transform of Zhang et al. 2002, in Fmask's form: blue - red / 2). Morphological openings
    remove small objects: bright roofs, milky ponds.
    """
    reflectance = raster.reflectance
    blue, nir, swir, red = reflectance[[BLUE_AT, NIR_AT, SWIR_AT, RED_AT]]
    visible = reflectance[[BLUE_AT, GREEN_AT, RED_AT]]
    mean = np.maximum(visible.mean(axis=0), 1e-4)
    white = np.ptp(visible, axis=0) < settings.fallback_white * mean
    over_land = (nir > settings.fallback_min_nir) & raster.valid
    cloud = (blue > settings.fallback_bright) & white & over_land & (swir < settings.fallback_max_swir_ratio * blue)
    veil = (blue - red / 2 > settings.fallback_haze) & (red > VEIL_RED_RATIO * blue)
    veil &= over_land & (swir < VEIL_SWIR_RATIO * blue)
    opened: Bools = binary_opening(cloud, np.ones((3, 3))) | binary_opening(veil, np.ones((5, 5)))
    return opened


def fallback_shadow(raster: Raster, cloud: Bools, settings: ClearSettings) -> Bools:
    """Cloud shadow by the fallback cloud test, shape (y, x): dark ground near a cloud, except plain water."""
    green, nir, swir = raster.reflectance[[GREEN_AT, NIR_AT, SWIR_AT]]
    dark = (nir < settings.fallback_shadow_nir) & (swir < settings.fallback_shadow_swir) & (nir > green) & raster.valid
    shadow: Bools = dark & near(cloud, settings.fallback_shadow_reach_px)
    return shadow


def _of(scl: Bytes, classes: Sequence[int]) -> Bools:
    """Where SCL has one of some classes, shape (y, x)."""
    table = np.zeros(256, bool)
    table[list(classes)] = True
    found: Bools = table[scl]
    return found


def near(mask: Bools, distance_px: int) -> Bools:
    """Pixels within `distance_px` of a true one, in a straight line; of 1 and 2, in rows and columns.

    Disc by disc of whole rows, which is many times faster than a distance transform.
    """
    if distance_px == 0 or not mask.any():
        return mask
    out, wide = mask.copy(), mask.copy()
    for width in range(distance_px + 1):
        if width:  # `wide`: within `width` columns of a true pixel
            wide[:, width:] |= mask[:, :-width]
            wide[:, :-width] |= mask[:, width:]
        for rows in range(distance_px + 1):
            if _half_width(rows, distance_px) == width:
                out[rows:] |= wide[: max(0, len(wide) - rows)]
                out[: max(0, len(out) - rows)] |= wide[rows:]
    return out


def _half_width(rows: int, distance_px: int) -> int:
    """How many columns to either side a disc reaches so many rows from its middle."""
    return distance_px if distance_px <= SQUARE_MARGIN_PX else math.isqrt(distance_px**2 - rows**2)
