"""Training loss: cross entropy on soft targets and soft Dice, per output, on clear ground."""

import torch
import torch.nn.functional as F
from torch import Tensor

POND_WEIGHT = 3.0
"""Extra weight of an all-pond pixel relative to one without pond; ponds are a few pixels in a thousand.

Kept small: weights raise the predictions of uncertain pixels, and the sum of pond fractions is an area."""
DICE = 0.5
"""Weight of the Dice term."""
ENTROPY = 5.0
"""Weight of the cross entropy, which is small because most pixels are easy."""


def loss(logits: Tensor, pond_fraction: Tensor, ground: Tensor, clear: Tensor) -> Tensor:
    """Loss of a batch, to be minimised.

    Logits (n, 2, y, x); pond fraction 0 to 1, ground 0 or 1, clear 1 where the label counts, each (n, y, x).
    """
    pond = _entropy(logits[:, 0], pond_fraction, clear * (1 + POND_WEIGHT * pond_fraction))
    earth = _entropy(logits[:, 1], ground, clear)
    overlap = _dice(logits[:, 0], pond_fraction, clear) + _dice(logits[:, 1], ground, clear)
    return ENTROPY * (2 * pond + earth) + DICE * overlap


def _entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean cross entropy with targets between 0 and 1."""
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * weight).sum() / weight.sum().clamp(min=1)


def _dice(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """1 - soft Dice over the whole batch, with squares, so that an exactly predicted fraction costs nothing."""
    predicted = torch.sigmoid(logits) * weight
    true = target * weight
    return 1 - (2 * (predicted * true).sum() + 1) / ((predicted**2).sum() + (true**2).sum() + 1)
