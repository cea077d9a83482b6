"""Rows of the coverage layer: every cell of the AOI in every month, seen or not. Outlines are lon/lat, EPSG:4326."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import shapely
from shapely.geometry import Polygon

from pipeline.aoi import Aoi
from pipeline.evidence.coverage import NO_LOOKS, Coverage
from pipeline.grid import LONLAT, reprojected

CELLS = 1000
"""Coverage cells whose outlines are reprojected at once."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class CoverageRecord:
    """One cell in one month."""

    cell: str
    """Name of the cell."""
    month: str
    """`YYYY-MM`."""
    looks: int
    """Overpasses that measured it, clear or not."""
    clear_looks: int
    """Overpasses that saw at least 5 % of it."""
    share_seen: float
    """Share of the cell's part of the AOI seen at least once that month, 0 to 1."""
    polygon: Polygon
    """The cell."""


def coverage_records(aoi: Aoi, cell_px: int, months: tuple[str, ...], coverage: Coverage) -> Iterator[CoverageRecord]:
    """Every cell of the AOI in every month, seen or not."""
    cells = aoi.windows(cell_px)
    while some := list(islice(cells, CELLS)):
        outlines = reprojected(shapely.box(*np.array([cell.bounds_m for cell in some]).T), aoi.grid.crs, LONLAT)
        for cell, outline in zip(some, outlines, strict=True):
            by_month = coverage[cell].months if cell in coverage else {}
            name = aoi.grid.name_of(cell)
            for month in months:
                seen = by_month.get(month, NO_LOOKS)
                yield CoverageRecord(
                    cell=name,
                    month=month,
                    looks=seen.looks,
                    clear_looks=seen.clear_looks,
                    share_seen=seen.share_seen,
                    polygon=outline,
                )
