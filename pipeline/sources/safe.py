"""SAFE products of Sentinel-2 L2A as ESA ships them: a folder, or a zip of one.

Their bands are JPEG 2000, which takes longer to decode than to download. So each band is decoded once, into a COG
beside the looks, and read from there.
"""

import errno
import lzma
import os
import re
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import rasterio
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from filelock import FileLock
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError, RasterioIOError
from rasterio.shutil import copy

from pipeline import atomic
from pipeline.bands import NAMES, SCL
from pipeline.digest import sha256_of
from pipeline.errors import SceneError, describe, write_error
from pipeline.sources.acquisitions import baseline_in, tile_in
from pipeline.sources.assets import Asset, BandAssets
from pipeline.sources.band_stack import BandStack, file_stamp
from pipeline.sources.interface import Scene
from pipeline.sources.pixels import GDAL, LIBRARY_ERRORS, footprint_of
from pipeline.sources.radiometry import scale_and_offset_of
from pipeline.sources.raster_file import ZIPPED, open_raster

PRODUCT_ERRORS = (*LIBRARY_ERRORS, ParseError, LookupError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What an incomplete or damaged product may raise."""
METADATA = "MTD_MSIL2A.xml"
MAX_BYTES = 2_000_000
"""Largest metadata file, bytes; ESA's have about 60,000. Read, it may take 40 times as much memory."""
MAX_MEMBER_BYTES = 1_000_000_000
"""Largest file of a band in a zip when unpacked, bytes; ESA's have about 130 million."""
BAND_PX = 10_980 * 10_980
"""Pixels of a band at 10 m, the most that a product has."""
CHUNK = 1 << 20
"""Bytes read at once for a checksum."""
MIN_FREE_BYTES = 300_000_000
"""Room for a decoded 10 m band, bytes; with less free space, a failed decoding is reported as a full disk."""
ENDINGS = MappingProxyType(
    {
        "B02": "B02_10m",
        "B03": "B03_10m",
        "B04": "B04_10m",
        "B08": "B08_10m",
        "B11": "B11_20m",
        "B12": "B12_20m",
        SCL: "SCL_20m",
    }
)
"""File name suffix of each band."""
BAND_IDS = MappingProxyType({"B02": "1", "B03": "2", "B04": "3", "B08": "7", "B11": "11", "B12": "12"})
"""`band_id` of each band in the metadata's list of offsets."""


def is_product(path: Path) -> bool:
    """Whether a file name is that of a product: `….SAFE`, or `S2…MSIL2A….zip`."""
    return path.name.upper().endswith(".SAFE") or bool(re.fullmatch(r"S2._MSIL2A_.*\.zip", path.name, re.IGNORECASE))


def product_scene(path: Path, name: str, provider: str) -> tuple[str, Scene]:
    """Processing version and scene of a product.

    The greater version text is the newer. Raises `SceneError` with the reason if the product cannot be used.
    """
    try:
        inside = _ProductFiles.of(path)
        root = _metadata(inside)
        baseline = _text(root, "PROCESSING_BASELINE")
        parts = _assets(inside, root, baseline)
        with rasterio.Env(**GDAL), BandStack(parts) as file:
            _check_size(file)
            footprint = footprint_of(file)
        moment = datetime.fromisoformat(_text(root, "PRODUCT_START_TIME").replace("Z", "+00:00"))
        scene = Scene(
            id=name,
            time_utc=moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC),
            platform="S2" + _text(root, "SPACECRAFT_NAME")[-1:].upper(),
            assets=BandAssets.of(parts),
            footprint=footprint,
            has_scl=SCL in parts,
            provider=provider,
            tile=tile_in(*(element.text for element in root.iter("PRODUCT_URI")), path.name),
            baseline=baseline_in(baseline),
        )
    except PRODUCT_ERRORS as cause:
        raise SceneError(f"not a SAFE product that can be read ({describe(cause)})") from cause
    return f"{baseline:>6} {_text(root, 'GENERATION_TIME')}", scene


def decoded(part: Asset, folder: Path) -> Asset:
    """The same band in a COG, decoded now unless an earlier run or another process did so.

    Raises rasterio's errors for a band that cannot be decoded, `UnitsFailed` on a full disk.
    """
    target = folder / f"{sha256_of([part.href, *file_stamp(part.href)])[:24]}.tif"
    if not _is_valid(target):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            _is_valid.cache_clear()  # another process may have been faster
            if not _is_valid(target):
                _decode(part.href, target)
                _is_valid.cache_clear()
    return Asset(str(target), part.band, part.scale, part.offset)


def _check_size(file: Any) -> None:
    """Raise `SceneError` for a band that is larger than any of ESA's: decoding it could fill a disk."""
    if file.width * file.height > BAND_PX:
        raise SceneError(f"a band of {file.width:,} × {file.height:,} pixels; ESA's have 10,980 × 10,980")


def _decode(href: str, target: Path) -> None:
    half = target.with_suffix(".part.tif")
    try:
        with open_raster(href) as file:
            _check_size(file)
            copy(file, half, driver="COG", compress="DEFLATE", blocksize=512, overviews="NONE")
        mark = _checksum(half)
        half.replace(target)
    except (RasterioError, CPLE_BaseError, OSError) as cause:
        half.unlink(missing_ok=True)
        if shutil.disk_usage(target.parent).free < MIN_FREE_BYTES:
            raise write_error(target, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from cause
        if isinstance(cause, CPLE_BaseError):  # `copy` lets GDAL's own errors pass, which no caller knows
            raise RasterioIOError(str(cause)) from cause
        raise
    atomic.write_text(target.with_suffix(".crc"), mark)


@lru_cache(maxsize=4096)
def _is_valid(target: Path) -> bool:
    """Whether a decoded band exists and matches its checksum; each process checks once."""
    try:
        return target.with_suffix(".crc").read_text(encoding="ascii") == _checksum(target)
    except (OSError, ValueError):
        return False


def _checksum(path: Path) -> str:
    """Size and checksum of a file."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            crc = zlib.crc32(chunk, crc)
    return f"{path.stat().st_size} {crc:08x}"


@dataclass(frozen=True, slots=True)
class _ProductFiles:
    """The files in a product."""

    path: Path
    """The folder, or the zip."""
    prefix: str
    """Prefix of each file name in the zip; empty for a folder."""

    @classmethod
    def of(cls, path: Path) -> "_ProductFiles":
        """The files of the product at a path; raises `SceneError` if it has no metadata."""
        if path.is_dir():
            if not (path / METADATA).is_file():
                raise SceneError(f"a SAFE product without {METADATA}: unpacked in part, or not L2A")
            return cls(path, "")
        with zipfile.ZipFile(path) as file:
            found = [name for name in file.namelist() if PurePosixPath(name).name == METADATA]
        if len(found) != 1:
            raise SceneError(f"a zip with {len(found)} {METADATA}, not one")
        return cls(path, found[0].removesuffix(METADATA))

    def read(self, name: str) -> bytes:
        """Content of a file, at most `MAX_BYTES` + 1 bytes; raises `SceneError` for a link that leaves the product."""
        if self.path.is_dir():
            self._check_inside(name)
            with (self.path / name).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        with zipfile.ZipFile(self.path) as archive, archive.open(self.prefix + name) as member:
            return member.read(MAX_BYTES + 1)

    def href(self, name: str) -> str:
        """Path of a file, as GDAL takes it; raises `SceneError` for a file outside the product, or one too large."""
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise SceneError(f"its metadata name a file outside of it: {name[:80]}")
        if self.path.is_dir():
            self._check_inside(name)
            return str(self.path / name)
        with zipfile.ZipFile(self.path) as archive:
            size = archive.getinfo(self.prefix + name).file_size
        if size > MAX_MEMBER_BYTES:
            raise SceneError(f"a file that unpacks to {size / 1e9:,.1f} GB, which none of ESA's does: {name[-80:]}")
        return f"{ZIPPED}{self.path.absolute()}/{self.prefix}{name}"

    def _check_inside(self, name: str) -> None:
        """Raise `SceneError` for a link out of the product: whoever made that chose what it points to."""
        if not (self.path / name).resolve().is_relative_to(self.path.resolve()):
            raise SceneError(f"a link that leaves it: {name[:80]}")


def _metadata(inside: _ProductFiles) -> Element:
    content = inside.read(METADATA)
    if len(content) > MAX_BYTES:
        raise SceneError(f"{METADATA} of more than {MAX_BYTES // 1_000_000} MB")
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as cause:
        raise SceneError(f"{METADATA} has a DOCTYPE or entities, which ESA's has not") from cause
    return root


def _assets(inside: _ProductFiles, root: Element, baseline: str) -> dict[str, Asset]:
    """Location of each band; raises `SceneError` if one is missing."""
    listed = [str(element.text).strip() for element in root.iter("IMAGE_FILE")]
    quantum = float(_text(root, "BOA_QUANTIFICATION_VALUE"))
    added = {element.get("band_id"): float(str(element.text)) for element in root.iter("BOA_ADD_OFFSET")}
    parts: dict[str, Asset] = {}
    for name in (*NAMES, SCL):
        found = [path for path in listed if path.endswith(ENDINGS[name])]
        if len(found) != 1:
            if name == SCL and not found:
                continue
            raise SceneError(f"{len(found)} files of band {name} in its metadata, not one")
        scale, offset = 1.0, 0.0
        if name != SCL:
            stated = (1 / quantum, added[BAND_IDS[name]] / quantum) if added else None
            scale, offset = scale_and_offset_of("esa", "", baseline, None, stated)
        parts[name] = Asset(inside.href(f"{found[0]}.jp2"), 1, scale, offset)
    return parts


def _text(root: Element, name: str) -> str:
    """The text of the first element with a tag name; raises `SceneError` if there is none."""
    found = next(root.iter(name), None)
    if found is None or not (found.text or "").strip():
        raise SceneError(f"{METADATA} does not state {name}")
    return str(found.text).strip()
