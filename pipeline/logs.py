"""Logs of scans: a file that is kept small, for people or for machines, and without secrets.

archive/logs/<aoi>.log       the newest lines, up to `MOST_BYTES`; older ones in <aoi>.log.1 to <aoi>.log.5
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path

from pipeline.errors import SECRET, write_error

MOST_BYTES = 2_000_000
"""Size at which a log is put aside and a new one begun: about two years of monthly scans."""
KEPT = 5
"""Logs that were put aside."""
SECRET_NAMES = re.compile(r"SECRET|PASSWORD|TOKEN|KEY|CREDENTIAL|LEACHWATCH_ALERTS|LEACHWATCH_PING", re.IGNORECASE)
"""Names of environment variables that hold secrets."""
SHORTEST = 6
"""Characters of the shortest secret that is looked for: shorter ones are words of everyday."""


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    """Time, level and what happened."""
    JSON = "json"
    """An object with `at`, `level` and `what`, and `traceback` where there is one."""


class Scrub:
    """Takes secrets out of text: user and query of addresses, and what secret environment variables hold."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Remembers the secrets of an environment."""
        held = (part for name, value in environment.items() if SECRET_NAMES.search(name) for part in value.split())
        self._held = sorted({part for part in held if len(part) >= SHORTEST}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for secret in self._held:
            text = text.replace(secret, "***")
        return SECRET.sub("", text)


class _Lines(logging.Formatter):
    def __init__(self, how: LogFormat) -> None:
        super().__init__()
        self.how, self.scrub = how, Scrub()

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        what = self.scrub(record.getMessage())
        trace = self.scrub(self.formatException(record.exc_info)) if record.exc_info else ""
        if self.how is LogFormat.JSON:
            row = {"at": at, "level": record.levelname.lower(), "what": what}
            return json.dumps({**row, "traceback": trace} if trace else row, ensure_ascii=False)
        return f"{at} {record.levelname:7} {what}" + (f"\n{trace}" if trace else "")


@contextmanager
def logged(path: Path, how: LogFormat, aloud: bool) -> Iterator[logging.Logger]:
    """A log at a path, closed at the end; `aloud`: lines go to stderr as well, in the same form.

    An exception that ends the block is written with its traceback. Raises as `write_error`.
    """
    log = logging.Logger(f"leachwatch.{path.stem}", logging.INFO)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers: list[logging.Handler] = [RotatingFileHandler(path, "a", MOST_BYTES, KEPT, "utf-8")]
    except OSError as cause:
        raise write_error(path, cause) from cause
    if aloud:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(_Lines(how))
        handler.handleError = lambda record: None  # type: ignore[method-assign]  # a full disk costs lines, not a scan
        log.addHandler(handler)
    try:
        yield log
    except Exception:
        log.exception("ended in an error that nobody foresaw")
        raise
    finally:
        for handler in handlers:
            with suppress(OSError):
                handler.close()
