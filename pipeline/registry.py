"""Lasting names: which id a place was given, for life.

The registry is one small JSON file beside the outputs. An id is given once, to a place, and never to
another; sites are matched to it by where they are, so new looks, another model or another threshold rename
nothing. A site that is no longer found keeps its entry, and gets its old id back when it returns.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from shapely import from_wkt, to_wkt
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from pipeline import atomic
from pipeline.errors import InputError, one_line
from pipeline.grid import LONLAT, Grid, reprojected

VERSION = 1
"""Version of the file's layout."""
GROWN = 0.02
"""Share of new ground above which a footprint is redrawn: a re-run leaves the file byte for byte as it was."""
WAY_BACK = "move it away to start new names, or restore a copy of it"


@dataclass(frozen=True, slots=True)
class Entry:
    """One named place."""

    site_id: str
    """For life, such as `SHN-0007`."""
    footprint: BaseGeometry
    """All ground the site was ever seen on; lon/lat, EPSG:4326."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All names given so far under one prefix."""

    prefix: str
    """Three capital letters from the AOI."""
    entries: tuple[Entry, ...] = ()
    """In the order in which names were given."""

    def named(
        self, polygons_m: list[Polygon | MultiPolygon], grid: Grid, link_m: float
    ) -> tuple["Registry", list[str]]:
        """The registry after naming sites (outlines in metres on `grid`), and their ids in the same order.

        A site takes the name of the place it overlaps most, or else of the nearest one within `link_m`;
        each name goes to one site (the best match), the rest get new names in the order given.
        """
        known = [reprojected(entry.footprint, LONLAT, grid.crs) for entry in self.entries]
        matches = sorted(
            (-polygon.intersection(place).area, polygon.distance(place), i, k)
            for i, polygon in enumerate(polygons_m)
            for k, place in enumerate(known)
            if polygon.distance(place) <= link_m
        )
        ids: dict[int, str] = {}
        entries = list(self.entries)
        taken: set[int] = set()
        for _, _, i, k in matches:
            if i not in ids and k not in taken:
                ids[i] = entries[k].site_id
                taken.add(k)
                if polygons_m[i].difference(known[k]).area > GROWN * polygons_m[i].area:
                    grown = entries[k].footprint.union(reprojected(polygons_m[i], grid.crs, LONLAT))
                    entries[k] = replace(entries[k], footprint=grown)
        for i, polygon in enumerate(polygons_m):
            if i not in ids:
                ids[i] = f"{self.prefix}-{len(entries) + 1:04d}"
                entries.append(Entry(ids[i], reprojected(polygon, grid.crs, LONLAT)))
        return replace(self, entries=tuple(entries)), [ids[i] for i in range(len(polygons_m))]


def read_registry(path: Path, prefix: str) -> Registry:
    """The registry at `path`, or an empty one when there is no file.

    Raises `InputError` when the file is damaged, of a newer version or of another AOI: names are never guessed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Registry(prefix)
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: the registry of site ids cannot be read ({cause}); {WAY_BACK}") from cause
    try:
        content = json.loads(text)
        version = content["version"]
        if version != VERSION:
            raise InputError(f"{path}: registry version {version!r}, this program knows {VERSION}; {WAY_BACK}")
        found = content["prefix"]
        entries = tuple(Entry(str(e["site_id"]), _footprint(e["footprint"])) for e in content["sites"])
    except (ValueError, KeyError, TypeError, ShapelyError, RecursionError) as cause:
        raise InputError(f"{path}: the registry of site ids is damaged ({one_line(cause)}); {WAY_BACK}") from cause
    if found != prefix:
        raise InputError(f"{path}: this registry belongs to {found}, not to {prefix}; choose another --out")
    if [e.site_id for e in entries] != [f"{prefix}-{n:04d}" for n in range(1, len(entries) + 1)]:
        raise InputError(f"{path}: the registry of site ids is damaged (ids out of order); {WAY_BACK}")
    return Registry(prefix, entries)


def _footprint(text: str) -> BaseGeometry:
    """The footprint in a text. Raises `ValueError` for one that no site can have."""
    with np.errstate(all="ignore"):  # infinite coordinates are told below
        polygon = from_wkt(text)
    if polygon is None or polygon.is_empty or polygon.geom_type not in {"Polygon", "MultiPolygon"}:
        raise ValueError("a footprint that is no polygon")
    west, south, east, north = polygon.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("a footprint that is not on Earth")
    return polygon


def write_registry(path: Path, registry: Registry) -> None:
    """Write the registry atomically; raises as `atomic.write_bytes`."""
    content = {
        "version": VERSION,
        "prefix": registry.prefix,
        "sites": [
            {"site_id": entry.site_id, "footprint": to_wkt(entry.footprint, rounding_precision=6)}
            for entry in registry.entries
        ],
    }
    atomic.write_text(path, json.dumps(content, indent=1) + "\n")
