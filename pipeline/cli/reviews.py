"""`leachwatch reviews join` and `leachwatch precision`."""

import argparse
from pathlib import Path

from pipeline.cli.arguments import add_archive, archive_of, count
from pipeline.cli.parser import Parser, command
from pipeline.errors import InputError

REVIEWS = """Join the verdicts of another reviewer's file into that of an AOI.

Nothing is overwritten. Where two reviewers disagree both verdicts stay, and the site is published as unsure until one
of them is changed; such sites are listed."""

PRECISION = """Say how many of the published sites are what they are said to be, by people's verdicts.

Draws a random sample of the sites, the same each time, and lists what is still to be judged of it. The share of
confirmed sites, with its 95 % interval, is quoted by confidence and for the whole list. Verdicts on sites outside the
sample do not count: they were chosen."""

SAMPLE = 50
"""Sites in a sample, unless the command line says otherwise."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `reviews` and `precision`."""
    reviews = command(commands, "reviews", REVIEWS)
    reviews.add_argument("action", choices=["join"], help="join: take over what another file has")
    reviews.add_argument("file", type=Path, metavar="FILE", help="the other reviews.gpkg")
    _add_place(reviews)
    reviews.set_defaults(do=run_reviews)
    precision = command(commands, "precision", PRECISION)
    _add_place(precision)
    precision.add_argument("--size", type=count, default=SAMPLE, metavar="N", help="sites in the sample (%(default)s)")
    precision.add_argument("--seed", default="", metavar="WORD", help="another word draws another sample")
    add_archive(precision)
    precision.set_defaults(do=run_precision)


def _add_place(parser: Parser) -> None:
    parser.add_argument("--aoi", required=True, metavar="NAME|FILE", help="the AOI")
    parser.add_argument("--out", type=Path, metavar="DIR", help="its product folder (default: out/<aoi>)")


def run_reviews(options: argparse.Namespace) -> int:
    """Join; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.export.publication import REVIEWS as NAME
    from pipeline.reviews.file import ReviewsFile
    from pipeline.reviews.merge import merge

    mine = ReviewsFile((options.out or Path("out") / read_aoi(options.aoi).name) / NAME)
    for path in (mine.path, options.file):
        if not path.is_file():
            raise InputError(f"{path}: no such reviewer's file")
    done = merge(mine, ReviewsFile(options.file))
    drawn = f"{done.sites} of them on drawn sites"
    print(f"{mine.path}: took over {done.verdicts} verdicts, {drawn}, and {done.points} pond points")
    for line in (*done.problems, *(f"reviewers disagree on {each}" for each in done.disagreements)):
        print(f"  {line}")
    print("the next detect, scan or export writes them into every product")
    return 0


def run_precision(options: argparse.Namespace) -> int:
    """Quote the precision; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.reviews.apply import judgements
    from pipeline.reviews.precision import precision, sample, seed_of
    from pipeline.run.edition import read_published

    aoi = read_aoi(options.aoi)
    found = read_published(aoi, options.out or Path("out") / aoi.name, archive_of(options))
    sites = found.edition.sites
    chosen = sample(sites, options.size, seed_of(aoi.name, options.seed))
    said = {name: judgement.verdict for name, judgement in judgements(found.reviews.reviews).items()}
    print(precision(sites, chosen, said).text())
    if found.edition.provenance.simulated:
        print("SIMULATED: these sites are not real, and this is no precision on real ground")
    return 0
