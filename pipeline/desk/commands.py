"""What the page may ask to have written: commands as JSON, checked before anything is done."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.errors import InputError, one_line
from pipeline.reviews.review import Reason, Verdict


class NotPossible(InputError):
    """What the page asked for cannot be done, now or later; nothing was written."""


STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
MAX_NOTE = 2000
"""Longest note, characters."""
MAX_CORNERS = 500
"""Most corners of an outline that a person draws."""


def _plain(text: str) -> str:
    """A note without control characters; line ends stay."""
    return "".join(sign for sign in text if sign.isprintable() or sign == "\n").strip()


Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_plain)]
Key = Annotated[str, Field(min_length=1, max_length=80)]
"""A site's id, or `added-` and the number of a row that has none yet."""
Share = Annotated[float, Field(ge=0, le=1)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the page showed of a site when a person decided; another program may have written since."""

    __pydantic_config__ = STRICT

    verdict: Verdict | None
    """The verdict."""
    reason: Reason | None
    """Its reason."""
    note: Note | None
    """The note."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Write a verdict, or a note."""

    __pydantic_config__ = STRICT

    do: Literal["judge"]
    """Which command."""
    site: Key
    """Which site."""
    verdict: Verdict | None
    """None = not judged."""
    reason: Reason | None = None
    """What it is instead, if rejected."""
    note: Note | None = None
    """In the reviewer's own words."""
    seen: Seen
    """What stood there before; where something else does, nothing is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnPicture:
    """Places on the pictures of a site."""

    __pydantic_config__ = STRICT

    site: Key
    """Whose pictures."""
    xy: Annotated[list[tuple[Share, Share]], Field(min_length=1, max_length=MAX_CORNERS)]
    """Shares of the picture's side, from its upper left corner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OnMap:
    """Places on the map."""

    __pydantic_config__ = STRICT

    lonlat: Annotated[list[tuple[Longitude, Latitude]], Field(min_length=1, max_length=MAX_CORNERS)]
    """Degrees."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetPoint:
    """Write a pond point, or move one."""

    __pydantic_config__ = STRICT

    do: Literal["set_point"]
    """Which command."""
    site: Key
    """The site that it belongs to."""
    fid: int | None = None
    """Number of the point that is moved; None = a new one."""
    where: OnPicture | OnMap
    """Where; one place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovePoint:
    """Remove a pond point."""

    __pydantic_config__ = STRICT

    do: Literal["remove_point"]
    """Which command."""
    fid: int
    """Its number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddSite:
    """Write a site that was missed."""

    __pydantic_config__ = STRICT

    do: Literal["add_site"]
    """Which command."""
    where: OnPicture | OnMap
    """One place, or the three or more corners of an outline."""
    note: Note | None = None
    """In the reviewer's own words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """Take back what was done last."""

    __pydantic_config__ = STRICT

    do: Literal["undo"]
    """Which command."""


Command = Judge | SetPoint | RemovePoint | AddSite | Undo
COMMAND = TypeAdapter[Command](Annotated[Command, Field(discriminator="do")])


def command_of(body: bytes) -> Command:
    """The command in a body of JSON. Raises `NotPossible` in one line."""
    try:
        found = COMMAND.validate_json(body)
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise NotPossible(f"no command that the desk knows: {one_line(at, 60)}: {one_line(first['msg'])}") from cause
    if isinstance(found, Judge) and _is_half(found):
        raise NotPossible("a rejected site needs a reason, and no other has one")
    return found


def _is_half(said: Judge) -> bool:
    """Whether a reason is missing, or has no rejection; one that QGIS left out may stay so."""
    if said.verdict is not Verdict.REJECTED:
        return said.reason is not None
    return said.reason is None and (said.seen.verdict, said.seen.reason) != (Verdict.REJECTED, None)
