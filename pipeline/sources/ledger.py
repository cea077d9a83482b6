"""The ledger of spending on disk: its lines, what damaged ones count as, and how it stays small over the years.

One line per response, appended by any number of processes. A damaged line blocks nothing and is not forgotten: what can
still be read of it counts, and for what cannot be read it counts as much as the largest line of its month. When a run
begins, such lines are replaced by what they count as, and copied to `ledger.damaged`; and months that have long ended
are summed up, one line per provider.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from pipeline import atomic
from pipeline.atomic import append_bytes
from pipeline.errors import InputError, write_error
from pipeline.locks import PATIENCE_S, locked

MONTH, UNKNOWN = "month", "unknown"
"""Runs in the ledger that are none: a month that was summed up, and a damaged line whose run cannot be read."""
OPEN_DAYS = 62
"""Lines that are younger than this stay as they are: runs that still go on count their own."""
PARTS = MappingProxyType(
    {
        "at": rb'"at": "(\d{4}-\d\d-\d\dT[0-9:+]{14})"',
        "run": rb'"run": "([ !#-\[\]-~]+)"',
        "provider": rb'"provider": "([ !#-\[\]-~]+)"',
        "requests": rb'"requests": (\d{1,18}),',
        "bytes": rb'"bytes": (\d{1,18}),',
        "pu": rb'"pu": (\d{1,18}(?:\.\d+)?)}',
    }
)
"""What of a damaged line may still be read: plain text, and numbers of a size that can be."""
MOST = 10**18
"""An amount that is not smaller is damaged."""


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

    def at_most(self, other: "Usage") -> "Usage":
        """The larger of each amount."""
        return Usage(max(self.requests, other.requests), max(self.n_bytes, other.n_bytes), max(self.pu, other.pu))

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


def append(path: Path, entry: LedgerEntry) -> None:
    """Append a line; raises `UnitsFailed` on a full disk: what cannot be recorded must not be spent."""
    with locked(path, str(path), PATIENCE_S):
        try:
            append_bytes(path, b"\n" + _line(entry))  # the leading newline ends any unfinished line
        except OSError as cause:
            raise write_error(path, cause) from cause


def read_ledger(path: Path) -> list[LedgerEntry]:
    """Entries of a ledger, none if the file does not exist; damaged lines as what they count as.

    Raises `InputError` where the file cannot be read.
    """
    return [entry for entry, _ in _read(path)]


def tidy_ledger(path: Path, now: datetime | None = None) -> str | None:
    """Set damaged lines aside and sum up months that have long ended; what is to be told, in a line.

    Crash-safe: the copies are written first, then the ledger as a whole. Raises `InputError` and as `write_error`.
    """
    if not path.exists():
        return None
    with locked(path, str(path), PATIENCE_S):
        found = _read(path)
        damaged = [line for _, line in found if line]
        kept = _summed_up([entry for entry, _ in found], (now or datetime.now(UTC)) - timedelta(days=OPEN_DAYS))
        aside = path.with_suffix(".damaged")
        if damaged:
            before = aside.read_bytes() if aside.exists() else b""
            new = [line for line in damaged if line not in before.split(b"\n")]
            atomic.write_bytes(aside, [before, *(line + b"\n" for line in new)])
        if damaged or len(kept) < len(found):
            atomic.write_bytes(path, map(_line, kept))
    if not damaged:
        return None
    return (
        f"{path}: {len(damaged)} damaged lines, copied to {aside.name}; what cannot be read of one counts as much as "
        "the largest line of its month"
    )


def _summed_up(entries: Iterable[LedgerEntry], since: datetime) -> list[LedgerEntry]:
    """Entries with those of the months that ended before a time as one per month and provider, ascending."""
    sums: dict[tuple[str, str], LedgerEntry] = {}
    left: list[LedgerEntry] = []
    for entry in entries:
        if entry.month >= f"{since:%Y-%m}":
            left.append(entry)
            continue
        known = sums.get((entry.month, entry.provider))
        usage = entry.usage + known.usage if known else entry.usage
        sums[entry.month, entry.provider] = LedgerEntry(_first_of(entry.at), MONTH, entry.provider, usage)
    return [*(sums[each] for each in sorted(sums)), *left]


def _first_of(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _line(entry: LedgerEntry) -> bytes:
    row = {
        "at": entry.at.isoformat(timespec="seconds"),
        "run": entry.run,
        "provider": entry.provider,
        "requests": entry.usage.requests,
        "bytes": entry.usage.n_bytes,
        "pu": round(entry.usage.pu, 6),
    }
    return json.dumps(row).encode() + b"\n"


def _read(path: Path) -> list[tuple[LedgerEntry, bytes]]:
    """The entries of a ledger, each with its line where that is damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    reader = _Reader()
    found = [each for line in content.split(b"\n") for each in reader.entries(line)]
    return [*((reader.counted(entry), line) for entry, line in found)]


@dataclass(slots=True)
class _Reader:
    """Reads lines in the order of the file, and knows what damaged ones count as."""

    last: datetime | None = None
    """Time of the latest line that could be read: a line without a time is taken to be of the same month."""
    largest: dict[str, Usage] = field(default_factory=dict)
    """The largest amounts of a line so far, by month."""

    def entries(self, line: bytes) -> Iterator[tuple[LedgerEntry, bytes]]:
        """The entry of a line, none of an empty or an unfinished one; with the line where it is damaged.

        An unfinished line is one of a process that was killed, or had no room, while writing.
        """
        entry = _whole(line)
        if entry is not None:
            largest = self.largest.get(entry.month, Usage())
            if entry.run != MONTH:
                self.largest[entry.month] = largest.at_most(entry.usage)
            self.last = entry.at
            yield entry, b""
        elif line and not _is_unfinished(line):
            yield self._salvaged(line), line

    def counted(self, entry: LedgerEntry) -> LedgerEntry:
        """An entry as it counts: amounts that could not be read as the largest of its month."""
        if min(entry.usage.requests, entry.usage.n_bytes, entry.usage.pu) >= 0:
            return entry
        most = self.largest.get(entry.month, Usage())
        return replace(
            entry,
            usage=Usage(
                entry.usage.requests if entry.usage.requests >= 0 else max(1, most.requests),
                entry.usage.n_bytes if entry.usage.n_bytes >= 0 else most.n_bytes,
                entry.usage.pu if entry.usage.pu >= 0 else most.pu,
            ),
        )

    def _salvaged(self, line: bytes) -> LedgerEntry:
        """What can be read of a damaged line; amounts that cannot are -1."""
        parts = {name: match[1].decode() for name, pattern in PARTS.items() if (match := re.search(pattern, line))}
        at = self.last or datetime.now(UTC)
        with suppress(KeyError, ValueError):
            at = datetime.fromisoformat(parts["at"])
        usage = Usage(int(parts.get("requests", -1)), int(parts.get("bytes", -1)), float(parts.get("pu", -1)))
        return LedgerEntry(at, parts.get("run", UNKNOWN), parts.get("provider", UNKNOWN), usage)


def _whole(line: bytes) -> LedgerEntry | None:
    """The entry of a sound line."""
    try:
        row = json.loads(line)
        spent = Usage(int(row["requests"]), int(row["bytes"]), float(row["pu"]))
        at = datetime.fromisoformat(row["at"])
        sound = at.tzinfo is not None and all(0 <= part < MOST for part in (spent.requests, spent.n_bytes, spent.pu))
        return LedgerEntry(at, str(row["run"]), str(row["provider"]), spent) if sound else None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _is_unfinished(line: bytes) -> bool:
    """Whether a line is the beginning of one, and no amount of it was written."""
    start = b'{"at": "'
    return line.startswith(start[: len(line)]) and line.isascii() and not line.endswith(b"}") and b'"pu"' not in line


class Tally:
    """Sums of a ledger by run and by month, as far as this process has read it."""

    def __init__(self, path: Path) -> None:
        """Has read nothing yet."""
        self._path = path
        self._begin(None)

    def _begin(self, file: tuple[int, int] | None) -> None:
        self._file, self._offset, self._reader = file, 0, _Reader()
        self._totals: dict[str, Usage] = {}
        self._unread: list[LedgerEntry] = []

    def totals(self) -> dict[str, Usage]:
        """Sums by run and by month; only what was added since the last call is read."""
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if (found.st_dev, found.st_ino) != self._file or found.st_size < self._offset:
                    self._begin((found.st_dev, found.st_ino))  # it was replaced: summed up, or by a new one
                file.seek(self._offset)
                whole, _, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return {}
        self._offset += len(whole) + 1 if whole else 0
        for line in whole.split(b"\n"):
            for entry, damaged in self._reader.entries(line):
                self._unread += [entry] if damaged else []
                self._totals = self._totals if damaged else _with(self._totals, entry)
        found_now = dict(self._totals)
        for entry in self._unread:
            found_now = _with(found_now, self._reader.counted(entry))
        return found_now


def _with(totals: dict[str, Usage], entry: LedgerEntry) -> dict[str, Usage]:
    """Sums with an entry added, in place."""
    for key in (entry.run, entry.month):
        totals[key] = totals.get(key, Usage()) + entry.usage
    return totals
