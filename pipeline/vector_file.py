"""Reads files of outlines that a person gives, without running anything that is written in them.

A GeoPackage is a database, and may hold queries (views) and computed columns that run when it is read; other formats of
GDAL fetch from addresses or from other files. So a file must be of one of four formats by its content. Of a GeoPackage
a copy is made and looked into with SQLite, without trust, and only plain tables of the copy are read: GDAL would else
move what a killed program had left beside the file into it.
"""

import sqlite3
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from shapely.errors import ShapelyError

from pipeline.errors import InputError, describe
from pipeline.gpkg import copy_of, plain_layer, untrusted

MAX_BYTES = 500_000_000
"""Largest file, bytes: read, it takes some times as much memory."""
SQLITE = b"SQLite format 3\0"
"""First bytes of a database."""
FLATGEOBUF, SHAPEFILE = b"fgb\x03", b"\0\0\x27\x0a"
"""First bytes of these formats."""
DISGUISE = b"<OGR"
"""What a file has near its beginning that GDAL takes for a list of other files and addresses."""
HEAD_BYTES = 65_536
"""So much of a file is looked at to tell its format."""
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


def _is_known(head: bytes, path: Path) -> bool:
    """Whether a file is of one of the other formats."""
    if head.startswith(SHAPEFILE):
        return path.suffix.lower() == ".shp"
    return head.startswith(FLATGEOBUF) or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _of_geopackage(path: Path, head: bytes, layer: str | None) -> Any:
    """A layer of a GeoPackage, with the changes that lie beside it; raises `InputError`, or any of `ERRORS`."""
    with copy_of(path, head) as copy:
        with untrusted(path, copy) as database:
            chosen = plain_layer(path, database, layer)
        return pyogrio.read_dataframe(copy, layer=chosen)
