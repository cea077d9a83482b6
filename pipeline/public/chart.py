"""The map of the public page: cells as SVG, coloured and numbered by how many sites they hold."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import cos, radians

import shapely
from shapely.geometry.base import BaseGeometry

from pipeline.public.globe import Cell
from pipeline.public.tally import Tally
from pipeline.words import Words

WIDTH = 900.0
"""Width of the drawing, units."""
TALLEST = 1100.0
"""Its greatest height, units."""
PADDING = 1.2
"""Empty cells around what is drawn, sides of a cell."""
CLASSES = (1, 2, 5, 10)
"""Least number of sites of each colour, which the style sheet gives."""
NUMBERED = 26.0
"""Narrower cells have no number in them, units."""
DEGREE_STEPS = (0.1, 0.2, 0.5, 1, 2, 5)
"""Steps of the lines of longitude and latitude ..."""
MOST_LINES = 6
"""... of which there are at most so many each way."""
KM_PER_DEGREE = 111.2


@dataclass(frozen=True, slots=True)
class Frame:
    """What part of the globe is drawn, and how large."""

    west: float
    """Degrees, like the rest."""
    south: float
    """South edge."""
    east: float
    """East edge."""
    north: float
    """North edge."""

    @property
    def stretch(self) -> float:
        """Units per degree of latitude."""
        tall = WIDTH / ((self.east - self.west) * self.narrowing) * (self.north - self.south)
        return min(1.0, TALLEST / tall) * WIDTH / ((self.east - self.west) * self.narrowing)

    @property
    def narrowing(self) -> float:
        """Length of a degree of longitude in degrees of latitude."""
        return cos(radians((self.south + self.north) / 2))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, units."""
        return self.at(self.east, self.south)

    def at(self, lon: float, lat: float) -> tuple[float, float]:
        """Where a place is drawn."""
        return (lon - self.west) * self.narrowing * self.stretch, (self.north - lat) * self.stretch


def chart(counted: Tally, words: Words) -> ET.Element | None:
    """The map; None where there is no cell to draw."""
    cells = [*counted.searched, *(cell for cell, _ in counted.cells)]
    if not cells:
        return None
    frame = _frame(cells)
    width, height = frame.size
    drawing = ET.Element(
        "svg", {"viewBox": f"0 0 {width:.0f} {height:.0f}", "role": "img", "aria-labelledby": "map-title"}
    )
    _put(drawing, "title", words("public.map_alt", n=len(counted.cells)), id="map-title")
    _put(drawing, "rect", "", x="0", y="0", width=f"{width:.0f}", height=f"{height:.0f}", **{"class": "sea"})
    if counted.searched:
        area = shapely.union_all([cell.polygon.buffer(1e-4, join_style="mitre") for cell in counted.searched])
        _put(drawing, "path", "", d=_path(area, frame), **{"class": "searched"})
    _lines(drawing, frame)
    for cell, count in counted.cells:
        _cell(drawing, frame, cell, count.sites)
    _scale(drawing, frame, words)
    return drawing


def class_of(sites: int) -> int:
    """Number of the colour of a cell."""
    return sum(sites >= least for least in CLASSES)


def class_words() -> Iterator[tuple[int, str]]:
    """Each colour's number, and the numbers of sites that it stands for."""
    for number, (least, above) in enumerate(zip(CLASSES, (*CLASSES[1:], None), strict=True), start=1):
        if above is None:
            yield number, f"{least}+"
        else:
            yield number, str(least) if above == least + 1 else f"{least}–{above - 1}"


def _frame(cells: Iterable[Cell]) -> Frame:
    bounds = [cell.bounds for cell in cells]
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    east, north = max(b[2] for b in bounds), max(b[3] for b in bounds)
    wide, tall = (bounds[0][2] - bounds[0][0]) * PADDING, (bounds[0][3] - bounds[0][1]) * PADDING
    return Frame(west - wide, south - tall, east + wide, north + tall)


def _cell(drawing: ET.Element, frame: Frame, cell: Cell, sites: int) -> None:
    west, south, east, north = cell.bounds
    (left, top), (right, bottom) = frame.at(west, north), frame.at(east, south)
    size = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{right - left:.1f}", "height": f"{bottom - top:.1f}"}
    number = class_of(sites)
    mark = _put(drawing, "rect", "", **size, **{"class": f"c{number}"})
    _put(mark, "title", f"{cell.name}: {sites}")
    if right - left >= NUMBERED:
        x, y = (left + right) / 2, (top + bottom) / 2
        _put(drawing, "text", str(sites), x=f"{x:.1f}", y=f"{y:.1f}", **{"class": f"number n{number}"})


def _lines(drawing: ET.Element, frame: Frame) -> None:
    """Lines of longitude and latitude with their degrees."""
    width, height = frame.size
    step = next(
        (step for step in DEGREE_STEPS if max(frame.east - frame.west, frame.north - frame.south) / step <= MOST_LINES),
        DEGREE_STEPS[-1],
    )
    for lon in _multiples(frame.west, frame.east, step):
        x, _ = frame.at(lon, frame.north)
        _put(drawing, "path", "", d=f"M{x:.1f} 0V{height:.1f}", **{"class": "line"})
        _put(drawing, "text", degrees(lon, "E", "W"), x=f"{x + 4:.1f}", y="22", **{"class": "degrees"})
    for lat in _multiples(frame.south, frame.north, step):
        _, y = frame.at(frame.west, lat)
        _put(drawing, "path", "", d=f"M0 {y:.1f}H{width:.1f}", **{"class": "line"})
        _put(drawing, "text", degrees(lat, "N", "S"), x="4", y=f"{y - 4:.1f}", **{"class": "degrees"})


def degrees(value: float, positive: str, negative: str) -> str:
    """Such as 22.5° N."""
    return f"{abs(value):g}° {positive if value >= 0 else negative}"


def _multiples(low: float, high: float, step: float) -> list[float]:
    """Multiples of a step well within some limits."""
    first = int(low // step) + 1
    found = [round(k * step, 1) for k in range(first, first + 2 * MOST_LINES + 2)]
    return [value for value in found if low + 0.04 * (high - low) < value < high - 0.04 * (high - low)]


def _scale(drawing: ET.Element, frame: Frame, words: Words) -> None:
    """A scale bar of a round length of about a fifth of the width."""
    width, height = frame.size
    per_km = frame.stretch / KM_PER_DEGREE
    wanted = width / 5 / per_km
    length = max((each for each in (1, 2, 5, 10, 20, 50, 100, 200, 500) if each <= wanted), default=1)
    left, y = 14.0, height - 16
    _put(drawing, "path", "", d=f"M{left:.1f} {y - 6:.1f}V{y:.1f}H{left + length * per_km:.1f}V{y - 6:.1f}",
         **{"class": "scale"})  # fmt: skip
    _put(drawing, "text", words("public.scale", km=length), x=f"{left:.1f}", y=f"{y - 11:.1f}", **{"class": "degrees"})


def _path(shape: BaseGeometry, frame: Frame) -> str:
    parts = []
    for polygon in shapely.get_parts(shape):
        for ring in (polygon.exterior, *polygon.interiors):
            corners = shapely.simplify(ring, 0).coords
            points = [frame.at(lon, lat) for lon, lat in corners]
            parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z")
    return "".join(parts)


def _put(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, tag, attributes)
    child.text = text or None
    return child
