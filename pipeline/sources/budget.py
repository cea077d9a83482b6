"""Usage of providers and its limits: a ledger on disk, and the budget of a run.

The ledger has one line per response, and any number of processes append to it. It is the only record of usage, so a run
that was killed, or that runs on several machines, still counts all of it. What its lines say is read in `ledger.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from pipeline.errors import CapReached
from pipeline.sources.ledger import LedgerEntry, Tally, Usage, append, read_ledger

GIGABYTE = 1e9


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
        append(self.ledger, LedgerEntry(datetime.now(UTC), self.run, provider, spent))

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


@lru_cache(maxsize=8)
def _tally(path: Path) -> Tally:
    """The tally of a ledger in this process."""
    return Tally(path)
