"""Simulated atmosphere: haze and smoke, thin cloud, cloud and cloud shadow, by month of the monsoon climate."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from pipeline.raster import Floats
from pipeline.worlds.parameters import parameters
from pipeline.worlds.terrain import noise, sun

HAZE_COLOUR = np.array([0.85, 0.75, 0.65, 0.5, 0.22, 0.15], np.float32)
"""Effect of haze in each band, relative to its opacity."""
CLOUD_COLOUR = np.array([0.62, 0.61, 0.61, 0.64, 0.46, 0.34], np.float32)
SHADOW_LIGHT = np.array([0.48, 0.42, 0.36, 0.30, 0.28, 0.27], np.float32)
"""Fraction of light that reaches ground in cloud shadow, by band."""
CLOUD_SPREAD = 0.3
"""Standard deviation of the cloud fraction between overpasses."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Atmosphere:
    """Haze, cloud and cloud shadow between ground and sensor."""

    haze: Floats
    """Opacity of haze, 0 to 1, shape (y, x)."""
    cloud: Floats
    """Opacity of cloud, 0 to 1, shape (y, x)."""
    shadow: Floats
    """Depth of cloud shadow, 0 to 1, shape (y, x)."""


def cloud_share(rng: np.random.Generator, day: date) -> float:
    """Draw the cloud fraction of an overpass by month, 0 to 1."""
    return float(np.clip(rng.normal(parameters().atmosphere.cloud_share[day.month - 1], CLOUD_SPREAD), 0, 1))


def make_atmosphere(rng: np.random.Generator, size: int, day: date, latitude: float, cover: float | None) -> Atmosphere:
    """Draw the atmosphere of a day; `cover` is the cloud fraction, or None for one drawn by month."""
    share = cloud_share(rng, day) if cover is None else cover
    haze = rng.gamma(2.0, parameters().atmosphere.haze[day.month - 1] / 2) * (
        1 + 0.35 * gaussian_filter(noise(rng, size, 3.0), 4)
    )
    cloud = np.zeros((size, size), np.float32)
    if share > 0.01:
        field = noise(rng, size, 2.9)
        edge = np.quantile(field, 1 - min(share, 0.999))
        cloud = np.clip((field - edge) / rng.uniform(0.15, 0.5), 0, 1).astype(np.float32)
        if rng.random() < 0.3:  # add thin cirrus
            veil = np.clip(noise(rng, size, 3.6), 0, None) * rng.uniform(0.02, 0.1)
            cloud = np.maximum(cloud, veil.astype(np.float32))
    up, azimuth = sun(day, latitude)
    reach = rng.uniform(60, 220) / np.tan(up)  # cloud base 600 to 2200 m above the ground
    offset = (np.cos(azimuth) * reach, -np.sin(azimuth) * reach)
    shadow = shift(cloud, offset, order=1, mode="reflect", prefilter=False) if share > 0.01 else np.zeros_like(cloud)
    return Atmosphere(
        haze=np.clip(haze, 0, 0.5).astype(np.float32),
        cloud=cloud,
        shadow=np.clip(1.3 * shadow, 0, 1).astype(np.float32),
    )


def top_of_atmosphere(ground: Floats, atmosphere: Atmosphere) -> Floats:
    """Reflectance (band, y, x) at the top of the atmosphere."""
    lit = ground * (1 - atmosphere.shadow * (1 - SHADOW_LIGHT[:, None, None]))
    veil = atmosphere.haze * HAZE_COLOUR[:, None, None]
    hazy = lit * (1 - veil) + 0.30 * veil
    seen: Floats = (hazy * (1 - atmosphere.cloud) + CLOUD_COLOUR[:, None, None] * atmosphere.cloud).astype(np.float32)
    return seen
