"""From looks to coverage and sites: a pure function of looks, model and settings.

Runs and evaluation both go through here, so a change to it changes what is measured as well. Sites are drawn from all
ground that was looked at, in the AOI and just around it: what is said of a site does not depend on where an AOI ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.evidence.cells import EvidenceCache
from pipeline.evidence.coverage import Coverage
from pipeline.evidence.fuse import Evidence, fuse
from pipeline.evidence.outliers import without_outliers
from pipeline.grid import PIXEL_M, Window
from pipeline.looks.calibration import Calibration
from pipeline.looks.look import Look
from pipeline.looks.stack import LookArchive
from pipeline.progress import Progress
from pipeline.raster import Bools
from pipeline.sites.confidence import AssessedSite, assess
from pipeline.sites.extract import PondPixels, Site, find_sites, pond_pixels
from pipeline.sources.interface import Refusal


@dataclass(frozen=True, eq=False, slots=True)
class Derived:
    """What the looks of an AOI say."""

    archive: LookArchive
    """The looks that were used, by place."""
    looks: tuple[Look, ...]
    """The same, in time."""
    outliers: tuple[Refusal, ...]
    """Looks that were left out, and why."""
    coverage: Coverage
    """What was seen, by cell and month."""
    sites: tuple[AssessedSite, ...]
    """All sites with a pond in the AOI, whatever their confidence, by place."""

    @property
    def seen_px(self) -> int:
        """Pixels of the AOI that were clear at least once."""
        return sum(cell.seen_px for cell in self.coverage.values())

    def seen_share(self, aoi: Aoi) -> float:
        """Share of the AOI that was clear at least once, 0 to 1."""
        return min(1.0, self.seen_px * PIXEL_M**2 / (aoi.polygon_m.area or 1.0))


def derive(
    aoi: Aoi,
    looks: Sequence[Look],
    cache: EvidenceCache,
    settings: Settings,
    calibration: Calibration | None,
    progress: Progress,
) -> Derived:
    """Coverage and sites from looks, whatever the cache holds; `calibration` is that of the model."""
    used, outliers = without_outliers(looks)
    archive = LookArchive(used, settings.coverage.cell_px)
    coverage: Coverage = {}
    pieces: list[PondPixels] = []
    cells = list(_cells(aoi, archive))
    with progress.stage("Weighing evidence", len(cells), unit="cells") as step:
        for cell, inside in cells:
            everywhere = np.ones(cell.shape, bool)
            part = everywhere if inside is None else inside
            evidence = cache.cell(aoi.grid.name_of(cell), cell, part, archive.looks(cell))
            if inside is not None:
                coverage[cell] = evidence.coverage.by_month(inside)
            pieces.append(pond_pixels(cell, evidence.pond.agreed(settings.evidence), everywhere, settings.sites))
            step(1)

    def evidence_at(window: Window) -> Evidence:
        return fuse(archive.stack(window), settings.evidence)

    sites = [site for site in find_sites(pieces, evidence_at, settings.sites) if _lies_in(aoi, site)]
    assessed: list[AssessedSite] = []
    with progress.stage("Dating", len(sites), unit="sites") as step:
        for site in sites:
            assessed.append(assess(site, archive.stack(site.window), settings, calibration))
            step(1)
    return Derived(archive, tuple(used), tuple(outliers), coverage, tuple(assessed))


def _cells(aoi: Aoi, archive: LookArchive) -> Iterator[tuple[Window, Bools | None]]:
    """The cells with looks in the AOI, each with its part inside; and those next to them, with None."""
    for cell in archive.cells():
        inside = aoi.inside(cell)
        if inside.any():
            yield cell, inside
        elif aoi.is_near(cell, archive.cell_px):
            yield cell, None


def _lies_in(aoi: Aoi, site: Site) -> bool:
    """Whether a site has a pond pixel in the AOI."""
    return bool((aoi.inside(site.window) & site.pond).any())
