"""The journal of a run that is under way: what it has decided to look at, so that a run that was cut off goes on as it
would have.

What is screened out, and what is looked at again, depends on what earlier looks show. A run that was killed has made
some of its looks; if they were counted when it goes on, it would cut the others otherwise. So its decisions are written
down before they are acted upon, and forgotten once it has published.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline import atomic
from pipeline.digest import sha256_of
from pipeline.grid import Window
from pipeline.looks.closer import Closer
from pipeline.run.context import Run
from pipeline.run.looks import LookPlan

FOLDER = "under-way"


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a run has decided so far."""

    key: str
    """Digest of what it was asked: another run has nothing to do with it."""
    spared: tuple[Window, ...] | None = None
    """Squares that are not screened out in its first looks, sorted; None = not decided."""
    rounds: tuple[tuple[Closer, ...], ...] = ()
    """What each round of closer looks looks at again; all but the last were made."""


DECISIONS = TypeAdapter(Decisions)
"""Decisions as JSON and back."""


@dataclass(slots=True)
class Journal:
    """Decisions on disk."""

    path: Path
    decisions: Decisions = field(default_factory=lambda: Decisions(""))

    @classmethod
    def of(cls, context: Run, planned: LookPlan) -> "Journal":
        """That of a run: what a run that was asked the same left, or an empty one."""
        scenes = sorted(list(scene.acquisition.identity) for scene in planned.search.scenes)
        period = [context.period.first, context.period.last]
        key = sha256_of([context.aoi.digest, context.recipe.digest, context.judgement, period, scenes])
        path = context.archive.folder / FOLDER / f"{context.aoi.name}-{key[:8]}.json"
        try:
            found = DECISIONS.validate_json(path.read_bytes())
        except (OSError, ValidationError):
            found = Decisions(key)  # none, or a damaged one: the run decides anew
        return cls(path, found if found.key == key else Decisions(key))

    def spare(self, squares: Sequence[Window]) -> None:
        """Write down which squares are spared; raises as `atomic.write_text`."""
        self._write(replace(self.decisions, spared=tuple(sorted(squares))))

    def begin(self, wanted: Sequence[Closer]) -> None:
        """Write down what the next round looks at again; raises as `atomic.write_text`."""
        self._write(replace(self.decisions, rounds=(*self.decisions.rounds, tuple(wanted))))

    def close(self) -> None:
        """Forget it: the run has published, or what was decided cannot be done."""
        self.path.unlink(missing_ok=True)

    def _write(self, decisions: Decisions) -> None:
        self.decisions = decisions
        atomic.write_text(self.path, DECISIONS.dump_json(decisions).decode() + "\n")
