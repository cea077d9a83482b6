"""The command `leachwatch`: reads what a person typed, calls the library, and reports the outcome.

Heavy imports wait until a command needs them, so that --help answers at once.
"""

import argparse
import gc
import sys
from collections.abc import Sequence

from pipeline import __version__
from pipeline.cli import (
    adopt,
    aoi,
    backup,
    detect,
    doctor,
    estimate,
    evaluate,
    evidence,
    export,
    looks,
    registry,
    review,
    reviews,
    scan,
    schedule,
    simulate,
    status,
    train,
)
from pipeline.cli.parser import EXITS, Parser, fail
from pipeline.errors import PipelineError, write_error

COLLECT = (50_000, 20, 100)
"""Thresholds of the garbage collector. With the usual ones it goes through all that torch and pandas have imported
every few thousand objects: that took 8 % of a run with nothing new, and its memory was the same."""


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        prog="leachwatch",
        description="Finds and dates suspected rare-earth leach-pond sites in Sentinel-2 imagery.",
        epilog=f"{EXITS}\n\nStart with: leachwatch detect --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"leachwatch {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for each in (
        detect, scan, review, reviews, export, evidence, schedule, status, doctor, backup, estimate, aoi,
        simulate, train, evaluate, looks, registry, adopt,
    ):  # fmt: skip
        each.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    gc.set_threshold(*COLLECT)
    try:
        options = parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        code: int = options.do(options)
        return code
    except PipelineError as error:
        return fail(str(error), error.exit_code)
    except MemoryError:
        return fail("not enough memory; what was done is kept, run again, with fewer --workers if it repeats", 6)
    except KeyboardInterrupt:
        return fail("stopped; what was done is kept, run the same command again to go on", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except OSError as error:
        if error.filename is None:
            raise
        wrapped = write_error(error.filename, error)
        return fail(str(wrapped), wrapped.exit_code)
