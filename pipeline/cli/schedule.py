"""`leachwatch schedule` and `leachwatch unschedule`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_archive, aoi_names, archive_of
from pipeline.cli.parser import Parser, command
from pipeline.cli.scan import add_scan_options
from pipeline.errors import InputError

if TYPE_CHECKING:
    from pipeline.upkeep.schedule import Schedule

SCHEDULE = """Start a scan every day by itself: a timer of systemd for the user, or a line for cron.

On most days no month is due and the scan ends in seconds; on the sixth of a month it scans and tells; what failed goes
on the next day. Takes the options of scan. Credentials and addresses of those to be told go into
~/.config/leachwatch/environment, one NAME="value" per line, readable for you alone (chmod 600), never on a command
line."""

EXAMPLES = """examples:
  leachwatch schedule --aoi mong-bawk --source stac --from 2024-01 --max-gb 50
  leachwatch schedule --aoi mong-bawk,pangwa --source stac --print     show what would be installed, and install nothing
  leachwatch unschedule --aoi mong-bawk"""

UNSCHEDULE = "Stop starting scans of an area by itself; looks, names and products stay."


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add both."""
    schedule = command(commands, "schedule", SCHEDULE, EXAMPLES)
    add_scan_options(schedule)
    schedule.add_argument("--print", action="store_true", help="show what would be installed, and install nothing")
    schedule.add_argument("--cron", action="store_true", help="a line for cron, also where there is systemd")
    schedule.set_defaults(do=run)
    unschedule = command(commands, "unschedule", UNSCHEDULE)
    unschedule.add_argument("--aoi", required=True, metavar="NAME|FILE,...", help="as it was scheduled")
    add_archive(unschedule)
    unschedule.set_defaults(do=undo)


def run(options: argparse.Namespace) -> int:
    """Install a schedule, or show it; returns the exit code."""
    from pipeline.upkeep.schedule import cron_text, install, service_text, timer_text

    schedule, archive, home = _schedule(options), archive_of(options).absolute(), Path.home()
    if options.print:
        if schedule.kind == "cron":
            print(cron_text(schedule, home))
        else:
            print(f"# {schedule.unit}.timer\n{timer_text(schedule)}\n# {schedule.unit}.service")
            print(service_text(schedule, home), end="")
        return 0
    print("\n".join(install(schedule, archive, home)))
    return 0


def undo(options: argparse.Namespace) -> int:
    """Remove a schedule; returns the exit code."""
    from pipeline.upkeep.schedule import checked_name, uninstall

    name = checked_name([Path(each).stem for each in aoi_names(options.aoi)])
    print("\n".join(uninstall(name, archive_of(options).absolute(), Path.home())))
    return 0


def _schedule(options: argparse.Namespace) -> "Schedule":
    """The schedule that was asked for, checked as far as it can be without a scan. Raises `InputError`."""
    from datetime import UTC, datetime

    from pipeline.aoi import read_aoi
    from pipeline.cli.arguments import settings_of
    from pipeline.cli.run_options import check_usage
    from pipeline.upkeep.schedule import Kind, Schedule, checked_name, has_systemd

    if options.month is not None:
        raise InputError("--month: a schedule scans every month; leave it out")
    check_usage(options)
    settings_of(options)
    names = [read_aoi(each).name for each in aoi_names(options.aoi)]
    if options.source == "folder" and not Path(options.scenes).expanduser().is_dir():
        raise InputError(f"--scenes {options.scenes}: no such folder")
    cron = options.cron or not has_systemd()
    return Schedule(
        aoi=checked_name(names),
        kind=Kind.CRON if cron else Kind.SYSTEMD,
        command=(sys.executable, "-m", "pipeline", "scan", *_words(options)),
        folder=str(Path.cwd()),
        since=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def _words(options: argparse.Namespace) -> list[str]:
    """The options of the scan as words, with paths in full: a timer starts elsewhere."""
    scan = Parser(add_help=False)
    add_scan_options(scan)
    words: list[str] = []
    for action in scan._actions:
        value = getattr(options, action.dest)
        if action.dest == "archive":
            value = archive_of(options).absolute()
        if value is None or value is False or value == action.default:
            continue
        words += [action.option_strings[0], *([] if value is True else [_text(value)])]
    return words


def _text(value: object) -> str:
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    text = str(value)
    path = Path(text).expanduser()
    return str(path.absolute()) if "/" in text and path.exists() else text
