"""GeoPackages as databases: read row by row, without running anything that is written in them.

A GeoPackage may hold queries (views) and computed columns that run when it is read. So a copy is made and looked into
with SQLite, without trust, and only plain tables of the copy are read.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from pipeline.errors import Busy, InputError, describe

GEOPACKAGES = (b"GPKG", b"GP10", b"GP11")
"""Its application id when it is a GeoPackage, of the present and of the first versions."""
ID_AT = 68
"""Where that stands, bytes."""
HEADER_BYTES = 100
"""So much of a database is its header."""
MAX_VALUE_BYTES = 100_000_000
"""Largest value in a database, bytes; a computed one could ask for more than memory."""
ENVELOPE_AT = 8
"""Where the envelope of a geometry stands in its blob, bytes ..."""
ENVELOPE_BYTES = MappingProxyType({0: 0, 1: 32, 2: 48, 3: 48, 4: 64})
"""... and how long it is, by what the flags say."""
READ_PATIENCE_S = 10.0
"""How long to wait for another program that is writing, seconds."""
PLAIN = 0
"""How SQLite lists a column that is stored and not computed."""


def layers_of(path: Path) -> list[str]:
    """The names of the layers of a GeoPackage; raises `InputError` in one line."""
    try:
        with _opened(path) as database:
            rows = database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY rowid")
            return [str(name) for (name,) in rows]
    except (sqlite3.Error, OSError) as cause:
        raise _error(path, cause) from cause


def read_table(
    path: Path, layer: str, columns: Sequence[str], optional: Sequence[str] = ()
) -> list[tuple[Any, ...]]:  # fmt: skip
    """Rows of a layer of a GeoPackage as it is stored, some of its columns, in order of their numbers.

    `optional`: columns that may lack, and are None then. Geometries are blobs of GeoPackage; see `geometry_of`. Raises
    `InputError` in one line, also where it has not the other columns.
    """
    try:
        with _opened(path) as database:
            table = plain_layer(path, database, layer)
            known = [str(name) for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            if lacking := [name for name in columns if name not in known]:
                raise InputError(f"{path}: its layer {layer} has no column {lacking[0]}; restore the file from a copy")
            named = [f'"{name}"' for name in columns] + [f'"{name}"' if name in known else "NULL" for name in optional]
            return database.execute(f'SELECT {", ".join(named)} FROM "{table}" ORDER BY rowid').fetchall()  # noqa: S608 quoted
    except (sqlite3.Error, OSError) as cause:
        raise _error(path, cause) from cause


def _error(path: Path, cause: Exception) -> InputError:
    said = describe(cause)
    if "locked" in said or "busy" in said:
        return Busy(f"{path}: another program is writing to it; try again when it is done")
    return InputError(f"{path}: cannot be read, damaged? ({said})")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A copy of a GeoPackage, open for reading; raises as `copy_of` and `untrusted`."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    with copy_of(path, head) as copy, untrusted(path, copy) as database:
        yield database


def geometry_of(blob: object) -> BaseGeometry:
    """The geometry in a blob of a GeoPackage; raises `ValueError`."""
    if not isinstance(blob, bytes) or len(blob) < ENVELOPE_AT or not blob.startswith(b"GP"):
        raise ValueError("no geometry")
    envelope = ENVELOPE_BYTES.get(blob[3] >> 1 & 0b111)
    if envelope is None:
        raise ValueError("a geometry of unknown layout")
    try:
        found: BaseGeometry = shapely.from_wkb(blob[ENVELOPE_AT + envelope :])
    except ShapelyError as cause:
        raise ValueError(f"a damaged geometry ({describe(cause)})") from cause
    return found


def blob_of(geometry: BaseGeometry, epsg: int) -> bytes:
    """A geometry as a blob of a GeoPackage, without an envelope."""
    return b"GP\x00\x01" + epsg.to_bytes(4, "little") + bytes(shapely.to_wkb(geometry, byte_order=1))


@contextmanager
def copy_of(path: Path, head: bytes) -> Iterator[Path]:
    """A copy of a GeoPackage as it is now, also while others write to it.

    Raises `InputError`, `sqlite3.Error` or `OSError`.
    """
    if head[ID_AT : ID_AT + 4] not in GEOPACKAGES:
        raise InputError(f"{path}: a database, but not a GeoPackage; save it as one")
    with TemporaryDirectory() as folder:  # nobody else can look into it
        copy = Path(folder) / "copy.gpkg"
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=READ_PATIENCE_S)) as whole,
            closing(sqlite3.connect(copy)) as target,
        ):
            # A copy of a database that another program holds would be tried for ever; so it is held for reading first.
            whole.execute("BEGIN")
            whole.execute("SELECT count(*) FROM sqlite_master").fetchone()
            whole.backup(target)
        yield copy


@contextmanager
def untrusted(path: Path, copy: Path) -> Iterator[sqlite3.Connection]:
    """The copy of a database, read-only, with nothing in it trusted; raises `InputError` unless it is whole."""
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        (sound,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise InputError(f"{path}: damaged ({describe(ValueError(sound))}); restore it from a copy")
        yield database


def plain_layer(path: Path, database: sqlite3.Connection, layer: str | None) -> str:
    """The name of a layer, or of the first one; raises `InputError` unless it and the lists of layers are plain tables.

    The lists are what GDAL reads to open the file.
    """
    objects = {
        str(name).lower(): kind == "table" and not str(sql).upper().lstrip().startswith("CREATE VIRTUAL")
        for name, kind, sql in database.execute("SELECT name, type, sql FROM sqlite_master")
        if kind in ("table", "view")
    }
    for name, plain in objects.items():
        if name.startswith("gpkg_") and not (plain and _is_stored(database, name)):
            raise InputError(f"{path}: its {name} is a query, which is not run")
    rows = database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY rowid")
    names = [str(name) for (name,) in rows]
    if not names or (layer is not None and layer not in names):
        raise InputError(f"{path}: has no layer {layer or 'of outlines'}")
    chosen = names[0] if layer is None else layer
    if not objects.get(chosen.lower(), False) or not _is_stored(database, chosen):
        raise InputError(f"{path}: its layer {chosen} is a query, which is not run; save it as a layer of its own")
    return chosen


def _is_stored(database: sqlite3.Connection, table: str) -> bool:
    """Whether all columns of a table are stored, and none is computed when it is read."""
    return all(hidden == PLAIN for (hidden,) in database.execute("SELECT hidden FROM pragma_table_xinfo(?)", (table,)))
