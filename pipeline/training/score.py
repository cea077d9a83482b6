"""How well a model does, pixel by pixel, on worlds it was not trained on, and whether bfloat16 does too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.grid import Window
from pipeline.looks.card import ModelCard, Value
from pipeline.looks.network import Network, to_bf16
from pipeline.looks.segment import LEVELS, Segmentation, segment
from pipeline.looks.weights import Model, Resolved
from pipeline.raster import Bools, Floats, Raster
from pipeline.training.chips import world_of
from pipeline.worlds.world import Rendering, render

VALIDATION_SEED = 900_000_001
"""First world seed of validation; training seeds are below."""
DAYS = ((date(2024, 2, 10), 0.0), (date(2025, 1, 15), 0.2), (date(2025, 11, 20), 0.0))
"""When these worlds are looked at, and how much of them is then under cloud."""
POND = 0.25
"""From this fraction on a pixel counts as pond, for intersection over union."""
MARGIN_PX = 48
"""Pixels along the edge of a look that are not scored: in a run every window has this margin."""
MOST_BF16_CODES = 4
"""bfloat16 is allowed up to this difference of any code, units of 1/200 ..."""
MOST_BF16_IOU = 0.005
"""... and below this difference of any intersection over union."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Measured on the seen ground of some looks."""

    looks: int
    """How many."""
    pond_fraction_mae: float
    """Mean absolute error of the pond fraction on pixels that are truly pond to some part."""
    pond_iou: float
    """Intersection over union of pixels with a pond fraction of at least `POND`."""
    pond_area_ratio: float
    """Sum of told over sum of true pond fractions."""
    ground_iou: float
    """Intersection over union of pixels with a ground probability of at least a half."""
    false_area_share: float
    """Told pond area outside of true sites (30 m around them not counted), as a share of true pond area."""


def scores_of(told: list[Segmentation], looks: list[Rendering]) -> Scores:
    """Scores of what was told of looks."""
    pond = _seen([code.pond_fraction / np.float32(LEVELS) for code in told], looks)
    ground = _seen([code.ground_probability / np.float32(LEVELS) for code in told], looks)
    true_pond = _seen([look.pond_fraction for look in looks], looks)
    true_ground = _seen([look.ground for look in looks], looks)
    away = _seen([_away(look) for look in looks], looks).astype(bool)
    some = true_pond > 0.02
    area = max(float(true_pond.sum()), 1.0)
    return Scores(
        looks=len(looks),
        pond_fraction_mae=round(float(np.abs(pond - true_pond)[some].mean()) if some.any() else 0.0, 4),
        pond_iou=_iou(pond >= POND, true_pond >= POND),
        pond_area_ratio=round(float(pond[~away].sum()) / area, 4),
        ground_iou=_iou(ground >= 0.5, true_ground >= 0.5),
        false_area_share=round(float(pond[away].sum()) / area, 4),
    )


def validation_looks(worlds: int, size_px: int) -> list[Rendering]:
    """The looks that models are scored on."""
    return looks_at(VALIDATION_SEED, worlds, size_px)


def looks_at(first_seed: int, worlds: int, size_px: int) -> list[Rendering]:
    """Looks at so many worlds, on `DAYS`."""
    looks = []
    for seed in range(first_seed, first_seed + worlds):
        world = world_of(seed, size_px, 4)
        looks += [render(world, day, seed + index, cloud) for index, (day, cloud) in enumerate(DAYS)]
    return looks


def predictions(net: Network, card: ModelCard, looks: list[Rendering], precision: Resolved) -> list[Segmentation]:
    """What a network says of looks, on the CPU. `net` is not changed."""
    own = Network(card.network)
    own.load_state_dict(net.state_dict())
    own = to_bf16(own) if precision == "bf16" else own
    own = own.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    model = Model(own, card, torch.device("cpu"), precision)
    return [segment(model, raster_of(look)) for look in looks]


def raster_of(look: Rendering) -> Raster:
    """A look as a source would give it, at the grid's origin."""
    size = look.clear.shape
    return Raster(
        window=Window(0, 0, *size),
        reflectance=look.reflectance.astype(np.float32),
        valid=np.ones(size, bool),
        scl=None,
    )


def half_precision(
    full: list[Segmentation], half: list[Segmentation], looks: list[Rendering]
) -> tuple[bool, dict[str, Value]]:
    """Whether bfloat16 answers are as good as float32 ones on seen ground, and how far apart they are there.

    Codes elsewhere are never kept.
    """
    ponds = [_seen([code.pond_fraction for code in codes], looks) for codes in (full, half)]
    grounds = [_seen([code.ground_probability for code in codes], looks) for codes in (full, half)]
    codes = max(int(np.abs(one - two).max()) for one, two in (ponds, grounds))
    one, two = scores_of(full, looks), scores_of(half, looks)
    apart = max(abs(one.pond_iou - two.pond_iou), abs(one.ground_iou - two.ground_iou))
    allowed = codes <= MOST_BF16_CODES and apart < MOST_BF16_IOU
    return allowed, {"bf16_most_codes_apart": codes, "bf16_iou_apart": round(apart, 5)}


def _seen(planes: Sequence[NDArray[Any]], looks: list[Rendering]) -> Floats:
    """All values on seen ground, but for the margin that callers cut off, in a row."""
    inner = slice(MARGIN_PX, -MARGIN_PX)
    cut = [(plane[inner, inner], look.clear[inner, inner]) for plane, look in zip(planes, looks, strict=True)]
    values = [plane[clear] for plane, clear in cut]
    return np.concatenate(values).astype(np.float32)


def _away(look: Rendering) -> Bools:
    """Where there is neither pond nor ground of a site within 3 pixels, (y, x)."""
    near = np.pad(look.ground | (look.pond_fraction > 0), 3)
    rows, cols = look.clear.shape
    found = np.zeros((rows, cols), bool)
    for row in range(7):
        for col in range(7):
            found |= near[row : row + rows, col : col + cols]
    return ~found


def _iou(told: Bools, true: Bools) -> float:
    """Intersection over union; 1 where neither has a pixel."""
    union = int((told | true).sum())
    return round(int((told & true).sum()) / union, 4) if union else 1.0
