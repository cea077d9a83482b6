"""What catalogues list: whether an item is needed, where it lies, and why it cannot be used."""

from shapely.errors import ShapelyError
from shapely.geometry import Polygon, box, shape

from pipeline.aoi import Aoi
from pipeline.errors import SceneError, one_line
from pipeline.sources.interface import NOT_NEEDED, Period, Scene
from pipeline.sources.pixels import told

EARTH = box(-180.001, -90.001, 180.001, 90.001)
"""Lon/lat, with room for rounding."""


def outline_of(geometry: object) -> Polygon:
    """Outline in lon/lat from what an item has as its geometry. Raises `SceneError`."""
    try:
        outline = shape(geometry).convex_hull
    except (ShapelyError, AttributeError, TypeError, ValueError, KeyError, IndexError) as cause:
        raise SceneError(f"its outline is none ({told(cause)})") from cause
    if not isinstance(outline, Polygon) or not EARTH.contains(outline):
        raise SceneError("its outline is no place on Earth")
    return outline


def check_needed(scene: Scene, aoi: Aoi, period: Period) -> None:
    """Raise `SceneError` for a scene that is sound but was not asked for."""
    if not period.holds(scene.time_utc):
        raise SceneError(f"{NOT_NEEDED}{scene.time_utc:%Y-%m-%d} is outside the period")
    if not scene.footprint.intersects(aoi.polygon):
        raise SceneError(f"{NOT_NEEDED}no overlap with the AOI")


def reason_of(cause: BaseException) -> str:
    """Why an item is refused, in one line."""
    return one_line(cause)[:300] if isinstance(cause, SceneError) else f"not an item that can be read ({told(cause)})"
