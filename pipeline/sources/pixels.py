"""Pixels of one open dataset: finds bands by name, converts stored numbers to reflectance, resamples to the grid.

A dataset is rasterio's for a GeoTIFF, or a `BandStack` of several files: it has the bands of `bands.BANDS`, and
perhaps SCL, by name, each with scale, offset and nodata value.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import ProjError
from rasterio.errors import RasterioError
from rasterio.windows import Window as FileWindow
from shapely.errors import ShapelyError
from shapely.geometry import Polygon

from pipeline.bands import NAMES, SCL
from pipeline.errors import SceneError
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.raster import Bools, Bytes, Floats, Numbers, Radiometry, Raster, reflectance_in
from pipeline.sources.interface import Scene
from pipeline.sources.parts import parts_needed
from pipeline.sources.placement import OnGrid, Placement, placed
from pipeline.sources.radiometry import OFFSET, SCALE, scale_and_offset

GDAL = MappingProxyType(
    {
        "GDAL_CACHEMAX": 64,
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_NUM_THREADS": 1,
        "CPL_VSIL_CURL_ALLOWED_FILENAME": "/nothing",
    }
)
"""A small block cache (megabytes), so that memory does not grow with the AOI; no listing of neighbouring files; and
GDAL itself asks nothing of the network, whatever a file or its metadata may name: that is for `http.py`."""
LIBRARY_ERRORS = (
    RasterioError,
    ProjError,
    ShapelyError,
    OSError,
    ArithmeticError,
    ValueError,
    AttributeError,
    RuntimeError,
)
"""What libraries raise for invalid input; it becomes a recorded reason."""
PLAUSIBLE = (-0.5, 5.0)
"""Limits of plausible reflectance: pixels outside count as no data."""
DARKEST_MEDIAN = -0.03
"""Over-corrected haze makes a forest slightly negative; a median below this means a wrong scale or offset."""
STRIP_PX = 4_000_000
"""File pixels of finer imagery that are in memory at once while they are averaged."""
MAX_NUMBER, MAX_CLASS = 65535, 11
"""Largest stored number of 16 bits, and largest class of SCL."""
SAMPLE_PX = 64
"""Side of the squares along a file's diagonal that are sampled to check its units, pixels."""
LARGEST_REFLECTANCE = 2.0
"""Values up to this in a float file without a scale are taken for reflectance."""
UNSTATED: Radiometry = ((SCALE, OFFSET),) * len(NAMES)
"""Radiometry of pixels that are all 0."""


class ScenePixels(NamedTuple):
    """Pixels of one scene on a window; each as in `Raster`."""

    pixels: Numbers | Floats
    radiometry: Radiometry | None
    valid: Bools
    scl: Bytes | None
    """None if not requested or not available."""
    unread: Bools | None = None

    @classmethod
    def without_bands(cls, shape: tuple[int, int], valid: Bools, scl: Bytes | None) -> "ScenePixels":
        """Of a window of which no band was read."""
        return cls(np.zeros((len(NAMES), *shape), np.uint16), UNSTATED, valid, scl, np.ones(shape, bool))


def bands_of(file: Any) -> dict[str, int]:
    """Band number by name; raises `SceneError` when one is missing or duplicate."""
    named = [(text or "").strip().upper() for text in file.descriptions]
    twice = [name for name in (*NAMES, SCL) if named.count(name) > 1]
    if twice:
        raise SceneError(f"band {', '.join(twice)} is duplicate")
    missing = [name for name in NAMES if name not in named]
    if missing:
        found = ", ".join(name for name in named if name) or "none"
        raise SceneError(f"band {', '.join(missing)} missing (band descriptions found: {found})")
    return {name: named.index(name) + 1 for name in (*NAMES, SCL) if name in named}


def footprint_of(file: Any) -> Polygon:
    """Footprint in lon/lat; raises `SceneError` when the CRS is missing or does not fit the coordinates."""
    if file.crs is None:
        raise SceneError("no CRS; write one, for instance with gdal_edit.py -a_srs EPSG:32647")
    if file.transform.is_identity:
        raise SceneError("no georeference: its coordinates are plain pixel numbers")
    if not np.isfinite(file.transform[:6]).all() or max(map(abs, file.transform[:6])) > 1e9:
        raise SceneError("its georeference is not a number on Earth")
    t, corners = file.transform, [(0, 0), (0, file.height), (file.width, file.height), (file.width, 0)]
    outline = Polygon([(t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f) for x, y in corners])
    step = max(outline.length / 80, 1e-9)
    lonlat = reprojected(outline.segmentize(step), file.crs.to_wkt(), LONLAT)
    coordinates = shapely.get_coordinates(lonlat)
    sound = np.isfinite(coordinates).all() and (np.abs(coordinates) <= [180.001, 90.001]).all()
    if not sound or outline.area == 0 or not lonlat.is_valid:  # far outside its CRS an outline crosses itself
        raise SceneError(f"coordinates do not fit its CRS {file.crs.to_string()[:40]}: wrong CRS?")
    return lonlat


def check_units(file: Any, names: dict[str, int]) -> None:
    """Raise `SceneError` for numbers that cannot be reflectance, or for float reflectance without a stated scale."""
    wanted = [names[name] for name in NAMES]
    number = wanted[0] - 1
    silent = (file.scales[number], file.offsets[number]) == (1.0, 0.0)
    numbers = np.concatenate(
        [np.zeros((len(wanted), 0)), *(k for window in _samples(file) for k in _sampled(file, wanted, window))], axis=1
    )
    blue = numbers[0][np.isfinite(numbers[0]) & (numbers[0] != 0)]
    if silent and file.dtypes[number].startswith("float") and len(blue) and blue.max() <= LARGEST_REFLECTANCE:
        raise SceneError("float numbers that look like reflectance, without a GDAL scale; set scale 1.0000001")
    reflectance, _ = reflectance_of(file, wanted, numbers[:, None])
    measured = (numbers != 0).all(axis=0) & np.isfinite(numbers).all(axis=0) & ~_is_nodata(file, wanted, numbers)
    if not measured.any():
        return  # nothing to check; the looks of a scene without data record it as such
    seen = np.median(reflectance[:, 0, measured], axis=1)
    if (seen < DARKEST_MEDIAN).any() or (seen == 0).all():
        medians = ", ".join(f"{name} {value:.3f}" for name, value in zip(NAMES, seen, strict=True))
        raise SceneError(f"its numbers are not plausible reflectance (medians {medians}): wrong scale or offset?")


def _sampled(file: Any, wanted: list[int], window: Window) -> Iterator[NDArray[Any]]:
    """Stored numbers of a square, (band, n); none when it is damaged, which the look that needs it will report."""
    with contextlib.suppress(RasterioError):
        yield _stored(file, wanted, window).reshape(len(wanted), -1)


def _samples(file: Any) -> Iterator[Window]:
    """One to five squares along a file's diagonal, in its own pixels; each in one block, which is read whole."""
    height, width = file.block_shapes[0]
    count = min(5, max(1, min(file.shape) // 1000))
    for number in range(count):
        part = (number + 0.5) / count
        row, col = int(file.height * part) // height * height, int(file.width * part) // width * width
        yield Window(row, col, min(SAMPLE_PX, height, file.height - row), min(SAMPLE_PX, width, file.width - col))


def read_window(file: Any, grid: Grid, window: Window, with_scl: bool, unclear: Sequence[int] = ()) -> ScenePixels:
    """Pixels of a dataset on a window; a pixel's value does not depend on the window.

    `unclear`: SCL classes; where there is no other class, only SCL is read (`parts.py`).
    """
    names, place = bands_of(file), placed(file, grid, window)
    if place.in_file.intersection(Window(0, 0, *file.shape)) is None:
        absent = np.zeros(window.shape, bool)
        return ScenePixels.without_bands(window.shape, absent, np.zeros(window.shape, np.uint8) if with_scl else None)
    # Of finer imagery one class does not say where all was measured.
    if with_scl and unclear and place.step == 1:
        classes, measured = read_classes(file, names[SCL], place)
        parts = parts_needed(window, classes, unclear)
        if parts != [window]:
            return _read_parts(file, grid, window, parts, measured, _scl_of(classes, measured))
    return _read_bands(file, names, place, with_scl)


def _read_parts(
    file: Any, grid: Grid, window: Window, parts: Sequence[Window], measured: Bools, scl: Bytes
) -> ScenePixels:
    """Pixels of some parts of a window; of the rest only what SCL tells."""
    pixels: Any = np.zeros((len(NAMES), *window.shape), np.uint16)
    radiometry: Radiometry | None = UNSTATED
    unread = np.ones(window.shape, bool)
    for part in parts:
        found = _read_bands(file, bands_of(file), placed(file, grid, part), True)
        pixels = pixels.astype(found.pixels.dtype, copy=False)  # either all parts lie on the file's grid or none
        here = part.within(window)
        pixels[(slice(None), *here)], radiometry = found.pixels, found.radiometry
        measured[here], unread[here] = found.valid, False
        scl[here] = found.scl if found.scl is not None else 0
    return ScenePixels(pixels, radiometry, measured, scl, unread)


def _read_bands(file: Any, names: dict[str, int], place: Placement, with_scl: bool) -> ScenePixels:
    """All bands at a place, and SCL."""
    bands = [names[name] for name in NAMES]
    wanted = bands + ([names[SCL]] if with_scl else [])
    if isinstance(place, OnGrid) and all(file.dtypes[band - 1] in ("uint8", "uint16") for band in bands):
        numbers = _stored(file, wanted, place.piece)
        pixels = numbers[: len(bands)].astype(np.uint16, copy=False)
        valid = _measured(file, bands, pixels)
        radiometry = tuple(scale_and_offset(file.scales[band - 1], file.offsets[band - 1]) for band in bands)
        return ScenePixels(pixels, radiometry, valid, _scl_of(numbers[-1], valid) if with_scl else None)
    found, sound, last = _downsampled(file, bands, wanted, place)
    reflectance, valid = place.bilinear(found, sound)
    return ScenePixels(reflectance, None, valid, _scl_of(place.nearest(last), valid) if with_scl else None)


def _measured(file: Any, bands: list[int], numbers: Numbers) -> Bools:
    """Where all bands (band, y, x) were measured, by the rule of `reflectance_of`; sets the others to 0."""
    valid = np.ones(numbers.shape[1:], bool)
    for plane, band in zip(numbers, bands, strict=True):
        valid &= plane != 0
        nodata = file.nodatavals[band - 1]
        if nodata is not None and 0 < nodata <= MAX_NUMBER:
            valid &= plane != nodata
        plausible = _plausible(*scale_and_offset(file.scales[band - 1], file.offsets[band - 1]))
        if not plausible[plane.max()] or not plausible[1]:
            valid &= plausible[plane]
    if not valid.all():
        numbers[:, ~valid] = 0
    return valid


@lru_cache(maxsize=16)
def _plausible(scale: float, offset: float) -> Bools:
    """Whether each stored number is plausible reflectance, shape (65536,)."""
    reflectance = np.arange(MAX_NUMBER + 1) * scale + offset
    return (reflectance > PLAUSIBLE[0]) & (reflectance < PLAUSIBLE[1])


def read_classes(file: Any, scl: int, place: Placement) -> tuple[Bytes, Bools]:
    """SCL classes on a window, 0 where there are none, and where it was measured; shapes (y, x).

    `scl`: its band number. A pixel is measured by the same rule as in the bands, so that which of two granules shows
    a pixel does not depend on whether their bands were read; only where imagery is finer than the grid it is not.
    """
    middle = place.step // 2
    numbers = np.nan_to_num(_stored(file, [scl], place.in_file)[0, middle :: place.step, middle :: place.step])
    measured = place.sound(numbers > 0)
    classes = np.nan_to_num(place.nearest(numbers))
    return _scl_of(classes, np.ones(measured.shape, bool)), measured


def read_all(file: Any) -> ScenePixels:
    """All pixels of a dataset on its own grid."""
    names = bands_of(file)
    check_units(file, names)
    numbers = _stored(file, list(names.values()), Window(0, 0, *file.shape))
    reflectance, valid = reflectance_of(file, [names[name] for name in NAMES], numbers[: len(NAMES)])
    return ScenePixels(reflectance, None, valid, _scl_of(numbers[-1], valid) if SCL in names else None)


def mosaic(
    scenes: Sequence[Scene], window: Window, read: Callable[[Scene, bool], tuple[ScenePixels, str | None]]
) -> Raster:
    """Mosaic of one overpass on a window: the first valid pixel in order of scene id.

    `read` returns the pixels of one scene, with SCL if its second argument is True, and a note or None.
    """
    with_scl = all(scene.has_scl for scene in scenes)
    whole: ScenePixels | None = None
    notes: list[str] = []
    for scene in sorted(scenes, key=lambda scene: scene.id):
        found, note = read(scene, with_scl)
        whole = found if whole is None else _under(whole, found)
        notes += [note] if note else []
    if whole is None:
        raise ValueError("a mosaic of no scenes")
    return Raster(
        window=window,
        pixels=whole.pixels,
        radiometry=whole.radiometry,
        valid=whole.valid,
        scl=whole.scl if with_scl else None,
        unread=whole.unread if whole.unread is not None and whole.unread.any() else None,
        notes=tuple(notes),
    )


def _under(upper: ScenePixels, lower: ScenePixels) -> ScenePixels:
    """Pixels of one scene, and those of another where the first has none."""
    new = lower.valid & ~upper.valid
    if not new.any():
        return upper
    kinds = {each.radiometry for each in (upper, lower) if each.pixels.any()}
    if len(kinds) > 1:  # granules that were not processed alike
        upper, lower = _as_reflectance(upper), _as_reflectance(lower)
    radiometry = None if len(kinds) > 1 else next(iter(kinds), upper.radiometry)
    pixels: Any = upper.pixels.astype(np.float32 if radiometry is None else np.uint16)
    pixels[:, new] = lower.pixels[:, new]
    scl = upper.scl
    if upper.scl is not None and lower.scl is not None:
        scl = np.where(new, lower.scl, upper.scl)
    return ScenePixels(pixels, radiometry, upper.valid | new, scl, _unread(upper, lower, new))


def _unread(upper: ScenePixels, lower: ScenePixels, new: Bools) -> Bools | None:
    if upper.unread is None and lower.unread is None:
        return None
    above, below = (
        each.unread if each.unread is not None else np.zeros(new.shape, bool) for each in (upper, lower)
    )  # fmt: skip
    return np.where(new, below, above & upper.valid)


def _as_reflectance(found: ScenePixels) -> ScenePixels:
    reflectance = reflectance_in(found.pixels, found.radiometry, found.valid)
    return found._replace(pixels=reflectance, radiometry=None)


def _scl_of(numbers: NDArray[Any], valid: Bools) -> Bytes:
    """SCL as bytes, shape (y, x); 0 where there is none."""
    return np.where(valid & (numbers >= 0) & (numbers <= MAX_CLASS), numbers, 0).astype(np.uint8)


def _stored(file: Any, wanted: list[int], window: Window) -> NDArray[Any]:
    """Stored numbers (band, y, x) of a window in file pixels; outside the file 0, which is no data, or NaN."""
    part = window.intersection(Window(0, 0, *file.shape))
    if part is not None:
        source = FileWindow(part.col, part.row, part.width, part.height)
        with np.errstate(invalid="ignore"):  # a signalling NaN is NaN
            found: NDArray[Any] = file.read(wanted, window=source)
        if part == window:
            return found
    kind = found.dtype if part is not None else np.dtype(np.uint16)
    shape = len(wanted), *window.shape
    out = np.full(shape, np.nan, kind) if kind.kind == "f" else np.zeros(shape, kind)
    if part is not None:
        out[(slice(None), *part.within(window))] = found
    return out


def _downsampled(
    file: Any, bands: list[int], wanted: list[int], place: Placement
) -> tuple[Floats, Bools, NDArray[np.float64]]:
    """Reflectance of `bands`, valid and the numbers of the last of `wanted`, on the piece of the file that is needed.

    Reflectance is the mean of a group of file pixels, valid only where all of them are; the last band (SCL) is the
    centre pixel's.
    """
    window, step, count, middle = place.piece, place.step, len(bands), place.step // 2
    if step == 1:
        numbers = _stored(file, wanted, window)
        return *reflectance_of(file, bands, numbers[:count]), _doubles(numbers[-1])
    reflectance, valid = np.zeros((count, *window.shape), np.float32), np.zeros(window.shape, bool)
    last = np.full(window.shape, np.nan)
    strip = max(1, STRIP_PX // (step * step * window.width))
    for row in range(0, window.height, strip):
        height = min(strip, window.height - row)
        fine = Window((window.row + row) * step, window.col * step, height * step, window.width * step)
        numbers = _stored(file, wanted, fine)
        seen, sound = reflectance_of(file, bands, numbers[:count])
        groups = (height, step, window.width, step)
        here = slice(row, row + height)
        reflectance[:, here] = seen.reshape(count, *groups).mean(axis=(2, 4))
        valid[here] = sound.reshape(groups).all(axis=(1, 3))
        last[here] = numbers[-1, middle::step, middle::step]
    reflectance[:, ~valid] = 0
    return reflectance, valid, last


def reflectance_of(file: Any, wanted: Sequence[int], numbers: NDArray[Any]) -> tuple[Floats, Bools]:
    """Reflectance (band, …) of bands by number, and where all are valid: not nodata, not 0, finite, plausible."""
    numbers = _doubles(numbers)
    valid = np.isfinite(numbers).all(axis=0) & (numbers != 0).all(axis=0) & ~_is_nodata(file, wanted, numbers)
    out = np.zeros(numbers.shape, np.float32)
    for plane, stored, band in zip(out, numbers, wanted, strict=True):
        scale, offset = scale_and_offset(file.scales[band - 1], file.offsets[band - 1])
        with np.errstate(over="ignore"):  # what overflows is not plausible
            reflectance = np.where(np.isfinite(stored), stored, 0) * scale + offset
        likely = (reflectance > PLAUSIBLE[0]) & (reflectance < PLAUSIBLE[1])
        plane[...] = np.where(likely, reflectance, 0)
        valid &= likely
    out[:, ~valid] = 0
    return out, valid


def _doubles(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Stored numbers as double precision."""
    with np.errstate(invalid="ignore"):  # a signalling NaN, as in a damaged file, is NaN
        return numbers.astype(np.float64, copy=False)


def _is_nodata(file: Any, wanted: Sequence[int], numbers: NDArray[np.float64]) -> Bools:
    """Where any band of `numbers` (band, …) equals its nodata value."""
    values = [file.nodatavals[band - 1] for band in wanted]
    stored = [plane == value for plane, value in zip(numbers, values, strict=False) if value is not None]
    empty: Bools = np.any(stored, axis=0) if stored else np.zeros(numbers.shape[1:], bool)
    return empty
