"""What grows and stands on the ground, and how it changes through the year."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.spectra import Cover
from pipeline.worlds.terrain import Terrain, noise


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Land:
    """The cover of a world without people's big works."""

    base: Bytes
    """`Cover` where nothing changes through the year, shape (y, x)."""
    deciduous: Bools
    """Forest that sheds in the dry season, shape (y, x)."""
    swidden: Bytes
    """Number of the swidden patch, 0 = none, shape (y, x)."""
    swidden_year: tuple[int, ...]
    """By patch: years modulo 6 in which it is cut; index 0 unused."""
    paddy: Bytes
    """Number of the paddy field's calendar, 0 = none, shape (y, x)."""
    texture: Floats
    """Place of each pixel between the low and the high spectrum of its cover, about 0.5 ± 0.2, shape (y, x)."""
    tint: Floats
    """A second, independent texture that shifts colour, mean 0, shape (y, x)."""


def make_land(rng: np.random.Generator, terrain: Terrain, style: str) -> Land:
    """The land of a world; Kachin is wetter and more forested than Shan."""
    size = len(terrain.height_m)
    wet = 0.75 if style == "kachin" else 0.45
    patches, fine = noise(rng, size, 2.6), noise(rng, size, 1.2)
    base = np.full((size, size), Cover.FOREST, np.uint8)
    base[patches < np.quantile(patches, rng.uniform(0.05, 0.7 - 0.5 * wet))] = Cover.REGROWTH
    grassy = noise(rng, size, 2.4)
    base[grassy > np.quantile(grassy, rng.uniform(0.85, 0.99) if style == "kachin" else rng.uniform(0.7, 0.95))] = (
        Cover.GRASS
    )
    drier = noise(rng, size, 3.0)
    deciduous = (base == Cover.FOREST) & (drier > np.quantile(drier, wet + rng.uniform(-0.2, 0.2)))
    flat = (terrain.slope < 0.16) & (terrain.river_px < rng.uniform(20, 90))
    paddy = _fields(rng, size) * flat if rng.random() < 0.7 else np.zeros((size, size), np.uint8)
    _river(rng, base, paddy, terrain)
    _tracks(rng, base, size)
    _village(rng, base, flat)
    swidden, years = _swidden(rng, size, terrain, base, paddy)
    canopy = np.isin(base, (Cover.FOREST, Cover.DRY_FOREST, Cover.REGROWTH))
    grain = np.where(canopy, 1.0, 0.45) * rng.standard_normal((size, size))
    texture = 0.5 + 0.10 * patches + 0.08 * fine + 0.09 * gaussian_filter(grain, 0.5)
    return Land(
        base=base,
        deciduous=deciduous,
        swidden=swidden,
        swidden_year=years,
        paddy=paddy.astype(np.uint8),
        texture=np.clip(texture, -0.05, 1.05).astype(np.float32),
        tint=(0.10 * noise(rng, size, 1.8)).astype(np.float32),
    )


def cover_on(land: Land, day: date) -> tuple[Bytes, Floats]:
    """`Cover` of each pixel on a day, and how dry its forest is, 0 to 1; both (y, x)."""
    cover = land.base.copy()
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 80) / 365.25)  # 1 in late March
    dry = np.where(land.deciduous, np.clip(0.45 + 0.6 * season, 0, 1), 0).astype(np.float32)
    states = [0] * len(land.swidden_year)
    for patch, year in enumerate(land.swidden_year[1:], start=1):
        age = (day.year - year) % 6
        if age == 0:
            states[patch] = Cover.SOIL_BROWN if day.month < 3 else Cover.BURNT if day.month < 6 else Cover.GRASS
        else:
            states[patch] = Cover.GRASS if age == 1 else Cover.REGROWTH
    patches = land.swidden > 0
    cover[patches] = np.array(states, np.uint8)[land.swidden[patches]]
    fields = land.paddy > 0
    calendar = np.array([_paddy_state(number, day.month) for number in range(8)], np.uint8)
    cover[fields] = calendar[land.paddy[fields]]
    if 6 <= day.month <= 10:
        cover[cover == Cover.WATER_CLEAR] = Cover.WATER_TURBID
    return cover, dry


def _paddy_state(number: int, month: int) -> int:
    month = (month + number % 3 - 1) % 12
    if month in (5, 6):
        return Cover.PADDY_WET
    if month in (7, 8, 9):
        return Cover.PADDY_GREEN
    if number % 4 == 0 and month in (0, 1, 2):
        return Cover.PADDY_GREEN
    return Cover.GRASS if month in (10, 11) else Cover.SOIL_BROWN


def _fields(rng: np.random.Generator, size: int) -> Bytes:
    """Numbers 1 to 7 for the calendars of small fields."""
    cell = int(rng.integers(4, 9))
    grid = rng.integers(1, 8, (size // cell + 2, size // cell + 2)).astype(np.uint8)
    wobble = (gaussian_filter(rng.standard_normal((2, size, size)), (0, 6, 6)) * 20).astype(int)
    y, x = np.mgrid[0:size, 0:size]
    fields: Bytes = grid[np.clip(y + wobble[0], 0, size) // cell, np.clip(x + wobble[1], 0, size) // cell]
    return fields


def _river(rng: np.random.Generator, base: Bytes, paddy: Bytes, terrain: Terrain) -> None:
    width = rng.choice([0.6, 1.5, 3.0, 6.0])
    wobble = gaussian_filter(rng.standard_normal(base.shape), 6) * 12
    bar = (terrain.river_px < width + np.clip(wobble, 0, 5)) & (width > 1)
    water = terrain.river_px < width
    for mask, cover in ((bar, Cover.SAND), (water, rng.choice([Cover.WATER_CLEAR, Cover.WATER_TURBID]))):
        base[mask] = cover
        paddy[mask] = 0


def _tracks(rng: np.random.Generator, base: Bytes, size: int) -> None:
    for _ in range(int(rng.integers(0, 4))):
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.06, 6 * size))
        y = (rng.uniform(0, size) + np.cumsum(np.sin(heading)) * 0.7).astype(int)
        x = (rng.uniform(0, size) + np.cumsum(np.cos(heading)) * 0.7).astype(int)
        keep = (y >= 0) & (y < size) & (x >= 0) & (x < size)
        base[y[keep], x[keep]] = Cover.TRACK


def _village(rng: np.random.Generator, base: Bytes, flat: Bools) -> None:
    spots = np.argwhere(flat)
    if not len(spots) or rng.random() < 0.4:
        return
    size = len(base)
    centre = spots[rng.integers(len(spots))]
    for _ in range(int(rng.integers(10, 120))):
        row, col = (centre + rng.normal(0, 14, 2)).astype(int)
        if 1 < row < size - 3 and 1 < col < size - 3:
            roof = rng.choice([Cover.ROOF_GREY, Cover.ROOF_BLUE, Cover.SOIL_BROWN], p=[0.55, 0.2, 0.25])
            base[row : row + rng.integers(1, 3), col : col + rng.integers(1, 3)] = roof


def _swidden(
    rng: np.random.Generator, size: int, terrain: Terrain, base: Bytes, paddy: Bytes
) -> tuple[Bytes, tuple[int, ...]]:
    count = int(rng.integers(0, 26))
    seeds = np.ones((size, size), bool)
    points = rng.integers(0, size, (count, 2))
    if count == 0:
        return np.zeros((size, size), np.uint8), (0,)
    seeds[points[:, 0], points[:, 1]] = False
    distance, (rows, cols) = distance_transform_edt(seeds, return_indices=True)
    number = np.zeros((size, size), np.uint8)
    number[points[:, 0], points[:, 1]] = np.arange(1, count + 1)
    reach = rng.uniform(4, 22, count + 1)
    owner = number[rows, cols]
    rough = distance + 3 * gaussian_filter(rng.standard_normal((size, size)), 2) * 4
    grown = np.isin(base, (Cover.FOREST, Cover.REGROWTH, Cover.GRASS)) & (paddy == 0) & (terrain.slope > 0.05)
    patches = np.where((rough < reach[owner]) & grown, owner, 0).astype(np.uint8)
    return patches, (0, *map(int, rng.integers(0, 6, count)))
