"""`leachwatch export`."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_archive, archive_of
from pipeline.cli.parser import Parser, command
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.aoi import Aoi
    from pipeline.export.edition import Edition

EXPORT = """Write what is known of an area again: with the verdicts given since, in another format, or for the public.

Alone, it writes the products in out/<aoi>/ again with the present verdicts. With --format it adds tables for a
spreadsheet (csv), a file for Google Earth (kml), columns for notebooks (geoparquet) or a catalogue of the products
(stac). All of these say exactly where sites are, and are for the team. With --public it counts sites by cell and leaves
out what leads back to a place or a person; read docs/publishing.md before you publish it."""

EXAMPLES = """examples:
  leachwatch export --aoi shan                    sites.geojson and the rest, with the present verdicts
  leachwatch export --aoi shan --format csv       out/shan/csv/
  leachwatch export --aoi shan --format kml --to ~/desk
  leachwatch export --aoi shan --public           out/shan/public/: cells of 10 km, nothing newer than 90 days
  leachwatch export --aoi shan --public --cell-km 25 --embargo-days 180"""

FORMATS = ("csv", "geoparquet", "kml", "stac")
CELL_KM, EMBARGO_DAYS = 10, 90
EXACT = "These files say exactly where sites are: for the team, not for publication (for that: --public)."


def whole(text: str) -> int:
    """A whole number from 0."""
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `export`."""
    export = command(commands, "export", EXPORT, EXAMPLES)
    export.add_argument(
        "--aoi", required=True, metavar="NAME|FILE", help="a name (leachwatch aoi list) or a GeoJSON file"
    )
    export.add_argument("--out", type=Path, metavar="DIR", help="the product folder (default: out/<aoi>)")
    add_archive(export)
    export.add_argument("--public", action="store_true", help="counts by cell that may be published")
    export.add_argument("--format", choices=FORMATS, help="another format, with exact places")
    export.add_argument(
        "--to", type=Path, metavar="DIR", help="where to write it (default: a folder of its name in the product folder)"
    )
    export.add_argument(
        "--cell-km", type=whole, metavar="N", help=f"with --public: side of a cell (default: {CELL_KM})"
    )
    export.add_argument(
        "--embargo-days", type=whole, metavar="N",
        help=f"with --public: hold back sites first seen or published since (default: {EMBARGO_DAYS})",
    )  # fmt: skip
    export.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    from pipeline.aoi import read_aoi

    _check(options)
    aoi = read_aoi(options.aoi)
    out: Path = options.out or Path("out", aoi.name)
    if not (options.public or options.format):
        return _refresh(options, aoi, out)
    from pipeline.run.edition import read_edition

    edition = read_edition(aoi, out, archive_of(options))
    folder: Path = options.to or out / ("public" if options.public else options.format)
    written = _public(options, folder, edition) if options.public else _written(options.format, folder, edition, out)
    print(f"{', '.join(path.name for path in written)} in {folder}, of {len(edition.statements)} sites of {aoi.title}")
    if edition.provenance.simulated:
        from pipeline.export.manifest import SIMULATED

        print(SIMULATED)
    if options.format:
        print(EXACT)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise `InputError` for options that do not go together."""
    if options.public and options.format:
        raise InputError("--public and --format: choose one; a format says exactly where sites are")
    for name in ("cell_km", "embargo_days"):
        if getattr(options, name) is not None and not options.public:
            raise InputError(f"--{name.replace('_', '-')} is for --public; without it places are exact")
    if options.to is not None and not (options.public or options.format):
        raise InputError("--to is for --public or --format; products are written again where they are")


def _refresh(options: argparse.Namespace, aoi: "Aoi", out: Path) -> int:
    """Write the products again with the present verdicts."""
    from pipeline.progress import Progress
    from pipeline.run.refresh import refresh

    found = refresh(aoi, out, archive_of(options), Progress())
    print(f"{len(found.edition.statements)} sites of {aoi.title}, with the present verdicts, in {out}")
    for note in found.notes:
        print(note)
    return 0


def _public(options: argparse.Namespace, folder: Path, edition: "Edition") -> list[Path]:
    from datetime import UTC, datetime

    from pipeline.public.rules import Rules
    from pipeline.public.tally import tally
    from pipeline.public.write import write_public

    km = CELL_KM if options.cell_km is None else options.cell_km
    days = EMBARGO_DAYS if options.embargo_days is None else options.embargo_days
    rules = Rules(km, days, datetime.now(UTC).date())
    written = write_public(folder, edition, rules)
    counted = tally(edition, rules)
    print(
        f"{counted.all_sites.sites} sites are counted, in {len(counted.cells)} cells; the others were rejected, or are "
        f"held back: not known before {rules.released_before:%B %Y}. Read docs/publishing.md before you publish."
    )
    return written


def _written(wanted: str, folder: Path, edition: "Edition", out: Path) -> list[Path]:
    """Write one of `FORMATS`."""
    if wanted == "csv":
        from pipeline.export.spreadsheet import write_spreadsheets

        return write_spreadsheets(folder, edition)
    if wanted == "kml":
        from pipeline.export.kml import write_kml

        return write_kml(folder, edition)
    if wanted == "geoparquet":
        from pipeline.export.geoparquet import write_geoparquet

        return write_geoparquet(folder, edition)
    from pipeline.export.stac_items import write_stac

    return write_stac(folder, edition, out)
