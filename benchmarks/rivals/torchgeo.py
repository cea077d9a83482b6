"""torchgeo: its dataset and sampler cut the raster into overlapping squares; it does not stitch, the mean is ours."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import rasterio
import torch
from torch.utils.data import DataLoader
from torchgeo.datasets import RasterDataset, stack_samples
from torchgeo.samplers import GridGeoSampler

from pipeline.bands import NAMES
from rivals.subject import BATCH, CLASSES, OVERLAP_PX, TILE_PX, Subject, compete


def predict(subject: Subject) -> None:
    """Mean probability where squares overlap, in memory."""

    class Scene(RasterDataset):  # type: ignore[misc]  # not typed where it is not installed
        """The raster."""

        filename_glob = subject.raster.name
        all_bands = subject.descriptions

    scene = Scene(str(subject.raster.parent), bands=list(NAMES))
    sampler = GridGeoSampler(scene, size=TILE_PX, stride=TILE_PX - OVERLAP_PX)
    batches: Iterable[dict[str, Any]] = DataLoader(scene, batch_size=BATCH, sampler=sampler, collate_fn=stack_samples)
    with rasterio.open(subject.raster) as file:
        (height, width), transform = file.shape, file.transform
    total = np.zeros((CLASSES, height, width), np.float32)
    count = np.zeros((height, width), np.float32)
    with torch.inference_mode():
        for batch in batches:
            answers = subject.net(subject.normalised_batch(batch["image"])).softmax(1).numpy()
            for answer, (x, y, _) in zip(answers, batch["bounds"], strict=True):
                col, row = round((x.start - transform.c) / transform.a), round((y.stop - transform.f) / transform.e)
                # The grid begins in the south, so that squares reach past the north and the east of the raster.
                above, rows, cols = max(0, -row), min(TILE_PX, height - row), min(TILE_PX, width - col)
                place = (slice(row + above, row + rows), slice(col, col + cols))
                total[(slice(None), *place)] += answer[:, above:rows, :cols]
                count[place] += 1
    total /= np.maximum(count, 1)
    subject.write(total.argmax(axis=0).astype(np.uint8))


if __name__ == "__main__":
    compete("torchgeo", predict)
