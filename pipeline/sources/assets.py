"""Where the pixels of a scene lie: what a source puts into `Scene.assets`, and reads again later."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from pipeline.digest import sha256_of

FINGERPRINT_DIGITS = 24
"""Of the hash of what a scene is read from."""


@dataclass(frozen=True, slots=True)
class GeoTiff:
    """One file with all bands, which says itself how its numbers become reflectance."""

    path: Path
    """The file."""


@dataclass(frozen=True, slots=True)
class Asset:
    """Where one band lies."""

    href: str
    """Path or address, as GDAL takes it."""
    band: int
    """Its number in that file, from 1."""
    scale: float
    """Stored numbers times this ..."""
    offset: float
    """... plus this are reflectance."""

    @property
    def remote(self) -> bool:
        """True: on a server."""
        return "://" in self.href


@dataclass(frozen=True, slots=True)
class BandAssets:
    """Bands in files of their own, or in one that somebody else describes."""

    items: tuple[tuple[str, Asset], ...]
    """Name and place of each band, by name."""

    @classmethod
    def of(cls, by_name: Mapping[str, Asset]) -> "BandAssets":
        """From places by band name."""
        return cls(tuple(sorted(by_name.items())))

    @property
    def by_name(self) -> dict[str, Asset]:
        """Place of each band by its name."""
        return dict(self.items)

    def fingerprint(self, *marks: object) -> str:
        """Changes when places, scales or `marks` do."""
        return sha256_of([{name: asdict(asset) for name, asset in self.items}, *marks])[:FINGERPRINT_DIGITS]


@dataclass(frozen=True, slots=True)
class HubItem:
    """An item of a catalogue whose server cuts windows out itself."""

    collection: str
    """Name of the collection."""
    id: str
    """Of the item."""


SceneAssets: TypeAlias = GeoTiff | BandAssets | HubItem
