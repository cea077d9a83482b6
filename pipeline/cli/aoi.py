"""`leachwatch aoi list`."""

import argparse

from pipeline.cli.parser import Parser, command


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `aoi`."""
    aoi = command(commands, "aoi", "List the areas of interest that come with leachwatch.")
    aoi.add_argument("action", choices=["list"], help="list: names, titles and areas")
    aoi.set_defaults(do=run)


def run(_options: argparse.Namespace) -> int:
    """List them; returns the exit code."""
    from pipeline.aoi import list_aois

    for aoi in list_aois():
        print(f"{aoi.name:12} {aoi.area_km2:10,.0f} km²  UTM {aoi.grid.zone}  ids {aoi.prefix}-…  {aoi.title}")
    return 0
