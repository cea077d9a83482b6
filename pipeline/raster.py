"""Reflectance on a window of the grid, with the mask of measured pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.bands import BANDS
from pipeline.grid import Window

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Raster:
    """What a source read of one overpass on one window of the grid."""

    window: Window
    """Where on the grid."""
    reflectance: Floats
    """Unitless surface reflectance, shape (band, y, x), bands as in `bands.BANDS`; 0 where not valid."""
    valid: Bools
    """Shape (y, x). True: every band was measured. False: no data."""
    scl: Bytes | None
    """ESA's scene classification, shape (y, x), 0 = no data; None where the source has none."""
    notes: tuple[str, ...] = ()
    """What was done differently from usual to read it, each in one line."""

    def __post_init__(self) -> None:
        shape = self.window.shape
        if self.reflectance.shape != (len(BANDS), *shape) or self.valid.shape != shape:
            raise ValueError(f"raster of {self.reflectance.shape}, valid {self.valid.shape} on {self.window}")
        if self.scl is not None and self.scl.shape != shape:
            raise ValueError(f"SCL of {self.scl.shape} on {self.window}")
        if not np.isfinite(self.reflectance).all():
            raise ValueError("reflectance that is not finite")

    def cropped(self, window: Window) -> "Raster":
        """The part on a window inside this one. Raises `ValueError` where it is not inside."""
        if window == self.window:
            return self
        rows, cols = window.within(self.window)
        return Raster(
            window=window,
            reflectance=self.reflectance[:, rows, cols],
            valid=self.valid[rows, cols],
            scl=None if self.scl is None else self.scl[rows, cols],
            notes=self.notes,
        )
