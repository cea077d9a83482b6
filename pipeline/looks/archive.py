"""Archive of looks: made once by worker processes, found by location, read as a time stack."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray

from pipeline import atomic
from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.looks.file import GDAL, LookFile, encoded, open_look
from pipeline.looks.observe import CLEAR, NO_DATA, observe
from pipeline.looks.segment import NetworkSegmenter
from pipeline.looks.task import LookTask, Recipe
from pipeline.looks.weights import Model, load_model
from pipeline.raster import Bytes
from pipeline.sources.interface import Source


class LookPixels(Protocol):
    """The pixels of a look, in a file or in memory."""

    def read(self, part: Window) -> Bytes:
        """The three bands on a part of the extent, (3, y, x)."""


@dataclass(frozen=True, eq=False, slots=True)
class LookArray:
    """Pixels of a look in memory."""

    bands: Bytes
    """Shape (3, y, x) on the extent."""
    extent: Window
    """Window that it covers."""

    def read(self, part: Window) -> Bytes:
        """As `LookPixels.read`."""
        return self.bands[(slice(None), *part.within(self.extent))]


@dataclass(frozen=True, slots=True)
class Look:
    """One overpass over one block, segmented and checked."""

    name: str
    """Block and overpass."""
    extent: Window
    """Window that it covers."""
    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Name of the overpass."""
    clear_share: float
    """Share of the measured pixels that were clear, 0 to 1."""
    key: str
    """Hash of everything that decides it, see `LookTask.key`."""
    pixels: LookPixels = field(compare=False)
    """Where to read them."""
    computed: bool = False
    """True when this run made it, False when an earlier one did."""
    notes: tuple[str, ...] = ()
    """What differed from a normal read, one line each."""
    clear_p10: tuple[float, ...] = ()
    """10th-percentile clear-sky reflectance, one per band; empty where too little was clear."""


class LookFacts(Protocol):
    """What is known of a look beside its pixels: of one just made, of a file, or of the index."""

    @property
    def clear_share(self) -> float:
        """As in `Look`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """As in `Look`."""

    @property
    def clear_p10(self) -> tuple[float, ...]:
        """As in `Look`."""


def look_of(task: LookTask, key: str, facts: LookFacts, pixels: LookPixels) -> Look:
    """The look of a task, from what is known of it."""
    return Look(
        name=task.name,
        extent=task.extent,
        day=task.overpass.day,
        overpass=task.overpass.name,
        clear_share=facts.clear_share,
        key=key,
        pixels=pixels,
        notes=facts.notes,
        clear_p10=facts.clear_p10,
    )


@dataclass(frozen=True, slots=True)
class LookMaker:
    """Makes looks in a worker process; cheap to pickle, and loads its model once per process."""

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

    @property
    def recipe_folder(self) -> Path:
        """Folder of the looks of this recipe."""
        return self.folder / self.recipe.digest[:12]

    def path_of(self, task: LookTask) -> Path:
        """The file of a task: the same in every run."""
        return self.recipe_folder / f"{task.name}.tif"

    def kept(self, task: LookTask) -> Look | None:
        """The look of a task from an earlier run, if its file exists and is valid."""
        path, key = self.path_of(task), task.key(self.recipe)
        seen = open_look(path, key, task.extent)
        return None if seen is None else look_of(task, key, seen, LookFile(path, task.extent))

    def __call__(self, task: LookTask) -> Look:
        """The look of a task, made only when there is no valid file of the same key.

        Raises `SceneError` when a granule cannot be read, `UnitsFailed` on a full disk.
        """
        found = self.kept(task)
        if found is not None:
            return found
        segmenter = NetworkSegmenter(_model(self.recipe, self.device))
        seen = observe(task, self.source, segmenter, self.recipe.margin_px, self.recipe.clear, self.batch)
        atomic.write_bytes(self.path_of(task), encoded(seen, task, task.key(self.recipe)))
        made = self.kept(task)
        if made is None:
            raise SceneError(f"{task.name}: the look just written does not read back; check the disk")
        return replace(made, computed=True)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Stack:
    """All looks on one window, in order of time."""

    window: Window
    """Window of the grid."""
    days: tuple[date, ...]
    """Day of each overpass, ascending, length T."""
    overpasses: tuple[str, ...]
    """Name of each overpass, length T."""
    pond: Bytes
    """Pond fraction in 1/200, shape (T, y, x); 0 where not clear."""
    ground: Bytes
    """Mine-ground probability in 1/200, shape (T, y, x); 0 where not clear."""
    clear: NDArray[np.bool_]
    """Shape (T, y, x). True: the ground was clear."""
    measured: NDArray[np.bool_]
    """Shape (T,). True: the overpass measured at least one pixel here, clear or not."""


def read_stack(looks: Iterable[Look], window: Window) -> Stack:
    """All looks that touch `window`, cropped to it; blocks of one overpass become one layer."""
    layers: dict[tuple[date, str], Bytes] = {}
    with rasterio.Env(**GDAL):
        for look in looks:
            part = window.intersection(look.extent)
            if part is None:
                continue
            layer = layers.get((look.day, look.overpass))
            if layer is None:
                layer = layers[look.day, look.overpass] = np.zeros((3, *window.shape), np.uint8)
            layer[(slice(None), *part.within(window))] = look.pixels.read(part)
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


class LookArchive:
    """An index of looks by location."""

    def __init__(self, looks: Sequence[Look], cell_px: int) -> None:
        """Index looks by the aligned squares of `cell_px` that they touch."""
        self.cell_px = cell_px
        self._by_cell: dict[Window, list[Look]] = {}
        for look in looks:
            for cell in look.extent.cells(cell_px):
                self._by_cell.setdefault(cell, []).append(look)

    def cells(self) -> list[Window]:
        """The cells that have looks, north to south."""
        return sorted(self._by_cell)

    def looks(self, cell: Window) -> list[Look]:
        """The looks that touch a cell."""
        return self._by_cell.get(cell, [])

    def stack(self, window: Window) -> Stack:
        """All looks on any window, whatever blocks they came from."""
        looks = {look.key: look for cell in window.cells(self.cell_px) for look in self.looks(cell)}
        return read_stack(looks.values(), window)


@lru_cache(maxsize=1)
def _model(recipe: Recipe, device: str) -> Model:
    import torch

    torch.set_num_threads(1)  # one thread per worker: float sums then do not depend on the thread count
    return load_model(recipe.model, device, recipe.precision)
