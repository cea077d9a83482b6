"""What a check found, and how that is told: to people as a list, to programs as JSON."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

WIDTH = 116
"""Longest line of the list, characters."""
NAME_WIDTH = 24
"""Of which a name takes so many, with the space after it."""
STATE_WIDTH = 9
"""Of which a state takes so many, with the space after it."""


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    """Nothing to do."""
    WARN = "warn"
    """It works, but something should be seen to."""
    FAIL = "fail"
    """Something will not work, or data is in danger."""
    SKIPPED = "skipped"
    """There is nothing to check, or no way to tell."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; it holds no part of a secret."""

    name: str
    """What was checked."""
    state: State
    """How it ended."""
    found: str
    """What was found, in one line."""
    todo: str = ""
    """What to do, in one line; empty where there is nothing to do."""

    def row(self) -> dict[str, str]:
        """For programs."""
        return {"name": self.name, "state": self.state.value, "found": self.found, "todo": self.todo}


def ok(name: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(name, State.OK, found)


def warn(name: str, found: str, todo: str) -> Finding:
    """It works, but something should be seen to."""
    return Finding(name, State.WARN, found, todo)


def failed(name: str, found: str, todo: str) -> Finding:
    """Something will not work, or data is in danger."""
    return Finding(name, State.FAIL, found, todo)


def skipped(name: str, found: str, todo: str = "") -> Finding:
    """There is nothing to check, or no way to tell."""
    return Finding(name, State.SKIPPED, found, todo)


def table(findings: Sequence[Finding]) -> str:
    """An aligned list for people; what to do stands below what was found."""
    lines: list[str] = []
    for finding in findings:
        head = f"{finding.name:{NAME_WIDTH - 1}} {finding.state.value:{STATE_WIDTH - 1}} "
        lines += _wrapped(finding.found, head)
        if finding.todo:
            lines += _wrapped(f"→ {finding.todo}", " " * len(head))
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """The same for programs: the findings, and how many there are of each state."""
    counts = {state.value: sum(finding.state is state for finding in findings) for state in State}
    return json.dumps({"findings": [finding.row() for finding in findings], "counts": counts}, indent=1)


def verdict(findings: Sequence[Finding]) -> str:
    """How many checks failed, and the first of them, in one line; empty where none did."""
    wrong = [finding for finding in findings if finding.state is State.FAIL]
    if not wrong:
        return ""
    first = wrong[0]
    said = f"{len(wrong)} of {len(findings)} checks failed; the first is {first.name}: {first.found}"
    return f"{said}; {first.todo}" if first.todo else said


def _wrapped(text: str, head: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
