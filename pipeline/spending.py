"""What providers are asked for, and what that costs: a ledger on disk, and the limits that a run keeps to.

The ledger is a file of lines, one per read, to which any number of processes add. It is the only memory of what was
spent, so a run that was killed, or that runs on several machines, still counts all of it.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import CapReached, InputError, one_line, write_error

GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class Spent:
    """An amount."""

    requests: int = 0
    """Requests that were answered."""
    n_bytes: int = 0
    """Bytes that came."""
    pu: float = 0.0
    """Processing units."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.requests + other.requests, self.n_bytes + other.n_bytes, self.pu + other.pu)

    def text(self) -> str:
        """In words."""
        units = f", {self.pu:,.1f} processing units" if self.pu else ""
        return f"{self.n_bytes / 1e6:,.1f} MB in {self.requests:,} requests{units}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger."""

    at: datetime
    """When, UTC."""
    run: str
    """Which run."""
    provider: str
    """Whose data."""
    spent: Spent
    """How much."""

    @property
    def month(self) -> str:
        """`YYYY-MM`, UTC."""
        return f"{self.at:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent; None = no limit."""

    pu: float | None = None
    """Processing units."""
    n_bytes: float | None = None
    """Bytes."""

    def reached(self, spent: Spent) -> str | None:
        """The limit that is reached, in words."""
        if self.pu is not None and spent.pu >= self.pu:
            return f"{self.pu:g} processing units"
        if self.n_bytes is not None and spent.n_bytes >= self.n_bytes:
            return f"{self.n_bytes / GIGABYTE:g} GB"
        return None


@dataclass(frozen=True, slots=True)
class Purse:
    """What a run may spend. Small to send: each process of a run has it, and all share the ledger."""

    ledger: Path
    """The file."""
    run: str
    """Marks the lines of this run."""
    of_run: Limits = Limits()
    """For this run."""
    of_month: Limits = Limits()
    """For all runs of a calendar month (UTC) that use this ledger."""

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return self.of_run != Limits() or self.of_month != Limits()

    def spend(self, provider: str, spent: Spent) -> None:
        """Add a line. Raises `UnitsFailed` on a full disk: what is not written down must not be spent."""
        if spent == Spent():
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
            file = os.open(self.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                # One small write: lines of processes do not mix. It begins anew after a line that somebody left half.
                content = f"\n{json.dumps(line)}\n".encode()
                if os.write(file, content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(file)
        except OSError as cause:
            raise write_error(self.ledger, cause) from cause

    def check(self) -> None:
        """Raise `CapReached` when nothing more may be spent."""
        if not self.limited:
            return
        totals = _tail(self.ledger)
        for limits, key, what in (
            (self.of_run, self.run, "for this run (--max-pu, --max-gb)"),
            (self.of_month, f"{datetime.now(UTC):%Y-%m}", "for this month (settings, [spending])"),
        ):
            reached = limits.reached(totals.get(key, Spent()))
            if reached:
                raise CapReached(f"the limit of {reached} {what} is reached; what was done is kept")

    def spent(self) -> dict[str, Spent]:
        """What this run has spent so far, by provider."""
        return totals(entry for entry in read_ledger(self.ledger) if entry.run == self.run)

    def spent_in_month(self) -> dict[str, Spent]:
        """What all runs have spent in this calendar month, by provider."""
        month = f"{datetime.now(UTC):%Y-%m}"
        return totals(entry for entry in read_ledger(self.ledger) if entry.month == month)


def totals(entries: Iterable[Entry]) -> dict[str, Spent]:
    """The sum by provider, in the order of names."""
    found: dict[str, Spent] = {}
    for entry in entries:
        found[entry.provider] = found.get(entry.provider, Spent()) + entry.spent
    return dict(sorted(found.items()))


def read_ledger(path: Path) -> Iterator[Entry]:
    """The lines of a ledger, none where there is none. Raises `InputError` for one that is damaged.

    A line without an end is of a process that was killed while it wrote, and is left out.
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


def _entry(line: bytes, path: Path, number: int) -> Entry:
    try:
        told = json.loads(line)
        at = datetime.fromisoformat(told["at"])
        spent = Spent(int(told["requests"]), int(told["bytes"]), float(told["pu"]))
        return Entry(at, str(told["run"]), str(told["provider"]), spent)
    except (ValueError, KeyError, TypeError) as cause:
        raise InputError(
            f"{path}: line {number} is damaged ({one_line(cause)[:80]}); move the file away to begin a new one"
        ) from cause


@dataclass(slots=True)
class _Read:
    """How far a ledger has been added up in this process."""

    offset: int = 0
    lines: int = 0
    totals: dict[str, Spent] = field(default_factory=dict)
    """By run, and by month."""


_read: dict[Path, _Read] = {}


def _tail(path: Path) -> dict[str, Spent]:
    """Sums by run and by month; only what was added since the last call is read."""
    known = _read.setdefault(path, _Read())
    if not path.exists():
        return {}
    if path.stat().st_size < known.offset:
        known = _read[path] = _Read()  # somebody began a new one
    with path.open("rb") as file:
        file.seek(known.offset)
        whole, _, _ = file.read().rpartition(b"\n")
    if whole:
        for line in whole.split(b"\n"):
            known.lines += 1
            if not line.endswith(b"}"):
                continue
            entry = _entry(line, path, known.lines)
            for key in (entry.run, entry.month):
                known.totals[key] = known.totals.get(key, Spent()) + entry.spent
        known.offset += len(whole) + 1
    return known.totals
