"""The simulated source: a small archive of simulated scenes inside the AOI, with known truth.

The archive is built once, as GeoTIFFs like those in a user's own folder, and read by the same code, so that simulated
and real input are processed alike.
"""

from pathlib import Path

from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.engine import usable_cores
from pipeline.progress import Progress
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, ReadRules
from pipeline.worlds.archive import build_archive, simulation_of


def simulated_source(folder: Path, aoi: Aoi, settings: Settings, period: Period, progress: Progress) -> FolderSource:
    """The simulated archive of an AOI in `folder`, built when it is missing or outdated.

    Raises `UnitsFailed` when the disk is full.
    """
    workers = settings.engine.workers or usable_cores()
    build_archive(folder, aoi, settings.simulated, period, progress, workers=workers)
    simulation = simulation_of(aoi, settings.simulated)
    return FolderSource(folder, name="simulated", simulation=simulation, rules=ReadRules.of(settings))
