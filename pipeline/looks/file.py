"""Look files: small COGs with three uint8 bands, verified by a checksum of their pixels.

The bands are pond fraction and mine-ground probability in units of 1/200 (255 where the ground was not clear), and a
state: 0 no data, 1 measured but not clear, 2 clear. The tags hold the checksum and the look's key. A file is used only
if both match, so after a change of scene, model, setting or code no stale file is used.
"""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import rasterio
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.io import MemoryFile
from rasterio.windows import Window as FileWindow

from pipeline.grid import Window
from pipeline.looks.observe import NO_VALUE, LookContent
from pipeline.looks.segment import LEVELS
from pipeline.looks.task import LookTask
from pipeline.raster import Bytes

GDAL = MappingProxyType({"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_NUM_THREADS": 1})
"""A look is one file: neighbouring files, possibly thousands, are not listed."""


@dataclass(frozen=True, slots=True)
class LookFile:
    """The pixels of a look on disk."""

    path: Path
    """The file."""
    extent: Window
    """Window that it covers."""

    def read(self, part: Window) -> Bytes:
        """The three bands on a part of the extent, (3, y, x); to be called within `rasterio.Env(**GDAL)`."""
        with rasterio.open(self.path, driver="GTiff") as file:
            pixels: Bytes = file.read(window=FileWindow.from_slices(*part.within(self.extent)))
        return pixels


def open_look(path: Path, key: str, extent: Window) -> LookContent | None:
    """Content of the file at `path`, read whole, if it is valid and has this key; None otherwise."""
    if not path.is_file():
        return None
    try:
        with rasterio.Env(**GDAL), rasterio.open(path) as file:
            tags = file.tags()
            if tags.get("key") != key or (file.count, file.shape) != (3, extent.shape):
                return None
            bands = file.read()
    except (RasterioError, RasterioIOError):
        return None  # a damaged file is made again, and the new one is verified as well
    if tags.get("checksum") != _checksum(bands):
        return None
    notes = tuple(map(str, json.loads(tags.get("notes", "[]"))))
    return LookContent(bands, notes, tuple(map(float, json.loads(tags.get("clear_p10", "[]")))))


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
            file.descriptions = ("pond fraction", "mine-ground probability", "state: 0 no data, 1 not clear, 2 clear")
            file.scales = (1 / LEVELS, 1 / LEVELS, 1.0)
            file.update_tags(
                key=key,
                checksum=_checksum(seen.bands),
                overpass=task.overpass.name,
                scenes=json.dumps([scene.id for scene in task.overpass.scenes]),
                notes=json.dumps(seen.notes),
                clear_p10=json.dumps(seen.clear_p10),
            )
        return bytes(memory.getbuffer())


def _checksum(bands: Bytes) -> str:
    return f"{zlib.crc32(bands.tobytes()):08x}"
