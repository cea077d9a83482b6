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
from pipeline.raster import Bytes, Raster

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
) -> Iterator[tuple[Sequence[_Tile], Bytes]]:
    """Tiles of one size, some at a time, with their codes (tile, output, y, x).

    While the card is at work on some, the next are prepared.
    """
    begin, under_way = 0, list[tuple[Sequence[_Tile], Tensor]]()
    while begin < len(tiles) or under_way:
        some = tiles[begin : begin + batch]
        try:
            launched = [(some, _launched(model, _stacked(model, raster, some, margin_px)))] if some else []
        except torch.OutOfMemoryError as cause:
            if len(some) == 1 and not under_way:
                raise SceneError("a window does not fit into the graphics card's memory; use --device cpu") from cause
            batch, launched = max(1, len(some) // 2), []
        begin += sum(len(equal) for equal, _ in launched)
        for done, logits in under_way:
            yield done, _codes(logits, margin_px)
        under_way = launched


def _stacked(model: Model, raster: Raster, tiles: Sequence[_Tile], margin_px: int) -> Tensor:
    """Normalised input (tile, band, y, x) of some tiles with their margins, in pinned memory where there is a card."""
    parts = [raster.cropped(tile.part.grown(margin_px)) for tile in tiles]
    x = torch.from_numpy(np.stack([normalised(model.card, part.reflectance, part.valid) for part in parts]))
    return x.pin_memory() if model.device.type == "cuda" else x


def _launched(model: Model, x: Tensor) -> Tensor:
    """Logits (tile, output, y, x), on the card and perhaps not ready yet."""
    with torch.inference_mode():
        shown = x.to(model.device, non_blocking=True).to(dtype_of(model), memory_format=torch.channels_last)
        logits: Tensor = model.net(shown)
        return logits.float()


def _codes(logits: Tensor, margin_px: int) -> Bytes:
    """Codes (tile, output, y, x) without the margin."""
    inner = slice(margin_px, -margin_px or None)
    return to_codes(logits[:, :, inner, inner].cpu().numpy())
