"""A scan of ten years over worlds shaped like the published record of Wa State: 3 sites of 2015 that become 28.

Writes `wa.svg` (sites over time: the truth, the dates told at the end with their intervals, and what a monthly scan
knew at the time) and `../wa.md` (the table of first appearances).

Run from the checkout: .venv/bin/python docs/pictures/wa.py

Published: 3 mines around Mong Bawk in 2015 and 26 or more in mid-2025 (SHRF), 2 at Mong Yawn since early 2025
(Reuters). When those between were opened is not in print; here the number grows by the same share each year.
"""

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from pipeline.config import load
from pipeline.engine import usable_cores
from pipeline.evaluation.scores import LEAST_PONDS
from pipeline.evaluation.trials import TrialRunner
from pipeline.evidence.cells import CellMemory, EvidenceCache
from pipeline.progress import Progress
from pipeline.sites.confidence import AssessedSite
from pipeline.worlds.atmosphere import cloud_share
from pipeline.worlds.ponds import SitePlan
from pipeline.worlds.world import World, make_world

HERE = Path(__file__).parent
FIRST_SEED = 990_000_001
SIDE_PX = 256
START, END = date(2016, 1, 1), date(2025, 12, 31)
"""Sentinel-2 has looked at this ground since late 2015."""
TWO_FROM = date(2017, 7, 1)
"""Until then one satellite flew, and overpasses were half as many."""
KNOWN = {"Mong Bawk": 26, "Mong Yawn": 2}
WIDE, HIGH, LEFT, TOP = 760, 360, 46, 56


@dataclass(frozen=True, slots=True)
class Place:
    """One world with one site."""

    seed: int
    """Of the world."""
    area: str
    """A key of `KNOWN`."""
    begun: date
    """Day its first ponds are there."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a scan said of a place."""

    place: Place
    """Where, and the truth."""
    ponds: int
    """How many round ponds there are at the end."""
    diameter_m: float
    """Their mean diameter."""
    known_on: date | None
    """Day of the look after which the scan first reported it; None = never."""
    after: date | None
    """Ponds after this day, as told at the end; None = there from the first look on, or not reported."""
    by: date | None
    """Ponds by this day, as told at the end; None = not reported then."""
    confidence: float
    """As told at the end, 0 where not reported."""
    false: int
    """Sites reported at the end that are none."""


def places() -> list[Place]:
    """The 28, by the day of their first ponds."""
    bawk = [2015.5 + 10 * math.log(max(n, 3) / 3) / math.log(26 / 3) for n in range(1, 27)]
    years = [(year - 0.3 * (2 - n) if n < 3 else year, "Mong Bawk") for n, year in enumerate(bawk)]
    years += [(2025.10, "Mong Yawn"), (2025.15, "Mong Yawn")]
    days = [(date(int(y), 1, 1) + timedelta(days=int((y % 1) * 365)), area) for y, area in sorted(years)]
    return [Place(FIRST_SEED + k, area, day) for k, (day, area) in enumerate(days)]


def world_of(place: Place) -> World:
    """The world of a place; of the first plans that fit, one with six ponds or more, moved in time."""
    for turn in range(100):
        world = make_world(place.seed + 1000 * turn, SIDE_PX, "shan", START, END, 1)
        (site,) = world.sites or (None,)
        if site is not None and site.ponds_from is not None and sum(not p.square for p in site.ponds) >= LEAST_PONDS:
            return replace(world, sites=(moved(site, place.begun - site.ponds_from),))
    raise SystemExit(f"{place}: no world has room for it")


def moved(site: SitePlan, by: timedelta) -> SitePlan:
    """The same life at another time."""
    ponds = tuple(replace(p, built_on=p.built_on + by, later_on=p.later_on + by) for p in site.ponds)
    return replace(
        site,
        ground_from=site.ground_from + by,
        ponds_from=site.ponds_from + by if site.ponds_from else None,
        ended_on=site.ended_on + by if site.ended_on else None,
        idle=(site.idle[0] + by, site.idle[1] + by) if site.idle else None,
        ponds=ponds,
    )


def passes(seed: int) -> list[tuple[date, float]]:
    """One look a month: the clearest of its overpasses, and its share of cloud."""
    rng, chosen = np.random.default_rng([seed, 6]), []
    for number in range(START.year * 12, END.year * 12 + 12):
        first = date(number // 12, number % 12 + 1, 1)
        days = [first + timedelta(days=k) for k in range(int(rng.integers(5)), 28, 5 if first >= TWO_FROM else 10)]
        share, day = min((cloud_share(rng, day), day) for day in days)
        chosen.append((day, share))
    return chosen


def lived(place: Place) -> Told:
    """A scan of ten years over one place."""
    settings = load(None)
    segment = settings.segment.model_copy(update={"window_px": SIDE_PX})  # saves reading what lies beyond the world
    settings = settings.model_copy(update={"segment": segment})
    runner, world = TrialRunner(settings), world_of(place)
    seen = runner.observed_world(world, passes(world.seed))
    cache = EvidenceCache(CellMemory(), settings.evidence, seen.aoi.digest)
    true, known_on = seen.truth[0], None
    kept: list[AssessedSite] = []
    here: list[AssessedSite] = []
    for count, look in enumerate(seen.looks, start=1):
        if look.clear_share == 0:
            continue
        found = runner.derived(seen.aoi, seen.looks[:count], cache).sites
        kept = [item for item in found if item.confidence >= settings.sites.min_confidence]
        here = [item for item in kept if item.site.polygon_m.intersects(true.polygon)]
        if here and known_on is None:
            known_on = look.day
    best = max(here, key=lambda item: item.confidence, default=None)
    onset = best.history.ponds if best else None
    return Told(
        place=place,
        ponds=true.n_ponds,
        diameter_m=true.pond_diameter_m,
        known_on=known_on,
        after=onset.after if onset else None,
        by=onset.by if onset else None,
        confidence=best.confidence if best else 0.0,
        false=len(kept) - len(here),
    )


def main() -> None:
    """Live all places through and write picture and table."""
    told: list[Told] = []
    with (
        ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn")) as pool,
        Progress().stage("Ten years", len(places()), unit="places") as step,
    ):
        for one in pool.map(lived, places()):
            told.append(one)
            step(1)
    (HERE / "wa.svg").write_text(picture(told), encoding="utf-8")
    (HERE.parent / "wa.md").write_text(page(told), encoding="utf-8")


def picture(told: list[Told]) -> str:
    """Sites over time: truth, dates told at the end, and what was known at the time."""
    dated = [one for one in told if one.by is not None]
    low = [one.by for one in dated if one.by]
    high = [one.after or START for one in dated]
    band = [*_steps(sorted(high), END), *reversed(_steps(sorted(low), END))]
    true = _line(_steps(sorted(one.place.begun for one in told), END))
    known = _line(_steps(sorted(one.known_on for one in told if one.known_on), END))
    ticks = "".join(
        f'<path d="M{_x(date(year, 1, 1)):.1f} {TOP}V{TOP + HIGH}" stroke="#eee"/>'
        f'<text x="{_x(date(year, 1, 1)):.1f}" y="{TOP + HIGH + 16}" text-anchor="middle" fill="#666">{year}</text>'
        for year in range(START.year, END.year + 2)
    ) + "".join(
        f'<path d="M{LEFT} {_y(n):.1f}H{LEFT + WIDE}" stroke="#eee"/>'
        f'<text x="{LEFT - 6}" y="{_y(n) + 4:.1f}" text-anchor="end" fill="#666">{n}</text>'
        for n in range(0, 31, 5)
    )
    words = (
        '<path d="M60 84h26" stroke="#222" stroke-width="2"/><text x="92" y="88">true number with ponds</text>'
        '<rect x="60" y="97" width="26" height="12" fill="#0072b2" opacity="0.35"/>'
        '<text x="92" y="108">by the dates told at the end: surely built, and perhaps built</text>'
        '<path d="M60 124h26" stroke="#d55e00" stroke-width="2" stroke-dasharray="5 3"/>'
        '<text x="92" y="128">what a monthly scan had announced by then</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDE + 30}" height="{TOP + HIGH + 30}" '
        'font-family="sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
        '<text x="10" y="20" font-size="14" font-weight="bold">Sites over ten years (simulated)</text>'
        f'<text x="10" y="38" fill="#666">{len(told)} simulated sites, as many as published for Mong Bawk and '
        f"Mong Yawn; one look a month</text>{ticks}"
        f'<polygon points="{_points(band)}" fill="#0072b2" opacity="0.35"/>'
        f'<path d="{true}" fill="none" stroke="#222" stroke-width="2"/>'
        f'<path d="{known}" fill="none" stroke="#d55e00" stroke-width="2" stroke-dasharray="5 3"/>{words}</svg>\n'
    )


def page(told: list[Told]) -> str:
    """The table of first appearances, and what it shows."""
    dated = [one for one in told if one.by is not None]
    inside = sum((one.after or date.min) < one.place.begun <= one.by for one in dated if one.by)
    late = sorted((one.known_on - one.place.begun).days for one in told if one.known_on and one.place.begun >= START)
    rows = [
        f"| {number} | {one.place.area} | {one.ponds} of {one.diameter_m:.0f} m | {one.place.begun} | {_dates(one)} | "
        f"{one.known_on or 'never'} | {f'{one.confidence:.2f}' if one.by else ''} |"
        for number, one in enumerate(told, start=1)
    ]
    return f"""# Ten years over Wa State (simulated)

The published record counts 3 sites around Mong Bawk in 2015 and 26 or more in mid-2025, and 2 at Mong Yawn since early
2025. These are worlds with as many sites at such times; none of them is a real place, and when the real ones between
were opened is not in print. Each was looked at once a month, at the clearest overpass, and a scan was lived through
month by month. `docs/pictures/wa.py` makes all of it anew.

![Number of sites over time: the truth, the dates told at the end, and what the scan knew at the time](pictures/wa.svg)

- Of {len(told)} sites {len(dated)} are reported at the end; of {inside} the ponds truly began inside the interval told.
- {sum(one.false for one in told)} reported at the end are no site, in {len(told) * (SIDE_PX / 100) ** 2:.0f} km².
- Half of the announcements came within {late[len(late) // 2] if late else 0} days of the first ponds.

The blue band counts sites that had surely been built by a day (its lower edge) and those that perhaps had (its upper
edge). It says nothing of sites that were never found: the gap between it and the black line.

| | around | ponds | first ponds, truth | told at the end | announced on | confidence |
|---|---|---|---|---|---|---|
{chr(10).join(rows)}
"""


def _dates(one: Told) -> str:
    return "not reported" if one.by is None else f"{one.after or 'before the first look'} to {one.by}"


def _steps(days: list[date], end: date) -> list[tuple[float, float]]:
    """Corners of a line that rises by one on each day, pixels."""
    corners = [(_x(START), _y(0))]
    for number, day in enumerate(days, start=1):
        x = max(_x(START), _x(day))
        corners += [(x, _y(number - 1)), (x, _y(number))]
    return [*corners, (_x(end), _y(len(days)))]


def _line(corners: list[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)


def _points(corners: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _x(day: date) -> float:
    return LEFT + WIDE * (day - START).days / (END - START).days


def _y(number: float) -> float:
    return TOP + HIGH * (1 - number / 30)


if __name__ == "__main__":
    main()
