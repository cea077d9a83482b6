"""A world: a square of ground with a history, and its Sentinel-2 image on a given day.

The seed determines everything; the same call gives the same pixels in any process.
"""

from dataclasses import dataclass
from datetime import date
from zlib import crc32

import numpy as np
from scipy.ndimage import gaussian_filter

from pipeline.bands import BANDS
from pipeline.raster import Bools, Bytes, Floats
from pipeline.worlds.atmosphere import make_atmosphere, top_of_atmosphere
from pipeline.worlds.cover import Land, cover_on, make_land
from pipeline.worlds.look_alikes import NO_COVER, LookAlike, plan_look_alikes
from pipeline.worlds.parameters import parameters
from pipeline.worlds.ponds import ROOM_PX, SitePlan, plan_site
from pipeline.worlds.sensor import imaged, make_optics, simulated_scl, truly_clear
from pipeline.worlds.shapes import Layer, empty_layer
from pipeline.worlds.spectra import Cover, Palette, colour_of, make_palette, odd_colour
from pipeline.worlds.terrain import Terrain, light, make_terrain

SITES_PER_KM2 = 2.0 / 26.2
"""Density of sites if their number is not given: far above that in nature, so that small worlds hold some."""
SHADING = (0.3, 0.9)
"""Range of the contrast between slopes left in L2A: some processors correct for terrain, others do not."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class World:
    """A place with a history."""

    seed: int
    """Determines everything else."""
    size_px: int
    """Side, 10 m pixels."""
    latitude: float
    """Latitude for the position of the sun, degrees."""
    shading: float
    """Share of the contrast between sunny and shady slopes left by the processor, 0 to 1."""
    breadth: float
    """1: colours within the ranges of `configs/worlds.toml`; more: beyond them."""
    terrain: Terrain
    """Its terrain."""
    land: Land
    """Its land cover."""
    palette: Palette
    """Its colours."""
    sites: tuple[SitePlan, ...]
    """Leach-pond sites."""
    look_alikes: tuple[LookAlike, ...]
    """Look-alikes of such sites."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Works:
    """The sites of a world on a day, ready to be painted over its ground."""

    layer: Layer
    """Their appearance without terrain shading."""
    pond_fraction: Floats
    """Share of each pixel covered by leach pond, 0 to 1, shape (y, x)."""
    ground: Bools
    """Mine ground of the sites, ponds included, shape (y, x)."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Rendering:
    """A world on a day: the delivered image and the truth."""

    reflectance: Floats
    """As delivered to a user, bands as in `bands.BANDS`, shape (band, y, x)."""
    scl: Bytes
    """SCL with errors, shape (y, x)."""
    pond_fraction: Floats
    """Truth: share of each pixel covered by leach pond, 0 to 1, shape (y, x)."""
    ground: Bools
    """Truth: mine ground of the sites, ponds included, shape (y, x)."""
    clear: Bools
    """Truth: neither cloud nor shadow, shape (y, x)."""


def make_world(
    seed: int,
    size_px: int,
    style: str,
    start: date,
    end: date,
    n_sites: int | None = None,
    *,
    look_alikes: float = 1.0,
    breadth: float = 1.0,
) -> World:
    """Make a world whose history covers `start` to `end`.

    `n_sites` None: about two per 26 km². `look_alikes`: factor on their number in nature.
    """
    styles = parameters().styles
    rng = np.random.default_rng([seed, size_px, crc32(style.encode())])  # by name: a new style changes no other
    terrain = make_terrain(rng, size_px, styles[style].slope * rng.uniform(0.5, 1.5))
    land = make_land(rng, terrain, styles[style])
    taken = np.zeros((size_px, size_px), bool)
    wanted = int(rng.poisson(SITES_PER_KM2 * (size_px / 100) ** 2)) if n_sites is None else n_sites
    return World(
        seed=seed,
        size_px=size_px,
        latitude=styles[style].latitude,
        shading=rng.uniform(*SHADING),
        breadth=breadth,
        terrain=terrain,
        land=land,
        palette=make_palette(rng, breadth),
        sites=plan_sites(rng, terrain, taken, start, end, wanted),
        look_alikes=tuple(plan_look_alikes(rng, terrain, taken, start, end, look_alikes)),
    )


def plan_sites(
    rng: np.random.Generator,
    terrain: Terrain,
    taken: Bools,
    start: date,
    end: date,
    wanted: int,
    room_px: int = ROOM_PX,
) -> tuple[SitePlan, ...]:
    """Plan up to `wanted` sites with nothing within `room_px` of their centres; their ground is added to `taken`."""
    sites = []
    for _ in range(wanted):
        site = plan_site(rng, terrain, taken, start, end, room_px)
        if site is not None:
            taken |= site.footprint
            sites.append(site)
    return tuple(sites)


def render(world: World, day: date, rng_seed: int, cloud: float | None = None) -> Rendering:
    """Render the world on a day; `cloud` is the cloud fraction, or None for one drawn by month."""
    rng = np.random.default_rng([world.seed, rng_seed, day.toordinal()])
    works = works_on(world.sites, day, world.size_px, world.seed, world.breadth, world.land.tone)
    ground = works.layer.over(_ground_on(world, day))
    atmosphere = make_atmosphere(rng, world.size_px, day, world.latitude, cloud)
    seen = top_of_atmosphere(ground * light(world.terrain, day, world.latitude, world.shading), atmosphere)
    seen = imaged(seen, make_optics(rng, len(BANDS)), rng)
    return Rendering(
        reflectance=seen,
        scl=simulated_scl(seen, atmosphere, rng),
        pond_fraction=works.pond_fraction,
        ground=works.ground,
        clear=truly_clear(atmosphere),
    )


def works_on(sites: tuple[SitePlan, ...], day: date, size: int, seed: int, breadth: float, tone: Floats) -> Works:
    """The sites of a world on a day; `seed` determines colours, `tone` (y, x) gives the soil its texture."""
    layer = empty_layer(len(BANDS), size)
    ground, ponds = np.zeros((size, size), bool), np.zeros((size, size), np.float32)
    for number, site in enumerate(sites):
        mine, since = site.ground_on(day), (day - site.ground_from).days
        cleared = site.footprint & (site.cleared_day <= since)
        if since < 0 or not cleared.any():
            continue
        rng = np.random.default_rng([seed, number])
        soil = colour_of(site.soil, rng, breadth)[:, None, None]
        textured = soil * (1 + rng.uniform(0.0, 0.12) * tone)
        layer.wash(site.track, textured * np.float32(rng.uniform(0.9, 1.1)))
        layer.wash(site.bare_on(day) * cleared, textured)
        if site.pad_soil != site.soil:
            levelled = colour_of(site.pad_soil, rng, breadth)[:, None, None]
            layer.wash(site.bare_on(day) * (cleared & site.pad), levelled * (1 + 0.05 * tone))
        _paint_camp(layer, site, day, rng, breadth)
        _paint_ponds(layer, ponds, site, day, rng, breadth)
        ground |= mine
    ground |= ponds > 0
    return Works(layer=layer, pond_fraction=ponds, ground=ground)


def _paint_camp(layer: Layer, site: SitePlan, day: date, rng: np.random.Generator, breadth: float) -> None:
    used = site.ended_on is None or day < site.ended_on
    for shed in site.sheds:
        colour = colour_of(shed.cover, rng, breadth)
        if used:
            layer.paint(shed.patch, colour)


def _paint_ponds(
    layer: Layer, ponds: Floats, site: SitePlan, day: date, rng: np.random.Generator, breadth: float
) -> None:
    """Paint each pond in its own shade; ponds with the same fill have similar shades."""
    size = len(ponds)
    rim = colour_of(site.rim, rng, breadth)
    colour = odd_colour if site.odd else colour_of
    usual = {kind: colour(kind, rng, breadth) for kind in sorted({k for p in site.ponds for k in (p.cover, p.later)})}
    alike = rng.uniform(0.3, 1.0)
    alive = set(site.ponds_on(day))
    for pond in site.ponds:
        own = {kind: usual[kind] if site.odd else colour_of(kind, rng, breadth) for kind in usual}
        if pond not in alive:
            continue
        kind = pond.later if day >= pond.later_on else pond.cover
        patch = pond.patch(size)
        layer.paint(pond.patch(size, site.rim_m), rim)
        layer.paint(patch, np.float32(alike) * usual[kind] + np.float32(1 - alike) * own[kind])
        here = ponds[patch.rows, patch.cols]
        ponds[patch.rows, patch.cols] = np.minimum(1, here + patch.share)


def _ground_on(world: World, day: date) -> Floats:
    """Reflectance of everything but the sites without terrain shading, (band, y, x)."""
    cover, dry = cover_on(world.land, day)
    tone = world.land.tone
    standing = [look_alike for look_alike in world.look_alikes if look_alike.begun_on <= day]
    if standing:
        tone = tone.copy()
    for look_alike in standing:
        here = look_alike.cover != NO_COVER
        cover[look_alike.rows, look_alike.cols][here] = look_alike.cover[here]
        tone[look_alike.rows, look_alike.cols][here] += look_alike.tone
    ground = world.palette.painted(cover, tone, world.land.tint)
    if dry.any():
        leafless = world.palette.painted(np.full_like(cover, Cover.DRY_FOREST), tone, world.land.tint)
        ground += dry * (leafless - ground)
    ground += world.land.blend * (gaussian_filter(ground, (0, 0.9, 0.9)) - ground)
    rng = np.random.default_rng([world.seed, 17])
    layer = Layer(ground, np.ones_like(dry))
    for roof in world.land.roofs:
        layer.paint(roof.patch, colour_of(roof.cover, rng, world.breadth))
    for look_alike in world.look_alikes:
        for part in look_alike.parts:
            colour = colour_of(part.cover, rng, world.breadth)
            if look_alike.begun_on <= day:
                layer.paint(part.patch, colour)
    return layer.colour
