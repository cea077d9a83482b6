"""What came of keeping evidence in a run."""

from dataclasses import dataclass

from pipeline.sources.interface import Refusal


@dataclass(frozen=True, slots=True)
class KeptCuts:
    """What came of keeping evidence."""

    made: int = 0
    """Cuts that this run made."""
    failures: tuple[Refusal, ...] = ()
    """Cuts that could not be made, and why; the next run tries again."""
    absent: int = 0
    """Cuts whose scenes are not among those that were searched."""
