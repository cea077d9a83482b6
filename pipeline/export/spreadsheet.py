"""Tables that open in a spreadsheet: CSV with a byte order mark, so that Excel takes it for UTF-8."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline import atomic
from pipeline.export.edition import Edition
from pipeline.export.tables import Table, tables, text_of
from pipeline.words import words_in

MARK = "\ufeff"
"""Byte order mark."""
PLACE_DIGITS = 6
"""Decimals of a degree: about 0.1 m."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a text that begins so for a formula and may run it."""
PLACE = ("lon", "lat")


def write_spreadsheets(folder: Path, edition: Edition) -> list[Path]:
    """Write a file per table and one that says what the columns mean; raises as `atomic.write_text`."""
    parts, words = tables(edition), words_in()
    written = [_write(folder / f"{part.name}.csv", _heads(part), _cells(part)) for part in parts]
    meanings = [(part.name, name, words.of("legend", name)) for part in parts for name in _heads(part)]
    return [*written, _write(folder / "legend.csv", ("table", "column", "meaning"), meanings)]


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula: with an apostrophe before it, where it could be one."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV (RFC 4180): commas, CRLF, quotes where they are needed, texts guarded."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(heads)
    writer.writerows([guarded(cell) if isinstance(cell, str) else text_of(cell) for cell in row] for row in rows)
    return MARK + file.getvalue()


def _write(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    atomic.write_text(path, csv_text(heads, rows))
    return path


def _heads(table: Table) -> tuple[str, ...]:
    return (*(column.name for column in table.columns), *PLACE)


def _cells(table: Table) -> Iterable[tuple[object, ...]]:
    """The rows, each with a point inside its shape."""
    for row, shape in zip(table.rows, table.shapes, strict=True):
        point = shape.representative_point()
        yield (*row, round(point.x, PLACE_DIGITS), round(point.y, PLACE_DIGITS))
