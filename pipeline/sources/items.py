"""Catalogue items: footprint, whether an item is needed, and why it is refused."""

from shapely.errors import ShapelyError
from shapely.geometry import Polygon, box, shape

from pipeline.aoi import Aoi
from pipeline.errors import SceneError, SceneNotNeeded, describe
from pipeline.sources.interface import Period, Refusal, Scene

EARTH = box(-180.001, -90.001, 180.001, 90.001)
"""Lon/lat, with a tolerance for rounding."""


def footprint_of_item(geometry: object) -> Polygon:
    """Footprint in lon/lat from an item's geometry; raises `SceneError`."""
    try:
        outline = shape(geometry).convex_hull
    except (ShapelyError, AttributeError, TypeError, ValueError, KeyError, IndexError, RecursionError) as cause:
        raise SceneError(f"invalid geometry ({describe(cause)})") from cause
    if not isinstance(outline, Polygon) or not EARTH.contains(outline):
        raise SceneError("geometry outside of lon/lat")
    return outline


def check_needed(scene: Scene, aoi: Aoi, period: Period) -> None:
    """Raise `SceneNotNeeded` for a valid scene outside the period or the AOI."""
    if not period.holds(scene.time_utc):
        raise SceneNotNeeded(f"{scene.time_utc:%Y-%m-%d} is outside the period")
    if not scene.footprint.intersects(aoi.polygon):
        raise SceneNotNeeded("no overlap with the AOI")


def refused_item(name: str, cause: Exception) -> Refusal:
    """The refusal of an item that raised `cause`, with the reason."""
    known = cause if isinstance(cause, SceneError) else SceneError(f"not an item that can be read ({describe(cause)})")
    return Refusal.of(name, known)
