"""The cuts in the archive, by place and overpass: `<zone>_r<row>_c<column>_<side>/<overpass>.tif`, in pixels.

A place is a square. Sites grow and their outlines shift a little with each look; a cut serves as long as it holds the
ground of its site, so no cut is made again for that. Cuts belong to the ground: sites and AOIs share them.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import atomic
from pipeline.cuts.cut import Cut, CutDamaged, encoded, read_cut
from pipeline.grid import Grid, Window, window_of

CUT_PX = 128
"""Side of a cut, pixels: 1.3 km, so that the surroundings of a site can be judged."""
CORE_PX = 16
"""Least ground around a site in its cuts, pixels."""
STEP_PX = 16
"""Corners and sides of cuts are multiples of this, pixels."""
PLACES_PX = 1024
"""Side of the cells by which places are found, pixels."""
EDGE_M = 1.0
"""So little of a site's ground does not matter, metres."""
ASIDE = ".damaged"
"""What is added to the name of a damaged file."""
PLACE = re.compile(r"(\d\d[NS])_r([+-]\d+)_c([+-]\d+)_(\d+)")
"""Name of the folder of a place."""


def core_of(bounds_m: tuple[float, float, float, float]) -> Window:
    """The ground that all cuts of a site must show, from its bounds in metres on the grid."""
    west, south, east, north = bounds_m
    # Outlines follow edges of pixels, and reprojection there and back moves them a little to either side.
    inside = (west + EDGE_M, south + EDGE_M, max(east - EDGE_M, west + EDGE_M), max(north - EDGE_M, south + EDGE_M))
    return window_of(inside).grown(CORE_PX)


def square_around(core: Window) -> Window:
    """The square that is cut for such ground: it in the middle, and at least `CUT_PX` wide."""
    side = max(CUT_PX, -(-max(core.height, core.width) // STEP_PX) * STEP_PX)
    row, col = core.row + core.height // 2 - side // 2, core.col + core.width // 2 - side // 2
    square = Window(round(row / STEP_PX) * STEP_PX, round(col / STEP_PX) * STEP_PX, side, side)
    if square.holds(core):
        return square
    return Window(row // STEP_PX * STEP_PX, col // STEP_PX * STEP_PX, side + STEP_PX, side + STEP_PX)


@dataclass(slots=True)
class CutStore:
    """The cuts on one grid."""

    folder: Path
    """Folder of all cuts."""
    grid: Grid
    """The UTM zone."""
    _places: dict[Window, dict[Window, None]] | None = field(default=None, repr=False)

    def place(self, square: Window) -> Path:
        """The folder of a square."""
        name = f"{self.grid.zone}_r{square.row:+07d}_c{square.col:+06d}_{square.width}"
        return self.folder / name

    def find(self, core: Window, overpass: str) -> Path | None:
        """The smallest cut of an overpass that holds some ground; None = there is none."""
        return next((path for square in self._holding(core) if (path := self._file(square, overpass)).is_file()), None)

    def overpasses(self, core: Window) -> list[str]:
        """The overpasses of which there are cuts that hold some ground, ascending."""
        return sorted({path.stem for path in self.files(core)})

    def files(self, core: Window) -> list[Path]:
        """The files of all cuts that hold some ground."""
        return [path for square in self._holding(core) for path in sorted(self.place(square).glob("*.tif"))]

    def keep(self, cut: Cut) -> Path:
        """Write a cut; raises as `atomic.write_bytes`."""
        path = self._file(cut.window, cut.overpass)
        atomic.write_bytes(path, encoded(cut, kept=True))
        self._known()
        self._add(cut.window)
        return path

    def read(self, path: Path) -> Cut:
        """The cut in a file. A damaged one is set aside, so that the next run makes it again.

        Raises as `read_cut`.
        """
        try:
            return read_cut(path)
        except CutDamaged:
            with contextlib.suppress(OSError):  # whoever may not write here is told of the damage all the same
                path.replace(path.with_name(path.name + ASIDE))
            raise

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove cuts that no site needs any more; raises `OSError`."""
        for path in paths:
            path.unlink(missing_ok=True)

    def square_of(self, path: Path) -> Window | None:
        """The square of a cut's file; None for another file."""
        found = PLACE.fullmatch(path.parent.name)
        if found is None or found[1] != self.grid.zone:
            return None
        return Window(int(found[2]), int(found[3]), int(found[4]), int(found[4]))

    def size(self) -> int:
        """Bytes of all cuts."""
        return sum(path.stat().st_size for path in self.folder.glob("*/*.tif"))

    def _file(self, square: Window, overpass: str) -> Path:
        return self.place(square) / f"{overpass}.tif"

    def _holding(self, core: Window) -> list[Window]:
        """Known squares that hold some ground, the smallest first."""
        near = self._known().get(_cell(core), {})
        return sorted((square for square in near if square.holds(core)), key=lambda each: (each.area_px, each))

    def _known(self) -> dict[Window, dict[Window, None]]:
        """The places on this grid by the cells that they touch; listed once."""
        if self._places is None:
            self._places = {}
            for path in sorted(self.folder.glob(f"{self.grid.zone}_r*_c*")):
                square = self.square_of(path / "_")
                if square is not None:
                    self._add(square)
        return self._places

    def _add(self, square: Window) -> None:
        assert self._places is not None
        for cell in square.cells(PLACES_PX):
            self._places.setdefault(cell, {})[square] = None


def _cell(core: Window) -> Window:
    """The cell that the first corner of some ground lies in: squares that hold the ground touch it."""
    return next(Window(core.row, core.col, 1, 1).cells(PLACES_PX))
