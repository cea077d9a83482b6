"""GeoParquet 1.1: the layers as columns, for notebooks and databases (DuckDB, BigQuery, R, geopandas)."""

import io
from datetime import date
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import pandas as pd

from pipeline import atomic
from pipeline.export.coverage import CoverageRecord
from pipeline.export.edition import Edition
from pipeline.export.tables import SHARE_DIGITS, Column, Table, tables
from pipeline.grid import LONLAT
from pipeline.months import first_day, last_day

VERSION = "1.1.0"
"""Of GeoParquet."""
COVERAGE = (
    Column("cell", str), Column("month", str), Column("month_start", date), Column("month_end", date),
    Column("looks", int), Column("clear_looks", int), Column("share_seen", float),
)  # fmt: skip


def write_geoparquet(folder: Path, edition: Edition) -> list[Path]:
    """Write a file per layer; raises as `atomic.write_bytes`."""
    written = []
    for table in chain(tables(edition), [_coverage(edition)]):
        path = folder / f"{table.name}.parquet"
        atomic.write_bytes(path, _bytes(table))
        written.append(path)
    return written


def _coverage(edition: Edition) -> Table:
    rows: list[tuple[object, ...]] = []
    shapes = []
    for record in edition.coverage():
        rows.append(_coverage_row(record))
        shapes.append(record.polygon)
    return Table("coverage", COVERAGE, rows, shapes)


def _coverage_row(record: CoverageRecord) -> tuple[object, ...]:
    share = round(record.share_seen, SHARE_DIGITS)
    days = first_day(record.month), last_day(record.month)
    return record.cell, record.month, *days, record.looks, record.clear_looks, share


def _bytes(table: Table) -> bytes:
    """The file; every column has the type it states, also where all its values are missing."""
    import pyarrow as pa

    kinds = MappingProxyType(
        {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), date: pa.date32()}
    )
    data = {
        column.name: pd.Series([row[k] for row in table.rows], dtype=pd.ArrowDtype(kinds[column.kind]))
        for k, column in enumerate(table.columns)
    }
    shapes = gpd.GeoSeries(list(table.shapes), crs=LONLAT)
    file = io.BytesIO()
    frame = gpd.GeoDataFrame(data, geometry=shapes, crs=LONLAT)
    frame.to_parquet(file, index=False, schema_version=VERSION, write_covering_bbox=True)
    return file.getvalue()
