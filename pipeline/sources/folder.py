"""A directory of GeoTIFFs, one per acquisition, as the contract describes them, and of SAFE products.

An unusable file becomes a refusal with a reason; only a directory that cannot be read is an error.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rasterio

from pipeline.aoi import Aoi
from pipeline.bands import SCL
from pipeline.errors import SceneError, SceneNotNeeded, describe, one_line
from pipeline.grid import Grid, Window
from pipeline.raster import Bools, Bytes, Floats, Raster, reflectance_in
from pipeline.sources.assets import BandAssets, GeoTiff
from pipeline.sources.band_stack import BandStack
from pipeline.sources.boa_offset import fault_of, with_offset_mended
from pipeline.sources.folder_files import KEPT_TAG, check_readable, scene_files
from pipeline.sources.interface import Period, ReadRules, Refusal, Scene, Search
from pipeline.sources.items import check_time
from pipeline.sources.pixels import (
    GDAL,
    LIBRARY_ERRORS,
    ScenePixels,
    bands_of,
    check_units,
    footprint_of,
    mosaic,
    read_all,
    read_window,
)
from pipeline.sources.placement import check_pixel_size, placed
from pipeline.sources.raster_file import is_pixel_interleaved, open_raster
from pipeline.sources.safe import decoded, is_product, product_scene
from pipeline.sources.versions import newest_versions

MAX_BLOCKS = 20_000
"""About so many blocks of a file are checked at most to detect a truncated one."""
WHOLE_PX = 16_000_000
"""Largest file that is read whole, pixels."""


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A user's own imagery."""

    folder: Path
    """The directory; files may be anywhere below it."""
    name: str = "folder"
    """As written to every product."""
    simulation: str = ""
    """Id of the simulation that its scenes come from; empty = they show real places."""
    decoded: Path = Path("archive", "decoded")
    """Folder for the decoded bands of SAFE products; made when needed."""
    rules: ReadRules = ReadRules()  # noqa: RUF009 frozen
    """How scenes are read; bands of SAFE products are not decoded where nothing is clear."""

    @property
    def paid(self) -> bool:
        """Always False: its files are at hand."""
        return False

    @property
    def remote(self) -> bool:
        """Always False."""
        return False

    def search(self, aoi: Aoi, period: Period) -> Search:
        """Usable files over an AOI, and refusals with the reason; raises `InputError`."""
        files: list[Scene] = []
        products: list[tuple[str, Scene]] = []
        refusals: list[Refusal] = []
        first_of: dict[tuple[object, ...], str] = {}
        for path, passed_over in scene_files(self.folder):
            name = one_line(path.relative_to(self.folder).as_posix())
            try:
                if passed_over is not None:
                    raise passed_over
                check_readable(path)
                if is_product(path):
                    version, scene = product_scene(path, name, self.name)
                    _check_needed(scene, aoi, period)
                    products.append((version, scene))
                    continue
                scene, shape = _scene(path, name, self)
                _check_needed(scene, aoi, period)
                twin = (scene.time_utc, scene.footprint.bounds, shape)
                if twin in first_of:
                    raise SceneError(f"duplicate of {first_of[twin]}: same time, same place, same size")
                first_of[twin] = scene.id
                files.append(scene)
            except SceneError as cause:
                refusals.append(Refusal.of(name, cause))
        used, older = newest_versions(products)
        found = sorted((*files, *used), key=lambda scene: (scene.time_utc, scene.id))
        return Search(tuple(found), tuple(sorted((*refusals, *older), key=lambda refusal: refusal.id)))

    def unmasked(self) -> "FolderSource":
        """As `Source.unmasked`."""
        return replace(self, rules=replace(self.rules, unclear=()))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; a pixel's value does not depend on the window."""
        return mosaic(scenes, window, lambda scene, with_scl: _read(self, scene, grid, window, with_scl))


def simulation_in(folder: Path) -> str | None:
    """Id of the simulation whose scenes lie in a directory, by its first scene that can be opened.

    Empty: they are not simulated. None: no scene says. Raises `InputError` when the directory cannot be listed.
    """
    for path, passed_over in scene_files(folder):
        if passed_over is None:
            try:
                check_readable(path)
                if is_product(path):
                    return ""
                with rasterio.Env(**GDAL), open_raster(path) as file:
                    if not _is_made(file.tags()):
                        return _simulation_of(file.tags())
            except (SceneError, *LIBRARY_ERRORS):
                continue  # refused with the reason when it is searched
    return None


def read_whole(path: Path) -> tuple[Floats, Bools, Bytes | None]:
    """Reflectance (band, y, x), valid and SCL of a file on its own pixels, by the rules of this source.

    Needs no georeference and no date. Raises `SceneError` with the reason if the file cannot be used.
    """
    try:
        with rasterio.Env(**GDAL), open_raster(path) as file:
            if file.width * file.height > WHOLE_PX:
                raise SceneError(
                    f"{file.width:,} × {file.height:,} pixels are too many to read whole: cut 4,000 × 4,000"
                )
            found = read_all(file)
            return reflectance_in(found.pixels, found.radiometry, found.valid), found.valid, found.scl
    except LIBRARY_ERRORS as cause:
        raise SceneError(f"not a readable GeoTIFF ({describe(cause)})") from cause


def _scene(path: Path, name: str, source: FolderSource) -> tuple[Scene, tuple[int, int]]:
    """The scene in a file and its shape in pixels; raises `SceneError` with the reason if it cannot be used."""
    size = path.stat()
    if size.st_size == 0:
        raise SceneError("empty file (0 bytes); download it again")
    try:
        with rasterio.Env(**GDAL), open_raster(path) as file:
            if _is_made(file.tags()):
                raise SceneNotNeeded("a look or cut in an archive of leachwatch, not a scene")
            if _simulation_of(file.tags()) != source.simulation:
                kind = "simulated" if _simulation_of(file.tags()) else "not simulated, or not by the same simulation"
                raise SceneError(f"{kind}, unlike the first file here: they are never mixed")
            names = bands_of(file)
            footprint = footprint_of(file)
            _check_not_truncated(file, size.st_size)
            check_pixel_size(file)
            check_units(file, names)
            scene = Scene(
                id=name,
                time_utc=_time(file.tags().get("datetime"), path.name),
                platform=_platform(file.tags().get("platform"), path.name),
                assets=GeoTiff(path),
                footprint=footprint,
                has_scl=SCL in names,
                provider=source.name,
            )
            return scene, file.shape
    except LIBRARY_ERRORS as cause:
        raise SceneError(f"not a readable GeoTIFF ({describe(cause)})") from cause


def _is_made(tags: Mapping[str, str]) -> bool:
    """Whether a file is a look or a cut, as an archive below the directory holds them."""
    return tags.keys() >= {"key", "checksum", "overpass"} or KEPT_TAG in tags


def _simulation_of(tags: Mapping[str, str]) -> str:
    """Id of the simulation that made a file; empty for any other file."""
    return one_line(tags.get("simulation") or "unknown")[:20] if tags.get("simulated") else ""


def _check_needed(scene: Scene, aoi: Aoi, period: Period) -> None:
    check_time(scene, period)
    if not scene.footprint.intersects(aoi.polygon):
        west, south, east, north = scene.footprint.bounds
        raise SceneError(f"no overlap with the AOI: it covers {west:.2f}..{east:.2f} E, {south:.2f}..{north:.2f} N")


def _check_not_truncated(file: Any, size: int) -> None:
    """Raise `SceneError` when a block of pixels would lie past the end of the file."""
    planes = [1] if is_pixel_interleaved(file) else range(1, file.count + 1)
    for band in planes:
        height, width = file.block_shapes[band - 1]
        across = -(-file.width // width)
        blocks = across * -(-file.height // height)
        for block in {*range(0, blocks, -(-blocks * len(planes) // MAX_BLOCKS)), blocks - 1}:
            row, col = divmod(block, across)
            offset = file.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=band)
            length = file.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=band)
            if offset and length and int(offset) + int(length) > size:
                raise SceneError(f"truncated: {size} bytes, but its pixels go on to {int(offset) + int(length)}")


def _time(tag: str | None, name: str) -> datetime:
    """Acquisition time, UTC; raises `SceneError`."""
    if tag is not None:
        try:
            moment = datetime.fromisoformat(tag.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError) as cause:
            raise SceneError(f"its tag datetime={tag[:40]!r} is not an ISO 8601 date") from cause
    found = re.match(r"([0-9]{8})(?:T([0-9]{6}))?(?![0-9])", name)
    if found is None:
        raise SceneError("no date: neither a tag `datetime` nor a file name that begins with YYYYMMDD")
    try:
        return datetime.strptime(found[1] + (found[2] or "000000"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as cause:
        raise SceneError(f"its name begins with {found[0]}, which is not a date") from cause


def _platform(tag: str | None, name: str) -> str:
    found = re.search(r"S(?:entinel-)?2([A-D])(?![A-Za-z])", f"{tag or ''} {name}", re.IGNORECASE)
    return f"S2{found[1].upper()}" if found else ""


def _read(
    source: FolderSource, scene: Scene, grid: Grid, window: Window, with_scl: bool
) -> tuple[ScenePixels, str | None]:
    """Pixels of one scene on a window, and a note or None; raises `SceneError`."""
    product = isinstance(scene.assets, BandAssets)
    try:
        with rasterio.Env(**GDAL), _bands(source, scene) as bands:
            if scene.damaged:
                _check_undamaged(scene, placed(bands, grid, window).in_file)
            # A GeoTIFF is one file: reading SCL alone would save nothing.
            found = read_window(bands, grid, window, with_scl, source.rules.unclear if product else ())
            # A GeoTIFF states its own scale and offset, and `check_units` has tested them.
            fault = fault_of(scene, bands, found) if product else None
    except LIBRARY_ERRORS as cause:
        raise SceneError(f"{scene.id}: cannot be read ({describe(cause)})") from cause
    return with_offset_mended(scene, found, fault, source.rules.offset_error)


def _check_undamaged(scene: Scene, window: Window) -> None:
    """Raise `SceneError` where a window, in the file's own pixels, touches a damaged block."""
    bad = [block for block in scene.damaged if block.intersection(window) is not None]
    if bad:
        at = f"{len(bad)} blocks, the first at row {bad[0].row}, column {bad[0].col}"
        raise SceneError(f"{scene.id}: damaged: {at}, do not fit their checksums; get the file again")


def _bands(source: FolderSource, scene: Scene) -> Any:
    """The dataset of a scene: a GeoTIFF, or the decoded bands of a product."""
    match scene.assets:
        case GeoTiff(path):
            return open_raster(path)
        case BandAssets() as bands:
            return BandStack(bands.by_name, fetched=lambda asset: decoded(asset, source.decoded))
        case _:
            raise SceneError(f"{scene.id}: is not a local scene")
