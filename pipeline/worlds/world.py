"""A world: a square of ground with a history, and how Sentinel-2 sees it on a day.

Everything follows from the seed; the same call gives the same pixels in any process.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.atmosphere import make_air, seen_through
from pipeline.worlds.cover import Land, cover_on, make_land
from pipeline.worlds.decoys import Decoy, plan_decoys
from pipeline.worlds.ponds import SitePlan, plan_site, pond_shares
from pipeline.worlds.sensor import classified, sensed, truly_clear
from pipeline.worlds.spectra import Cover, low_and_high
from pipeline.worlds.terrain import Terrain, light, make_terrain

STYLES = {"kachin": (420.0, 25.8), "shan": (260.0, 21.8)}
"""By style: relief in metres, latitude in degrees."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class World:
    """A place with a history."""

    seed: int
    """All of it follows from this."""
    size_px: int
    """Side, 10 m pixels."""
    style: str
    """One of `STYLES`."""
    terrain: Terrain
    """Relief."""
    land: Land
    """Cover."""
    sites: tuple[SitePlan, ...]
    """Leach-pond sites."""
    decoys: tuple[Decoy, ...]
    """What looks like one."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Rendering:
    """A world on a day, as delivered and as it truly was."""

    reflectance: Floats
    """As a user gets it, bands as in `bands.BANDS`, shape (band, y, x)."""
    scl: Bytes
    """Scene classification with errors, shape (y, x)."""
    pond_fraction: Floats
    """Truth: share of each pixel that is leach pond, 0 to 1, shape (y, x)."""
    ground: Bools
    """Truth: disturbed ground of a site, ponds included, shape (y, x)."""
    clear: Bools
    """Truth: neither cloud nor shadow, shape (y, x)."""


def make_world(seed: int, size_px: int, style: str, start: date, end: date, n_sites: int | None = None) -> World:
    """A world whose history covers `start` to `end`; about two sites per 26 km² unless their number is given."""
    rng = np.random.default_rng([seed, size_px, sorted(STYLES).index(style)])
    terrain = make_terrain(rng, size_px, STYLES[style][0] * rng.uniform(0.5, 1.5))
    land = make_land(rng, terrain, style)
    taken = np.zeros((size_px, size_px), bool)
    wanted = int(rng.poisson(2.0 * (size_px / 512) ** 2)) if n_sites is None else n_sites
    sites = []
    for _ in range(wanted):
        site = plan_site(rng, terrain, taken, start, end)
        if site is not None:
            taken |= site.footprint
            sites.append(site)
    decoys = plan_decoys(rng, terrain, taken, start, end)
    return World(
        seed=seed,
        size_px=size_px,
        style=style,
        terrain=terrain,
        land=land,
        sites=tuple(sites),
        decoys=tuple(decoys),
    )


def render(world: World, day: date, rng_seed: int, cloud: float | None = None) -> Rendering:
    """The world on a day; `cloud` is the share of cloud, or None for one drawn by month."""
    rng = np.random.default_rng([world.seed, rng_seed, day.toordinal()])
    latitude = STYLES[world.style][1]
    ground, pond_fraction, disturbed = _surface(world, day)
    air = make_air(rng, world.size_px, day, latitude, cloud)
    seen = sensed(seen_through(ground * light(world.terrain, day, latitude), air), rng)
    return Rendering(
        reflectance=seen,
        scl=classified(seen, air, rng),
        pond_fraction=pond_fraction,
        ground=disturbed,
        clear=truly_clear(air),
    )


def _surface(world: World, day: date) -> tuple[Floats, Floats, Bools]:
    """Reflectance of the ground under level light (band, y, x), pond fraction and disturbed ground (y, x)."""
    low, high = low_and_high()
    cover, dry = cover_on(world.land, day)
    for decoy in world.decoys:
        if decoy.begun_on <= day:
            cover[decoy.rows, decoy.cols][decoy.mask] = decoy.cover[decoy.mask]
    place = world.land.texture
    ground = _painted(low[cover], high[cover], place, world.land.tint)
    leafless = _painted(low[Cover.DRY_FOREST], high[Cover.DRY_FOREST], place, world.land.tint)
    ground += dry * (leafless - ground)
    size = world.size_px
    disturbed, ponds = np.zeros((size, size), bool), np.zeros((size, size), np.float32)
    for number, site in enumerate(world.sites):
        mine = site.ground_on(day)
        if not mine.any():
            continue
        soil_rng = np.random.default_rng([world.seed, number])
        tone = soil_rng.uniform(0.1, 0.9) + 0.5 * (place[mine] - 0.5)
        soil = low[site.soil][:, None] + (high - low)[site.soil][:, None] * tone
        share = site.bare_on(day)[mine]
        ground[:, mine] = ground[:, mine] * (1 - share) + soil * share
        disturbed |= mine
        alive = site.ponds_on(day)
        for pond, (rows, cols, part) in zip(alive, pond_shares(alive, size), strict=True):
            kind = pond.later if day >= pond.later_on else pond.cover
            water = low[kind] + (high - low)[kind] * np.clip(soil_rng.normal(0.5, 0.25, 6) * 0.3 + 0.35, 0, 1)
            ground[:, rows, cols] += part * (water.astype(np.float32)[:, None, None] - ground[:, rows, cols])
            ponds[rows, cols] = np.minimum(1, ponds[rows, cols] + part)
            disturbed[rows, cols] |= part > 0
    return ground, ponds, disturbed


def _painted(low: Floats, high: Floats, place: Floats, tint: Floats) -> Floats:
    """Reflectance (band, y, x) between two spectra (…, band), at `place`; `tint` shifts visible against infrared."""
    low, span = np.moveaxis(np.atleast_1d(low), -1, 0), np.moveaxis(np.atleast_1d(high - low), -1, 0)
    if low.ndim == 1:
        low, span = low[:, None, None], span[:, None, None]
    sign = np.array([1, 1, 1, -0.6, 0.4, 0.8], np.float32)[:, None, None]
    painted: Floats = np.maximum(low + span * (place + sign * tint), 0.002).astype(np.float32)
    return painted
