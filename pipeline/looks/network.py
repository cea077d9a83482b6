"""The network: a small U-Net that works at 20 m and is strictly local.

Strictly local means that a logit depends only on the input within `receptive_radius_px` of its pixel: no
pooling over a whole chip, no normalisation by statistics of the window. With windows aligned to
`stride_px`, any cut into windows therefore gives the same logits.

```
6 x 10 m ─ unshuffle 2 ─ 3x3 3x3 ────────────────── concat ─ 3x3 3x3 ─ 1x1 ─ shuffle 2 ─ 2 x 10 m
                 20 m     │ 2x2 stride 2              │ 1x1, up 2
                 40 m    3x3 3x3 ──── concat ─ 3x3 3x3
                          │ 2x2 stride 2 │ 1x1, up 2
                 80 m    3x3 3x3 ────────┘
```
"""

from collections import OrderedDict
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipeline.bands import BANDS

STEM = 2
"""Side of the pixel squares that become channels (pixel unshuffle), pixels: the network works at 20 m."""
CONVS = 2
"""3x3 convolutions per level, both on the way down and up."""
OUTPUTS = 2
"""Logit planes: pond fraction, ground probability."""
MAX_RECEPTIVE_RADIUS_PX = 160
"""Deeper networks are refused: every window would have to be read with a larger margin than this."""


class NetworkSpec(BaseModel):
    """What is needed to build the network for given weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    widths: tuple[int, ...] = Field(default=(32, 48, 96), min_length=1, max_length=5, strict=False)
    """Channels at 20 m, 40 m, 80 m and so on."""

    @model_validator(mode="after")
    def _local(self) -> "NetworkSpec":
        radius = receptive_radius_px(self)
        if radius > MAX_RECEPTIVE_RADIUS_PX:
            raise ValueError(
                f"sees {radius} px around a pixel, at most {MAX_RECEPTIVE_RADIUS_PX} are read; use fewer levels"
            )
        return self

    @property
    def stride_px(self) -> int:
        """Windows must begin and end on multiples of this, pixels."""
        return int(STEM * 2 ** (len(self.widths) - 1))


class Network(nn.Module):
    """Reflectance (n, band, y, x), normalised, to logits (n, 2, y, x): pond fraction, ground probability."""

    def __init__(self, spec: NetworkSpec, *, norm: bool = False) -> None:
        """`norm`: with batch normalisation after each convolution, for training; `without_batch_norm` removes it."""
        super().__init__()
        widths = spec.widths
        self.spec = spec
        self.down = nn.ModuleList()
        self.shrink = nn.ModuleList()
        for level, width in enumerate(widths):
            self.down.append(_convs(len(BANDS) * STEM**2 if level == 0 else width, width, norm))
            if level + 1 < len(widths):
                self.shrink.append(nn.Conv2d(width, widths[level + 1], 2, stride=2))
        self.narrow = nn.ModuleList(nn.Conv2d(w, v, 1) for v, w in pairwise(widths))
        self.up = nn.ModuleList(_convs(2 * width, width, norm) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], OUTPUTS * STEM**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Height and width of `x` must be multiples of `spec.stride_px`."""
        x = F.pixel_unshuffle(x, STEM)
        skips: list[Tensor] = []
        for level, convs in enumerate(self.down):
            x = convs(x)
            if level < len(self.shrink):
                skips.append(x)
                x = self.shrink[level](x)
        for level in reversed(range(len(self.up))):
            # The 1x1 convolution commutes with repetition and is four times cheaper before it.
            x = F.interpolate(self.narrow[level](x), scale_factor=2, mode="nearest")
            x = self.up[level](torch.cat([x, skips[level]], dim=1))
        return F.pixel_shuffle(self.head(x.to(self.head.weight.dtype)), STEM)


def _convs(inputs: int, width: int, norm: bool) -> nn.Sequential:
    """`CONVS` times 3x3 convolution (zero padding), batch normalisation if `norm`, ReLU."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index in range(CONVS):
        before = inputs if index == 0 else width
        layers[f"conv{index}"] = nn.Conv2d(before, width, 3, padding=1, bias=not norm)
        if norm:
            layers[f"norm{index}"] = nn.BatchNorm2d(width)
        layers[f"relu{index}"] = nn.ReLU()
    return nn.Sequential(layers)


def without_batch_norm(net: Network) -> Network:
    """A network equivalent to `net` in evaluation mode, with batch normalisation folded in, on the CPU."""
    plain = Network(net.spec).eval()
    state = {key: value.detach().cpu() for key, value in net.state_dict().items()}
    for name, module in net.named_modules():
        if isinstance(module, nn.Sequential) and hasattr(module, "norm0"):
            for index in range(CONVS):
                conv = cast(nn.Conv2d, module.get_submodule(f"conv{index}"))
                bn = cast(nn.BatchNorm2d, module.get_submodule(f"norm{index}"))
                fused = fuse_conv_bn_eval(conv.eval(), bn.eval())
                assert fused.bias is not None
                state[f"{name}.conv{index}.weight"] = fused.weight.detach().cpu()
                state[f"{name}.conv{index}.bias"] = fused.bias.detach().cpu()
    plain.load_state_dict({key: state[key] for key in plain.state_dict()})
    return plain


def interpolated(old: Network, new: Network, share: float) -> Network:
    """Weight interpolation: `share` of the way from old to new weights (Wortsman et al. 2022), float32, CPU, no `norm`.

    A fine-tuned network then keeps more of what it had learned, and does better on data that neither has seen.
    """
    there = {key: value.detach().float().cpu() for key, value in new.state_dict().items()}
    net = Network(old.spec)
    here = old.state_dict().items()
    net.load_state_dict({key: torch.lerp(value.detach().float().cpu(), there[key], share) for key, value in here})
    return net.eval()


def to_bf16(net: Network) -> Network:
    """`net` itself with all layers in bfloat16 but the last, which costs almost nothing and decides the codes."""
    net.to(torch.bfloat16)
    net.head.float()
    return net


def receptive_radius_px(spec: NetworkSpec) -> int:
    """How far from a pixel, in rows or columns, the input can affect its logits.

    Traces the first and last cell that can affect a pixel back through the layers, for each position of the
    pixel within the stride: the field is not symmetric, and the widest side counts.
    """
    depth = len(spec.widths)
    radius = 0
    for pixel in range(spec.stride_px):
        low = high = pixel // STEM
        for level in range(depth):
            if level > 0:  # repetition by 2
                low, high = low // 2, high // 2
            low, high = low - CONVS, high + CONVS
        for _ in range(depth - 1):
            low, high = 2 * low, 2 * high + 1  # 2x2 convolution with stride 2
            low, high = low - CONVS, high + CONVS
        first, last = STEM * low, STEM * high + STEM - 1
        radius = max(radius, pixel - first, last - pixel)
    return radius
