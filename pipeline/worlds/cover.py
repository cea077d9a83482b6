"""Land cover of a world and its changes through the year."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from pipeline.grid import PIXEL_M
from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.parameters import Style
from pipeline.worlds.shapes import Patch, box
from pipeline.worlds.spectra import ROOFS, SOILS, Cover
from pipeline.worlds.terrain import Terrain, noise, smooth_noise

QUARTERS = 24
"""Number of areas of a world within which fields are similar."""
TERRACES_FROM = 0.15
"""Some worlds of styles with a median slope above this have terraces."""
WATERS = (Cover.WATER_CLEAR, Cover.WATER_TURBID)
SWIDDEN_CYCLE = 6
"""Years between two cuttings of a swidden field."""
PADDY, DRY_CROP, PASTURE, ORCHARD, BARE = range(5)
"""Uses of a permanent field."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Fields:
    """Numbered fields, each of which changes as a whole."""

    number: np.ndarray
    """Field number, 0 = none, shape (y, x), uint16."""
    use: Bytes
    """By field, index 0 unused: one of `PADDY` to `BARE`, or for swidden the year of cutting modulo `SWIDDEN_CYCLE`."""
    phase: Bytes
    """By field: months by which its crop calendar is ahead."""
    soil: Bytes
    """By field: `Cover` when it is bare."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Roof:
    """A building."""

    patch: Patch
    """Area it covers."""
    cover: Cover
    """Cover of its roof."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Land:
    """Land cover of a world without sites and look-alikes."""

    base: Bytes
    """`Cover` of ground that does not change through the year, shape (y, x)."""
    deciduous: Bools
    """Forest that sheds its leaves in the dry season, shape (y, x)."""
    swidden: Fields
    """Shifting cultivation."""
    farm: Fields
    """Permanent fields."""
    tone: Floats
    """Brightness of each pixel relative to its cover, unitless about 0, shape (y, x)."""
    tint: Floats
    """Second, independent texture that shifts the colour, unitless about 0, shape (y, x)."""
    blend: Floats
    """How far a pixel takes the colour of its neighbours, as natural edges are soft; 0 to 1, shape (y, x)."""
    roofs: tuple[Roof, ...]
    """Buildings of villages."""


def make_land(rng: np.random.Generator, terrain: Terrain, style: Style) -> Land:
    """Make the land cover of a world; the shares of its style are means about which worlds vary."""
    size = len(terrain.height_m)
    patches, fine = smooth_noise(rng, size, 2.8), noise(rng, size, 1.2)
    forest = float(np.clip(rng.normal(style.forest, 0.2), 0.02, 0.98))
    base = np.full((size, size), Cover.REGROWTH, np.uint8)
    base[patches > np.quantile(patches, 1 - forest)] = Cover.FOREST
    _spread(rng, base, Cover.GRASS, style.grass)
    _spread(rng, base, rng.choice([Cover.ROCK, Cover.SOIL_BROWN]), 0.01)
    for soil in rng.permutation([Cover.SAND, *SOILS])[:2]:
        _spread(rng, base, soil, style.arid / 2)
    drier = smooth_noise(rng, size, 3.0)
    share = float(np.clip(rng.normal(style.deciduous, 0.2), 0, 0.999))
    deciduous = (base == Cover.FOREST) & (drier > np.quantile(drier, 1 - share))
    terraced = style.slope > TERRACES_FROM and rng.random() < 0.4
    level = terrain.slope < (0.45 if terraced else 0.16)
    flat = level & (terrain.river_px + 8 * patches < rng.uniform(20, 90) + size * style.farm)
    farm = _farm(rng, terrain, flat, style, terraced)
    _river(rng, base, farm.number, terrain)
    _tracks(rng, base, size)
    swidden = _swidden(rng, size, terrain, base, farm.number, style)
    by_field = np.where(farm.number > 0, rng.normal(0, 0.9, len(farm.use))[farm.number], 0)
    by_patch = np.where(swidden.number > 0, rng.normal(0, 0.9, len(swidden.use))[swidden.number], 0)
    return Land(
        base=base,
        deciduous=deciduous,
        swidden=swidden,
        farm=farm,
        tone=(_texture(rng, base, patches, fine) + by_field + by_patch).astype(np.float32),
        tint=(0.55 * noise(rng, size, rng.uniform(1.4, 2.2))).astype(np.float32),
        blend=_blend(rng, base, farm.number),
        roofs=tuple(_villages(rng, flat, style)),
    )


def cover_on(land: Land, day: date) -> tuple[Bytes, Floats]:
    """`Cover` of each pixel on a day, and the dryness of its forest, 0 to 1; both (y, x)."""
    cover = land.base.copy()
    season = np.cos(2 * np.pi * (day.timetuple().tm_yday - 80) / 365.25)  # 1 in late March
    dry = np.where(land.deciduous, np.clip(0.45 + 0.6 * season, 0, 1), 0).astype(np.float32)
    if 6 <= day.month <= 10:
        cover[cover == Cover.WATER_CLEAR] = Cover.WATER_TURBID
    for fields, state in ((land.swidden, _swidden_state), (land.farm, _farm_state)):
        states = [state(fields, number, day) for number in range(len(fields.use))]
        here = fields.number > 0
        cover[here] = np.array(states, np.uint8)[fields.number[here]]
    return cover, dry


def _swidden_state(fields: Fields, number: int, day: date) -> int:
    age = (day.year - int(fields.use[number])) % SWIDDEN_CYCLE
    if age == 0:
        cut = int(fields.soil[number]) if day.month < 3 else Cover.BURNT if day.month < 6 else Cover.CROP
        return int(cut if day.month < 11 else Cover.STUBBLE)
    return int(Cover.GRASS if age == 1 else Cover.REGROWTH)


def _farm_state(fields: Fields, number: int, day: date) -> int:
    use, soil = int(fields.use[number]), int(fields.soil[number])
    month = (day.month - 1 + int(fields.phase[number])) % 12
    if use == PADDY:
        wet, green = month in (5, 6), month in (7, 8, 9)
        return int(Cover.PADDY_WET if wet else Cover.CROP if green else Cover.STUBBLE if month in (10, 11) else soil)
    if use == DRY_CROP:
        return int(Cover.CROP if month in (6, 7, 8, 9) else Cover.STUBBLE if month in (10, 11, 0) else soil)
    return int({PASTURE: Cover.GRASS, ORCHARD: Cover.REGROWTH, BARE: soil}[use])


def _texture(rng: np.random.Generator, base: Bytes, patches: Floats, fine: Floats) -> Floats:
    """Brightness variations at broad, fine and pixel scale; canopy is grainier than open ground."""
    canopy = np.isin(base, (Cover.FOREST, Cover.DRY_FOREST, Cover.REGROWTH))
    grain = np.where(canopy, rng.uniform(0.6, 1.4), rng.uniform(0.2, 0.8)) * rng.standard_normal(base.shape)
    broad, middle, sharp = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.7), rng.uniform(0.4, 1.3)
    textured: Floats = broad * patches + middle * fine + sharp * gaussian_filter(grain, rng.uniform(0.4, 0.9))
    return textured


def _blend(rng: np.random.Generator, base: Bytes, farm: np.ndarray) -> Floats:
    """Softness of edges, varying over the world; less between fields, least along tracks and water."""
    usual, change = rng.uniform(0.15, 0.85), rng.uniform(0, 0.35)
    kept = np.select([np.isin(base, (Cover.TRACK, *WATERS)), farm > 0], [0.3, 0.5], 1.0)
    blend: Floats = (kept * np.clip(usual + change * noise(rng, len(base), 2.6), 0, 1)).astype(np.float32)
    return blend


def _spread(rng: np.random.Generator, base: Bytes, cover: int, share: float) -> None:
    """Assign `cover` to about `share` of the ground, in patches."""
    share = float(np.clip(rng.normal(share, 0.6 * share), 0, 0.95))
    if share > 0.002:
        field = smooth_noise(rng, len(base), rng.uniform(2.3, 3.2))
        base[field > np.quantile(field, 1 - share)] = cover


def _farm(rng: np.random.Generator, terrain: Terrain, flat: Bools, style: Style, terraced: bool) -> Fields:
    """Permanent fields: small regular paddies, larger irregular plots, or terraces along the contour."""
    size = len(flat)
    number = np.zeros((size, size), np.uint16)
    if rng.random() < min(1.0, 0.35 + style.farm):
        side = rng.uniform(4, 9) if terraced or rng.random() < 0.4 else rng.uniform(8, 30)
        number = np.where(flat, _plots(rng, terrain, side, terraced), 0).astype(np.uint16)
        _fallow(rng, number, rng.uniform(0.3, 1.0))
    count = int(number.max()) + 1
    odds = rng.dirichlet([1.0, 1.2, 0.6, 0.5, 0.4])
    kinds = [int(rng.choice(SOILS)) for _ in range(2)]
    quarter = _quarters(rng, number, count)
    alike = rng.random(count) < rng.uniform(0.3, 0.9)  # neighbouring fields often have the same use
    use = np.where(alike, rng.choice(5, QUARTERS, p=odds)[quarter], rng.choice(5, count, p=odds))
    return Fields(
        number=number,
        use=use.astype(np.uint8),
        phase=((rng.integers(0, 12) + rng.integers(0, 3, QUARTERS)[quarter]) % 12).astype(np.uint8),
        soil=rng.choice(kinds, QUARTERS)[quarter].astype(np.uint8),
    )


def _quarters(rng: np.random.Generator, number: np.ndarray, count: int) -> np.ndarray:
    """Area of the world in which each field lies, by field, 0 to `QUARTERS` - 1."""
    centres = rng.integers(0, len(number), (QUARTERS, 2))
    fields, first = np.unique(number, return_index=True)
    places = np.stack(np.unravel_index(first, number.shape), axis=1)
    quarter = np.zeros(count, np.intp)
    quarter[fields] = ((places[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    return quarter


def _plots(rng: np.random.Generator, terrain: Terrain, side: float, terraced: bool) -> np.ndarray:
    """Plot numbers from 1, for plots about `side` pixels wide with irregular borders, shape (y, x)."""
    size = len(terrain.slope)
    turn = rng.uniform(0, np.pi)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    sway = gaussian_filter(rng.standard_normal((2, size, size)).astype(np.float32), (0, 5, 5)) * rng.uniform(0, 20)
    u = (x * np.cos(turn) + y * np.sin(turn) + sway[0]) / side
    v = (-x * np.sin(turn) + y * np.cos(turn) + sway[1]) / (side * rng.uniform(0.4, 1.0))
    if terraced:  # height of a strip of fields = its width × the median slope
        v = terrain.height_m / (PIXEL_M * max(2.0, 0.4 * side) * max(0.02, float(np.median(terrain.slope))))
        u = u / 2
    strip = np.floor(v).astype(int)
    offset = rng.uniform(0, 1, 4096)
    plot = np.floor(u + offset[strip % 4096]).astype(int)
    _, numbers = np.unique(strip * 100_003 + plot, return_inverse=True)
    return numbers.reshape(size, size) % 60_000 + 1


def _fallow(rng: np.random.Generator, number: np.ndarray, keep: float) -> None:
    """Leave some of the plots uncultivated."""
    wild = rng.random(int(number.max()) + 1) > keep
    number[wild[number]] = 0


def _river(rng: np.random.Generator, base: Bytes, farm: np.ndarray, terrain: Terrain) -> None:
    width = rng.choice([0.6, 1.5, 3.0, 6.0])
    wobble = gaussian_filter(rng.standard_normal(base.shape), 6) * 12
    bar = (terrain.river_px < width + np.clip(wobble, 0, 5)) & (width > 1)
    water = terrain.river_px < width
    for here, cover in ((bar, Cover.SAND), (water, rng.choice([Cover.WATER_CLEAR, Cover.WATER_TURBID]))):
        base[here] = cover
        farm[here] = 0


def _tracks(rng: np.random.Generator, base: Bytes, size: int) -> None:
    for _ in range(int(rng.integers(0, 4))):
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.06, 6 * size))
        y = (rng.uniform(0, size) + np.cumsum(np.sin(heading)) * 0.7).astype(int)
        x = (rng.uniform(0, size) + np.cumsum(np.cos(heading)) * 0.7).astype(int)
        keep = (y >= 0) & (y < size) & (x >= 0) & (x < size)
        base[y[keep], x[keep]] = Cover.TRACK


def _villages(rng: np.random.Generator, flat: Bools, style: Style) -> list[Roof]:
    size = len(flat)
    spots = np.argwhere(flat)
    roofs = []
    for _ in range(int(rng.poisson(style.villages * (size / 512) ** 2)) if len(spots) else 0):
        centre, turn = spots[rng.integers(len(spots))], rng.uniform(0, np.pi)
        along, across = (rng.uniform(low, 12) for low in (4, 2))
        usual = rng.dirichlet([2.0, 0.7, 1.0])
        for _ in range(int(rng.integers(8, 120))):
            u, v = rng.normal(0, along), rng.normal(0, across)
            row = centre[0] + u * np.sin(turn) + v * np.cos(turn)
            col = centre[1] + u * np.cos(turn) - v * np.sin(turn)
            if 2 < row < size - 3 and 2 < col < size - 3:
                half = rng.uniform(0.25, 0.9, 2)
                patch = box(row, col, half[0], half[1], turn + rng.normal(0, 0.2), size)
                roofs.append(Roof(patch=patch, cover=Cover(rng.choice(ROOFS, p=usual))))
    return roofs


def _swidden(
    rng: np.random.Generator, size: int, terrain: Terrain, base: Bytes, farm: np.ndarray, style: Style
) -> Fields:
    count = int(rng.poisson(style.swidden * (size / 512) ** 2))
    number = np.zeros((size, size), np.uint16)
    if count:
        points = rng.integers(0, size, (count, 2))
        away = np.ones((size, size), bool)
        away[points[:, 0], points[:, 1]] = False
        distance, (rows, cols) = distance_transform_edt(away, return_indices=True)
        seeds = np.zeros((size, size), np.uint16)
        seeds[points[:, 0], points[:, 1]] = np.arange(1, count + 1)
        owner = seeds[rows, cols]
        reach = rng.uniform(4, 22, count + 1)
        rough = distance + 3 * gaussian_filter(rng.standard_normal((size, size)), 2) * 4
        grown = np.isin(base, (Cover.FOREST, Cover.REGROWTH, Cover.GRASS)) & (farm == 0) & (terrain.slope > 0.05)
        number = np.where((rough < reach[owner]) & grown, owner, 0).astype(np.uint16)
    return Fields(
        number=number,
        use=rng.integers(0, SWIDDEN_CYCLE, count + 1).astype(np.uint8),
        phase=np.zeros(count + 1, np.uint8),
        soil=rng.choice([Cover.SOIL_BROWN, Cover.SOIL_RED], count + 1).astype(np.uint8),
    )
