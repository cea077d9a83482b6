"""`leachwatch detect`."""

import argparse
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import amount, settings_of, workers, writable
from pipeline.cli.parser import EXITS, Parser, command, fail
from pipeline.cli.simulate import simulated
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.aoi import Aoi
    from pipeline.config import Settings
    from pipeline.progress import Progress
    from pipeline.sources.interface import Period, Source
    from pipeline.spending import Purse

DETECT = """Find and date suspected leach-pond sites in an area of interest.

Scenes are cut into looks (one overpass over one block of ground), each look is masked for cloud, segmented and
kept, and sites are drawn from all clear looks together. A second run does only what is new."""

EXAMPLES = """examples:
  leachwatch detect --aoi shan
      the embedded simulated archive: needs no data and no network, and says everywhere that it is simulated
  leachwatch detect --aoi mong-bawk --source folder --scenes ~/scenes --from 2025-01 --to 2025-06
      your own GeoTIFFs, one per acquisition, with bands B02 B03 B04 B08 B11 B12 and optionally SCL
  leachwatch detect --aoi mong-bawk --source stac --from 2025-01 --to 2025-03
      real imagery from Earth Search: needs a network and no account
  leachwatch detect --aoi ~/places/valley.geojson --source folder --scenes ~/scenes --out results/valley

outputs, in out/<aoi>/ unless --out says otherwise:
  sites.geojson, sites.gpkg   open styled and time-aware in QGIS
  coverage.geojson            what was seen, per cell and month
  manifest.json               every scene used or refused, and why
  registry.json               the names of the sites: keep a copy"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `detect`."""
    detect = command(commands, "detect", DETECT, f"{EXAMPLES}\n\n{EXITS}")
    add_options(detect)
    detect.set_defaults(do=run)


def add_options(detect: Parser) -> None:
    """Add what says where, from whom, when and how."""
    detect.add_argument(
        "--aoi", required=True, metavar="NAME|FILE", help="a name (leachwatch aoi list) or a GeoJSON file"
    )
    detect.add_argument(
        "--source",
        default="simulated",
        choices=["simulated", "folder", "stac", "sentinelhub"],
        help="where scenes come from (%(default)s)",
    )
    detect.add_argument(
        "--scenes", metavar="DIR|NAME|URL",
        help="for folder: the directory with your imagery; for stac: earthsearch (the default), planetary, cdse, or "
        "several of these with commas between them (where one fails, the next), or the path or address of a "
        "catalogue; for sentinelhub: cdse (the default) or sentinelhub",
    )  # fmt: skip
    detect.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month (default: the first there is)")
    detect.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month (default: the last there is)")
    detect.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: out/<aoi>)")
    detect.add_argument("--max-pu", type=amount, metavar="N", help="spend no more processing units in this run")
    detect.add_argument("--max-gb", type=amount, metavar="N", help="fetch no more gigabytes in this run")
    detect.add_argument(
        "--ledger", type=Path, metavar="FILE", help="where what was spent is written down (default: in --out)"
    )
    detect.add_argument(
        "--device",
        default="auto",
        choices=["auto", "cpu", "cuda"],
        help="where the network runs (%(default)s)",
    )
    detect.add_argument("--workers", type=workers, metavar="N", help="processes; 0 = one per core (the default)")
    detect.add_argument("--config", type=Path, metavar="FILE", help="settings, see configs/default.toml")
    detect.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")


def run(options: argparse.Namespace) -> int:
    """Detect; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.progress import Progress
    from pipeline.sources.interface import period_of

    settings = settings_of(options)
    aoi, period = read_aoi(options.aoi), period_of(options.first, options.last)
    out = options.out or Path("out") / aoi.name
    writable(out)
    progress = Progress()
    purse = purse_of(options, settings, out)
    source = source_of(options, aoi, settings, period, out, purse, progress)
    from pipeline.scan import detect

    summary = detect(aoi, source, settings, period, out, options.device, progress, purse=purse)
    print(summary.text(), flush=True)
    return fail(summary.error, summary.exit_code) if summary.error else 0


def purse_of(options: argparse.Namespace, settings: "Settings", out: Path) -> "Purse":
    """What the run may spend. Raises `InputError` for a ledger that is damaged, before any work is done."""
    from pipeline.spending import GIGABYTE, Limits, Purse

    pu, gigabytes, monthly = options.max_pu, options.max_gb, settings.spending
    purse = Purse(
        ledger=options.ledger or out / "ledger.jsonl",
        run=uuid.uuid4().hex[:12],
        of_run=Limits(pu, None if gigabytes is None else gigabytes * GIGABYTE),
        of_month=Limits(monthly.monthly_pu or None, monthly.monthly_gb * GIGABYTE or None),
    )
    purse.spent()
    return purse


def source_of(
    options: argparse.Namespace,
    aoi: "Aoi",
    settings: "Settings",
    period: "Period",
    out: Path,
    purse: "Purse",
    progress: "Progress",
) -> "Source":
    """The source that was asked for. Raises `InputError`."""
    correct = settings.reading.offsets == "correct"
    if options.source == "folder":
        if not options.scenes:
            raise InputError("--source folder needs --scenes DIR, the directory with your GeoTIFFs")
        from pipeline.sources.folder import FolderSource

        return FolderSource(
            Path(os.path.expanduser(options.scenes)),
            decoded=out / "decoded",
            unclear=settings.clear.scl_unclear,
            correct=correct,
        )
    if options.source in ("stac", "sentinelhub"):
        from pipeline.sources.web import Patience, Web

        patience = Patience(**settings.network.model_dump())

        def web_of(provider: str, milliseconds: bool) -> Web:
            return Web(provider, patience, purse, milliseconds)

        if options.source == "stac":
            from pipeline.sources.stac import stac_sources

            return stac_sources(options.scenes or "earthsearch", settings.clear.scl_unclear, web_of, correct)
        from pipeline.sources.sentinel_hub import sentinel_hub_source

        return sentinel_hub_source(options.scenes or "cdse", settings.clear.scl_unclear, web_of)
    if options.scenes:
        raise InputError("--scenes goes with the other sources; the simulated source makes its own")
    return simulated(aoi, settings, period, out / "simulated", progress)
