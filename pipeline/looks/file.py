"""Look files: small COGs with three uint8 bands, verified by a checksum of pixels, place and tags.

The bands are pond fraction and mine-ground probability in units of 1/200 (255 where the ground was not clear, or not
looked at), and a state: 0 no data, 1 measured but not clear, 2 clear, 3 clear but screened out. The tags say all that
is known of the look: its key, which parts of the file were read, from which acquisitions, and with which libraries. So
a file needs nothing beside it.
"""

import json
import warnings
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rasterio
from pydantic import TypeAdapter
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import MemoryFile

from pipeline import __version__
from pipeline.errors import NEWER, InputError
from pipeline.grid import Window, window_of
from pipeline.looks.codes import LEVELS
from pipeline.looks.look import Look
from pipeline.looks.observe import NO_VALUE, LookContent, clear_share_of, ponds_in
from pipeline.looks.squares import Squares
from pipeline.looks.sums import CheckedFile, Sums
from pipeline.looks.task import LookTask
from pipeline.raster import Bytes
from pipeline.sources.acquisitions import Acquisition

GDAL = MappingProxyType({"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_NUM_THREADS": 1})
"""A look is one file: neighbouring files, possibly thousands, are not listed."""
ACQUISITIONS = TypeAdapter(tuple[Acquisition, ...])
"""Acquisitions as JSON and back."""
DESCRIPTIONS = (
    "pond fraction",
    "mine-ground probability",
    "state: 0 no data, 1 not clear, 2 clear, 3 clear and screened out",
)
"""What the bands are, for people."""
LIBRARIES = ("torch", "rasterio", "numpy")
"""Whose versions are written into a look: they may move pixels, see `tests/look_pixels.py`."""
FACTS = ("key", "unit", "overpass", "day", "windows", "acquisitions", "generation", "notes", "clear_p10", "software")
"""Tags that the checksum covers ..."""
LATER_FACTS = ("screened",)
"""... and those of them that files of earlier versions lack."""
LAYOUT, LAYOUT_TAG = 1, "layout"
"""Version of what the bands and tags mean, and its tag; files of earlier versions lack it."""
MAX_EXTENT_PX = 8192
"""Longest side of a look: the largest block. A damaged file may claim to be larger than memory."""
DAMAGE_ERRORS = (RasterioError, RasterioIOError, ValueError, KeyError, TypeError, OverflowError)
"""What reading a damaged file, or one of another program, may raise."""


@dataclass(frozen=True, slots=True)
class LookFile:
    """The pixels of a look on disk."""

    path: Path
    """The file."""
    extent: Window
    """Window that it covers."""
    sums: Sums
    """Checksums of its bytes, from when it was last verified as a whole."""

    def opened(self) -> CheckedFile:
        """The file, open; raises as `CheckedFile`. To be called within `rasterio.Env(**GDAL)`."""
        return CheckedFile(self.path, self.sums)

    def read(self, part: Window) -> Bytes:
        """The three bands on a part of the extent, (3, y, x); raises and is called as `opened`."""
        with closing(self.opened()) as file:
            return self.read_from(file, part)

    def read_from(self, file: CheckedFile, part: Window) -> Bytes:
        """The same, from the file when it is open."""
        return file.read(*part.within(self.extent))


def open_look(path: Path) -> Look | None:
    """The look in a file, read whole and checked; None where there is none, or where it is damaged.

    Raises `InputError` for one of a newer version: it is not damaged, and must not be made again over it.
    """
    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is no look then
            tags, extent, bands, sums = _content(path)
        if int(tags.get(LAYOUT_TAG, LAYOUT)) > LAYOUT:
            raise InputError(f"{path}: {NEWER}")
        sound = tags["checksum"] == _checksum(bands, tags, extent)
        return _look(path, tags, extent, bands, sums) if sound else None
    except (*DAMAGE_ERRORS, OSError):
        return None  # a damaged file is made again, and the new one is verified as well


def encoded(seen: LookContent, task: LookTask, key: str) -> bytes:
    """The bytes of a look file."""
    profile = {
        "driver": "COG",
        "count": 3,
        "dtype": "uint8",
        "height": task.extent.height,
        "width": task.extent.width,
        "crs": task.grid.crs,
        "transform": task.extent.transform,
        "nodata": NO_VALUE,
        "compress": "DEFLATE",
        "blocksize": 512,
        "overviews": "NONE",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(seen.bands)
            file.descriptions = DESCRIPTIONS
            file.scales = (1 / LEVELS, 1 / LEVELS, 1.0)
            tags = _tags(seen, task, key)
            file.update_tags(checksum=_checksum(seen.bands, tags, task.extent), **{LAYOUT_TAG: str(LAYOUT)}, **tags)
        return bytes(memory.getbuffer())


def _tags(seen: LookContent, task: LookTask, key: str) -> dict[str, str]:
    """All that is known of a look beside its pixels, by the names in `FACTS`."""
    return {
        "key": key,
        "unit": task.name,
        "overpass": task.overpass.name,
        "day": task.overpass.day.isoformat(),
        "windows": json.dumps(_numbers(task.windows)),
        "acquisitions": ACQUISITIONS.dump_json(task.acquisitions).decode(),
        "generation": str(task.generation),
        "notes": json.dumps(seen.notes),
        "clear_p10": json.dumps(seen.clear_p10),
        "screened": json.dumps(seen.screened.text),
        "software": software(),
    }


@lru_cache(maxsize=1)
def software() -> str:
    """This program and the libraries that make pixels, with their versions."""
    libraries = "".join(f", {name} {version(name)}" for name in LIBRARIES)
    return f"leachwatch {__version__}{libraries}, GDAL {rasterio.__gdal_version__}"


def _content(path: Path) -> tuple[dict[str, str], Window, Bytes, Sums]:
    """Tags, extent, pixels and checksums of a file; raises `ValueError` for one that cannot be a look."""
    content = path.read_bytes()  # once, so that the checksums are those of the bytes that were verified
    with MemoryFile(content) as memory, memory.open(driver="GTiff") as file:
        extent = window_of(tuple(file.bounds))
        if file.shape != extent.shape or max(file.shape) > MAX_EXTENT_PX or file.dtypes != ("uint8",) * 3:
            raise ValueError("not the shape of a look")
        if file.interleaving is not Interleaving.pixel:
            raise ValueError("not the layout of a look")
        return file.tags(), extent, file.read(), Sums.of(content, file)


def _look(path: Path, tags: dict[str, Any], extent: Window, bands: Bytes, sums: Sums) -> Look:
    return Look(
        name=tags["unit"],
        extent=extent,
        windows=tuple(Window(*map(int, numbers)) for numbers in json.loads(tags["windows"])),
        day=date.fromisoformat(tags["day"]),
        overpass=tags["overpass"],
        acquisitions=ACQUISITIONS.validate_json(tags["acquisitions"]),
        clear_share=clear_share_of(bands),
        key=tags["key"],
        generation=int(tags["generation"]),
        pixels=LookFile(path, extent, sums),
        notes=tuple(map(str, json.loads(tags["notes"]))),
        clear_p10=tuple(map(float, json.loads(tags["clear_p10"]))),
        screened=Squares.of_text(extent, json.loads(tags.get("screened", '""'))) or None,
        ponds=ponds_in(bands, extent) or None,
    )


def _numbers(windows: Sequence[Window]) -> list[list[int]]:
    return [[w.row, w.col, w.height, w.width] for w in windows]


def _checksum(bands: Bytes, tags: Mapping[str, str], extent: Window) -> str:
    known = [tags[name] for name in FACTS] + [tags[name] for name in LATER_FACTS if name in tags]
    facts = json.dumps([known, _numbers([extent])])
    return f"{zlib.crc32(facts.encode(), zlib.crc32(bands.tobytes())):08x}"
