"""`leachwatch detect`."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import settings_of, workers, writable
from pipeline.cli.parser import EXITS, Parser, command, fail
from pipeline.cli.simulate import simulated
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.aoi import Aoi
    from pipeline.config import Settings
    from pipeline.progress import Progress
    from pipeline.sources.interface import Period, Source

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
    detect.add_argument(
        "--aoi", required=True, metavar="NAME|FILE", help="a name (leachwatch aoi list) or a GeoJSON file"
    )
    detect.add_argument(
        "--source",
        default="simulated",
        choices=["simulated", "folder", "stac"],
        help="where scenes come from (%(default)s)",
    )
    detect.add_argument(
        "--scenes", metavar="DIR|NAME|URL",
        help="for folder: the directory with your GeoTIFFs; for stac: earthsearch (the default), or the path or "
        "address of a catalogue",
    )  # fmt: skip
    detect.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month (default: the first there is)")
    detect.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month (default: the last there is)")
    detect.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: out/<aoi>)")
    detect.add_argument(
        "--device",
        default="auto",
        choices=["auto", "cpu", "cuda"],
        help="where the network runs (%(default)s)",
    )
    detect.add_argument("--workers", type=workers, metavar="N", help="processes; 0 = one per core (the default)")
    detect.add_argument("--config", type=Path, metavar="FILE", help="settings, see configs/default.toml")
    detect.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")
    detect.set_defaults(do=run)


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
    source = _source(options, aoi, settings, period, out, progress)
    from pipeline.scan import detect

    summary = detect(aoi, source, settings, period, out, options.device, progress)
    print(summary.text(), flush=True)
    return fail(summary.error, summary.exit_code) if summary.error else 0


def _source(
    options: argparse.Namespace,
    aoi: "Aoi",
    settings: "Settings",
    period: "Period",
    out: Path,
    progress: "Progress",
) -> "Source":
    if options.source == "folder":
        if not options.scenes:
            raise InputError("--source folder needs --scenes DIR, the directory with your GeoTIFFs")
        from pipeline.sources.folder import FolderSource

        return FolderSource(Path(os.path.expanduser(options.scenes)), decoded=out / "decoded")
    if options.source == "stac":
        from pipeline.sources.stac import stac_source

        return stac_source(options.scenes or "earthsearch", settings.clear.scl_unclear)
    if options.scenes:
        raise InputError("--scenes goes with --source folder or stac; the simulated source makes its own")
    return simulated(aoi, settings, period, out / "simulated", progress)
