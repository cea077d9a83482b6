"""A scan lived through look by look: what was announced when, under which name, and whether it was right.

After each look the sites are found, dated and named anew from all looks so far, as a monthly scan does. Now and then
the model is exchanged for another one, which makes all looks anew.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from shapely.geometry.base import BaseGeometry

from pipeline.evaluation.rates import interval_text, rate
from pipeline.evaluation.scores import LEAST_PONDS
from pipeline.evaluation.trials import GRID, ObservedWorld, Trial, TrialRunner, each_of
from pipeline.evaluation.truth import TrueSite
from pipeline.evidence.cells import CellMemory, EvidenceCache
from pipeline.grid import PIXEL_M
from pipeline.progress import Progress
from pipeline.sites.names import Registry

SOON = 1
"""An announcement is soon when it comes so many clear looks after the first with ponds, or fewer."""
MONTHS = 36
"""So long a scan is lived through."""
EXCHANGES = 2
"""So often the model is exchanged then, where there is another one."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a scan said of one world."""

    km2_years: float
    """Ground seen, times the years it was watched."""
    announced: int
    """Sites announced."""
    false: int
    """Of those, on no true site."""
    delays: tuple[int | None, ...]
    """Clear looks with ponds before the one after which a site was announced, None = never; of each true site of six
    ponds or more that first had ponds while the scan went on, and was seen with them."""
    known: int
    """Sites that were known by some id."""
    switches: int
    """Times that the id of a site changed from one look to the next at which it was reported."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Lives a scan through, in a worker process."""

    runners: tuple[TrialRunner, ...]
    """With the models that take turns ..."""
    exchanges: int
    """... so many times."""

    def __call__(self, trial: Trial) -> ReplayResult:
        """One world."""
        observed = [runner.observed(trial) for runner in self.runners]
        world, days = observed[0], [look.day for look in observed[0].looks]
        caches = [EvidenceCache(CellMemory(), r.settings.evidence, world.aoi.digest) for r in self.runners]
        registry, reports = Registry("SIM"), []
        for count in range(1, len(days) + 1):
            turn = (count - 1) * (self.exchanges + 1) // len(days) % len(self.runners)
            runner = self.runners[turn]
            derived = runner.derived(world.aoi, observed[turn].looks[:count], caches[turn])
            least, link_m = runner.settings.sites.min_confidence, runner.settings.sites.link_m
            kept = [found.site.polygon_m for found in derived.sites if found.confidence >= least]
            registry, ids = registry.named(kept, GRID, link_m)
            reports.append(list(zip(ids, kept, strict=True)))
        return _result(world, days, reports)


Reports = Sequence[Sequence[tuple[str, BaseGeometry]]]
"""After each look, id and outline of each reported site."""


def _result(world: ObservedWorld, days: Sequence[date], reports: Reports) -> ReplayResult:
    """What reports after each look were worth."""
    truth = world.truth
    first = {name: polygon for sites in reversed(reports) for name, polygon in sites}
    known_by = [_ids_of(site, reports) for site in truth]
    eligible = [(s, ids) for s, ids in zip(truth, known_by, strict=True) if _began(s, days[0])]
    km2 = float(world.stack().clear.any(axis=0).sum()) * PIXEL_M**2 / 1e6
    return ReplayResult(
        km2_years=km2 * (days[-1] - days[0]).days / 365.25,
        announced=len(first),
        false=sum(not any(polygon.intersects(t.polygon) for t in truth) for polygon in first.values()),
        delays=tuple(_delay(site, ids, days) for site, ids in eligible),
        known=sum(any(ids) for ids in known_by),
        switches=sum(_switches(ids) for ids in known_by),
    )


def replay(trials: list[Trial], how: Replay, workers: int, progress: Progress) -> list[ReplayResult]:
    """All trials lived through, in order. Raises `PipelineError` when one fails."""
    return each_of(trials, how, workers, progress, "Living scans through")


def replay_table(worlds: Sequence[ReplayResult]) -> str:
    """One line per figure."""
    delays = sorted(float("inf") if delay is None else delay for world in worlds for delay in world.delays)
    soon = rate(worlds, lambda w: (sum(delay is not None and delay <= SOON for delay in w.delays), len(w.delays)))
    false = rate(worlds, lambda w: (w.false, w.announced))
    per_area = rate(worlds, lambda w: (w.false, w.km2_years / 1000), proportion=False)
    rows = {
        "worlds": f"{len(worlds)} ({sum(w.km2_years for w in worlds):,.0f} km² x years)",
        "announcements that are not sites": interval_text(false),
        "  per 1,000 km² and year": f"{per_area.value:.2f} ({per_area.low:.2f} to {per_area.high:.2f})",
        "announced within 1 further clear look": interval_text(soon),
        "median delay, further clear looks": f"{delays[len(delays) // 2]:g}" if delays else "none to judge",
        "never announced": f"{delays.count(float('inf'))} of {len(delays)}",
        "id switches": f"{sum(w.switches for w in worlds)} in {sum(w.known for w in worlds)} sites",
    }
    return "\n".join(f"{name:38} {words}" for name, words in rows.items())


def _began(site: TrueSite, first: date) -> bool:
    """Whether a site's ponds came while the scan went on, and were seen."""
    begun = site.ponds_from is not None and site.ponds_from > first
    return begun and site.n_ponds >= LEAST_PONDS and bool(site.pond_days)


def _ids_of(site: TrueSite, reports: Reports) -> list[str | None]:
    """After each look the id of the reported site that covers most of a true one."""
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
    """Clear looks with ponds before the one after which a site was announced; 0: at the first of them, or before."""
    named = [day for day, name in zip(days, ids, strict=True) if name is not None]
    return max(0, bisect_right(site.pond_days, named[0]) - 1) if named else None
