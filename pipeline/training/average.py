"""Running average of the weights of a network in training; the average is the model that is saved."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from pipeline.looks.network import Network


def averaged(net: Network, keep: float) -> AveragedModel:
    """A running average of `net`, batch statistics included; each update keeps the share `keep`, less at first."""

    def update(kept: Sequence[Tensor], new: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = min(keep, (1 + count) / (10 + count))
        floats = [(one, other) for one, other in zip(kept, new, strict=True) if one.is_floating_point()]
        with torch.no_grad():  # what is no float counts batches
            torch._foreach_lerp_([one for one, _ in floats], [other for _, other in floats], 1 - share)

    return AveragedModel(net, multi_avg_fn=update, use_buffers=True)


def network_of(average: AveragedModel) -> Network:
    """The averaged network."""
    net = average.module
    assert isinstance(net, Network)
    return net
