"""Scores of a run against known truth, by site, with the size of the set."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipeline.errors import InputError


@dataclass(frozen=True, slots=True)
class TrueSite:
    """One site of `truth.geojson`."""

    polygon: BaseGeometry
    """Its ground at the end, lon/lat."""
    ground_from: date
    """Day its clearing began."""
    ponds_from: date | None
    """Day its first ponds were there; None = never."""
    n_ponds: int
    """Ponds at the end."""
    pond_area_m2: float
    """Their area, square metres."""


@dataclass(frozen=True, slots=True)
class Scores:
    """By site; each pair is (how many, of how many)."""

    found: tuple[int, int]
    """True sites with six or more ponds on which a reported site lies."""
    true: tuple[int, int]
    """Reported sites that lie on a true one."""
    ground_inside: tuple[int, int]
    """Matched sites whose true beginning lies inside (ground_after, ground_by]."""
    ponds_inside: tuple[int, int]
    """Matched sites with ponds whose true pond onset lies inside (ponds_after, ponds_by]."""
    area_covered: tuple[int, int]
    """Matched sites with six or more ponds whose true pond area lies in the 80 % interval."""

    def text(self) -> str:
        """One line per score."""
        names = (
            "sites with >= 6 ponds found",
            "reported sites true",
            "ground onset inside",
            "pond onset inside",
            "pond area inside its 80 % interval",
        )
        pairs = (self.found, self.true, self.ground_inside, self.ponds_inside, self.area_covered)
        return "\n".join(f"{n:36} {a}/{b}" for n, (a, b) in zip(names, pairs, strict=True))


def read_truth(path: Path) -> list[TrueSite]:
    """The sites of a simulated archive."""
    try:
        features = json.loads(path.read_text())["features"]
    except (OSError, ValueError, KeyError) as cause:
        raise InputError(f"{path}: not a truth file ({cause})") from cause
    return [
        TrueSite(
            shape(f["geometry"]),
            date.fromisoformat(f["properties"]["ground_from"]),
            _day(f["properties"]["ponds_from"]),
            f["properties"]["n_ponds"],
            f["properties"]["pond_area_m2"],
        )
        for f in features
    ]


def score(sites_geojson: Path, truth: list[TrueSite], first: date, last: date) -> Scores:
    """Hold `sites.geojson` against the truth of the days from `first` to `last` (the looks' own span).

    A true site counts when its ponds were there by `last`; a reported site is true when it lies on any true
    ground. An onset before the first look is inside when `after` is null.
    """
    reported = [(shape(f["geometry"]), f["properties"]) for f in json.loads(sites_geojson.read_text())["features"]]
    begun = [t for t in truth if t.ground_from <= last]
    due = [t for t in begun if t.n_ponds >= 6 and t.ponds_from is not None and t.ponds_from <= last]
    pairs = [(p, t) for g, p in reported for t in begun if g.intersects(t.polygon)]
    return Scores(
        found=(sum(any(g.intersects(t.polygon) for g, _ in reported) for t in due), len(due)),
        true=(sum(any(g.intersects(t.polygon) for t in begun) for g, _ in reported), len(reported)),
        ground_inside=_tally([_inside(t.ground_from, p["ground_after"], p["ground_by"]) for p, t in pairs]),
        ponds_inside=_tally(
            [
                _inside(t.ponds_from, p["ponds_after"], p["ponds_by"])
                for p, t in pairs
                if t.ponds_from is not None and t.ponds_from <= last
            ]
        ),
        area_covered=_tally(
            [p["pond_area_low_m2"] <= t.pond_area_m2 <= p["pond_area_high_m2"] for p, t in pairs if t in due]
        ),
    )


def _tally(values: list[bool]) -> tuple[int, int]:
    return sum(values), len(values)


def _inside(true: date, after: str | None, by: str | None) -> bool:
    begun_after = after is None or date.fromisoformat(after) < true
    return by is not None and begun_after and true <= date.fromisoformat(by)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
