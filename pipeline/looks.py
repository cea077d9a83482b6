"""Looks: one overpass over one block, segmented once and kept as one small COG.

A look file has three bands of bytes: pond fraction and mine-ground probability in units of 1/200 (255
where the ground was not clear), and a state: 0 no data, 1 measured but not clear, 2 clear. Its tags hold
the key of what made it and a checksum of its pixels, so that a file is trusted only after both were read
back, and a changed scene, model, setting or line of code never meets a stale one.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.io import MemoryFile
from rasterio.windows import Window as FileWindow
from shapely import box, prepare

from pipeline import atomic
from pipeline.bands import NAMES
from pipeline.clear import RADIUS_PX, clear
from pipeline.config import ClearSettings, Settings
from pipeline.errors import SceneError
from pipeline.grid import LONLAT, PIXEL_M, Grid, Window, hull, reprojected
from pipeline.raster import Bytes, Raster
from pipeline.segment import LEVELS, Segmentation, segment_many
from pipeline.sources.interface import Overpass, Source
from pipeline.weights import Model, load_model

NO_DATA, NOT_CLEAR, CLEAR = 0, 1, 2
UNKNOWN = 255
"""Pond fraction and ground probability where the ground was not clear."""
REACH_PX = 160
"""How far outside a block a granule is still asked for: more than the margin of any window."""
ALIGN_PX = 16
"""Windows that the network sees begin and end on multiples of this, so that its pooling cells agree."""
SAMPLED = 16
"""Of so many clear pixels one is looked at to tell how dark the ground was ..."""
ENOUGH_PX = 500
"""... and there must be so many of these ..."""
DARK_PERCENT = 10
"""... of which the dark ones are compared: whatever gap in the clouds is seen through, there is some forest in it."""
GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_NUM_THREADS": 1}
"""A look is one file: its neighbours, which may be thousands, are not listed."""
CODE = ("sources", "raster.py", "grid.py", "bands.py", "clear.py", "network.py", "weights.py", "segment.py")
"""What decides the pixels of a look, beside this file."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a look's pixels apart from the scenes and the place."""

    model: str
    """Name or path of the model."""
    model_sha256: str
    """Hash of its weights and card."""
    precision: str
    """`fp32` or `bf16`."""
    clear: ClearSettings
    """Settings of the clear test."""
    code: str
    """Hash of the code, see `code_version`."""
    offsets: str = "refuse"
    """What is done where an offset was taken twice or never, see `ReadingSettings`."""

    @property
    def digest(self) -> str:
        """Hash of the recipe."""
        clear_settings = self.clear.model_dump_json()
        return _digest([self.model_sha256, self.precision, clear_settings, self.code, self.offsets])


@dataclass(frozen=True, slots=True)
class LookTask:
    """One look to make: which windows of which block, from which overpass."""

    grid: Grid
    """The AOI's grid."""
    block: Window
    """The block."""
    windows: tuple[Window, ...]
    """The windows of the block that are wanted, aligned to `ALIGN_PX`; at least one."""
    overpass: Overpass
    """The granules."""

    @property
    def name(self) -> str:
        """Block and overpass, as in the file's path."""
        return f"{self.grid.name_of(self.block)}/{self.overpass.name}"

    @property
    def extent(self) -> Window:
        """What the file covers."""
        return hull(list(self.windows))

    def key(self, recipe: Recipe) -> str:
        """Hash of all that makes this look what it is: recipe, grid, windows and the scenes' own bytes."""
        scenes = [[scene.id, scene.fingerprint] for scene in self.overpass.scenes]
        windows = [[w.row, w.col, w.height, w.width] for w in self.windows]
        return _digest([recipe.digest, self.grid.epsg, windows, self.overpass.name, scenes])


@dataclass(frozen=True, slots=True)
class Look:
    """A look on disk that has been checked."""

    path: Path
    """The file."""
    extent: Window
    """What it covers."""
    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Name of the overpass."""
    clear_share: float
    """Share of the looked-at pixels that were clear, 0 to 1."""
    key: str
    """Hash of all that made it, see `LookTask.key`."""
    computed: bool
    """True when this run made it, False when an earlier one did."""
    notes: tuple[str, ...] = ()
    """What was done otherwise than usual to read it, each in one line."""
    level: tuple[float, ...] = ()
    """Reflectance that a tenth of its clear ground does not reach, one for each band; empty where little was clear."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Stack:
    """All looks on one window, in time."""

    window: Window
    """Where."""
    days: tuple[date, ...]
    """Day of each overpass, ascending, length T."""
    overpasses: tuple[str, ...]
    """Name of each overpass, length T."""
    pond: Bytes
    """Pond fraction in 1/200, shape (T, y, x); 0 where not clear."""
    ground: Bytes
    """Mine-ground probability in 1/200, shape (T, y, x); 0 where not clear."""
    clear: NDArray[np.bool_]
    """Shape (T, y, x). True: the ground was seen."""
    measured: NDArray[np.bool_]
    """Shape (T,). True: the overpass measured at least one pixel here, clear or not."""


@dataclass(frozen=True, slots=True)
class LookMaker:
    """Makes looks in a worker process: small to send, and loads its model once per process."""

    source: Source
    """Where pixels come from."""
    recipe: Recipe
    """How pixels become a look."""
    device: str
    """`auto`, `cpu` or `cuda`."""
    batch: int
    """Windows per forward pass; changes speed only."""
    folder: Path
    """Where looks are kept."""

    def path_of(self, task: LookTask) -> Path:
        """The file of a task: the same in every run."""
        return self.folder / self.recipe.digest[:12] / f"{task.name}.tif"

    def kept(self, task: LookTask) -> Look | None:
        """The look of a task from an earlier run, if it is there and can be trusted."""
        return open_look(self.path_of(task), task.key(self.recipe), task)

    def __call__(self, task: LookTask) -> Look:
        """The look of a task, made only when no trustworthy file of the same key is there.

        Raises `SceneError` when a granule cannot be read, `UnitsFailed` on a full disk.
        """
        found = self.kept(task)
        if found is not None:
            return found
        path, key = self.path_of(task), task.key(self.recipe)
        seen = look_at(task, self.source, _model(self.recipe, self.device), self.recipe.clear, self.batch)
        atomic.write_bytes(path, _encode(seen, task, key))
        made = open_look(path, key, task)
        if made is None:
            raise SceneError(f"{task.name}: the look just written does not read back; is the disk sound?")
        return replace(made, computed=True)


@dataclass(frozen=True, eq=False, slots=True)
class Sight:
    """What a look holds before it is a file."""

    bands: Bytes
    """As in the file, shape (3, y, x) on the task's extent."""
    notes: tuple[str, ...]
    """As in `Look`."""
    level: tuple[float, ...]
    """As in `Look`."""


def look_at(task: LookTask, source: Source, model: Model, settings: ClearSettings, batch: int) -> Sight:
    """What one overpass shows of a block.

    `batch` windows are read and seen at once.

    The network sees each window with a margin of at least its receptive radius, and windows without a clear
    pixel not at all; so the answer does not depend on how the block was cut.
    """
    extent = task.extent
    bands = np.full((3, *extent.shape), UNKNOWN, np.uint8)
    bands[2] = NO_DATA
    reach = max(model.card.receptive_radius_px, RADIUS_PX)
    margin = -(-reach // ALIGN_PX) * ALIGN_PX
    notes: set[str] = set()
    samples = [np.zeros((len(NAMES), 0), np.float32)]
    for begin in range(0, len(task.windows), batch):
        windows = task.windows[begin : begin + batch]
        rasters = [source.read(task.overpass.scenes, task.grid, window.grown(margin)) for window in windows]
        notes.update(note for raster in rasters for note in raster.notes)
        inner = [window.within(raster.window) for window, raster in zip(windows, rasters, strict=True)]
        seen = [clear(raster, settings)[cut] for raster, cut in zip(rasters, inner, strict=True)]
        answers = _segmented(model, rasters, [bool(where.any()) for where in seen])
        for window, raster, cut, where, answer in zip(windows, rasters, inner, seen, answers, strict=True):
            piece = np.full((3, *window.shape), UNKNOWN, np.uint8)
            piece[2] = np.where(raster.valid[cut], np.where(where, CLEAR, NOT_CLEAR), NO_DATA)
            if answer is not None:
                piece[0] = np.where(where, answer.pond_fraction[cut], UNKNOWN)
                piece[1] = np.where(where, answer.ground_probability[cut], UNKNOWN)
            bands[(slice(None), *window.within(extent))] = piece
            samples.append(raster.reflectance[:, *cut][:, where][:, ::SAMPLED])
    ground = np.concatenate(samples, axis=1)
    level = tuple(map(float, np.percentile(ground, DARK_PERCENT, axis=1))) if ground.shape[1] >= ENOUGH_PX else ()
    return Sight(bands, tuple(sorted(notes)), level)


def _segmented(model: Model, rasters: list[Raster], wanted: list[bool]) -> list[Segmentation | None]:
    """What the network says of each wanted raster; those of one size go through it together."""
    answers: list[Segmentation | None] = [None] * len(rasters)
    sizes: dict[tuple[int, int], list[int]] = {}
    for number, raster in enumerate(rasters):
        if wanted[number]:
            sizes.setdefault(raster.window.shape, []).append(number)
    for numbers in sizes.values():
        for number, answer in zip(numbers, segment_many(model, [rasters[k] for k in numbers]), strict=True):
            answers[number] = answer
    return answers


def open_look(path: Path, key: str, task: LookTask) -> Look | None:
    """The look at `path` if it is whole and was made by `key`; None otherwise."""
    if not path.is_file():
        return None
    try:
        with rasterio.Env(**GDAL), rasterio.open(path) as file:
            tags = file.tags()
            if tags.get("key") != key or (file.count, file.shape) != (3, task.extent.shape):
                return None
            bands = file.read()
    except (RasterioError, RasterioIOError):
        return None  # a damaged file is made again, and the new one is checked in turn
    if tags.get("checksum") != _checksum(bands):
        return None
    looked = int((bands[2] != NO_DATA).sum())
    share = float((bands[2] == CLEAR).sum()) / looked if looked else 0.0
    notes = tuple(map(str, json.loads(tags.get("notes", "[]"))))
    level = tuple(map(float, json.loads(tags.get("level", "[]"))))
    return Look(path, task.extent, task.overpass.day, task.overpass.name, share, key, False, notes, level)


def plan(grid: Grid, windows: Iterable[Window], block_px: int, passes: Iterable[Overpass]) -> Iterator[LookTask]:
    """One task per block and overpass whose granules touch the wanted windows.

    `windows`: the wanted ones, north to south. Lazy: only a row of blocks is in memory. A task holds only the
    granules that its windows, margins included, can meet.
    """
    placed = [
        (overpass, [(scene, reprojected(scene.footprint, LONLAT, grid.crs)) for scene in overpass.scenes])
        for overpass in passes
    ]
    for _, scenes in placed:
        for _, footprint in scenes:
            prepare(footprint)
    for block, members in _by_block(windows, block_px):
        near = block.grown(REACH_PX).polygon_m
        cores = [(w, box(*w.bounds_m).buffer(-PIXEL_M / 2)) for w in members]  # sharing an edge is not enough
        for overpass, scenes in placed:
            here = [(scene, footprint) for scene, footprint in scenes if footprint.intersects(near)]
            wanted = tuple(w for w, core in cores if any(f.intersects(core) for _, f in here))
            if wanted:
                granules = tuple(scene for scene, _ in here)
                yield LookTask(grid, block, wanted, replace(overpass, scenes=granules))


def read_stack(looks: Iterable[Look], window: Window) -> Stack:
    """All looks that touch `window`, cut to it; blocks of one overpass become one layer."""
    layers: dict[tuple[date, str], Bytes] = {}
    with rasterio.Env(**GDAL):
        for look in looks:
            part = window.intersection(look.extent)
            if part is None:
                continue
            layer = layers.get((look.day, look.overpass))
            if layer is None:
                layer = layers[look.day, look.overpass] = np.zeros((3, *window.shape), np.uint8)
            rows, cols = part.within(look.extent)
            with rasterio.open(look.path, driver="GTiff") as file:
                layer[(slice(None), *part.within(window))] = file.read(window=FileWindow.from_slices(rows, cols))
    order = sorted(layers)
    cube = np.stack([layers[k] for k in order]) if order else np.zeros((0, 3, *window.shape), np.uint8)
    seen = cube[:, 2] == CLEAR
    return Stack(
        window=window,
        days=tuple(day for day, _ in order),
        overpasses=tuple(name for _, name in order),
        pond=np.where(seen, cube[:, 0], 0).astype(np.uint8),
        ground=np.where(seen, cube[:, 1], 0).astype(np.uint8),
        clear=seen,
        measured=(cube[:, 2] != NO_DATA).any(axis=(1, 2)),
    )


def recipe_of(settings: Settings, model: Model) -> Recipe:
    """What makes the looks of a run, apart from scenes and places.

    Of the model only what decides pixels counts: a new calibration makes no look again.
    """
    card = model.card
    decides = [card.sha256, card.network.model_dump(), card.mean, card.std]
    digest = _digest(decides)
    return Recipe(settings.model, digest, model.precision, settings.clear, code_version(), settings.reading.offsets)


def code_version() -> str:
    """Hash of the source files that decide a look's pixels."""
    root = Path(__file__).parent
    files = [Path(__file__)]
    for name in CODE:
        files += sorted((root / name).glob("*.py")) if (root / name).is_dir() else [root / name]
    return _digest([[file.name, hashlib.sha256(file.read_bytes()).hexdigest()] for file in files])


@lru_cache(maxsize=1)
def _model(recipe: Recipe, device: str) -> Model:
    import torch

    torch.set_num_threads(1)  # one thread per worker: float sums then do not depend on the thread count
    return load_model(recipe.model, device, recipe.precision)


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


def _encode(seen: Sight, task: LookTask, key: str) -> bytes:
    """The bytes of a look file."""
    profile = {
        "driver": "COG",
        "count": 3,
        "dtype": "uint8",
        "height": task.extent.height,
        "width": task.extent.width,
        "crs": task.grid.crs,
        "transform": task.extent.transform,
        "nodata": UNKNOWN,
        "compress": "DEFLATE",
        "blocksize": 512,
        "overviews": "NONE",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(seen.bands)
            file.descriptions = (
                "pond fraction",
                "mine-ground probability",
                "state: 0 no data, 1 not clear, 2 clear",
            )
            file.scales = (1 / LEVELS, 1 / LEVELS, 1.0)
            file.update_tags(
                key=key,
                checksum=_checksum(seen.bands),
                overpass=task.overpass.name,
                scenes=json.dumps([scene.id for scene in task.overpass.scenes]),
                notes=json.dumps(seen.notes),
                level=json.dumps([round(value, 5) for value in seen.level]),
            )
        return bytes(memory.getbuffer())


def _checksum(bands: Bytes) -> str:
    return f"{zlib.crc32(bands.tobytes()):08x}"


def _digest(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
