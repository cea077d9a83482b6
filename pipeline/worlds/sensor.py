"""The instrument: point spread, 20 m bands, jitter between overpasses, noise; and the processor's SCL."""

import numpy as np
from scipy.ndimage import gaussian_filter, shift, uniform_filter

from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.atmosphere import Air

COARSE = (4, 5)
"""Indices of the 20 m bands."""


def sensed(scene: Floats, rng: np.random.Generator) -> Floats:
    """Reflectance (band, y, x) as the instrument delivers it on the 10 m grid; 20 m bands are repeated."""
    spread, jitter = rng.uniform(0.38, 0.55), rng.normal(0, 0.15, 2)
    gain = rng.normal(1, 0.015, len(scene))
    out = np.empty_like(scene)
    for band, plane in enumerate(scene):
        misfit = jitter + rng.normal(0, 0.06, 2)
        moved = shift(plane, np.clip(misfit, -0.5, 0.5), order=1, mode="nearest", prefilter=False)
        blurred = gaussian_filter(moved, 2 * spread if band in COARSE else spread)
        if band in COARSE:
            height, width = plane.shape
            blurred = blurred.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        blurred = blurred * gain[band] + rng.standard_normal(blurred.shape, np.float32) * (0.0012 + 0.008 * blurred)
        out[band] = blurred.repeat(2, 0).repeat(2, 1) if band in COARSE else blurred
    return np.clip(out, 0.0005, 1.5)


def classified(seen: Floats, air: Air, rng: np.random.Generator) -> Bytes:
    """The scene classification (y, x) with the kinds of errors that the real one makes."""
    blue, green, red, nir, swir, _ = seen
    ndvi = (nir - red) / (nir + red + 1e-6)
    scl = np.where(ndvi > 0.4, 4, 5).astype(np.uint8)
    scl[(green > nir) & (swir < 0.1)] = 6
    scl[uniform_filter(air.shadow, 3) > 0.35] = 3
    scl[(air.cloud > 0.08) & (rng.random() > 0.3)] = 10  # thin edges are missed in some scenes
    scl[air.cloud > 0.3] = 8
    scl[air.cloud > 0.6] = 9
    scl[(scl == 5) & (blue > 0.26)] = 8  # bright bare ground is taken for cloud
    return scl


def truly_clear(air: Air) -> Bools:
    """Shape (y, x). True: neither cloud nor shadow worth the name."""
    clear: Bools = (air.cloud < 0.1) & (air.shadow < 0.3)
    return clear
