"""One look: what an overpass showed of a block, where its pixels are, and what they were made from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from pipeline.grid import Window, covers
from pipeline.looks.squares import Squares
from pipeline.looks.task import LookTask
from pipeline.raster import Bytes
from pipeline.sources.acquisitions import Acquisition, version_of

PLACE_PX = 2048
"""Side of the squares by which looks of one overpass are compared, pixels."""
Place = tuple[date, str, Window]
"""Day and name of an overpass, and a square."""


class LookPixels(Protocol):
    """The pixels of a look, in a file or in memory."""

    def read(self, part: Window) -> Bytes:
        """The three bands on a part of the extent, (3, y, x)."""


@dataclass(frozen=True, eq=False, slots=True)
class LookArray:
    """Pixels of a look in memory."""

    bands: Bytes
    """Shape (3, y, x) on the extent."""
    extent: Window
    """Window that it covers."""

    def read(self, part: Window) -> Bytes:
        """As `LookPixels.read`."""
        return self.bands[(slice(None), *part.within(self.extent))]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One overpass over one block, segmented and checked."""

    name: str
    """Block and overpass."""
    extent: Window
    """Window that it covers."""
    windows: tuple[Window, ...]
    """The parts of the extent that were read."""
    day: date
    """Day of the overpass, UTC."""
    overpass: str
    """Name of the overpass."""
    acquisitions: tuple[Acquisition, ...]
    """What it was made from, by id."""
    clear_share: float
    """Share of the measured pixels that were clear, 0 to 1."""
    key: str
    """Hash of everything that decides it, see `LookTask.key`."""
    generation: int
    """As in `LookTask`."""
    pixels: LookPixels = field(compare=False)
    """Where to read them."""
    computed: bool = False
    """True when this run made it, False when an earlier one did."""
    notes: tuple[str, ...] = ()
    """What differed from a normal read, one line each."""
    clear_p10: tuple[float, ...] = ()
    """10th-percentile clear-sky reflectance, one per band; empty where too little was clear."""
    screened: Squares | None = None
    """Squares with clear pixels that were screened out; None = none."""
    ponds: Squares | None = None
    """Squares that show at least a little pond; None = none, or not known of a look of an earlier version."""

    @property
    def rank(self) -> tuple[object, ...]:
        """Of several looks of one overpass at one place, the greatest counts: the latest, of the latest processing."""
        baseline = max(version_of(each.baseline) for each in self.acquisitions)
        return self.generation, baseline, len(self.acquisitions), self.key

    def serves(self, wanted: Sequence[Acquisition]) -> bool:
        """Whether it was made from all of these acquisitions, or from later versions of them."""
        return all(any(own.serves(one) for own in self.acquisitions) for one in wanted)

    def meets(self, windows: Sequence[Window]) -> bool:
        """Whether it was read in a part of any of these windows."""
        return any(own.intersection(window) for own in self.windows for window in windows)

    def is_of(self, wanted: Sequence[Acquisition]) -> bool:
        """Whether it was made from any of these acquisitions, in whatever version."""
        return any(own.is_same(one) for own in self.acquisitions for one in wanted)

    def replaces(self, other: "Look") -> bool:
        """Whether it shows all that another look of the same overpass shows, from the same or later versions."""
        later = self.generation > other.generation and self.is_of(other.acquisitions)
        return (
            self.rank > other.rank
            and (later or self.serves(other.acquisitions))
            and all(covers(self.windows, window) for window in other.windows)
        )


class LookFacts(Protocol):
    """What is known of a look beside its pixels: of one just made, of a file, or of the index."""

    @property
    def clear_share(self) -> float:
        """As in `Look`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """As in `Look`."""

    @property
    def clear_p10(self) -> tuple[float, ...]:
        """As in `Look`."""

    @property
    def screened(self) -> Squares | None:
        """As in `Look`."""

    @property
    def ponds(self) -> Squares | None:
        """As in `Look`."""


def look_of(task: LookTask, key: str, facts: LookFacts, pixels: LookPixels) -> Look:
    """The look of a task, from what is known of it."""
    return Look(
        name=task.name,
        extent=task.extent,
        windows=task.windows,
        day=task.overpass.day,
        overpass=task.overpass.name,
        acquisitions=task.acquisitions,
        clear_share=facts.clear_share,
        key=key,
        generation=task.generation,
        pixels=pixels,
        notes=facts.notes,
        clear_p10=facts.clear_p10,
        screened=facts.screened or None,
        ponds=facts.ponds or None,
    )


def screened_squares(look: Look) -> int:
    """How many of its squares a look has clear pixels in that were screened out."""
    return int(look.screened.mask.sum()) if look.screened else 0


def in_force(looks: Iterable[Look]) -> list[Look]:
    """The looks that count, in order of time: without those that another one replaces."""
    everything, near = list(looks), dict[Place, list[Look]]()
    for look in everything:
        for place in places(look.day, look.overpass, look.extent):
            near.setdefault(place, []).append(look)
    kept = [
        look
        for look in everything
        if not any(
            other.replaces(look)
            for place in places(look.day, look.overpass, look.extent)
            if len(near[place]) > 1
            for other in near[place]
        )
    ]
    return sorted(kept, key=lambda look: (look.day, look.overpass, look.extent, look.key))


def places(day: date, overpass: str, extent: Window) -> list[Place]:
    """Overpass and squares that a look touches: only looks that share one can show the same."""
    return [(day, overpass, square) for square in extent.cells(PLACE_PX)]
