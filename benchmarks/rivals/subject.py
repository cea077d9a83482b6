"""What every rival is given: the shipped network in float32, the raster, and how both are used.

Needs only torch, pydantic, safetensors, numpy and rasterio: all that the environment of a rival has.
"""

import argparse
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from measurement import measure
from pipeline.bands import NAMES
from pipeline.looks.network import OUTPUTS, Network, NetworkSpec

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
TILE_PX = 512
"""Side of the squares shown to the network."""
OVERLAP_PX = 64
"""How far neighbouring squares overlap."""
BATCH = 4
"""Squares per forward pass."""
CLASSES = OUTPUTS
"""Planes of logits; the mask holds the number of the largest."""
SCALE = 10_000
"""Stored number of reflectance 1."""


@dataclass(frozen=True, eq=False)
class Subject:
    """The task of a rival: predict a raster with the network, and write a mask of one byte per pixel."""

    raster: Path
    """GeoTIFF with the bands of `NAMES`, by band description, among others."""
    mask: Path
    """GeoTIFF to write."""
    net: Network
    """Evaluation mode, float32."""
    mean: NDArray[np.float32]
    """Mean reflectance, (band, 1, 1)."""
    std: NDArray[np.float32]
    """Its standard deviation, (band, 1, 1)."""

    @cached_property
    def descriptions(self) -> tuple[str, ...]:
        """Names of all bands of the raster."""
        with rasterio.open(self.raster) as file:
            return tuple(file.descriptions)

    @property
    def indexes(self) -> list[int]:
        """Numbers of the bands that the network sees, from 1."""
        return [self.descriptions.index(name) + 1 for name in NAMES]

    @property
    def raster_px(self) -> int:
        """Pixels of the raster."""
        with rasterio.open(self.raster) as file:
            return int(file.height * file.width)

    def read(self) -> NDArray[np.uint16]:
        """The whole raster as it is stored, (band, y, x)."""
        with rasterio.open(self.raster) as file:
            stored: NDArray[np.uint16] = file.read(self.indexes)
            return stored

    def normalised(self, stored: NDArray[np.uint16] | NDArray[np.float32]) -> NDArray[np.float32]:
        """Stored numbers (band, y, x) as the network wants them."""
        out = stored.astype(np.float32)
        out -= self.mean * SCALE
        out /= self.std * SCALE
        return out

    def normalised_batch(self, stored: Tensor) -> Tensor:
        """The same for a float32 tensor (n, band, y, x)."""
        return (stored - torch.from_numpy(self.mean * SCALE)) / torch.from_numpy(self.std * SCALE)

    def write(self, mask: NDArray[np.uint8]) -> None:
        """Write the mask (y, x)."""
        with rasterio.open(self.raster) as file:
            place = {"crs": file.crs, "transform": file.transform}
        with rasterio.open(
            self.mask, "w", driver="GTiff", dtype="uint8", count=1, height=mask.shape[0], width=mask.shape[1],
            tiled=True, blockxsize=TILE_PX, blockysize=TILE_PX, compress="deflate", **place,
        ) as file:  # fmt: skip
            file.write(mask, 1)


def compete(package: str, predict: Callable[[Subject], None]) -> None:
    """Measure a rival on the raster and for the mask of the command line; prints one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("raster", type=Path)
    parser.add_argument("mask", type=Path)
    parser.add_argument("threads", type=int, help="of torch")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    subject = _subject(asked.raster, asked.mask)
    measure(package, version(package), subject.raster_px, partial(predict, subject))


def _subject(raster: Path, mask: Path) -> Subject:
    """The task with the model that runs use unless another is asked for."""
    name = tomllib.loads((ROOT / "configs" / "default.toml").read_text())["model"]
    folder = ROOT / "models" / name
    card = tomllib.loads((folder / "model.toml").read_text())
    net = Network(NetworkSpec.model_validate(card["network"]))
    net.load_state_dict(load_file(folder / "weights.safetensors"))
    mean, std = (np.asarray(card[key], np.float32).reshape(-1, 1, 1) for key in ("mean", "std"))
    return Subject(raster, mask, net.eval(), mean, std)
