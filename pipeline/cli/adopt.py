"""`leachwatch adopt`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_archive, archive_of, writable
from pipeline.cli.parser import Parser, command
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.run.adopt import OldRun

DESCRIPTION = """Take a product folder of an earlier version over into the archive: names, published sites, looks.

Before there was an archive, each folder in out/ held its own names and looks. Nothing in the folder is removed; its
registry is renamed, so that it is taken over once. Looks that make the same pixels as today's are not made again."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `adopt`."""
    adopt = command(commands, "adopt", DESCRIPTION)
    adopt.add_argument("out", type=Path, metavar="DIR", help="a product folder, such as out/shan")
    adopt.add_argument(
        "--aoi", metavar="NAME|FILE", help="its AOI, for simulated products of an AOI that is not in aoi/"
    )
    add_archive(adopt)
    adopt.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Take over; returns the exit code."""
    from pipeline.archive import Archive
    from pipeline.progress import Progress
    from pipeline.run.adopt import adopt, open_old

    folder = archive_of(options)
    writable(folder)
    for old in open_old(options.out):
        archive = Archive(folder, _simulation(old, options.aoi) if old.simulated else "")
        print(adopt(old, archive, Progress()).text(options.out))
    return 0


def _simulation(old: "OldRun", chosen: str | None) -> str:
    """Id of the simulation of an old run. Raises `InputError` where its AOI is not known, or is another one now."""
    from pipeline.aoi import read_aoi
    from pipeline.config import SimulatedSettings
    from pipeline.worlds.archive import simulation_of

    known = old.manifest["aoi"]
    aoi = read_aoi(chosen or str(known["name"]))
    if aoi.digest != known["sha256"]:
        raise InputError(f"{old.out}: was made for another polygon than that of {chosen or aoi.name}; give it as --aoi")
    return simulation_of(aoi, SimulatedSettings.model_validate(old.manifest["settings"]["simulated"]))
