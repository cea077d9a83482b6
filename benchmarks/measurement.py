"""What a contestant needs for one raster, measured in its own process and handed on as one line of JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from pipeline.looks.network import Network


@dataclass(frozen=True, slots=True)
class Measurement:
    """One contestant on one raster, once."""

    name: str
    """The contestant."""
    version: str
    """Of the library that predicts."""
    wall_s: float
    """From opening the raster to the closed mask, without imports and without loading the model, s."""
    cpu_s: float
    """Processor time of the same, user and system, all threads and child processes, s."""
    peak_mb: float
    """Largest resident memory of the process from its start, imports included, MB."""
    forward_s: float
    """Part of `wall_s` inside the network, s."""
    forward_px_ratio: float
    """Pixels shown to the network per pixel of the raster."""


class Passes:
    """Counts what goes through the network, wherever it is called from."""

    def __init__(self) -> None:
        self.pixels = 0
        self.spent_s = 0.0
        self._begun = 0.0

    def add(self, pixels: int, spent_s: float) -> None:
        """What went through it in another way than by a call of the module."""
        self.pixels += pixels
        self.spent_s += spent_s

    def begin(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Before a module."""
        if isinstance(module, Network):
            count, _, height, width = inputs[0].shape
            self.pixels += count * height * width
            self._begun = time.perf_counter()

    def end(self, module: nn.Module, inputs: object, output: object) -> None:
        """After a module."""
        if isinstance(module, Network):
            self.spent_s += time.perf_counter() - self._begun


def measure(
    name: str, version: str, raster_px: int, work: Callable[[], object], passes: Passes | None = None
) -> None:  # fmt: skip
    """Do some work on a raster of so many pixels and print its `Measurement`; `passes`: to which the work may add."""
    passes = passes or Passes()
    hooks = [register_module_forward_pre_hook(passes.begin), register_module_forward_hook(passes.end)]
    cpu, wall = _cpu_s(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    for hook in hooks:
        hook.remove()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = Measurement(name, version, wall, cpu, peak_mb, passes.spent_s, passes.pixels / raster_px)
    sys.stdout.write(f"{json.dumps(asdict(found))}\n")


def _cpu_s() -> float:
    """Processor time of this process and its children until now, s."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
