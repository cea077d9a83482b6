"""Which parts of a window need their bands, as SCL tells: where all is cloud, they are not worth fetching.

It is decided for the cells of the grid that a window touches, so that large windows can be read at once and a gap in
the clouds costs no more than itself.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.grid import Window, hull, joined
from pipeline.raster import Bools, Bytes

CELL_PX = 512
"""Side of the cells, pixels."""
NEED_MARGIN_PX = 112
"""What is read around a cell, pixels: as far as the clear test and the network see (`looks/recipe.py`)."""
MOSTLY = 0.7
"""Parts that together are larger than this share of what holds them all are read at once with all that lies between."""


def parts_needed(window: Window, classes: Bytes, unclear: Sequence[int]) -> list[Window]:
    """The parts of a window whose bands are needed: around cells with any other class of SCL than unclear ones.

    `classes`: SCL on the window, shape (y, x). The parts may overlap; the window itself if all of it is needed.
    """
    seen = ~np.isin(classes, unclear)
    needed = [cell for cell in window.cells(CELL_PX) if _any(seen, cell, window)]
    parts = [part for run in joined(needed) if (part := run.grown(NEED_MARGIN_PX).intersection(window)) is not None]
    if not parts:
        return []
    whole = hull(parts)
    area = sum(part.area_px for part in parts)
    return [whole] if area > MOSTLY * whole.area_px else parts


def _any(mask: Bools, cell: Window, window: Window) -> bool:
    here = cell.intersection(window)
    return here is not None and bool(mask[here.within(window)].any())
