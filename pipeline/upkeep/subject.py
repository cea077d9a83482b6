"""What is checked: the folders, settings and environment of one installation."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

COMMAND_S = 5.0
"""How long another program may take to answer, seconds."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One installation, as its user would run it."""

    archive: Path
    """Folder of the archive."""
    out: Path
    """Folder of the products of all AOIs."""
    config: str | None = None
    """Settings file, or its name; None = the defaults."""
    model: str | None = None
    """Model, by name or path; None = that of the settings."""
    home: Path = field(default_factory=Path.home)
    """The user's own folder."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """Environment variables."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """What the system clock says, UTC."""

    @property
    def environment_file(self) -> Path:
        """Where a scheduled scan reads its credentials from."""
        return self.home / ".config" / "leachwatch" / "environment"


def said_by(command: Sequence[str], timeout_s: float = COMMAND_S) -> str | None:
    """What another program printed, whatever its exit code; None where it cannot be run or does not answer in time."""
    try:
        done = subprocess.run(  # noqa: S603 the commands are fixed, and no shell reads them
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (done.stdout + done.stderr).strip()


def existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    whole = path.absolute()
    return next(each for each in (whole, *whole.parents) if each.exists())
