"""Which looks to make: windows of a block in one overpass, and the key that identifies a look."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from shapely import box, prepare

from pipeline.config import ClearSettings, OffsetError, Settings
from pipeline.digest import sha256_of
from pipeline.grid import LONLAT, PIXEL_M, Grid, Window, aligned_up, hull, reprojected
from pipeline.looks.clear import CLEAR_RADIUS_PX
from pipeline.looks.weights import Model
from pipeline.sources.interface import Overpass

CODE = ("sources", "looks", "raster.py", "grid.py", "bands.py")
"""Files and folders of the package that decide the pixels of a look."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a look's pixels apart from the scenes and the place."""

    model: str
    """Name or path of the model."""
    model_sha256: str
    """Hash of its weights and of the parts of its card that decide pixels."""
    precision: str
    """`fp32` or `bf16`."""
    margin_px: int
    """How much wider than its windows a look is read, pixels."""
    clear: ClearSettings
    """Settings of the clear test."""
    code: str
    """Hash of the code, see `code_version`."""
    offset_error: OffsetError = OffsetError.REFUSE
    """What to do with a scene whose BOA_ADD_OFFSET was applied twice or not at all."""

    @property
    def digest(self) -> str:
        """Hash of the recipe."""
        clear_settings = self.clear.model_dump_json()
        return sha256_of([self.model_sha256, self.precision, clear_settings, self.code, self.offset_error])


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

    @property
    def name(self) -> str:
        """Block and overpass, as in the file's path."""
        return f"{self.grid.name_of(self.block)}/{self.overpass.name}"

    @property
    def extent(self) -> Window:
        """Window that the look covers."""
        return hull(list(self.windows))

    def key(self, recipe: Recipe) -> str:
        """Hash of everything that decides this look: recipe, grid, windows, overpass and scene fingerprints."""
        scenes = [[scene.id, scene.fingerprint] for scene in self.overpass.scenes]
        windows = [[w.row, w.col, w.height, w.width] for w in self.windows]
        return sha256_of([recipe.digest, self.grid.epsg, windows, self.overpass.name, scenes])


def recipe_of(settings: Settings, model: Model) -> Recipe:
    """The recipe for the looks of a run.

    It includes only those parts of the model that decide pixels, so a new calibration does not make looks again.
    """
    card = model.card
    return Recipe(
        model=settings.model,
        model_sha256=sha256_of([card.sha256, card.network.model_dump(), card.mean, card.std]),
        precision=model.precision,
        margin_px=read_margin_px(card.receptive_radius_px),
        clear=settings.clear,
        code=code_version(),
        offset_error=settings.reading.boa_offset_error,
    )


def read_margin_px(receptive_radius_px: int) -> int:
    """How much wider than its windows a look must be read, pixels, for the clear test and the network to be exact."""
    return aligned_up(max(receptive_radius_px, CLEAR_RADIUS_PX))


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


def code_version() -> str:
    """Hash of the source files that decide a look's pixels."""
    root = Path(__file__).parent.parent
    files: list[Path] = []
    for name in CODE:
        files += sorted((root / name).rglob("*.py")) if (root / name).is_dir() else [root / name]
    return sha256_of([[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files])


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
