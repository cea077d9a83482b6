"""A cut: what one overpass measured on a small square around a place, as a GeoTIFF that needs nothing beside it.

The six bands are stored as ESA stores them since 2022, reflectance in 1/10,000 plus 1,000, with scale and offset in the
file and 0 for no data; the seventh is SCL. So a folder of cuts is a folder of scenes: anyone's program reads them, and
leachwatch takes them as `SOURCE=folder`. Tags say from which scenes a cut was made, and a checksum of pixels and tags
that nothing was changed since.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import rasterio
from pydantic import TypeAdapter
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from pipeline import __version__
from pipeline.bands import NAMES, SCL
from pipeline.errors import NEWER, InputError, describe
from pipeline.grid import Grid, Window, window_of
from pipeline.raster import Bools, Bytes, Floats, Numbers, Raster
from pipeline.sources.acquisitions import Acquisition
from pipeline.sources.folder_files import KEPT_TAG

SCALE, OFFSET = 0.0001, -0.1
"""From stored numbers to reflectance, as in ESA's files of baseline 04.00 and later."""
LARGEST = 65_535
"""Largest number that can be stored: reflectance 6.45."""
MAX_CUT_PX = 2048
"""Longest side of a file that is read as a cut; a damaged one may claim to be larger than memory."""
GDAL = MappingProxyType({"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_NUM_THREADS": 1})
FACTS = ("datetime", "overpass", "provider", "scenes", "notes", "simulation", "layout")
"""Tags that the checksum covers, in this order."""
LAYOUT = "1"
"""Version of what bands and tags mean."""
CHECKSUM = "sha256"
"""Tag of the checksum."""
ACQUISITIONS = TypeAdapter(tuple[Acquisition, ...])
DAMAGE = (RasterioError, OSError, ValueError, KeyError, TypeError, OverflowError, RuntimeError)
"""What reading a damaged file may raise."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Cut:
    """What one overpass measured on a square."""

    grid: Grid
    """Its UTM zone."""
    window: Window
    """The square."""
    time_utc: datetime
    """Time of the earliest of its scenes."""
    overpass: str
    """Name of the overpass."""
    provider: str
    """Name of the source that it was read from."""
    simulation: str
    """Id of the simulation that it shows; empty = a real place."""
    acquisitions: tuple[Acquisition, ...]
    """The scenes that it was made from."""
    notes: tuple[str, ...]
    """What differed from a normal read, one line each."""
    numbers: Numbers
    """Stored reflectance, (band, y, x), bands as in `bands.BANDS`; 0 = no data."""
    scl: Bytes | None
    """ESA's scene classification, (y, x), 0 = no data; None where the source has none."""

    @property
    def day(self) -> date:
        """Day of the overpass, UTC."""
        return self.time_utc.date()

    @property
    def valid(self) -> Bools:
        """True = measured; shape (y, x)."""
        return np.asarray((self.numbers > 0).all(axis=0))

    @property
    def reflectance(self) -> Floats:
        """Surface reflectance, unitless, (band, y, x); 0 where not measured."""
        values = self.numbers.astype(np.float32) * np.float32(SCALE) + np.float32(OFFSET)
        return np.where(self.valid, values, np.float32(0)).astype(np.float32, copy=False)

    def cropped(self, window: Window) -> "Cut":
        """The part on a window inside this one. Raises `ValueError` where it is not inside."""
        rows, cols = window.within(self.window)
        return Cut(
            grid=self.grid, window=window, time_utc=self.time_utc, overpass=self.overpass, provider=self.provider,
            simulation=self.simulation, acquisitions=self.acquisitions, notes=self.notes,
            numbers=self.numbers[:, rows, cols], scl=None if self.scl is None else self.scl[rows, cols],
        )  # fmt: skip


def stored_numbers(raster: Raster) -> Numbers:
    """Reflectance of a raster as it is stored, (band, y, x); 0 where it was not measured."""
    measured = raster.valid if raster.unread is None else raster.valid & ~raster.unread
    numbers = np.rint((raster.reflectance.astype(np.float64) - OFFSET) / SCALE)
    return np.where(measured, np.clip(numbers, 1, LARGEST), 0).astype(np.uint16)


def encoded(cut: Cut, kept: bool = False) -> bytes:
    """The file of a cut; the same bytes for the same cut. `kept`: in the archive, where it is no scene to be read."""
    tags = _tags(cut)
    tags[CHECKSUM] = _checksum(cut.numbers, cut.scl, tags)
    tags |= {KEPT_TAG: "in an archive"} if kept else {}
    scl = np.zeros(cut.window.shape, np.uint8) if cut.scl is None else cut.scl
    count = len(NAMES) + (cut.scl is not None)
    profile = {
        "driver": "GTiff", "dtype": "uint16", "count": count, "height": cut.window.height, "width": cut.window.width,
        "crs": cut.grid.crs, "transform": cut.window.transform, "nodata": 0, "interleave": "band",
        "compress": "deflate", "predictor": 2, "zlevel": 9, "blockysize": cut.window.height,
    }  # fmt: skip
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(np.concatenate([cut.numbers, scl[None].astype(np.uint16)])[:count])
            file.descriptions = (*NAMES, SCL)[:count]
            file.scales = (*[SCALE] * len(NAMES), 1.0)[:count]
            file.offsets = (*[OFFSET] * len(NAMES), 0.0)[:count]
            file.update_tags(**tags, software=f"leachwatch {__version__}")
        return bytes(memory.read())


class CutDamaged(InputError):
    """The file of a cut is not what was written."""


def read_cut(path: Path) -> Cut:
    """The cut in a file; raises `InputError` in one line where there is none, and `CutDamaged`."""
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as file:
                return _cut(file)
    except DAMAGE as cause:
        if not path.exists():
            raise InputError(f"{path}: this cut is not there") from cause
        raise CutDamaged(f"{path}: a damaged cut ({describe(cause)})") from cause


def _cut(file: Any) -> Cut:
    """Raises any of `DAMAGE`."""
    tags, window = file.tags(), window_of(tuple(file.bounds))
    if tags["layout"] != LAYOUT:
        raise InputError(f"{file.name}: {NEWER}")
    if file.count not in (len(NAMES), len(NAMES) + 1) or set(file.dtypes) != {"uint16"}:
        raise ValueError("not the bands of a cut")
    if file.shape != window.shape or max(window.shape) > MAX_CUT_PX or window.transform != file.transform:
        raise ValueError("not the shape of a cut")
    epsg = file.crs.to_epsg() if file.crs else None
    if epsg is None:
        raise ValueError("no CRS")
    pixels = file.read()
    scl = pixels[len(NAMES)].astype(np.uint8) if file.count > len(NAMES) else None
    if _checksum(pixels[: len(NAMES)], scl, tags) != tags[CHECKSUM]:
        raise ValueError("its pixels or tags are not those of its checksum")
    return Cut(
        grid=Grid(epsg),
        window=window,
        time_utc=datetime.fromisoformat(tags["datetime"]),
        overpass=tags["overpass"],
        provider=tags["provider"],
        simulation=tags.get("simulation", ""),
        acquisitions=ACQUISITIONS.validate_json(tags["scenes"]),
        notes=tuple(map(str, json.loads(tags["notes"]))),
        numbers=pixels[: len(NAMES)],
        scl=scl,
    )


def _tags(cut: Cut) -> dict[str, str]:
    return {
        "datetime": cut.time_utc.astimezone(UTC).isoformat(),
        "overpass": cut.overpass,
        "provider": cut.provider,
        **({"simulated": "true"} if cut.simulation else {}),
        "platform": cut.acquisitions[0].platform,
        "simulation": cut.simulation,
        "scenes": ACQUISITIONS.dump_json(cut.acquisitions).decode(),
        "notes": json.dumps(list(cut.notes), ensure_ascii=False),
        "layout": LAYOUT,
    }


def _checksum(numbers: Numbers, scl: Bytes | None, tags: Mapping[str, str]) -> str:
    facts: Sequence[str] = [tags.get(name, "") for name in FACTS]  # an empty tag is not stored
    digest = hashlib.sha256(json.dumps([facts, list(numbers.shape)]).encode())
    digest.update(np.ascontiguousarray(numbers, dtype="<u2").tobytes())
    if scl is not None:
        digest.update(np.ascontiguousarray(scl).tobytes())
    return digest.hexdigest()
