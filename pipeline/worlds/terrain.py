"""Terrain: ridges and valleys that fall to a river, and their illumination."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from pipeline.grid import PIXEL_M
from pipeline.raster import Floats

SKY_LIGHT = 0.2
"""Light in the shadow of a ridge, relative to level ground in the sun."""
FARTHEST_RIDGE_PX = 60
"""Ridges farther away than this cast no shadow, pixels."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Terrain:
    """Terrain of a world."""

    height_m: Floats
    """Elevation above the river, metres, shape (y, x)."""
    slope: Floats
    """Rise over run, unitless, shape (y, x)."""
    river_px: Floats
    """Distance to the centre line of the river, pixels, shape (y, x)."""


def noise(rng: np.random.Generator, size: int, beta: float) -> Floats:
    """Fractal noise with mean 0 and standard deviation 1, whose power falls with frequency to the power of beta."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1.0
    spectrum = rng.standard_normal(frequency.shape) + 1j * rng.standard_normal(frequency.shape)
    spectrum *= frequency ** (-beta / 2)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(size, size))
    even: Floats = ((field - field.mean()) / field.std()).astype(np.float32)
    return even


def smooth_noise(rng: np.random.Generator, size: int, beta: float) -> Floats:
    """`noise` without its finest grain, for cover and relief, which have no isolated pixels."""
    return np.asarray(gaussian_filter(noise(rng, size, beta), rng.uniform(0.8, 2.2)), np.float32)


def make_terrain(rng: np.random.Generator, size: int, slope: float) -> Terrain:
    """Make a world's terrain: a river, its valley, and ridges; `slope` is the median rise over run."""
    river = _river_distance(rng, size)
    rise = 1 - np.exp(-river / rng.uniform(35, 90))
    ridges = 1 - np.sqrt(noise(rng, size, 4.0) ** 2 + 0.02)  # rounded, without sharp crests
    height = 0.6 * rise + rise * (0.5 * ridges + 0.04 * noise(rng, size, 3.4))
    height = gaussian_filter(height, 1.2)
    steep = np.hypot(*np.gradient(height, PIXEL_M))
    factor = slope / max(float(np.median(steep)), 1e-9)
    return Terrain(
        height_m=(factor * height).astype(np.float32),
        slope=(factor * steep).astype(np.float32),
        river_px=river,
    )


def _river_distance(rng: np.random.Generator, size: int) -> Floats:
    """Distance to the centre line of a winding river across the world in any direction, pixels, shape (y, x)."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) - size / 2
    turn = rng.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    places = np.arange(3 * size, dtype=float)
    course = gaussian_filter1d(np.cumsum(rng.normal(0, rng.uniform(0.3, 1.2), 3 * size)), rng.uniform(4, 14))
    for length in rng.uniform(35, 160, 2):  # meanders
        swing = rng.uniform(0, 0.09) * length
        course += swing * np.sin(2 * np.pi * (places / length + rng.random()))
    course += size * rng.uniform(-0.35, 0.35) - course[3 * size // 2]
    at = np.clip(along + 1.5 * size, 0, 3 * size - 1).astype(int)
    lean = np.sqrt(1 + np.gradient(course)[at] ** 2)
    return np.asarray(np.abs(across - course[at]) / lean, np.float32)


def sun(day: date, latitude: float) -> tuple[float, float]:
    """Sun elevation and azimuth at about 10:30 local solar time, radians."""
    turn = 2 * np.pi * (day.timetuple().tm_yday - 80) / 365.25
    declination, lat, hour = np.radians(23.44) * np.sin(turn), np.radians(latitude), np.radians(-22.5)
    up = np.arcsin(np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(hour))
    east = -np.cos(declination) * np.sin(hour)
    north = np.sin(declination) * np.cos(lat) - np.cos(declination) * np.sin(lat) * np.cos(hour)
    return float(up), float(np.arctan2(east, north))


def light(terrain: Terrain, day: date, latitude: float, left: float) -> Floats:
    """Direct light on the slope relative to level ground, after processing, shape (y, x).

    `left`: share of the contrast between slopes that remains after processing, 0 to 1. Ground in the shadow of a
    ridge receives sky light only.
    """
    up, azimuth = sun(day, latitude)
    down, right = np.gradient(terrain.height_m, PIXEL_M)
    towards = (down * np.cos(azimuth) - right * np.sin(azimuth)) / np.tan(up)
    ratio = np.clip((1 + towards) / np.sqrt(1 + terrain.slope**2), 0.15, 1.8)
    ratio -= (ratio - SKY_LIGHT).clip(min=0) * _cast_shadow(terrain, up, azimuth)
    lit: Floats = (1 + left * (ratio - 1)).astype(np.float32)
    return lit


def _cast_shadow(terrain: Terrain, up: float, azimuth: float) -> Floats:
    """Depth of the shadow of ridges, 0 to 1, shape (y, x); `up` and `azimuth` of the sun in radians."""
    height, rise = terrain.height_m, PIXEL_M * np.tan(up)
    hidden = np.zeros(height.shape, np.float32)
    if float(terrain.slope.max()) <= np.tan(up):
        return hidden  # no slope is steeper than the sun's rays
    most = int(min(FARTHEST_RIDGE_PX, np.ptp(height) / rise))
    for away in range(2, most, 2):
        row, col = round(-away * np.cos(azimuth)), round(away * np.sin(azimuth))
        ridge = np.full(height.shape, -np.inf, np.float32)
        into, out = _overlap(row, col, height.shape)
        ridge[into] = height[out] - away * rise
        hidden[ridge > height] = 1
    return np.asarray(gaussian_filter(hidden, 0.8), np.float32)


def _overlap(row: int, col: int, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Target and source slices of the overlap of a plane with itself shifted by (-row, -col)."""
    height, width = shape
    into = slice(max(0, -row), min(height, height - row)), slice(max(0, -col), min(width, width - col))
    out = slice(max(0, row), min(height, height + row)), slice(max(0, col), min(width, width + col))
    return into, out
