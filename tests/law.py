"""The law of what stands, tried on random sequences of runs.

    With settings, model, judgement and reviews unchanged, what is said of a site changes only in a run that has new
    clear looks of that site's ground.

A sequence is a scan of a small simulated place by two models that see it differently: each run has a model, a period, a
limit of spending, looks that fail, and scenes that are not there. Looks are made by hand; evidence, sites, histories,
confidence, names and what is published are those of a run.

python tests/law.py 1000        try so many sequences; prints the first that breaks the law
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from time import monotonic

import numpy as np
from shapely.geometry.base import BaseGeometry

from pipeline.aoi import Aoi
from pipeline.config import Settings, load
from pipeline.evidence.cells import CellMemory, EvidenceCache
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.looks.calibration import Calibration
from pipeline.looks.look import Look, LookArray
from pipeline.looks.observe import CLEAR, NO_VALUE, NOT_CLEAR
from pipeline.looks.weights import load_model
from pipeline.progress import Progress
from pipeline.run.derive import derive
from pipeline.sites.names import PublishedStatus, RegisteredSite, Registry
from pipeline.sites.registry import registry_text
from pipeline.sites.standing import Rules, Said, publish
from pipeline.sites.statement import Provenance, statement_of
from pipeline.sources.acquisitions import Acquisition

GRID = Grid(32647)
PLACE = Window(-243_200, 53_056, 64, 128)
"""The place; 1.3 km long."""
FIRST = date(2024, 1, 3)
SCENES = 14
"""Overpasses that there are in all."""
EVERY_DAYS = 21
MODELS = ("one", "two")
RUNS = 8
"""In a sequence."""


@dataclass(frozen=True)
class Ground:
    """A true site, or what looks like one to a model."""

    window: Window
    begins: int
    """Number of the overpass from which on it is there ..."""
    ends: int
    """... and up to which."""
    seen_by: tuple[str, ...]
    """Models that see ponds there."""


@dataclass(frozen=True)
class RunOf:
    """One run of a sequence."""

    model: str
    first: int
    """Overpasses of the period."""
    last: int
    missing: frozenset[int]
    """Overpasses that the source does not list this time."""
    failing: frozenset[int]
    """Overpasses whose look fails."""
    limit: int
    """Looks that may be made."""


@dataclass
class Sequence:
    """A place, its looks and its registry, run after run."""

    rng: np.random.Generator
    grounds: list[Ground]
    looks: dict[str, dict[int, Look]] = field(default_factory=lambda: {model: {} for model in MODELS})
    registry: Registry = field(default_factory=lambda: Registry("LAW"))
    on: date = date(2026, 1, 1)

    @classmethod
    def of(cls, seed: int) -> "Sequence":
        """A place that follows from a seed."""
        rng = np.random.default_rng([seed, 41])
        grounds = []
        for number in range(int(rng.integers(1, 4))):
            size = int(rng.integers(9, 15))
            col = PLACE.col + 6 + 40 * number + int(rng.integers(0, 12))
            window = Window(PLACE.row + int(rng.integers(4, 40)), col, size, size)
            begins, lasts = int(rng.integers(-2, 6)), int(rng.integers(3, SCENES + 4))
            seen_by = MODELS if rng.random() < 0.7 else (MODELS[int(rng.integers(2))],)
            grounds.append(Ground(window, begins, begins + lasts, seen_by))
        if rng.random() < 0.4:  # two that grow together
            one = grounds[0].window
            grounds.append(
                Ground(Window(one.row, one.col + one.width, one.height, 8), int(rng.integers(4, 10)), 99, MODELS)
            )
        return cls(rng, grounds)

    def any_run(self) -> RunOf:
        """A run, drawn."""
        first = int(self.rng.integers(0, SCENES))
        every = self.rng.random() < 0.3
        return RunOf(
            model=MODELS[int(self.rng.random() < 0.25)],
            first=0 if every else first,
            last=SCENES if every else first + int(self.rng.integers(1, 7)),
            missing=self._some(0.2),
            failing=self._some(0.2),
            limit=int(self.rng.choice([0, 1, 2, 99])),
        )

    def run(self, how: RunOf) -> list[Look]:
        """Do a run; returns the looks that it made."""
        wanted = [k for k in range(how.first, min(how.last, SCENES)) if k not in how.missing]
        kept = self.looks[how.model]
        made = [k for k in wanted if k not in kept and k not in how.failing][: how.limit]
        kept |= {k: self._look(k, how.model) for k in made}
        self._publish(how.model)
        self.on += timedelta(days=1)
        return [kept[k] for k in made]

    def _some(self, share: float) -> frozenset[int]:
        return frozenset(np.flatnonzero(self.rng.random(SCENES) < share).tolist())

    def _look(self, number: int, model: str) -> Look:
        """What a model makes of an overpass: the same whenever it is made."""
        rng = np.random.default_rng([number, self.grounds[0].window.col, -self.grounds[0].window.row])
        clear = rng.random() < 0.75
        states = np.full(PLACE.shape, CLEAR if clear else NOT_CLEAR, np.uint8)
        states[:, : int(rng.integers(0, 90))] = NOT_CLEAR if rng.random() < 0.6 else CLEAR
        pond, mine = (rng.integers(0, 9, PLACE.shape).astype(np.uint8) for _ in range(2))
        for ground in self.grounds:
            rows, cols = ground.window.within(PLACE)
            there = ground.begins <= number < ground.ends and model in ground.seen_by
            mine[rows, cols] = 170 if there else 15
            strength = int(rng.choice([150, 120, 60, 20])) if there else 5
            pond[rows, cols] = np.where((np.indices(ground.window.shape) % 4 < 2).all(axis=0), strength, 4)
        planes = np.stack([np.where(states == CLEAR, plane, NO_VALUE) for plane in (pond, mine)] + [states])
        day = FIRST + timedelta(days=EVERY_DAYS * number)
        name = f"{day:%Y%m%d}-S2A"
        taken = Acquisition(
            name, datetime.combine(day, time(4), UTC), "S2A", (98.0, 21.0, 99.0, 22.0), tile="47QKA", baseline="05.11"
        )
        return Look(
            name=f"b/{name}", extent=PLACE, windows=(PLACE,), day=day, overpass=name, acquisitions=(taken,),
            clear_share=float((states == CLEAR).mean()), key=f"{model} {number}", generation=0,
            pixels=LookArray(planes.astype(np.uint8), PLACE),
        )  # fmt: skip

    def _publish(self, model: str) -> None:
        settings, looks = settings_of_law(), [look for _, look in sorted(self.looks[model].items())]
        cache = EvidenceCache(CellMemory(), settings.evidence)
        derived = derive(area(), looks, cache, settings, calibration(), Progress(quiet=True))
        run_id = f"{model} " + " ".join(look.key.split()[1] for look in looks)
        provenance = Provenance("law", True, model, run_id)
        said = [
            Said(item.site.polygon_m, statement_of("", item, GRID, settings, provenance))
            for item in derived.sites
            if item.confidence >= settings.sites.min_confidence
        ]
        rules = Rules(
            recipe=model, judgement="", confirm_looks=settings.sites.confirm_looks,
            min_share_seen=settings.history.min_share_seen, link_m=settings.sites.link_m,
        )  # fmt: skip
        known = [entry.site_id for entry in self.registry.entries if entry.statement]
        found = publish(self.registry, said, known, derived.archive, GRID, rules, self.on, run_id)
        self.registry = found.registry


@lru_cache(maxsize=1)
def settings_of_law() -> Settings:
    """The defaults, with small cells, a low bar, so that there is much to say, and one that judgement can fall below."""
    base = load(None)
    return base.model_copy(
        update={
            "coverage": base.coverage.model_copy(update={"cell_px": 128}),
            "sites": base.sites.model_copy(update={"min_confidence": 0.35}),
        }
    )


@lru_cache(maxsize=1)
def calibration() -> Calibration:
    """That of the shipped model."""
    return load_model(load(None).model, "cpu", "fp32").card.calibrated()


@lru_cache(maxsize=1)
def area() -> Aoi:
    """The place as an AOI."""
    return Aoi("law", "Law", "LAW", reprojected(PLACE.polygon_m.buffer(-1.0), GRID.crs, LONLAT))


def broken_by(seed: int, runs: Iterable[RunOf] | None = None) -> str | None:
    """How a sequence of runs at a place breaks the law, None if it does not; without `runs` some are drawn."""
    sequence = Sequence.of(seed)
    steps: list[tuple[RunOf, list[Look], Registry]] = []
    for how in runs or [sequence.any_run() for _ in range(RUNS)]:
        made = sequence.run(how)
        steps.append((how, made, sequence.registry))
    for (before, _, old), (now, made, new) in pairwise(steps):
        if not {entry.site_id for entry in old.entries} <= {entry.site_id for entry in new.entries}:
            return f"seed {seed}: a name was lost"
        if now.model == before.model:
            if not made and "".join(registry_text(old)) != "".join(registry_text(new)):
                return f"seed {seed}: a run without a new look changed the registry"
            for change in changes(old, new):
                if not any(shows(look, ground) for look in made for ground in change.grounds):
                    return f"seed {seed}: {change.site_id} changed without a new clear look ({now})"
        for change in changes(old, new):
            looks = sequence.looks[now.model].values()
            clear = [look.day for look in looks if any(shows(look, ground) for ground in change.grounds)]
            enough = settings_of_law().sites.confirm_looks
            if change.by not in ("", now.model) and len(clear) < min(enough, change.rested_on):
                return f"seed {seed}: {change.site_id} changed by {len(clear)} clear looks of another model ({now})"
            if change.had_ponds is not None and sum(day >= change.had_ponds for day in clear) < enough:
                return f"seed {seed}: {change.site_id} was withdrawn by {len(clear)} clear looks ({now})"
    return None


@dataclass(frozen=True)
class ChangeOf:
    """A site of which something else is said."""

    site_id: str
    grounds: tuple[BaseGeometry, ...]
    """Its ground as it was and as it is published, lon/lat."""
    by: str
    """The model that said what stood before; empty = nothing stood."""
    rested_on: int
    """Number of clear looks that this rested on, since the ponds were there."""
    had_ponds: date | None
    """Since when a site that was withdrawn was said to have ponds; None = it was not withdrawn."""


def changes(old: Registry, new: Registry) -> Iterator[ChangeOf]:
    """The sites of which something else is said."""
    before = {entry.site_id: entry for entry in old.entries}
    for entry in new.entries:
        earlier = before.get(entry.site_id, RegisteredSite(entry.site_id, entry.territory))
        if earlier.statement != entry.statement:
            said = [one.statement.site.polygon for one in (earlier, entry) if one.statement is not None]
            by = earlier.basis.recipe if earlier.statement and earlier.basis else ""
            gone = entry.published[-1].status is PublishedStatus.WITHDRAWN
            since = earlier.statement.had_ponds()[0] if earlier.statement else None
            rested_on = sum(look.day >= since for look in earlier.statement.looks) if earlier.statement and since else 0
            yield ChangeOf(entry.site_id, tuple(said), by, rested_on, since if gone else None)


def shows(look: Look, ground: BaseGeometry) -> bool:
    """Whether a look shows any of a ground clear."""
    west, south, east, north = reprojected(ground, LONLAT, GRID.crs).bounds
    part = Window(round(-north / 10), round(west / 10), round((north - south) / 10), round((east - west) / 10))
    return bool((look.pixels.read(part)[2] == CLEAR).any())


def said(seed: int) -> tuple[int, int]:
    """How many sites a sequence publishes in all, and how many it withdraws: that there is something to judge."""
    sequence = Sequence.of(seed)
    for how in [sequence.any_run() for _ in range(RUNS)]:
        sequence.run(how)
    entries = sequence.registry.entries
    return len(entries), sum(entry.statement is None for entry in entries)


def main(count: int) -> int:
    """Try so many sequences; returns the exit code."""
    begun, sites, withdrawn = monotonic(), 0, 0
    for seed in range(count):
        broken = broken_by(seed)
        if broken:
            print(broken)
            return 1
        if seed % 10 == 0:
            found, gone = said(seed)
            sites, withdrawn = sites + found, withdrawn + gone
    print(
        f"{count} sequences of {RUNS} runs hold; in every tenth of them {sites} sites were published and {withdrawn} "
        f"of them withdrawn or merged ({monotonic() - begun:.0f} s)"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
