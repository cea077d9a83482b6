"""`leachwatch registry join`."""

import argparse
from pathlib import Path

from pipeline.cli.parser import Parser, command
from pipeline.errors import InputError

DESCRIPTION = """Join two copies of a registry that went different ways.

The registry (registry.json) holds the names of the sites. Sites keep their ids; where both copies named one place
apart, the older name stands. Copies that gave one id to two places cannot be joined, and nothing is written."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `registry`."""
    registry = command(commands, "registry", DESCRIPTION)
    registry.add_argument("action", choices=["join"], help="join: two registries into one file")
    registry.add_argument("files", nargs=2, type=Path, metavar="FILE", help="a registry.json")
    registry.add_argument("--out", required=True, type=Path, metavar="FILE", help="where to write; not one of the two")
    registry.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Join; returns the exit code."""
    from pipeline.sites.registry import read_registry, write_registry

    if options.out.exists():
        raise InputError(f"{options.out}: is there already; give --out a new name, and move it into place yourself")
    for path in options.files:
        if not path.is_file():
            raise InputError(f"{path}: no such registry")
    one, two = (read_registry(path) for path in options.files)
    joined = one.joined(two)
    write_registry(options.out, joined)
    print(f"{options.out}: {len(joined.entries)} sites, from {len(one.entries)} and {len(two.entries)}")
    return 0
