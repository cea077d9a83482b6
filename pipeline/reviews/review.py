"""What a person says of a site."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from shapely.geometry import MultiPolygon, Point, Polygon


class Verdict(StrEnum):
    """What a person decided about a site."""

    CONFIRMED = "confirmed"
    """It is a leach-pond site."""
    REJECTED = "rejected"
    """It is something else, see `Reason`."""
    UNSURE = "unsure"
    """Looked at, and not to be told from the pictures."""


class Reason(StrEnum):
    """What a rejected site is instead."""

    FISH_POND = "fish pond"
    PADDY = "paddy"
    PLACER_GOLD = "placer gold"
    QUARRY = "quarry"
    VILLAGE = "village"
    RIVER = "river"
    LANDSLIDE = "landslide"
    SWIDDEN = "swidden"
    CLOUD = "cloud"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """One row of `reviews.gpkg`: a site, and what a person says of it."""

    fid: int
    """Number of the row in the file."""
    site_id: str | None
    """The site; None = a person drew it and it has no name yet."""
    verdict: Verdict | None
    """None = not judged yet."""
    reason: Reason | None
    """What it is instead, if rejected."""
    note: str | None
    """In the reviewer's own words."""
    reviewer: str | None
    """Who judged it, by whatever name that person chose; never published."""
    reviewed_at: datetime | None
    """When it was judged, UTC."""
    added: bool
    """True: a person drew it; the detector had not reported it then."""
    polygon: Polygon | MultiPolygon
    """Outline, lon/lat, EPSG:4326: of the site when the row was made, or as drawn; empty where
    the file has none that can be used."""

    first: date | None = None
    """First day on which the site was seen there; None = not said. For training: before it, nothing is taught."""
    last: date | None = None
    """Last day on which it was there; None = it still is, or not said."""

    @property
    def reviewed_on(self) -> date | None:
        """Day of the verdict, UTC."""
        return self.reviewed_at.date() if self.reviewed_at and self.verdict else None


def turn(fid: int, by: str | None, judged: bool, reviewer: str | None) -> tuple[bool, bool, int]:
    """Which of several rows of a site a verdict of `reviewer` is written into: the one with the smallest turn.

    That person's own; else one that nobody judged; else the first. `by`, `judged`: who judged the row, and whether.
    """
    return (by or None) != (reviewer or None) or not judged, judged, fid


@dataclass(frozen=True, kw_only=True, slots=True)
class PondPoint:
    """The middle of a pond, as a person set it."""

    fid: int
    """Number of the row in the file."""
    site_id: str | None
    """The site it belongs to; None = none was named."""
    reviewer: str | None
    """Who set it."""
    set_at: datetime | None
    """When, UTC."""
    point: Point
    """Lon/lat, EPSG:4326."""
