"""Sites drawn into real scenes independently of the simulator, for evaluation only, never for training.

Ponds and clearings are polygons in metres, rasterised at 1 m and averaged over the pixels and the point spread of the
instrument; their colours are the few below, not those of `configs/worlds.toml`. A network that had only learned what
the simulator's own ponds look like would not find these.
"""

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import shapely
from scipy.ndimage import gaussian_filter, maximum_filter
from shapely import affinity
from shapely.geometry import MultiPoint, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from pipeline.evaluation.truth import TrueSite
from pipeline.grid import PIXEL_M, Window
from pipeline.raster import Bools, Floats
from pipeline.training.backgrounds import Background, square, water
from pipeline.worlds.world import Rendering

FINE_M = 1.0
"""Pixel size at which polygons are rasterised, metres."""
SPREAD_PX = 0.44
"""Standard deviation of the point spread, without the averaging over a pixel, in pixels: together they give an MTF at
Nyquist of 0.25, as ESA states for Sentinel-2 (0.15 to 0.30)."""
REACH_PX = 30
"""Largest distance of any part of a site from its centre, in rows or columns."""
FILLINGS = MappingProxyType(
    {
        "milky": (0.200, 0.245, 0.225, 0.120, 0.035, 0.025),
        "turquoise": (0.130, 0.180, 0.110, 0.045, 0.020, 0.015),
        "blue under mesh": (0.105, 0.095, 0.070, 0.075, 0.060, 0.050),
        "black cover": (0.045, 0.045, 0.045, 0.050, 0.055, 0.050),
        "brown": (0.075, 0.105, 0.130, 0.095, 0.035, 0.025),
    }
)
"""Reflectance by band of what fills or covers ponds. Fine clay in water reflects most in green and little beyond
1.6 µm; the spectrum of plastic is flat. Estimates from physics: no measurements are published."""
SOILS = (
    (0.065, 0.095, 0.150, 0.210, 0.310, 0.270),
    (0.110, 0.150, 0.205, 0.270, 0.370, 0.320),
    (0.170, 0.215, 0.260, 0.310, 0.390, 0.350),
)
"""Reflectance by band of laterite, of subsoil, and of weathered granite."""
COARSE = (4, 5)
"""Indices of the 20 m bands."""


@dataclass(frozen=True, eq=False, slots=True)
class Drawing:
    """One site; coordinates in metres from its centre."""

    ponds: tuple[Polygon, ...]
    """Round ponds that do not overlap."""
    diameter_m: float
    """Diameter of each pond."""
    ground: BaseGeometry
    """All cleared ground, ponds included."""
    filling: str
    """One of `FILLINGS`."""
    pond_colour: Floats
    """Reflectance, shape (band,)."""
    soil_colour: Floats
    """Reflectance, shape (band,)."""


def overlaid(
    background: Background, rng: np.random.Generator, place: Window, max_sites: int, day: date
) -> tuple[Rendering, tuple[TrueSite, ...]]:
    """A square of a background with up to `max_sites` sites drawn in, and those sites; polygons in metres on the grid.

    The square begins at the north-west corner of `place` and is as wide as it, or as the largest multiple of 16 that
    fits into the background.
    """
    ground, clear = square(background, rng, place.height)
    taken = ~clear | water(ground)
    seen, true, pond_share = ground.copy(), [], np.zeros(clear.shape, np.float32)
    mine = np.zeros(clear.shape, bool)
    for _ in range(max_sites):
        middle = _free(rng, taken)
        if middle is None:
            break
        row, col = middle
        cut = (slice(row - REACH_PX, row + REACH_PX), slice(col - REACH_PX, col + REACH_PX))
        taken[cut] = True
        site = drawing(rng)
        shares = _shares(site)
        seen[(slice(None), *cut)] = _mixed(seen[(slice(None), *cut)], site, shares, background.path_radiance, rng)
        pond_share[cut] = shares[0]
        mine[cut] |= shares.sum(axis=0) >= 0.5
        true.append(_true(site, place.row + row, place.col + col, day))
    look = Rendering(
        reflectance=np.clip(seen, 0.0005, 1.5).astype(np.float32),
        scl=np.where(clear, 4, 9).astype(np.uint8),
        pond_fraction=pond_share,
        ground=mine,
        clear=clear,
    )
    return look, tuple(true)


def drawing(rng: np.random.Generator) -> Drawing:
    """A random site with field dimensions: 6 to 24 ponds of 10 to 22 m on a bench below a cleared slope."""
    count, diameter = int(rng.integers(6, 25)), float(rng.uniform(10, 22))
    pitch = diameter + float(rng.uniform(2, 7))
    rows = int(rng.integers(1, 4))
    spots = np.array([(k // rows * pitch, (k % rows) * pitch * rng.uniform(1.0, 1.3)) for k in range(count)])
    spots = spots - spots.mean(axis=0)
    spots[:, 1] += rng.uniform(-0.004, 0.004) * spots[:, 0] ** 2  # rows follow the contour
    ponds = [Point(*spot).buffer(diameter / 2) for spot in spots]
    bench = MultiPoint(spots).convex_hull.buffer(diameter / 2 + rng.uniform(5, 15))
    slope = affinity.translate(_blob(rng, float(rng.uniform(50, 130))), yoff=float(rng.uniform(20, 90)))
    turn = float(rng.uniform(0, 360))
    whole = affinity.rotate(unary_union([bench, slope]), turn, origin=(0, 0))
    name = str(rng.choice(list(FILLINGS)))
    pond, soil = np.array(FILLINGS[name]), np.array(SOILS[rng.integers(len(SOILS))])
    reach = (REACH_PX - 1) * PIXEL_M
    return Drawing(
        ponds=tuple(affinity.rotate(one, turn, origin=(0, 0)) for one in ponds),
        diameter_m=diameter,
        ground=whole.intersection(Point(0, 0).buffer(reach)),
        filling=name,
        pond_colour=(pond * rng.uniform(0.75, 1.3)).astype(np.float32),
        soil_colour=(soil * rng.uniform(0.75, 1.25)).astype(np.float32),
    )


def _blob(rng: np.random.Generator, radius_m: float) -> Polygon:
    """An irregular clearing."""
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    waves = [rng.normal(0, 0.25 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 7)]
    away = (radius_m * (1 + np.sum(waves, axis=0))).clip(10)
    stretch = rng.uniform(0.6, 1.5)
    edge = np.stack([away * np.cos(angle) * stretch, away * np.sin(angle) / stretch], axis=1)
    whole: Polygon = Polygon(edge).buffer(0)
    return whole


def _free(rng: np.random.Generator, taken: Bools) -> tuple[int, int] | None:
    """The centre (even row and column) of a random free square large enough for a site; None = there is none."""
    free = maximum_filter(taken, 2 * REACH_PX, mode="constant", cval=True) == 0
    places = np.argwhere(free[::2, ::2]) * 2
    if not len(places):
        return None
    row, col = places[rng.integers(len(places))]
    return int(row), int(col)


def _shares(site: Drawing) -> Floats:
    """Fractions of each 10 m pixel around the centre that are pond, and bare ground, shape (2, y, x)."""
    reach, fine = REACH_PX * PIXEL_M, round(PIXEL_M / FINE_M)
    middles = np.arange(-reach + FINE_M / 2, reach, FINE_M)
    x, y = np.meshgrid(middles, middles[::-1])
    side = len(middles)
    ground, ponds = (
        shapely.contains_xy(shape, x, y).astype(np.float32) for shape in (site.ground, unary_union(site.ponds))
    )
    planes = np.stack([ponds, ground * (1 - ponds)])
    shares: Floats = planes.reshape(2, side // fine, fine, side // fine, fine).mean(axis=(2, 4))
    return shares


def _mixed(real: Floats, site: Drawing, shares: Floats, path_radiance: Floats, rng: np.random.Generator) -> Floats:
    """Real reflectance (band, y, x) with the site drawn in, as the instrument would measure it."""
    texture = 1 + 0.10 * gaussian_filter(rng.standard_normal(shares.shape[1:]), 1.2) * 3
    lit, out = float(rng.uniform(0.7, 1.15)), real.copy()
    for band in range(len(real)):
        pond, soil = (_seen(share, band) for share in (shares[0], shares[1] * texture))
        cover = np.clip(_seen(shares.sum(axis=0), band), 0, 1)
        colour = lit * (pond * site.pond_colour[band] + soil * site.soil_colour[band]) + cover * path_radiance[band]
        noise = rng.normal(0, 0.0012 + 0.01 * colour) * (cover > 0)
        out[band] = real[band] * (1 - cover) + colour + noise
    return out


def _seen(share: Floats, band: int) -> Floats:
    """A plane (y, x) with the resolution and point spread of a band, on the 10 m grid."""
    if band not in COARSE:
        fine: Floats = gaussian_filter(share, SPREAD_PX).astype(np.float32)
        return fine
    height, width = share.shape
    blurred = gaussian_filter(share.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)), SPREAD_PX)
    coarse: Floats = blurred.repeat(2, 0).repeat(2, 1).astype(np.float32)
    return coarse


def _true(site: Drawing, row: int, col: int, day: date) -> TrueSite:
    """The true site with its centre at a grid row and column."""
    return TrueSite(
        polygon=affinity.translate(site.ground, col * PIXEL_M, -row * PIXEL_M),
        ground_from=day,
        ponds_from=day,
        ended_on=None,
        n_ponds=len(site.ponds),
        pond_diameter_m=site.diameter_m,
        pond_area_m2=sum(pond.area for pond in site.ponds),
        filling=site.filling,
        pond_looks=1,
        clear_share=1.0,
    )
