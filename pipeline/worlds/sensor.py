"""The instrument (PSF, 20 m bands, jitter between overpasses, noise) and the processor's SCL."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, shift, uniform_filter, zoom

from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.atmosphere import Atmosphere

COARSE = (4, 5)
"""Indices of the 20 m bands."""
SHARPENED_SHARE = 0.08
"""Share of looks sharpened in processing, and share of looks with sharpened 20 m bands."""
BRIGHTEST = 1.5
"""Highest reflectance that an instrument delivers."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Optics:
    """Optics of one overpass, drawn once so that all its layers are imaged alike."""

    spread_px: float
    """Standard deviation of the PSF, pixels of the band."""
    shift_px: Floats
    """Geolocation and band co-registration error, (row, col) pixels, shape (band, 2)."""
    gain: Floats
    """Gain error of each band as a factor about 1, shape (band,)."""
    noise: float
    """Standard deviation of the noise at zero reflectance; it grows with reflectance."""
    smooth: bool
    """True: the 20 m bands are interpolated to 10 m, as some tools do. False: their pixels are repeated."""
    sharpened: bool
    """True: they are sharpened to 10 m with the other bands, as other tools do."""

    def image(self, plane: Floats, band: int) -> Floats:
        """Image of a plane (y, x) in one band at native resolution; 20 m bands have half the size."""
        moved = shift(plane, self.shift_px[band], order=1, mode="nearest", prefilter=False)
        coarse = band in COARSE and not self.sharpened
        blurred: Floats = gaussian_filter(moved, 2 * self.spread_px if coarse else self.spread_px)
        if coarse:
            height, width = plane.shape
            blurred = blurred.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        return blurred

    def delivered(self, plane: Floats, band: int) -> Floats:
        """A plane at native resolution as delivered on the 10 m grid."""
        if band not in COARSE or self.sharpened:
            return plane
        if not self.smooth:
            repeated: Floats = plane.repeat(2, 0).repeat(2, 1)
            return repeated
        drawn: Floats = zoom(plane, 2, order=1, mode="nearest", grid_mode=True)
        return drawn


def make_optics(rng: np.random.Generator, bands: int) -> Optics:
    """Draw the optics of one overpass."""
    jitter = rng.normal(0, 0.15, 2)
    return Optics(
        spread_px=rng.uniform(0.32, 0.58) if rng.random() > SHARPENED_SHARE else rng.uniform(0.0, 0.32),
        shift_px=np.clip(jitter + rng.normal(0, 0.06, (bands, 2)), -0.5, 0.5).astype(np.float32),
        gain=rng.normal(1, 0.015, bands).astype(np.float32),
        noise=rng.uniform(0.0004, 0.0016),
        smooth=bool(rng.random() < 0.3),
        sharpened=bool(rng.random() < SHARPENED_SHARE),
    )


def imaged(scene: Floats, optics: Optics, rng: np.random.Generator) -> Floats:
    """Reflectance (band, y, x) as the instrument delivers it on the 10 m grid."""
    out = np.empty_like(scene)
    for band, plane in enumerate(scene):
        seen = optics.image(plane, band) * optics.gain[band]
        seen += rng.standard_normal(seen.shape, np.float32) * (optics.noise + 0.006 * seen)
        out[band] = optics.delivered(seen, band)
    return np.clip(out, 0.0005, BRIGHTEST)


def simulated_scl(seen: Floats, atmosphere: Atmosphere, rng: np.random.Generator) -> Bytes:
    """SCL (y, x) with the kinds of errors that the real SCL has."""
    blue, green, red, nir, swir, _ = seen
    ndvi = (nir - red) / (nir + red + 1e-6)
    scl = np.where(ndvi > 0.4, 4, 5).astype(np.uint8)
    scl[(green > nir) & (swir < 0.1)] = 6
    scl[uniform_filter(atmosphere.shadow, 3) > 0.35] = 3
    scl[(atmosphere.cloud > 0.08) & (rng.random() > 0.3)] = 10  # thin edges are missed in some scenes
    scl[atmosphere.cloud > 0.3] = 8
    scl[atmosphere.cloud > 0.6] = 9
    scl[(scl == 5) & (blue > 0.26)] = 8  # bright bare ground is misclassified as cloud
    return scl


def truly_clear(atmosphere: Atmosphere) -> Bools:
    """Mask (y, x); True: neither significant cloud nor significant shadow."""
    clear: Bools = (atmosphere.cloud < 0.1) & (atmosphere.shadow < 0.3)
    return clear
