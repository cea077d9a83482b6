"""Progress of long tasks: what is being done, how fast, and how long it will take."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

EVERY_S = 5.0
"""Seconds between lines where there is no terminal to draw a bar on."""


class Progress:
    """Reports progress on stderr: a bar on a terminal, elsewhere a line every few seconds."""

    def __init__(self, quiet: bool = False, log: Callable[[str], None] | None = None, shown: bool = True) -> None:
        """`quiet`: say nothing at all. `log`: gets each line as well. `shown`: whether lines and bars go to stderr."""
        self.quiet = quiet
        self.console = Console(stderr=True)
        self._log, self._shown = log, shown

    def note(self, text: str) -> None:
        """Print one line."""
        if self.quiet:
            return
        if self._log is not None:
            self._log(text)
        if self._shown:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def stage(self, what: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """A stage of `total` units; yields a function to call with the number of units just done."""
        if self.quiet or total == 0:
            yield lambda done: None
        elif self.console.is_terminal and self._shown:
            begun = time.monotonic()
            with self._bars(unit) as bars:
                task = bars.add_task(what, total=total, rate="")

                def advance(done: int) -> None:
                    bars.advance(task, done)
                    count = bars.tasks[0].completed
                    bars.update(task, rate=f"{count / max(1e-3, time.monotonic() - begun):.1f} {unit}/s")

                yield advance
            if self._log is not None:
                self._log(f"{what}: {total} {unit} in {time.monotonic() - begun:.1f} s")
        else:
            lines = _Lines(what, total, unit, self.note)
            yield lines.advance
            lines.close()

    def _bars(self, unit: str) -> Bars:
        return Bars(
            TextColumn("{task.description:18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(f"{unit}  {{task.fields[rate]}}"),
            TimeRemainingColumn(),
            console=self.console,
        )


class _Lines:
    """Progress as lines of text, for logs."""

    def __init__(self, what: str, total: int, unit: str, note: Callable[[str], None]) -> None:
        self.what, self.total, self.unit, self.note = what, total, unit, note
        self.done, self.begun, self.printed = 0, time.monotonic(), time.monotonic()

    def advance(self, done: int) -> None:
        self.done += done
        now = time.monotonic()
        if now - self.printed >= EVERY_S:
            rate = self.done / max(1e-3, now - self.begun)
            left = (self.total - self.done) / max(1e-9, rate)
            self._say(f"{self.done}/{self.total} {self.unit}, {rate:.1f} {self.unit}/s, about {left:.0f} s left")
            self.printed = now

    def close(self) -> None:
        self._say(f"{self.done}/{self.total} {self.unit} in {time.monotonic() - self.begun:.1f} s")

    def _say(self, text: str) -> None:
        self.note(f"{self.what}: {text}")
