"""What a satellite recorded of one tile at one time: the same acquisition whoever lists it, and wherever it lies."""

import re
from dataclasses import dataclass
from datetime import datetime

MAX_TIME_DIFFERENCE_S = 300
"""Largest time difference within one acquisition, seconds: some providers state its start, others its end."""
MAX_CENTRE_DIFFERENCE_DEGREES = 0.05
"""Largest distance between footprint centres of one tile, degrees; neighbouring tiles are a degree apart."""
TILE = r"(?:0?[1-9]|[1-5][0-9]|60)[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]"
"""UTM zone, band of latitude, column and row of 100 km: MGRS has no other zones and letters."""
MIN_OVERLAP = 0.5
"""Share of the smaller of two footprints of one tile that they have in common: a tile may come in two parts."""

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What decides the pixels of a scene; addresses, signatures and dates of files do not."""

    id: str
    """Id of the scene, as listed."""
    time_utc: datetime
    """Acquisition time, UTC."""
    platform: str
    """`S2A` to `S2D`, or empty when not stated."""
    bounds: Bounds
    """West, south, east, north of the footprint, degrees; some providers state the tile's, others that of the data."""
    tile: str = ""
    """MGRS tile, such as `47QNF`; empty = not stated."""
    baseline: str = ""
    """Processing baseline, such as `05.11`; empty = not stated."""
    content: str = ""
    """Hash of its local files and of how they are read; empty = on a server."""

    def is_same(self, other: "Acquisition") -> bool:
        """Whether both are the same acquisition of the same tile, in any processing version."""
        if self.platform != other.platform or self.time_utc.date() != other.time_utc.date():
            return False
        if (self.id, self.time_utc) == (other.id, other.time_utc):
            return True
        if abs((self.time_utc - other.time_utc).total_seconds()) > MAX_TIME_DIFFERENCE_S:
            return False
        if self.tile and other.tile:
            return self.tile == other.tile and _overlap(self.bounds, other.bounds) >= MIN_OVERLAP
        if self.content or other.content:
            return False  # a file of somebody's own may be a part of a tile
        away = (one - two for one, two in zip(_centre(self.bounds), _centre(other.bounds), strict=True))
        return sum(step**2 for step in away) <= MAX_CENTRE_DIFFERENCE_DEGREES**2

    def serves(self, wanted: "Acquisition") -> bool:
        """Whether a look made from this one need not be made again from `wanted`.

        Local files are compared by content, others by acquisition: only a later processing baseline is a new one.
        """
        if self.content and wanted.content:
            return self.content == wanted.content
        return self.is_same(wanted) and not is_older(self.baseline, wanted.baseline)

    @property
    def identity(self) -> tuple[str, ...]:
        """What it is recognised by, as text: the content of local files, or else what the provider states."""
        if self.content:
            return (self.content,)
        return self.id, self.time_utc.isoformat(), self.platform, self.tile, self.baseline


def _centre(bounds: Bounds) -> tuple[float, float]:
    west, south, east, north = bounds
    return (west + east) / 2, (south + north) / 2


def _overlap(one: Bounds, other: Bounds) -> float:
    """Share of the smaller of two boxes that lies in both, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(0.0, width) * max(0.0, height) / smaller if smaller > 0 else float(width >= 0 and height >= 0)


def version_of(baseline: str) -> tuple[int, ...]:
    """A processing baseline as numbers that can be compared; empty where none is stated."""
    parts = baseline.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def is_older(baseline: str, other: str) -> bool:
    """Whether a processing baseline is older than another; one that is not stated is not."""
    one, two = version_of(baseline), version_of(other)
    return bool(one and two) and one < two


def tile_in(*names: object) -> str:
    """The MGRS tile in a product name, an item id or a grid code, the first that has one; empty if none has."""
    found = (re.search(rf"(?:^|_T|S2[A-D]_|MGRS-)({TILE})(?=[_.]|$)", str(name)) for name in names)
    return next((match[1].zfill(5) for match in found if match), "")


def baseline_in(*names: object) -> str:
    """The processing baseline in a product name (`_N0511_`) or as stated (`05.11`), the first; empty if none has."""
    found = (re.search(r"_N(\d{2})(\d{2})_|^(\d{1,2})\.(\d{1,2})$", str(name)) for name in names)
    numbers = ([part for part in match.groups() if part is not None] for match in found if match)
    return next((f"{major.zfill(2)}.{minor.zfill(2)}" for major, minor in numbers), "")
