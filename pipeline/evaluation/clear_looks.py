"""Clear looks at the true sites of a finished run, counted in its look files where these are at hand.

`manifest.json` names the files. Products alone do not tell: `coverage.geojson` counts by cell and month, and the layer
`looks` of `sites.gpkg` knows reported sites only, so that missed ones would be left out of every class.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError
from rasterio.features import geometry_mask

from pipeline.evaluation.truth import Case, TrueSite, counted
from pipeline.grid import LONLAT, reprojected, window_of
from pipeline.looks.file import GDAL, open_look
from pipeline.looks.look import Look
from pipeline.looks.stack import LookArchive

CELL_PX = 512
"""Looks are found by squares of this side."""


@dataclass(frozen=True, eq=False, slots=True)
class RunLooks:
    """The looks of a finished run."""

    crs: str
    """CRS of the run's grid."""
    archive: LookArchive
    """The looks by location."""


def with_clear_looks(case: Case, out: Path, rows: Sequence[Mapping[str, object]]) -> Case:
    """The case of a run (lon/lat) with the clear looks at its true sites counted.

    `rows`: the looks as `manifest.json` lists them. Where one of their files is not at hand or damaged, the case stays
    as it is, and nothing is known of the looks.
    """
    try:
        looks = _looks(out, rows)
        return replace(case, truth=tuple(_counted(site, looks) for site in case.truth)) if looks else case
    except (RasterioError, OSError):
        return case


def _looks(out: Path, rows: Sequence[Mapping[str, object]]) -> RunLooks | None:
    """The looks behind the rows; None where a file is not named, not there or damaged. Raises rasterio's errors."""
    looks: list[Look] = []
    crs = ""
    for row in rows:
        name = row.get("file")
        look = open_look(out / name) if isinstance(name, str) else None
        if look is None:
            return None
        with rasterio.Env(**GDAL), rasterio.open(out / str(name), driver="GTiff") as file:
            crs = file.crs.to_string()
        looks.append(look)
    return RunLooks(crs, LookArchive(looks, CELL_PX))


def _counted(site: TrueSite, looks: RunLooks) -> TrueSite:
    """A site (lon/lat) with its looks counted; without any data there it has none."""
    outline = reprojected(site.polygon, LONLAT, looks.crs)
    stack = looks.archive.stack(window_of(outline.bounds))
    ground = geometry_mask([outline], stack.window.shape, stack.window.transform, invert=True)
    at_it = [number for number, measured in enumerate(stack.measured) if measured]
    seen = [(stack.days[k], float(stack.seen[k][ground].mean())) for k in at_it]
    return counted(site, [(day, share) for day, share in seen if site.state_on(day).has_ponds])
