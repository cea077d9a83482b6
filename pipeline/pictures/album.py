"""The album of a site: its pictures before, first and latest, by view, on one stretch so that they compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pipeline.cuts.choice import Role as Role


class View(StrEnum):
    """How six bands become three colours."""

    NATURAL = "natural colour"
    """B04, B03, B02: what an eye would see."""
    SWIR = "shortwave infrared"
    """B12, B08, B04: water is dark, bare ground is pink, forest is green."""
    MODEL = "what the model sees"
    """Natural colour in grey, ponds in blue and cleared ground in orange; hidden ground is hatched."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Frame:
    """One look at a site as pictures."""

    role: Role
    """Why it is shown."""
    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Name of the overpass."""
    scenes: tuple[str, ...]
    """Ids of the scenes that it shows."""
    clear_share: float
    """Share of the picture that was clear, 0 to 1."""
    images: Mapping[View, bytes]
    """One WebP image per view, square, north up, `Album.side_m` wide; without `View.MODEL` where the present model has
    not looked."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Album:
    """The pictures of a site."""

    site_id: str
    """The site."""
    side_m: float
    """Width and height of the ground that each picture shows, metres."""
    frames: tuple[Frame, ...]
    """Ascending in time; at most one each of before, first and latest, unless all looks were asked for."""
    bounds_m: tuple[float, float, float, float] | None = None
    """West, south, east and north of the ground that each picture shows, metres on the grid of the AOI; None = not
    known, and nothing can be drawn on them."""
    missing: str | None = None
    """Why there are no pictures, or not all, in words; None = nothing is missing."""
