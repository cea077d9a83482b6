"""Ten years of monthly runs over worlds shaped like the published record of Wa State: 3 sites of 2015 become 28.

Writes `wa.svg` (sites over time: the truth, the reported onset intervals, and what monthly runs had reported by then)
and the figures and the table of `../wa.md`, between its markers.

Run from the checkout, with the development tools: .venv/bin/python docs/pictures/wa.py

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
from matplotlib import rc_context
from matplotlib.figure import Figure

from pipeline.config import load
from pipeline.engine import usable_cores
from pipeline.evaluation.scores import MIN_PONDS
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
BEGIN, STOP = "<!-- begin {} -->\n", "<!-- end {} -->"
"""Around what is replaced in the page."""


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
class Record:
    """What monthly runs reported of a place."""

    place: Place
    """Where, and the truth."""
    ponds: int
    """How many round ponds there are at the end."""
    diameter_m: float
    """Their mean diameter."""
    known_on: date | None
    """Day of the look after which the site was first reported; None = never."""
    after: date | None
    """Onset of ponds after this day, as reported at the end; None = there from the first look on, or not reported."""
    by: date | None
    """Onset of ponds by this day, as reported at the end; None = not reported then."""
    confidence: float
    """As reported at the end, 0 where not reported."""
    false: int
    """False sites reported at the end."""


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
        if site is not None and site.ponds_from is not None and sum(not p.square for p in site.ponds) >= MIN_PONDS:
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


def monitored(place: Place) -> Record:
    """Ten years of monthly runs over one place."""
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
    return Record(
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
    """Monitor all places, then write picture and page."""
    records: list[Record] = []
    with (
        ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn")) as pool,
        Progress().stage("Ten years", len(places()), unit="places") as step,
    ):
        for one in pool.map(monitored, places()):
            records.append(one)
            step(1)
    draw(records, HERE / "wa.svg")
    page = HERE.parent / "wa.md"
    text = page.read_text(encoding="utf-8")
    for name, lines in (("figures", figures(records)), ("table", table(records))):
        head, _, rest = text.partition(BEGIN.format(name))
        _, end, tail = rest.partition(STOP.format(name))
        text = f"{head}{BEGIN.format(name)}{chr(10).join(lines)}\n{end}{tail}"
    page.write_text(text, encoding="utf-8")


def draw(records: list[Record], path: Path) -> None:
    """Sites over time: truth, reported intervals, and what was reported by then."""
    dated = [one for one in records if one.by is not None]
    with rc_context({"svg.hashsalt": "wa", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure((8.4, 4.6), layout="constrained")
        axes = figure.subplots()
        days = [START + timedelta(days=k) for k in range(0, (END - START).days + 1, 5)]
        surely = [sum(one.by <= day for one in dated if one.by) for day in days]
        perhaps = [sum((one.after or START) <= day for one in dated) for day in days]
        axes.fill_between(days, surely, perhaps, facecolor="#0072b2", edgecolor="#0072b2", alpha=0.35, linewidth=1.2,
                          label="reported at the end: certainly built, and perhaps built")  # fmt: skip
        true = [sum(one.place.begun <= day for one in records) for day in days]
        axes.plot(days, true, color="#222222", linewidth=1.8, label="true number with ponds")
        known = [sum(one.known_on is not None and one.known_on <= day for one in records) for day in days]
        axes.plot(days, known, color="#d55e00", linewidth=1.8, linestyle="--", label="reported by then in monthly runs")
        axes.set(xlim=(START, END), ylim=(0, 30), ylabel="sites")
        axes.grid(color="#eeeeee")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left", frameon=False)
        axes.set_title(
            f"Sites over ten years: {len(records)} SIMULATED sites, as many as published for Mong Bawk and Mong Yawn",
            loc="left", size=10,
        )  # fmt: skip
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def figures(records: list[Record]) -> list[str]:
    """What the table shows, in a few lines."""
    dated = [one for one in records if one.by is not None]
    inside = sum((one.after or date.min) < one.place.begun <= one.by for one in dated if one.by)
    seen = [one for one in records if one.place.begun >= START]
    late = sorted((one.known_on - one.place.begun).days for one in seen if one.known_on)
    false, km2 = sum(one.false for one in records), len(records) * (SIDE_PX / 100) ** 2
    where = ", ".join(str(number) for number, one in enumerate(records, start=1) if one.false)
    return [
        f"- Of {len(records)} sites {len(dated)} are reported at the end; for {inside} of these the ponds began inside "
        "the reported interval.",
        f"- False sites reported at the end: {f'{false}, near site {where},' if false else 'none'} in {km2:.0f} km².",
        f"- Half of the sites were first reported within {late[len(late) // 2] if late else 0} days of their first "
        "ponds.",
    ]


def table(records: list[Record]) -> list[str]:
    """One row per site."""
    head = [
        "| | around | ponds | first ponds, truth | pond onset, reported at the end | first reported on | confidence |",
        "|---|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {number} | {one.place.area} | {one.ponds} of {one.diameter_m:.0f} m | {one.place.begun} | {_dates(one)} | "
        f"{one.known_on or 'never'} | {f'{one.confidence:.2f}' if one.by else ''} |"
        for number, one in enumerate(records, start=1)
    ]
    return [*head, *rows]


def _dates(one: Record) -> str:
    return "not reported" if one.by is None else f"{one.after or 'before the first look'} to {one.by}"


if __name__ == "__main__":
    main()
