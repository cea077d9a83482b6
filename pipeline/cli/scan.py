"""`leachwatch scan`."""

import argparse
import re
from typing import TYPE_CHECKING

from pipeline.cli.arguments import amount, aoi_names, archive_of, count
from pipeline.cli.parser import EXITS, Parser, command, fail
from pipeline.cli.run_options import add_how, open_run
from pipeline.errors import InputError, PipelineError

if TYPE_CHECKING:
    from pipeline.alerts.message import Bar
    from pipeline.alerts.send import Target
    from pipeline.progress import Progress
    from pipeline.run.context import Run
    from pipeline.scan.scan import Scanned

SCAN = """Scan the complete months that were not scanned yet, tell what is new, and record it.

A month is complete a few days after its end (settings, scan.settle_days). Each is scanned and published by itself, in
order, with some earlier ones whose scenes may have been listed late. It may be run at any time, as often as you like,
by a timer (leachwatch schedule), and be stopped at any time: what was done is kept, and the next scan goes on."""

EXAMPLES = """examples:
  leachwatch scan --aoi shan
      every complete month since the last scan; the first time, all that the embedded simulated archive has
  leachwatch scan --aoi mong-bawk,pangwa --source stac --from 2024-01 --max-gb 20
      two areas; the first time from January 2024 on, with at most 20 gigabytes; run it again to go on
  leachwatch scan --aoi mong-bawk --source stac --month 2026-10
      this month alone

who is told: LEACHWATCH_ALERTS holds addresses, see docs/alerts.md; without it the messages are printed, nothing more.
what each scan did: archive/scans/<aoi>.jsonl, and in short: leachwatch status"""


def month(text: str) -> str:
    """A month."""
    if not re.fullmatch(r"(19|20)[0-9][0-9]-(0[1-9]|1[0-2])", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a month; write YYYY-MM, such as 2026-10")
    return text


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `scan`."""
    scan = command(commands, "scan", SCAN, f"{EXAMPLES}\n\n{EXITS}")
    add_scan_options(scan)
    scan.set_defaults(do=run)


def add_scan_options(parser: Parser) -> None:
    """Add what says where, when, how much, from whom and how; `leachwatch schedule` takes the same."""
    parser.add_argument(
        "--aoi",
        required=True,
        metavar="NAME|FILE,...",
        help="names (leachwatch aoi list) or files of GeoJSON",
    )
    parser.add_argument("--month", type=month, metavar="YYYY-MM", help="scan this month and no other")
    parser.add_argument(
        "--from", dest="first", type=month, metavar="YYYY-MM",
        help="where the first scan of an area begins (default: settings, scan.first_months; of local files: all)",
    )  # fmt: skip
    parser.add_argument("--catch-up", type=count, metavar="N", help="scan at most N months now")
    parser.add_argument("--max-looks", type=count, metavar="N", help="make at most N looks now")
    parser.add_argument("--max-hours", type=amount, metavar="N", help="begin no look after so many hours")
    add_how(parser)
    parser.add_argument(
        "--log-format", default="text", choices=["text", "json"],
        help="how the log in archive/logs/ is written, and with json what is said on the way as well (%(default)s)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Scan one AOI after the other; returns the exit code of the first that went wrong."""
    from pipeline.alerts.send import ping, targets
    from pipeline.aoi import read_aoi
    from pipeline.progress import Progress

    to = targets()  # a wrong address is told before any work, and so is an area that is not known
    chosen = aoi_names(options.aoi)
    for name in chosen:
        read_aoi(name)
    if len(chosen) > 1 and options.out is not None:
        raise InputError("--out: one folder cannot hold the products of several AOIs; leave it out")
    codes = [_scan(options, name, to) for name in chosen]
    wrong = ping(not any(code not in (0, 3) for code in codes))
    if wrong:
        Progress().note(f"note: {wrong}")
    return next((code for code in codes if code), 0)


def _scan(options: argparse.Namespace, name: str, to: "tuple[Target, ...]") -> int:
    """Scan one AOI, with a log of its own; returns the exit code."""
    from pipeline.aoi import read_aoi
    from pipeline.archive import Archive
    from pipeline.logs import LogFormat, logged
    from pipeline.progress import Progress

    how = LogFormat(options.log_format)
    file = Archive(archive_of(options)).log(read_aoi(name).name)
    with logged(file, how, aloud=how is LogFormat.JSON) as log:
        progress = Progress(log=log.info, shown=how is LogFormat.TEXT)
        try:
            scanned = _scanned(options, name, to, progress)
            error, code = scanned.error, scanned.exit_code
        except PipelineError as cause:
            error, code = str(cause), cause.exit_code
        if error is None:
            return 0
        log.error("%s: %s (code %d)", name, error, code)
        return fail(f"{name}: {error}", code)


def _scanned(options: argparse.Namespace, name: str, to: "tuple[Target, ...]", progress: "Progress") -> "Scanned":
    from pipeline.alerts.outbox import Outbox
    from pipeline.alerts.send import deliver
    from pipeline.scan.scan import Asked, Bounds, scan

    chosen = argparse.Namespace(**{**vars(options), "aoi": name, "first": None, "last": None})
    try:
        context = open_run(chosen, progress)
    except PipelineError as cause:
        _tell_that_it_did_not_begin(options, name, cause, to, progress)
        raise
    bounds = Bounds(months=options.catch_up, looks=options.max_looks, hours=options.max_hours)
    scanned = scan(context, Asked(options.month, options.first), bounds, _bar(context))
    for letter in scanned.letters:
        print(f"{letter.title}\n{letter.text}\n", flush=True)
    for problem in deliver(Outbox(context.archive.outbox(context.aoi.name)), to, progress):
        progress.note(f"note: a message was not delivered to {problem}")
    return scanned


def _bar(context: "Run") -> "Bar":
    """Which new sites are listed. Raises `InputError` for a model that does not know what a budget would rest on."""
    from pipeline.alerts.budget import alert_bar
    from pipeline.alerts.message import Bar
    from pipeline.alerts.worlds import read_alert_worlds
    from pipeline.looks.weights import model_folder

    budget, folder = context.settings.alerts.budget, model_folder(context.settings.model)
    return alert_bar(read_alert_worlds(folder, context.model.card), context.aoi, budget) if budget else Bar()


def _tell_that_it_did_not_begin(
    options: argparse.Namespace, name: str, cause: PipelineError, to: "tuple[Target, ...]", progress: "Progress"
) -> None:
    """Write and send a message about a scan that could not be opened; the same failure once a week."""
    from datetime import UTC, datetime

    from pipeline.alerts.message import failed_message
    from pipeline.alerts.outbox import Outbox
    from pipeline.alerts.send import deliver
    from pipeline.aoi import read_aoi
    from pipeline.archive import Archive
    from pipeline.scan.outcome import advice

    if not to:
        return  # nobody asked; the error is printed
    try:
        aoi = read_aoi(name)
        outbox = Outbox(Archive(archive_of(options)).outbox(aoi.name))
        year, week, _ = (now := datetime.now(UTC).replace(microsecond=0)).isocalendar()
        key = f"{cause.exit_code}-{year}w{week:02d}"
        simulated = options.source == "simulated"
        message = failed_message(aoi.title, f"{now:%Y-%m}", str(cause), advice(cause.exit_code), key, simulated)
        outbox.add(message, None, now)
        deliver(outbox, to, progress)
    except PipelineError as other:
        progress.note(f"note: nobody could be told: {other}")
