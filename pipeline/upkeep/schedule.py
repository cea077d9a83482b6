"""Schedules: a timer of systemd for the user, or a line for cron where there is no systemd.

The timer starts a scan every morning. On most days no month is due and the scan ends in seconds; on the sixth of a
month it scans; after a failure, or while a first scan is under way, it goes on the next morning. systemd catches up on
a start that was missed because the machine was off.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import atomic
from pipeline.errors import InputError, describe, write_error

MARK = "# Written by leachwatch schedule."
"""First line of each unit: files without it are not touched."""
RECORD = "schedules.json"
HOUR, MINUTE = 2, 30
"""Of the daily start, UTC."""
UNITS = Path(".config/systemd/user")
"""Folder of a user's units, below home."""
SECRETS = Path(".config/leachwatch/environment")
"""File with credentials and addresses, below home: NAME=value, one per line, readable for its owner only."""
COMMAND_S = 20.0
"""How long systemctl may take, seconds."""
SAFE = re.compile(r"[A-Za-z0-9_-]{1,80}")


class Kind(StrEnum):
    """By what scans are started."""

    SYSTEMD = "systemd"
    CRON = "cron"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scan that is started every day."""

    aoi: str
    """Name of the AOI, or of several with `-` between."""
    kind: Kind
    command: tuple[str, ...]
    """The program and its arguments."""
    folder: str
    """Working directory."""
    since: str
    """Day on which it was set up, `YYYY-MM-DD`, UTC."""
    hour: int = HOUR
    minute: int = MINUTE

    @property
    def unit(self) -> str:
        """Name of its units."""
        return f"leachwatch-scan-{self.aoi}"

    def next_start(self, now: datetime) -> datetime:
        """When it is started next, UTC."""
        today = now.astimezone(UTC).replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        return today if today > now else today + timedelta(days=1)


SCHEDULES = TypeAdapter(tuple[Schedule, ...])


def timer_text(schedule: Schedule) -> str:
    """The timer unit."""
    return f"""{MARK}
[Unit]
Description=leachwatch: scan of {schedule.aoi}, every day

[Timer]
OnCalendar=*-*-* {schedule.hour:02d}:{schedule.minute:02d}:00 UTC
Persistent=true
RandomizedDelaySec=30min

[Install]
WantedBy=timers.target
"""


def service_text(schedule: Schedule, home: Path) -> str:
    """The service unit that the timer starts."""
    return f"""{MARK}
[Unit]
Description=leachwatch: scan of {schedule.aoi}

[Service]
Type=oneshot
WorkingDirectory={_plain(schedule.folder)}
# Credentials and addresses; readable for its owner only. The file may be missing.
EnvironmentFile=-{_plain(str(home / SECRETS))}
ExecStart={" ".join(_quoted(word) for word in schedule.command)}
# A first scan may take days; 3 = nothing could be seen, 4 = a limit is reached: both were told, and are no crash.
TimeoutStartSec=infinity
SuccessExitStatus=3 4
Nice=10
IOSchedulingClass=idle
NoNewPrivileges=true
"""


def cron_text(schedule: Schedule, home: Path) -> str:
    """A line for `crontab -e`: cron starts it by the clock of the machine, and does not catch up."""
    local = datetime.now(UTC).replace(hour=schedule.hour, minute=schedule.minute).astimezone()
    secrets = shlex.quote(str(home / SECRETS))
    words = [
        f"cd {shlex.quote(schedule.folder)} &&",
        f"{{ [ ! -r {secrets} ] || {{ set -a; . {secrets}; set +a; }}; }} &&",
        " ".join(shlex.quote(word) for word in schedule.command),
    ]
    return f"{local.minute} {local.hour} * * * {' '.join(words).replace('%', chr(92) + '%')}"


def _quoted(word: str) -> str:
    """A word of a command line as systemd reads it."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$").replace("%", "%%")
    return f'"{escaped}"'


def _plain(path: str) -> str:
    """A path in a unit, which is not quoted but expanded."""
    return path.replace("%", "%%")


def checked_name(names: Sequence[str]) -> str:
    """The name of a schedule for some AOIs. Raises `InputError` for one that cannot name a unit."""
    name = "-".join(names)
    if not SAFE.fullmatch(name):
        raise InputError(f"{name}: a schedule cannot be named so; letters, digits and - only, in the name of the file")
    return name


def has_systemd() -> bool:
    """Whether this user has a running systemd that could start a timer."""
    return shutil.which("systemctl") is not None and _systemctl("show-environment").returncode == 0


def install(schedule: Schedule, archive: Path, home: Path) -> list[str]:
    """Set a schedule up, and record it; returns what was done, and what is left to do, in words.

    Raises `InputError` where a unit of somebody else is in the way, or where systemd refuses it.
    """
    for line in (*schedule.command, schedule.folder):
        if "\n" in line:
            raise InputError("a path with a line break in it cannot be scheduled; rename it")
    if schedule.kind is Kind.CRON:
        record(archive, schedule)
        return [
            "There is no systemd for this user. Add this line to cron (crontab -e); it starts a scan every day:",
            cron_text(schedule, home),
            "cron does not catch up on what was missed while the machine was off; the next scan does.",
        ]
    folder = home / UNITS
    for path in _units(folder, schedule.unit):
        _check_own(path)
    atomic.write_text(folder / f"{schedule.unit}.service", service_text(schedule, home))
    atomic.write_text(folder / f"{schedule.unit}.timer", timer_text(schedule))
    _do("daemon-reload")
    _do("enable", "--now", f"{schedule.unit}.timer")
    record(archive, schedule)
    return [
        f"{schedule.unit}.timer starts a scan every day at {schedule.hour:02d}:{schedule.minute:02d} UTC.",
        f"  credentials and addresses: {home / SECRETS}",
        f"  what it says: journalctl --user -u {schedule.unit}; in short: leachwatch status",
        *_linger_advice(),
    ]


def uninstall(name: str, archive: Path, home: Path) -> list[str]:
    """Remove a schedule; returns what was done, in words. Raises `InputError` where there is none."""
    known = {each.aoi: each for each in schedules(archive)}
    unit = f"leachwatch-scan-{name}"
    units = [path for path in _units(home / UNITS, unit) if path.is_file()]
    if not units and name not in known:
        raise InputError(f"{name}: no schedule of that name; there are {', '.join(known) or 'none'}")
    done = []
    if units:
        for path in units:
            _check_own(path)
        if shutil.which("systemctl") is not None:
            _systemctl("disable", "--now", f"{unit}.timer")
        for path in units:
            try:
                path.unlink()
            except OSError as cause:
                raise write_error(path, cause) from cause
        if shutil.which("systemctl") is not None:
            _systemctl("daemon-reload")
        done.append(f"{unit}.timer and its service are removed.")
    elif known[name].kind is Kind.CRON:
        done.append("Remove its line from cron as well: crontab -e")
    _write(archive, [each for each in known.values() if each.aoi != name])
    return [*done, "Its looks, names and products stay."]


def schedules(archive: Path) -> tuple[Schedule, ...]:
    """The schedules that are recorded in an archive. Raises `InputError` for a damaged record."""
    path = archive / RECORD
    try:
        return SCHEDULES.validate_json(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as cause:
        raise InputError(f"{path}: damaged ({describe(cause)}); remove it, then schedule again") from cause


def record(archive: Path, schedule: Schedule) -> None:
    """Remember a schedule, instead of one of the same name."""
    _write(archive, [*(each for each in schedules(archive) if each.aoi != schedule.aoi), schedule])


def _write(archive: Path, found: Sequence[Schedule]) -> None:
    rows = sorted((asdict(each) for each in found), key=lambda row: str(row["aoi"]))
    atomic.write_text(archive / RECORD, json.dumps(rows, indent=1) + "\n")


def _units(folder: Path, unit: str) -> list[Path]:
    return [folder / f"{unit}.timer", folder / f"{unit}.service"]


def _check_own(path: Path) -> None:
    try:
        if path.is_file() and not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            raise InputError(f"{path}: written by somebody else; move it away first")
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)})") from cause


def _do(*words: str) -> None:
    done = _systemctl(*words)
    if done.returncode != 0:
        raise InputError(f"systemctl --user {' '.join(words)}: {describe(OSError(done.stderr.strip() or 'refused'))}")


def _systemctl(*words: str) -> "subprocess.CompletedProcess[str]":
    command = ["systemctl", "--user", *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as cause:
        return subprocess.CompletedProcess(command, 1, "", describe(cause))


def _linger_advice() -> list[str]:
    user = os.environ.get("USER", "")
    if not user or Path("/var/lib/systemd/linger", user).exists():
        return []
    return [f"  to have it run while you are not logged in: loginctl enable-linger {user}"]
