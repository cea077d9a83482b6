"""The outbox: messages are written before they are sent, so that a crash loses none and doubles none.

    archive/outbox/<aoi>/000007-2026-10-published.json     one message, and all that is told once it is
    archive/outbox/<aoi>/sent.jsonl                        what was tried, and what arrived where

Each message has an id that follows from what it tells, so the same is never written twice. Between a provider's answer
and the line that records it lies a moment in which a crash leaves open whether a message arrived: it is then sent
again, says so, and carries the same id, by which whoever receives it can tell.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import atomic, lines
from pipeline.alerts.message import Message, MessageKind

SENT = "sent.jsonl"
NAME = re.compile(r"(\d{6})-(.+)\.json")
MAX_BYTES = 20_000_000
"""Largest message that is read: what was told of 100,000 sites."""
KEPT = 24
"""Messages that are kept after they arrived; the last is needed to know what was told."""


class Letter(BaseModel):
    """A message in the outbox."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 1
    number: int
    """Place in the order in which they were written, from 1."""
    id: str
    kind: MessageKind
    title: str
    text: str
    written: datetime
    """UTC."""
    told: Mapping[str, Mapping[str, int]] | None = None
    """As in `message.Told`, once this one is told; None = it tells of no site."""


class Delivery(StrEnum):
    """What became of a message."""

    TRIED = "tried"
    """Sending has begun; if nothing follows, nobody knows whether it arrived."""
    ARRIVED = "arrived"
    FAILED = "failed"
    CLOSED = "closed"
    """Everybody who was to be told has been: it is sent to nobody else."""


class Line(BaseModel):
    """A line of `sent.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime
    """UTC."""
    what: Delivery
    target: str
    """Digest of the address; empty for `CLOSED`."""
    ids: tuple[str, ...]
    """The messages, by id."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The messages about an AOI."""

    folder: Path

    def letters(self) -> list[Letter]:
        """All messages that are kept, oldest first; those that are damaged are in `damaged`."""
        return [letter for letter in map(_letter, self._paths()) if letter is not None]

    def damaged(self) -> list[Path]:
        """Files of messages that cannot be read; what they told is told again with the next message."""
        return [path for path in self._paths() if _letter(path) is None]

    def told(self, but: str | None = None) -> Mapping[str, Mapping[str, int]]:
        """What was told so far, or will be once all messages have arrived; `but`: without those whose id begins so."""
        letters = (each for each in reversed(self.letters()) if but is None or not each.id.startswith(but))
        return next((letter.told for letter in letters if letter.told is not None), {})

    def add(self, message: Message, told: Mapping[str, Mapping[str, int]] | None, now: datetime) -> Letter | None:
        """Write a message, unless one of the same id is there; returns it, or None. Raises as `atomic.write_text`."""
        if any(letter.id == message.id for letter in self.letters()) or message.id in self._known():
            return None
        letter = Letter(
            number=max((int(path.name[:6]) for path in self._paths()), default=0) + 1,
            id=message.id,
            kind=message.kind,
            title=message.title,
            text=message.text,
            written=now,
            told=told,
        )
        name = re.sub(r"[^0-9A-Za-z-]+", "-", message.id)
        atomic.write_text(self.folder / f"{letter.number:06d}-{name}.json", letter.model_dump_json(indent=1) + "\n")
        return letter

    def tells(self, beginning: str) -> bool:
        """Whether there is, or was, a message whose id begins so."""
        ids = {letter.id for letter in self.letters()} | self._known()
        return any(name.startswith(beginning) for name in ids)

    def pending(self, target: str) -> tuple[list[Letter], frozenset[str]]:
        """The messages that a target has not got, oldest first, and the ids of those that it may have got."""
        closed: set[str] = set()
        arrived: set[str] = set()
        tried: set[str] = set()
        for line in self._lines():
            match line.what:
                case Delivery.CLOSED:
                    closed.update(line.ids)
                case Delivery.ARRIVED if line.target == target:
                    arrived.update(line.ids)
                case Delivery.TRIED if line.target == target:
                    tried.update(line.ids)
                case Delivery.FAILED if line.target == target:
                    tried.difference_update(line.ids)
        left = [letter for letter in self.letters() if letter.id not in closed | arrived]
        return left, frozenset(tried - arrived)

    def open(self) -> list[Letter]:
        """The messages that have not reached everybody."""
        closed = {name for line in self._lines() if line.what is Delivery.CLOSED for name in line.ids}
        return [letter for letter in self.letters() if letter.id not in closed]

    def record(self, what: Delivery, target: str, letters: Sequence[Letter]) -> None:
        """Add a line; raises as `lines.append`."""
        line = Line(at=datetime.now(UTC), what=what, target=target, ids=tuple(letter.id for letter in letters))
        lines.append(self.folder / SENT, [line.model_dump_json().encode()])

    def tidy(self) -> None:
        """Remove messages that everybody got long ago; the last one that tells of sites stays."""
        letters = self.letters()
        last = next((letter.number for letter in reversed(letters) if letter.told is not None), 0)
        still_open = {letter.number for letter in self.open()}
        for letter in letters[:-KEPT]:
            if letter.number not in still_open and letter.number != last:
                for path in self.folder.glob(f"{letter.number:06d}-*.json"):
                    path.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*.json") if NAME.fullmatch(path.name))

    def _known(self) -> set[str]:
        """Ids of all messages that were closed, also of those that are not kept any more."""
        return {name for line in self._lines() if line.what is Delivery.CLOSED for name in line.ids}

    def _lines(self) -> Iterable[Line]:
        for row in lines.read(self.folder / SENT).rows:
            try:
                yield Line.model_validate_json(row)
            except ValidationError:
                continue  # of a newer version: what it says of its own messages cannot be known


def _letter(path: Path) -> Letter | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return Letter.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None
