"""Per-pixel scores of a model on held-out worlds, and whether bfloat16 is as good."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pipeline.grid import Window
from pipeline.looks.card import ModelCard, Value
from pipeline.looks.codes import LEVELS, Segmentation
from pipeline.looks.network import Network, to_bf16
from pipeline.looks.segment import segment
from pipeline.looks.weights import Model, Resolved
from pipeline.raster import Bools, Floats, Raster
from pipeline.training.chips import world_of
from pipeline.worlds.world import Rendering, render

VALIDATION_SEED = 900_000_001
"""First world seed of validation; training seeds are lower."""
DAYS = ((date(2024, 2, 10), 0.0), (date(2025, 1, 15), 0.2), (date(2025, 11, 20), 0.0))
"""Days on which these worlds are rendered, with the cloud fraction."""
POND = 0.25
"""Least pond fraction of a pixel that counts as pond in the IoU."""
MARGIN_PX = 48
"""Margin of a look that is not scored, pixels: in a run every window has this margin."""
MAX_BF16_CODES = 4
"""Largest difference of any code at which bfloat16 is allowed, units of 1/200."""
MAX_BF16_IOU = 0.005
"""Every IoU must differ by less than this for bfloat16 to be allowed."""


@dataclass(frozen=True, slots=True)
class PixelScores:
    """Scores on the clear ground of some looks."""

    looks: int
    """Number of looks."""
    pond_fraction_mae: float
    """Mean absolute error of the pond fraction on pixels that truly contain pond."""
    pond_iou: float
    """IoU of pixels with a pond fraction of at least `POND`."""
    pond_area_ratio: float
    """Sum of predicted pond fractions within 30 m of true sites over the sum of true pond fractions."""
    ground_iou: float
    """IoU of pixels with a mine-ground probability of at least 0.5."""
    false_area_share: float
    """Predicted pond area more than 30 m from true sites, as a share of true pond area."""


def scores_of(predicted: list[Segmentation], looks: list[Rendering]) -> PixelScores:
    """Scores of predictions for looks."""
    pond = _seen([code.pond_fraction / np.float32(LEVELS) for code in predicted], looks)
    ground = _seen([code.ground_probability / np.float32(LEVELS) for code in predicted], looks)
    true_pond = _seen([look.pond_fraction for look in looks], looks)
    true_ground = _seen([look.ground for look in looks], looks)
    away = _seen([_far_from_sites(look) for look in looks], looks).astype(bool)
    some = true_pond > 0.02
    area = max(float(true_pond.sum()), 1.0)
    return PixelScores(
        looks=len(looks),
        pond_fraction_mae=round(float(np.abs(pond - true_pond)[some].mean()) if some.any() else 0.0, 4),
        pond_iou=round(iou(pond >= POND, true_pond >= POND), 4),
        pond_area_ratio=round(float(pond[~away].sum()) / area, 4),
        ground_iou=round(iou(ground >= 0.5, true_ground >= 0.5), 4),
        false_area_share=round(float(pond[away].sum()) / area, 4),
    )


def validation_looks(worlds: int, size_px: int) -> list[Rendering]:
    """Looks on which models are scored."""
    return render_looks(VALIDATION_SEED, worlds, size_px)


def render_looks(first_seed: int, worlds: int, size_px: int) -> list[Rendering]:
    """Looks at `worlds` worlds on `DAYS`."""
    looks = []
    for seed in range(first_seed, first_seed + worlds):
        world = world_of(seed, size_px, 4)
        looks += [render(world, day, seed + index, cloud) for index, (day, cloud) in enumerate(DAYS)]
    return looks


def predictions(net: Network, card: ModelCard, looks: list[Rendering], precision: Resolved) -> list[Segmentation]:
    """Predictions of a network for looks, on the CPU; `net` is not changed."""
    own = Network(card.network)
    own.load_state_dict(net.state_dict())
    own = to_bf16(own) if precision == "bf16" else own
    own = own.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    model = Model(own, card, torch.device("cpu"), precision)
    return [segment(model, raster_of(look)) for look in looks]


def raster_of(look: Rendering) -> Raster:
    """A look as a source would return it, at the grid's origin."""
    size = look.clear.shape
    return Raster(
        window=Window(0, 0, *size),
        pixels=look.reflectance.astype(np.float32),
        valid=np.ones(size, bool),
        scl=None,
    )


def half_precision(
    full: list[Segmentation], half: list[Segmentation], looks: list[Rendering]
) -> tuple[bool, dict[str, Value]]:
    """Whether bfloat16 predictions are as good as float32 ones on clear ground, and how far they differ there.

    Codes of other ground are never kept.
    """
    ponds = [_seen([code.pond_fraction for code in codes], looks) for codes in (full, half)]
    grounds = [_seen([code.ground_probability for code in codes], looks) for codes in (full, half)]
    codes = max(int(np.abs(one - two).max()) for one, two in (ponds, grounds))
    one, two = scores_of(full, looks), scores_of(half, looks)
    apart = max(abs(one.pond_iou - two.pond_iou), abs(one.ground_iou - two.ground_iou))
    allowed = codes <= MAX_BF16_CODES and apart < MAX_BF16_IOU
    return allowed, {"bf16_max_code_difference": codes, "bf16_iou_difference": round(apart, 5)}


def _seen(planes: Sequence[NDArray[Any]], looks: list[Rendering]) -> Floats:
    """All values on clear ground as a vector, without the margin that callers cut off."""
    inner = slice(MARGIN_PX, -MARGIN_PX)
    cut = [(plane[inner, inner], look.clear[inner, inner]) for plane, look in zip(planes, looks, strict=True)]
    values = [plane[clear] for plane, clear in cut]
    return np.concatenate(values).astype(np.float32)


def _far_from_sites(look: Rendering) -> Bools:
    """Mask (y, x) of pixels with neither pond nor mine ground within 3 pixels."""
    near: Bools = maximum_filter(look.ground | (look.pond_fraction > 0), size=7, mode="constant", cval=False)
    return ~near


def iou(predicted: Bools, true: Bools) -> float:
    """Intersection over union; 1 if both are empty."""
    union = int((predicted | true).sum())
    return int((predicted & true).sum()) / union if union else 1.0
