"""Areas of interest: the polygons asked about, in a GeoJSON file."""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import shapely
from pyproj import CRS, Geod
from pyproj.exceptions import ProjError
from rasterio.features import geometry_mask
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon, shape
from shapely.ops import unary_union

from pipeline import resources
from pipeline.errors import AoiError, one_line
from pipeline.grid import LONLAT, Grid, Window, grid_at, reprojected, window_of
from pipeline.raster import Bools

MAX_BYTES = 50_000_000
MAX_DEGREES = 20.0
"""Widest AOI, degrees of longitude: one UTM zone must serve all of it."""
MIN_KM2 = 0.01
DENSITY = "sites_per_1000_km2"
"""Property that states the density of sites ..."""
MAX_DENSITY = 1e6
"""... which is no more than this: a site on every 1,000 m²."""
EARTH = Geod(ellps="WGS84")

Polygonal: TypeAlias = Polygon | MultiPolygon


@dataclass(frozen=True, eq=False, slots=True)
class Aoi:
    """An area of interest."""

    name: str
    """Short name, as in the output folder."""
    title: str
    """Display name."""
    prefix: str
    """Three capital letters that site ids begin with."""
    polygon: Polygonal
    """Lon/lat, EPSG:4326, valid."""
    grid: Grid = field(init=False)
    """The UTM zone of its centroid."""
    polygon_m: Polygonal = field(init=False)
    """The same in metres on the grid's CRS."""
    sites_per_1000_km2: float | None = None
    """Density of leach-pond sites that whoever drew the AOI expects, in operation or not, per 1,000 km²; above 0, None
    = not stated. It is no part of what the AOI is (`digest`): it changes no look and no outline, only how sure one can
    be of a site. What depends on how rare sites are is judged at this density: the budget of false alarms."""

    def __post_init__(self) -> None:
        centre = self.polygon.centroid
        grid = grid_at(centre.x, centre.y)
        projected = reprojected(self.polygon, LONLAT, grid.crs)
        if not projected.is_valid:  # straight edges bend, so that those of a sliver cross
            projected = polygonal(shapely.make_valid(projected))
        shapely.prepare(projected)
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "polygon_m", projected)

    @property
    def area_km2(self) -> float:
        """Area on the ellipsoid, square kilometres."""
        return abs(EARTH.geometry_area_perimeter(self.polygon)[0]) / 1e6

    @property
    def digest(self) -> str:
        """SHA-256 of the polygon, the same however the file was written."""
        return hashlib.sha256(shapely.normalize(self.polygon).wkb).hexdigest()

    def windows(self, size_px: int) -> Iterator[Window]:
        """The aligned squares of `size_px` that touch the AOI, north to south, computed one row at a time."""
        extent = window_of(self.polygon_m.bounds)
        columns = range(extent.col // size_px, (extent.col + extent.width - 1) // size_px + 1)
        for row in range(extent.row // size_px, (extent.row + extent.height - 1) // size_px + 1):
            cells = [Window(row * size_px, col * size_px, size_px, size_px) for col in columns]
            boxes = shapely.box(*np.array([cell.bounds_m for cell in cells]).T)
            touching = shapely.intersects(self.polygon_m, boxes)
            yield from (cell for cell, touches in zip(cells, touching, strict=True) if touches)

    def is_near(self, window: Window, reach_px: int) -> bool:
        """Whether a window lies within so many pixels of the AOI."""
        return bool(self.polygon_m.intersects(window.grown(reach_px).polygon_m))

    def parts(self, windows: Sequence[Window]) -> Iterator[Bools]:
        """`inside` of each of many windows, without drawing the outline where it does not cross the window."""
        boxes = shapely.box(*np.array([window.bounds_m for window in windows]).reshape(-1, 4).T)
        covered, touched = shapely.covers(self.polygon_m, boxes), shapely.intersects(self.polygon_m, boxes)
        for window, all_of_it, some in zip(windows, covered, touched, strict=True):
            if all_of_it or not some:
                yield np.full(window.shape, bool(all_of_it))
            else:
                yield self.inside(window)

    def inside(self, window: Window) -> Bools:
        """True = the pixel's centre lies in the AOI; shape (y, x)."""
        part = shapely.intersection(self.polygon_m, window.polygon_m)
        if part.is_empty or part.area == 0:
            return np.zeros(window.shape, bool)
        mask: Bools = geometry_mask([part], window.shape, window.transform, invert=True)
        return mask


def read_aoi(name_or_path: str) -> Aoi:
    """The AOI of a name in `aoi/` (the user's own first) or of a GeoJSON file; self-crossing rings are repaired.

    Raises `AoiError` in one line for everything that cannot be used.
    """
    path = Path(name_or_path)
    if not (path.suffix.lower() in {".geojson", ".json"} or "/" in name_or_path or "\\" in name_or_path):
        found = resources.find("aoi", f"{name_or_path}.geojson")
        if found is None:
            raise AoiError(_unknown(name_or_path))
        path = found
    content = _read(path)
    polygon = _usable(_polygon(content, path), path)
    known = _first_properties(content)
    stem = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "aoi"
    title = one_line(known.get("title") or known.get("name") or path.stem)[:80]
    return Aoi(stem, title, _prefix(known.get("prefix"), stem), polygon, _density(content, path))


def list_aois() -> list[Aoi]:
    """The AOIs in `aoi/`, by name."""
    return [read_aoi(name) for name in resources.names("aoi", "*.geojson")]


def _unknown(name: str) -> str:
    names = resources.names("aoi", "*.geojson")
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"unknown AOI {name!r}: {hint}Known are {', '.join(names)}; the path of a GeoJSON file works too"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AoiError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB; simplify the outline")
        content = json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_no_constant)
    except OSError as cause:
        raise AoiError(f"{path}: cannot be read ({cause.strerror})") from cause
    except (ValueError, RecursionError) as cause:
        raise AoiError(f"{path}: not JSON ({str(cause) or 'nested too deeply'})") from cause
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        raise AoiError(f"{path}: not GeoJSON (no object with a `type`)")
    return content


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a coordinate")


def _polygon(content: dict[str, Any], path: Path) -> Polygonal:
    """The union of all polygons of a GeoJSON object, reprojected to lon/lat when it states another CRS."""
    try:
        geometries = [shape(_checked(member)) for member in _members(content)]
    except KeyError as cause:
        raise AoiError(f"{path}: broken GeoJSON geometry (no {cause} where there must be one)") from cause
    except (ShapelyError, AttributeError, TypeError, ValueError, IndexError, RecursionError, ArithmeticError) as cause:
        reason = one_line(cause) or "unexpected structure"
        raise AoiError(f"{path}: broken GeoJSON geometry ({reason})") from cause
    areas = [g for g in geometries if g.geom_type in {"Polygon", "MultiPolygon"} and not g.is_empty]
    if not areas:
        kinds = ", ".join(sorted({g.geom_type for g in geometries})) or "nothing"
        raise AoiError(f"{path}: holds no polygon (found {kinds}); draw the area as a polygon")
    if not all(np.isfinite(shapely.get_coordinates(area)).all() for area in areas):
        raise AoiError(f"{path}: coordinates that are not finite numbers")
    lonlat = [_lonlat(area, content.get("crs"), path) for area in areas]
    _in_range(lonlat, path)
    return unary_union([polygonal(shapely.make_valid(area)) for area in lonlat])


def _members(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if content["type"] == "FeatureCollection":
        for feature in content["features"]:
            yield from _members(feature)
    elif content["type"] == "Feature":
        if content["geometry"] is not None:
            yield from _members(content["geometry"])
    elif content["type"] == "GeometryCollection":
        for geometry in content["geometries"]:
            yield from _members(geometry)
    else:
        yield content


def _checked(geometry: dict[str, Any]) -> dict[str, Any]:
    """Polygons with their rings closed: a missing last point is the commonest fault of hand-made files."""
    kind, coordinates = geometry["type"], geometry["coordinates"]
    polygons = [coordinates] if kind == "Polygon" else coordinates if kind == "MultiPolygon" else None
    if polygons is None:
        return geometry
    if any(polygon and not polygon[0] and any(polygon) for polygon in polygons):
        raise ValueError("a hole without a ring around it")
    closed = [[_closed(ring) for ring in polygon if ring] for polygon in polygons]
    return {"type": "MultiPolygon", "coordinates": [polygon for polygon in closed if polygon]}


def _closed(ring: list[Any]) -> list[tuple[float, float]]:
    points = [(_number(point[0]), _number(point[1])) for point in ring]
    if len(points) >= 3 and points[0] != points[-1]:
        points.append(points[0])
    if len(points) < 4:
        raise ValueError("a ring needs at least three different points")
    return points


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is not a coordinate")
    return float(value)


def _lonlat(area: Polygonal, crs: Any, path: Path) -> Polygonal:
    if crs is None:
        return area
    try:
        name = crs["properties"]["name"]
        source = CRS.from_user_input(name).to_2d()
        if source.is_geographic:
            return area
        moved: Polygonal = reprojected(area, source.to_wkt(), LONLAT)
    except (ProjError, KeyError, TypeError, ValueError) as cause:
        raise AoiError(f"{path}: its `crs` member is not understood; save it as WGS 84 (EPSG:4326)") from cause
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise AoiError(f"{path}: coordinates do not fit its `crs` {one_line(name)}; save it as WGS 84 (EPSG:4326)")
    return moved


def _in_range(areas: list[Polygonal], path: Path) -> None:
    west, south, east, north = shapely.total_bounds(areas)
    if max(abs(west), abs(east)) > 180.0001 or max(abs(south), abs(north)) > 90.0001:
        if max(abs(west), abs(east)) <= 360 and max(abs(south), abs(north)) <= 90:
            raise AoiError(f"{path}: crosses the antimeridian; split it at 180° into two files")
        raise AoiError(f"{path}: looks like projected coordinates; save it as WGS 84 (EPSG:4326)")
    if max(abs(south), abs(north)) > 80:
        raise AoiError(f"{path}: reaches beyond 80° of latitude, where there is no UTM grid")
    if east - west > 180:
        raise AoiError(f"{path}: seems to cross the antimeridian; split it at 180° into two files")
    if east - west > MAX_DEGREES:
        raise AoiError(f"{path}: {east - west:.0f}° wide; one AOI may span {MAX_DEGREES:.0f}°, split it")


def polygonal(geometry: Any) -> Any:
    """The polygons of what a repair returned, without the lines and points it may leave."""
    if geometry.geom_type in {"Polygon", "MultiPolygon"}:
        return geometry
    parts = [polygonal(part) for part in getattr(geometry, "geoms", [])]
    return unary_union([part for part in parts if not part.is_empty])


def _usable(polygon: Any, path: Path) -> Polygonal:
    if polygon.is_empty or polygon.geom_type not in {"Polygon", "MultiPolygon"}:
        raise AoiError(f"{path}: the polygon is empty")
    area_km2 = abs(EARTH.geometry_area_perimeter(polygon)[0]) / 1e6
    if not math.isfinite(area_km2) or area_km2 < MIN_KM2:
        raise AoiError(f"{path}: an area of {area_km2 * 1e6:.0f} m², less than {MIN_KM2 * 1e6:.0f} m²")
    return polygon


def _first_properties(content: dict[str, Any]) -> dict[str, Any]:
    features = content.get("features")
    feature = features[0] if isinstance(features, list) and features else content
    known = feature.get("properties") if isinstance(feature, dict) else None
    return known if isinstance(known, dict) else {}


def _density(content: dict[str, Any], path: Path) -> float | None:
    """The one density of sites that the file states, as a member of its own or a property of features."""
    features = content.get("features")
    parts = features if isinstance(features, list) else []
    stated = [content, *(part.get("properties") for part in [content, *parts] if isinstance(part, dict))]
    found = [part[DENSITY] for part in stated if isinstance(part, dict) and part.get(DENSITY) is not None]
    for value in found:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MAX_DENSITY:
            shown = one_line(json.dumps(value), 40)
            raise AoiError(f"{path}: {DENSITY} is {shown}; state a number above 0, or leave it out")
    if len(set(found)) > 1:
        values = " and ".join(f"{value:g}" for value in sorted(set(found)))
        raise AoiError(f"{path}: {DENSITY} is {values}; an AOI has one density, so state one")
    return float(found[0]) if found else None


def _prefix(given: object, stem: str) -> str:
    if isinstance(given, str) and re.fullmatch("[A-Z]{3}", given):
        return given
    letters = re.sub("[^A-Z]", "", stem.upper())
    consonants = re.sub("[AEIOU]", "", letters)
    return ((consonants if len(consonants) >= 3 else letters) + "XXX")[:3]
