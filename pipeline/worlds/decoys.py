"""What is not a site and looks like one, as often as it is met, with its kind on record."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.ndimage import gaussian_filter

from pipeline.raster import Bools, Bytes
from pipeline.worlds.spectra import Cover
from pipeline.worlds.terrain import Terrain

KINDS = (
    "placer gold",
    "fish ponds",
    "quarry",
    "landslide",
    "heap leach",
    "blue roofs",
    "greenhouses",
    "bare field",
    "reservoir",
)
CHANCE = 0.22
"""Chance of each kind in a world of 26 km²; more often than in nature, so that each is met in training."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Decoy:
    """One look-alike."""

    kind: str
    """One of `KINDS`."""
    begun_on: date
    """First day it is there."""
    cover: Bytes
    """`Cover` where it lies, shape (y, x) of `rows` and `cols`."""
    mask: Bools
    """Where it lies, same shape."""
    rows: slice
    """Its rows in the world."""
    cols: slice
    """Its columns in the world."""


def plan_decoys(rng: np.random.Generator, terrain: Terrain, taken: Bools, start: date, end: date) -> list[Decoy]:
    """The look-alikes of a world, where nothing else is."""
    size = len(taken)
    found = []
    for kind in KINDS:
        for _ in range(int(rng.poisson(CHANCE * (size / 512) ** 2))):
            decoy = _decoy(rng, kind, terrain, taken, start, end)
            if decoy is not None:
                taken[decoy.rows, decoy.cols] |= decoy.mask
                found.append(decoy)
    return found


def _decoy(rng: np.random.Generator, kind: str, terrain: Terrain, taken: Bools, start: date, end: date) -> Decoy | None:
    half = 30
    size = len(taken)
    by_river = kind in ("placer gold", "fish ponds", "reservoir")
    on_slope = kind in ("landslide", "quarry")
    for _ in range(40):
        row, col = rng.integers(half, size - half, 2)
        near, steep = terrain.river_px[row, col] < 22, terrain.slope[row, col] > 0.2
        rows, cols = slice(row - half, row + half), slice(col - half, col + half)
        if taken[rows, cols].any() or (by_river and not near) or (on_slope and not steep):
            continue
        cover, mask = _drawn(rng, kind, half, terrain, (int(row), int(col)))
        born = start + timedelta(days=int(rng.uniform(-1.0, 0.9) * (end - start).days))
        return Decoy(kind=kind, begun_on=born, cover=cover, mask=mask, rows=rows, cols=cols)
    return None


def _drawn(
    rng: np.random.Generator, kind: str, half: int, terrain: Terrain, at: tuple[int, int]
) -> tuple[Bytes, Bools]:
    """Cover and mask of a look-alike on a square of side 2 * half."""
    side = 2 * half
    y, x = np.mgrid[-half:half, -half:half]
    turn = rng.uniform(0, np.pi)
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    rough = gaussian_filter(rng.standard_normal((side, side)), 2.2) * 5
    cover = np.full((side, side), Cover.SOIL_PALE, np.uint8)
    if kind == "placer gold":
        river = terrain.river_px[at[0] - half : at[0] + half, at[1] - half : at[1] + half]
        mask = (np.abs(u) < rng.uniform(8, 28)) & (river + 3 * rough < rng.uniform(8, 20))
        cover[:] = Cover.SAND
        water = gaussian_filter(rng.standard_normal((side, side)), rng.uniform(1.0, 2.2))
        cover[water > np.quantile(water, rng.uniform(0.6, 0.85))] = rng.choice(
            [Cover.WATER_TURBID, Cover.WATER_TURBID, Cover.WATER_CLEAR, Cover.POND_TURQUOISE]
        )
        return cover, mask
    if kind in ("fish ponds", "greenhouses", "heap leach"):
        return _rectangles(rng, kind, u, v, cover)
    if kind == "landslide":
        mask = (np.abs(v) < rng.uniform(1.5, 6) + rough) & (np.abs(u) < rng.uniform(10, 28))
        cover[:] = rng.choice([Cover.SOIL_RED, Cover.SOIL_BROWN])
    elif kind == "blue roofs":
        mask = (np.floor(u / 3) % 2 == 0) & (np.floor(v / 4) % 2 == 0) & (np.hypot(u, v) < rng.uniform(5, 14))
        cover[:] = rng.choice([Cover.ROOF_BLUE, Cover.ROOF_BLUE, Cover.ROOF_GREY])
    elif kind == "bare field":
        mask = (np.abs(u) < rng.uniform(5, 25)) & (np.abs(v) < rng.uniform(5, 20))
        cover[:] = rng.choice([Cover.SOIL_RED, Cover.SOIL_BROWN, Cover.BURNT])
    else:  # quarry or reservoir: an uneven blob
        mask = np.hypot(u, v * rng.uniform(1, 2)) < rng.uniform(5, 22) + 1.5 * rough
        water = kind == "reservoir"
        cover[:] = Cover.WATER_CLEAR if water else rng.choice([Cover.SOIL_PALE, Cover.SOIL_RED])
        if not water and rng.random() < 0.3:
            cover[np.hypot(u - 2, v) < rng.uniform(1.5, 5)] = Cover.WATER_TURBID
    return cover, mask


def _rectangles(rng: np.random.Generator, kind: str, u: np.ndarray, v: np.ndarray, cover: Bytes) -> tuple[Bytes, Bools]:
    """Rectangles side by side: ponds between banks, plastic strips, or a pad with a few ponds at its foot."""
    if kind == "heap leach":
        length, width = rng.uniform(8, 24), rng.uniform(6, 16)
        mask = (np.abs(u) < length) & (np.abs(v) < width)
        cover[:] = rng.choice([Cover.SOIL_PALE, Cover.SOIL_RED, Cover.SOIL_BROWN])
        pitch, deep = rng.uniform(5, 9), rng.uniform(3, 6)
        ponds = (v > width) & (v < width + deep) & (np.abs(u) < pitch * rng.integers(1, 3))
        lined = ponds & (np.mod(u, pitch) > 1.2)
        cover[lined] = rng.choice([Cover.WATER_CLEAR, Cover.POND_TURQUOISE, Cover.POND_BLACK, Cover.POND_BROWN])
        return cover, mask | ponds
    pitch_u, pitch_v = (rng.uniform(4, 12), rng.uniform(3, 8)) if kind == "fish ponds" else (rng.uniform(6, 14), 1.6)
    mask = (np.abs(u) < pitch_u * rng.integers(1, 4)) & (np.abs(v) < pitch_v * rng.integers(1, 4))
    bank = (np.mod(u, pitch_u) < 1.1) | (np.mod(v, pitch_v) < (1.1 if kind == "fish ponds" else 0.4))
    water = rng.choice([Cover.WATER_CLEAR, Cover.WATER_CLEAR, Cover.WATER_TURBID, Cover.PADDY_WET])
    cover[:] = water if kind == "fish ponds" else Cover.PLASTIC
    cover[bank] = rng.choice([Cover.GRASS, Cover.SOIL_BROWN])
    return cover, mask
