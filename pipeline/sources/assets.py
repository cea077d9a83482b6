"""Location of a scene's pixels: a source writes it to `Scene.assets` on search and uses it on read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class GeoTiff:
    """One file with all bands, which states its own scale and offset."""

    path: Path
    """The file."""


@dataclass(frozen=True, slots=True)
class Asset:
    """Location of one band, with its scale and offset."""

    href: str
    """Path or URL, as GDAL takes it."""
    band: int
    """Band number in that file, from 1."""
    scale: float
    """Reflectance = stored number x `scale` + `offset`."""
    offset: float
    """Added after scaling, reflectance."""

    @property
    def remote(self) -> bool:
        """True: on a server."""
        return "://" in self.href


@dataclass(frozen=True, slots=True)
class BandAssets:
    """Bands in separate files, or in one file that a catalogue describes."""

    items: tuple[tuple[str, Asset], ...]
    """Name and location of each band, sorted by name."""

    @classmethod
    def of(cls, by_name: Mapping[str, Asset]) -> "BandAssets":
        """From locations by band name."""
        return cls(tuple(sorted(by_name.items())))

    @property
    def by_name(self) -> dict[str, Asset]:
        """Location of each band by its name."""
        return dict(self.items)


@dataclass(frozen=True, slots=True)
class HubItem:
    """A catalogue item whose server crops windows itself."""

    collection: str
    """Name of the collection."""
    id: str
    """Id of the item."""


SceneAssets: TypeAlias = GeoTiff | BandAssets | HubItem
