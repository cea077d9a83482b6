"""Platt scaling of the outputs, so that pond fractions add up to pond area.

Training weighs pond pixels more than others and shows sites more often than they occur, which raises the predictions
of uncertain pixels. Afterwards two numbers per output, a factor and a shift of its logit, are fitted on whole looks
with every pixel counted once, and folded into the last layer.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.looks.card import ModelCard
from pipeline.looks.network import STEM, Network
from pipeline.looks.network_input import normalised
from pipeline.training.chips import FIRST_SEED
from pipeline.training.score import MARGIN_PX, render_looks
from pipeline.worlds.world import Rendering

SEED_OFFSET = 500_000
"""Distance of the first world seed of this fit from that of training; chips never reach it."""


def scaling_looks(seed: int, worlds: int, size_px: int) -> list[Rendering]:
    """Looks at worlds used neither in training nor in validation."""
    return render_looks(FIRST_SEED + 1_000_000 * seed + SEED_OFFSET, worlds, size_px)


def scaled(net: Network, card: ModelCard, looks: list[Rendering]) -> Network:
    """A copy of `net` (without batch normalisation) with its last layer scaled and shifted."""
    predicted = [_logits(net, card, look) for look in looks]
    out = Network(net.spec).eval()
    out.load_state_dict(net.state_dict())
    for plane, name in enumerate(("pond_fraction", "ground")):
        logits = torch.cat([pixels[plane] for pixels in predicted])
        true = torch.cat([_inner(getattr(look, name), look) for look in looks])
        factor, shift = _fitted(logits, true)
        rows = slice(plane * STEM**2, (plane + 1) * STEM**2)
        with torch.no_grad():
            assert out.head.bias is not None
            out.head.weight[rows] *= factor
            out.head.bias[rows] = out.head.bias[rows] * factor + shift
    return out


def _logits(net: Network, card: ModelCard, look: Rendering) -> Tensor:
    """Logits on clear ground, shape (output, pixel)."""
    x = normalised(card, look.reflectance, np.ones(look.clear.shape, bool))
    with torch.inference_mode():
        logits = net(torch.from_numpy(x)[None])[0].numpy()
    return torch.stack([_inner(plane, look) for plane in logits])


def _inner(plane: np.ndarray, look: Rendering) -> Tensor:
    """Values of a plane (y, x) on clear ground as a vector, without the margin that callers cut off."""
    inner = slice(MARGIN_PX, -MARGIN_PX)
    return torch.from_numpy(plane[inner, inner][look.clear[inner, inner]].astype(np.float64))


def _fitted(logits: Tensor, true: Tensor) -> tuple[float, float]:
    """Factor and shift of the logits that minimise cross entropy; 1 and 0 if the truth sums to less than one pixel."""
    if float(true.sum()) < 1:
        return 1.0, 0.0
    parameters = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([parameters], max_iter=60, line_search_fn="strong_wolfe")

    def entropy() -> Tensor:
        search.zero_grad()
        # The factor is an exponential, so it stays positive.
        moved = logits * parameters[0].exp() + parameters[1]
        value = F.binary_cross_entropy_with_logits(moved, true) * 100
        value.backward()  # type: ignore[no-untyped-call]
        return value

    search.step(entropy)  # type: ignore[no-untyped-call]
    found = parameters.detach()
    return float(found[0].exp()), float(found[1])
