"""The network rolled over rows: from the top of a window to its bottom, a few rows at a time.

A window shown to the network as a whole needs every layer of it in memory at once, far more than a processor's cache
holds, and windows cut small see their margins again and again. So a few rows pass through all layers at a time, and
each layer keeps what the next rows need of these: two rows for a 3x3 convolution, an odd row for a stride of 2, and the
skipped rows until their counterpart from below arrives. Each layer computes each row once, from the same numbers in the
same order as `Network.forward`; so logits are the same bit for bit, but for the last rows of the input, which would
need rows that never come.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.looks.network import CONVS, Network

STEM_PX = 32_000
"""About so many 20 m pixels pass through the layers at once: with 48 channels in bfloat16 3 MB, as a cache holds."""
STEP_ROWS = 8
"""The number of rows at once is a multiple of this, so that few different shapes occur."""


def rows_at_once(width: int) -> int:
    """How many rows of 20 m pixels to pass through a network of this width in such pixels."""
    return max(STEP_ROWS, STEM_PX // width // STEP_ROWS * STEP_ROWS)


@dataclass(slots=True, eq=False)
class RollingNetwork:
    """A network on its way down one window; for one window only."""

    net: Network
    """In evaluation mode."""
    _top: "_Level" = field(init=False)

    def __post_init__(self) -> None:
        self._top = _Level.of(self.net, 0)

    def features(self, pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        """What the head sees, (1, channel, y, x) in order of rows, for unshuffled input in order of rows.

        `pieces`: (1, 24, y, x) each. The last rows of the input, as many as the network sees, give none.
        """
        for piece in pieces:
            found = self._top.push(piece)
            if found.shape[2]:
                yield found


@dataclass(slots=True, eq=False)
class _Convs:
    """Two 3x3 convolutions with ReLU."""

    convs: tuple[nn.Conv2d, ...]
    _kept: list[Tensor | None] = field(default_factory=lambda: [None] * CONVS)

    @classmethod
    def of(cls, layers: nn.Module) -> "_Convs":
        return cls(tuple(cast(nn.Conv2d, layers.get_submodule(f"conv{index}")) for index in range(CONVS)))

    def push(self, x: Tensor) -> Tensor:
        """The rows that more rows of input complete."""
        for index, conv in enumerate(self.convs):
            kept = self._kept[index]
            # Above the first row there is one of zeros: the padding.
            above = x.new_zeros(1, x.shape[1], 1, x.shape[3]) if kept is None else kept
            rows = torch.cat([above, x], dim=2)
            self._kept[index] = rows[:, :, -2:].contiguous(memory_format=torch.channels_last)
            if rows.shape[2] < 3:
                return x.new_empty(1, conv.out_channels, 0, x.shape[3])
            x = F.relu_(F.conv2d(rows, conv.weight, conv.bias, padding=(0, 1)))
        return x


@dataclass(slots=True, eq=False)
class _Level:
    """One level of the network, with all levels below it."""

    down: _Convs
    below: "_Level | None"
    shrink: nn.Module | None
    narrow: nn.Module | None
    up: _Convs | None
    _odd: Tensor | None = None
    _skipped: Tensor | None = None

    @classmethod
    def of(cls, net: Network, level: int) -> "_Level":
        down = _Convs.of(net.down[level])
        if level == len(net.shrink):
            return cls(down, None, None, None, None)
        below = cls.of(net, level + 1)
        return cls(down, below, net.shrink[level], net.narrow[level], _Convs.of(net.up[level]))

    def push(self, x: Tensor) -> Tensor:
        """The rows that more rows of input complete."""
        x = self.down.push(x)
        if self.below is None or self.shrink is None or self.narrow is None or self.up is None:
            return x
        self._skipped, rows = _joined(self._skipped, x), _joined(self._odd, x)
        even = rows.shape[2] // 2 * 2
        self._odd = rows[:, :, even:]
        if not even:
            return x[:, :, :0]
        deep = self.below.push(self.shrink(rows[:, :, :even]))
        if not deep.shape[2]:
            return x[:, :, :0]
        wide = F.interpolate(self.narrow(deep), scale_factor=2, mode="nearest")
        done = wide.shape[2]
        beside, self._skipped = self._skipped[:, :, :done], self._skipped[:, :, done:]
        return self.up.push(torch.cat([wide, beside], dim=1))


def _joined(kept: Tensor | None, x: Tensor) -> Tensor:
    return x if kept is None or not kept.shape[2] else torch.cat([kept, x], dim=2)
