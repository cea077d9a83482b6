"""Leach-pond sites: a cleared slope above rows of round ponds, with a history; numbers from `configs/worlds.toml`."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import shapely
from scipy.ndimage import binary_dilation, gaussian_filter, maximum_filter
from shapely.geometry import MultiPoint

from pipeline.grid import PIXEL_M
from pipeline.raster import Bools, Floats
from pipeline.worlds.parameters import SiteParameters, parameters
from pipeline.worlds.shapes import Patch, box, disc
from pipeline.worlds.spectra import SOILS, Cover, pond_colours
from pipeline.worlds.terrain import Terrain

LAYOUTS = ("rows", "block", "ring", "loose")
"""Layouts of ponds: rows along the contour, a packed block, arcs around a centre, or scattered on a bench."""
REGROWTH_DAYS = 700
"""Days from the end of a site until it is covered by grass."""
OVERGROWN = 0.35
"""Mine ground counts as overgrown when less than this share of its bare soil is left."""
ROOM_PX = 42
"""Free distance around the centre of a site, pixels in rows and columns: the reach of large sites."""
EDGE_PX = 5
"""Least distance of a pond from the edge of its world, pixels."""


@dataclass(frozen=True, slots=True)
class Pond:
    """One pond: round, or square if it is a head tank."""

    row: float
    """Row of the centre, pixels from the world's corner (pixel edges, not centres)."""
    col: float
    """Column of the centre, likewise."""
    diameter_m: float
    """Diameter, or side of a head tank, metres."""
    built_on: date
    """First day on which it exists."""
    cover: Cover
    """Its fill or covering at first."""
    later: Cover
    """Its fill or covering later."""
    later_on: date
    """Day of that change."""
    square: bool = False
    """True: a head tank on the hill."""

    @property
    def area_m2(self) -> float:
        """Area, m²."""
        return self.diameter_m**2 * (1.0 if self.square else np.pi / 4)

    def patch(self, size: int, grown_m: float = 0.0) -> Patch:
        """Area it covers, including a rim of `grown_m` metres."""
        radius = (self.diameter_m / 2 + grown_m) / PIXEL_M
        if self.square:
            return box(self.row, self.col, radius, radius, self.row, size)
        return disc(self.row, self.col, radius, size)


@dataclass(frozen=True, eq=False, slots=True)
class Shed:
    """A building of the camp."""

    patch: Patch
    """Area it covers."""
    cover: Cover
    """Cover of its roof."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SitePlan:
    """The whole history of one site."""

    ground_from: date
    """Day on which clearing begins."""
    ponds_from: date | None
    """First day with a pond; None = never within the world's period."""
    ended_on: date | None
    """Day on which it ends and its ponds are drained."""
    idle: tuple[date, date] | None
    """First day without ponds, and first day with them again; None = never idle."""
    ponds: tuple[Pond, ...]
    """All ponds it will ever have, head tanks last."""
    footprint: Bools
    """All ground it will have disturbed by its end, shape (y, x)."""
    cleared_day: Floats
    """Days from `ground_from` to the clearing of each pixel, shape (y, x)."""
    bare: Floats
    """Share of bare soil in each cleared pixel, 0 to 1, shape (y, x)."""
    pad: Bools
    """Ground levelled for ponds, shape (y, x)."""
    soil: Cover
    """Soil of the site."""
    pad_soil: Cover
    """Soil of the pads; often the same."""
    rim: Cover
    """Cover of the pond rims."""
    rim_m: float
    """Width of the rims, metres."""
    sheds: tuple[Shed, ...]
    """Buildings of its camp."""
    track: Floats
    """Share of each pixel covered by access track, 0 to 1, shape (y, x)."""
    odd: bool
    """True: its ponds have a colour between those named, see `odd_share` in `configs/worlds.toml`."""

    def ground_on(self, day: date) -> Bools:
        """Mine ground on a day, shape (y, x); empty when it is mostly overgrown."""
        since = (day - self.ground_from).days
        if self.bare_share_left(day) < OVERGROWN:
            return np.zeros_like(self.footprint)
        cleared: Bools = self.footprint & (self.cleared_day <= since) & (since >= 0)
        return cleared

    def ponds_on(self, day: date) -> list[Pond]:
        """Ponds that exist on a day."""
        if self.ended_on is not None and day >= self.ended_on:
            return []
        if self.idle is not None and self.idle[0] <= day < self.idle[1]:
            return []
        return [pond for pond in self.ponds if pond.built_on <= day]

    def last_day_with_ponds(self, last: date) -> date:
        """Last day up to `last` on which the site was neither ended nor idle."""
        day = last if self.ended_on is None else min(last, self.ended_on - timedelta(days=1))
        if self.idle is not None and self.idle[0] <= day < self.idle[1]:
            day = self.idle[0] - timedelta(days=1)
        return day

    @property
    def overgrown_on(self) -> date | None:
        """First day on which its ground counts as overgrown; None = never."""
        return (
            None if self.ended_on is None else self.ended_on + timedelta(days=int(REGROWTH_DAYS * (1 - OVERGROWN)) + 1)
        )

    def bare_on(self, day: date) -> Floats:
        """Share of bare soil on a day, shape (y, x)."""
        return self.bare * np.float32(self.bare_share_left(day))

    def bare_share_left(self, day: date) -> float:
        """Remaining share of the bare soil, 0 to 1: after the end, grass returns within about two years."""
        if self.ended_on is None or day < self.ended_on:
            return 1.0
        return max(0.1, 1 - (day - self.ended_on).days / REGROWTH_DAYS)


def plan_site(
    rng: np.random.Generator, terrain: Terrain, taken: Bools, start: date, end: date, room_px: int = ROOM_PX
) -> SitePlan | None:
    """Plan a site on a slope with nothing else within `room_px`; None when no place is found."""
    size = len(terrain.height_m)
    place = _place(rng, terrain, taken, room_px)
    if place is None:
        return None
    row, col = place
    numbers = parameters().site
    down, right = np.gradient(gaussian_filter(terrain.height_m, 4))
    downhill = float(np.arctan2(-down[row, col], -right[row, col]))  # direction (col, row) towards the valley
    ground_from, ponds_from, ended_on = _dates(rng, numbers, start, end)
    spots = _spots(rng, numbers, row, col, downhill, size)
    if len(spots) < 3:
        return None
    pad = _pad(rng, numbers, spots, size)
    slope = (
        _clearing(rng, numbers, row, col, downhill, size) if numbers.slope_share.happens(rng) else np.zeros_like(pad)
    )
    footprint = pad | slope
    soil = Cover(rng.choice(SOILS, p=[0.5, 0.28, 0.22]))
    return SitePlan(
        ground_from=ground_from,
        ponds_from=ponds_from,
        ended_on=ended_on,
        idle=_idle(rng, numbers, ponds_from),
        ponds=_ponds(rng, numbers, spots, slope, ponds_from) if ponds_from else (),
        footprint=footprint,
        cleared_day=_order_of_clearing(rng, footprint, row, col),
        bare=_bareness(rng, numbers, terrain, pad),
        pad=pad,
        soil=soil,
        pad_soil=soil if rng.random() < 0.6 else Cover(rng.choice(SOILS)),
        rim=Cover(rng.choice([Cover.POND_BLACK, Cover.SOIL_PALE, Cover.SOIL_BROWN, Cover.ROOF_GREY])),
        rim_m=float(rng.uniform(0, 1.5)),
        sheds=tuple(_camp(rng, numbers, footprint, row, col)) if numbers.camp_share.happens(rng) else (),
        track=_track(rng, size, row, col) if numbers.track_share.happens(rng) else np.zeros((size, size), np.float32),
        odd=numbers.odd_share.happens(rng),
    )


def _place(rng: np.random.Generator, terrain: Terrain, taken: Bools, room_px: int) -> tuple[int, int] | None:
    """Row and column of the centre of a site: on a hill, or on any free ground when no hill is free."""
    size = len(taken)
    margin = min(45, size // 2 - 2)
    free = maximum_filter(taken, 2 * room_px, mode="nearest") == 0
    inside = np.zeros_like(taken)
    inside[margin : size - margin, margin : size - margin] = True
    hill = (terrain.slope > 0.04) & (terrain.slope < 0.7) & (terrain.river_px > 12)
    for fits in (free & inside & hill, free & inside):
        places = np.flatnonzero(fits)
        if len(places):
            row, col = divmod(int(places[rng.integers(len(places))]), size)
            return row, col
    return None


def _dates(
    rng: np.random.Generator, numbers: SiteParameters, start: date, end: date
) -> tuple[date, date | None, date | None]:
    span = (end - start).days
    if rng.random() < 0.08:
        return start + timedelta(days=int(rng.uniform(0, span))), None, None
    ponds_from = start + timedelta(days=int(rng.uniform(-0.5 * span, 0.95 * span)))
    ground_from = ponds_from - timedelta(days=int(numbers.clearing_to_ponds_days.draw(rng)))
    ended = ponds_from + timedelta(days=int(numbers.life_days.draw(rng)))
    return ground_from, ponds_from, ended if ended < end and rng.random() < 0.6 else None


def _idle(rng: np.random.Generator, numbers: SiteParameters, ponds_from: date | None) -> tuple[date, date] | None:
    """Period in which the ponds are dry, for some sites."""
    rests, after, long = (
        rng.random() < numbers.idle_share.value,
        numbers.idle_after_days.draw(rng),
        numbers.idle_days.draw(rng),
    )
    if ponds_from is None or not rests:
        return None
    first = ponds_from + timedelta(days=int(after))
    return first, first + timedelta(days=int(long))


def _spots(rng: np.random.Generator, numbers: SiteParameters, row: int, col: int, downhill: float, size: int) -> Floats:
    """(row, col, diameter in metres) of each round pond, in one to three groups; no two ponds overlap."""
    left = round(numbers.ponds.draw(rng))
    usual = numbers.pond_diameter_m.draw(rng)
    groups = int(rng.choice([1, 2, 3], p=[0.6, 0.28, 0.12])) if left >= 8 else 1
    spots: list[tuple[float, float, float]] = []
    for number, count in enumerate(np.diff(np.linspace(0, left, groups + 1).round().astype(int))):
        diameter = usual if number == 0 or rng.random() < 0.6 else numbers.pond_diameter_m.draw(rng)
        away, angle = (0.0, 0.0) if number == 0 else (rng.uniform(6, 22), rng.uniform(0, 2 * np.pi))
        centre = (row + away * np.sin(angle), col + away * np.cos(angle))
        turn = downhill + rng.normal(0, 0.25)
        for place in _group(rng, numbers, centre, turn, int(count), diameter):
            own = diameter * max(0.5, rng.normal(1, rng.choice([0.02, 0.12])))
            inside = min(place) > EDGE_PX and max(place) < size - EDGE_PX
            apart = all(np.hypot(place[0] - r, place[1] - c) * PIXEL_M > (own + d) / 2 + 0.3 for r, c, d in spots)
            if inside and apart:
                spots.append((*place, own))
    return np.array(spots, np.float32).reshape(-1, 3)


def _group(
    rng: np.random.Generator,
    numbers: SiteParameters,
    centre: tuple[float, float],
    turn: float,
    count: int,
    diameter_m: float,
) -> list[tuple[float, float]]:
    """Centres (row, col) of the `count` ponds of a group; `turn` points downhill."""
    pitch = (diameter_m + numbers.gap_m.draw(rng)) / PIXEL_M
    layout = rng.choice(LAYOUTS, p=[0.55, 0.17, 0.16, 0.12])
    index = np.arange(count)
    if layout == "ring":
        ring = max(3, int(rng.integers(5, 13)))
        lap = index // ring
        radius = pitch * ring / (2 * np.pi) * rng.uniform(1, 1.3) + pitch * lap
        angle = index % ring * 2 * np.pi / ring + 0.3 * lap
        along, below = radius * np.cos(angle), radius * np.sin(angle)
    elif layout == "loose":
        wide = pitch * np.sqrt(count)
        along, below = rng.uniform(-wide, wide, count), rng.uniform(-wide, wide, count) * 0.6
    else:
        rows = int(rng.choice([1, 2, 3], p=[0.4, 0.42, 0.18])) if layout == "rows" else max(2, round(np.sqrt(count)))
        per_row = -(-count // rows)
        lap = index // per_row
        stagger = 0.5 * (lap % 2) * (rng.random() < 0.5)
        along = (index % per_row - (per_row - 1) / 2 + stagger) * pitch
        below = lap * pitch * rng.uniform(0.9, 1.5) + rng.normal(0, 0.01) * along**2
    wobble = rng.uniform(0, 0.12)
    along, below = along + rng.normal(0, wobble, count), below + rng.normal(0, wobble, count)
    rows_at = centre[0] + below * np.sin(turn) + along * np.cos(turn)
    cols_at = centre[1] + below * np.cos(turn) - along * np.sin(turn)
    return list(zip(rows_at.tolist(), cols_at.tolist(), strict=True))


def _ponds(
    rng: np.random.Generator, numbers: SiteParameters, spots: Floats, slope: Bools, ponds_from: date
) -> tuple[Pond, ...]:
    """Ponds at `spots`, built in one to three batches, and head tanks on the cleared slope."""
    batches = int(rng.integers(1, 4))
    lags = [0, *np.cumsum(rng.integers(30, 240, batches - 1)).tolist()]
    kinds, shares = pond_colours()
    usual, later = (Cover(rng.choice(kinds, p=shares)) for _ in range(2))
    changed_on = ponds_from + timedelta(days=int(rng.uniform(60, 900)))
    uniform = rng.choice([0.5, 0.8, 1.0])
    ponds = []
    for number, (row, col, diameter) in enumerate(spots):
        built = ponds_from + timedelta(days=int(lags[min(batches - 1, number * batches // len(spots))]))
        kind = usual if rng.random() < uniform else Cover(rng.choice(kinds, p=shares))
        ponds.append(Pond(float(row), float(col), float(diameter), built, kind, later, changed_on))
    hill = np.argwhere(slope)
    for _ in range(round(numbers.head_tanks.draw(rng)) if len(hill) else 0):
        row, col = hill[rng.integers(len(hill))]
        side = numbers.head_tank_m.draw(rng)
        ponds.append(Pond(float(row), float(col), side, ponds_from, usual, later, changed_on, square=True))
    return tuple(ponds)


def _pad(rng: np.random.Generator, numbers: SiteParameters, spots: Floats, size: int) -> Bools:
    """Ground levelled for the ponds: a pad around each, or one bench under all."""
    reach = int(rng.integers(1, 4))
    if numbers.bench_share.happens(rng):
        bench = MultiPoint(spots[:, :2].astype(float)).convex_hull.buffer(reach)
        rows, cols = np.mgrid[0:size, 0:size] + 0.5
        levelled: Bools = shapely.contains_xy(bench, rows, cols)
        return levelled
    pad = np.zeros((size, size), bool)
    pad[spots[:, 0].astype(int), spots[:, 1].astype(int)] = True
    pads: Bools = binary_dilation(pad, np.ones((3, 3)), iterations=reach)
    return pads


def _clearing(
    rng: np.random.Generator, numbers: SiteParameters, row: int, col: int, downhill: float, size: int
) -> Bools:
    """The cleared slope: one to four irregular lobes, the first uphill of the ponds or around them."""
    area_px = numbers.ground_ha.draw(rng) * 100
    lobes = int(rng.choice([1, 2, 3, 4], p=[0.4, 0.3, 0.2, 0.1]))
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    nearest = np.full((size, size), np.inf, np.float32)
    at = (float(row), float(col))
    shift = rng.uniform(0.0, 1.1)
    for lobe in range(lobes):
        radius = float(np.sqrt(area_px / lobes / np.pi)) * rng.uniform(0.7, 1.3)
        angle = downhill + np.pi + rng.normal(0, 0.35 if lobe == 0 else 1.1)
        step = radius * (shift if lobe == 0 else rng.uniform(0.8, 1.8))
        at = (at[0] + step * np.sin(angle), at[1] + step * np.cos(angle))
        stretch, turn = rng.uniform(1.0, 2.2), rng.uniform(0, np.pi)
        dy, dx = y - at[0], x - at[1]
        u, v = dx * np.cos(turn) + dy * np.sin(turn), -dx * np.sin(turn) + dy * np.cos(turn)
        nearest = np.minimum(nearest, np.hypot(u / stretch, v * stretch) / radius)
    coarse = gaussian_filter(rng.standard_normal((size, size)).astype(np.float32), 5) * 18
    fine = gaussian_filter(rng.standard_normal((size, size)).astype(np.float32), 1.5) * 5
    clearing: Bools = nearest + rng.uniform(0.1, 0.4) * coarse + rng.uniform(0, 0.15) * fine < 1
    return clearing & (nearest < 2.2)


def _order_of_clearing(rng: np.random.Generator, footprint: Bools, row: int, col: int) -> Floats:
    y, x = np.mgrid[0 : len(footprint), 0 : len(footprint)]
    away = np.hypot(y - row, x - col)
    days: Floats = (away / max(1.0, float(away[footprint].max())) * rng.uniform(15, 90)).astype(np.float32)
    return days


def _bareness(rng: np.random.Generator, numbers: SiteParameters, terrain: Terrain, pad: Bools) -> Floats:
    """Share of bare soil: uniform, or benches along the contour, holes and pipes amid vegetation; pads are bare."""
    if numbers.even_share.happens(rng):
        return np.full(pad.shape, rng.uniform(0.8, 1.0), np.float32)
    patchy = gaussian_filter(rng.standard_normal(pad.shape), rng.uniform(0.7, 2.5)) * 4
    steps = np.sin(terrain.height_m / rng.uniform(1.5, 5)) * rng.uniform(0, 0.3)
    bare = np.clip(rng.uniform(0.35, 0.97) + rng.uniform(0.05, 0.3) * patchy + steps, 0.03, 1)
    whole: Floats = np.where(pad, rng.uniform(0.8, 1.0), bare).astype(np.float32)
    return whole


def _camp(rng: np.random.Generator, numbers: SiteParameters, footprint: Bools, row: int, col: int) -> list[Shed]:
    size = len(footprint)
    ground = np.argwhere(binary_dilation(footprint, iterations=2))
    centre, turn = ground[rng.integers(len(ground))], rng.uniform(0, np.pi)
    kinds = [Cover.ROOF_BLUE, Cover.ROOF_GREY, Cover.TARPAULIN]
    usual = rng.dirichlet([2.0, 1.0, 0.6])
    sheds = []
    for _ in range(round(numbers.roofs.draw(rng))):
        y, x = centre + rng.normal(0, 3.5, 2)
        if min(y, x) > 2 and max(y, x) < size - 3 and np.hypot(y - row, x - col) > 2.5:
            half = rng.uniform(0.25, 0.6), rng.uniform(0.4, 1.6)
            sheds.append(Shed(box(y, x, *half, turn, size), Cover(rng.choice(kinds, p=usual))))
    return sheds


def _track(rng: np.random.Generator, size: int, row: int, col: int) -> Floats:
    """A winding access track that leads away from the site."""
    steps = 3 * size
    heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.07, steps))
    y, x = row + np.cumsum(np.sin(heading)) * 0.5, col + np.cumsum(np.cos(heading)) * 0.5
    keep = (y > 1) & (y < size - 2) & (x > 1) & (x < size - 2)
    end = int(np.argmin(keep)) if not keep.all() else steps
    share = np.zeros((size, size), np.float32)
    np.add.at(share, (y[:end].astype(int), x[:end].astype(int)), np.float32(rng.uniform(0.12, 0.35)))
    return np.minimum(share, 0.75)
