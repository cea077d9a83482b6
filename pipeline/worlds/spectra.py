"""Covers of the ground and their colours in one world: a range per cover, never a single endmember."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from pipeline.raster import Bytes, Floats
from pipeline.worlds.parameters import parameters

TINT = np.array([1.0, 1.0, 1.0, -0.6, 0.4, 0.8], np.float32)
"""Effect of a pixel's tint on each band: visible and SWIR against NIR, as with varying leaf cover."""
DARKEST = 0.002
"""Lowest reflectance of any ground."""


class Cover(IntEnum):
    """Cover of a pixel; names as in `configs/worlds.toml`, in capitals."""

    FOREST = 0
    DRY_FOREST = 1
    REGROWTH = 2
    GRASS = 3
    CROP = 4
    STUBBLE = 5
    BURNT = 6
    SOIL_RED = 7
    SOIL_PALE = 8
    SOIL_BROWN = 9
    PADDY_WET = 10
    WATER_CLEAR = 11
    WATER_TURBID = 12
    SAND = 13
    ROCK = 14
    ROOF_BLUE = 15
    ROOF_GREY = 16
    ROOF_RED = 17
    PLASTIC = 18
    TARPAULIN = 19
    TRACK = 20
    POND_TURQUOISE = 21
    POND_MILKY = 22
    POND_MESH = 23
    POND_BLACK = 24
    POND_BROWN = 25
    POND_EMPTY = 26


SOILS = (Cover.SOIL_RED, Cover.SOIL_PALE, Cover.SOIL_BROWN)
ROOFS = (Cover.ROOF_GREY, Cover.ROOF_BLUE, Cover.ROOF_RED)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Palette:
    """The colours of one world."""

    centre: Floats
    """Reflectance of each cover at tone 0, shape (cover, band)."""
    reach: Floats
    """Reflectance added per unit of tone, shape (cover, band)."""

    def painted(self, cover: Bytes, tone: Floats, tint: Floats) -> Floats:
        """Reflectance (band, y, x) by cover, tone and tint, each (y, x); tone and tint are unitless about 0."""
        centre, reach = self.centre.T[:, cover], self.reach.T[:, cover]
        shade: Floats = centre + reach * (tone + TINT[:, None, None] * tint)
        return np.maximum(shade, np.float32(DARKEST))


def make_palette(rng: np.random.Generator, breadth: float) -> Palette:
    """Draw the colours of a world; `breadth` 1 stays within the ranges of the table, more goes beyond them."""
    low, high = ranges()
    covers, bands = low.shape
    place = 0.5 + rng.uniform(-0.38, 0.38, (covers, 1)) * breadth + rng.normal(0, 0.08, (covers, bands)) * breadth
    reach = (high - low) * rng.uniform(0.10, 0.30, (covers, 1))
    centre = np.maximum(low + (high - low) * place, DARKEST)
    return Palette(centre=centre.astype(np.float32), reach=reach.astype(np.float32))


def colour_of(cover: Cover, rng: np.random.Generator, breadth: float) -> Floats:
    """Draw the colour of one object within the range of its cover, shape (band,)."""
    low, high = ranges()
    place = 0.5 + rng.uniform(-0.42, 0.42) * breadth + rng.normal(0, 0.10, low.shape[1]) * breadth
    colour: Floats = np.maximum(low[cover] + (high - low)[cover] * place, DARKEST).astype(np.float32)
    return colour


def odd_colour(cover: Cover, rng: np.random.Generator, breadth: float) -> Floats:
    """Draw a pond colour between its cover and another pond cover, made lighter or darker, shape (band,)."""
    kinds, _ = pond_colours()
    mixed = rng.uniform(0, 1)
    other = kinds[rng.integers(len(kinds))]
    between = (1 - mixed) * colour_of(cover, rng, breadth) + mixed * colour_of(other, rng, breadth)
    colour: Floats = np.maximum(between * np.exp(rng.normal(0, 0.25)), DARKEST).astype(np.float32)
    return colour


@lru_cache(maxsize=1)
def ranges() -> tuple[Floats, Floats]:
    """Table of spectra as two arrays, low and high, shape (cover, band)."""
    table = parameters().spectra
    low = np.array([table[cover.name.lower()].low for cover in Cover], np.float32)
    high = np.array([table[cover.name.lower()].high for cover in Cover], np.float32)
    return low, high


@lru_cache(maxsize=1)
def pond_colours() -> tuple[tuple[Cover, ...], Floats]:
    """Covers of leach ponds and their shares, which add up to 1."""
    table = parameters().pond_colours
    shares = np.array(list(table.values()), np.float32)
    return tuple(Cover[name.upper()] for name in table), shares / shares.sum()
