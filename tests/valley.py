"""A small valley as Sentinel-2 would show it: forest, sites with ponds, cloud and shadow, and an edge without data.

Made of whole numbers and comparisons only, with a texture that follows from the place: the same numbers with any version
of any library.
"""

import numpy as np

from pipeline.bands import NAMES, SCL
from pipeline.grid import Window

WINDOW = Window(-243_008, 53_008, 96, 112)
"""Where the looks lie; aligned as windows of a run are."""
TILE = WINDOW.grown(16)
"""Where there is imagery: less than is read for a look, so that the edge of the imagery is seen as well."""
FOREST = (250, 420, 260, 2900, 1500, 700)
SOIL = (1500, 2000, 2500, 3300, 4300, 3900)
RED_SOIL = (700, 1050, 1800, 2900, 3800, 3300)
TURQUOISE = (950, 1450, 800, 400, 180, 140)
MILKY = (1900, 2200, 1900, 1000, 350, 300)
BLACK = (300, 300, 300, 450, 550, 550)
CLOUD = (4200, 4200, 4300, 4800, 3600, 2700)
SHADOW = (120, 180, 100, 800, 400, 200)
"""Reflectance in 1/10,000, one number per band."""
SITES = ((42, 46, 15, SOIL, TURQUOISE), (84, 62, 13, RED_SOIL, MILKY), (62, 106, 14, SOIL, BLACK))
"""Row, column and radius of cleared ground in the tile, pixels; its soil and its ponds."""
PONDS = tuple((row, col, 1 + (row + col) // 4 % 3) for row in (-8, -3, 3, 8) for col in (-8, -3, 3, 8))
"""Row and column of the ponds of a site about its centre, and their diameter, 1 to 3 px."""
CLOUDS = ((24, 112, 12), (104, 20, 10))
SHADOWS = ((44, 128, 9), (112, 40, 8))
"""Row, column and radius in the tile, pixels."""
EDGE = 60
"""Pixels whose row and column add up to less lie beyond the swath."""

Planes = dict[str, np.ndarray]


def valley() -> Planes:
    """Reflectance in 1/10,000 and SCL of the tile by band, shape (y, x); 0 where there is no data."""
    rows, cols = np.mgrid[: TILE.height, : TILE.width]
    ground = np.empty((len(NAMES), *TILE.shape), np.int64)
    scl = np.full(TILE.shape, 4)
    _paint(ground, np.ones(TILE.shape, bool), FOREST)
    for row, col, radius, soil, water in SITES:
        here = _disc(rows - row, cols - col, 2 * radius)
        _paint(ground, here, soil)
        scl[here] = 5
        for down, right, diameter in PONDS:
            _paint(ground, _disc(rows - row - down, cols - col - right, diameter), water)
    ground += (ground * ((rows * 7919 + cols * 104_729) % 397 - 198)) // 2000  # texture, up to a tenth
    for places, colour, code in ((SHADOWS, SHADOW, 3), (CLOUDS, CLOUD, 9)):
        for row, col, radius in places:
            here = _disc(rows - row, cols - col, 2 * radius)
            _paint(ground, here, colour)
            scl[here] = code
    beyond = rows + cols < EDGE
    return {
        name: np.where(beyond, 0, plane).astype(np.uint16)
        for name, plane in zip((*NAMES, SCL), (*ground, scl), strict=True)
    }


def coarse(planes: Planes) -> Planes:
    """The same with the bands that have 20 m pixels in such: means of four, and the class of one of them."""
    made = dict(planes)
    for name in ("B11", "B12"):
        parts = planes[name].reshape(TILE.height // 2, 2, TILE.width // 2, 2).astype(np.int64)
        made[name] = np.where(parts.min(axis=(1, 3)) > 0, parts.sum(axis=(1, 3)) // 4, 0).astype(np.uint16)
    made[SCL] = planes[SCL][::2, ::2]
    return made


def repeated(planes: Planes) -> Planes:
    """The same with the 20 m pixels of `coarse` cut into four: what a band on our grid holds of them."""
    return {n: p if p.shape == TILE.shape else p.repeat(2, 0).repeat(2, 1) for n, p in coarse(planes).items()}


def with_offset(planes: Planes) -> Planes:
    """The same as stored since processing baseline 04.00: 1,000 more, but for SCL and where there is no data."""
    return {n: p if n == SCL else np.where(p > 0, p + 1000, 0).astype(np.uint16) for n, p in planes.items()}


def _disc(down: np.ndarray, right: np.ndarray, diameter: int) -> np.ndarray:
    """Pixels whose centres lie within half a diameter; of 1 px only the middle one."""
    return 4 * (down**2 + right**2) <= diameter**2


def _paint(ground: np.ndarray, here: np.ndarray, colour: tuple[int, ...]) -> None:
    ground[:, here] = np.array(colour)[:, None]
