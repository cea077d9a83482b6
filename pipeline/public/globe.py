"""Cells of equal area that lie fixed on the globe, whatever is found: the EASE-Grid 2.0 (Brodzik and others 2012).

Its projection, EPSG:6933, is cylindrical: cells are rectangles in longitude and latitude, of the same area everywhere.
They count from the equator and the Greenwich meridian, so a cell says nothing of where in it something lies.
"""

from dataclasses import dataclass
from functools import lru_cache

import shapely
from pyproj import Transformer
from shapely.geometry import Polygon

from pipeline.aoi import Polygonal
from pipeline.grid import LONLAT

EQUAL_AREA = "EPSG:6933"
EDGE_DIGITS = 4
"""Decimals of a degree of the edges of cells: about 10 m."""


@dataclass(frozen=True, order=True, slots=True)
class Cell:
    """A cell."""

    row: int
    """Rows northwards from the equator."""
    col: int
    """Columns eastwards from Greenwich."""
    km: int
    """Side, kilometres."""

    @property
    def name(self) -> str:
        """Such as `10km-N0246-E0953`."""
        down, left = "S" if self.row < 0 else "N", "W" if self.col < 0 else "E"
        return f"{self.km}km-{down}{abs(self.row):04d}-{left}{abs(self.col):04d}"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, degrees."""
        west, south = _place_at(self.col * self.km, self.row * self.km)
        east, north = _place_at((self.col + 1) * self.km, (self.row + 1) * self.km)
        return (
            round(west, EDGE_DIGITS), round(south, EDGE_DIGITS), round(east, EDGE_DIGITS), round(north, EDGE_DIGITS)
        )  # fmt: skip

    @property
    def polygon(self) -> Polygon:
        """The cell, lon/lat, counter-clockwise."""
        return shapely.box(*self.bounds)


def cell_at(lon: float, lat: float, km: int) -> Cell:
    """The cell that holds a place."""
    x, y = _transformers()[0].transform(lon, lat)
    side = km * 1000
    return Cell(int(y // side), int(x // side), km)


def shares(area: Polygonal, km: int) -> dict[Cell, float]:
    """Every cell that an area touches, with the share of it that lies in the area, 0 to 1; by row and column."""
    west, south, east, north = area.bounds
    first, last = cell_at(west, south, km), cell_at(east, north, km)
    cells = [Cell(row, col, km) for row in range(first.row, last.row + 1) for col in range(first.col, last.col + 1)]
    boxes = [cell.polygon for cell in cells]
    shapely.prepare(area)
    inside, touched = shapely.covers(area, boxes), shapely.intersects(area, boxes)
    return {
        cell: 1.0 if whole else shapely.intersection(area, box).area / box.area
        for cell, box, whole, some in zip(cells, boxes, inside, touched, strict=True)
        if some
    }


def _place_at(east_km: float, north_km: float) -> tuple[float, float]:
    """Longitude and latitude of a corner; the last cells end at the antimeridian and at the poles."""
    there, back = _transformers()
    most_x, most_y = there.transform(180, 90)
    x, y = max(-most_x, min(most_x, east_km * 1000)), max(-most_y, min(most_y, north_km * 1000))
    lon, lat = back.transform(x, y)
    return lon, lat


@lru_cache(maxsize=1)
def _transformers() -> tuple[Transformer, Transformer]:
    """To the projection, and back."""
    there = Transformer.from_crs(LONLAT, EQUAL_AREA, always_xy=True)
    return there, Transformer.from_crs(EQUAL_AREA, LONLAT, always_xy=True)
