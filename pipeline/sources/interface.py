"""Interface of all sources: `search` returns scenes, `read` returns reflectance; provider objects stay inside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from shapely.geometry import Polygon

from pipeline.aoi import Aoi
from pipeline.config import OffsetError, Settings
from pipeline.errors import InputError, SceneError, SceneNotNeeded, one_line
from pipeline.grid import Grid, Window
from pipeline.months import first_day, last_day
from pipeline.raster import Raster
from pipeline.sources.acquisitions import Acquisition
from pipeline.sources.assets import SceneAssets
from pipeline.sources.ledger import Usage


class SceneStatus(StrEnum):
    """What happened to a scene that a source lists."""

    USED = "used"
    NOT_NEEDED = "not needed"
    """Valid, but not requested."""
    REFUSED = "refused"
    """Cannot be used."""


@dataclass(frozen=True, slots=True)
class ReadRules:
    """Settings that a source needs to read scenes."""

    unclear: tuple[int, ...] = ()
    """SCL classes that are not clear: where there is no other class, bands are not read."""
    offset_error: OffsetError = OffsetError.REFUSE
    """What to do with a scene whose BOA_ADD_OFFSET was applied twice or not at all."""

    @classmethod
    def of(cls, settings: Settings) -> "ReadRules":
        """The rules in the settings."""
        return cls(settings.clear.scl_unclear, settings.reading.boa_offset_error)


@dataclass(frozen=True, slots=True)
class Scene:
    """One granule as a provider lists it; metadata only."""

    id: str
    """Stable across runs."""
    time_utc: datetime
    """Acquisition time, UTC, timezone-aware."""
    platform: str
    """`S2A`, `S2B`, `S2C`, or empty when not stated."""
    assets: SceneAssets
    """Location of its pixels, for its source."""
    footprint: Polygon
    """Outline of the raster, lon/lat, EPSG:4326."""
    has_scl: bool
    """True: it includes ESA's scene classification."""
    provider: str
    """Name of the source."""
    tile: str = ""
    """MGRS tile, such as `47QNF`; empty = not stated."""
    baseline: str = ""
    """Processing baseline, such as `05.11`; empty = not stated."""
    content: str = ""
    """Hash of its local files and of how they are read, see `contents.py`; empty = on a server, or not yet read."""
    damaged: tuple[Window, ...] = ()
    """Blocks of its local file, in the file's own pixels, that do not fit their checksums."""
    cloud_share: float | None = None
    """Cloud cover stated by the provider, 0 to 1; None = not stated."""
    others: tuple["Scene", ...] = ()
    """The same acquisition as listed by other providers, in order of preference."""

    @property
    def acquisition(self) -> Acquisition:
        """What decides its pixels."""
        west, south, east, north = self.footprint.bounds
        return Acquisition(
            id=self.id,
            time_utc=self.time_utc,
            platform=self.platform,
            bounds=(round(west, 4), round(south, 4), round(east, 4), round(north, 4)),
            tile=self.tile,
            baseline=self.baseline,
            content=self.content,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not used, with the reason: nothing is skipped silently."""

    id: str
    """Scene, file or unit."""
    reason: str
    """One line of text."""
    code: int = 0
    """The exit code that goes with it, see `errors`; 0 = none."""
    status: SceneStatus = SceneStatus.REFUSED
    """`NOT_NEEDED` for a valid scene that was not requested."""

    @classmethod
    def of(cls, name: str, cause: SceneError) -> "Refusal":
        """The refusal of a scene that raised `cause`."""
        needed = SceneStatus.NOT_NEEDED if isinstance(cause, SceneNotNeeded) else SceneStatus.REFUSED
        return cls(name, one_line(cause), status=needed)


@dataclass(frozen=True, slots=True)
class Search:
    """What a source has for an AOI and a period."""

    scenes: tuple[Scene, ...]
    """Scenes to use, sorted by time and id."""
    refusals: tuple[Refusal, ...]
    """Scenes not to use, and why."""


@dataclass(frozen=True, slots=True)
class Period:
    """Requested days, both ends included; None = open."""

    first: date | None
    """First day."""
    last: date | None
    """Last day."""

    def holds(self, moment: datetime) -> bool:
        """Whether a time (UTC) lies in the period."""
        day = moment.date()
        return (self.first is None or day >= self.first) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Overpass:
    """One pass of one satellite: its granules share a day (UTC) and a platform."""

    day: date
    """Day, UTC."""
    platform: str
    """As in `Scene`."""
    scenes: tuple[Scene, ...]
    """Its granules, by id."""

    @property
    def name(self) -> str:
        """`YYYYMMDD-S2A`, or `YYYYMMDD` when the platform is not stated."""
        return f"{self.day:%Y%m%d}-{self.platform}" if self.platform else f"{self.day:%Y%m%d}"

    @property
    def cloud_share(self) -> float:
        """Mean cloud cover of the granules that state it, 0 to 1; 1 where none does."""
        stated = [scene.cloud_share for scene in self.scenes if scene.cloud_share is not None]
        return sum(stated) / len(stated) if stated else 1.0


def cloud_share_of(percent: object) -> float | None:
    """Cloud cover, 0 to 1, from a catalogue's percentage; None if it is not a number from 0 to 100."""
    if isinstance(percent, (int, float)) and not isinstance(percent, bool) and 0 <= percent <= 100:
        return float(percent) / 100
    return None


def platform_of(stated: object) -> str:
    """`S2A` to `S2D` from a provider's name for the satellite; empty if it is none of them."""
    letter = str(stated or "").upper().removeprefix("SENTINEL-2").removeprefix("S2")
    return f"S2{letter}" if letter in ("A", "B", "C", "D") else ""


@dataclass(frozen=True, slots=True)
class Price:
    """What reading some windows of an overpass costs."""

    usage: Usage
    """Requests, bytes and processing units."""
    read_px: float
    """Number of pixels whose bands are read, as far as is known."""
    clear_share: float | None
    """Share of the ground that is clear, 0 to 1; None = not known before reading."""


class Reader(Protocol):
    """Whatever pixels of scenes come from."""

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """Mosaic of one overpass on a window: the first valid pixel in order of scene id.

        Bands are not read where SCL shows that they are not needed, see `ReadRules`.

        Raises `SceneError`, naming the scene, when any granule cannot be read: a failed read must never look
        like ground without sites.
        """


class Source(Reader, Protocol):
    """One kind of provider; must be picklable, because it is sent to worker processes."""

    @property
    def name(self) -> str:
        """As written to every product."""

    @property
    def simulation(self) -> str:
        """Id of the simulation that its scenes come from; empty = they show real places."""

    @property
    def paid(self) -> bool:
        """True: reading costs processing units."""

    @property
    def remote(self) -> bool:
        """True: what is read comes from a server, and what is read twice is fetched twice."""

    def search(self, aoi: Aoi, period: Period) -> Search:
        """Scenes over an AOI; reads no pixels, raises `InputError` when the source itself cannot be used."""

    def unmasked(self) -> "Source":
        """The same source, reading bands also where SCL shows nothing clear: it takes ponds for cloud or shadow."""


@runtime_checkable
class Priced(Protocol):
    """A source that can price a read in advance."""

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        """Price of reading granules of one overpass on windows, margins included; raises `SceneError`."""


def overpasses(scenes: Sequence[Scene]) -> list[Overpass]:
    """Scenes grouped by day and platform, in order of time."""
    groups: dict[tuple[date, str], list[Scene]] = {}
    for scene in scenes:
        groups.setdefault((scene.time_utc.date(), scene.platform), []).append(scene)
    return [
        Overpass(day, platform, tuple(sorted(members, key=lambda scene: scene.id)))
        for (day, platform), members in sorted(groups.items())
    ]


def period_of(first: str | None, last: str | None) -> Period:
    """The period from the month `first` to the month `last`, each `YYYY-MM` or None for open.

    Raises `InputError`.
    """
    begin = _month("--from", first)
    end = _month("--to", last)
    if begin and end and begin > end:
        raise InputError(f"--from {first} is after --to {last}")
    return Period(first_day(begin) if begin else None, last_day(end) if end else None)


def _month(option: str, text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"(19|20)[0-9][0-9]-(0[1-9]|1[0-2])", text):
        raise InputError(f"{option} {text}: not a month; write YYYY-MM, such as 2025-01")
    return text
