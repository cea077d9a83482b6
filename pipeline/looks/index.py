"""Index of verified looks: a later run verifies only files whose size or modification time differs.

Verifying a look means reading it whole, so without the index a run would take longer each month.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import atomic
from pipeline.looks.archive import Look, LookMaker, look_of
from pipeline.looks.file import LookFile
from pipeline.looks.task import LookTask

FORMAT = 4
"""Version of the file format; a file of another version is ignored."""


class IndexEntry(BaseModel):
    """What is known about one look file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    """Key of the look."""
    size: int
    """Size of the file, bytes."""
    modified_ns: int
    """Modification time, nanoseconds."""
    clear_share: float
    """As in `Look`."""
    notes: tuple[str, ...]
    """As in `Look`."""
    clear_p10: tuple[float, ...]
    """As in `Look`."""


@dataclass(slots=True)
class LookIndex:
    """The verified looks of one recipe."""

    path: Path
    """Path of the index file."""
    entries: dict[str, IndexEntry] = field(default_factory=dict)
    """Entries by path of the look, relative to the index's folder."""
    changed: bool = False
    """Whether the entries differ from the file."""

    @classmethod
    def of(cls, maker: LookMaker) -> "LookIndex":
        """The index for the looks of a maker; empty if none can be read."""
        path = maker.recipe_folder / "index.json"
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            rows = content["looks"] if content["format"] == FORMAT else {}
            return cls(path, {name: IndexEntry.model_validate(row) for name, row in rows.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
            return cls(path)  # all looks are read again, and the index is written anew

    def look(self, task: LookTask, maker: LookMaker) -> Look | None:
        """The look of a task from an earlier run: from the index, or read whole now; None if it must be made."""
        path, key = maker.path_of(task), task.key(maker.recipe)
        entry, stamp = self.entries.get(self._name(path)), _stamp(path)
        if entry is not None and stamp is not None and (entry.key, entry.size, entry.modified_ns) == (key, *stamp):
            return look_of(task, key, entry, LookFile(path, task.extent))
        found = maker.kept(task)
        if found is not None:
            self.add(found, path)
        return found

    def add(self, look: Look, path: Path) -> None:
        """Add a look that was just read whole from `path`."""
        stamp = _stamp(path)
        if stamp is not None:
            self.entries[self._name(path)] = IndexEntry(
                key=look.key,
                size=stamp[0],
                modified_ns=stamp[1],
                clear_share=look.clear_share,
                notes=look.notes,
                clear_p10=look.clear_p10,
            )
            self.changed = True

    def write(self) -> None:
        """Write the index for the next run, if it changed; raises as `atomic.write_text`."""
        if self.changed:
            rows = {name: entry.model_dump() for name, entry in self.entries.items()}
            atomic.write_text(self.path, json.dumps({"format": FORMAT, "looks": rows}, sort_keys=True))
            self.changed = False

    def _name(self, path: Path) -> str:
        return path.relative_to(self.path.parent).as_posix()


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and modification time (ns) of a file; None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
