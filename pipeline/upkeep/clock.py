"""Checks of time: the clock, who sets it, the time zone, and the timers of scheduled scans.

What is published bears the day on which it was published, and nothing is published before what already was. So a clock
that was once years ahead stops every later run.
"""

import getpass
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline import resources
from pipeline.errors import InputError
from pipeline.sites.registry import read_registry
from pipeline.upkeep.finding import Finding, failed, ok, skipped, warn
from pipeline.upkeep.subject import Subject, said_by

TOLERANCE = timedelta(days=1)
"""Files of another machine may be somewhat ahead, and a day begins elsewhere earlier."""
LINGER = Path("/var/lib/systemd/linger")
"""Holds a file for each user whose timers run while they are not logged in."""
SET_CLOCK = "set the clock (timedatectl set-ntp true), before anything is published under a wrong day"


def clock(subject: Subject) -> Finding:
    """The clock is not behind what this machine has already done."""
    name, now = "clock", subject.now
    marks = [(when, what) for when, what in _marks(subject) if when > now + TOLERANCE]
    if not marks:
        return ok(name, f"{now:%Y-%m-%d %H:%M} UTC, after all that was made here")
    when, what = max(marks)
    days = (when - now).days
    return failed(name, f"{now:%Y-%m-%d} UTC, but {what} is of {when:%Y-%m-%d}, {days} days later", SET_CLOCK)


def publication(subject: Subject) -> Finding:
    """Nothing was published under a day that is still to come."""
    name, last = "publication day", _last_publication(subject)
    if last is None:
        return skipped(name, "nothing was published yet")
    day, path = last
    if day > (subject.now + TOLERANCE).date():
        return failed(
            name,
            f"{path} holds a publication of {day}, which is still to come: later runs cannot go before it",
            f"if the clock is right now, put back a copy of {path.name} from before that day",
        )
    return ok(name, f"the last is of {day}")


def time_server() -> Finding:
    """The clock is set by a time server."""
    name, program = "time server", shutil.which("timedatectl")
    told = said_by([program, "show", "--property=NTPSynchronized", "--value"]) if program else None
    if told == "yes":
        return ok(name, "the clock is set by a time server")
    if told == "no":
        return warn(name, "the clock is not set by a time server", "timedatectl set-ntp true")
    return skipped(name, "whether the clock is set by a time server cannot be told here")


def time_zone(subject: Subject) -> Finding:
    """The time zone is known; days of looks and publications are UTC whatever it is."""
    name, chosen = "time zone", subject.environment.get("TZ", "").removeprefix(":")
    if chosen and not chosen.startswith("/") and not any(k in chosen for k in "0123456789<"):  # others are rules
        try:
            ZoneInfo(chosen)
        except (ValueError, OSError, LookupError):
            return warn(name, f"TZ={chosen[:40]!r} is no known zone, so clocks show UTC", "unset TZ, or name a zone")
    return ok(name, f"{datetime.now().astimezone().tzname()}; of no matter: all days are UTC")


def timers(subject: Subject) -> Finding:
    """The timers of scheduled scans are running."""
    name = "timers"
    units = sorted((subject.home / ".config" / "systemd" / "user").glob("leachwatch-scan-*.timer"))
    if not units:
        return skipped(name, "no scans are scheduled for this user", "make schedule AOI=..., where you want some")
    program = shutil.which("systemctl")
    states = {unit.name: said_by([program, "--user", "is-active", unit.name]) if program else None for unit in units}
    unknown = [unit for unit, told in states.items() if told not in ("active", "inactive", "failed", "activating")]
    if unknown:
        return warn(
            name,
            f"{unknown[0]} is installed, but systemd does not answer for this user",
            f"log in as this user, then: systemctl --user status {unknown[0]}",
        )
    idle = [unit for unit, told in states.items() if told != "active"]
    if idle:
        return failed(name, f"{idle[0]} is installed but not active", f"systemctl --user enable --now {idle[0]}")
    user = getpass.getuser()
    if LINGER.is_dir() and not (LINGER / user).exists():
        return warn(name, "active, but only while you are logged in", f"loginctl enable-linger {user}")
    return ok(name, f"active: {', '.join(unit.stem.removeprefix('leachwatch-scan-') for unit in units)}")


def _marks(subject: Subject) -> Iterator[tuple[datetime, str]]:
    """When what is here was made, and what it is."""
    made = resources.PACKAGE / "__init__.py"
    yield datetime.fromtimestamp(made.stat().st_mtime, UTC), "the program itself"
    patterns = ("*.json*", "scans/*", "looks*/*/*/index.jsonl")
    for path in (path for pattern in patterns for path in subject.archive.glob(pattern)):
        yield datetime.fromtimestamp(path.stat().st_mtime, UTC), str(path)


def _last_publication(subject: Subject) -> tuple[date, Path] | None:
    """Day of the last publication in any registry, and which; a damaged one is told by its own check."""
    days: list[tuple[date, Path]] = []
    for path in sorted(subject.archive.glob("registry*.json")):
        try:
            entries = read_registry(path).entries
        except InputError:
            continue
        days += [(state.on, path) for entry in entries for state in entry.published]
    return max(days, default=None)
