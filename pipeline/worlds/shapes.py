"""Small objects, with the share of each pixel that they cover, and the layer they are painted on."""

from dataclasses import dataclass

import numpy as np

from pipeline.raster import Floats

FINE = 10
"""Sub-pixels per pixel side, partly covered along the rim: the area of a 6 m pond is accurate to 2 %."""


@dataclass(frozen=True, eq=False, slots=True)
class Patch:
    """An object smaller than a pixel or not much larger."""

    rows: slice
    """Its rows in the world."""
    cols: slice
    """Its columns in the world."""
    share: Floats
    """Share of each pixel that it covers, 0 to 1, shape (y, x)."""


@dataclass(frozen=True, eq=False, slots=True)
class Layer:
    """Paint over a ground; later paint covers earlier paint."""

    colour: Floats
    """Reflectance times `share`, shape (band, y, x)."""
    share: Floats
    """Share of each pixel that is painted, 0 to 1, shape (y, x)."""

    def paint(self, patch: Patch, colour: Floats) -> None:
        """Paint a patch in one colour (band,)."""
        at = (slice(None), patch.rows, patch.cols)
        self.colour[at] += patch.share * (colour[:, None, None] - self.colour[at])
        self.share[at[1:]] += patch.share * (1 - self.share[at[1:]])

    def wash(self, share: Floats, colours: Floats) -> None:
        """Paint a share of each pixel (y, x) of the whole layer in colours (band, y, x)."""
        self.colour[...] += share * (colours - self.colour)
        self.share[...] += share * (1 - self.share)

    def over(self, ground: Floats) -> Floats:
        """The ground (band, y, x) with this layer on top."""
        seen: Floats = ground * (1 - self.share) + self.colour
        return seen


def empty_layer(bands: int, size: int) -> Layer:
    """An unpainted layer."""
    return Layer(np.zeros((bands, size, size), np.float32), np.zeros((size, size), np.float32))


def disc(row: float, col: float, radius_px: float, size: int) -> Patch:
    """A disc; centre in pixels from the world's corner (pixel edges, not centres)."""
    rows, cols, y, x = _fine(row, col, radius_px, size)
    return _patch(rows, cols, np.hypot(y - row, x - col) - radius_px)


def box(row: float, col: float, half_u_px: float, half_v_px: float, turn: float, size: int) -> Patch:
    """A rectangle with half sides u and v, rotated by `turn` radians; centre as for `disc`."""
    rows, cols, y, x = _fine(row, col, float(np.hypot(half_u_px, half_v_px)), size)
    u = (x - col) * np.cos(turn) + (y - row) * np.sin(turn)
    v = -(x - col) * np.sin(turn) + (y - row) * np.cos(turn)
    return _patch(rows, cols, np.maximum(np.abs(u) - half_u_px, np.abs(v) - half_v_px))


def _fine(row: float, col: float, reach: float, size: int) -> tuple[slice, slice, Floats, Floats]:
    """The window around a point, clipped to the world, and the sub-pixel centres in it."""
    rows = slice(max(0, int(np.floor(row - reach))), min(size, int(np.ceil(row + reach)) + 1))
    cols = slice(max(0, int(np.floor(col - reach))), min(size, int(np.ceil(col + reach)) + 1))
    y = rows.start + (np.arange(max(0, rows.stop - rows.start) * FINE, dtype=np.float32) + 0.5) / FINE
    x = cols.start + (np.arange(max(0, cols.stop - cols.start) * FINE, dtype=np.float32) + 0.5) / FINE
    return rows, cols, y[:, None].astype(np.float32), x[None, :].astype(np.float32)


def _patch(rows: slice, cols: slice, beyond: Floats) -> Patch:
    """A patch from the signed distance of each sub-pixel to its rim, pixels, positive outside."""
    covered = np.clip(0.5 - beyond * FINE, 0, 1)
    height, width = covered.shape[0] // FINE, covered.shape[1] // FINE
    share = covered.reshape(height, FINE, width, FINE).mean(axis=(1, 3)).astype(np.float32)
    return Patch(slice(rows.start, rows.start + height), slice(cols.start, cols.start + width), share)
