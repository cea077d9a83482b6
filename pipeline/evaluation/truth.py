"""The truth (sites and look-alikes of simulated worlds), and what a run reported of the same ground."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
from rasterio.features import shapes
from scipy.ndimage import binary_closing
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from pipeline.errors import InputError, describe
from pipeline.grid import PIXEL_M, Window
from pipeline.looks.stack import Stack
from pipeline.raster import Bools
from pipeline.sites.names import Interval
from pipeline.sites.states import SiteState
from pipeline.worlds.ponds import SitePlan
from pipeline.worlds.world import World

Feature = TypeVar("Feature")
MIN_SHARE_SEEN = 0.6
"""A look is clear for a site when it saw at least this share of the site's ground."""


@dataclass(frozen=True, slots=True)
class TrueSite:
    """One true site, its ponds counted on the last day (or the day before it was abandoned)."""

    polygon: BaseGeometry
    """Its ground at the end, in the case's CRS."""
    ground_from: date
    """Day its clearing began."""
    ponds_from: date | None
    """Day its first ponds were there; None = never."""
    ended_on: date | None
    """Day it was abandoned; None = never."""
    n_ponds: int
    """Number of round ponds."""
    pond_diameter_m: float
    """Their mean diameter, metres; 0 without ponds."""
    pond_area_m2: float
    """Area of all ponds, square metres."""
    idle: tuple[date, date] | None = None
    """First day without ponds, and first day with them again; None = never idle, or not known."""
    overgrown_on: date | None = None
    """First day on which its ground counts as overgrown; None = never, or not known."""
    filling: str = ""
    """What most of its round ponds are filled or covered with, as in `configs/worlds.toml`; empty = not known."""
    pond_looks: int | None = None
    """Number of clear looks at it while it had ponds; None = not known."""
    pond_days: tuple[date, ...] = ()
    """Days of those looks, ascending; empty = none or not known."""
    clear_share: float | None = None
    """Share of the looks at it while it had ponds that were clear, 0 to 1; 0 without a look, None = not known."""

    def state_on(self, day: date) -> SiteState:
        """Its state on a day."""
        if day < self.ground_from:
            return SiteState.NONE
        if self.overgrown_on is not None and day >= self.overgrown_on:
            return SiteState.OVERGROWN
        if self.ponds_from is None or day < self.ponds_from:
            return SiteState.CLEARED
        if self.ended_on is not None and day >= self.ended_on:
            return SiteState.IDLE
        if self.idle is not None and day >= self.idle[0]:
            return SiteState.IDLE if day < self.idle[1] else SiteState.RESUMED
        return SiteState.PONDS


@dataclass(frozen=True, slots=True)
class Reported:
    """One reported site."""

    polygon: BaseGeometry
    """Its ground, in the case's CRS."""
    confidence: float
    """0 to 1."""
    ground: Interval | None
    """Onset of cleared ground, (after, by]; None = none seen."""
    ponds: Interval | None
    """Onset of ponds; None = none seen."""
    pond_area_m2: tuple[float, float, float]
    """Pond area and its 80 % interval: low, value, high; square metres."""
    states: tuple[tuple[date, SiteState], ...] = ()
    """Day of each clear look and the state reported then; empty = not known."""


@dataclass(frozen=True, slots=True)
class KnownLookAlike:
    """One look-alike."""

    kind: str
    """Kind, as in `configs/worlds.toml`."""
    polygon: BaseGeometry
    """Bounding box, in the case's CRS."""


@dataclass(frozen=True, slots=True)
class Case:
    """One piece of ground with its truth and what was reported."""

    km2: float
    """Its area."""
    first: date
    """Day of the first look."""
    last: date
    """Day of the last look."""
    truth: tuple[TrueSite, ...]
    """Sites whose clearing had begun by the last day."""
    look_alikes: tuple[KnownLookAlike, ...]
    """Look-alikes, where known."""
    reported: tuple[Reported, ...]
    """Sites that a run reported."""
    ground: tuple[int, int] = (0, 0)
    """Intersection and union of reported and true mine ground, pixels; (0, 0) = not known."""
    ponds: tuple[int, int] = (0, 0)
    """The same for pond clusters, see `clusters`."""


def clusters(ponds: Bools) -> Bools:
    """Pond pixels (y, x) with the gaps of up to 20 m between them filled: below that ponds run together."""
    joined: Bools = binary_closing(np.pad(ponds, 2), np.ones((3, 3), bool))[2:-2, 2:-2]
    return joined


def overlap(reported: Bools, true: Bools) -> tuple[int, int]:
    """Intersection and union of reported and true pixels, counted in pixels; inputs (y, x)."""
    return int((reported & true).sum()), int((reported | true).sum())


def true_sites(sites: Iterable[SitePlan], looks: Stack) -> tuple[TrueSite, ...]:
    """The sites of a world that had begun by the last look; the world lies on the window of `looks`.

    Polygons in metres on the grid.
    """
    return tuple(_true_site(site, looks) for site in sites if site.ground_from <= looks.days[-1])


def known_look_alikes(world: World, window: Window, last: date) -> tuple[KnownLookAlike, ...]:
    """The look-alikes of a world that had begun by `last`; polygons in metres on the grid."""
    west, _, _, north = window.bounds_m
    found = []
    for look_alike in world.look_alikes:
        if look_alike.begun_on <= last:
            rows, cols = (np.flatnonzero(look_alike.mask.any(axis=axis)) for axis in (1, 0))
            if len(rows):
                top, left = look_alike.rows.start + rows[0], look_alike.cols.start + cols[0]
                bottom, right = look_alike.rows.start + rows[-1] + 1, look_alike.cols.start + cols[-1] + 1
                edges = (west + left * PIXEL_M, north - bottom * PIXEL_M, west + right * PIXEL_M, north - top * PIXEL_M)
                found.append(KnownLookAlike(look_alike.kind, box(*edges)))
    return tuple(found)


def outline_m(mask: Bools, window: Window) -> BaseGeometry:
    """Outline of pixels (y, x) on `window`, metres on the grid."""
    parts = shapes(mask.astype(np.uint8), mask=mask, transform=window.transform)
    return unary_union([shape(geometry) for geometry, _ in parts])


def counted(site: TrueSite, looks: Iterable[tuple[date, float]]) -> TrueSite:
    """A site with its clear looks; `looks`: day of each look while it had ponds, share of its ground seen (0 to 1)."""
    shares = list(looks)
    clear_days = tuple(day for day, seen in shares if seen >= MIN_SHARE_SEEN)
    clear_share = len(clear_days) / len(shares) if shares else 0.0
    return replace(site, pond_looks=len(clear_days), pond_days=clear_days, clear_share=clear_share)


def read_case(sites: Path, truth: Path, first: date, last: date) -> Case:
    """The case of a run on a simulated archive: `sites.geojson` compared with `truth.geojson`; lon/lat.

    The area is not known and set to 0. Raises `InputError`.
    """
    return Case(
        km2=0.0,
        first=first,
        last=last,
        truth=tuple(t for t in _features(truth, _read_true) if t.ground_from <= last),
        look_alikes=(),
        reported=tuple(read_reported(sites)),
    )


def read_reported(sites: Path) -> list[Reported]:
    """What a detector reported, from the `sites.geojson` of a run; lon/lat. Raises `InputError`.

    Sites that only people reported are left out, and those that people rejected are not: it is the detector that is
    scored.
    """
    return [site for site in _features(sites, _read_reported) if site is not None]


def _features(path: Path, made: Callable[[BaseGeometry, dict[str, object]], Feature]) -> list[Feature]:
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        return [made(shape(f["geometry"]), f["properties"]) for f in features]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise InputError(f"{path}: cannot be scored ({describe(cause)})") from cause


def _true_site(site: SitePlan, looks: Stack) -> TrueSite:
    last = looks.days[-1]
    day = site.last_day_with_ponds(last)
    ponds = site.ponds_on(day)
    round_ones = [pond for pond in ponds if not pond.square]
    fillings = Counter((pond.later if day >= pond.later_on else pond.cover).name.lower() for pond in round_ones)
    with_ponds = [(when, seen) for when, seen in zip(looks.days, looks.seen, strict=True) if site.ponds_on(when)]
    true = TrueSite(
        polygon=outline_m(site.footprint, looks.window),
        ground_from=site.ground_from,
        ponds_from=site.ponds_from,
        ended_on=site.ended_on,
        idle=site.idle,
        overgrown_on=site.overgrown_on,
        n_ponds=len(round_ones),
        pond_diameter_m=float(np.mean([pond.diameter_m for pond in round_ones])) if round_ones else 0.0,
        pond_area_m2=sum(pond.area_m2 for pond in ponds),
        filling=fillings.most_common(1)[0][0] if fillings else "",
    )
    return counted(true, [(when, float(seen[site.footprint].mean())) for when, seen in with_ponds])


def _read_true(polygon: BaseGeometry, of: dict[str, object]) -> TrueSite:
    idle_from, idle_to = _day(of.get("idle_from")), _day(of.get("idle_to"))
    return TrueSite(
        polygon=polygon,
        ground_from=date.fromisoformat(str(of["ground_from"])),
        ponds_from=_day(of["ponds_from"]),
        ended_on=_day(of["ended_on"]),
        n_ponds=int(str(of["n_ponds"])),
        pond_diameter_m=float(str(of["pond_diameter_m"] or 0)),
        pond_area_m2=float(str(of["pond_area_m2"])),
        idle=(idle_from, idle_to) if idle_from and idle_to else None,
    )


def _read_reported(polygon: BaseGeometry, of: dict[str, object]) -> Reported | None:
    """A reported site; None for one that no detector reported."""
    if of["confidence"] is None:
        return None
    low, value, high = (float(str(of[f"pond_area_{k}m2"])) for k in ("low_", "", "high_"))
    return Reported(
        polygon=polygon,
        confidence=float(str(of["confidence"])),
        ground=_interval(of, "ground"),
        ponds=_interval(of, "ponds"),
        pond_area_m2=(low, value, high),
    )


def _interval(of: dict[str, object], what: str) -> Interval | None:
    by = _day(of[f"{what}_by"])
    return Interval(_day(of[f"{what}_after"]), by) if by else None


def _day(text: object) -> date | None:
    return date.fromisoformat(str(text)) if text else None
