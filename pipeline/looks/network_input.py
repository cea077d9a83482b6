"""From what was read to what the network is shown: normalised, and where not measured the mean."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.looks.card import ModelCard
from pipeline.looks.network import STEM
from pipeline.looks.rolling import rows_at_once
from pipeline.looks.weights import Model
from pipeline.raster import Bools, Floats, Numbers, Radiometry, Raster, reflectance_in


def dtype_of(model: Model) -> torch.dtype:
    """Type of the network's input."""
    return torch.bfloat16 if model.precision == "bf16" else torch.float32


def normalised(card: ModelCard, reflectance: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Reflectance (band, y, x) normalised for the network; 0, the mean, where not valid."""
    mean = np.asarray(card.mean, np.float32)[:, None, None]
    std = np.asarray(card.std, np.float32)[:, None, None]
    return np.where(valid, (reflectance - mean) / std, np.float32(0))


def stem_rows(model: Model, raster: Raster) -> Iterator[Tensor]:
    """A raster normalised and unshuffled, (1, band x 4, y, x) channels last, a few rows at a time."""
    height, width = raster.window.shape
    step = STEM * rows_at_once(width // STEM)
    for row in range(0, height, step):
        rows = slice(row, min(height, row + step))
        yield _stem(model, raster.pixels[:, rows], raster.radiometry, raster.valid[rows])


def _stem(model: Model, pixels: Numbers | Floats, radiometry: Radiometry | None, valid: Bools) -> Tensor:
    """Rows of a raster for the network's first convolution: as `normalised` and `pixel_unshuffle`, without copies."""
    bands, height, width = pixels.shape
    out = torch.empty(
        (1, bands * STEM**2, height // STEM, width // STEM),
        dtype=dtype_of(model),
        memory_format=torch.channels_last,
    )
    ready: Iterable[NDArray[Any]]
    if radiometry is None:
        ready = _bits(torch.from_numpy(normalised(model.card, pixels.astype(np.float32), valid)).to(out.dtype))
    else:
        ready = _looked_up(pixels, _tables_of(model.card.mean, model.card.std, radiometry, model.precision))
    planes = _bits(out)[0]
    for band, plane in enumerate(ready):
        for down in range(STEM):
            for right in range(STEM):
                planes[band * STEM**2 + down * STEM + right] = plane[down::STEM, right::STEM]
    return out


def _bits(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a tensor as numpy can hold them: bfloat16 as the int16 of its bits."""
    found: NDArray[Any] = (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return found


def _looked_up(pixels: Numbers | Floats, tables: Sequence[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    """Each band (y, x) of stored numbers (band, y, x) by its table."""
    for plane, table in zip(pixels, tables, strict=True):
        yield table.take(plane, mode="clip")  # no number of 16 bits is beyond it, and clipping is faster than checking


@lru_cache(maxsize=8)
def _tables_of(
    mean: tuple[float, ...], std: tuple[float, ...], radiometry: Radiometry, precision: str
) -> tuple[NDArray[Any], ...]:
    """Per band what each stored number becomes for the network, shape (65536,), as `_bits`.

    0 is no data, and becomes 0, the mean, as in `normalised`.
    """
    numbers = np.broadcast_to(np.arange(65536, dtype=np.uint16), (len(mean), 65536))
    reflectance = reflectance_in(numbers, radiometry, np.ones(65536, bool))
    x = (reflectance - np.asarray(mean, np.float32)[:, None]) / np.asarray(std, np.float32)[:, None]
    x[:, 0] = 0
    tensor = torch.from_numpy(x)
    return tuple(_bits(tensor.to(torch.bfloat16) if precision == "bf16" else tensor))
