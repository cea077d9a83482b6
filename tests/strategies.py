"""What property tests draw from: places, windows, days, looks at a site, names and calibrations."""

from datetime import date

from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from pipeline.grid import ALIGN_PX, Window
from pipeline.looks.calibration import (
    AreaLikelihood,
    AreaModel,
    AreaQuantile,
    Calibration,
    ConfidenceModel,
    InitialShares,
    StateModel,
    TransitionRates,
)
from pipeline.sites.names import Interval, PublishedState, PublishedStatus
from pipeline.sites.states import SiteState

# Windows of the grid

windows = st.builds(
    Window, st.integers(-90_000, 90_000), st.integers(-9_000, 90_000), st.integers(1, 700), st.integers(1, 700)
)
"""Any window on Earth."""
window_sizes = st.sampled_from([64, 96, 128, 192, 256, 512])
"""Sides of what a network is shown, pixels."""
block_sizes = st.sampled_from([256, 512, 2048])
"""Sides of what is one unit of work, pixels."""
"""How many windows go through the network at once."""


def aligned_windows(area: Window, largest_px: int) -> st.SearchStrategy[Window]:
    """Windows inside an aligned area, themselves aligned, none longer than `largest_px`."""
    rows, cols = area.height // ALIGN_PX, area.width // ALIGN_PX
    most = largest_px // ALIGN_PX

    def part(row: int, col: int, height: int, width: int) -> Window:
        found = Window(
            area.row + row * ALIGN_PX, area.col + col * ALIGN_PX, height * ALIGN_PX, width * ALIGN_PX
        ).intersection(area)
        assert found is not None
        return found

    return st.builds(
        part, st.integers(0, rows - 1), st.integers(0, cols - 1), st.integers(1, most), st.integers(1, most)
    )


# Places on Earth

lons, lats = st.floats(-180, 180), st.floats(-80, 80)
"""Degrees; beyond 80 degrees of latitude there is no UTM grid."""
rings = st.lists(st.tuples(st.floats(98.5, 99.0), st.floats(21.0, 21.4)), min_size=3, max_size=8, unique=True)
"""Corners of a polygon as somebody may draw it: it may cross itself, or have no area."""


@st.composite
def boxes(draw: st.DrawFn) -> Polygon:
    """Rectangles of some kilometres, lon/lat."""
    west, south = draw(st.floats(98, 99)), draw(st.floats(21, 22))
    width = draw(st.floats(0.01, 0.2))
    return box(west, south, west + width, south + width / 2)


# Days and looks at a site

days = st.dates(date(2015, 6, 27), date(2035, 12, 31))
"""Since the first Sentinel-2 flies."""
gaps = st.integers(1, 200)
"""Days between two looks."""
courses = st.tuples(st.integers(1, 8), st.integers(0, 6), st.integers(2, 8)).map(
    lambda n: "." * n[0] + "g" * n[1] + "P" * n[2]
)
"""Looks at a site that agree: nothing, then cleared ground, then ponds."""
look_areas = st.lists(st.tuples(st.floats(0, 5000), st.floats(0, 60_000), gaps), max_size=25)
"""Pond area and ground area (m2) of any looks, and the days since the look before."""
state_courses = st.lists(st.tuples(st.sampled_from(SiteState), gaps), min_size=1, max_size=15).filter(
    lambda course: any(state.has_ponds for state, _ in course)
)
"""Likeliest states with ponds among them, in any order, and the days since the look before: look by look the likeliest
state may go back."""
look_ratios = st.lists(
    st.tuples(st.floats(-4.5, 4.5), st.floats(-4.5, 4.5), st.integers(1, 300)), min_size=1, max_size=12
)
"""Log-likelihood ratios of ground and ponds of any looks, and the days since the look before."""

# Names and what was published

prefixes = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3)


def site_ids(prefix: str) -> st.SearchStrategy[str]:
    """Ids as a registry of that prefix gives them."""
    return st.integers(1, 99_999).map(lambda number: f"{prefix}-{number:04d}")


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """When something began: open, or with its days in order."""
    by = draw(days)
    return Interval(draw(st.none() | days.filter(lambda day: day < by)), by)


def published_states(other_id: str) -> st.SearchStrategy[PublishedState]:
    """What may be published of a site; one that is merged is part of `other_id`."""
    return st.builds(
        lambda status, **rest: PublishedState(
            status=status, merged_into=other_id if status is PublishedStatus.MERGED else None, **rest
        ),
        status=st.sampled_from(PublishedStatus),
        on=days,
        run_id=st.text("0123456789abcdef", min_size=12, max_size=12),
        ground=st.none() | intervals(),
        ponds=st.none() | intervals(),
    )


# Calibrations

coefficients = st.floats(-30, 30)
positive = st.floats(1e-3, 10)
area_likelihoods = st.builds(
    AreaLikelihood, break_even_m2=st.floats(0, 5000), break_even_share=st.floats(0, 1), log_slope=positive
)
area_quantiles = st.builds(AreaQuantile, **dict.fromkeys(AreaQuantile.model_fields, coefficients))
initial_shares = st.lists(st.floats(0.01, 1), min_size=6, max_size=6).map(
    lambda weights: InitialShares(
        **{name: weight / sum(weights) for name, weight in zip(InitialShares.model_fields, weights, strict=True)}
    )
)
state_models = st.builds(
    StateModel,
    per_year=st.builds(TransitionRates, **dict.fromkeys(TransitionRates.model_fields, positive)),
    initial=initial_shares,
    ground=area_likelihoods,
    ponds=area_likelihoods,
)
calibrations = st.builds(
    Calibration,
    confidence=st.builds(ConfidenceModel, **dict.fromkeys(ConfidenceModel.model_fields, coefficients)),
    pond_area=st.builds(AreaModel, low=area_quantiles, middle=area_quantiles, high=area_quantiles),
    states=state_models,
)
