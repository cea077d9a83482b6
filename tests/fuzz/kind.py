"""What a kind of input is, and what counts when one is read: one input, one verdict."""

import contextlib
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, ClassVar

from pipeline.errors import PipelineError
from tests.fuzz.mutators import BYTES, TRUNCATED, Mutator

CPU_S = 10.0
"""An input that takes longer hangs, seconds of processor time: on a busy machine they say more than those of a clock."""
PEAK_MB = 200
"""An input that takes more memory above what was there before blows it up; GDAL's own cache is 64."""
SPACE_MB = 1500
"""Address space an input may take, so that a blow-up ends in an error and not on the machine."""
LONGEST = 400
"""Longest message that is one line, characters."""
Files = Mapping[str, bytes]
"""Contents by relative path."""


class Verdict(StrEnum):
    """How an input ended; all but the first three are faults."""

    ACCEPTED = "accepted"
    WARNED = "warned"
    """Accepted, and a library warned on the terminal."""
    REFUSED = "refused"
    """By a `PipelineError` in one line."""
    TRACEBACK = "traceback"
    HANG = "hang"
    MEMORY = "memory"
    SILENT = "silent"
    """Accepted although it is damaged, or accepted with a result that cannot be."""
    WORDS = "words"
    """Refused in words that are long, empty or not printable."""

    @property
    def fine(self) -> bool:
        return self in (Verdict.ACCEPTED, Verdict.WARNED, Verdict.REFUSED)


@dataclass(frozen=True)
class Judged:
    """The verdict on one input."""

    verdict: Verdict
    words: str = ""
    """The message, or what is wrong and where."""
    damage: str = ""
    """Names of the mutators."""


@dataclass(frozen=True)
class Seed:
    """A sound input."""

    name: str
    files: Files
    targets: tuple[str, ...]
    """Files that are damaged; the others lie beside them."""

    def changes(self, files: Files) -> dict[str, bytes]:
        """The files that differ from these."""
        return {name: files[name] for name in files if self.files.get(name) != files[name]}


class Hang(BaseException):
    """Raised in what takes too long; nothing in the pipeline may catch it."""


class Kind(ABC):
    """One format that comes from outside, how it is damaged, and how it is read."""

    name: ClassVar[str]
    mutators: ClassVar[tuple[Mutator, ...]] = BYTES
    cut_is_told: ClassVar[bool] = True
    """Whether a reader of this format can know that the end is missing."""

    @abstractmethod
    def sound(self) -> Iterator[Seed]:
        """The sound inputs, the same each time."""

    @abstractmethod
    def read(self, folder: Path) -> Any:
        """What the pipeline makes of the files in a folder, comparable; a refusal is raised."""

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        """What cannot be in an accepted result."""
        return iter(())

    def note(self, result: Any) -> str:
        """What is told of an accepted input, by kinds that go on without damaged parts and count them."""
        return ""

    def protected(self, damage: str) -> bool:
        """Whether the format shows this damage, so that it is refused or does not matter."""
        return damage == TRUNCATED and self.cut_is_told

    def damaged(self, rng: Random, seed: Seed) -> tuple[dict[str, bytes], str]:
        """The files after one to three mutators, and their names."""
        files, target = dict(seed.files), rng.choice(seed.targets)
        chosen = rng.choices(self.mutators, k=rng.choice((1, 1, 1, 2, 3)))
        for mutate in chosen:
            files[target] = mutate(rng, files[target])
        return files, "+".join(mutate.__name__ for mutate in chosen)

    @cached_property
    def seeds(self) -> dict[str, Seed]:
        """The sound inputs by name."""
        return {seed.name: seed for seed in self.sound()}

    @cached_property
    def results(self) -> dict[str, Any]:
        """What is read from each sound input."""
        found = {}
        for name, seed in self.seeds.items():
            with tempfile.TemporaryDirectory() as folder:
                found[name] = self.read(unpacked(seed.files, Path(folder)))
        return found

    def input(self, seed: int, index: int) -> tuple[Seed, Files, str]:
        """The damaged input of a number, what it was made from, and the damage."""
        rng = Random(f"{self.name} {seed} {index}")
        chosen = rng.choice(list(self.seeds.values()))
        return chosen, *self.damaged(rng, chosen)

    def tried(self, seed: int, index: int) -> Judged:
        """The verdict on the damaged input of a number."""
        return self.judged(*self.input(seed, index))

    def judged(self, seed: Seed, files: Files, damage: str) -> Judged:
        """The verdict on an input that was made from a sound one."""
        expected = self.results[seed.name]  # before anything is measured
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            unpacked(files, folder)
            verdict, words = self._verdict(folder, expected, damage if files != seed.files else "")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Judged(verdict, words, damage)

    def _verdict(self, folder: Path, expected: Any, damage: str) -> tuple[Verdict, str]:
        try:
            with _bounded() as peak, _overheard() as warned:
                result = self.read(folder)
                wrong = next(self.faults(result, folder), None)
                note = self.note(result)
        except PipelineError as cause:
            words = str(cause).replace(str(folder), "")
            return (Verdict.REFUSED if _is_a_line(words) else Verdict.WORDS), words
        except Hang as cause:
            return Verdict.HANG, f"more than {CPU_S:g} s {_where(cause)}"
        except MemoryError as cause:
            return Verdict.MEMORY, f"more than {SPACE_MB} MB {_where(cause)}"
        except BaseException as cause:  # noqa: BLE001 whatever it is, it is what is looked for
            return Verdict.TRACEBACK, f"{type(cause).__name__}: {str(cause)[:300]} {_where(cause)}"
        if peak() > PEAK_MB:
            return Verdict.MEMORY, f"{peak():.0f} MB"
        if wrong is not None:
            return Verdict.SILENT, wrong
        if result != expected and self.protected(damage):
            return Verdict.SILENT, f"{damage}, and another result without a word"
        return (
            (Verdict.WARNED, warned[0].replace(str(folder), ""))
            if warned
            else (Verdict.ACCEPTED, note.replace(str(folder), ""))
        )


def unpacked(files: Files, folder: Path) -> Path:
    """The folder, with the files in it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _is_a_line(words: str) -> bool:
    return bool(words.strip()) and words.isprintable() and len(words) <= LONGEST


def _where(cause: BaseException) -> str:
    """The last line of the pipeline that was passed."""
    frames = traceback.extract_tb(cause.__traceback__)
    own = [frame for frame in frames if "/pipeline/" in frame.filename] or list(frames)
    return f"[{own[-1].filename.rpartition('/pipeline/')[2]}: {own[-1].name}]" if own else ""


@contextlib.contextmanager
def _overheard() -> Iterator[list[str]]:
    """What libraries print beside what they return or raise."""
    told: list[str] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda cause: told.append(f"exception ignored: {cause.exc_value}")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_: told.append(str(message))
        try:
            yield told
        finally:
            sys.unraisablehook = before


@contextlib.contextmanager
def _bounded() -> Iterator[Any]:
    """Limits of time and memory for what is done inside; gives a function that tells the peak so far, MB."""

    def overdue(number: int, frame: FrameType | None) -> None:
        raise Hang

    before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGPROF, overdue)
    begun = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of this input
    limit = int((_status("VmSize") + SPACE_MB) * 1e6)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    try:
        yield lambda: _status("VmHWM") - begun
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _status(name: str) -> float:
    """A size of this process, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1000
