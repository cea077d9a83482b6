"""The looks of one recipe on disk, found by place.

Looks lie in shelves, one folder per square of the grid, each with an index: one line per look with all that is known of
it and a checksum, so that a run need not read the looks. A look is listed while size and time of its file are those of
its line; any other file is read whole and verified. What is read of its pixels is checked by the checksums in the line
(`sums.py`). A lost or damaged index is only made again.

A look that turns out to be damaged is set aside: its file gets another name, and its line says why. It is listed as
lost until its ground has been looked at again.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from pipeline import lines
from pipeline.errors import write_error
from pipeline.grid import Grid, Window, covers
from pipeline.looks.file import MAX_EXTENT_PX, LookFile, open_look
from pipeline.looks.look import Look
from pipeline.looks.squares import Squares
from pipeline.looks.sums import Sums
from pipeline.looks.task import LookTask
from pipeline.sources.acquisitions import Acquisition

SHELF_PX = 2048
"""Side of the square of a shelf; it does not depend on settings, so looks are found after these change."""
INDEX = "index.jsonl"
SHARED = ("name", "day", "overpass", "acquisitions", "clear_share", "key", "generation", "notes", "clear_p10")
"""What a line holds of a look as it is."""
ASIDE = ".damaged"
"""What is added to the name of a file that was set aside."""
KEY_DIGITS = 8
"""Of the key, in the name of a look's file."""

UNREADABLE = "it is no look, or its pixels are not those of its checksum"
"""Reason of a look that does not read back."""
REPLACED = "its file was replaced while it was read"
"""Reason of a look that does not read as was listed, and is sound: the next run takes it."""

Bounds = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class DamagedLook:
    """A look whose file cannot be used."""

    path: Path
    """The file, under the name that it has now."""
    reason: str
    """Why, in a few words."""
    look: Look | None
    """What is known of it; None = nothing, its index was lost as well."""
    made_again: bool = False
    """Whether its ground was looked at again in the run that found it."""

    def touches(self, area: Window) -> bool:
        """Whether it may show some of an area."""
        return self.look is None or self.look.extent.intersection(area) is not None

    def is_shown(self, looks: Iterable[Look]) -> bool:
        """Whether these looks show all that it showed."""
        lost = self.look
        if lost is None:
            return False
        own = [look for look in looks if (look.day, look.overpass) == (lost.day, lost.overpass)]
        parts = [part for look in own if look.serves(lost.acquisitions) for part in look.windows]
        return all(covers(parts, window) for window in lost.windows)


class IndexEntry(BaseModel):
    """One line of an index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    """Name of the file."""
    size: int
    """Its size, bytes."""
    modified_ns: int
    """Its time of modification, nanoseconds."""
    extent: Bounds
    """As in `Look`, and so are the others; windows as row, column, height, width."""
    windows: tuple[Bounds, ...]
    name: str
    day: date
    overpass: str
    acquisitions: tuple[Acquisition, ...]
    clear_share: float
    key: str
    generation: int
    notes: tuple[str, ...]
    clear_p10: tuple[float, ...]
    screened: str = ""
    """As `Squares.text`, and so is the next; lines of earlier versions have neither."""
    ponds: str = ""
    sums: str = ""
    """As `Sums.text`; looks whose lines are of earlier versions, without it, are read whole and verified once."""
    damaged: str = ""
    """Why the file was set aside; empty = it was not."""

    @field_validator("sums")
    @classmethod
    def _is_sums(cls, text: str) -> str:
        return Sums.of_text(text).text if text else text

    @classmethod
    def of(cls, path: Path, look: Look) -> "IndexEntry":
        """The line of a look that was just read whole from `path`."""
        size, modified_ns = _stamp(path)
        return cls(
            file=path.name,
            size=size,
            modified_ns=modified_ns,
            extent=_bounds(look.extent),
            windows=tuple(map(_bounds, look.windows)),
            screened=look.screened.text if look.screened else "",
            ponds=look.ponds.text if look.ponds else "",
            sums=look.pixels.sums.text if isinstance(look.pixels, LookFile) else "",
            **{name: getattr(look, name) for name in SHARED},
        )

    def is_of(self, path: Path) -> bool:
        """Whether the file at a path is still the one that was read."""
        if not self.sums or self.damaged:
            return False
        try:
            return (self.size, self.modified_ns) == _stamp(path)
        except OSError:
            return False  # it is gone since the folder was listed, or a link to nothing

    def look(self, folder: Path) -> Look:
        """The look that it describes."""
        extent = Window(*self.extent)
        return Look(
            extent=extent,
            windows=tuple(Window(*bounds) for bounds in self.windows),
            pixels=LookFile(folder / self.file, extent, Sums.of_text(self.sums)),
            screened=Squares.of_text(extent, self.screened) or None,
            ponds=Squares.of_text(extent, self.ponds) or None,
            **{name: getattr(self, name) for name in SHARED},
        )


def path_in(folder: Path, task: LookTask, key: str) -> Path:
    """Where the look of a task lies in the folder of its recipe."""
    return folder / task.grid.name_of(_shelf(task.extent)) / f"{task.overpass.name}-{key[:KEY_DIGITS]}.tif"


@dataclass(slots=True)
class LookStore:
    """The looks of one recipe."""

    folder: Path
    """Folder of the recipe."""
    damaged: list[DamagedLook] = field(default_factory=list)
    """Looks that are lost as far as was listed: damaged, and their ground not looked at again."""

    def looks(self, grid: Grid, area: Window | None = None) -> Iterator[Look]:
        """All valid looks on a grid, or those that touch an area, shelf by shelf."""
        shelves, shown = self._shelves(grid, area), list[Look]()
        for shelf in shelves:
            for look in self._on_shelf(shelf):
                shown.append(look)
                if area is None or look.extent.intersection(area) is not None:
                    yield look
        aside = [each for shelf in shelves for each in _aside(shelf) if area is None or each.touches(area)]
        self.damaged += [each for each in aside if not each.is_shown(shown)]

    def holds(self, look: Look) -> bool:
        """Whether the file of a look that was just made, perhaps by another machine, is here."""
        return not isinstance(look.pixels, LookFile) or look.pixels.path.is_file()

    def add(self, look: Look) -> None:
        """Add a look that was just made to its index; raises as `write_error`."""
        if isinstance(look.pixels, LookFile):
            path = look.pixels.path
            _append(path.parent / INDEX, [IndexEntry.of(path, look)])

    def _shelves(self, grid: Grid, area: Window | None) -> list[Path]:
        """Shelves whose looks may touch an area."""
        found = sorted(self.folder.glob(f"{grid.zone}_r*_c*"))
        if area is None:
            return found
        near = Window(
            area.row - MAX_EXTENT_PX, area.col - MAX_EXTENT_PX,
            area.height + MAX_EXTENT_PX, area.width + MAX_EXTENT_PX,
        )  # fmt: skip
        wanted = {grid.name_of(cell) for cell in near.cells(SHELF_PX)}
        return [path for path in found if path.name in wanted]

    def _on_shelf(self, shelf: Path) -> Iterator[Look]:
        known = {entry.file: entry for entry in _entries(shelf / INDEX)}
        fresh: list[IndexEntry] = []
        for path in sorted(shelf.glob("*.tif")):
            entry = known.get(path.name)
            if entry is not None and entry.is_of(path):
                yield entry.look(shelf)
                continue
            look = open_look(path)
            if look is None:
                self.damaged.append(DamagedLook(path, UNREADABLE, entry.look(shelf) if entry and entry.sums else None))
                continue
            fresh.append(IndexEntry.of(path, look))
            yield look
        _append(shelf / INDEX, fresh)


def set_aside(path: Path, reason: str) -> DamagedLook:
    """Give the file of a look that was found damaged another name, and note the reason in the index.

    The reason returned is an earlier one where it was set aside before. A file whose pixels are sound after all stays,
    with a new line: another run has made it again, or what changed is of no account. Raises as `write_error`.
    """
    entry = {each.file: each for each in _entries(path.parent / INDEX)}.get(path.name)
    look = entry.look(path.parent) if entry is not None and entry.sums else None
    aside = path.with_name(path.name + ASIDE)
    if not os.path.lexists(path):
        return DamagedLook(aside, (entry.damaged if entry else "") or reason, look)
    if (sound := open_look(path)) is not None:
        _append(path.parent / INDEX, [IndexEntry.of(path, sound)])
        return DamagedLook(path, REPLACED, look)
    try:
        path.replace(aside)
    except FileNotFoundError:
        return DamagedLook(aside, reason, look)  # another run was first
    except OSError as cause:
        raise write_error(aside, cause) from cause
    if entry is not None:
        _append(path.parent / INDEX, [entry.model_copy(update={"damaged": reason})])
    return DamagedLook(aside, reason, look)


def _aside(shelf: Path) -> Iterator[DamagedLook]:
    """The looks of a shelf whose files were set aside and not made again under the same name."""
    paths = [path for path in sorted(shelf.glob(f"*.tif{ASIDE}")) if not path.with_suffix("").exists()]
    known = {entry.file: entry for entry in _entries(shelf / INDEX)} if paths else {}
    for path in paths:
        entry = known.get(path.with_suffix("").name)
        look = entry.look(shelf) if entry is not None and entry.sums else None
        yield DamagedLook(path, (entry.damaged if entry else "") or UNREADABLE, look)


def _entries(path: Path) -> Iterator[IndexEntry]:
    """The lines of an index; of several for one file the last counts. What cannot be read is left out."""
    try:
        found = lines.parsed(path.read_bytes())
    except OSError:
        return
    for row in found.rows:
        try:
            yield IndexEntry.model_validate_json(row)
        except ValidationError:
            continue  # the look itself is read instead


def _append(path: Path, entries: Iterable[IndexEntry]) -> None:
    """Add lines to an index, which is only made again where it is lost; raises as `lines.append`."""
    lines.append(path, (entry.model_dump_json().encode() for entry in entries), durable=False)


def _shelf(extent: Window) -> Window:
    return next(Window(extent.row, extent.col, 1, 1).cells(SHELF_PX))


def _bounds(window: Window) -> Bounds:
    return window.row, window.col, window.height, window.width


def _stamp(path: Path) -> tuple[int, int]:
    """Size and modification time (ns) of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns
