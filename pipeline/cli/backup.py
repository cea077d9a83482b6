"""`leachwatch backup` and `leachwatch restore`."""

import argparse
from pathlib import Path

from pipeline.cli.arguments import add_archive, archive_of
from pipeline.cli.parser import Parser, command

BACKUP = """Write what cannot be made again into one file: names, reviews, spending, scans, own settings.

Looks and products are not in it: they are made again, from a paid source at its price. The file is readable for you
alone, and holds no credentials, but it says where sites are."""

BACKUP_EXAMPLES = """examples:
  leachwatch backup                                leachwatch-<time>.zip in this folder
  leachwatch backup --to /media/stick              the same in that folder, for a timer that runs every week
  leachwatch backup --archive /data/archive --out /data/out --to names.zip"""

RESTORE = """Put back what is in a backup: all of it or nothing.

A damaged backup is refused. So is one whose names, reviews or logs are older than those here; with --merge names that
went different ways are joined, logs get the lines they lack, and what else differs is put beside what is here."""

RESTORE_EXAMPLES = """examples:
  leachwatch restore leachwatch-2026-11-29T041500Z.zip
  leachwatch restore names.zip --archive /data/archive --out /data/out"""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add both."""
    backup = command(commands, "backup", BACKUP, BACKUP_EXAMPLES)
    backup.add_argument("--to", type=Path, default=Path(), metavar="FILE|DIR", help="where to write (default: here)")
    backup.add_argument("--config", metavar="FILE|NAME", help="settings that are in use, to keep them as well")
    restore = command(commands, "restore", RESTORE, RESTORE_EXAMPLES)
    restore.add_argument("file", type=Path, metavar="FILE", help="a file that leachwatch backup wrote")
    restore.add_argument("--merge", action="store_true", help="join what went different ways")
    for each in (backup, restore):
        add_archive(each)
        each.add_argument(
            "--out", type=Path, default=Path("out"), metavar="DIR", help="folder of the product folders (default: out/)"
        )
    backup.set_defaults(do=run)
    restore.set_defaults(do=put_back)


def run(options: argparse.Namespace) -> int:
    """Write a backup; returns the exit code."""
    from datetime import UTC, datetime

    from pipeline.upkeep.backup import Places, back_up

    places = Places(archive_of(options), options.out, Path())
    print(back_up(places, options.to, options.config, datetime.now(UTC)).text())
    return 0


def put_back(options: argparse.Namespace) -> int:
    """Restore a backup; returns the exit code."""
    from pipeline.upkeep.backup import Places
    from pipeline.upkeep.restore import restore

    print(restore(options.file, Places(archive_of(options), options.out, Path()), options.merge).text())
    return 0
