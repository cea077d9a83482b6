"""Default styles inside a GeoPackage: the table `layer_styles`, from which QGIS takes how a layer looks."""

import sqlite3
from collections.abc import Mapping

TABLE = """CREATE TABLE "layer_styles" (
 "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "f_table_catalog" TEXT(256), "f_table_schema" TEXT(256),
 "f_table_name" TEXT(256), "f_geometry_column" TEXT(256), "styleName" TEXT(30), "styleQML" TEXT, "styleSLD" TEXT,
 "useAsDefault" BOOLEAN, "description" TEXT, "owner" TEXT(30), "ui" TEXT(30),
 "update_time" DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"""
EPOCH = "2000-01-01T00:00:00.000Z"
"""Written where GeoPackage requires a time of change, so that the same rows give the same bytes."""


def add_styles(database: sqlite3.Connection, styles: Mapping[str, str]) -> None:
    """Add the table and a default style for each layer; `styles`: QML by layer. Raises `sqlite3.Error`."""
    database.execute(TABLE)
    database.execute(
        "INSERT INTO gpkg_contents(table_name, data_type, identifier, description, last_change) "
        "VALUES('layer_styles', 'attributes', 'layer_styles', '', ?)",
        (EPOCH,),
    )
    for layer, qml in styles.items():
        (column,) = database.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (layer,)
        ).fetchone()
        database.execute(
            "INSERT INTO layer_styles(f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault, description, owner, update_time) "
            "VALUES('', '', ?, ?, ?, ?, '', 1, 'leachwatch default', '', ?)",
            (layer, column, layer, qml, EPOCH),
        )
