"""The scan log: one line for each step of a scan, kept for ever. It decides which months are due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline import lines
from pipeline.errors import InputError
from pipeline.months import first_day, months_between

VERSION = 1
"""Of a line's layout."""
Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]


class Outcome(StrEnum):
    """How a step of a scan ended."""

    DONE = "done"
    """All looks were made, and what they show was published."""
    BLIND = "blind"
    """There was no scene, or no clear pixel: nothing can be said of the month."""
    INCOMPLETE = "incomplete"
    """Some looks failed again and again; what there is was published, and the rest is tried again with later months."""
    UNFINISHED = "unfinished"
    """Looks are left to be made, or failed: the step is due again."""
    FAILED = "failed"
    """It ended with an error: the step is due again."""

    @property
    def settles(self) -> bool:
        """Whether the months of the step are not due any more."""
        return self in (Outcome.DONE, Outcome.BLIND, Outcome.INCOMPLETE)


class ScanRecord(BaseModel):
    """One step of a scan: a month, or the first months together."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    version: Annotated[int, Field(ge=1, le=VERSION)] = VERSION
    at: datetime
    """When it ended, UTC."""
    day: date | None = None
    """Day of the scan by its clock, UTC; None = in a record of an earlier version."""
    aoi: str
    """SHA-256 of the AOI's outline: with another outline the months are scanned again."""
    first: Month
    """Its first month."""
    last: Month
    """Its last month; for all but the first scan the same."""
    outcome: Outcome
    code: int = 0
    """Exit code of the step."""
    reason: str = ""
    """Why it is not 0, in one line."""
    source: str = ""
    """Name of the source."""
    out: str = ""
    """Product folder."""
    recipe: str = ""
    """Digest of how looks are made."""
    run_id: str = ""
    """Id in the products."""
    model: str = ""
    software: str = ""
    looks: int = 0
    """Looks that show what was searched."""
    made: int = 0
    """Those of them that this step made."""
    left: int = 0
    """Looks that are left to be made."""
    failed: int = 0
    """Looks that failed."""
    seen_share: float = 0.0
    """Share of the AOI seen at least once in the last month, 0 to 1."""
    sites: Mapping[str, int] = Field(default_factory=dict)
    """Sites by status."""
    new: tuple[str, ...] = ()
    """Ids of sites that were new."""
    seconds: float = 0.0
    """How long it took."""
    n_bytes: int = 0
    """Bytes fetched."""
    pu: float = 0.0
    """Processing units spent."""

    @property
    def months(self) -> list[str]:
        """All months of the step."""
        return list(months_between(first_day(self.first), first_day(self.last)))


@dataclass(frozen=True, slots=True)
class ScanLog:
    """All records of an AOI."""

    records: tuple[ScanRecord, ...] = ()
    """In the order in which they were written."""
    damaged: int = 0
    """Lines that could not be read; their months are scanned again, which changes nothing where they were scanned."""

    def of(self, aoi: str) -> "ScanLog":
        """The records of an outline, by its SHA-256."""
        return ScanLog(tuple(record for record in self.records if record.aoi == aoi), self.damaged)

    def until(self, today: date) -> "ScanLog":
        """The records that are not from a day to come: a clock that was ahead for a while settles no month for ever."""
        later = today + timedelta(days=1)
        return ScanLog(tuple(each for each in self.records if each.day is None or each.day <= later), self.damaged)

    @property
    def begun(self) -> str | None:
        """The first month of all; None = nothing was ever scanned."""
        return min((record.first for record in self.records), default=None)

    @property
    def settled(self) -> frozenset[str]:
        """The months that are not due any more."""
        done = (record for record in self.records if record.outcome.settles)
        return frozenset(month for record in done for month in record.months)

    def first_try(self, month: str) -> datetime | None:
        """When the step that ends with a month was first tried since that month was last settled; None = never."""
        tries: list[datetime] = []
        for record in self.records:
            if record.last == month:
                tries = [] if record.outcome.settles else [*tries, record.at]
        return tries[0] if tries else None

    @property
    def recipe(self) -> str:
        """Digest of how the looks of the last settled step were made; empty = there is none."""
        return next((record.recipe for record in reversed(self.records) if record.outcome.settles), "")


def read_log(path: Path) -> ScanLog:
    """The scan log at a path, empty where there is none.

    Raises `InputError` for a file that cannot be read, or that a newer version wrote.
    """
    found = lines.read(path)
    records, damaged = [], found.damaged
    for row in found.rows:
        try:
            records.append(ScanRecord.model_validate_json(row))
        except ValidationError as cause:
            if any(error["loc"] == ("version",) for error in cause.errors()):
                raise InputError(f"{path}: written by a newer version of leachwatch; upgrade this one") from cause
            damaged += 1
    return ScanLog(tuple(records), damaged)


def append(path: Path, records: Iterable[ScanRecord]) -> None:
    """Add records; raises as `lines.append`."""
    lines.append(path, (record.model_dump_json(exclude_defaults=False).encode() for record in records))
