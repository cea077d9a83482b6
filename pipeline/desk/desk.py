"""What a review desk is opened with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.desk.storage import Storage
from pipeline.export.edition import Edition
from pipeline.pictures.album import Album
from pipeline.words import Words


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Desk:
    """Sites to judge, their pictures, and where verdicts go."""

    edition: Edition
    """What is published; its sites are judged."""
    storage: Storage
    """Where verdicts are kept."""
    albums: Callable[[str], Album | None]
    """The pictures of a site at all clear looks; None = there are none. Raises `PipelineError` for a damaged cut."""
    reviewer: str | None
    """Who judges, by a name of that person's choice; None = no name is written."""
    now: Callable[[], datetime]
    """The time, UTC."""
    words: Words
    """The texts of the page, in the language of the reviewer."""
    sample: tuple[str, ...] = ()
    """Ids of a random sample by which precision is told, in its order: those of them that are not judged come first."""
    again: str
    """How the desk is started again, for the page to say when it has lost it."""
