"""The rules by which sites are published."""

from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.errors import InputError
from pipeline.months import first_day, month_of

LEAST_CELL_KM2 = 25
"""A smaller cell could be searched on foot, or on one picture; square kilometres."""
MOST_CELL_SIDE = 200
"""Side of the largest cell, kilometres."""
LONGEST_EMBARGO = 3650
"""Days."""
FEW = 5
"""Fewer sites than this that are held back are not counted out."""
NAMED_CELLS = 25
"""An area is named and drawn only if it is as large as so many cells: a small one would itself say where."""
LEAST_SHARE = 0.25
"""Sites in a cell of which a smaller share lies in the area are counted without it: it would narrow them down."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How coarse, and how late."""

    cell_km: int
    """Side of a cell, kilometres; its area is exactly the square of it."""
    embargo_days: int
    """For how long after it was first published here, or first seen, a site is held back."""
    today: date
    """Day of publication, UTC."""

    def __post_init__(self) -> None:
        if self.cell_km**2 < LEAST_CELL_KM2 or self.cell_km > MOST_CELL_SIDE:
            raise InputError(
                f"--cell-km {self.cell_km}: choose {round(LEAST_CELL_KM2**0.5)} to {MOST_CELL_SIDE} km; "
                "smaller cells would say where a site is"
            )
        if not 0 <= self.embargo_days <= LONGEST_EMBARGO:
            raise InputError(f"--embargo-days {self.embargo_days}: choose 0 to {LONGEST_EMBARGO} days")

    @property
    def released_before(self) -> date:
        """Sites known before this day are published. It is the first of a month, so that what is added from one
        publication to the next does not tell the day on which a site became known."""
        return first_day(month_of(self.today - timedelta(days=self.embargo_days)))
