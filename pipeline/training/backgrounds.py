"""Real ground without sites: certain negatives, and backgrounds into which simulated sites are painted.

Real pixels already include the effects of atmosphere and optics. Painted sites are therefore passed through simulated
optics separately, raised by the residual path radiance of the scene, and mixed in by the share of each pixel that they
cover.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_dilation

from pipeline.bands import BANDS
from pipeline.errors import InputError, SceneError
from pipeline.raster import Bools, Floats
from pipeline.sources.folder import read_whole
from pipeline.worlds.ponds import SitePlan
from pipeline.worlds.sensor import make_optics
from pipeline.worlds.terrain import light, make_terrain, noise
from pipeline.worlds.world import SHADING, Rendering, plan_sites, works_on

UNCLEAR = (0, 1, 3, 8, 9, 10)
"""SCL classes of a background that are left out of training."""
MARGIN_PX = 5
"""Width of the margin around them that is left out too, pixels."""
DARKEST = np.array([0.020, 0.028, 0.018, 0.030, 0.020, 0.012], np.float32)
"""The darkest ground of a scene without path radiance, reflectance by band."""
MAX_PATH_RADIANCE = np.array([0.09, 0.06, 0.04, 0.02, 0.005, 0.005], np.float32)
"""Upper limit of the estimated path radiance, reflectance by band."""
WATER_SWIR = 0.10
"""Upper limit of the B11 reflectance of water, path radiance included."""
PAINT_ROOM_PX = 20
"""Least distance of cloud and water from the centre of a painted site, pixels; large sites may reach into them."""
LATITUDE = 24.0
"""Latitude for the position of the sun over painted sites, degrees."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Background:
    """One real scene."""

    name: str
    """Name of its file, without suffix."""
    reflectance: Floats
    """Unitless, shape (band, y, x), bands as in `bands.BANDS`."""
    clear: Bools
    """True: measured and neither cloud nor shadow, shape (y, x)."""
    path_radiance: Floats
    """Residual path radiance of the scene, reflectance, shape (band,)."""


@lru_cache(maxsize=4)
def read_backgrounds(folder: Path) -> tuple[Background, ...]:
    """Read all scenes of a folder, by name; raises `InputError` when there is none or one cannot be read."""
    paths = sorted(folder.glob("*.tif"))
    if not paths:
        raise InputError(f"{folder}: holds no GeoTIFF to use as background")
    return tuple(read_background(path) for path in paths)


def painted(
    background: Background, rng: np.random.Generator, size: int, max_sites: int, start: date, end: date
) -> tuple[Rendering, tuple[SitePlan, ...], date]:
    """A square of a background with up to `max_sites` simulated sites in it, those sites, and the day.

    The square is `size` pixels wide, or the largest multiple of 16 that fits into the background.
    """
    ground, clear = square(background, rng, size)
    size = len(clear)
    terrain = make_terrain(rng, size, rng.uniform(0.03, 0.5))
    wanted = 0 if max_sites == 0 or rng.random() < 0.3 else int(rng.integers(1, max_sites + 1))
    day = date.fromordinal(int(rng.integers(start.toordinal(), end.toordinal())))
    sites = plan_sites(rng, terrain, ~clear | water(ground), start, end, wanted, PAINT_ROOM_PX)
    tone = noise(rng, size, rng.uniform(1.0, 2.5))
    works = works_on(sites, day, size, int(rng.integers(2**31)), rng.uniform(0.8, 1.4), tone)
    optics, lit = make_optics(rng, len(BANDS)), light(terrain, day, LATITUDE, rng.uniform(*SHADING))
    seen = ground.copy()
    for band in range(len(BANDS) if works.ground.any() else 0):
        share = optics.image(works.layer.share, band)
        colour = optics.image(works.layer.colour[band] * lit, band) + share * background.path_radiance[band]
        colour += share * rng.standard_normal(share.shape, np.float32) * (optics.noise + 0.02 * colour)
        seen[band] += optics.delivered(colour, band) - optics.delivered(share, band) * ground[band]
    look = Rendering(
        reflectance=np.clip(seen, 0.0005, 1.5).astype(np.float32),
        scl=np.where(clear, 4, 9).astype(np.uint8),
        pond_fraction=works.pond_fraction,
        ground=works.ground,
        clear=clear,
    )
    return look, sites, day


def water(ground: Floats) -> Bools:
    """Mask (y, x) of open water and adjacent pixels, where no mine is painted; `ground` (band, y, x)."""
    _, green, _, nir, swir, _ = ground
    water: Bools = binary_dilation((green > nir) & (swir < WATER_SWIR), iterations=2)
    return water


def square(background: Background, rng: np.random.Generator, size: int) -> tuple[Floats, Bools]:
    """A square of at most `size`, randomly rotated and mirrored, aligned with the pixels of the 20 m bands."""
    height, width = background.clear.shape
    side = min(size, height, width) // 16 * 16
    row, col = (int(rng.integers(0, (k - side) // 2 + 1)) * 2 for k in (height, width))
    cut = (slice(row, row + side), slice(col, col + side))
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    planes = np.concatenate([background.reflectance[(slice(None), *cut)], background.clear[cut][None]])
    planes = np.rot90(planes, turns, axes=(1, 2))[:, :, :: -1 if mirror else 1]
    return np.ascontiguousarray(planes[:-1]).astype(np.float32), planes[-1] > 0.5


def read_background(path: Path) -> Background:
    """Read a scene from a GeoTIFF in the format of the folder source; raises `InputError`."""
    try:
        reflectance, valid, classes = read_whole(path)
    except SceneError as cause:
        raise InputError(f"{path}: cannot be used as background: {cause}") from cause
    hidden = np.zeros_like(valid) if classes is None else np.isin(classes, UNCLEAR)
    clear = valid & ~binary_dilation(hidden, iterations=MARGIN_PX)
    dark = np.percentile(reflectance[:, clear], 1, axis=1) if clear.any() else DARKEST
    return Background(
        name=path.stem,
        reflectance=reflectance,
        clear=clear,
        path_radiance=np.clip(dark - DARKEST, 0, MAX_PATH_RADIANCE).astype(np.float32),
    )
