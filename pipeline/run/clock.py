"""Whether the clock may be wrong: nothing is refused for it, and it is told."""

import os
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from pipeline.errors import write_error
from pipeline.sites.names import Registry

APART_DAYS = 1
"""A clock of a file server that is farther from ours than this is told, days; nearer, midnight may lie between."""
QUIET_DAYS = 40
"""A source on the network that lists nothing newer than this is told, days: satellites pass every five."""


def clock_warnings(today: date, registry: Registry, folder: Path, newest_scene: date | None = None) -> list[str]:
    """What speaks against the clock, one line each; raises as `write_error` where nothing can be written in `folder`.

    `folder`: the archive; where it lies on another machine, that clock stamps its files. `newest_scene`: day of the
    newest scene that a source on the network listed for a period up to now; None = not such a search.
    """
    found = [registry.check_clock(today)]
    stamped = _stamped(folder)
    if abs((stamped - today).days) > APART_DAYS:
        found.append(f"the clock says {today}, and that of the disk with {folder} says {stamped}: one of them is wrong")
    if newest_scene is not None and (today - newest_scene).days > QUIET_DAYS:
        found.append(
            f"the clock says {today}, and the newest scene that is listed is of {newest_scene}: "
            "the clock is ahead, or nothing has been listed for that long"
        )
    return [each for each in found if each is not None]


def _stamped(folder: Path) -> date:
    """The day with which a file is stamped that is written in a folder now, UTC."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock-") as file:
            return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC).date()
    except OSError as cause:
        raise write_error(folder, cause) from cause
