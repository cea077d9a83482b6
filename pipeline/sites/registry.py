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
from pipeline.errors import InputError, describe
from pipeline.sites.names import Interval, PublishedState, PublishedStatus, RegisteredSite, Registry, polygonal

VERSION = 3
"""Version of the file's layout; versions 1 (without lineage and published states) and 2 are read too."""
MERGED_2 = "merged into "
"""Prefix of the status of a merged site in version 2; the other site's id follows it."""
REMEDY = "move it away to start new ids, or restore a copy of it"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock the registry at `path` for this run alone; the lock ends with the process, however that ends.

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

    Raises `InputError` when the file is damaged, of a newer version or of another AOI: ids are never guessed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Registry(prefix)
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: the registry of site ids cannot be read ({describe(cause)}); {REMEDY}") from cause
    try:
        content = json.loads(text)
        version = content["version"]
        if version not in (1, 2, VERSION):
            raise InputError(f"{path}: registry version {version!r}, this program knows {VERSION}; {REMEDY}")
        found = content["prefix"]
        entries = tuple(_entry(row, version) for row in content["sites"])
        _check_ids([entry.site_id for entry in entries], str(found))
    except (ValueError, KeyError, TypeError, AttributeError, ShapelyError, RecursionError) as cause:
        raise InputError(f"{path}: the registry of site ids is damaged ({describe(cause)}); {REMEDY}") from cause
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
        raise ValueError("not a site id")
    if len(set(ids)) != len(ids):
        raise ValueError("a duplicate id")


def _entry(row: Mapping[str, Any], version: int) -> RegisteredSite:
    if version == 1:
        return RegisteredSite(str(row["site_id"]), _territory(row["footprint"]))
    state_of, states = (_state_2, row["said"]) if version == 2 else (_state, row["published"])
    return RegisteredSite(
        site_id=str(row["site_id"]),
        territory=_territory(row["territory"]),
        parent=row["parent"],
        merged_into=row["merged_into"],
        published=tuple(map(state_of, states)),
    )


def _state(row: Mapping[str, Any]) -> PublishedState:
    return PublishedState(
        on=date.fromisoformat(row["on"]),
        run_id=str(row["run_id"]),
        status=PublishedStatus(row["status"]),
        ground=_interval(row["ground"]),
        ponds=_interval(row["ponds"]),
        merged_into=row["merged_into"],
    )


def _state_2(row: Mapping[str, Any]) -> PublishedState:
    """A published state of version 2, in which the status of a merged site named the other site."""
    status = str(row["status"])
    merged_into = status.removeprefix(MERGED_2) if status.startswith(MERGED_2) else None
    return _state({**row, "status": PublishedStatus.MERGED if merged_into else status, "merged_into": merged_into})


def _interval(pair: Sequence[str | None] | None) -> Interval | None:
    if pair is None:
        return None
    after, by = pair
    return Interval(date.fromisoformat(after) if after else None, date.fromisoformat(str(by)))


def _row(entry: RegisteredSite) -> dict[str, object]:
    return {
        "site_id": entry.site_id,
        "territory": to_wkt(entry.territory, rounding_precision=6),
        "parent": entry.parent,
        "merged_into": entry.merged_into,
        "published": [
            {
                "on": state.on.isoformat(),
                "run_id": state.run_id,
                "status": state.status.value,
                "merged_into": state.merged_into,
                "ground": _pair(state.ground),
                "ponds": _pair(state.ponds),
            }
            for state in entry.published
        ],
    }


def _pair(interval: Interval | None) -> list[str | None] | None:
    return None if interval is None else [day.isoformat() if day else None for day in interval]


def _territory(text: str) -> BaseGeometry:
    """The territory from WKT. Raises `ValueError` for one that no site can have."""
    with np.errstate(all="ignore"):  # infinite coordinates are refused below
        polygon = from_wkt(text)
    if polygon is not None and not polygon.is_valid:
        polygon = polygonal(shapely.make_valid(polygon))  # rounding can make edges cross
    if polygon is None or polygon.is_empty or polygon.geom_type not in {"Polygon", "MultiPolygon"}:
        raise ValueError("a territory that is no polygon")
    west, south, east, north = polygon.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("a territory that is not on Earth")
    return polygon
