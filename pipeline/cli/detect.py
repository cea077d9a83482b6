"""`leachwatch detect`."""

import argparse

from pipeline.cli.parser import EXITS, Parser, command, fail
from pipeline.cli.run_options import add_run_options, open_run

DETECT = """Find and date suspected leach-pond sites in an area of interest.

Scenes are cut into looks (one overpass over one block of ground), each look is masked for cloud, segmented and
kept, and sites are drawn from all clear looks together. A second run does only what is new. --from and --to say where
to search for scenes; what was published stands until clear looks speak against it."""

EXAMPLES = """examples:
  leachwatch detect --aoi shan
      the embedded simulated archive: needs no data and no network, and says everywhere that it is simulated
  leachwatch detect --aoi mong-bawk --source folder --scenes ~/scenes --from 2025-01 --to 2025-06
      your own GeoTIFFs, one per acquisition, with bands B02 B03 B04 B08 B11 B12 and optionally SCL
  leachwatch detect --aoi mong-bawk --source stac --from 2025-01 --to 2025-03
      real imagery from Earth Search: needs a network and no account
  leachwatch detect --aoi ~/places/valley.geojson --source folder --scenes ~/scenes --out results/valley

outputs, in out/<aoi>/ unless --out says otherwise:
  <aoi>.qgz                   a QGIS project of all of it, with a form to judge sites
  report.html                 one page for a browser, without a network
  sites.geojson, sites.gpkg   open styled and time-aware in QGIS
  reviews.gpkg, pictures/     what people say of the sites (leachwatch review), and what these look like
  coverage.geojson            what was seen, per cell and month
  manifest.json               every scene used or refused, and why
looks and names, in archive/ unless --archive or LEACHWATCH_ARCHIVE says otherwise, for all AOIs:
  registry.json               the names of the sites, and what was published: keep a copy"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `detect`."""
    detect = command(commands, "detect", DETECT, f"{EXAMPLES}\n\n{EXITS}")
    add_run_options(detect)
    detect.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Detect; returns the exit code."""
    from pipeline.run.detect import detect

    summary = detect(open_run(options))
    print(summary.text(), flush=True)
    return fail(summary.error, summary.exit_code) if summary.error else 0
