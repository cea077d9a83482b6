"""The embedded source: a small archive of simulated scenes inside the AOI, with known truth.

The archive is made once, as the same GeoTIFFs that a user's own folder holds, and read by the same code:
what runs on simulated input is what runs on real input.
"""

from pathlib import Path

from pipeline.aoi import Aoi
from pipeline.config import SimulatedSettings
from pipeline.progress import Progress
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period
from pipeline.worlds.archive import build_archive


def simulated_source(
    folder: Path,
    aoi: Aoi,
    settings: SimulatedSettings,
    period: Period,
    workers: int,
    progress: Progress,
) -> FolderSource:
    """The simulated archive of an AOI in `folder`, built when it is not there or was made otherwise.

    Raises `UnitsFailed` on a full disk.
    """
    build_archive(folder, aoi, settings, period, progress, workers=workers)
    return FolderSource(folder, name="simulated", simulated=True)
