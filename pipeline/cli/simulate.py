"""`leachwatch simulate`."""

import argparse
from pathlib import Path

from pipeline.cli.arguments import settings_of, workers, writable
from pipeline.cli.parser import Parser, command


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `simulate`."""
    simulate = command(commands, "simulate", "Write a simulated archive of an AOI, with its truth, to a folder.")
    simulate.add_argument("--aoi", required=True, metavar="NAME|FILE", help="area of interest")
    simulate.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to write it")
    simulate.add_argument("--workers", type=workers, metavar="N", help="processes; 0 = one per core")
    simulate.add_argument("--config", metavar="FILE|NAME", help="settings: a file, or a name in configs/")
    simulate.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Write the archive; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.progress import Progress
    from pipeline.sources.interface import Period
    from pipeline.worlds.source import simulated_source

    settings, aoi = settings_of(options), read_aoi(options.aoi)
    writable(options.out)
    simulated_source(options.out, aoi, settings, Period(None, None), Progress())
    print(f"SIMULATED scenes and their truth (truth.geojson) are in {options.out}/")
    return 0
