"""What sources list: footprint, whether an item is needed, and why it is refused."""

from shapely.errors import ShapelyError
from shapely.geometry import Polygon, box, shape

from pipeline.aoi import Aoi
from pipeline.errors import SceneError, SceneNotNeeded, describe
from pipeline.sources.interface import Period, Refusal, Scene
from pipeline.sources.sensors import SENTINEL_2

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


def check_time(scene: Scene, period: Period) -> None:
    """Raise `SceneNotNeeded` for a scene outside the period, and `SceneError` for a date that cannot be true.

    Every source asks this of every scene.
    """
    SENTINEL_2.check_recorded(scene.time_utc)
    if not period.holds(scene.time_utc):
        raise SceneNotNeeded(f"{scene.time_utc.date()} is outside the period")


def check_needed(scene: Scene, aoi: Aoi, period: Period) -> None:
    """As `check_time`; raises `SceneNotNeeded` as well for a scene outside the AOI."""
    check_time(scene, period)
    if not scene.footprint.intersects(aoi.polygon):
        raise SceneNotNeeded("no overlap with the AOI")


def refused_item(name: str, cause: Exception) -> Refusal:
    """The refusal of an item that raised `cause`, with the reason."""
    known = cause if isinstance(cause, SceneError) else SceneError(f"not an item that can be read ({describe(cause)})")
    return Refusal.of(name, known)
