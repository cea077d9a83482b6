"""Scores by site, with the size of the set and a 95 % interval; never by pixel.

A true site is found when a reported site lies on it; a reported site on no true one is false. A true site is due when
it has six or more round ponds by the last day looked at. Intervals come from drawing whole cases anew (bootstrap), or,
where nothing or everything was right or cases are few, from the exact binomial bounds.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import pairwise

import numpy as np
from scipy.stats import beta

from pipeline.training.truth import Case, Reported, TrueSite
from pipeline.worlds.figures import figures

LEAST_PONDS = 6
"""A site with fewer ponds need not be found."""
LEAST_LOOKS = 2
"""Clear looks without which a site cannot be told from a passing error."""
LARGE_M, SMALL_M = 15.0, 10.0
"""Mean pond diameters between which sites are told apart, metres."""
DRAWS = 1000
"""Cases are drawn anew so many times."""
FEW = 10
"""With fewer cases than this there is nothing to draw anew: shares get the exact binomial interval."""
BINS = 10
"""Classes of confidence for the calibration error."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of how many, with a 95 % interval."""

    hits: float
    """How many."""
    of: float
    """Of how many (or of how much)."""
    low: float
    """Lower end of the interval of `value`."""
    high: float
    """Upper end."""

    @property
    def value(self) -> float:
        """Hits by `of`; 0 of nothing is 0."""
        return self.hits / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """By site."""

    cases: int
    """Pieces of ground."""
    km2: float
    """Their area; 0 = not known."""
    found: Rate
    """Due sites found."""
    found_seen: Rate
    """Of those, with at least two clear looks at them while they had ponds; with fewer nobody could have found them."""
    found_large: Rate
    """Of those, with ponds of 15 m and more."""
    found_small: Rate
    """Of those, with ponds of 10 to 15 m."""
    true: Rate
    """Reported sites that lie on a true one."""
    false_per_1000_km2: Rate
    """Reported sites on no true one, per 1,000 km²."""
    ground_inside: Rate
    """Found sites whose clearing began inside (ground_after, ground_by]."""
    ponds_inside: Rate
    """Found sites whose ponds began inside (ponds_after, ponds_by]."""
    area_ratio: Rate
    """Reported by true pond area, summed over found due sites."""
    area_covered: Rate
    """Found due sites whose true pond area lies in the 80 % interval."""
    calibration_error: float
    """Expected calibration error of the confidence, 0 to 1."""
    false_by_kind: dict[str, tuple[int, int]]
    """By kind of look-alike: how many of them a false site lies on, and how many there were."""

    def table(self) -> str:
        """One line per score."""
        rates = {
            "due sites found (6 or more ponds)": self.found,
            "  with two clear looks or more": self.found_seen,
            "  ponds of 15 m and more": self.found_large,
            "  ponds of 10 to 15 m": self.found_small,
            "reported sites that are true": self.true,
            "ground onset inside its interval": self.ground_inside,
            "pond onset inside its interval": self.ponds_inside,
            "pond area inside its 80 % interval": self.area_covered,
        }
        lines = [f"{'cases':36} {self.cases} ({self.km2:,.0f} km²)"]
        lines += [f"{name:36} {_told(rate)}" for name, rate in rates.items()]
        area, false = self.area_ratio, self.false_per_1000_km2
        lines.append(f"{'reported by true pond area':36} {area.value:.2f} ({area.low:.2f} to {area.high:.2f})")
        if self.km2:
            counted = f"{false.value:.1f} ({false.low:.1f} to {false.high:.1f}), {false.hits:.0f} in all"
            lines.append(f"{'false sites per 1,000 km²':36} {counted}")
        lines.append(f"{'expected calibration error':36} {self.calibration_error:.3f}")
        kinds = [f"{kind} {hit}/{all_}" for kind, (hit, all_) in sorted(self.false_by_kind.items()) if hit]
        return "\n".join([*lines, f"{'look-alikes under a false site':36} {', '.join(kinds) or 'none'}"])


def scores(cases: Sequence[Case], min_confidence: float) -> Scores:
    """Scores of what was reported with at least `min_confidence`."""
    kept = [_Judged(case, min_confidence) for case in cases]
    return Scores(
        cases=len(cases),
        km2=sum(case.km2 for case in cases),
        found=_rate(kept, lambda k: k.hits(k.due)),
        found_seen=_rate(kept, lambda k: k.hits([t for t in k.due if t.pond_looks >= LEAST_LOOKS])),
        found_large=_rate(kept, lambda k: k.hits([t for t in k.due if t.pond_diameter_m >= LARGE_M])),
        found_small=_rate(kept, lambda k: k.hits([t for t in k.due if SMALL_M <= t.pond_diameter_m < LARGE_M])),
        true=_rate(kept, lambda k: (len(k.reported) - len(k.false), len(k.reported))),
        false_per_1000_km2=_rate(kept, lambda k: (len(k.false), k.case.km2 / 1000), proportion=False),
        ground_inside=_rate(kept, lambda k: _tally(_inside(t.ground_from, r.ground) for t, r in k.pairs)),
        ponds_inside=_rate(
            kept, lambda k: _tally(_inside(t.ponds_from, r.ponds) for t, r in k.pairs if _among(t, k.ponded))
        ),
        area_ratio=_rate(kept, _areas, proportion=False),
        area_covered=_rate(kept, lambda k: _tally(_covers(t, r) for t, r in k.pairs if _among(t, k.due))),
        calibration_error=calibration_error(cases),
        false_by_kind=_by_kind(kept),
    )


def limits_table(cases: Sequence[Case], min_confidence: float) -> str:
    """Share of true sites with ponds that were found, by what they are like: would we have seen it?"""
    judged = [_Judged(case, min_confidence) for case in cases]
    lines = []
    for title, classes in _limits().items():
        lines += ["", title]
        for name, belongs in classes.items():
            lines.append(f"  {name:34} {_told(_rate(judged, partial(_found_among, belongs)))}")
    return "\n".join(lines[1:])


Belongs = Callable[[TrueSite], bool]


def _limits() -> dict[str, dict[str, Belongs]]:
    """The classes of `limits_table`; edges of diameters in metres."""
    return {
        "by mean diameter of its ponds, metres (any number from 3)": _classes(
            "pond_diameter_m", (8, 10, 12, 15, 18, 22, 31)
        ),
        "by number of ponds (any size)": _classes("n_ponds", (3, 6, 10, 15, 33)),
        "by clear looks at it while it had ponds": _classes("pond_looks", (0, 1, 3, 6, 16)),
        "by what most of its ponds are filled or covered with": {
            kind: partial(_is_filled, kind) for kind in figures().pond_colours
        },
    }


def _classes(what: str, edges: tuple[int, ...]) -> dict[str, Belongs]:
    """Classes from each edge up to, but not including, the next."""
    return {f"{low} to below {high}": partial(_lies, what, low, high) for low, high in pairwise(edges)}


def _lies(what: str, low: float, high: float, site: TrueSite) -> bool:
    return bool(low <= getattr(site, what) < high)


def _is_filled(kind: str, site: TrueSite) -> bool:
    return site.filling == kind


def _found_among(belongs: Belongs, judged: "_Judged") -> tuple[float, float]:
    return judged.hits([site for site in judged.with_ponds if belongs(site)])


def calibration_error(cases: Sequence[Case]) -> float:
    """Expected calibration error: the gap between confidence and share of true sites, weighed over classes."""
    judged = [_Judged(case, 0.0) for case in cases]
    pairs = [(r.confidence, not _among(r, k.false)) for k in judged for r in k.reported]
    if not pairs:
        return 0.0
    told, true = np.array([p for p, _ in pairs]), np.array([t for _, t in pairs], float)
    place = np.minimum((told * BINS).astype(int), BINS - 1)
    gaps = [abs(float((told - true)[place == b].sum())) for b in range(BINS)]
    return sum(gaps) / len(pairs)


class _Judged:
    """A case with its reported sites matched to its true ones."""

    def __init__(self, case: Case, min_confidence: float) -> None:
        self.case = case
        self.reported = [r for r in case.reported if r.confidence >= min_confidence]
        self.pairs = [(t, r) for t in case.truth for r in self.reported if r.polygon.intersects(t.polygon)]
        on_truth = {id(r) for _, r in self.pairs}
        self.false: list[Reported] = [r for r in self.reported if id(r) not in on_truth]
        self.ponded = [t for t in case.truth if t.ponds_from is not None and t.ponds_from <= case.last]
        alive = [t for t in self.ponded if t.ended_on is None or t.ended_on > case.first]
        self.with_ponds: list[TrueSite] = [t for t in alive if t.n_ponds]
        self.due: list[TrueSite] = [t for t in alive if t.n_ponds >= LEAST_PONDS]

    def hits(self, sites: Sequence[TrueSite]) -> tuple[int, int]:
        """How many of some true sites were found, and how many there are."""
        return sum(any(t is found for found, _ in self.pairs) for t in sites), len(sites)


def _among(one: object, many: Sequence[object]) -> bool:
    """Whether `one` itself is in `many`; equality of polygons would be slow and is not meant."""
    return any(one is other for other in many)


Counted = Callable[[_Judged], tuple[float, float]]


def _rate(judged: Sequence[_Judged], counted: Counted, proportion: bool = True) -> Rate:
    """A rate over cases; the interval by drawing cases anew, or exact where all or none hit."""
    pairs = np.array([counted(k) for k in judged], float).reshape(-1, 2)
    hits, of = pairs.sum(axis=0) if len(pairs) else (0.0, 0.0)
    if of == 0:
        return Rate(hits, of, 0.0, 1.0 if proportion else float("inf"))
    if proportion and (hits in (0, of) or len(pairs) < FEW):
        low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
        high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
        return Rate(float(hits), float(of), low, high)
    if hits == 0:
        return Rate(0.0, float(of), 0.0, 3.69 / float(of))  # exact upper bound of a Poisson rate with no event
    rng = np.random.default_rng(1)
    sums = pairs[rng.integers(0, len(pairs), (DRAWS, len(pairs)))].sum(axis=1)
    values = sums[:, 0] / np.maximum(sums[:, 1], 1e-9)
    low, high = np.percentile(values[sums[:, 1] > 0], [2.5, 97.5])
    return Rate(float(hits), float(of), float(low), float(high))


def _told(rate: Rate) -> str:
    if not rate.of:
        return "none to judge"
    return f"{rate.value:.2f} ({rate.low:.2f} to {rate.high:.2f}), {rate.hits:.0f} of {rate.of:.0f}"


def _tally(values: Iterable[bool]) -> tuple[float, float]:
    counted = list(values)
    return sum(counted), len(counted)


def _inside(true: date | None, interval: tuple[date | None, date] | None) -> bool:
    """Whether a day lies in (after, by]; what began before the first look is inside when `after` is None."""
    if true is None or interval is None:
        return False
    after, by = interval
    return (after is None or after < true) and true <= by


def _areas(judged: _Judged) -> tuple[float, float]:
    pairs = [(r.pond_area_m2[1], t.pond_area_m2) for t, r in judged.pairs if _among(t, judged.due)]
    return sum(told for told, _ in pairs), sum(true for _, true in pairs)


def _covers(true: TrueSite, reported: Reported) -> bool:
    low, _, high = reported.pond_area_m2
    return low <= true.pond_area_m2 <= high


def _by_kind(judged: Sequence[_Judged]) -> dict[str, tuple[int, int]]:
    known = Counter(a.kind for k in judged for a in k.case.look_alikes)
    under = Counter(
        a.kind for k in judged for a in k.case.look_alikes if any(r.polygon.intersects(a.polygon) for r in k.false)
    )
    return {kind: (under[kind], count) for kind, count in known.items()}
