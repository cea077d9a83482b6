"""`leachwatch review`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_archive, archive_of, count
from pipeline.cli.parser import EXITS, Parser, command
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.desk.desk import Desk
    from pipeline.desk.session import Session

REVIEW = """Judge the sites of an AOI in your browser, one after the other.

Opens a page on this machine only: pictures before and after, all clear looks, a map and the numbers. First come the
sites whose verdict would teach most. Everything is done by keys (? lists them) or by buttons. Verdicts go to
reviews.gpkg in the product folder, which QGIS may have open at the same time."""

EXAMPLES = """examples:
  leachwatch review --aoi shan --reviewer "Nang"
      judge the sites in out/shan; your name stands beside your verdicts, in reviews.gpkg and nowhere else
  leachwatch review --aoi shan --sample 50
      first what is not judged yet of the random sample by which leachwatch precision --size 50 is told
  leachwatch review --aoi shan --no-browser
      only print the address, to be opened by hand; it holds a secret, so pass it on to nobody"""

USUAL_PORT = 8471
"""Port of the desk unless another is asked for: a browser keeps what was not saved for the same port."""


def port(text: str) -> int:
    """A port of this machine."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def reviewer(text: str) -> str:
    """A name that fits into a line."""
    name = " ".join(text.split())
    if not name or len(name) > 80 or not name.isprintable():
        raise argparse.ArgumentTypeError("a reviewer's name has 1 to 80 characters")
    return name


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `review`."""
    review = command(commands, "review", REVIEW, f"{EXAMPLES}\n\n{EXITS}")
    review.add_argument(
        "--aoi", required=True, metavar="NAME|FILE", help="a name (leachwatch aoi list) or a GeoJSON file"
    )
    review.add_argument("--out", type=Path, metavar="DIR", help="its product folder (default: out/<aoi>)")
    add_archive(review)
    review.add_argument(
        "--sample",
        type=count,
        metavar="N",
        help="first the random sample of so many, as of precision --size",
    )
    review.add_argument(
        "--port", type=port, metavar="N", help=f"port of this machine (default: {USUAL_PORT}, or a free one)"
    )
    review.add_argument(
        "--reviewer", type=reviewer, metavar="NAME",
        help="who judges, by any name; tells the verdicts of several people apart (default: no name)",
    )  # fmt: skip
    review.add_argument("--no-browser", action="store_true", help="only print the address")
    review.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Open the desk until Ctrl-C; returns the exit code."""
    from pipeline.desk.server import serve

    desk = desk_of(options)
    session = serve(desk, _free(options.port), not options.no_browser)
    print(f"\n{ending(session)}", flush=True)
    return 0


def desk_of(options: argparse.Namespace) -> "Desk":
    """The desk of an AOI's products. Raises `InputError` where there are none, or no site among them."""
    import shlex
    from datetime import UTC, datetime

    from pipeline.aoi import read_aoi
    from pipeline.desk.desk import Desk
    from pipeline.export.publication import REVIEWS
    from pipeline.pictures.album import Album
    from pipeline.reviews.file import ReviewsFile
    from pipeline.reviews.precision import sample, seed_of
    from pipeline.run.edition import read_published
    from pipeline.run.refresh import stored_darkroom
    from pipeline.words import words_in

    aoi = read_aoi(options.aoi)
    out = options.out or Path("out") / aoi.name
    found = read_published(aoi, out, archive_of(options))
    if not found.edition.statements:
        raise InputError(f"{out}: no sites to judge; a missed one can be added in QGIS, in {REVIEWS}")
    room = stored_darkroom(found)
    statements = {statement.site.site_id: statement for statement in found.edition.statements}

    def album(site_id: str) -> Album | None:
        statement = statements.get(site_id)
        return None if statement is None else room.album(statement.site, statement.looks, everything=True)

    again = ["leachwatch", "review", "--aoi", options.aoi]
    again += ["--out", str(options.out)] if options.out else []
    again += ["--sample", str(options.sample)] if options.sample else []
    return Desk(
        edition=found.edition,
        storage=ReviewsFile(out / REVIEWS),
        albums=album,
        reviewer=options.reviewer,
        now=lambda: datetime.now(UTC),
        words=words_in(),
        sample=tuple(sample(found.edition.sites, options.sample, seed_of(aoi.name))) if options.sample else (),
        again=shlex.join(again),
    )


def ending(session: "Session") -> str:
    """What was done, and how it gets into the exports."""
    from pipeline.desk.session import judged_share

    desk = session.desk
    names = [site.site_id for site in desk.edition.sites]
    done, of_all = judged_share(desk.storage.read().reviews, names)
    return (
        f"{session.judged} judged now, {done} of {of_all} in all. The next detect or scan writes your verdicts into "
        "every export; or run leachwatch export."
    )


def _free(asked: int | None) -> int:
    """The port that was asked for; else the usual one, or 0 = any where another program has it."""
    import socket

    if asked is not None:
        return asked
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
        try:
            tried.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
        return USUAL_PORT
