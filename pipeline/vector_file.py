"""Reads files of outlines that a person gives, without running anything that is written in them.

A GeoPackage is a database, and may hold queries (views) and computed columns that run when it is read; other formats of
GDAL fetch from addresses or from other files. So a file must be of one of four formats by its content. Of a GeoPackage
a copy is made and looked into with SQLite, without trust, and only plain tables of the copy are read: GDAL would else
move what a killed program had left beside the file into it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from pipeline.errors import InputError, describe

MAX_BYTES = 500_000_000
"""Largest file, bytes: read, it takes some times as much memory."""
SQLITE = b"SQLite format 3\0"
"""First bytes of a database."""
GEOPACKAGES = (b"GPKG", b"GP10", b"GP11")
"""Its application id when it is a GeoPackage, of the present and of the first versions."""
ID_AT = 68
"""Where that stands, bytes."""
FLATGEOBUF, SHAPEFILE = b"fgb\x03", b"\0\0\x27\x0a"
"""First bytes of these formats."""
DISGUISE = b"<OGR"
"""What a file has near its beginning that GDAL takes for a list of other files and addresses."""
HEAD_BYTES = 65_536
"""So much of a file is looked at to tell its format."""
MAX_VALUE_BYTES = 100_000_000
"""Largest value in a database, bytes; a computed one could ask for more than memory."""
ENVELOPE_AT = 8
"""Where the envelope of a geometry stands in its blob, bytes ..."""
ENVELOPE_BYTES = MappingProxyType({0: 0, 1: 32, 2: 48, 3: 48, 4: 64})
"""... and how long it is, by what the flags say."""
PLAIN = 0
"""How SQLite lists a column that is stored and not computed."""
ERRORS = (
    DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, sqlite3.Error, OSError, ValueError,
    RuntimeError, ShapelyError,
)  # fmt: skip
"""What the libraries raise for a file that is damaged."""


def read_vectors(path: Path, layer: str | None = None) -> gpd.GeoDataFrame:
    """The features of a layer of a GeoPackage, GeoJSON, shapefile or FlatGeobuf, in the CRS of the file.

    `layer`: None = the first one. Raises `InputError` in one line.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: more than {MAX_BYTES // 1_000_000} MB; split it")
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if DISGUISE in head:
            raise InputError(f"{path}: it names other files for GDAL to read; save the outlines themselves")
        if head.startswith(SQLITE):
            table = _of_geopackage(path, head, layer)
        elif _is_known(head, path):
            table = pyogrio.read_dataframe(path, layer=layer)
        else:
            raise InputError(f"{path}: not a GeoPackage, GeoJSON, shapefile or FlatGeobuf; save it as one of these")
    except ERRORS as cause:
        raise InputError(f"{path}: cannot be read, damaged? ({describe(cause)})") from cause
    if not isinstance(table, gpd.GeoDataFrame):
        raise InputError(f"{path}: has no outlines")
    return table


def read_table(path: Path, layer: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows of a layer of a GeoPackage as it is stored, some of its columns, in order of their numbers.

    Geometries are blobs of GeoPackage; see `geometry_of`. Raises `InputError` in one line, also where it has not these
    columns.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        with _copy_of(path, head) as copy, _untrusted(path, copy) as database:
            table = _plain_layer(path, database, layer)
            known = [str(name) for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            if lacking := [name for name in columns if name not in known]:
                raise InputError(f"{path}: its layer {layer} has no column {lacking[0]}; restore the file from a copy")
            named = ", ".join(f'"{name}"' for name in columns)
            return database.execute(f'SELECT {named} FROM "{table}" ORDER BY rowid').fetchall()  # noqa: S608 quoted
    except ERRORS as cause:
        raise InputError(f"{path}: cannot be read, damaged? ({describe(cause)})") from cause


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


def _is_known(head: bytes, path: Path) -> bool:
    """Whether a file is of one of the other formats."""
    if head.startswith(SHAPEFILE):
        return path.suffix.lower() == ".shp"
    return head.startswith(FLATGEOBUF) or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _of_geopackage(path: Path, head: bytes, layer: str | None) -> Any:
    """A layer of a GeoPackage, with the changes that lie beside it; raises `InputError`, or any of `ERRORS`."""
    with _copy_of(path, head) as copy:
        with _untrusted(path, copy) as database:
            chosen = _plain_layer(path, database, layer)
        return pyogrio.read_dataframe(copy, layer=chosen)


@contextmanager
def _copy_of(path: Path, head: bytes) -> Iterator[Path]:
    """A copy of a GeoPackage as it is now, also while others write to it; raises `InputError`, or any of `ERRORS`."""
    if head[ID_AT : ID_AT + 4] not in GEOPACKAGES:
        raise InputError(f"{path}: a database, but not a GeoPackage; save it as one")
    with TemporaryDirectory() as folder:  # nobody else can look into it
        copy = Path(folder) / "copy.gpkg"
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as whole,
            closing(sqlite3.connect(copy)) as target,
        ):
            whole.backup(target)
        yield copy


@contextmanager
def _untrusted(path: Path, copy: Path) -> Iterator[sqlite3.Connection]:
    """The copy of a database, read-only, with nothing in it trusted; raises `InputError` unless it is whole."""
    with closing(sqlite3.connect(f"{copy.as_uri()}?mode=ro", uri=True)) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA cell_size_check = ON")
        (sound,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise InputError(f"{path}: damaged ({describe(ValueError(sound))}); restore it from a copy")
        yield database


def _plain_layer(path: Path, database: sqlite3.Connection, layer: str | None) -> str:
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
