"""What several commands read from what a person typed."""

import argparse
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError, write_error

if TYPE_CHECKING:
    from pipeline.config import Settings


def workers(text: str) -> int:
    """A number of processes."""
    if not re.fullmatch(r"\d{1,3}", text) or int(text) > 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 0 to 256")
    return int(text)


def scheduler(text: str) -> str:
    """The address of a scheduler."""
    if not re.fullmatch(r"tcp://\S+:\d{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as tcp://10.0.0.5:8786")
    return text


def count(text: str) -> int:
    """A number from 1."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 99999")
    return int(text)


def amount(text: str) -> float:
    """A number above 0."""
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount above 0")
    return float(text)


def share(text: str) -> float:
    """A number between 0 and 1."""
    if not re.fullmatch(r"0\.[0-9]{1,6}", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1, such as 0.1")
    return float(text)


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in text.split(","))


def aoi_names(text: str) -> list[str]:
    """Names or files of AOIs, with commas or blanks between them; the path of a file that is there is one."""
    return [text] if Path(text).expanduser().is_file() else [name for name in re.split(r"[,\s]+", text) if name]


def among(chosen: tuple[str, ...] | None, known: Collection[str], what: str) -> tuple[str, ...]:
    """The names, none where none were asked for. Raises `InputError` for one that is not known."""
    for name in chosen or ():
        if name not in known:
            raise InputError(f"unknown {what} {name!r}; known: {', '.join(known)}")
    return chosen or ()


def add_archive(parser: argparse.ArgumentParser) -> None:
    """Add where the archive lies."""
    parser.add_argument(
        "--archive",
        type=Path,
        metavar="DIR",
        help="where looks and names are kept (default: LEACHWATCH_ARCHIVE, or archive/)",
    )


def archive_of(options: argparse.Namespace) -> Path:
    """The folder of the archive."""
    from pipeline.archive import archive_folder

    chosen: Path | None = options.archive
    return archive_folder(chosen)


def settings_of(options: argparse.Namespace) -> "Settings":
    """The settings file, with what the command line says instead. Raises `ConfigError`."""
    from pipeline.config import load, own_defaults
    from pipeline.progress import Progress

    settings = load(options.config)
    for own in own_defaults():
        Progress().note(f"Defaults of your own are used: {own}")
    engine = {name: getattr(options, name, None) for name in ("workers", "scheduler")}
    given = {name: value for name, value in engine.items() if value is not None}
    settings = settings.model_copy(update={"engine": settings.engine.model_copy(update=given)})
    if getattr(options, "no_screen", False):
        settings = settings.model_copy(update={"screen": settings.screen.model_copy(update={"enabled": False})})
    if getattr(options, "model", None) is not None:
        settings = settings.model_copy(update={"model": options.model})
    return settings


def backgrounds_of(options: argparse.Namespace, use: str) -> Path:
    """The folder of real scenes that was asked for, or the one in `backgrounds/` for a use."""
    from pipeline import resources

    found: Path | None = options.backgrounds
    return found or resources.find("backgrounds", use) or Path("backgrounds", use)


def writable(folder: Path) -> None:
    """Raise `InputError` before any work is done when the output folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as cause:
        raise write_error(folder, cause) from cause
