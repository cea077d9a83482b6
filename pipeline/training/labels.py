"""User-provided labels: outlines of known ground, cut into chips from imagery of any source.

Only outlined ground counts: nothing is learned outside the outlines, so a map need not be complete.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

import numpy as np
import shapely
from pyproj.exceptions import ProjError
from rasterio.features import rasterize
from rasterio.transform import Affine
from shapely import make_valid
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from shapely.strtree import STRtree

from pipeline.aoi import Aoi
from pipeline.config import ClearSettings
from pipeline.errors import InputError, SceneError, describe, one_line
from pipeline.grid import ALIGN_PX, LONLAT, PIXEL_M, Grid, Window, reprojected, window_of
from pipeline.looks.clear import clear
from pipeline.looks.codes import LEVELS
from pipeline.looks.segment import segment
from pipeline.looks.weights import Model
from pipeline.progress import Progress
from pipeline.raster import Bools, Floats, Raster
from pipeline.reviews.apply import judgements
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.layout import is_reviews
from pipeline.reviews.review import Verdict
from pipeline.sources.interface import Overpass, Period, Refusal, Source, overpasses
from pipeline.training.chips import Chips, concatenated
from pipeline.vector_file import read_vectors


class LabelKind(StrEnum):
    """What an outline shows."""

    POND = "pond"
    GROUND = "ground"
    """Mine ground without ponds."""
    SITE = "site"
    """A whole site, whose ponds are not outlined."""
    NONE = "none"
    """Ground without any part of a site."""


VERDICTS = MappingProxyType({"confirmed": LabelKind.SITE, "rejected": LabelKind.NONE})
"""Verdicts of a reviewed `sites.geojson` that stand for a label."""
FINE = 10
"""Sub-pixels per pixel side in which outlines are rasterised."""
AROUND_DEGREES = 0.02
"""Buffer around the outlines for the search of scenes."""
EARTH = shapely.box(-180, -90, 180, 90)
"""Lon/lat."""
MAX_SHOWN = 60
"""Longest text of a file that is quoted, characters."""
LOOKS = 12
"""Most overpasses that are read per window, spread evenly."""


@dataclass(frozen=True, eq=False, slots=True)
class AreaLabel:
    """One outline."""

    outline: BaseGeometry
    """Polygon, lon/lat."""
    kind: LabelKind
    """What it shows."""
    first: date | None
    """First day on which it holds; None = always."""
    last: date | None
    """Last day on which it holds; None = always."""

    def holds_on(self, day: date) -> bool:
        """Whether it holds on a day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, eq=False, slots=True)
class Labelled:
    """Chips made from labels."""

    chips: Chips
    """All of them."""
    place: np.ndarray
    """Index of the window that each chip shows, so that chips of one place stay together, shape (n,)."""
    refusals: tuple[Refusal, ...]
    """Scenes that could not be used, with the reason."""


def read_label_areas(path: Path) -> list[AreaLabel]:
    """Read the outlines of a GeoPackage, GeoJSON, shapefile or FlatGeobuf.

    A reviewer's file (`reviews.gpkg`) is taken as it is. In others, attribute `label` is one of `LabelKind`, or
    `verdict` one of `VERDICTS`; `from` and `to` (dates) are optional.
    Raises `InputError` with a one-line message that says where.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file of labels")
    table = read_vectors(path)
    if is_reviews(table.columns):
        return _of_reviews(path)
    if table.crs is None:
        raise InputError(f"{path}: has no CRS")
    try:
        table = table.to_crs(LONLAT)
    except (ShapelyError, ProjError) as cause:
        raise InputError(f"{path}: its CRS cannot be used ({describe(cause)})") from cause
    found = [_area(f"{path}: feature {number}", row) for number, row in enumerate(table.to_dict("records"), start=1)]
    kept = [area for area in found if area is not None]
    if not kept:
        raise InputError(
            f"{path}: no feature has a label ({', '.join(LabelKind)}) or a verdict ({', '.join(VERDICTS)})"
        )
    return kept


def _of_reviews(path: Path) -> list[AreaLabel]:
    """The verdicts in a reviewer's file, from the days on which the sites were there; raises `InputError`.

    Sites on which reviewers are unsure or disagree teach nothing.
    """
    rows = ReviewsFile(path).read().reviews
    said = judgements(rows)
    kinds = {Verdict.CONFIRMED: LabelKind.SITE, Verdict.REJECTED: LabelKind.NONE}
    found = [
        AreaLabel(row.polygon, kind, row.first if kind is LabelKind.SITE else None, row.last)
        for row in rows
        if row.verdict is not None
        and not row.polygon.is_empty
        and (kind := kinds.get(said[row.site_id].verdict if row.site_id else row.verdict)) is not None
    ]
    if not found:
        raise InputError(f"{path}: nobody has confirmed or rejected a site in it yet; review some first")
    return found


def label_chips(
    areas: list[AreaLabel], source: Source, model: Model, chip_px: int, masks: ClearSettings, progress: Progress
) -> Labelled:
    """Make chips around the outlines from overpasses on which they hold; raises `InputError` when there is none."""
    aoi = Aoi("labels", "Labels", "LAB", unary_union([area.outline.buffer(AROUND_DEGREES).envelope for area in areas]))
    found = source.search(aoi, Period(None, None))
    passes, windows = overpasses(found.scenes), _windows(areas, aoi.grid, chip_px)
    chips: list[Chips] = []
    places: list[int] = []
    refusals = [*found.refusals]
    outlines = _on_grid(areas, aoi.grid)
    with progress.stage("Reading labelled ground", len(windows), unit="places") as step:
        for number, window in enumerate(windows):
            for overpass in _spread(passes, outlines, window):
                try:
                    raster = source.read(overpass.scenes, aoi.grid, window)
                except SceneError as cause:
                    refusals.append(Refusal(overpass.name, str(cause)))
                    continue
                chip = _chip(outlines, raster, overpass.day, model, masks)
                if chip is not None:
                    chips.append(chip)
                    places.append(number)
            step(1)
    if not chips:
        why = f"; first refused: {refusals[0].id}: {refusals[0].reason}" if refusals else ""
        raise InputError(f"no scene shows any of the {len(areas)} labels clearly on a day on which they hold{why}")
    return Labelled(concatenated(chips), np.array(places), tuple(refusals))


def _area(where: str, row: dict[str, object]) -> AreaLabel | None:
    """The label of a feature; None if it has neither label nor verdict."""
    low = {str(key).lower(): value for key, value in row.items()}
    word = _text(low, "label").lower() or VERDICTS.get(_text(low, "verdict").lower(), "")
    if not word:
        return None
    if word not in list(LabelKind):
        raise InputError(f"{where}: label is {one_line(word, MAX_SHOWN)!r}; it must be one of {', '.join(LabelKind)}")
    outline = low.get("geometry")
    if not isinstance(outline, BaseGeometry) or outline.is_empty or not outline.area:
        raise InputError(f"{where}: has no area")
    if not np.isfinite(shapely.get_coordinates(outline)).all() or not EARTH.covers(shapely.box(*outline.bounds)):
        raise InputError(f"{where}: does not lie on Earth; coordinates are longitude, latitude in the file's CRS")
    return AreaLabel(make_valid(outline), LabelKind(word), _day(where, "from", low), _day(where, "to", low))


def _text(row: dict[str, object], name: str) -> str:
    """An attribute as text, a list too; empty if it is missing: None, or not equal to itself (NaN, NaT)."""
    value = row.get(name)
    missing = value is None or (not isinstance(value, (list, np.ndarray)) and value != value)
    return "" if missing else str(value).strip()


def _day(where: str, name: str, row: dict[str, object]) -> date | None:
    text = _text(row, name)[:10]
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as cause:
        raise InputError(f"{where}: {name} is {text!r}, not a date as 2025-01-31") from cause


def _on_grid(areas: list[AreaLabel], grid: Grid) -> list[AreaLabel]:
    """The outlines reprojected to a grid, metres."""
    return [AreaLabel(reprojected(a.outline, LONLAT, grid.crs), a.kind, a.first, a.last) for a in areas]


def _windows(areas: list[AreaLabel], grid: Grid, chip_px: int) -> list[Window]:
    """Chip-sized windows that together cover all outlines; a large outline takes several."""
    windows = set()
    for area in _on_grid(areas, grid):
        around = window_of(area.outline.bounds)
        down, right = (max(1, math.ceil(side / chip_px)) for side in around.shape)
        top = around.row - (down * chip_px - around.height) // 2
        left = around.col - (right * chip_px - around.width) // 2
        for row in range(down):
            for col in range(right):
                at = (top + row * chip_px) // ALIGN_PX * ALIGN_PX, (left + col * chip_px) // ALIGN_PX * ALIGN_PX
                windows.add(Window(*at, chip_px, chip_px))
    return sorted(windows)


def _spread(passes: list[Overpass], outlines: list[AreaLabel], window: Window) -> Iterator[Overpass]:
    """Overpasses on which an outline in the window holds; at most `LOOKS`, spread evenly."""
    here = [area for area in outlines if area.outline.intersects(window.polygon_m)]
    holding = [overpass for overpass in passes if any(area.holds_on(overpass.day) for area in here)]
    take = min(LOOKS, len(holding))
    for number in np.linspace(0, len(holding) - 1, take).round().astype(int) if take else ():
        yield holding[number]


def _chip(outlines: list[AreaLabel], raster: Raster, day: date, model: Model, masks: ClearSettings) -> Chips | None:
    """One look at a window with its labels; None when no labelled ground is clear."""
    here = [a for a in outlines if a.holds_on(day) and a.outline.intersects(raster.window.polygon_m)]
    drawn = {kind: _drawn([a.outline for a in here if a.kind == kind], raster.window) for kind in LabelKind}
    pond, site = drawn[LabelKind.POND], drawn[LabelKind.SITE] > 0.5
    ground: Bools = (pond > 0) | (drawn[LabelKind.GROUND] > 0.5) | site
    known: Bools = ground | (drawn[LabelKind.NONE] > 0.5)
    seen = known & clear(raster, masks)
    if not seen.any():
        return None
    # Where only the outline of a site is known, the model's own prediction is the target, so ponds teach nothing.
    # (Near the edge of the window the model has less context; outlines lie in its middle.)
    predicted = segment(model, raster).pond_fraction / np.float32(LEVELS)
    pond = np.where(site & (pond == 0), predicted, pond)
    return Chips(
        reflectance=np.where(raster.valid, raster.reflectance, np.nan)[None].astype(np.float16),
        pond_percent=np.rint(100 * pond.clip(0, 1)).astype(np.uint8)[None],
        ground=ground[None],
        clear=seen[None],
        kind=np.zeros(1, np.uint8),
    )


def _drawn(outlines: list[BaseGeometry], window: Window) -> Floats:
    """Share of each pixel (y, x) of a window covered by outlines in metres on the grid."""
    if not outlines:
        return np.zeros(window.shape, np.float32)
    near = [outlines[k] for k in STRtree(outlines).query(window.polygon_m)]
    if not near:
        return np.zeros(window.shape, np.float32)
    height, width = window.shape
    west, _, _, north = window.bounds_m
    fine = Affine(PIXEL_M / FINE, 0, west, 0, -PIXEL_M / FINE, north)
    drawn = rasterize(near, out_shape=(height * FINE, width * FINE), transform=fine, dtype=np.uint8)
    share: Floats = drawn.reshape(height, FINE, width, FINE).mean(axis=(1, 3)).astype(np.float32)
    return share
