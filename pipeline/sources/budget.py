"""Usage of providers and its limits: a ledger on disk, and the budget of a run.

The ledger has one line per response, and any number of processes append to it. It is the only record of usage, so a run
that was killed, or that runs on several machines, still counts all of it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pipeline import atomic
from pipeline.errors import CapReached, InputError, one_line, write_error

GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of a provider."""

    requests: int = 0
    """Requests that got a response."""
    n_bytes: int = 0
    """Bytes received."""
    pu: float = 0.0
    """Processing units."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.requests + other.requests, self.n_bytes + other.n_bytes, self.pu + other.pu)

    def text(self) -> str:
        """As text for users."""
        units = f", {self.pu:,.1f} processing units" if self.pu else ""
        return f"{self.n_bytes / 1e6:,.1f} MB in {self.requests:,} requests{units}"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One line of a ledger."""

    at: datetime
    """Time of the response, UTC."""
    run: str
    """Id of the run."""
    provider: str
    """Name of the provider."""
    usage: Usage
    """Usage of this response."""

    @property
    def month(self) -> str:
        """`YYYY-MM`, UTC."""
        return f"{self.at:%Y-%m}"


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """Limits of usage; None = no limit."""

    pu: float | None = None
    """Processing units."""
    n_bytes: float | None = None
    """Bytes."""

    def reached(self, spent: Usage) -> str | None:
        """The limit that is reached, as text; None if none is."""
        if self.pu is not None and spent.pu >= self.pu:
            return f"{self.pu:g} processing units"
        if self.n_bytes is not None and spent.n_bytes >= self.n_bytes:
            return f"{self.n_bytes / GIGABYTE:g} GB"
        return None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend; cheap to pickle, because each process of a run has a copy and all share the ledger."""

    ledger: Path
    """Path of the ledger."""
    run: str
    """Id of this run in the ledger."""
    of_run: SpendingLimits = SpendingLimits()
    """Limits for this run."""
    of_month: SpendingLimits = SpendingLimits()
    """Limits for all runs in a calendar month (UTC) that use this ledger."""

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.of_run != SpendingLimits() or self.of_month != SpendingLimits()

    def spend(self, provider: str, spent: Usage) -> None:
        """Append a line; raises `UnitsFailed` on a full disk: what cannot be recorded must not be spent."""
        if spent == Usage():
            return
        line = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": self.run,
            "provider": provider,
            "requests": spent.requests,
            "bytes": spent.n_bytes,
            "pu": round(spent.pu, 6),
        }
        try:
            self.ledger.parent.mkdir(parents=True, exist_ok=True)
            # The leading newline ends any unfinished line.
            atomic.append_bytes(self.ledger, f"\n{json.dumps(line)}\n".encode())
        except OSError as cause:
            raise write_error(self.ledger, cause) from cause

    def check(self) -> None:
        """Raise `CapReached` when a limit is reached."""
        if not self.limited:
            return
        totals = _tally(self.ledger).totals()
        for limits, key, what in (
            (self.of_run, self.run, "for this run (--max-pu, --max-gb)"),
            (self.of_month, f"{datetime.now(UTC):%Y-%m}", "for this month (settings, [spending])"),
        ):
            reached = limits.reached(totals.get(key, Usage()))
            if reached:
                raise CapReached(f"the limit of {reached} {what} is reached; what was done is kept")

    def spent(self) -> dict[str, Usage]:
        """What this run has spent so far, by provider."""
        return totals(entry for entry in read_ledger(self.ledger) if entry.run == self.run)

    def spent_in_month(self) -> dict[str, Usage]:
        """What all runs have spent in this calendar month, by provider."""
        month = f"{datetime.now(UTC):%Y-%m}"
        return totals(entry for entry in read_ledger(self.ledger) if entry.month == month)


def totals(entries: Iterable[LedgerEntry]) -> dict[str, Usage]:
    """Sum of usage per provider, sorted by name."""
    found: dict[str, Usage] = {}
    for entry in entries:
        found[entry.provider] = found.get(entry.provider, Usage()) + entry.usage
    return dict(sorted(found.items()))


def read_ledger(path: Path) -> Iterator[LedgerEntry]:
    """Entries of a ledger, none if the file does not exist; raises `InputError` for a damaged line.

    An unfinished line comes from a process that was killed while writing, and is skipped.
    """
    if not path.exists():
        return
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.endswith(b"}"):
            yield _entry(line, path, number)


def _entry(line: bytes, path: Path, number: int) -> LedgerEntry:
    try:
        row = json.loads(line)
        at = datetime.fromisoformat(row["at"])
        spent = Usage(int(row["requests"]), int(row["bytes"]), float(row["pu"]))
        return LedgerEntry(at, str(row["run"]), str(row["provider"]), spent)
    except (ValueError, KeyError, TypeError) as cause:
        raise InputError(
            f"{path}: line {number} is damaged ({one_line(cause)[:80]}); move the file away to begin a new one"
        ) from cause


class _Tally:
    """Sums of a ledger by run and by month, as far as this process has read it."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._lines = path, 0, 0
        self._totals: dict[str, Usage] = {}

    def totals(self) -> dict[str, Usage]:
        """Sums by run and by month; only what was added since the last call is read."""
        if not self._path.exists():
            return {}
        if self._path.stat().st_size < self._offset:
            self._offset, self._lines, self._totals = 0, 0, {}  # the file was replaced by a new one
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, _, _ = file.read().rpartition(b"\n")
        for line in whole.split(b"\n") if whole else ():
            self._add(line)
        self._offset += len(whole) + 1 if whole else 0
        return self._totals

    def _add(self, line: bytes) -> None:
        self._lines += 1
        if line.endswith(b"}"):
            entry = _entry(line, self._path, self._lines)
            for key in (entry.run, entry.month):
                self._totals[key] = self._totals.get(key, Usage()) + entry.usage


@lru_cache(maxsize=8)
def _tally(path: Path) -> _Tally:
    """The tally of a ledger in this process."""
    return _Tally(path)
