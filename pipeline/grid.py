"""The grid that all rasters of an AOI share, and pixel windows of it.

A grid is a UTM zone with 10 m pixels. Columns and rows count from the zone's coordinate origin
(easting 0, northing 0; rows count southwards, so northern rows are negative), never from a scene or an
AOI. Blocks and windows therefore always fall on the same lines.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import shapely
from pyproj import Transformer
from rasterio.transform import Affine
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

PIXEL_M = 10
"""Pixel size, metres."""
ALIGN_PX = 16
"""Windows shown to the network begin and end on multiples of this, so that its pooling cells agree."""

LONLAT = "EPSG:4326"
"""WGS 84, always as (lon, lat)."""

Geometry = TypeVar("Geometry", bound=BaseGeometry)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A rectangle of grid pixels, in columns and rows from the grid's origin."""

    row: int
    """First row; rows grow southwards."""
    col: int
    """First column; columns grow eastwards."""
    height: int
    """Rows, at least 1."""
    width: int
    """Columns, at least 1."""

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"window without pixels: {self}")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def transform(self) -> Affine:
        """Pixel (col, row) of this window to (easting, northing), metres."""
        return Affine(PIXEL_M, 0, self.col * PIXEL_M, 0, -PIXEL_M, -self.row * PIXEL_M)

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """(west, south, east, north), metres on the grid's CRS."""
        return (
            self.col * PIXEL_M,
            -(self.row + self.height) * PIXEL_M,
            (self.col + self.width) * PIXEL_M,
            -self.row * PIXEL_M,
        )

    @property
    def polygon_m(self) -> Polygon:
        """The outline, metres on the grid's CRS."""
        return box(*self.bounds_m)

    def grown(self, margin_px: int) -> "Window":
        """This window with `margin_px` more pixels on every side."""
        return Window(
            self.row - margin_px,
            self.col - margin_px,
            self.height + 2 * margin_px,
            self.width + 2 * margin_px,
        )

    def intersection(self, other: "Window") -> "Window | None":
        """The pixels that both windows have; None = none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = min(self.row + self.height, other.row + other.height) - row
        width = min(self.col + self.width, other.col + other.width) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None

    def holds(self, other: "Window") -> bool:
        """Whether another window lies wholly inside this one."""
        return (
            self.row <= other.row
            and self.col <= other.col
            and other.row + other.height <= self.row + self.height
            and other.col + other.width <= self.col + self.width
        )

    def within(self, outer: "Window") -> tuple[slice, slice]:
        """Where this window lies in an array that covers `outer`: (rows, columns).

        Raises `ValueError` when it does not lie inside.
        """
        row, col = self.row - outer.row, self.col - outer.col
        if row < 0 or col < 0 or row + self.height > outer.height or col + self.width > outer.width:
            raise ValueError(f"{self} is not inside {outer}")
        return slice(row, row + self.height), slice(col, col + self.width)

    def cells(self, size_px: int) -> Iterator["Window"]:
        """The aligned squares of `size_px` that touch this window, north to south, west to east.

        They lie on multiples of `size_px` from the grid's origin, so neighbours never overlap.
        """
        first_row, first_col = self.row // size_px, self.col // size_px
        last_row, last_col = (self.row + self.height - 1) // size_px, (self.col + self.width - 1) // size_px
        for row in range(first_row, last_row + 1):
            for col in range(first_col, last_col + 1):
                yield Window(row * size_px, col * size_px, size_px, size_px)


def covers(parts: Sequence[Window], window: Window) -> bool:
    """Whether windows together hold all pixels of another one."""
    if window in parts:
        return True
    here = [part for part in (each.intersection(window) for each in parts) if part is not None]
    if sum(part.height * part.width for part in here) < window.height * window.width:
        return False
    seen = np.zeros(window.shape, bool)
    for part in here:
        seen[part.within(window)] = True
    return bool(seen.all())


def window_of(bounds_m: tuple[float, float, float, float]) -> Window:
    """The smallest window that covers (west, south, east, north), metres on the grid's CRS."""
    west, south, east, north = bounds_m
    col, row = math.floor(west / PIXEL_M), math.floor(-north / PIXEL_M)
    return Window(row, col, max(1, math.ceil(-south / PIXEL_M) - row), max(1, math.ceil(east / PIXEL_M) - col))


def aligned_up(size_px: int) -> int:
    """The smallest multiple of `ALIGN_PX` that is not less than `size_px`."""
    return -(-size_px // ALIGN_PX) * ALIGN_PX


def hull(windows: list[Window]) -> Window:
    """The smallest window that covers all of `windows` (at least one)."""
    row, col = min(w.row for w in windows), min(w.col for w in windows)
    return Window(row, col, max(w.row + w.height for w in windows) - row, max(w.col + w.width for w in windows) - col)


def joined(windows: Sequence[Window]) -> list[Window]:
    """Rectangles that together hold the same pixels as windows of one row height each, sorted north to south.

    Neighbours in a row become one, and rows of the same columns become one.
    """
    rows: list[Window] = []
    for window in windows:
        last = rows[-1] if rows else None
        beside = last is not None and (last.row, last.height) == (window.row, window.height)
        if last is not None and beside and last.col + last.width == window.col:
            rows[-1] = hull([last, window])
        else:
            rows.append(window)
    done: list[Window] = []
    open_: dict[tuple[int, int], Window] = {}
    for row in rows:
        columns = row.col, row.width
        above = open_.get(columns)
        if above is not None and above.row + above.height == row.row:
            open_[columns] = hull([above, row])
        else:
            done += [above] if above is not None else []
            open_[columns] = row
    return sorted([*done, *open_.values()])


@dataclass(frozen=True, slots=True)
class Grid:
    """A UTM zone with 10 m pixels."""

    epsg: int
    """EPSG code of the zone: 326xx north, 327xx south of the equator."""

    @property
    def crs(self) -> str:
        """The CRS as rasterio, pyproj and geopandas take it."""
        return f"EPSG:{self.epsg}"

    @property
    def zone(self) -> str:
        """Short name such as `47N`."""
        return f"{self.epsg % 100:02d}{'N' if self.epsg // 100 == 326 else 'S'}"

    def name_of(self, block: Window) -> str:
        """A name for a block that is the same in every run: zone, row and column of its corner in blocks."""
        return f"{self.zone}_r{block.row // block.height:+05d}_c{block.col // block.width:+05d}"


def grid_at(lon: float, lat: float) -> Grid:
    """The grid of the UTM zone that contains a point; degrees."""
    zone = min(60, int((lon + 180) // 6) + 1)
    return Grid((32600 if lat >= 0 else 32700) + zone)


def reprojected(geometry: Geometry, source: str, target: str) -> Geometry:
    """A geometry moved from one CRS to another; (x, y) is (east, north) or (lon, lat) in both."""
    moved: Geometry = shapely.transform(geometry, _transformer(source, target).transform, interleaved=False)
    return moved


@lru_cache(maxsize=32)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)
