"""Scores by site, with the size of the set and a 95 % interval; never by pixel.

A true site is found when a reported site lies on it; a reported site on no true one is false. A true site is eligible
when it has six or more round ponds by the last day observed. Intervals come from a cluster bootstrap by world, or from
exact binomial bounds where nothing or everything was right or there are few worlds. Of IoU the trials are worlds, not
pixels.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import numpy as np

from pipeline.evaluation.rates import RateEstimate, amount_share, interval_text, rate
from pipeline.evaluation.truth import Case, Reported, TrueSite
from pipeline.sites.names import Interval

MIN_PONDS = 6
"""Least number of ponds of an eligible site; a site with fewer need not be found."""
MIN_LOOKS = 2
"""Clear looks that are needed to distinguish a site from a transient error."""
LARGE_M, SMALL_M = 15.0, 10.0
"""Lower bounds of the mean pond diameter of large and of small sites, metres."""
MAX_FALSE_PER_1000_KM2 = 1.0
"""Acceptable number of false sites per 1,000 km²."""
MAX_AREA_ERROR = 0.2
"""Acceptable error of a pond area, as a share of the true one."""
BINS = 10
"""Number of confidence bins for the expected calibration error."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores by site."""

    cases: int
    """Number of cases."""
    km2: float
    """Their area; 0 = not known."""
    found: RateEstimate
    """Eligible sites found."""
    found_seen: RateEstimate
    """The same with at least two clear looks at them while they had ponds, where known; with fewer nobody could have
    found them."""
    found_large: RateEstimate
    """Eligible sites with ponds of 15 m and more that were found."""
    found_small: RateEstimate
    """Eligible sites with ponds of 10 to 15 m that were found."""
    true: RateEstimate
    """Reported sites that lie on a true one."""
    false_per_1000_km2: RateEstimate
    """Reported sites on no true one, per 1,000 km²."""
    ground_inside: RateEstimate
    """Found sites whose clearing began inside (ground_after, ground_by]."""
    ponds_inside: RateEstimate
    """Found sites whose ponds began inside (ponds_after, ponds_by]."""
    ground_narrow: RateEstimate
    """Found sites whose ground interval is no wider than the gap between the clear looks around the true onset."""
    ponds_narrow: RateEstimate
    """The same for ponds."""
    changes_reported: RateEstimate
    """Times that ponds of a found site went or came back, with two clear looks since: reported right at the second."""
    area_ratio: RateEstimate
    """Reported over true pond area, each summed over found eligible sites."""
    area_close: RateEstimate
    """Found eligible sites with a pond area within `MAX_AREA_ERROR` of the true one; if half are, so is the
    median error."""
    area_covered: RateEstimate
    """Found eligible sites whose true pond area lies in the 80 % interval."""
    ground_iou: RateEstimate
    """IoU of the mine ground of reported sites with what was there at any look; missed sites count."""
    ponds_iou: RateEstimate
    """The same for pond clusters, gaps of up to 20 m filled."""
    found_at_max_false: RateEstimate
    """Eligible sites found at the lowest confidence that leaves `MAX_FALSE_PER_1000_KM2` false sites per 1,000 km² on
    this very set."""
    curve: tuple[tuple[float, RateEstimate], ...]
    """Calibration curve: mean confidence in each of `BINS` bins, and the share of its reported sites that are true."""
    calibration_error: float
    """Expected calibration error of the confidence, 0 to 1."""
    false_by_kind: dict[str, tuple[int, int]]
    """By kind of look-alike: how many lie under a false site, and how many there were."""

    def table(self) -> str:
        """One line per score."""
        rates = [
            ("eligible sites found (6+ ponds)", self.found),
            ("  with two clear looks or more", self.found_seen),
            ("  ponds of 15 m and more", self.found_large),
            ("  ponds of 10 to 15 m", self.found_small),
            ("  at 1 false site per 1,000 km²", self.found_at_max_false),
            ("reported sites that are true", self.true),
            ("ground onset inside its interval", self.ground_inside),
            ("  no wider than between two looks", self.ground_narrow),
            ("pond onset inside its interval", self.ponds_inside),
            ("  no wider than between two looks", self.ponds_narrow),
            ("idle, resumed, ended seen in 2 looks", self.changes_reported),
            ("pond area within 20 %", self.area_close),
            ("pond area inside its 80 % interval", self.area_covered),
            ("mine ground, IoU", self.ground_iou),
            ("pond clusters, IoU", self.ponds_iou),
        ]
        lines = [f"{'cases':36} {self.cases} ({self.km2:,.0f} km²)"]
        lines += [f"{name:36} {interval_text(one)}" for name, one in rates]
        area, false = self.area_ratio, self.false_per_1000_km2
        if area.of:
            lines.append(f"{'reported by true pond area':36} {area.value:.2f} ({area.low:.2f} to {area.high:.2f})")
        if self.km2:
            counted = f"{false.value:.1f} ({false.low:.1f} to {false.high:.1f}), {false.hits:.0f} in all"
            lines.append(f"{'false sites per 1,000 km²':36} {counted}")
        lines.append(f"{'expected calibration error':36} {self.calibration_error:.3f}")
        lines += [f"{f'  stated {stated:.2f}':36} {interval_text(true)}" for stated, true in self.curve if true.of]
        kinds = [f"{kind} {hit}/{all_}" for kind, (hit, all_) in sorted(self.false_by_kind.items())]
        return "\n".join([*lines, f"{'look-alikes under a false site':36} {', '.join(kinds) or 'none known'}"])


def scores(cases: Sequence[Case], min_confidence: float) -> Scores:
    """Scores of the sites that were reported with at least `min_confidence`."""
    curve = calibration_curve(cases)
    kept = [MatchedCase(case, min_confidence) for case in cases]
    return Scores(
        cases=len(cases),
        km2=sum(case.km2 for case in cases),
        found=rate(kept, lambda k: k.hits(k.eligible)),
        found_seen=rate(kept, lambda k: k.hits([t for t in k.eligible if (t.pond_looks or 0) >= MIN_LOOKS])),
        found_large=rate(kept, lambda k: k.hits([t for t in k.eligible if t.pond_diameter_m >= LARGE_M])),
        found_small=rate(kept, lambda k: k.hits([t for t in k.eligible if SMALL_M <= t.pond_diameter_m < LARGE_M])),
        true=rate(kept, lambda k: (len(k.reported) - len(k.false), len(k.reported))),
        false_per_1000_km2=rate(kept, lambda k: (len(k.false), k.case.km2 / 1000), proportion=False),
        ground_inside=rate(kept, lambda k: _tally(_inside(t.ground_from, r.ground) for t, r in k.pairs)),
        ponds_inside=rate(
            kept, lambda k: _tally(_inside(t.ponds_from, r.ponds) for t, r in k.pairs if _among(t, k.ponded))
        ),
        ground_narrow=rate(kept, lambda k: _tally(_narrow(t.ground_from, r.ground, r) for t, r in k.pairs if r.states)),
        ponds_narrow=rate(
            kept,
            lambda k: _tally(_narrow(t.ponds_from, r.ponds, r) for t, r in k.pairs if r.states and _among(t, k.ponded)),
        ),
        changes_reported=rate(kept, lambda k: _tally(right for t, r in k.pairs for right in _changes_reported(t, r))),
        area_ratio=rate(kept, _areas, proportion=False),
        area_close=rate(kept, lambda k: _tally(_close(t, r) for t, r in k.pairs if _among(t, k.eligible))),
        area_covered=rate(kept, lambda k: _tally(_covers(t, r) for t, r in k.pairs if _among(t, k.eligible))),
        ground_iou=amount_share(kept, lambda k: k.case.ground),
        ponds_iou=amount_share(kept, lambda k: k.case.ponds),
        found_at_max_false=_found_at_max_false(cases),
        curve=curve,
        calibration_error=calibration_error(curve),
        false_by_kind=_by_kind(kept),
    )


def confidence_for_max_false(cases: Sequence[Case]) -> float:
    """The lowest that leaves at most `MAX_FALSE_PER_1000_KM2` false sites per 1,000 km²; 0 where all sites may stay."""
    false = sorted((r.confidence for case in cases for r in MatchedCase(case, 0.0).false), reverse=True)
    allowed = int(MAX_FALSE_PER_1000_KM2 * sum(case.km2 for case in cases) / 1000)
    return float(np.nextafter(false[allowed], 2.0)) if len(false) > allowed else 0.0


def _found_at_max_false(cases: Sequence[Case]) -> RateEstimate:
    if not sum(case.km2 for case in cases):
        return RateEstimate(0, 0, 0.0, 1.0)
    return rate([MatchedCase(case, confidence_for_max_false(cases)) for case in cases], lambda k: k.hits(k.eligible))


def calibration_curve(cases: Sequence[Case]) -> tuple[tuple[float, RateEstimate], ...]:
    """Mean confidence of all reported sites by bin, and the share of them that lie on a true site."""
    matched = [MatchedCase(case, 0.0) for case in cases]
    curve = []
    for bin_ in range(BINS):
        stated = [r.confidence for k in matched for r in k.reported if _bin(r) == bin_]
        curve.append((float(np.mean(stated)) if stated else 0.0, rate(matched, partial(_true_among, bin_))))
    return tuple(curve)


def _bin(reported: Reported) -> int:
    """The bin of a confidence, 0 to `BINS` - 1."""
    return min(int(reported.confidence * BINS), BINS - 1)


def _true_among(bin_: int, matched: "MatchedCase") -> tuple[float, float]:
    """How many reported sites of a bin lie on a true site, and how many there are."""
    here = [r for r in matched.reported if _bin(r) == bin_]
    return sum(not _among(r, matched.false) for r in here), len(here)


def calibration_error(curve: Sequence[tuple[float, RateEstimate]]) -> float:
    """Expected calibration error: mean gap between confidence and share of true sites, weighted by sites per bin."""
    reports = sum(true.of for _, true in curve)
    return sum(abs(stated * true.of - true.hits) for stated, true in curve) / reports if reports else 0.0


class MatchedCase:
    """A case with its reported sites matched to its true ones."""

    def __init__(self, case: Case, min_confidence: float) -> None:
        """Sites reported below `min_confidence` count as not reported."""
        self.case = case
        self.reported = [r for r in case.reported if r.confidence >= min_confidence]
        self.pairs = [(t, r) for t in case.truth for r in self.reported if r.polygon.intersects(t.polygon)]
        on_truth = {id(r) for _, r in self.pairs}
        self.false: list[Reported] = [r for r in self.reported if id(r) not in on_truth]
        self.ponded = [t for t in case.truth if t.ponds_from is not None and t.ponds_from <= case.last]
        alive = [t for t in self.ponded if t.ended_on is None or t.ended_on > case.first]
        self.with_ponds: list[TrueSite] = [t for t in alive if t.n_ponds]
        self.eligible: list[TrueSite] = [t for t in alive if t.n_ponds >= MIN_PONDS]

    def hits(self, sites: Sequence[TrueSite]) -> tuple[int, int]:
        """How many of some true sites were found, and how many there are."""
        return sum(any(t is found for found, _ in self.pairs) for t in sites), len(sites)


def _among(one: object, many: Sequence[object]) -> bool:
    """Whether `one` itself is in `many`; by identity, because comparing polygons would be slow and is not meant."""
    return any(one is other for other in many)


def _tally(values: Iterable[bool]) -> tuple[float, float]:
    counted = list(values)
    return sum(counted), len(counted)


def _inside(true: date | None, interval: Interval | None) -> bool:
    """Whether a day lies in (after, by]; an onset before the first look is inside when `after` is None."""
    if true is None or interval is None:
        return False
    return (interval.after is None or interval.after < true) and true <= interval.by


def _narrow(true: date | None, interval: Interval | None, reported: Reported) -> bool:
    """Whether (after, by] is no wider than the gap between the two clear looks around a day.

    For an onset by the first clear look, only that may be reported; an onset after the last one is never narrow.
    """
    if true is None or interval is None:
        return False
    days = [day for day, _ in reported.states]
    before, since = [day for day in days if day < true], [day for day in days if day >= true]
    if not before:
        return interval.after is None and interval.by == days[0]
    gap = (since[0] if since else days[-1]) - before[-1]
    return interval.after is not None and interval.by - interval.after <= gap


def _changes_reported(true: TrueSite, reported: Reported) -> Iterator[bool]:
    """For each time that ponds went or came back: whether the report for the second clear look after it is right."""
    turns = [true.ended_on, *(true.idle or ())]
    for turn in sorted({day for day in turns if day is not None and (true.ended_on is None or day <= true.ended_on)}):
        before = [day for day, _ in reported.states if day < turn]
        after = [(day, state) for day, state in reported.states if day >= turn]
        if before and len(after) >= 2:
            day, state = after[1]
            yield state.has_ponds == true.state_on(day).has_ponds


def _areas(matched: MatchedCase) -> tuple[float, float]:
    pairs = [(r.pond_area_m2[1], t.pond_area_m2) for t, r in matched.pairs if _among(t, matched.eligible)]
    return sum(value for value, _ in pairs), sum(true for _, true in pairs)


def _close(true: TrueSite, reported: Reported) -> bool:
    return abs(reported.pond_area_m2[1] - true.pond_area_m2) <= MAX_AREA_ERROR * true.pond_area_m2


def _covers(true: TrueSite, reported: Reported) -> bool:
    low, _, high = reported.pond_area_m2
    return low <= true.pond_area_m2 <= high


def _by_kind(matched: Sequence[MatchedCase]) -> dict[str, tuple[int, int]]:
    known = Counter(a.kind for k in matched for a in k.case.look_alikes)
    under = Counter(
        a.kind for k in matched for a in k.case.look_alikes if any(r.polygon.intersects(a.polygon) for r in k.false)
    )
    return {kind: (under[kind], count) for kind, count in known.items()}
