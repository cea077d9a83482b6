"""The registry on disk: one JSON file in the archive, written whole or not at all, by one run at a time."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pydantic import TypeAdapter
from shapely import from_wkt, to_wkt
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from pipeline import atomic
from pipeline.errors import NEWER, InputError, describe, one_line
from pipeline.sites.names import Basis, Interval, PublishedState, PublishedStatus, RegisteredSite, Registry, polygonal
from pipeline.sites.statement import STATEMENT

VERSION = 4
"""Version of the file's layout.

Versions 1 (without lineage and published states), 2 and 3 (of one AOI, without statements) are read too.
"""
PREFIX = "[A-Z]{3}"
"""Pattern of what ids begin with."""
BASIS = TypeAdapter(Basis)
"""What statements rest on, as JSON and back."""
MERGED_2 = "merged into "
"""Prefix of the status of a merged site in version 2; the other site's id follows it."""
MAX_SHOWN = 60
"""Longest text of the file that is quoted, characters."""
REMEDY = "move it away to start new ids, or restore a copy of it"


def read_registry(path: Path, prefix: str = "") -> Registry:
    """The registry at `path`, or an empty one when there is no file; `prefix`: that of new ids.

    Raises `InputError` when the file is damaged or of a newer version: ids are never guessed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Registry(prefix)
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: the registry of site ids cannot be read ({describe(cause)}); {REMEDY}") from cause
    try:
        content = json.loads(text, parse_float=_finite, parse_constant=_finite, object_pairs_hook=_without_repeats)
        version = content["version"]
        if version not in range(1, VERSION + 1) or isinstance(version, bool):
            raise InputError(f"{path}: {_unknown(version)}")
        entries = tuple(_entry(row, version) for row in content["sites"])
        _check_ids([entry.site_id for entry in entries], re.escape(content["prefix"]) if version < 4 else PREFIX)
    except (ValueError, KeyError, TypeError, AttributeError, ShapelyError, RecursionError) as cause:
        raise InputError(f"{path}: the registry of site ids is damaged ({describe(cause)}); {REMEDY}") from cause
    return Registry(prefix, entries)


def write_registry(path: Path, registry: Registry) -> None:
    """Write the registry atomically; raises as `atomic.write_bytes`."""
    atomic.write_text(path, registry_text(registry))


def registry_text(registry: Registry) -> Iterator[str]:
    """The content of a registry file: one line per name, so that a change shows in a line."""
    yield f'{{"version": {VERSION}, "sites": ['
    for number, entry in enumerate(registry.entries):
        yield ("," if number else "") + "\n" + json.dumps(_row(entry))
    yield "\n]}\n"


def _unknown(version: object) -> str:
    if isinstance(version, int) and version > VERSION:
        return f"{NEWER} (layout {version}, this one knows {VERSION})"
    return f"registry version {one_line(repr(version), MAX_SHOWN)}, this program knows {VERSION}; {REMEDY}"


def _finite(text: str) -> float:
    """A number of JSON; raises `ValueError` for one that no area or share can be."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MAX_SHOWN]} is not a number")
    return number


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; raises `ValueError` for a key that stands in it twice, the first value of which would go."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key that stands twice")
    return found


def _check_ids(ids: list[str], prefix: str) -> None:
    """Raise `ValueError` for ids that this program cannot have given; `prefix`: a pattern."""
    if any(re.fullmatch(rf"{prefix}-[0-9]{{4,}}", name) is None for name in ids):
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
        parent=_other_site(row["parent"]),
        merged_into=_other_site(row["merged_into"]),
        published=tuple(map(state_of, states)),
        statement=STATEMENT.validate_python(row["statement"]) if row.get("statement") is not None else None,
        basis=BASIS.validate_python(row["basis"]) if row.get("basis") is not None else None,
    )


def _state(row: Mapping[str, Any]) -> PublishedState:
    return PublishedState(
        on=date.fromisoformat(row["on"]),
        run_id=str(row["run_id"]),
        status=PublishedStatus(row["status"]),
        ground=_interval(row["ground"]),
        ponds=_interval(row["ponds"]),
        merged_into=_other_site(row["merged_into"]),
        because=str(row.get("because", "")),
        clock=date.fromisoformat(row["clock"]) if row.get("clock") else None,
    )


def _state_2(row: Mapping[str, Any]) -> PublishedState:
    """A published state of version 2, in which the status of a merged site named the other site."""
    status = str(row["status"])
    merged_into = status.removeprefix(MERGED_2) if status.startswith(MERGED_2) else None
    return _state({**row, "status": PublishedStatus.MERGED if merged_into else status, "merged_into": merged_into})


def _other_site(name: str | None) -> str | None:
    """The id of another site, None where there is none; raises `TypeError` or `ValueError` for what is no id."""
    if name is not None:
        _check_ids([name], PREFIX)
    return name


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
                **({"because": state.because} if state.because else {}),
                **({"clock": state.clock.isoformat()} if state.clock else {}),
            }
            for state in entry.published
        ],
        "statement": STATEMENT.dump_python(entry.statement, mode="json") if entry.statement else None,
        "basis": BASIS.dump_python(entry.basis, mode="json") if entry.basis else None,
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
