"""The layers of an edition as plain tables, for formats that are not GeoJSON or GeoPackage: the same columns, numbers
with the same decimals."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from shapely.geometry.base import BaseGeometry

from pipeline.export.edition import Edition
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.sites.states import SiteState

CONFIDENCE_DIGITS = 3
SHARE_DIGITS = 4
PLACES = ("polygon", "point")
"""Fields that say where."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    """Name of the contract."""
    kind: type
    """`str`, `int`, `float`, `bool` or `date`; any value may be missing."""


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """One layer."""

    name: str
    """Name of the layer."""
    columns: tuple[Column, ...]
    """What is said of each row, without where it is."""
    rows: Sequence[tuple[object, ...]]
    """One value per column; None = missing."""
    shapes: Sequence[BaseGeometry]
    """Where each row is, lon/lat."""


def tables(edition: Edition) -> tuple[Table, ...]:
    """Sites, ponds, looks and events, each in the order of the edition."""
    statements = edition.statements
    return (
        _table("sites", SiteRecord, edition.sites),
        _table("ponds", PondRecord, [row for statement in statements for row in statement.ponds]),
        _table("looks", LookRecord, [row for statement in statements for row in statement.looks]),
        _table("events", EventRecord, edition.events),
    )


def _table(name: str, record: type, records: Sequence[Any]) -> Table:
    hints = get_type_hints(record)
    names = [field.name for field in fields(record) if field.name not in PLACES]
    (place,) = (field.name for field in fields(record) if field.name in PLACES)
    return Table(
        name,
        tuple(Column(column, _kind(column, hints[column])) for column in names),
        [tuple(_plain(column, getattr(row, column)) for column in names) for row in records],
        [getattr(row, place) for row in records],
    )


def _kind(name: str, hint: Any) -> type:
    """The type of the values of a column, as they are written."""
    (kind,) = [each for each in get_args(hint) or (hint,) if each is not type(None)]
    if name.endswith("_m2"):
        return int
    return str if issubclass(kind, StrEnum | SiteState) else kind


def _plain(name: str, value: object) -> object:
    """A value as it is written: enumerations as words, areas as whole square metres."""
    if isinstance(value, SiteState):
        return value.word
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float):
        return round(value) if name.endswith("_m2") else round(value, _digits(name))
    return value


def _digits(name: str) -> int:
    return CONFIDENCE_DIGITS if name == "confidence" else SHARE_DIGITS


def text_of(value: object) -> str:
    """A value in words that people and programs read: ISO dates, true and false, nothing where it is missing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
