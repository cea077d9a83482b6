"""geoai: reads, predicts and writes a GeoTIFF.

Only its module for inference is used. The package imports much that this module does not need, so that it is passed by:
of `geoai` only the place is known, and of `geoai.utils` only the one function that is asked for.
"""

import sys
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray

from rivals.subject import BATCH, CLASSES, OVERLAP_PX, TILE_PX, Subject, compete


def _stand_ins() -> None:
    """Put the stand-ins for `geoai` and `geoai.utils` in place."""
    found = find_spec("geoai")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("geoai is not installed")
    package, utils = ModuleType("geoai"), ModuleType("geoai.utils")
    package.__path__ = list(found.submodule_search_locations)
    utils.get_device = lambda: torch.device("cpu")  # type: ignore[attr-defined]
    sys.modules.update({"geoai": package, "geoai.utils": utils})


_stand_ins()
from geoai.inference import predict_geotiff  # noqa: E402  after the stand-ins


def predict(subject: Subject) -> None:
    """Sum weighted by splines where squares overlap, in memory."""
    predict_geotiff(
        subject.net,
        str(subject.raster),
        str(subject.mask),
        tile_size=TILE_PX,
        overlap=OVERLAP_PX,
        batch_size=BATCH,
        input_bands=subject.indexes,
        num_classes=CLASSES,
        output_dtype="uint8",
        output_nodata=255,
        preprocess_fn=subject.normalised,
        postprocess_fn=_mask,
        device="cpu",
        verbose=False,
    )


def _mask(logits: NDArray[np.float32]) -> NDArray[np.uint8]:
    mask: NDArray[np.uint8] = logits.argmax(axis=0)[None].astype(np.uint8)
    return mask


if __name__ == "__main__":
    compete("geoai-py", predict)
