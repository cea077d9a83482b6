"""`sites.gpkg`: sites, ponds, looks, events and coverage as layers, each with a default style that QGIS applies."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields
from enum import StrEnum
from itertools import islice
from pathlib import Path
from shutil import disk_usage
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from shapely.geometry import MultiPolygon, Polygon

from pipeline.errors import InputError, UnitsFailed, describe, write_error
from pipeline.export.coverage import CoverageRecord
from pipeline.export.placing import put_in_place
from pipeline.export.qgis import style
from pipeline.grid import LONLAT
from pipeline.layer_styles import EPOCH, add_styles
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.sites.states import SiteState

CHUNK = 20_000
"""Rows of a layer in memory at once."""
PYOGRIO = (DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError)
"""What pyogrio raises when a file cannot be written; its messages do not always say why."""
NEARLY_FULL = 1_000_000
"""With fewer free bytes than this, a failed write is attributed to a full disk."""
DAYS = MappingProxyType(
    {
        "sites": (
            "ground_after",
            "ground_by",
            "ponds_after",
            "ponds_by",
            "last_seen",
            "last_clear",
            "reviewed_on",
            "stale_since",
        ),
        "ponds": ("first_seen",),
        "looks": ("day",),
        "events": ("after", "by"),
        "coverage": ("month_start", "month_end"),
    }
)
MIDNIGHT = "%Y-%m-%dT00:00:00.000"
"""The one format of a day in the file."""
DIGITS = MappingProxyType({"confidence": 3, "share_seen": 4})
"""Decimals of the columns that have any; areas are whole square metres, as in the GeoJSON."""
MIXED = ("sites", "ponds")
"""Layers whose rows may be single-part or multi-part: all are stored as multi-part."""
TEXTS = MappingProxyType({"sites": ("verdict", "verdict_reason", "parent", "earlier_dates")})
"""Columns that may hold nothing but nulls, whose type must be given."""


def write_geopackage(
    path: Path,
    *,
    sites: Sequence[SiteRecord],
    ponds: Sequence[PondRecord],
    looks: Sequence[LookRecord],
    events: Sequence[EventRecord],
    coverage: Iterable[CoverageRecord],
) -> None:
    """Write all layers beside the target, check them, then rename.

    Raises `UnitsFailed` on a full disk, `InputError` where the file cannot be written.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part.gpkg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        counts = {
            "sites": _write(part, "sites", SiteRecord, sites, "MultiPolygon"),
            "ponds": _write(part, "ponds", PondRecord, ponds, "MultiPolygon"),
            "looks": _write(part, "looks", LookRecord, looks, "Point"),
            "events": _write(part, "events", EventRecord, events, "Point"),
            "coverage": _write(part, "coverage", CoverageRecord, coverage, "Polygon"),
        }
        whole = _finish(part, counts, path)
        put_in_place(whole, path)
    except OSError as cause:
        raise write_error(path, cause) from cause
    except (sqlite3.Error, *PYOGRIO) as cause:
        reason = describe(cause)
        words = str(cause).replace(str(path.parent), "").lower()  # a folder may be called workspace
        if "full" in words or "space" in words or disk_usage(path.parent).free < NEARLY_FULL:
            raise UnitsFailed(f"{path}: the disk is full; free some space and run again") from cause
        raise InputError(f"{path}: cannot be written ({reason})") from cause
    finally:
        for rest in (part, *path.parent.glob(f"{part.name}*")):
            rest.unlink(missing_ok=True) if path.parent.is_dir() else None


def _write(part: Path, layer: str, kind: type, records: Iterable[Any], geometry: str) -> int:
    """Write one layer chunk by chunk; an empty one gets its columns as well. Returns the number of rows."""
    written, chunks = 0, _chunks(records)
    for number, chunk in enumerate(chunks):
        frame = _frame(layer, kind, chunk)
        pyogrio.write_dataframe(
            frame, part, layer=layer, driver="GPKG", geometry_type=geometry, append=number > 0,
            dataset_options={} if part.exists() else {"VERSION": "1.2"},  # QGIS 3.22 warns about 1.4
        )  # fmt: skip
        written += len(frame)
    return written


def _chunks(records: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of at most `CHUNK` records; one empty list when there is none."""
    queue = iter(records)
    yield list(islice(queue, CHUNK))
    while chunk := list(islice(queue, CHUNK)):
        yield chunk


def _frame(layer: str, kind: type, records: list[Any]) -> gpd.GeoDataFrame:
    names = [field.name for field in fields(kind)]
    place = "point" if "point" in names else "polygon"
    plain = {field.name for field in fields(kind) if field.type in (str, int, float)}
    columns = {
        name: [getattr(record, name) if name in plain else _plain(getattr(record, name)) for record in records]
        for name in names
        if name != place
    }
    if layer == "coverage":
        starts = pd.to_datetime(columns["month"], format="%Y-%m")
        columns |= {"month_start": starts, "month_end": starts + pd.offsets.MonthBegin(1)}
    data = pd.DataFrame(columns)
    for name in DAYS[layer]:
        data[name] = pd.to_datetime(data[name]).astype("datetime64[ms]")  # real dates, which QGIS can animate
    for field in fields(kind):
        if not records and field.type in COLUMN_TYPES:
            data[field.name] = data[field.name].astype(COLUMN_TYPES[field.type])
    for name in data.columns:
        if data[name].dtype == "float64":
            data[name] = data[name].round(DIGITS.get(name, 0))
    for name in TEXTS.get(layer, ()):
        data[name] = data[name].astype("str").where(data[name].notna(), None)
    shapes = [getattr(record, place) for record in records]
    if layer in MIXED:
        shapes = [MultiPolygon([shape]) if isinstance(shape, Polygon) else shape for shape in shapes]
    return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(shapes, crs=LONLAT), crs=LONLAT)


def _plain(value: object) -> object:
    """A value as stored in the file: enumerations as words."""
    if isinstance(value, SiteState):
        return value.word
    return value.value if isinstance(value, StrEnum) else value


COLUMN_TYPES: Mapping[object, str] = MappingProxyType(
    {
        float: "float64",
        int: "int64",
        bool: "bool",
        str: "str",
        SiteStatus: "str",
        EventKind: "str",
        SiteState: "str",
    }
)
"""Column types that cannot be inferred from an empty list of rows."""


def _unify_days(database: sqlite3.Connection) -> None:
    """Write all days in one format: GDAL writes appended rows in another, and QGIS compares times as texts.

    The triggers of the spatial index call functions that only GDAL has; no geometry changes, so they are dropped
    meanwhile.
    """
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        database.execute(f'DROP TRIGGER "{name}"')
    for layer, columns in DAYS.items():
        for column in columns:
            day = f"strftime('{MIDNIGHT}', \"{column}\")"
            other = f'length("{column}") <> {len("2000-01-01T00:00:00.000")}'
            database.execute(f'UPDATE "{layer}" SET "{column}" = {day} WHERE {other}')  # noqa: S608 our own names
    for _, statement in triggers:
        database.execute(statement)


def _finish(part: Path, counts: dict[str, int], path: Path) -> Path:
    """Add the default styles, remove clock times, check that every row was written, and return the finished file.

    The finished file is a new one: SQLite counts how often a file was changed, and the number of GDAL's changes varies.
    So the same rows give the same bytes.
    """
    whole = part.with_name(f"{part.name}.whole")
    with closing(sqlite3.connect(part)) as database:
        add_styles(database, {layer: style(layer) for layer in counts})
        _unify_days(database)
        database.execute("UPDATE gpkg_contents SET last_change = ?", (EPOCH,))
        database.commit()
        whole.unlink(missing_ok=True)
        whole.touch()  # with the mode of any new file; SQLite fills it, and of its own would choose another
        database.execute("VACUUM INTO ?", (str(whole),))
    with closing(sqlite3.connect(whole)) as database:
        sound = database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for layer, count in counts.items():
            (found,) = database.execute(f'SELECT count(*) FROM "{layer}"').fetchone()  # noqa: S608 our own names
            sound &= found == count
    if not sound:
        raise UnitsFailed(f"{path}: did not read back whole after writing; is the disk full?")
    return whole
