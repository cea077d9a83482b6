"""`leachwatch simulate`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import settings_of, workers, writable
from pipeline.cli.parser import Parser, command

if TYPE_CHECKING:
    from pipeline.aoi import Aoi
    from pipeline.config import Settings
    from pipeline.progress import Progress
    from pipeline.sources.interface import Period, Source


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `simulate`."""
    simulate = command(commands, "simulate", "Write a simulated archive of an AOI, with its truth, to a folder.")
    simulate.add_argument("--aoi", required=True, metavar="NAME|FILE", help="area of interest")
    simulate.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to write it")
    simulate.add_argument("--workers", type=workers, metavar="N", help="processes; 0 = one per core")
    simulate.add_argument("--config", type=Path, metavar="FILE", help="settings, see configs/default.toml")
    simulate.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Write the archive; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.progress import Progress
    from pipeline.sources.interface import period_of

    settings = settings_of(options)
    writable(options.out)
    simulated(read_aoi(options.aoi), settings, period_of(None, None), options.out, Progress())
    print(f"SIMULATED scenes and their truth (truth.geojson) are in {options.out}/")
    return 0


def simulated(aoi: "Aoi", settings: "Settings", period: "Period", folder: Path, progress: "Progress") -> "Source":
    """The simulated archive of an AOI in a folder, built where it is not there yet."""
    from pipeline.engine import usable_cores
    from pipeline.sources.simulated import simulated_source

    workers = settings.engine.workers or usable_cores()
    return simulated_source(folder, aoi, settings.simulated, period, workers, progress)
