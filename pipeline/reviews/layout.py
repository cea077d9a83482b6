"""How `reviews.gpkg` is laid out, so that QGIS, the review desk and the pipeline can write to it at the same time.

Two layers that people edit, and a table `history` that triggers of the database fill: whatever program changes a row,
what the row says then is added there, and nothing ever removes it. So a verdict that another one replaced is not lost.
The layers have no spatial index, whose triggers call functions that only GDAL has.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

from pipeline.errors import InputError, describe, write_error
from pipeline.grid import LONLAT
from pipeline.layer_styles import add_styles

REVIEWS, POINTS, HISTORY = "reviews", "pond_points", "history"
"""Its tables."""
COLUMNS = ("site_id", "verdict", "reason", "note", "reviewer", "reviewed_at", "added", "from", "to")
"""Columns of `reviews`, beside number and outline."""
NEEDED, OPTIONAL = COLUMNS[:2], COLUMNS[2:]
"""Those without which it is no reviewer's file, and those that are added to one that lacks them."""
TYPES = MappingProxyType({"reviewed_at": "DATETIME", "set_at": "DATETIME", "from": "DATETIME", "to": "DATETIME",
                          "added": "BOOLEAN"})  # fmt: skip
"""Types of columns that are no texts."""
POINT_COLUMNS = ("site_id", "reviewer", "set_at")
"""Columns of `pond_points`, beside number and point."""
GEOMETRY = "geom"
"""Name of the column of outlines and points."""
MAX_TEXT = 4000
"""Longest note, characters."""
HISTORY_TABLE = f"""CREATE TABLE "{HISTORY}" (
 "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "at" TEXT NOT NULL, "layer" TEXT NOT NULL, "row" INTEGER NOT NULL,
 "change" TEXT NOT NULL, "site_id" TEXT, "verdict" TEXT, "reason" TEXT, "note" TEXT, "reviewer" TEXT,
 "reviewed_at" TEXT, "shape" BLOB)"""
LISTED = (
    "INSERT INTO gpkg_contents(table_name, data_type, identifier, description) VALUES(?, 'attributes', ?, "
    "'What each row said, whenever it was changed; filled by the file itself')"
)
TRIGGER = """CREATE TRIGGER "{layer}_{change}" AFTER {event} ON "{layer}" BEGIN
 INSERT INTO "history"("at", "layer", "row", "change", "site_id", "verdict", "reason", "note", "reviewer",
  "reviewed_at", "shape")
 VALUES(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), '{layer}', {row}."fid", '{change}', {row}."site_id", {verdict}, {reason},
  {note}, {row}."reviewer", {row}."{when}", {row}."geom"); END"""
CHANGES = MappingProxyType({"added": ("INSERT", "NEW"), "changed": ("UPDATE", "NEW"), "deleted": ("DELETE", "OLD")})
"""What can happen to a row: the event of the database, and which version of the row is kept."""


def is_reviews(columns: Iterable[str]) -> bool:
    """Whether a layer with these columns is the first of a reviewer's file."""
    return set(COLUMNS) <= set(columns)


def create(path: Path, styles: Mapping[str, str]) -> None:
    """A new, empty file at `path`, unless there is one: that is never replaced. Raises as `write_error`.

    `styles`: default style of QGIS (QML) by layer.
    """
    if path.exists():
        return
    part = path.with_name(f".{path.stem}.{uuid4().hex}.part.gpkg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_layers(part)
        with closing(sqlite3.connect(part)) as database:
            complete(database)
            add_styles(database, styles)
            database.commit()
        with contextlib.suppress(FileExistsError):  # another program was faster
            os.link(part, path)
    except OSError as cause:
        raise write_error(path, cause) from cause
    except sqlite3.Error as cause:
        raise InputError(f"{path}: cannot be written ({describe(cause)})") from cause
    finally:
        part.unlink(missing_ok=True)


def complete(database: sqlite3.Connection) -> None:
    """Add what a file lacks that an earlier version or another program made: columns, points, history and triggers.

    So nothing is ever written without the history. Raises `sqlite3.Error`.
    """
    known = {
        str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')")
    }
    if POINTS not in known:
        database.execute(
            f'CREATE TABLE "{POINTS}"("fid" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "{GEOMETRY}" POINT)'
        )
        database.execute(
            "INSERT INTO gpkg_contents(table_name, data_type, identifier, srs_id) VALUES(?, 'features', ?, 4326)",
            (POINTS, POINTS),
        )
        database.execute("INSERT INTO gpkg_geometry_columns VALUES(?, ?, 'POINT', 4326, 0, 0)", (POINTS, GEOMETRY))
    for layer, columns in ((REVIEWS, COLUMNS), (POINTS, POINT_COLUMNS)):
        there = {str(name) for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (layer,))}
        for name in columns:
            if name not in there:
                database.execute(f'ALTER TABLE "{layer}" ADD COLUMN "{name}" {TYPES.get(name, "TEXT")}')
    if HISTORY not in known:
        database.execute(HISTORY_TABLE)
        database.execute(LISTED, (HISTORY, HISTORY))
    for statement in triggers():
        if statement.split('"')[1] not in known:
            database.execute(statement)


def triggers() -> list[str]:
    """The statements that make the triggers of both layers."""
    found = []
    for change, (event, row) in CHANGES.items():
        said = {name: f'{row}."{name}"' for name in ("verdict", "reason", "note")}
        none = dict.fromkeys(said, "NULL")
        found.append(TRIGGER.format(layer=REVIEWS, change=change, event=event, row=row, when="reviewed_at", **said))
        found.append(TRIGGER.format(layer=POINTS, change=change, event=event, row=row, when="set_at", **none))
    return found


def _write_layers(part: Path) -> None:
    import geopandas as gpd  # pandas, which a run need not wait for
    import pandas as pd
    import pyogrio

    for layer, columns, geometry in ((REVIEWS, COLUMNS, "MultiPolygon"), (POINTS, POINT_COLUMNS, "Point")):
        rows = pd.DataFrame({name: pd.Series([], dtype="str") for name in columns})
        for name in columns:
            if name.endswith("_at"):
                rows[name] = pd.Series([], dtype="datetime64[ms, UTC]")
            elif name in ("from", "to"):
                rows[name] = pd.Series([], dtype="datetime64[ms]")
            elif name == "added":
                rows[name] = pd.Series([], dtype="bool")
        frame = gpd.GeoDataFrame(rows, geometry=gpd.GeoSeries([], crs=LONLAT), crs=LONLAT)
        pyogrio.write_dataframe(
            frame, part, layer=layer, driver="GPKG", geometry_type=geometry, append=False,
            dataset_options={} if part.exists() else {"VERSION": "1.2"},  # QGIS 3.22 warns about 1.4
            layer_options={"SPATIAL_INDEX": "NO"},
        )  # fmt: skip
