"""Pixels on a window of the grid as a source read them, with the mask of measured pixels."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.bands import BANDS
from pipeline.grid import Window

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Numbers = NDArray[np.uint16]
"""Digital numbers as they are stored."""
Radiometry: TypeAlias = tuple[tuple[float, float], ...]
"""Scale and offset from stored numbers to reflectance, one pair per band."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Raster:
    """What a source read of one overpass on one window of the grid.

    Pixels stay the integers that a file holds until something needs reflectance: they are a third as large.
    """

    window: Window
    """Where on the grid."""
    pixels: Numbers | Floats
    """Stored numbers, or reflectance where `radiometry` is None; shape (band, y, x), bands as in `bands.BANDS`; 0 where
    not valid."""
    radiometry: Radiometry | None = None
    """From stored numbers to reflectance; None: `pixels` are reflectance, unitless."""
    valid: Bools
    """Shape (y, x). True: every band was measured. False: no data."""
    scl: Bytes | None
    """ESA's scene classification, shape (y, x), 0 = no data; None where the source has none."""
    unread: Bools | None = None
    """Shape (y, x). True: only SCL was read, and `pixels` are 0, because SCL showed that no band is needed; None: all
    was read."""
    notes: tuple[str, ...] = ()
    """What was done differently from usual to read it, each in one line."""

    def __post_init__(self) -> None:
        shape = self.window.shape
        if self.pixels.shape != (len(BANDS), *shape) or self.valid.shape != shape:
            raise ValueError(f"raster of {self.pixels.shape}, valid {self.valid.shape} on {self.window}")
        for plane in (self.scl, self.unread):
            if plane is not None and plane.shape != shape:
                raise ValueError(f"SCL or mask of {plane.shape} on {self.window}")
        if (self.pixels.dtype == np.uint16) != (self.radiometry is not None):
            raise ValueError(f"pixels of {self.pixels.dtype}, radiometry {self.radiometry}")
        if self.pixels.dtype != np.uint16 and not np.isfinite(self.pixels).all():
            raise ValueError("reflectance that is not finite")

    @property
    def reflectance(self) -> Floats:
        """Surface reflectance, unitless, shape (band, y, x); 0 where not valid."""
        return reflectance_in(self.pixels, self.radiometry, self.valid)

    def cropped(self, window: Window) -> "Raster":
        """The part on a window inside this one. Raises `ValueError` where it is not inside."""
        if window == self.window:
            return self
        rows, cols = window.within(self.window)
        return Raster(
            window=window,
            pixels=self.pixels[:, rows, cols],
            radiometry=self.radiometry,
            valid=self.valid[rows, cols],
            scl=None if self.scl is None else self.scl[rows, cols],
            unread=None if self.unread is None else self.unread[rows, cols],
            notes=self.notes,
        )


def reflectance_in(pixels: Numbers | Floats, radiometry: Radiometry | None, valid: Bools) -> Floats:
    """Reflectance (band, …) of stored numbers (band, …), 0 where not `valid` (…); reflectance itself as it is.

    In float64 until the last step, so that a stored number gives the same reflectance however it was read.
    """
    if radiometry is None:
        return pixels.astype(np.float32, copy=False)
    out = np.empty(pixels.shape, np.float32)
    for plane, numbers, (scale, offset) in zip(out, pixels, radiometry, strict=True):
        plane[...] = numbers.astype(np.float64) * scale + offset
    out[:, ~valid] = 0
    return out
