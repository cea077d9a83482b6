"""From looks to coverage and sites: a pure function of looks, model and settings.

Runs and evaluation both go through here, so a change to it changes what is measured as well. Sites are drawn from all
ground that was looked at, in the AOI and just around it: what is said of a site does not depend on where an AOI ends.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.errors import LookDamaged
from pipeline.evidence.cells import CellPart, EvidenceCache, shelf_around
from pipeline.evidence.coverage import Coverage
from pipeline.evidence.fuse import Evidence, fuse, in_shares
from pipeline.evidence.outliers import without_outliers
from pipeline.grid import PIXEL_M, Window
from pipeline.looks.calibration import Calibration
from pipeline.looks.file import LookFile
from pipeline.looks.look import Look
from pipeline.looks.stack import LookArchive
from pipeline.looks.store import ASIDE, DamagedLook
from pipeline.progress import Progress
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
    damaged: tuple[DamagedLook, ...] = ()
    """Looks that turned out to be damaged when they were read: set aside, and not used."""

    @property
    def seen_px(self) -> int:
        """Pixels of the AOI that were clear at least once."""
        return sum(cell.seen_px for cell in self.coverage.values())

    def seen_share(self, aoi: Aoi) -> float:
        """Share of the AOI that was clear at least once, 0 to 1."""
        return min(1.0, self.seen_px * PIXEL_M**2 / (aoi.polygon_m.area or 1.0))

    def seen_in(self, aoi: Aoi) -> dict[str, float]:
        """Share of the AOI that was clear at least once in each month, 0 to 1; months without a look are left out."""
        areas: dict[str, float] = {}
        for seen, inside in zip(self.coverage.values(), aoi.parts(list(self.coverage)), strict=True):
            for month, each in seen.months.items():
                areas[month] = areas.get(month, 0.0) + each.share_seen * np.count_nonzero(inside)
        whole = aoi.polygon_m.area / PIXEL_M**2 or 1.0
        return {month: min(1.0, area / whole) for month, area in sorted(areas.items())}


def derive(
    aoi: Aoi,
    looks: Sequence[Look],
    cache: EvidenceCache,
    settings: Settings,
    calibration: Calibration | None,
    progress: Progress,
) -> Derived:
    """Coverage and sites from looks, whatever the cache holds; `calibration` is that of the model.

    Where a look turns out to be damaged, everything is derived without it: what its sound parts said is not used.
    """
    found, damaged = without_damaged(
        looks, lambda sound: _derived(aoi, sound, cache, settings, calibration, progress), progress
    )
    return replace(found, damaged=damaged)


Result = TypeVar("Result")


def without_damaged(
    looks: Sequence[Look], work: Callable[[Sequence[Look]], Result], progress: Progress
) -> tuple[Result, tuple[DamagedLook, ...]]:
    """What `work` makes of some looks, begun again without each one that turns out to be damaged; and these.

    Raises as `work`; `LookDamaged` only for a look that is none of these.
    """
    sound, damaged = list(looks), list[DamagedLook]()
    while True:
        try:
            return work(sound), tuple(damaged)
        except LookDamaged as cause:
            bad = [look for look in sound if isinstance(look.pixels, LookFile) and look.pixels.path == cause.path]
            if not bad:
                raise
            progress.note(f"note: {cause.path}: a damaged look, used no more ({cause.reason})")
            damaged += [DamagedLook(cause.path.with_name(cause.path.name + ASIDE), cause.reason, look) for look in bad]
            sound = [look for look in sound if look not in bad]


def _derived(
    aoi: Aoi,
    looks: Sequence[Look],
    cache: EvidenceCache,
    settings: Settings,
    calibration: Calibration | None,
    progress: Progress,
) -> Derived:
    used, outliers = without_outliers(looks)
    archive = LookArchive(used, settings.coverage.cell_px)
    coverage: Coverage = {}
    pieces: list[PondPixels] = []
    cells = archive.cells()
    with progress.stage("Weighing evidence", len(cells), unit="cells") as step:
        for shelf, members in _by_shelf(cells):
            parts = list(_parts(aoi, archive, members))
            evidence = cache.cells(aoi.grid.name_of(shelf), [part for part, _ in parts])
            for (part, in_aoi), found in zip(parts, evidence, strict=True):
                if in_aoi:
                    coverage[part.cell] = found.seen
                if (in_shares(np.array([found.highest], np.uint8)) >= settings.sites.pond_fraction).any():
                    everywhere = np.ones(part.cell.shape, bool)
                    agreed = found.pond.agreed(settings.evidence)
                    pieces.append(pond_pixels(part.cell, agreed, everywhere, settings.sites))
            step(len(members))

    def evidence_at(window: Window) -> Evidence:
        return fuse(archive.stacks(window), settings.evidence)

    sites = [site for site in find_sites(pieces, evidence_at, settings.sites) if _lies_in(aoi, site)]
    assessed: list[AssessedSite] = []
    with progress.stage("Dating", len(sites), unit="sites") as step:
        for site in sites:
            assessed.append(assess(site, archive.stacks(site.window), settings, calibration))
            step(1)
    return Derived(archive, tuple(used), tuple(outliers), coverage, tuple(assessed))


def _by_shelf(cells: Sequence[Window]) -> list[tuple[Window, list[Window]]]:
    """Cells by the shelf on which their evidence is stored."""
    found: dict[Window, list[Window]] = {}
    for cell in cells:
        found.setdefault(shelf_around(cell), []).append(cell)
    return list(found.items())


def _parts(aoi: Aoi, archive: LookArchive, cells: Sequence[Window]) -> Iterator[tuple[CellPart, bool]]:
    """Those of the cells that lie in the AOI, with True; and those next to them, as a whole, with False."""
    for cell, inside in zip(cells, aoi.parts(cells), strict=True):
        in_aoi = bool(inside.any())
        if in_aoi or aoi.is_near(cell, archive.cell_px):
            part = inside if in_aoi else np.ones(cell.shape, bool)
            looks = archive.looks(cell)
            yield CellPart(name=aoi.grid.name_of(cell), cell=cell, inside=part, looks=looks), in_aoi


def _lies_in(aoi: Aoi, site: Site) -> bool:
    """Whether a site has a pond pixel in the AOI."""
    return bool((aoi.inside(site.window) & site.pond).any())
