"""`leachwatch doctor`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.arguments import add_archive, archive_of, names
from pipeline.cli.parser import Parser, command, fail

if TYPE_CHECKING:
    from pipeline.upkeep.finding import Finding

DESCRIPTION = """Say what is wrong on this machine, and how to mend it.

Checks versions, settings, model, credentials, disks, folders, clock, archive, locks and timers. It asks no provider,
spends nothing, changes nothing and shows no secret. With --live it asks each provider for one small window instead, and
compares what they send: at most 50 MB, 3 processing units and two minutes."""

EXAMPLES = """examples:
  leachwatch doctor
  leachwatch doctor --format json      for programs
  leachwatch doctor --live             what each provider really sends; needs a network
  leachwatch doctor --live --providers earthsearch,planetary

exit codes:
  0  nothing failed
  2  something failed: one line says how many checks, and which was the first"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `doctor`."""
    doctor = command(commands, "doctor", DESCRIPTION, EXAMPLES)
    doctor.add_argument("--live", action="store_true", help="ask each provider for one small window near Mong Bawk")
    doctor.add_argument(
        "--providers",
        type=names,
        metavar="NAME,...",
        help="with --live: only these of earthsearch, planetary, cdse, cdse-sentinelhub (the default) and sentinelhub",
    )
    doctor.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="folder of products (%(default)s)")
    add_archive(doctor)
    doctor.add_argument("--config", metavar="FILE|NAME", help="settings: a file, or a name in configs/")
    doctor.add_argument("--model", metavar="NAME", help="a folder in models/, or the path of one")
    doctor.add_argument("--format", default="text", choices=["text", "json"], help="%(default)s")
    doctor.set_defaults(do=run)


def run(options: argparse.Namespace) -> int:
    """Check; returns the exit code."""
    from pipeline.upkeep.finding import as_json, table, verdict

    findings = _live(options) if options.live else _here(options)
    print(as_json(findings) if options.format == "json" else table(findings))
    wrong = verdict(findings)
    return fail(wrong, 2) if wrong else 0


def _here(options: argparse.Namespace) -> "tuple[Finding, ...]":
    """What is found on this machine. Raises `InputError` for options that do not go together."""
    from pipeline.errors import InputError
    from pipeline.upkeep.doctor import examine
    from pipeline.upkeep.subject import Subject

    if options.providers:
        raise InputError("--providers goes with --live: without it no provider is asked")
    return examine(Subject(archive_of(options), options.out, options.config, options.model))


def _live(options: argparse.Namespace) -> "tuple[Finding, ...]":
    """What providers send. Raises `InputError` for an unknown provider."""
    from datetime import UTC, datetime

    from pipeline.archive import Archive
    from pipeline.cli.arguments import among, settings_of
    from pipeline.progress import Progress
    from pipeline.upkeep.live import PROVIDERS, USUAL, ask

    chosen = among(options.providers, PROVIDERS, "provider") or USUAL
    archive = Archive(archive_of(options))
    return ask(chosen, settings_of(options), archive, datetime.now(UTC).date(), Progress())
