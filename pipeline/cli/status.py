"""`leachwatch status`."""

import argparse

from pipeline.cli.arguments import add_archive, archive_of
from pipeline.cli.parser import Parser, command

DESCRIPTION = """Tell how every scanned area stands: last and next scan, months that are missing, sites, disk, spending.

Ends with 0 if all is well, and with 6 if something is wrong: a scan that failed or did not happen, a message that did
not arrive."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `status`."""
    status = command(commands, "status", DESCRIPTION)
    status.add_argument("--format", default="text", choices=["text", "json"], help="for people, or for machines")
    status.add_argument("--config", metavar="FILE|NAME", help="settings: a file, or a name in configs/")
    add_archive(status)
    status.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Tell it; returns the exit code."""
    from datetime import UTC, datetime

    from pipeline.config import load
    from pipeline.upkeep.status import status_of

    found = status_of(archive_of(options), load(options.config), datetime.now(UTC))
    print(found.json() if options.format == "json" else found.text())
    return 0 if found.is_well else 6
