"""Checks of what an archive remembers: registry, ledger, indexes of looks, a publication cut short, locks, leases."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline import lines
from pipeline.errors import InputError
from pipeline.lease import holder_of
from pipeline.sites.registry import read_registry
from pipeline.sources.budget import totals
from pipeline.sources.ledger import Usage, read_ledger
from pipeline.upkeep.finding import Finding, failed, ok, skipped, warn
from pipeline.upkeep.subject import Subject

KERNEL_LOCKS = Path("/proc/locks")
"""Locks on files that processes of this machine hold."""
LONG_STILL_S = 600.0
"""A lease of another machine that was not renewed for so long has lost its holder, seconds; it is renewed every ten."""
OLD_PART_S = 86_400.0
"""A part of a file that is older than this, seconds, was left by a run that was killed."""


def registry(subject: Subject) -> Finding:
    """Every registry of names can be read whole."""
    name, paths = "registry", sorted(subject.archive.glob("registry*.json"))
    if not paths:
        return skipped(name, f"none in {subject.archive} yet")
    told = []
    for path in paths:
        try:
            told.append(f"{path.name} {len(read_registry(path).entries):,} sites")
        except InputError as cause:
            return failed(name, str(cause), "it cannot be made again: put back a copy of it before the next run")
    return ok(name, ", ".join(told))


def publication(subject: Subject) -> Finding:
    """No publication was cut short."""
    name, paths = "pending publication", sorted(subject.archive.glob("pending*.json"))
    if not paths:
        return ok(name, "none: the last one is whole")
    for path in paths:
        try:
            out = json.loads(path.read_text(encoding="utf-8"))["out"]
        except (OSError, ValueError, KeyError, TypeError) as cause:
            todo = f"move {path.name} away, then run detect again for the last AOI"
            return failed(name, f"{path} is damaged ({type(cause).__name__})", todo)
    return warn(name, f"that of {out} was cut short", "the next run completes it: run the same command again")


def ledger(subject: Subject) -> Finding:
    """The ledger can be read whole."""
    name, path = "ledger", subject.archive / "ledger.jsonl"
    if not path.exists():
        return skipped(name, f"none in {subject.archive} yet: nothing was asked of providers")
    try:
        entries = list(read_ledger(path))
    except InputError as cause:
        return failed(name, str(cause), "limits of the month count what it holds: make it readable")
    spent = sum(totals(entries).values(), Usage())
    aside = path.with_suffix(".damaged")
    if aside.exists():
        count = sum(bool(line.strip()) for line in aside.read_bytes().split(b"\n"))
        said = f"{len(entries):,} lines: {spent.text()}; {count} lines were damaged, counted as well as can be"
        return warn(name, said, f"look at {aside}, then remove it")
    return ok(name, f"{len(entries):,} lines: {spent.text()}")


def looks(subject: Subject) -> Finding:
    """The indexes of looks can be read; a damaged line only costs time, an index that is closed to us stops a run."""
    name, paths = "looks", sorted(subject.archive.glob("looks*/*/*/index.jsonl"))
    if not paths:
        return skipped(name, f"none in {subject.archive} yet")
    count = damaged = 0
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as cause:
            return failed(name, f"{path} cannot be read ({cause.strerror})", f"see who owns it: ls -l {path}")
        found = lines.parsed(content)
        count, damaged = count + len(found.rows) + found.damaged, damaged + found.damaged
    if damaged:
        return warn(
            name,
            f"{damaged:,} of {count:,} lines in {len(paths):,} indexes are damaged",
            "nothing is lost: the next run reads those looks anew; many in a short time mean a failing disk",
        )
    return ok(name, f"{count:,} in {len(paths):,} shelves, all lines sound")


def locks(subject: Subject) -> Finding:
    """Locks can be opened, and are free or held by a process that runs."""
    name, paths = "locks", _beside(subject, ".*.lock")
    if not paths:
        return skipped(name, "none yet")
    closed = [path for path in paths if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        return failed(
            name, f"{closed[0]} is closed to you", f"a run of another user made it: remove it, rm {closed[0]}"
        )
    if not KERNEL_LOCKS.exists():
        return skipped(name, f"{len(paths)} files; who holds them cannot be told here")
    held = [(path, holder) for path in paths if (holder := _process_with(path)) is not None]
    if held:
        said = ", ".join(f"{path.name} by process {holder}{_program_of(holder)}" for path, holder in held)
        return ok(name, f"held: {said}")
    return ok(name, f"{len(paths)} files, all free")


def leases(subject: Subject) -> Finding:
    """No lease was left by a run that died."""
    name, paths = "leases", _beside(subject, ".*.lease")
    if not paths:
        return ok(name, "none: no run is writing")
    dead = [(path, why) for path in paths if (why := _dead_holder(path))]
    if dead:
        path, why = dead[0]
        return warn(name, f"{path} was left by {why}", "the next run takes it over; nothing to do")
    return ok(name, f"held by a run: {', '.join(path.name for path in paths)}")


def leftovers(subject: Subject) -> Finding:
    """No parts of files were left by runs that were killed."""
    name, oldest = "leftovers", time.time() - OLD_PART_S
    parts = [path for root in (subject.archive, subject.out) for path in root.glob("**/.*.part")]
    old = [path for path in parts if path.is_file() and path.stat().st_mtime < oldest]
    if old:
        n_bytes = sum(path.stat().st_size for path in old)
        return warn(name, f"{len(old):,} parts of files, {n_bytes / 1e6:,.1f} MB, such as {old[0]}", "remove them")
    return ok(name, "no parts of files were left by runs that were killed")


def _beside(subject: Subject, pattern: str) -> list[Path]:
    """Locks and leases lie beside what they protect."""
    return sorted(path for root in (subject.archive, subject.out) for path in _shallow(root, pattern))


def _shallow(root: Path, pattern: str) -> Iterator[Path]:
    yield from root.glob(pattern)
    yield from root.glob(f"*/{pattern}")


def _process_with(path: Path) -> int | None:
    """Number of the process that holds a lock on a file; None: it is free."""
    inode = path.stat().st_ino
    rows = KERNEL_LOCKS.read_text(encoding="ascii").splitlines()
    found = (
        re.search(r"(?:FLOCK|POSIX|OFDLCK)\s+\S+\s+WRITE\s+(-?\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s", row) for row in rows
    )
    return next((int(match[1]) for match in found if match and int(match[2]) == inode), None)


def _program_of(process: int) -> str:
    try:
        return f" ({Path(f'/proc/{process}/comm').read_text(encoding='utf-8').strip()})"
    except (OSError, UnicodeDecodeError):
        return ""


def _dead_holder(path: Path) -> str:
    """Who left a lease and died, in words; empty where it may be alive."""
    try:
        holder, still_s = holder_of(path), time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return ""  # given back meanwhile
    if holder is None:
        return ""
    if not holder.token:
        return "nobody that it names: it is damaged"
    if holder.is_on_this_machine():
        return "" if Path(f"/proc/{holder.process}").exists() else f"process {holder.process}, which has ended"
    if holder.host == socket.gethostname():
        return f"process {holder.process}, before this machine was started anew"
    return f"{holder.text()}, {still_s / 60:,.0f} minutes ago" if still_s > LONG_STILL_S else ""
