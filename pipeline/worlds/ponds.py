"""Leach-pond sites: a cleared slope above rows of round ponds, with a life.

Numbers marked (A) are assumptions, since no measured ones were found: pond diameter 10 to 25 m, gaps 2 to
6 m, one to three rows, 2 to 30 ha of disturbed ground. The count per site (mean about 9, new sites 12 to 20)
and the time from clearing to ponds (under 12 to 22 months) follow published reports.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from pipeline.raster import Bools, Floats
from pipeline.worlds.spectra import PONDS, Cover
from pipeline.worlds.terrain import Terrain

FINE = 10
"""Sub-pixels per pixel side when the share of a pond in a pixel is counted."""


@dataclass(frozen=True, slots=True)
class Pond:
    """One round pond."""

    row: float
    """Centre, pixels from the world's corner (pixel edges, not centres)."""
    col: float
    """Centre."""
    diameter_m: float
    """Metres."""
    built_on: date
    """First day it is there."""
    cover: Cover
    """What fills or covers it at first."""
    later: Cover
    """What fills or covers it later."""
    later_on: date
    """When that changes."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SitePlan:
    """One site's whole life."""

    ground_from: date
    """Day its clearing begins."""
    ponds_from: date | None
    """Day its first pond is there; None = never in this world's time."""
    ended_on: date | None
    """Day it is given up; the ponds are drained then."""
    ponds: tuple[Pond, ...]
    """All ponds it will have."""
    footprint: Bools
    """Ground it will have disturbed at the end, shape (y, x)."""
    cleared_day: Floats
    """Days after `ground_from` on which each pixel is cleared, shape (y, x)."""
    bare: Floats
    """Share of bare soil in each cleared pixel, 0 to 1, shape (y, x)."""
    soil: Cover
    """Its soil."""

    def ground_on(self, day: date) -> Bools:
        """Disturbed ground on a day, shape (y, x)."""
        since = (day - self.ground_from).days
        cleared: Bools = self.footprint & (self.cleared_day <= since) & (since >= 0)
        return cleared

    def ponds_on(self, day: date) -> list[Pond]:
        """Ponds on a day."""
        if self.ended_on is not None and day >= self.ended_on:
            return []
        return [pond for pond in self.ponds if pond.built_on <= day]

    def bare_on(self, day: date) -> Floats:
        """Share of bare soil on a day: less after the end, as grass comes back within about two years."""
        if self.ended_on is None or day < self.ended_on:
            return self.bare
        return self.bare * np.float32(max(0.1, 1 - (day - self.ended_on).days / 700))


def plan_site(rng: np.random.Generator, terrain: Terrain, taken: Bools, start: date, end: date) -> SitePlan | None:
    """A site on a slope that nothing else has taken, or None when no place is found."""
    size = len(terrain.height_m)
    place = _place(rng, terrain, taken)
    if place is None:
        return None
    row, col = place
    down, right = np.gradient(gaussian_filter(terrain.height_m, 4))
    downhill = np.arctan2(-down[row, col], -right[row, col])  # angle of (col, row) towards the valley
    ground_from, ponds_from, ended_on = _dates(rng, start, end)
    count = int(np.clip(rng.gamma(4.0, 2.6), 3, 26))
    diameter = float(np.clip(rng.normal(15.5, 3.8), 10, 26))
    centres = _rows(rng, row, col, downhill, count, diameter, size)
    if len(centres) < 3:
        return None
    ponds = _ponds(rng, centres, diameter, ponds_from, end)
    pad = np.zeros((size, size), bool)
    pad[centres[:, 0].astype(int), centres[:, 1].astype(int)] = True
    pad = binary_dilation(pad, np.ones((3, 3)), iterations=int(rng.integers(2, 4)))
    slope = _clearing(rng, row, col, downhill, size)
    footprint = pad | slope
    y, x = np.mgrid[0:size, 0:size]
    spread = np.hypot(y - row, x - col)
    spread = spread / max(1.0, float(spread[footprint].max()))
    patchy = gaussian_filter(rng.standard_normal((size, size)), 1.2) * 4
    steps = np.sin(terrain.height_m / rng.uniform(1.5, 4)) * rng.uniform(0, 0.25)  # benches along the contour
    left = rng.uniform(0.55, 0.95)
    bare = np.where(pad, 0.95, np.clip(left + 0.18 * patchy + steps, 0.05, 1))
    return SitePlan(
        ground_from=ground_from,
        ponds_from=ponds_from,
        ended_on=ended_on,
        ponds=ponds if ponds_from else (),
        footprint=footprint,
        cleared_day=(spread * rng.uniform(15, 90)).astype(np.float32),
        bare=bare.astype(np.float32),
        soil=Cover(rng.choice([Cover.SOIL_RED, Cover.SOIL_PALE, Cover.SOIL_BROWN], p=[0.55, 0.25, 0.2])),
    )


def pond_shares(ponds: list[Pond], size: int) -> list[tuple[slice, slice, Floats]]:
    """For each pond the window it touches and the share of each pixel there that it covers, 0 to 1."""
    shares = []
    for pond in ponds:
        radius = pond.diameter_m / 20  # pixels
        top, left = int(np.floor(pond.row - radius)), int(np.floor(pond.col - radius))
        side = int(np.ceil(2 * radius)) + 1
        fine = (np.arange(side * FINE) + 0.5) / FINE
        beyond = np.hypot(top + fine[:, None] - pond.row, left + fine[None, :] - pond.col) - radius
        covered = np.clip(0.5 - beyond * FINE, 0, 1)  # a sub-pixel on the rim is covered in part
        share = covered.reshape(side, FINE, side, FINE).mean(axis=(1, 3)).astype(np.float32)
        rows, cols = slice(max(0, top), min(size, top + side)), slice(max(0, left), min(size, left + side))
        cut = share[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
        shares.append((rows, cols, cut))
    return shares


def _place(rng: np.random.Generator, terrain: Terrain, taken: Bools) -> tuple[int, int] | None:
    size = len(taken)
    for _ in range(60):
        row, col = rng.integers(45, size - 45, 2)
        near = taken[max(0, row - 42) : row + 42, max(0, col - 42) : col + 42]
        if 0.04 < terrain.slope[row, col] < 0.7 and terrain.river_px[row, col] > 12 and not near.any():
            return int(row), int(col)
    return None


def _dates(rng: np.random.Generator, start: date, end: date) -> tuple[date, date | None, date | None]:
    span = (end - start).days
    ponds_from = start + timedelta(days=int(rng.uniform(-0.5 * span, 0.95 * span)))
    ground_from = ponds_from - timedelta(days=int(rng.uniform(60, 600)))
    if rng.random() < 0.08:
        return start + timedelta(days=int(rng.uniform(0, span))), None, None
    ended = ponds_from + timedelta(days=int(rng.uniform(300, 1500)))
    return ground_from, ponds_from, ended if ended < end and rng.random() < 0.6 else None


def _rows(
    rng: np.random.Generator, row: int, col: int, downhill: float, count: int, diameter_m: float, size: int
) -> Floats:
    """Centres (row, col) of ponds in one to three rows along the contour, below the clearing."""
    rows = int(rng.choice([1, 2, 3], p=[0.35, 0.45, 0.2]))
    pitch = (diameter_m + rng.uniform(2, 6)) / 10
    per_row = int(np.ceil(count / rows))
    bend, wobble = rng.normal(0, 0.008), rng.uniform(0, 0.06)
    index = np.arange(count)
    along = (index % per_row - (per_row - 1) / 2 + 0.5 * ((index // per_row) % 2) * rng.integers(0, 2)) * pitch
    below = (index // per_row) * pitch + bend * along**2 + rng.normal(0, wobble, count)
    dx, dy = np.cos(downhill), np.sin(downhill)
    centres = np.stack([row + below * dy + along * dx, col + below * dx - along * dy], axis=1)
    inside = (centres > 4).all(axis=1) & (centres < size - 5).all(axis=1)
    return np.asarray(centres[inside], np.float32)


def _ponds(
    rng: np.random.Generator, centres: Floats, diameter_m: float, ponds_from: date | None, end: date
) -> tuple[Pond, ...]:
    if ponds_from is None:
        return ()
    batches = int(rng.integers(1, 4))
    lags = [0, *np.cumsum(rng.integers(30, 240, batches - 1)).tolist()]
    kinds, weights = [kind for kind, _ in PONDS], [weight for _, weight in PONDS]
    usual = int(rng.choice(len(kinds), p=weights))
    changed_on = ponds_from + timedelta(days=int(rng.uniform(60, 900)))
    later = int(rng.choice(len(kinds), p=weights))
    ponds = []
    for number, (row, col) in enumerate(centres):
        lag = lags[min(batches - 1, number * batches // len(centres))]
        kind = kinds[usual if rng.random() < 0.75 else int(rng.choice(len(kinds), p=weights))]
        built = ponds_from + timedelta(days=int(lag))
        size_m = diameter_m * rng.normal(1, 0.03)
        ponds.append(Pond(float(row), float(col), float(size_m), built, kind, kinds[later], changed_on))
    return tuple(ponds)


def _clearing(rng: np.random.Generator, row: int, col: int, downhill: float, size: int) -> Bools:
    """The cleared slope above the ponds: an uneven blob, uphill of them."""
    area_px = rng.uniform(1.5, 22) * 100
    stretch = rng.uniform(1.0, 1.9)
    radius = np.sqrt(area_px / np.pi)
    centre_row, centre_col = row - np.sin(downhill) * radius * 0.8, col - np.cos(downhill) * radius * 0.8
    y, x = np.mgrid[0:size, 0:size]
    turn = rng.uniform(0, np.pi)
    dy, dx = y - centre_row, x - centre_col
    u, v = dx * np.cos(turn) + dy * np.sin(turn), -dx * np.sin(turn) + dy * np.cos(turn)
    angle = np.arctan2(dy, dx)
    rim = 1 + sum(rng.normal(0, 0.28 / k) * np.sin(k * angle + rng.uniform(0, 7)) for k in range(1, 7))
    clearing: Bools = np.hypot(u / stretch, v * stretch) < radius * np.clip(rim, 0.25, 1.9)
    return clearing
