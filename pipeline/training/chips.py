"""Chips: squares of simulated looks with their truth, streamed from worlds that are made on demand.

A unit is one world rendered on a few days, or real ground with painted sites, cut into chips. Unit k of a seed is
always the same, so a stream can be resumed anywhere and does not depend on the number of worker processes.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, zoom

from pipeline.raster import Bools, Bytes, Floats
from pipeline.training.backgrounds import painted, read_backgrounds
from pipeline.worlds.look_alikes import LookAlike
from pipeline.worlds.parameters import parameters
from pipeline.worlds.world import Rendering, World, make_world, render

STYLES = ("kachin", "shan")
"""Styles of the region, used in turn; models are scored on them."""
TRAINING_STYLES = ("kachin", "shan", "kachin", "shan", "plain", "kachin", "shan", "dry")
"""Styles of training, used in turn."""
FIRST_SEED = 100_000_000
"""First world seed of training; each training seed has a million."""
START = date(2023, 1, 1)
END = date(2025, 12, 31)
NO_DATA_SHARE = 0.15
"""Share of chips that are partly without data, as at the edge of a swath."""
RESAMPLED_SHARE = 0.4
"""Share of chips that are resampled, like imagery in another CRS or pixel size."""
NOISY_SHARE = 0.25
"""Share of chips with noise beyond that of the instrument, as left by compression and resampling."""
MAX_NOISE_STD = 0.008
"""Largest standard deviation of that noise, reflectance."""
NO_PATH_RADIANCE_SHARE = 0.7
"""Share of chips without added path radiance; the others resemble top-of-atmosphere data."""
PATH_COLOUR = np.array([0.085, 0.05, 0.028, 0.012, 0.002, 0.001], np.float32)
"""Largest path radiance added to a chip, reflectance by band: that of a clear sky."""
SITE, ANYWHERE, SITE_LIKE = "site", "anywhere", "like one"
"""What chips are cut around besides look-alikes: a site, a random place, bare or water-like pixels."""


@dataclass(frozen=True, slots=True)
class ChipSettings:
    """How chips are made from worlds."""

    chip_px: int = 128
    """Side of a chip, pixels; a multiple of 16."""
    world_px: int = 320
    """Side of a world, pixels."""
    sites: int = 5
    """Sites per world, at most."""
    look_alikes: float = 5.0
    """Factor on the number of look-alikes in nature: each kind must occur often enough to be learned."""
    breadth: float = 1.5
    """Largest `World.breadth`: how far colours may go beyond the ranges of `configs/worlds.toml`."""
    backgrounds: str = ""
    """Folder of real scenes without sites; empty: none."""
    real: float = 0.35
    """Share of units made from real ground, if there is any."""
    days: int = 4
    """Looks per world."""
    chips: int = 8
    """Chips per look."""
    styles: tuple[str, ...] = TRAINING_STYLES
    """Styles of the worlds, in turn."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Chips:
    """Chips with their truth."""

    reflectance: NDArray[np.float16]
    """Unitless, shape (n, band, y, x); float16 (3 digits) to save memory."""
    pond_percent: Bytes
    """Share of the pixel covered by pond, shape (n, y, x), 0 to 100."""
    ground: Bools
    """Mine ground of a site, shape (n, y, x)."""
    clear: Bools
    """Clear ground, where the truth counts, shape (n, y, x)."""
    kind: Bytes
    """What each chip was cut around, as an index into `chip_kinds`, shape (n,)."""

    def __len__(self) -> int:
        """Number of chips."""
        return len(self.clear)


@lru_cache(maxsize=1)
def chip_kinds() -> tuple[str, ...]:
    """What chips can be cut around; the kind of a chip is an index into this tuple."""
    return (SITE, ANYWHERE, SITE_LIKE, *parameters().look_alikes)


def make_unit(seed: int, index: int, settings: ChipSettings) -> Chips:
    """Make unit `index` of a training seed."""
    rng = np.random.default_rng([seed, index])
    if settings.backgrounds and rng.random() < settings.real:
        return concatenated(list(_real_looks(rng, settings)))
    shown = settings.styles[index % len(settings.styles)]
    breadth = float(rng.uniform(0.7, settings.breadth))
    number = FIRST_SEED + 1_000_000 * seed + index
    world = world_of(number, settings.world_px, settings.sites, shown, settings.look_alikes, breadth)
    parts = []
    for day in _days(rng, settings.days):
        # About half of the looks are cloud-free; labels under the clouds of the others do not count.
        cloud = 0.0 if rng.random() < 0.55 else float(rng.uniform(0, 0.45))
        look = render(world, day, int(rng.integers(2**31)), cloud)
        standing = [look_alike for look_alike in world.look_alikes if look_alike.begun_on <= day]
        parts.append(_cut(look, _corners(standing, look, rng, settings), settings.chip_px, rng))
    return concatenated(parts)


def _real_looks(rng: np.random.Generator, settings: ChipSettings) -> Iterator[Chips]:
    scenes = read_backgrounds(Path(settings.backgrounds))
    sizes = np.array([scene.clear.sum() for scene in scenes], float)
    for _ in range(settings.days):
        scene = scenes[int(rng.choice(len(scenes), p=sizes / sizes.sum()))]
        look, _, _ = painted(scene, rng, settings.world_px, settings.sites, START, END)
        yield _cut(look, _corners([], look, rng, settings), settings.chip_px, rng)


def world_of(
    seed: int, size_px: int, max_sites: int, style: str = "", look_alikes: float = 1.0, breadth: float = 1.0
) -> World:
    """Make the world of a seed, without `style` in one of `STYLES`; a fifth of the worlds have no site."""
    rng = np.random.default_rng([seed, 1])
    n_sites = 0 if rng.random() < 0.2 else int(rng.integers(1, max_sites + 1))
    style = style or STYLES[seed % len(STYLES)]
    return make_world(seed, size_px, style, START, END, n_sites, look_alikes=look_alikes, breadth=breadth)


def concatenated(parts: list[Chips]) -> Chips:
    """All chips of `parts`, in order."""
    return Chips(
        reflectance=np.concatenate([part.reflectance for part in parts]),
        pond_percent=np.concatenate([part.pond_percent for part in parts]),
        ground=np.concatenate([part.ground for part in parts]),
        clear=np.concatenate([part.clear for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
    )


def pooled(units: list[Chips], first: int) -> Chips:
    """The pool of units from `first` on, each at the position given by its index."""
    turn = len(units) - first % len(units)
    return concatenated(units[turn:] + units[:turn])


def replace_unit(pool: Chips, index: int, unit: Chips) -> None:
    """Replace unit `index`, the oldest of the pool, by `unit`."""
    places = len(pool) // len(unit)
    at = slice(index % places * len(unit), (index % places + 1) * len(unit))
    pool.reflectance[at] = unit.reflectance
    pool.pond_percent[at] = unit.pond_percent
    pool.ground[at] = unit.ground
    pool.clear[at] = unit.clear
    pool.kind[at] = unit.kind


def stream(seed: int, settings: ChipSettings, first: int, end: int, workers: int) -> Iterator[Chips]:
    """Units `first` to `end` - 1 in order, made by `workers` processes (0: by the calling process)."""
    if workers == 0:
        yield from (make_unit(seed, index, settings) for index in range(first, end))
        return
    ahead: deque[Future[Chips]] = deque()
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        index = first
        try:
            while index < end or ahead:
                while index < end and len(ahead) < 3 * workers:
                    ahead.append(pool.submit(make_unit, seed, index, settings))
                    index += 1
                yield ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _days(rng: np.random.Generator, count: int) -> list[date]:
    """Random days of the worlds' period, later days more often because there is then more to see."""
    span = (END - START).days
    return [START + timedelta(days=int(span * u**0.5)) for u in rng.random(count)]


@dataclass(frozen=True, slots=True)
class _Corner:
    """Position of a chip in its look."""

    row: int
    """First row."""
    col: int
    """First column."""
    kind: int
    """What the chip is cut around, an index into `chip_kinds`."""


def _corners(
    standing: list[LookAlike], look: Rendering, rng: np.random.Generator, settings: ChipSettings
) -> list[_Corner]:
    """Positions of chips: half on sites, a quarter on what resembles a site, the rest anywhere.

    The second are look-alikes of the world, each kind present being equally likely, or, half the time and where there
    is none, water-like or bare pixels of the image that belong to no site.
    """
    _, green, red, nir, _, _ = look.reflectance
    site = look.ground | (look.pond_fraction > 0)
    bare = (nir - red < 0.25 * (nir + red)) | (green > nir)
    alike = np.argwhere(bare & ~site & look.clear)
    sites = np.argwhere(site & look.clear)
    ponds = np.argwhere((look.pond_fraction > 0) & look.clear)
    chip, last = settings.chip_px, look.clear.shape[0] - settings.chip_px
    corners = []
    for index in range(settings.chips):
        wanted, kind = ((ponds, 0), (sites, 0), (alike, 2), (alike[:0], 1))[index % 4]
        if kind == 2 and standing and rng.random() < 0.5:
            kinds = sorted({look_alike.kind for look_alike in standing})
            chosen = kinds[rng.integers(len(kinds))]
            among = [look_alike for look_alike in standing if look_alike.kind == chosen]
            look_alike = among[rng.integers(len(among))]
            wanted, kind = (
                np.argwhere(look_alike.mask) + np.array([look_alike.rows.start, look_alike.cols.start]),
                chip_kinds().index(chosen),
            )
        if len(wanted):
            centre = wanted[rng.integers(len(wanted))]
            row, col = np.clip(centre - chip // 2 + rng.integers(-chip // 3, chip // 3 + 1, 2), 0, last)
        else:
            kind = 1
            row, col = rng.integers(0, last + 1, 2)
        corners.append(_Corner(int(row), int(col), kind))
    return corners


def _cut(look: Rendering, corners: list[_Corner], chip_px: int, rng: np.random.Generator) -> Chips:
    """Cut the chips of a look and resample some of them."""
    planes = np.concatenate([look.reflectance, [look.pond_fraction, look.ground, look.clear]]).astype(np.float32)
    cuts = [planes[:, at.row : at.row + chip_px, at.col : at.col + chip_px] for at in corners]
    chips = np.stack([_resampled(cut, rng) if rng.random() < RESAMPLED_SHARE else cut for cut in cuts])
    return Chips(
        reflectance=chips[:, :-3].astype(np.float16),
        pond_percent=np.rint(100 * chips[:, -3].clip(0, 1)).astype(np.uint8),
        ground=chips[:, -2] > 0.5,
        clear=chips[:, -1] > 0.99,
        kind=np.array([at.kind for at in corners], np.uint8),
    )


def _resampled(planes: Floats, rng: np.random.Generator) -> Floats:
    """Resample planes (n, y, x): shifted, slightly enlarged or reduced, and slightly rotated.

    Pixels from outside the chip do not count as clear.
    """
    scale, turn = rng.uniform(0.9, 1.1), rng.normal(0, 0.05)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array(planes.shape[1:]) / 2
    offset = middle - matrix @ middle + rng.uniform(-0.5, 0.5, 2)
    out = np.stack([affine_transform(p, matrix, offset, order=1, mode="reflect", prefilter=False) for p in planes])
    inside = affine_transform(np.ones(planes.shape[1:]), matrix, offset, order=1, mode="constant", prefilter=False)
    out[-1] *= inside > 0.99
    return np.asarray(out, np.float32)


def augmented(
    chips: Chips, chosen: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats]:
    """Chosen chips, randomly rotated and mirrored, and with a changed atmosphere.

    Returns reflectance (n, band, y, x), NaN where there is no data, and, each (n, y, x), pond fraction 0 to 1, ground
    0 or 1, and clear 0 or 1.
    """
    x = chips.reflectance[chosen].astype(np.float32)
    planes = [chips.pond_percent[chosen] / np.float32(100), chips.ground[chosen], chips.clear[chosen]]
    truth = np.stack([plane.astype(np.float32) for plane in planes], axis=1)
    for index in range(len(chosen)):
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        x[index] = _turned(x[index], turns, mirror)
        truth[index] = _turned(truth[index], turns, mirror)
        x[index] = _other_atmosphere(x[index], rng)
        if rng.random() < NO_DATA_SHARE:
            blank = _beyond_edge(x.shape[2], rng)
            x[index, :, blank] = np.nan
            truth[index, 2, blank] = 0
    return x, truth[:, 0], truth[:, 1], truth[:, 2]


def _beyond_edge(size: int, rng: np.random.Generator) -> Bools:
    """Mask (y, x) of one side of a straight line through the central half of a square."""
    rows, cols = np.mgrid[:size, :size] / size - rng.uniform(0.25, 0.75, (2, 1, 1))
    angle = rng.uniform(0, 2 * np.pi)
    return np.asarray(rows * np.cos(angle) + cols * np.sin(angle) > 0)


def _turned(planes: Floats, turns: int, mirror: bool) -> Floats:
    """`planes` (n, y, x) rotated by `turns` quarter turns, then mirrored if `mirror`."""
    planes = np.rot90(planes, turns, axes=(1, 2))
    return planes[:, :, ::-1] if mirror else planes


def _other_atmosphere(reflectance: Floats, rng: np.random.Generator) -> Floats:
    """Change gains and offsets and, for some chips, add noise, path radiance or haze stronger in blue; (band, y, x)."""
    bands = len(reflectance)
    gain = rng.uniform(0.9, 1.1) * rng.uniform(0.95, 1.05, bands)
    offset = rng.normal(0, 0.004, bands)
    out = reflectance * gain[:, None, None].astype(np.float32) + offset[:, None, None].astype(np.float32)
    if rng.random() < 0.33:
        coarse = gaussian_filter(rng.random((8, 8)), 1)
        thick = zoom(coarse, reflectance.shape[1] / 8, order=1).astype(np.float32) * rng.uniform(0, 0.3)
        colour = np.array([1.0, 0.8, 0.65, 0.45, 0.15, 0.08], np.float32)[:, None, None]
        out += thick * colour * (np.float32(0.5) - out)
    if rng.random() < NOISY_SHARE:
        out += rng.standard_normal(out.shape, np.float32) * np.float32(rng.uniform(0, MAX_NOISE_STD))
    if rng.random() > NO_PATH_RADIANCE_SHARE:
        out += (PATH_COLOUR * np.float32(rng.uniform(0.3, 1.0)))[:, None, None]
    return out
