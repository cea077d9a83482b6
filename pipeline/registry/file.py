"""The registry on disk: one small JSON file beside the outputs, written whole or not at all, by one run at a time."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from filelock import FileLock, Timeout
from shapely import from_wkt, to_wkt
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from pipeline import atomic
from pipeline.errors import InputError, one_line
from pipeline.registry.names import Entry, Interval, Registry, Saying, polygonal

VERSION = 2
"""Version of the file's layout; version 1, without lineage and sayings, is read too."""
WAY_BACK = "move it away to start new names, or restore a copy of it"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the registry at `path` for this run alone; the lock ends with the process, however it ends.

    Raises `InputError` when another run holds it.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as cause:
        raise InputError(f"{path.parent}: another run is writing here; wait for it, or choose another --out") from cause
    try:
        yield
    finally:
        lock.release()


def read_registry(path: Path, prefix: str = "") -> Registry:
    """The registry at `path`, of any prefix when none is given, or an empty one when there is no file.

    Raises `InputError` when the file is damaged, of a newer version or of another AOI: names are never guessed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Registry(prefix)
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: the registry of site ids cannot be read ({cause}); {WAY_BACK}") from cause
    try:
        content = json.loads(text)
        version = content["version"]
        if version not in (1, VERSION):
            raise InputError(f"{path}: registry version {version!r}, this program knows {VERSION}; {WAY_BACK}")
        found = content["prefix"]
        entries = tuple(_entry(row, version) for row in content["sites"])
        _check_ids([entry.site_id for entry in entries], str(found))
    except (ValueError, KeyError, TypeError, AttributeError, ShapelyError, RecursionError) as cause:
        raise InputError(f"{path}: the registry of site ids is damaged ({one_line(cause)}); {WAY_BACK}") from cause
    if prefix and found != prefix:
        raise InputError(f"{path}: this registry belongs to {found}, not to {prefix}; choose another --out")
    return Registry(str(found), entries)


def write_registry(path: Path, registry: Registry) -> None:
    """Write the registry atomically; raises as `atomic.write_bytes`."""
    content = {"version": VERSION, "prefix": registry.prefix, "sites": [_row(entry) for entry in registry.entries]}
    atomic.write_text(path, json.dumps(content, indent=1) + "\n")


def _check_ids(ids: list[str], prefix: str) -> None:
    """Raise `ValueError` for ids that this program cannot have given."""
    if any(re.fullmatch(rf"{re.escape(prefix)}-[0-9]{{4,}}", name) is None for name in ids):
        raise ValueError("an id that is none")
    if len(set(ids)) != len(ids):
        raise ValueError("an id twice")


def _entry(row: Mapping[str, Any], version: int) -> Entry:
    if version == 1:
        return Entry(str(row["site_id"]), _footprint(row["footprint"]))
    return Entry(
        site_id=str(row["site_id"]),
        territory=_footprint(row["territory"]),
        parent=row["parent"],
        merged_into=row["merged_into"],
        sayings=tuple(_saying(said) for said in row["said"]),
    )


def _saying(row: Mapping[str, Any]) -> Saying:
    ground, ponds = (_interval(row[what]) for what in ("ground", "ponds"))
    return Saying(date.fromisoformat(row["on"]), str(row["run_id"]), str(row["status"]), ground, ponds)


def _interval(pair: Sequence[str | None] | None) -> Interval | None:
    if pair is None:
        return None
    after, by = pair
    return (date.fromisoformat(after) if after else None, date.fromisoformat(str(by)))


def _row(entry: Entry) -> dict[str, object]:
    return {
        "site_id": entry.site_id,
        "territory": to_wkt(entry.territory, rounding_precision=6),
        "parent": entry.parent,
        "merged_into": entry.merged_into,
        "said": [
            {
                "on": said.on.isoformat(),
                "run_id": said.run_id,
                "status": said.status,
                "ground": _pair(said.ground),
                "ponds": _pair(said.ponds),
            }
            for said in entry.sayings
        ],
    }


def _pair(interval: Interval | None) -> list[str | None] | None:
    return None if interval is None else [day.isoformat() if day else None for day in interval]


def _footprint(text: str) -> BaseGeometry:
    """The territory in a text. Raises `ValueError` for one that no site can have."""
    with np.errstate(all="ignore"):  # infinite coordinates are told below
        polygon = from_wkt(text)
    if polygon is not None and not polygon.is_valid:
        polygon = polygonal(shapely.make_valid(polygon))  # rounding can fold an edge over
    if polygon is None or polygon.is_empty or polygon.geom_type not in {"Polygon", "MultiPolygon"}:
        raise ValueError("a footprint that is no polygon")
    west, south, east, north = polygon.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("a footprint that is not on Earth")
    return polygon
