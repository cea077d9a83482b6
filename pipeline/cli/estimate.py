"""`leachwatch estimate`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import settings_of, writable
from pipeline.cli.detect import add_options, purse_of, source_of
from pipeline.cli.parser import EXITS, command

if TYPE_CHECKING:
    from pipeline.cli.parser import Parser

ESTIMATE = """Tell what a run would read, what that costs, and how many clear looks it would get.

Takes the words of detect. Catalogues are searched; of files on a server headers and the scene classification are looked
at, for Sentinel Hub nothing but the catalogue. No processing unit is spent."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `estimate`."""
    estimate = command(commands, "estimate", ESTIMATE, EXITS)
    add_options(estimate)
    estimate.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Estimate; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.estimate import estimate
    from pipeline.looks import LookMaker, recipe_of
    from pipeline.progress import Progress
    from pipeline.sources.interface import period_of
    from pipeline.spending import Spent
    from pipeline.weights import load_model

    settings = settings_of(options)
    aoi, period = read_aoi(options.aoi), period_of(options.first, options.last)
    out = options.out or Path("out") / aoi.name
    writable(out)
    progress, purse = Progress(), purse_of(options, settings, out)
    source = source_of(options, aoi, settings, period, out, purse, progress)
    model = load_model(settings.model, options.device, settings.segment.precision)
    maker = LookMaker(
        source, recipe_of(settings, model), options.device, settings.segment.batch, out / "looks" / source.name
    )
    found = estimate(aoi, source, settings, period, maker, model, progress)
    print(found.text(purse.of_run, sum(purse.spent_in_month().values(), Spent())), flush=True)
    return 0
