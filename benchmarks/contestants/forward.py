"""The network alone on as many pixels as the raster has: what reading, cutting and writing are measured against."""

import argparse
import math
from pathlib import Path

import rasterio
import torch

from measurement import measure
from pipeline import __version__
from pipeline.bands import NAMES
from pipeline.config import load
from pipeline.looks.weights import load_model


def main() -> None:
    """Measure; prints one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("raster", type=Path)
    parser.add_argument("precision", choices=("fp32", "bf16"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    settings = load(None)
    side = settings.segment.window_px
    model = load_model(settings.model, "cpu", asked.precision)
    dtype = torch.bfloat16 if model.precision == "bf16" else torch.float32
    window = torch.randn(1, len(NAMES), side, side, generator=torch.Generator().manual_seed(1))
    window = window.to(dtype, memory_format=torch.channels_last)
    with rasterio.open(asked.raster) as file:
        raster_px = file.height * file.width

    def work() -> None:
        with torch.inference_mode():
            for _ in range(math.ceil(raster_px / side**2)):
                model.net(window)

    measure(f"forward {asked.precision}", __version__, raster_px, work)


if __name__ == "__main__":
    main()
