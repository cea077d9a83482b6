"""What the desk asks of the file of verdicts."""

from datetime import date, datetime
from typing import Protocol

from shapely.geometry import MultiPolygon, Polygon

from pipeline.reviews.file import Reading
from pipeline.reviews.review import Reason, Verdict


class Storage(Protocol):
    """Where verdicts are kept. What a method was asked to write is on disk when it returns, and what stood there before
    is kept in a history; each raises `PipelineError` in one line where it cannot (locked, damaged, disk full).

    Other programs may write to the same file at any time, so nothing that was read is held for true later.
    """

    def read(self) -> Reading:
        """Every row and pond point, and what could not be understood."""
        ...

    def judge(
        self,
        site_id: str,
        verdict: Verdict | None,
        reason: Reason | None,
        note: str | None,
        reviewer: str | None,
        at: datetime | None,
    ) -> None:
        """Write what a person says of a site, into the row whose `turn` it is; `at` None = it is not known when."""
        ...

    def set_point(
        self, fid: int | None, site_id: str | None, lon: float, lat: float, reviewer: str | None, at: datetime
    ) -> int:
        """Write a pond point, a new one where `fid` is None; returns its number."""
        ...

    def remove_point(self, fid: int) -> None:
        """Remove a pond point."""
        ...

    def add_site(
        self,
        polygon: Polygon | MultiPolygon,
        reviewer: str | None,
        note: str | None,
        at: datetime,
        seen_on: date | None,
    ) -> int:
        """Write a site that was missed; returns the number of its row. It gets its name from the next run.

        `seen_on`: day on which it was seen; None = not known.
        """
        ...

    def remove_site(self, fid: int) -> None:
        """Remove a site that a person added, and that has no name yet."""
        ...
