"""Where the pixels of a window lie in a file, and what they take from its pixels there.

On the file's own grid that is the pixel itself; on another it is bilinear for reflectance and nearest for SCL. The
neighbours and weights of a pixel depend on its own position alone, so any cut into windows gives the same result.
"""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from pipeline.errors import SceneError
from pipeline.grid import PIXEL_M, Grid, Window
from pipeline.raster import Bools, Floats

METRES_PER_DEGREE = 111_320.0
MAX_AVERAGED = 40
"""Most file pixels along a pixel of the grid, so that they are 0.25 m or larger."""
MAX_STRETCH = 40
"""Most squares of file pixels per pixel of a window; more where a CRS tears the window apart, as at 180° E."""


class OnGrid(NamedTuple):
    """A window whose pixels are pixels of the file, or none of them."""

    piece: Window
    """The same window in rows and columns of the file; may reach beyond it."""
    step: int = 1
    """As in `OffGrid`."""

    @property
    def in_file(self) -> Window:
        """The file pixels that are needed; may reach beyond it."""
        return self.piece

    def bilinear(self, reflectance: Floats, valid: Bools) -> tuple[Floats, Bools]:
        """What was read of `piece`, as it is."""
        return reflectance, valid

    def sound(self, valid: Bools) -> Bools:
        """Where `piece` is valid, as it is."""
        return valid

    def nearest(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        """What was read of `piece`, as it is."""
        return plane


class OffGrid(NamedTuple):
    """A window whose pixels lie between those of the file."""

    piece: Window
    """The squares of the file's pixels that are needed, in rows and columns of such squares."""
    step: int
    """Side of the squares of file pixels averaged to one, so that finer imagery fits in memory."""
    known: Bools
    """Shape (y, x). True: in the file."""
    top: NDArray[np.intp]
    """Row in `piece` of the neighbours above, shape (y, x)."""
    left: NDArray[np.intp]
    """Column in `piece` of the neighbours to the left, shape (y, x)."""
    down: NDArray[np.float64]
    """How far below the neighbours above, 0 to 1, shape (y, x)."""
    right: NDArray[np.float64]
    """How far to the right of the neighbours to the left, 0 to 1, shape (y, x)."""

    @property
    def in_file(self) -> Window:
        """The file pixels that are needed; may reach beyond it."""
        piece, step = self.piece, self.step
        return Window(piece.row * step, piece.col * step, piece.height * step, piece.width * step)

    def bilinear(self, reflectance: Floats, valid: Bools) -> tuple[Floats, Bools]:
        """Reflectance (band, y, x) and valid (y, x) of the window from those of `piece`."""
        total = np.zeros((len(reflectance), *self.known.shape))
        for down, right in _NEIGHBOURS:
            total += self._weight(down, right) * reflectance[:, self.top + down, self.left + right]
        sound = self.sound(valid)
        total[:, ~sound] = 0
        return total.astype(np.float32), sound

    def sound(self, valid: Bools) -> Bools:
        """Where all neighbours with a weight are valid, shape (y, x)."""
        sound = self.known.copy()
        for down, right in _NEIGHBOURS:
            sound &= valid[self.top + down, self.left + right] | (self._weight(down, right) == 0)
        return sound

    def nearest(self, plane: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest pixels of `piece`, shape (y, x); NaN outside of the file."""
        found = plane[self.top + (self.down >= 0.5), self.left + (self.right >= 0.5)]
        return np.where(self.known, found, np.nan)

    def _weight(self, down: int, right: int) -> NDArray[np.float64]:
        return (self.down if down else 1 - self.down) * (self.right if right else 1 - self.right)


Placement: TypeAlias = OnGrid | OffGrid
_NEIGHBOURS = ((0, 0), (0, 1), (1, 0), (1, 1))


def placed(file: Any, grid: Grid, window: Window) -> Placement:
    """Where a window of the grid lies in a file; raises `SceneError` where too much of it would be read."""
    if _on_grid(file, grid):
        t = file.transform
        row, col = round(-t.f / PIXEL_M), round(t.c / PIXEL_M)
        return OnGrid(Window(window.row - row, window.col - col, window.height, window.width))
    step = _step(file)
    rows, cols = _file_coordinates(file, grid, window, step)
    known = np.isfinite(rows) & np.isfinite(cols)
    known &= (rows > -1) & (cols > -1) & (rows < file.height // step) & (cols < file.width // step)
    if not known.any():
        return OnGrid(Window(-window.height, -window.width, window.height, window.width))  # all of it outside
    rows, cols = np.where(known, rows, rows[known].min()), np.where(known, cols, cols[known].min())
    top, left = np.floor(rows).astype(int), np.floor(cols).astype(int)
    piece = Window(int(top.min()), int(left.min()), int(top.max() - top.min()) + 2, int(left.max() - left.min()) + 2)
    if piece.area_px > MAX_STRETCH * (window.area_px + MAX_STRETCH):
        raise SceneError(f"its CRS tears ground apart: {piece.area_px:,} pixels for {window.area_px:,}; reproject it")
    return OffGrid(piece, step, known, top - piece.row, left - piece.col, rows - top, cols - left)


def _on_grid(file: Any, grid: Grid) -> bool:
    """Whether the file's pixels are those of the grid, so that no resampling is needed."""
    t = file.transform
    square = (t.a, t.b, t.d, t.e) == (PIXEL_M, 0, 0, -PIXEL_M)
    return square and t.c % PIXEL_M == 0 and t.f % PIXEL_M == 0 and file.crs.to_epsg() == grid.epsg


def check_pixel_size(file: Any) -> None:
    """Raise `SceneError` for a file whose pixels are too small to be averaged in bounded memory."""
    if file.crs is not None:
        _step(file)


def _step(file: Any) -> int:
    """As `OffGrid.step`; raises `SceneError`."""
    pixel = max(abs(file.transform.a), abs(file.transform.b))
    metres = pixel * METRES_PER_DEGREE if file.crs.is_geographic else pixel * (file.crs.linear_units_factor[1] or 1.0)
    step = max(1, int(PIXEL_M / metres + 0.01))
    if step > MAX_AVERAGED:
        raise SceneError(f"pixels of {metres:.2g} m, smaller than {PIXEL_M / MAX_AVERAGED} m: resample it")
    return step


def _file_coordinates(
    file: Any, grid: Grid, window: Window, step: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Row and column in the file (pixel centres at integers) of each pixel of a window, shape (y, x)."""
    x = (window.col + np.arange(window.width) + 0.5) * PIXEL_M
    y = -(window.row + np.arange(window.height) + 0.5) * PIXEL_M
    xs, ys = np.meshgrid(x, y)
    if file.crs.to_epsg() != grid.epsg:
        xs, ys = Transformer.from_crs(grid.crs, file.crs.to_wkt(), always_xy=True).transform(xs, ys)
    inverse = ~file.transform
    cols = (inverse.a * xs + inverse.b * ys + inverse.c) / step - 0.5
    rows = (inverse.d * xs + inverse.e * ys + inverse.f) / step - 0.5
    return rows, cols
