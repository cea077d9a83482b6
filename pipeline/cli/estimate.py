"""`leachwatch estimate`."""

import argparse
from typing import TYPE_CHECKING

from pipeline.cli.parser import EXITS, command
from pipeline.cli.run_options import add_run_options, open_run

if TYPE_CHECKING:
    from pipeline.cli.parser import Parser

ESTIMATE = """Say what a run would read, what that costs, and how many clear looks it would get.

Takes the options of detect. Catalogues are searched; of files on a server headers and the scene classification are
read, for Sentinel Hub nothing but the catalogue. No processing unit is spent."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `estimate`."""
    estimate = command(commands, "estimate", ESTIMATE, EXITS)
    add_run_options(estimate)
    estimate.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Estimate; returns the exit code."""
    from pipeline.run.estimate import estimate
    from pipeline.sources.budget import SpendingLimits
    from pipeline.sources.ledger import Usage

    context = open_run(options)
    found, budget, none = estimate(context), context.budget, SpendingLimits()
    limits = (budget.of_run, budget.of_month) if budget else (none, none)
    in_month = sum(budget.spent_in_month().values(), Usage()) if budget else Usage()
    print(found.text(*limits, in_month), flush=True)
    return 0
