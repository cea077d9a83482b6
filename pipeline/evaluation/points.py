"""Scores of a run on point labels, such as published inventories of tanks: labels found, and dates that are possible.

An inventory states where ponds were seen, not where there are none: sites reported beyond it are counted, never called
false. Tanks of one site are found or missed together, so intervals come from a bootstrap by cluster of labels.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from shapely import STRtree
from shapely.geometry import Point
from sklearn.cluster import DBSCAN

from pipeline.errors import InputError, describe, one_line
from pipeline.evaluation.rates import RateEstimate, interval_text, rate
from pipeline.evaluation.truth import Reported
from pipeline.grid import LONLAT, grid_at, reprojected

NEAR_M = 60.0
"""A label is found when a reported site lies within this many metres: published positions are no more accurate."""
LINK_M = 150.0
"""Labels no farther apart than this belong to one cluster, metres; as `sites.link_m`."""
MAX_BYTES = 100_000_000
"""Largest file that is read, bytes."""
MAX_SHOWN = 60
"""Longest text of a file that is quoted, characters."""


@dataclass(frozen=True, slots=True)
class PointLabel:
    """A place where a pond was seen."""

    id: str
    """As in the file."""
    place: Point
    """Longitude and latitude, WGS 84 degrees."""
    first: date | None
    """First day on which the pond is known to have been there; None = not stated."""
    state: str
    """State in the words of the file; empty = not stated."""


@dataclass(frozen=True, slots=True)
class PointScores:
    """Scores of a run on a list of labels."""

    found: RateEstimate
    """Labels with a reported site near them."""
    clusters: RateEstimate
    """Clusters of labels of which at least one was found."""
    dated: RateEstimate
    """Found labels whose first day is possible: the reported onset of ponds does not lie wholly after it."""
    by_state: dict[str, RateEstimate]
    """Labels found, by state."""
    beyond: int
    """Reported sites with no label near them; not called false, because perhaps nobody looked there."""

    def table(self) -> str:
        """One line per score."""
        lines = [
            f"{'labels found':36} {interval_text(self.found)}",
            f"{'clusters of labels found':36} {interval_text(self.clusters)}",
            f"{'onset of ponds possible':36} {interval_text(self.dated)}",
            *(f"  {state or 'no state given':34} {interval_text(one)}" for state, one in self.by_state.items()),
            f"{'reported sites with no label near':36} {self.beyond} (not known to be false)",
        ]
        return "\n".join(lines)


def read_points(path: Path) -> list[PointLabel]:
    """The labels of a CSV file or of a GeoJSON file of points.

    Columns (or properties): `id`, `lon`, `lat`; optional `date`, or `from` and `to`, `diameter_m`, `state`; in upper or
    lower case; others are ignored. Raises `InputError` in one line that says where.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: more than {MAX_BYTES // 1_000_000} MB; split it")
        rows = list(_csv(path) if path.suffix.lower() == ".csv" else _geojson(path))
    except (
        OSError,
        ValueError,
        csv.Error,
        RecursionError,
    ) as cause:  # ValueError: also numbers too long for Python
        raise InputError(f"{path}: cannot be read as labels ({describe(cause)})") from cause
    if not rows:
        raise InputError(f"{path}: holds no label")
    return [_label(f"{path}: {where}", row) for where, row in rows]


def score_points(labels: Sequence[PointLabel], reported: Sequence[Reported]) -> PointScores:
    """Scores of reported sites, lon/lat, against labels."""
    metric = grid_at(labels[0].place.x, labels[0].place.y).crs
    places = [reprojected(label.place, LONLAT, metric) for label in labels]
    outlines = [reprojected(site.polygon, LONLAT, metric) for site in reported]
    near: dict[int, list[Reported]] = defaultdict(list)
    met: set[int] = set()
    if outlines:
        for label, site in STRtree(outlines).query(places, predicate="dwithin", distance=NEAR_M).T:
            near[int(label)].append(reported[site])
            met.add(int(site))
    marks = DBSCAN(eps=LINK_M, min_samples=1).fit_predict(np.array([(place.x, place.y) for place in places]))
    clusters = [np.flatnonzero(marks == mark).tolist() for mark in range(marks.max() + 1)]

    def hits(members: list[int]) -> tuple[float, float]:
        return sum(bool(near[k]) for k in members), len(members)

    dated = {k for k in near if near[k] and labels[k].first is not None}
    return PointScores(
        found=rate(clusters, hits),
        clusters=rate(clusters, lambda members: (any(near[k] for k in members), 1)),
        dated=rate(clusters, lambda members: _possible([k for k in members if k in dated], labels, near)),
        by_state={
            state: rate([[k for k in members if labels[k].state == state] for members in clusters], hits)
            for state in sorted({label.state for label in labels})
        },
        beyond=len(reported) - len(met),
    )


def _possible(members: list[int], labels: Sequence[PointLabel], near: dict[int, list[Reported]]) -> tuple[float, float]:
    """How many `members` have a site near whose ponds may have been there on their first day, and of how many."""
    possible = 0
    for k in members:
        seen = labels[k].first
        onsets = [site.ponds for site in near[k] if site.ponds is not None]
        possible += any(after is None or (seen is not None and after < seen) for after, _ in onsets)
    return possible, len(members)


LabelRow = dict[str, str]


def _csv(path: Path) -> Iterator[tuple[str, LabelRow]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if None in row:
                raise InputError(f"{path}: line {number}: more columns than the first line names")
            yield f"line {number}", {str(k).strip().lower(): v.strip() for k, v in row.items() if v is not None}


def _geojson(path: Path) -> Iterator[tuple[str, LabelRow]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list):
        raise InputError(f"{path}: neither a CSV file nor a GeoJSON collection of features")
    for number, feature in enumerate(features, start=1):
        where = f"feature {number}"
        try:
            lon, lat = feature["geometry"]["coordinates"][:2]
            row = {str(k).lower(): "" if v is None else str(v) for k, v in (feature["properties"] or {}).items()}
            identity = str(feature.get("id", number))
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            raise InputError(f"{path}: {where}: not a point with properties") from cause
        yield where, {"id": identity, **row, "lon": str(lon), "lat": str(lat)}


def _label(where: str, row: LabelRow) -> PointLabel:
    missing = [name for name in ("id", "lon", "lat") if not row.get(name)]
    if missing:
        raise InputError(f"{where}: no {', '.join(missing)}")
    lon, lat = _number(where, "lon", row["lon"], 180), _number(where, "lat", row["lat"], 90)
    single = row.get("date", "")
    first, last = (_day(where, name, row.get(name, "") or single) for name in ("from", "to"))
    if first and last and last < first:
        raise InputError(f"{where}: to ({last}) is before from ({first})")
    if row.get("diameter_m"):
        _number(where, "diameter_m", row["diameter_m"], 10_000)
    return PointLabel(
        id=row["id"],
        place=Point(lon, lat),
        first=first,
        state=row.get("state", ""),
    )


def _number(where: str, name: str, text: str, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= most:
        raise InputError(f"{where}: {name} is {one_line(text, MAX_SHOWN)!r}, not a number from -{most} to {most}")
    return value


def _day(where: str, name: str, text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError as cause:
        raise InputError(f"{where}: {name} is {one_line(text, MAX_SHOWN)!r}, not a date as 2025-01-31") from cause
