"""Rows of the outputs, with the names of the contract. Geometries are lon/lat, EPSG:4326."""

from dataclasses import dataclass
from datetime import date

from shapely.geometry import Point, Polygon

from pipeline.aoi import Polygonal
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.states import SiteState


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SiteRecord:
    """One site, as in `sites.geojson`."""

    site_id: str
    """Id for life."""
    status: SiteStatus
    """Published status of the site as a whole."""
    confidence: float
    """Calibrated probability that this is a leach-pond site, 0 to 1."""
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
    """Verdict of the reviewer."""
    reviewed_on: date | None
    """Day of the review."""
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
    polygon: Polygonal
    """Outline of the ground."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class PondRecord:
    """One patch of touching pond pixels; below about 20 m several ponds may share one."""

    site_id: str
    """Its site."""
    pond_id: int
    """Number within the site, from 1."""
    area_m2: float
    """Pond area from pond fractions, square metres."""
    first_seen: date | None
    """First clear look that shows this patch; None = no look by itself does."""
    polygon: Polygonal
    """Outline of its pixels."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class LookRecord:
    """One clear look at one site."""

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
    point: Point
    """A point in the site."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
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
    point: Point
    """A point in the site."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class CoverageRecord:
    """One cell in one month."""

    cell: str
    """Name of the cell."""
    month: str
    """`YYYY-MM`."""
    looks: int
    """Overpasses that measured it, clear or not."""
    clear_looks: int
    """Overpasses that saw at least 5 % of it."""
    share_seen: float
    """Share of the cell's part of the AOI seen at least once that month, 0 to 1."""
    polygon: Polygon
    """The cell."""
