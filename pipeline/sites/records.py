"""What is said of a site, as rows with the names of the contract. Geometries are lon/lat, EPSG:4326.

Rows are kept in the registry as they were published, so they are the same after a round trip through JSON: coordinates
have `DIGITS` decimals from the start.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import numpy as np
import shapely
from pydantic import ConfigDict, PlainSerializer, PlainValidator
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Point, Polygon
from shapely.geometry.base import BaseGeometry

from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.states import SiteState

FINITE = ConfigDict(allow_inf_nan=False)
"""Of records that are read: what is not finite is no area, share or probability."""
DIGITS = 7
"""Decimals of a degree: about a centimetre."""


def rounded(geometry: Any) -> Any:
    """A geometry with coordinates of `DIGITS` decimals, valid where that can be."""
    snapped = shapely.transform(geometry, lambda xy: np.round(xy, DIGITS))
    if snapped.is_valid:
        return snapped
    mended = shapely.set_precision(shapely.make_valid(geometry), 10.0**-DIGITS)  # rounding made edges cross
    return shapely.transform(mended, lambda xy: np.round(xy, DIGITS))


def _to_text(geometry: BaseGeometry) -> str:
    text: str = shapely.to_wkt(geometry, rounding_precision=DIGITS)
    return text


def _from_text(kinds: tuple[type[BaseGeometry], ...], text: Any) -> Any:
    """A geometry of one of some kinds from WKT, on Earth; raises `ValueError`."""
    if isinstance(text, kinds):
        return text
    try:
        with np.errstate(all="ignore"):  # infinite coordinates are refused below
            found = shapely.from_wkt(text)
    except (ShapelyError, TypeError) as cause:
        raise ValueError("not a geometry") from cause
    if not isinstance(found, kinds) or found.is_empty:
        raise ValueError(f"not {' or '.join(kind.__name__ for kind in kinds)}")
    west, south, east, north = found.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("not on Earth")
    return found


Place = Annotated[Point, PlainValidator(lambda text: _from_text((Point,), text)), PlainSerializer(_to_text)]
"""A point, as WKT in JSON."""
Outline = Annotated[
    Polygon | MultiPolygon,
    PlainValidator(lambda text: _from_text((Polygon, MultiPolygon), text)),
    PlainSerializer(_to_text),
]
"""Polygons, as WKT in JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteRecord:
    """One site, as in `sites.geojson`."""

    __pydantic_config__ = FINITE

    site_id: str
    """Id for life."""
    status: SiteStatus
    """Published status of the site as a whole."""
    confidence: float | None
    """Calibrated probability that this is a leach-pond site, 0 to 1; None = only a person reported it."""
    ground_after: date | None
    """Last clear look without cleared ground; None = already there at the first clear look."""
    ground_by: date | None
    """First clear look with cleared ground."""
    ponds_after: date | None
    """Last clear look without ponds; None = already there at the first clear look."""
    ponds_by: date | None
    """First clear look with ponds; `ponds_after` and `ponds_by` None = cleared ground only, so far."""
    last_seen: date | None
    """Last clear look with the site active."""
    last_clear: date | None
    """Last clear look at all."""
    clear_looks: int
    """Number of clear looks behind this row."""
    pond_area_m2: float
    """Pond area from sub-pixel fractions, square metres."""
    pond_area_low_m2: float
    """Lower end of its 80 % interval."""
    pond_area_high_m2: float
    """Upper end of its 80 % interval."""
    ground_area_m2: float
    """Area of mine ground, square metres."""
    verdict: str | None
    """Verdict of the reviewer, as `reviews.review.Verdict`; None = not judged."""
    reviewed_on: date | None
    """Day of the review."""
    verdict_reason: str | None = None
    """What it is instead, if the reviewer rejected it, as `reviews.review.Reason`."""
    added: bool = False
    """True: a person drew it, and the detector had not reported it then."""
    stale_since: date | None = None
    """Since when its ground has not been looked at under the present recipe; None = it has."""
    simulated: bool
    """True: made from simulated input."""
    source: str
    """Name of the source."""
    model: str
    """Name of the model."""
    run_id: str
    """Id of the run, as in `manifest.json`."""
    parent: str | None = None
    """The site it split from."""
    earlier_dates: str | None = None
    """Earlier published dates that differ from the present ones, oldest first, each with the day of publication."""
    polygon: Outline
    """Outline of the ground."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PondRecord:
    """One patch of touching pond pixels; below about 20 m several ponds may share one."""

    __pydantic_config__ = FINITE

    site_id: str
    """Its site."""
    pond_id: int
    """Number within the site, from 1."""
    area_m2: float
    """Pond area from pond fractions, square metres."""
    first_seen: date | None
    """First clear look that shows this patch; None = no look by itself does."""
    polygon: Outline
    """Outline of its pixels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookRecord:
    """One clear look at one site."""

    __pydantic_config__ = FINITE

    site_id: str
    """Its site."""
    day: date
    """Day of the overpass."""
    overpass: str
    """Name of the overpass."""
    share_seen: float
    """Share of the site seen, 0 to 1."""
    pond_area_m2: float
    """Pond area, square metres."""
    pond_area_low_m2: float
    """Lower end of its 80 % interval, square metres."""
    pond_area_high_m2: float
    """Upper end of its 80 % interval, square metres."""
    ground_area_m2: float
    """Mine ground, square metres."""
    state: SiteState
    """The likeliest state at that look, given all looks."""
    ponds_present: bool
    """Whether this look alone shows ponds."""
    ground_present: bool
    """Whether this look alone shows cleared ground."""
    point: Place
    """A point in the site."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventRecord:
    """Something that happened to a site."""

    site_id: str
    """Its site."""
    kind: EventKind
    """What happened to it, or to what was published of it."""
    after: date | None
    """After this day; None = before the first clear look, or, for a split, before the first run."""
    by: date
    """By this day."""
    evidence: str
    """The overpasses on either side that prove it; for changes of what was published, the runs."""
    point: Place
    """A point in the site."""
