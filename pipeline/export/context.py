"""`context.geojson`: the outline of the AOI and the towns in and near it, so that a map tells where one is offline."""

import json
from importlib.resources import files
from pathlib import Path

import shapely
from shapely.geometry import Point, mapping
from shapely.geometry.base import BaseGeometry

from pipeline import atomic
from pipeline.aoi import Aoi
from pipeline.grid import LONLAT, reprojected

NEAR_KM = 40
"""Towns no farther than this from the AOI are shown."""
FAR_DEGREES = 5.0
"""No place that is so far away is near, up to 85° of latitude."""
CONTEXT_DIGITS = 5
"""Decimals of a degree: about 1 m."""
OUTLINE, PLACE = "outline", "place"
"""What a feature is, in its property `kind`."""
CREDIT = "Place names: GeoNames (geonames.org), CC BY 4.0"
"""What must be said wherever the places are shown."""


def write_context(path: Path, aoi: Aoi) -> None:
    """Write the outline and the places of an AOI. Raises as `atomic.write_text`.

    Places are known for Kachin and Shan; an AOI elsewhere has its outline only.
    """
    outline = _feature({"kind": OUTLINE, "name": aoi.title, "rank": None}, aoi.polygon)
    features = [outline, *(_feature({"kind": PLACE, **properties}, point) for properties, point in _places(aoi))]
    content = {"type": "FeatureCollection", "leachwatch": {"credit": CREDIT}, "features": features}
    atomic.write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False) + "\n")


def _places(aoi: Aoi) -> list[tuple[dict[str, object], Point]]:
    """Name and rank (1 = city, 2 = town, 3 = smaller) of the places in and near an AOI, larger ones first."""
    listed = json.loads(files(__package__).joinpath("places.geojson").read_text("utf-8"))["features"]
    found: list[tuple[dict[str, object], Point]] = []
    for each in listed:
        point = Point(each["geometry"]["coordinates"])
        # Far from the AOI its UTM zone has no coordinates, so what is farther than a few degrees is left out before.
        if aoi.polygon.envelope.distance(point) < FAR_DEGREES:
            there = reprojected(point, LONLAT, aoi.grid.crs)
            if aoi.polygon_m.distance(there) <= NEAR_KM * 1000:
                found.append(({name: each["properties"][name] for name in ("name", "rank")}, point))
    return found


def _feature(properties: dict[str, object], geometry: BaseGeometry) -> dict[str, object]:
    rounded = shapely.transform(geometry, lambda xy: xy.round(CONTEXT_DIGITS))
    return {"type": "Feature", "properties": properties, "geometry": mapping(rounded)}
