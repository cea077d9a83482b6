"""Replays a scan look by look: when each site was announced, under which id, and whether it was true.

After each look the sites are found, dated and named again from all looks so far, as in a monthly scan. At times the
model is replaced by another one, which makes all looks again.

A site is a place with ponds: a report on ground where ponds were built only later was false when it was made.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from shapely.geometry.base import BaseGeometry

from pipeline.evaluation.rates import interval_text, rate
from pipeline.evaluation.scores import MIN_PONDS
from pipeline.evaluation.trials import GRID, ObservedWorld, Trial, TrialRunner, each_of
from pipeline.evaluation.truth import TrueSite
from pipeline.evidence.cells import CellMemory, EvidenceCache
from pipeline.grid import PIXEL_M
from pipeline.progress import Progress
from pipeline.sites.names import Registry

MAX_SOON_DELAY = 1
"""An announcement is soon when it comes at most this many clear looks after the first one with ponds."""
MONTHS = 36
"""Length of a replayed scan, months."""
MODEL_CHANGES = 2
"""How often the model is replaced during a scan, where there is another one."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Result of a scan of one world."""

    km2_years: float
    """Area seen times the length of the scan, km² x years."""
    announced: int
    """Number of sites announced."""
    false: int
    """Announced sites that lay on no true site with ponds by the day of the first report."""
    early: int
    """Those of them that lay on a true site, which had ponds only later or never."""
    delays: tuple[int | None, ...]
    """Delay of each eligible site that first had ponds during the scan, and was seen with them: clear looks with ponds
    before the one after which the site was announced; None = never announced since its ponds were seen."""
    known: int
    """True sites that were reported under some id."""
    switches: int
    """Times that the id of a true site changed from one look to the next at which it was reported."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Replays a scan, in a worker process."""

    runners: tuple[TrialRunner, ...]
    """One for each of the models, which take turns ..."""
    model_changes: int
    """... and are replaced this many times."""

    def __call__(self, trial: Trial) -> ReplayResult:
        """Replay the scan of one world."""
        observed = [runner.observed(trial) for runner in self.runners]
        world, days = observed[0], [look.day for look in observed[0].looks]
        caches = [EvidenceCache(CellMemory(), r.settings.evidence) for r in self.runners]
        registry, reports = Registry("SIM"), []
        for count in range(1, len(days) + 1):
            turn = (count - 1) * (self.model_changes + 1) // len(days) % len(self.runners)
            runner = self.runners[turn]
            derived = runner.derived(world.aoi, observed[turn].looks[:count], caches[turn])
            least, link_m = runner.settings.sites.min_confidence, runner.settings.sites.link_m
            kept = [item.site.polygon_m for item in derived.sites if item.confidence >= least]
            registry, ids = registry.with_ids(kept, GRID, link_m)
            reports.append(list(zip(ids, kept, strict=True)))
        return _result(world, days, reports)


Reports = Sequence[Sequence[tuple[str, BaseGeometry]]]
"""After each look, id and outline of each reported site."""


def _result(world: ObservedWorld, days: Sequence[date], reports: Reports) -> ReplayResult:
    """The result of a scan from its reports after each look."""
    truth = world.truth
    first = _first_reports(days, reports)
    false = [polygon for day, polygon in first if not _lies_on(polygon, _with_ponds(truth, day))]
    known_by = [_ids_of(site, reports) for site in truth]
    eligible = [(s, ids) for s, ids in zip(truth, known_by, strict=True) if _began(s, days[0])]
    km2 = float(world.stack().seen.any(axis=0).sum()) * PIXEL_M**2 / 1e6
    return ReplayResult(
        km2_years=km2 * (days[-1] - days[0]).days / 365.25,
        announced=len(first),
        false=len(false),
        early=sum(_lies_on(polygon, truth) for polygon in false),
        delays=tuple(_delay(site, ids, days) for site, ids in eligible),
        known=sum(any(ids) for ids in known_by),
        switches=sum(_switches(ids) for ids in known_by),
    )


def replay(trials: list[Trial], how: Replay, workers: int, progress: Progress) -> list[ReplayResult]:
    """The replays of all trials, in order. Raises `PipelineError` when one fails."""
    return each_of(trials, how, workers, progress, "Replaying scans")


def replay_table(worlds: Sequence[ReplayResult]) -> str:
    """One line per figure."""
    delays = sorted(float("inf") if delay is None else delay for world in worlds for delay in world.delays)
    soon = rate(
        worlds, lambda w: (sum(delay is not None and delay <= MAX_SOON_DELAY for delay in w.delays), len(w.delays))
    )
    false = rate(worlds, lambda w: (w.false, w.announced))
    per_area = rate(worlds, lambda w: (w.false, w.km2_years / 1000), proportion=False)
    rows = {
        "worlds": f"{len(worlds)} ({sum(w.km2_years for w in worlds):,.0f} km² x years)",
        "announcements that are not sites": interval_text(false),
        "  on a later site, before its ponds": f"{sum(w.early for w in worlds)} of {sum(w.false for w in worlds)}",
        "  per 1,000 km² and year": f"{per_area.value:.2f} ({per_area.low:.2f} to {per_area.high:.2f})",
        "announced within 1 further clear look": interval_text(soon),
        "median delay, further clear looks": f"{delays[len(delays) // 2]:g}" if delays else "none to judge",
        "never announced": f"{delays.count(float('inf'))} of {len(delays)}",
        "id switches": f"{sum(w.switches for w in worlds)} in {sum(w.known for w in worlds)} sites",
    }
    return "\n".join(f"{name:38} {words}" for name, words in rows.items())


def _first_reports(days: Sequence[date], reports: Reports) -> list[tuple[date, BaseGeometry]]:
    """Day and outline of the first report under each id."""
    told = list(zip(days, reports, strict=True))
    first = {name: (day, polygon) for day, sites in reversed(told) for name, polygon in sites}
    return list(first.values())


def _with_ponds(truth: Sequence[TrueSite], day: date) -> list[TrueSite]:
    """The true sites that had ponds by a day."""
    return [site for site in truth if site.ponds_from is not None and site.ponds_from <= day]


def _lies_on(polygon: BaseGeometry, sites: Sequence[TrueSite]) -> bool:
    return any(polygon.intersects(site.polygon) for site in sites)


def _began(site: TrueSite, first: date) -> bool:
    """Whether a site is eligible, and its ponds were built during the scan and seen."""
    begun = site.ponds_from is not None and site.ponds_from > first
    return begun and site.n_ponds >= MIN_PONDS and bool(site.pond_days)


def _ids_of(site: TrueSite, reports: Reports) -> list[str | None]:
    """After each look, the id of the reported site that covers most of a true one; None = none does."""
    ids: list[str | None] = []
    for sites in reports:
        shared = [(polygon.intersection(site.polygon).area, name) for name, polygon in sites]
        area, name = max(shared, default=(0.0, ""))
        ids.append(name if area > 0 else None)
    return ids


def _switches(ids: Sequence[str | None]) -> int:
    known = [name for name in ids if name is not None]
    return sum(one != other for one, other in pairwise(known))


def _delay(site: TrueSite, ids: Sequence[str | None], days: Sequence[date]) -> int | None:
    """Clear looks with ponds before the one after which a site was announced; 0 = by the first one, None = never.

    What was reported before the first of them cannot rest on its ponds; it counts if the report still stands then.
    """
    named = [day for day, name in zip(days, ids, strict=True) if name is not None and day >= site.pond_days[0]]
    return bisect_right(site.pond_days, named[0]) - 1 if named else None
