"""What an estimate says of limits: those of the run and those of the month, whichever is reached first."""

from datetime import date

import pytest
from scenes import aoi

from pipeline.run.estimate import Estimate, Evidence, OverpassEstimate
from pipeline.sources.budget import SpendingLimits
from pipeline.sources.interface import Price, Search
from pipeline.sources.ledger import Usage

NONE = SpendingLimits()
EACH = Usage(2, 1_000_000_000, 3.0)
"""What each of four overpasses costs."""


def estimate() -> Estimate:
    overpasses = tuple(
        OverpassEstimate(date(2025, 1, 5 * day), "S2A", 1, Price(EACH, 1, day / 10)) for day in range(1, 5)
    )
    return Estimate(aoi(), "test", Search((), ()), 0, None, overpasses, (), Evidence(0, 0, 16), 1.0)


@pytest.mark.parametrize(
    ("of_run", "of_month", "in_month", "fit"),
    [
        (NONE, NONE, Usage(9, 10**12, 900.0), 4),
        (SpendingLimits(pu=6), NONE, Usage(9, 10**12, 900.0), 2),
        (NONE, SpendingLimits(pu=6), Usage(), 2),
        (NONE, SpendingLimits(pu=6), Usage(1, 0, 3.0), 1),
        (NONE, SpendingLimits(n_bytes=4e9), Usage(1, 1_000_000_000), 3),
        (NONE, SpendingLimits(pu=6), Usage(1, 0, 6.0), 0),
        (SpendingLimits(pu=3), SpendingLimits(pu=12), Usage(1, 0, 3.0), 1),
        (SpendingLimits(pu=9), SpendingLimits(pu=12), Usage(1, 0, 6.0), 2),
        (SpendingLimits(n_bytes=3e9), SpendingLimits(pu=12), Usage(1, 0, 6.0), 2),
    ],
)
def test_what_fits_is_under_every_limit(
    of_run: SpendingLimits, of_month: SpendingLimits, in_month: Usage, fit: int
) -> None:
    found = estimate()
    assert found.within(of_run, of_month, in_month) == fit
    told = found.text(of_run, of_month, in_month)
    assert (f"limit    {fit} of 4 overpasses fit" in told) == ((of_run, of_month) != (NONE, NONE))
