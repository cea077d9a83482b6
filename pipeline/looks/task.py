"""Which looks to make: windows of a block in one overpass, and the key that identifies a look."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from shapely import box, prepare

from pipeline.config import ClearSettings
from pipeline.digest import sha256_of
from pipeline.grid import LONLAT, PIXEL_M, Grid, Window, aligned_up, hull, joined, reprojected
from pipeline.looks.recipe import Recipe
from pipeline.looks.screen import SCREEN_VERSION
from pipeline.sources.acquisitions import Acquisition
from pipeline.sources.interface import Overpass

READ_PX = 2048
"""Side of the largest square that is read at once, without its margin, pixels."""


@dataclass(frozen=True, slots=True)
class LookTask:
    """One look to make: which windows of which block, from which overpass."""

    grid: Grid
    """The AOI's grid."""
    block: Window
    """The block."""
    windows: tuple[Window, ...]
    """Windows of the block to read, aligned to `ALIGN_PX`; at least one."""
    overpass: Overpass
    """The overpass, with the granules that are needed."""
    generation: int = 0
    """How many looks of the same acquisitions came before: a file may have been mended in place, or ground that was
    screened out is looked at after all."""
    spared: tuple[Window, ...] | None = None
    """Squares that are not screened out, sorted; None: nothing is screened, all clear ground is looked at."""

    @property
    def name(self) -> str:
        """Block and overpass, as in the file's path."""
        return f"{self.grid.name_of(self.block)}/{self.overpass.name}"

    @property
    def extent(self) -> Window:
        """Window that the look covers."""
        return hull(list(self.windows))

    @property
    def acquisitions(self) -> tuple[Acquisition, ...]:
        """What it is made from, in the order of its granules."""
        return tuple(scene.acquisition for scene in self.overpass.scenes)

    def needed_for(self, window: Window, margin_px: int) -> tuple[Acquisition, ...]:
        """The acquisitions that touch a window as it is read, with its margin."""
        near = reprojected(window.grown(margin_px).polygon_m, self.grid.crs, LONLAT)
        return tuple(scene.acquisition for scene in self.overpass.scenes if scene.footprint.intersects(near))

    def only(self, windows: Sequence[Window]) -> "LookTask":
        """The same task with some of its windows."""
        return replace(self, windows=tuple(windows))

    def key(self, recipe: Recipe) -> str:
        """Hash of what decides this look: recipe, grid, windows, overpass, acquisitions and whether it is screened."""
        windows = [[w.row, w.col, w.height, w.width] for w in self.windows]
        made_from = sorted(acquisition.identity for acquisition in self.acquisitions)
        parts: list[object] = [recipe.digest, self.grid.epsg, windows, self.overpass.name, made_from, self.generation]
        # Which ground was spared is no part of it: what else was screened out, and had better not been, is looked at
        # by another look.
        return sha256_of(parts if self.spared is None else [*parts, SCREEN_VERSION])


def pieces(windows: Sequence[Window]) -> list[Window]:
    """Rectangles as large as are read at once, which together hold the same pixels as some windows of a block.

    Reading much at once spares margins and halves of compressed blocks; memory sets the bound.
    """
    by_square: dict[Window, list[Window]] = {}
    for window in windows:
        for square in window.cells(READ_PX):
            part = window.intersection(square)
            if part is not None:
                by_square.setdefault(square, []).append(part)
    return [rectangle for square in sorted(by_square) for rectangle in joined(sorted(by_square[square]))]


def reads(
    task: LookTask, margin_px: int, network_margin_px: int, clear: ClearSettings
) -> list[tuple[Window, Window]]:  # fmt: skip
    """The pieces of a task, each with the window that is read for it.

    `margin_px`: as `Recipe.margin_px`. Where SCL tells what is clear, less is read: what the network needs, and the
    margin around cloud.
    """
    if all(scene.has_scl for scene in task.overpass.scenes):
        margin_px = min(margin_px, aligned_up(max(network_margin_px, clear.margin_px)))
    return [(piece, piece.grown(margin_px)) for piece in pieces(task.windows)]


def plan(
    grid: Grid, windows: Iterable[Window], block_px: int, passes: Iterable[Overpass], margin_px: int
) -> Iterator[LookTask]:
    """One task per block and overpass whose granules touch the windows.

    `windows`: sorted north to south. Lazy: only a row of blocks is in memory. A task holds only the granules that its
    block, grown by `margin_px`, intersects.
    """
    placed = [
        (overpass, [(scene, reprojected(scene.footprint, LONLAT, grid.crs)) for scene in overpass.scenes])
        for overpass in passes
    ]
    for _, scenes in placed:
        for _, footprint in scenes:
            prepare(footprint)
    for block, members in _by_block(windows, block_px):
        near = block.grown(margin_px).polygon_m
        cores = [(w, box(*w.bounds_m).buffer(-PIXEL_M / 2)) for w in members]  # sharing an edge is not enough
        for overpass, scenes in placed:
            here = [(scene, footprint) for scene, footprint in scenes if footprint.intersects(near)]
            wanted = tuple(w for w, core in cores if any(f.intersects(core) for _, f in here))
            if wanted:
                granules = tuple(scene for scene, _ in here)
                yield LookTask(grid, block, wanted, replace(overpass, scenes=granules))


def _by_block(windows: Iterable[Window], block_px: int) -> Iterator[tuple[Window, list[Window]]]:
    members: dict[Window, list[Window]] = {}
    for window in windows:
        for block in window.cells(block_px):
            part = window.intersection(block)
            if part is not None:
                members.setdefault(block, []).append(part)
        done = [b for b in members if b.row + b.height <= window.row]  # windows come north to south
        for block in sorted(done):
            yield block, members.pop(block)
    yield from sorted(members.items())
