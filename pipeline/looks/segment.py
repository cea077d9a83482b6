"""From what was read to pond fraction and mine-ground probability, exactly the same for any cut into windows.

Why it is exact: the network is strictly local (`network.py`), windows are aligned to `grid.ALIGN_PX`, they are shown
with `margin_px` around them and the result is cropped, and one thread computes each convolution the same way for any
size and batch. Callers set `torch.set_num_threads(1)` and use more processes, not more threads: with two threads
float32 logits were seen to differ by 3e-8, which can change a code by one.

A processor is shown a window a few rows at a time (`rolling.py`); a graphics card many windows at once (`cuda.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.grid import ALIGN_PX, Window, aligned_up
from pipeline.looks.codes import Segmentation, to_codes
from pipeline.looks.cuda import segmented_in_batches
from pipeline.looks.network import OUTPUTS, STEM
from pipeline.looks.network_input import dtype_of, normalised, stem_rows
from pipeline.looks.rolling import RollingNetwork
from pipeline.looks.weights import Model
from pipeline.raster import Bytes, Raster


@dataclass(frozen=True, eq=False, slots=True)
class NetworkSegmenter:
    """A model as a `Segmenter`."""

    model: Model
    """A loaded model."""
    batch: int = 1
    """Windows per forward pass on a graphics card; changes speed only."""

    @property
    def margin_px(self) -> int:
        """The receptive radius, rounded up to `ALIGN_PX`."""
        return aligned_up(self.model.card.receptive_radius_px)

    def __call__(self, raster: Raster, windows: Sequence[Window]) -> list[Segmentation]:
        """As `Segmenter`. Raises `ValueError` for windows that are not aligned."""
        shown = [window.grown(self.margin_px) for window in windows]
        for window in shown:
            _check_aligned(window)
        if self.model.device.type == "cpu":
            return [self._rolled(raster.cropped(window)) for window in shown]
        return segmented_in_batches(self.model, raster, windows, self.margin_px, self.batch)

    def _rolled(self, shown: Raster) -> Segmentation:
        """The prediction for a window, from the raster of it and its margin."""
        height, width = (side - 2 * self.margin_px for side in shown.window.shape)
        codes = np.empty((OUTPUTS, height, width), np.uint8)
        cut = self.margin_px // STEM
        row = -self.margin_px
        with torch.inference_mode():
            for features in RollingNetwork(self.model.net).features(stem_rows(self.model, shown)):
                rows = STEM * features.shape[2]
                above, below = max(0, -row) // STEM, max(0, row + rows - height) // STEM
                wanted = features[:, :, above : features.shape[2] - below, cut : features.shape[3] - cut]
                if wanted.shape[2]:
                    begin = row + STEM * above
                    codes[:, begin : begin + STEM * wanted.shape[2]] = _codes_of(self.model, wanted)
                row += rows
        if row < height:
            raise ValueError(f"the network of radius {self.model.card.receptive_radius_px} px needs more margin")
        return Segmentation(pond_fraction=codes[0], ground_probability=codes[1])


def segment(model: Model, raster: Raster) -> Segmentation:
    """Codes for the whole window of `raster`, shown at once; wrong closer to its edge than the receptive radius."""
    _check_aligned(raster.window)
    x = normalised(model.card, raster.reflectance, raster.valid)[None]
    with torch.inference_mode():
        tensor = torch.from_numpy(x).to(model.device, dtype_of(model), memory_format=torch.channels_last)
        logits = model.net(tensor)[0].float().cpu().numpy()
    codes = to_codes(logits)
    return Segmentation(pond_fraction=codes[0], ground_probability=codes[1])


def _check_aligned(window: Window) -> None:
    if any(v % ALIGN_PX for v in (window.row, window.col, window.height, window.width)):
        raise ValueError(f"{window} is not aligned to {ALIGN_PX} px")


def _codes_of(model: Model, features: Tensor) -> Bytes:
    """Codes (output, y, x) of what the head sees, (1, channel, y / 2, x / 2)."""
    head = model.net.head
    rows = features[0].permute(1, 2, 0).to(head.weight.dtype)
    logits = F.linear(rows, head.weight[:, :, 0, 0], head.bias)
    codes = to_codes(logits.numpy())
    height, width, planes = codes.shape
    squares = codes.reshape(height, width, planes // STEM**2, STEM, STEM)
    return squares.transpose(2, 0, 3, 1, 4).reshape(planes // STEM**2, STEM * height, STEM * width)
