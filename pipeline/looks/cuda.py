"""The network on a graphics card: windows in batches, through pinned memory, while the next batch is prepared.

What does not fit into the card's memory is tried again in batches of half the size, down to single windows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.errors import SceneError
from pipeline.grid import Window
from pipeline.looks.codes import Segmentation, to_codes
from pipeline.looks.network_input import dtype_of, normalised
from pipeline.looks.weights import Model
from pipeline.raster import Floats, Raster

TILE_PX = 512
"""Side of the windows that a larger one is cut into: equal ones make batches."""


@dataclass(frozen=True, eq=False, slots=True)
class _Tile:
    """A part of a window to predict."""

    number: int
    """Of its window."""
    part: Window
    """Where."""


def segmented_in_batches(
    model: Model, raster: Raster, windows: Sequence[Window], margin_px: int, batch: int
) -> list[Segmentation]:
    """Predictions for windows inside a raster; `batch`: tiles at once, halved as often as memory demands.

    Raises `SceneError` when a single tile is too much.
    """
    out = [Segmentation(*np.empty((2, *window.shape), np.uint8)) for window in windows]
    tiles = [_Tile(k, part) for k, window in enumerate(windows) for part in _tiles(window)]
    by_shape: dict[tuple[int, int], list[_Tile]] = {}
    for tile in tiles:
        by_shape.setdefault(tile.part.shape, []).append(tile)
    for equal in by_shape.values():
        for some, codes in _predicted(model, raster, equal, margin_px, batch):
            for tile, (pond, ground) in zip(some, codes, strict=True):
                cut = tile.part.within(windows[tile.number])
                out[tile.number].pond_fraction[cut] = pond
                out[tile.number].ground_probability[cut] = ground
    return out


def _tiles(window: Window) -> Iterator[Window]:
    for cell in window.cells(TILE_PX):
        part = cell.intersection(window)
        if part is not None:
            yield part


def _predicted(
    model: Model, raster: Raster, tiles: Sequence[_Tile], margin_px: int, batch: int
) -> Iterator[tuple[Sequence[_Tile], np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]]:
    """Tiles of one size, some at a time, with their codes (tile, output, y, x)."""
    begin = 0
    while begin < len(tiles):
        some = tiles[begin : begin + batch]
        x = np.stack([_input(model, raster, tile.part.grown(margin_px)) for tile in some])
        try:
            logits = _logits(model, x)
        except torch.OutOfMemoryError as cause:
            if batch == 1:
                raise SceneError(
                    "one window does not fit into the memory of the graphics card; use --device cpu"
                ) from cause
            batch = max(1, min(batch, len(some)) // 2)
            if model.device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        inner = (..., slice(margin_px, -margin_px), slice(margin_px, -margin_px)) if margin_px else (...,)
        yield some, to_codes(np.ascontiguousarray(logits[inner]))
        begin += len(some)


def _input(model: Model, raster: Raster, window: Window) -> Floats:
    part = raster.cropped(window)
    return normalised(model.card, part.reflectance, part.valid)


def _logits(model: Model, x: Floats) -> Floats:
    """Logits (n, output, y, x) of normalised input (n, band, y, x), in float32."""
    tensor: Tensor = torch.from_numpy(x)
    if model.device.type == "cuda":
        tensor = tensor.pin_memory()
    with torch.inference_mode():
        shown = tensor.to(model.device, non_blocking=True).to(dtype_of(model), memory_format=torch.channels_last)
        found: Floats = model.net(shown).float().cpu().numpy()
    return found
