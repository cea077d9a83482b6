"""Running average of the weights of a network in training; the average is the model that is saved."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from pipeline.looks.network import Network


def averaged(net: Network, keep: float) -> AveragedModel:
    """A running average of `net`, batch statistics included; each update keeps the share `keep`, less at first."""

    def update(kept: Sequence[Tensor], new: Sequence[Tensor], updates: Tensor | int) -> None:
        if not kept[0].is_floating_point():
            return  # counts of batches; tensors come grouped by type
        count = int(updates)
        with torch.no_grad():
            torch._foreach_lerp_(list(kept), list(new), 1 - min(keep, (1 + count) / (10 + count)))

    return AveragedModel(net, multi_avg_fn=update, use_buffers=True)


def network_of(average: AveragedModel) -> Network:
    """The averaged network."""
    net = average.module
    assert isinstance(net, Network)
    return net
