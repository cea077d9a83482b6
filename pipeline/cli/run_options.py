"""What `detect` and `estimate` read from a command line, and the run that it opens."""

import argparse
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_archive, amount, archive_of, scheduler, settings_of, workers, writable
from pipeline.cli.parser import Parser
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.aoi import Aoi
    from pipeline.archive import Archive
    from pipeline.config import Settings
    from pipeline.progress import Progress
    from pipeline.run.context import Run
    from pipeline.sources.budget import Budget
    from pipeline.sources.interface import Period, Source


def add_run_options(parser: Parser) -> None:
    """Add what says where, from whom, when and how."""
    parser.add_argument(
        "--aoi", required=True, metavar="NAME|FILE", help="a name (leachwatch aoi list) or a GeoJSON file"
    )
    parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month (default: the first there is)")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month (default: the last there is)")
    add_how(parser)


def add_how(parser: Parser) -> None:
    """Add what says from whom and how."""
    parser.add_argument(
        "--source",
        default="simulated",
        choices=["simulated", "folder", "stac", "sentinelhub"],
        help="where scenes come from (%(default)s)",
    )
    parser.add_argument(
        "--scenes", metavar="DIR|NAME|URL",
        help="for folder: the directory with your imagery; for stac: earthsearch (the default), planetary, cdse, or "
        "several of these with commas between them (where one fails, the next), or the path or address of a "
        "catalogue; for sentinelhub: cdse (the default) or sentinelhub",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: out/<aoi>)")
    add_archive(parser)
    parser.add_argument(
        "--remake",
        default="auto",
        choices=["auto", "all", "none"],
        help="whether looks of an older model or look version are made again, in the months asked for (auto: all where "
        "that is free of charge, none where the source is paid)",
    )
    parser.add_argument(
        "--no-screen",
        action="store_true",
        help="show all clear ground to the network, also where no site could be: slower over closed ground",
    )
    parser.add_argument("--max-pu", type=amount, metavar="N", help="spend no more processing units in this run")
    parser.add_argument("--max-gb", type=amount, metavar="N", help="fetch no more gigabytes in this run")
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help="where spending is recorded (default: ledger.jsonl in the archive)"
    )
    parser.add_argument(
        "--device",
        default="auto",
        choices=["auto", "cpu", "cuda"],
        help="where the network runs (%(default)s)",
    )
    parser.add_argument("--workers", type=workers, metavar="N", help="processes; 0 = one per core (the default)")
    parser.add_argument(
        "--scheduler",
        type=scheduler,
        metavar="ADDRESS",
        help="make looks by the workers of a dask.distributed scheduler, e.g. tcp://10.0.0.5:8786, see docs/scale.md",
    )
    parser.add_argument("--config", metavar="FILE|NAME", help="settings: a file, or a name in configs/")
    parser.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")


def open_run(options: argparse.Namespace, progress: "Progress | None" = None) -> "Run":
    """The run that was asked for: settings, AOI, model, budget and source, each checked before any work is done.

    Raises `InputError` in one line for what is wrong.
    """
    from dataclasses import replace
    from datetime import UTC, datetime

    from pipeline.aoi import read_aoi
    from pipeline.archive import Archive
    from pipeline.export.publication import check_folder
    from pipeline.looks.weights import load_model
    from pipeline.progress import Progress
    from pipeline.run.context import Remake, Run
    from pipeline.sources.interface import period_of

    check_usage(options)
    settings = settings_of(options)
    aoi, period = read_aoi(options.aoi), period_of(options.first, options.last)
    out, archive = options.out or Path("out") / aoi.name, Archive(archive_of(options))
    writable(out)
    writable(archive.folder)
    check_folder(out, aoi.name, options.source == "simulated" or None)
    progress = progress or Progress()
    budget = open_budget(options, settings, archive, progress)
    model = load_model(settings.model, options.device, settings.segment.precision)
    model.card.calibrated()
    source = _source(options, aoi, settings, period, out, archive, budget, progress)
    check_folder(out, aoi.name, bool(source.simulation))
    archive = replace(archive, simulation=source.simulation)
    _complete(archive, progress)
    return Run(
        aoi=aoi,
        period=period,
        source=source,
        settings=settings,
        model=model,
        archive=archive,
        out=out,
        remake=Remake(options.remake),
        today=datetime.now(UTC).date(),
        device=options.device,
        progress=progress,
        budget=budget,
    )


def _complete(archive: "Archive", progress: "Progress") -> None:
    """Complete what an interrupted run had published, and say so."""
    from pipeline.export.publication import complete
    from pipeline.locks import PATIENCE_S, locked

    with locked(archive.registry, str(archive.folder), PATIENCE_S):
        told = complete(archive)
    if told:
        progress.note(f"note: {told}")


def check_usage(options: argparse.Namespace) -> None:
    """Raise `InputError` for options that do not go together."""
    if options.source == "folder" and not options.scenes:
        raise InputError("--source folder needs --scenes DIR, the directory with your GeoTIFFs")
    if options.source == "simulated" and options.scenes:
        raise InputError("--scenes goes with the other sources; the simulated source makes its own")


def open_budget(
    options: argparse.Namespace, settings: "Settings", archive: "Archive", progress: "Progress"
) -> "Budget":  # fmt: skip
    """What the run may spend, after damaged lines of the ledger were set aside. Raises as `tidy_ledger`."""
    from pipeline.sources.budget import GIGABYTE, Budget, SpendingLimits
    from pipeline.sources.ledger import tidy_ledger

    gigabytes, monthly = options.max_gb, settings.spending
    budget = Budget(
        ledger=options.ledger or archive.ledger,
        run=uuid.uuid4().hex[:12],
        of_run=SpendingLimits(options.max_pu, None if gigabytes is None else gigabytes * GIGABYTE),
        of_month=SpendingLimits(monthly.monthly_pu or None, monthly.monthly_gb * GIGABYTE or None),
    )
    told = tidy_ledger(budget.ledger)
    if told:
        progress.note(f"note: {told}")
    return budget


def _source(
    options: argparse.Namespace,
    aoi: "Aoi",
    settings: "Settings",
    period: "Period",
    out: Path,
    archive: "Archive",
    budget: "Budget",
    progress: "Progress",
) -> "Source":
    """The source that was asked for. Raises `InputError`."""
    if options.source == "simulated":
        from pipeline.worlds.source import simulated_source

        return simulated_source(out / "simulated", aoi, settings, period, progress)
    return scenes_of(options, settings, out, archive, budget)


def scenes_of(
    options: argparse.Namespace, settings: "Settings", out: Path, archive: "Archive", budget: "Budget"
) -> "Source":
    """The scenes that were asked for: a folder's, or a server's. Raises `InputError`."""
    from pipeline.sources.interface import ReadRules

    rules = ReadRules.of(settings)
    if options.source == "folder":
        from pipeline.export.publication import published
        from pipeline.sources.folder import FolderSource, simulation_in

        folder = Path(os.path.expanduser(options.scenes))
        simulation = simulation_in(folder)
        if simulation is None:  # an empty share is no reason to think that the place is another one
            simulation = str(published(out).get("simulation") or "")
        name = "simulated-folder" if simulation else "folder"
        return FolderSource(folder, name, simulation, archive.decoded, rules)
    from pipeline.sources.http import HttpClient, RetryPolicy
    from pipeline.sources.reach import Reach

    retry, reach = RetryPolicy.of(settings.http), Reach(data_hosts=settings.http.data_hosts)

    def http_client_of(provider: str, retry_after_ms: bool) -> HttpClient:
        return HttpClient(provider, retry, budget, retry_after_ms, reach)

    if options.source == "stac":
        from pipeline.sources.stac import stac_sources

        return stac_sources(options.scenes or "earthsearch", rules, http_client_of)
    from pipeline.sources.sentinel_hub.source import sentinel_hub_source

    return sentinel_hub_source(options.scenes or "cdse", rules, http_client_of)
