"""Relief: ridges and valleys that fall to a river, and the light on them."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pipeline.raster import Floats

PIXEL_M = 10.0


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Terrain:
    """The shape of the ground."""

    height_m: Floats
    """Elevation above the river, metres, shape (y, x)."""
    slope: Floats
    """Rise over run, unitless, shape (y, x)."""
    river_px: Floats
    """Distance to the middle of the river, pixels, shape (y, x)."""


def noise(rng: np.random.Generator, size: int, beta: float) -> Floats:
    """Fractal noise of mean 0 and standard deviation 1, power falling with frequency to the power of beta."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = 1.0
    spectrum = rng.standard_normal(frequency.shape) + 1j * rng.standard_normal(frequency.shape)
    spectrum *= frequency ** (-beta / 2)
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=(size, size))
    even: Floats = ((field - field.mean()) / field.std()).astype(np.float32)
    return even


def make_terrain(rng: np.random.Generator, size: int, relief_m: float) -> Terrain:
    """A world's terrain; `relief_m` sets how high ridges stand above valleys."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    along, across = (y, x) if rng.random() < 0.5 else (x, y)
    wave = gaussian_filter1d(np.cumsum(rng.normal(0, 1.0, 3 * size)), rng.uniform(4, 14))[size : 2 * size]
    middle = size * rng.uniform(0.15, 0.85) + (wave - wave.mean()) * rng.uniform(0.3, 1.6)
    river = np.abs(across - middle[along.astype(int)])
    ridges = 1 - np.abs(noise(rng, size, 3.4))
    rise = 1 - np.exp(-river / rng.uniform(35, 90))
    height = relief_m * (0.6 * rise + rise * 0.5 * ridges + 0.08 * rise * noise(rng, size, 2.6))
    slope = np.hypot(*np.gradient(height, PIXEL_M))
    return Terrain(
        height_m=height.astype(np.float32), slope=slope.astype(np.float32), river_px=river.astype(np.float32)
    )


def sun(day: date, latitude: float) -> tuple[float, float]:
    """Sun elevation and azimuth, radians, about 10:30 local solar time."""
    turn = 2 * np.pi * (day.timetuple().tm_yday - 80) / 365.25
    declination, lat, hour = np.radians(23.44) * np.sin(turn), np.radians(latitude), np.radians(-22.5)
    up = np.arcsin(np.sin(lat) * np.sin(declination) + np.cos(lat) * np.cos(declination) * np.cos(hour))
    east = -np.cos(declination) * np.sin(hour)
    north = np.sin(declination) * np.cos(lat) - np.cos(declination) * np.sin(lat) * np.cos(hour)
    return float(up), float(np.arctan2(east, north))


def light(terrain: Terrain, day: date, latitude: float) -> Floats:
    """Direct light on the slope against that on level ground, as the processor leaves it, shape (y, x).

    L2A corrects part of it; about half of the contrast is left on steep ground.
    """
    up, azimuth = sun(day, latitude)
    down, right = np.gradient(terrain.height_m, PIXEL_M)
    towards = (down * np.cos(azimuth) - right * np.sin(azimuth)) / np.tan(up)
    ratio = np.clip((1 + towards) / np.sqrt(1 + terrain.slope**2), 0.15, 1.8)
    left: Floats = (1 + 0.5 * (ratio - 1)).astype(np.float32)
    return left
