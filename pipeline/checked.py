"""Looks that an earlier run checked: read again only where size or time of change say that they are others.

Checking a look means reading it whole, so without this a scan would cost more each month.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import atomic
from pipeline.looks import Look, LookMaker, LookTask

FORMAT = 3
"""Of the file; one of another format is as good as none."""


@dataclass(slots=True)
class Checked:
    """The looks of one folder that were read whole and found sound."""

    path: Path
    """The file that lists them."""
    known: dict[str, list[Any]] = field(default_factory=dict)
    """Key, size in bytes, time of change in nanoseconds, clear share, notes and level, by path of the look."""
    changed: bool = False
    """Whether the list is other than its file."""

    @classmethod
    def of(cls, maker: LookMaker) -> "Checked":
        """The list for the looks of a maker; empty where there is none that can be read."""
        path = maker.folder / maker.recipe.digest[:12] / "checked.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = dict(content["looks"]) if content["format"] == FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError):
            known = {}  # all looks are read again, and the list is written anew
        return cls(path, known)

    def look(self, task: LookTask, maker: LookMaker) -> Look | None:
        """The look of a task from an earlier run: known to be sound, or read and found so; None: to be made."""
        path, key = maker.path_of(task), task.key(maker.recipe)
        entry = self.known.get(self._name(path))
        stamp = _stamp(path)
        if entry is not None and stamp is not None and entry[:3] == [key, *stamp]:
            share, notes, level = float(entry[3]), tuple(map(str, entry[4])), tuple(map(float, entry[5]))
            return Look(path, task.extent, task.overpass.day, task.overpass.name, share, key, False, notes, level)
        found = maker.kept(task)
        if found is not None:
            self.note(found)
        return found

    def note(self, look: Look) -> None:
        """Add a look that was read whole just now."""
        stamp = _stamp(look.path)
        if stamp is not None:
            self.known[self._name(look.path)] = [look.key, *stamp, look.clear_share, look.notes, look.level]
            self.changed = True

    def write(self) -> None:
        """Keep the list for the next run. Raises as `atomic.write_text`."""
        if self.changed:
            atomic.write_text(self.path, json.dumps({"format": FORMAT, "looks": self.known}, sort_keys=True))
            self.changed = False

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path.parent).as_posix()


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of change of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
