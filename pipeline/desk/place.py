"""Places on pictures and on the ground, and outlines that a person drew."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from pipeline.aoi import Aoi
from pipeline.desk.commands import NotPossible
from pipeline.grid import LONLAT, grid_at, reprojected
from pipeline.sites.records import rounded

Bounds = tuple[float, float, float, float]
ADDED_RADIUS_M = 100.0
"""A place that a person marked as a site that was missed stands for the ground so far around it, metres."""
SHARE_DIGITS = 4
"""Decimals of a share of a picture's side: a tenth of a metre."""


def on_ground(xy: Sequence[tuple[float, float]], bounds_m: Bounds, crs: str) -> list[tuple[float, float]]:
    """Lon/lat of places on a picture, given as shares of its side from the upper left corner."""
    west, south, east, north = bounds_m
    places = shapely.points([(west + x * (east - west), north - y * (north - south)) for x, y in xy])
    return [(point.x, point.y) for point in (rounded(reprojected(place, crs, LONLAT)) for place in places)]


def on_picture(geometry: BaseGeometry, bounds_m: Bounds, crs: str) -> list[list[list[float]]]:
    """The outer and inner rings, or the one place, of a lon/lat geometry as shares of a picture's side."""
    west, south, east, north = bounds_m

    def shares(xy: Any) -> list[list[float]]:
        moved = (np.asarray(xy) - (west, north)) / (east - west, south - north)
        return [[float(x), float(y)] for x, y in np.round(moved, SHARE_DIGITS)]

    return [shares(ring.coords) for ring in rings_of(reprojected(geometry, LONLAT, crs))]


def rings_of(geometry: BaseGeometry) -> list[Any]:
    """The outer and inner rings of polygons; a point as itself."""
    if isinstance(geometry, Point):
        return [geometry]
    parts = geometry.geoms if isinstance(geometry, MultiPolygon) else [geometry]
    return [ring for part in parts for ring in (part.exterior, *part.interiors)]


def drawn(lonlat: Sequence[tuple[float, float]], aoi: Aoi) -> Polygon:
    """The ground that a person drew: an outline, or what lies around one place. Raises `NotPossible`."""
    if len(lonlat) == 1:
        grid = grid_at(*lonlat[0])
        disc = reprojected(Point(lonlat[0]), LONLAT, grid.crs).buffer(ADDED_RADIUS_M)
        outline = reprojected(disc, grid.crs, LONLAT)
    elif len(lonlat) == 2:
        raise NotPossible("two corners are no outline: mark one place, or three corners or more")
    else:
        outline = Polygon(lonlat)
        if not outline.is_valid or outline.area == 0:
            raise NotPossible("the outline crosses itself: draw it again")
    outline = rounded(outline)
    if not isinstance(outline, Polygon) or not outline.is_valid:
        raise NotPossible("the outline is too small: draw it again")
    if not outline.intersects(aoi.polygon):
        raise NotPossible(f"that place lies outside {aoi.title}")
    return outline
