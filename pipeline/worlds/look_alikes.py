"""Look-alikes: objects that resemble sites, of recorded kinds and with the densities of `configs/worlds.toml`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
from scipy.ndimage import gaussian_filter

from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.parameters import parameters
from pipeline.worlds.shapes import Patch, box, disc
from pipeline.worlds.spectra import ROOFS, SOILS, Cover
from pipeline.worlds.terrain import Terrain

HALF = 30
"""Half the side of the square that a look-alike may occupy, pixels."""
NO_COVER = 255
"""Value where a look-alike leaves the ground unchanged."""
WATERS = (Cover.WATER_CLEAR, Cover.WATER_TURBID)
PIXEL_KM2 = 1e-4
"""Area of a 10 m pixel, km²."""


@dataclass(frozen=True, eq=False, slots=True)
class LookAlikePart:
    """A small part of a look-alike, painted by the share of each pixel that it covers."""

    patch: Patch
    """Area it covers."""
    cover: Cover
    """Its cover."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LookAlike:
    """One look-alike."""

    kind: str
    """Kind, as in `configs/worlds.toml`."""
    begun_on: date
    """First day on which it exists."""
    cover: Bytes
    """`Cover` of whole pixels, `NO_COVER` = unchanged, shape (y, x) of `rows` and `cols`."""
    tone: float
    """Brightness of its ground relative to its cover, unitless about 0."""
    parts: tuple[LookAlikePart, ...]
    """Parts painted with sub-pixel outlines."""
    rows: slice
    """Its rows in the world."""
    cols: slice
    """Its columns in the world."""

    @property
    def mask(self) -> Bools:
        """Mask of the pixels it touches, shape (y, x) of `rows` and `cols`."""
        touched: Bools = self.cover != NO_COVER
        height, width = touched.shape
        for part in self.parts:  # a corner of a rotated part may lie outside the square
            rows, cols, share = part.patch.rows, part.patch.cols, part.patch.share
            top, left = rows.start - self.rows.start, cols.start - self.cols.start
            y, x = np.nonzero(share > 0.2)
            inside = (y + top >= 0) & (y + top < height) & (x + left >= 0) & (x + left < width)
            touched[y[inside] + top, x[inside] + left] = True
        return touched


@dataclass(frozen=True, eq=False, slots=True)
class Square:
    """Coordinates of the square in which a look-alike is drawn, pixels from its centre."""

    row: int
    """Row of its centre in the world."""
    col: int
    """Column of its centre in the world."""
    u: Floats
    """Coordinate along a random direction, shape (y, x)."""
    v: Floats
    """Coordinate across that direction, shape (y, x)."""
    turn: float
    """That direction, radians."""
    rough: Floats
    """Smooth noise at a scale of a few pixels, for irregular outlines, shape (y, x)."""
    river: Floats
    """Distance to the river, pixels, shape (y, x)."""
    size: int
    """Side of the world, pixels."""

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Row and column in the world of a point (u, v)."""
        along, across = np.cos(self.turn), np.sin(self.turn)
        return self.row + u * across + v * along, self.col + u * along - v * across


Drawing = tuple[Bytes, list[LookAlikePart]]
"""Covers of whole pixels, and parts."""


def plan_look_alikes(
    rng: np.random.Generator, terrain: Terrain, taken: Bools, start: date, end: date, often: float
) -> list[LookAlike]:
    """Plan the look-alikes of a world on free ground; `often` is a factor on their natural density."""
    km2 = taken.size * PIXEL_KM2
    found = []
    for kind, rate in parameters().look_alikes.items():
        for _ in range(int(rng.poisson(often * rate.per_1000_km2 * km2 / 1000))):
            look_alike = _look_alike(rng, kind, terrain, taken, start, end)
            if look_alike is not None:
                taken[look_alike.rows, look_alike.cols] |= look_alike.cover != NO_COVER
                found.append(look_alike)
    return found


def _look_alike(
    rng: np.random.Generator, kind: str, terrain: Terrain, taken: Bools, start: date, end: date
) -> LookAlike | None:
    size = len(taken)
    for attempt in range(40):
        row, col = (int(k) for k in rng.integers(HALF, size - HALF, 2))
        rows, cols = slice(row - HALF, row + HALF), slice(col - HALF, col + HALF)
        if taken[rows, cols].any() or (attempt < 30 and not _fitting(kind, terrain, row, col)):
            continue
        cover, parts = DRAWERS[kind](rng, _square(rng, terrain, row, col, size))
        born = start + timedelta(days=int(rng.uniform(-1.0, 0.9) * (end - start).days))
        tone = float(rng.normal(0, 1.0))
        return LookAlike(kind=kind, begun_on=born, cover=cover, tone=tone, parts=tuple(parts), rows=rows, cols=cols)
    return None


def _fitting(kind: str, terrain: Terrain, row: int, col: int) -> bool:
    """Whether a kind occurs in such a place."""
    if kind in ("placer_gold", "fish_ponds", "reservoir"):
        return bool(terrain.river_px[row, col] < 22)
    if kind in ("landslide", "quarry"):
        return bool(terrain.slope[row, col] > 0.2)
    return True


def _square(rng: np.random.Generator, terrain: Terrain, row: int, col: int, size: int) -> Square:
    y, x = np.mgrid[-HALF:HALF, -HALF:HALF].astype(np.float32) + 0.5
    turn = float(rng.uniform(0, np.pi))
    rough = gaussian_filter(rng.standard_normal(y.shape), 2.2) * 5
    river = terrain.river_px[row - HALF : row + HALF, col - HALF : col + HALF]
    u, v = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    return Square(row, col, u, v, turn, rough, river, size)


def _cover(here: Bools, cover: int | Bytes) -> Bytes:
    drawn: Bytes = np.where(here, cover, NO_COVER).astype(np.uint8)
    return drawn


def _placer_gold(rng: np.random.Generator, s: Square) -> Drawing:
    """Irregular pits and gravel along a river."""
    worked = (np.abs(s.u) < rng.uniform(8, 28)) & (s.river + 3 * s.rough < rng.uniform(8, 20))
    grain = gaussian_filter(rng.standard_normal(s.u.shape), rng.uniform(0.8, 2.2))
    kinds = [Cover.WATER_TURBID, Cover.WATER_TURBID, Cover.WATER_CLEAR, Cover.POND_TURQUOISE, Cover.POND_MILKY]
    gravel = rng.choice([Cover.SAND, Cover.SOIL_PALE, Cover.SOIL_RED])
    pits = np.where(grain > np.quantile(grain, rng.uniform(0.6, 0.9)), rng.choice(kinds), gravel)
    return _cover(worked, pits.astype(np.uint8)), []


def _grid_of_boxes(
    rng: np.random.Generator, s: Square, long_px: float, wide_px: float, gap_px: float, covers: list[Cover]
) -> list[LookAlikePart]:
    """Boxes side by side in the (u, v) coordinates, some of them missing."""
    across, along = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    parts = []
    for i in range(along):
        for j in range(across):
            u = (i - (along - 1) / 2) * (long_px + gap_px)
            v = (j - (across - 1) / 2) * (wide_px + gap_px)
            if max(abs(u) + long_px, abs(v) + wide_px) < HALF - 4 and rng.random() < 0.9:
                patch = box(*s.at(u, v), long_px / 2, wide_px / 2, s.turn, s.size)
                parts.append(LookAlikePart(patch, covers[int(rng.integers(len(covers)))]))
    return parts


def _fish_ponds(rng: np.random.Generator, s: Square) -> Drawing:
    """Rectangles of water between banks."""
    kinds = [Cover.WATER_CLEAR, Cover.WATER_CLEAR, Cover.WATER_TURBID, Cover.PADDY_WET, Cover.POND_BROWN]
    used = [Cover(k) for k in rng.choice(kinds, int(rng.integers(1, 3)))]
    parts = _grid_of_boxes(rng, s, rng.uniform(2.5, 12), rng.uniform(2, 8), rng.uniform(0.4, 1.5), used)
    bank = rng.random() < 0.6
    banks = (np.abs(s.u) < 14) & (np.abs(s.v) < 12) & (s.rough < 2)
    return _cover(banks & bank, rng.choice([Cover.GRASS, Cover.SOIL_BROWN, Cover.SOIL_RED])), parts


def _reservoir(rng: np.random.Generator, s: Square) -> Drawing:
    """An irregular lake, sometimes with a bare shore."""
    shape = np.hypot(s.u, s.v * rng.uniform(1, 2.5)) - 1.5 * s.rough
    radius = rng.uniform(1.5, 20)
    water = _cover(shape < radius, rng.choice(WATERS))
    if rng.random() < 0.4:
        shore = (shape >= radius) & (shape < radius + rng.uniform(1, 4))
        water[shore] = rng.choice(SOILS)
    return water, []


def _heap_leach(rng: np.random.Generator, s: Square) -> Drawing:
    """A large pad of ore with a few rectangular ponds at its foot."""
    length, width = rng.uniform(8, 24), rng.uniform(6, 16)
    pad = (np.abs(s.u) < length) & (np.abs(s.v) < width)
    kinds = [Cover.WATER_CLEAR, Cover.POND_TURQUOISE, Cover.POND_BLACK, Cover.POND_BROWN]
    parts = []
    for number in range(int(rng.integers(1, 5))):
        half = rng.uniform(1.5, 4), rng.uniform(1.2, 3)
        u, v = -length + 4 + number * rng.uniform(7, 10), width + half[1] + 1
        if abs(u) + half[0] < HALF - 3 and v + half[1] < HALF - 1:
            parts.append(LookAlikePart(box(*s.at(u, v), *half, s.turn, s.size), Cover(rng.choice(kinds))))
    return _cover(pad, rng.choice(SOILS)), parts


def _jade_pit(rng: np.random.Generator, s: Square) -> Drawing:
    """A wide pit of spoil with irregular lakes."""
    pit = np.hypot(s.u, s.v * rng.uniform(1, 1.5)) < rng.uniform(16, 28) + 1.5 * s.rough
    grain = gaussian_filter(rng.standard_normal(s.u.shape), rng.uniform(2, 5))
    lakes = np.where(grain > np.quantile(grain, rng.uniform(0.8, 0.95)), rng.choice(WATERS), rng.choice(SOILS))
    return _cover(pit, lakes.astype(np.uint8)), []


def _quarry(rng: np.random.Generator, s: Square) -> Drawing:
    """Bare rock or soil, sometimes with a pool."""
    shape = np.hypot(s.u, s.v * rng.uniform(1, 2)) - 1.5 * s.rough
    pit = _cover(shape < rng.uniform(4, 20), rng.choice([Cover.ROCK, *SOILS]))
    if rng.random() < 0.4:
        pit[np.hypot(s.u - 2, s.v) < rng.uniform(1, 5)] = rng.choice(WATERS)
    return pit, []


def _landslide(rng: np.random.Generator, s: Square) -> Drawing:
    """A long scar."""
    scar = (np.abs(s.v) < rng.uniform(1.2, 6) + s.rough) & (np.abs(s.u) < rng.uniform(8, 28))
    return _cover(scar, rng.choice([Cover.SOIL_RED, Cover.SOIL_BROWN, Cover.ROCK, Cover.SOIL_PALE])), []


def _scattered(rng: np.random.Generator, s: Square, covers: list[Cover], most: int, wide: float) -> list[LookAlikePart]:
    """Small boxes scattered about the centre of the square."""
    parts = []
    for _ in range(int(rng.integers(2, most))):
        u, v = np.clip(rng.normal(0, wide, 2), -HALF + 4, HALF - 4)
        row, col = s.at(float(u), float(v))
        if max(abs(row - s.row), abs(col - s.col)) < HALF - 3:
            half = rng.uniform(0.25, 1.5), rng.uniform(0.25, 0.9)
            parts.append(LookAlikePart(box(row, col, *half, s.turn, s.size), Cover(rng.choice(covers))))
    return parts


def _yard(rng: np.random.Generator, s: Square) -> Bytes:
    """Bare ground under and between buildings, in half of the cases."""
    yard = np.hypot(s.u, s.v) < rng.uniform(3, 14) + s.rough
    return _cover(yard & (rng.random() < 0.5), rng.choice([*SOILS, Cover.TRACK]))


def _blue_roofs(rng: np.random.Generator, s: Square) -> Drawing:
    """Sheds, many with blue roofs."""
    return _yard(rng, s), _scattered(rng, s, [Cover.ROOF_BLUE, Cover.ROOF_BLUE, *ROOFS], 30, rng.uniform(3, 8))


def _tarpaulins(rng: np.random.Generator, s: Square) -> Drawing:
    """Blue sheets on bare ground."""
    return _yard(rng, s), _scattered(rng, s, [Cover.TARPAULIN, Cover.PLASTIC], 14, rng.uniform(2, 7))


def _greenhouses(rng: np.random.Generator, s: Square) -> Drawing:
    """Long strips of plastic film."""
    strips = _grid_of_boxes(rng, s, rng.uniform(4, 12), rng.uniform(0.8, 2.5), rng.uniform(0.2, 0.8), [Cover.PLASTIC])
    return _cover((np.abs(s.u) < 14) & (np.abs(s.v) < 10) & (rng.random() < 0.5), rng.choice(SOILS)), strips


def _bare_field(rng: np.random.Generator, s: Square) -> Drawing:
    """A cleared field with irregular or straight sides."""
    shape = np.maximum(np.abs(s.u) / rng.uniform(4, 24), np.abs(s.v) / rng.uniform(4, 18))
    here = shape + rng.choice([0.0, 0.06, 0.15, 0.25]) * s.rough < 1
    return _cover(here, rng.choice([*SOILS, Cover.BURNT, Cover.STUBBLE])), []


def _tarn(rng: np.random.Generator, s: Square) -> Drawing:
    """A few dark pixels: a pool in shadow or a wet hollow."""
    pool = np.hypot(s.u, s.v * rng.uniform(1, 3)) < rng.uniform(0.8, 4) + 0.5 * s.rough
    return _cover(pool, rng.choice([Cover.WATER_CLEAR, Cover.BURNT])), []


def _stock_tanks(rng: np.random.Generator, s: Square) -> Drawing:
    """One to three round tanks that are not leach ponds: no rows of ponds, no cleared slope."""
    parts = []
    for number in range(int(rng.integers(1, 4))):
        row, col = s.at(number * rng.uniform(2, 6), rng.normal(0, 1))
        parts.append(
            LookAlikePart(disc(row, col, rng.uniform(0.4, 1.6), s.size), Cover(rng.choice([*WATERS, Cover.ROOF_GREY])))
        )
    return _yard(rng, s), parts


DRAWERS: Mapping[str, Callable[[np.random.Generator, Square], Drawing]] = MappingProxyType(
    {
        "placer_gold": _placer_gold,
        "fish_ponds": _fish_ponds,
        "reservoir": _reservoir,
        "heap_leach": _heap_leach,
        "jade_pit": _jade_pit,
        "quarry": _quarry,
        "landslide": _landslide,
        "blue_roofs": _blue_roofs,
        "tarpaulins": _tarpaulins,
        "greenhouses": _greenhouses,
        "bare_field": _bare_field,
        "tarn": _tarn,
        "stock_tanks": _stock_tanks,
    }
)
"""Drawing function of each kind."""
