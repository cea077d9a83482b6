"""The embedded source: a small archive of simulated scenes inside the AOI, with known truth.

The archive is made once, as the same GeoTIFFs that a user's own folder holds, and read by the same code: what runs on
simulated input is what runs on real input.
"""

from pathlib import Path

from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.engine import usable_cores
from pipeline.progress import Progress
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, ReadRules
from pipeline.worlds.archive import build_archive


def simulated_source(folder: Path, aoi: Aoi, settings: Settings, period: Period, progress: Progress) -> FolderSource:
    """The simulated archive of an AOI in `folder`, built when it is not there or was made otherwise.

    Raises `UnitsFailed` on a full disk.
    """
    workers = settings.engine.workers or usable_cores()
    build_archive(folder, aoi, settings.simulated, period, progress, workers=workers)
    return FolderSource(folder, name="simulated", simulated=True, rules=ReadRules.of(settings))
