"""The order in which sites are shown: first those whose verdict would teach most.

A verdict teaches most where the model is least sure, and little where a site like it was judged a moment ago. So the
next site is the one with the largest product of two numbers from 0 to 1:

- uncertainty, the entropy of its confidence in bits: 1 at 0.5, and near 0 at 0 and 1;
- novelty, how far it is from the nearest site that was judged or stands before it in the order: by size of ponds and of
  ground, number of clear looks, confidence, and place. Without it the first twenty would be twenty times the same
  valley, which is what choosing by uncertainty alone is known for (Settles 2009, "density-weighted methods").

Then come those that are judged, those that a person added, and last those of which a person was unsure: they were
looked at already, and a second opinion needs no hurry.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.reviews.review import Review, Verdict
from pipeline.sites.records import SiteRecord

Doubles = NDArray[np.float64]
FAR = 1.0
"""Distance at which a site is as good as new, in spreads of the sites."""
DETAILS = 5
"""Numbers by which sites are compared."""


def order(sites: Sequence[SiteRecord], reviews: Sequence[Review], sample: Sequence[str] = ()) -> list[str]:
    """The ids of the sites, first the one whose verdict would teach most; the same for the same input.

    `sample`: ids that come before all others as long as they are not judged, in this order: for counting, not teaching.
    """
    judged = {site_id for site_id, review in latest(reviews).items() if review.verdict is not None}
    found = _by_worth(sites, reviews)
    first = [name for name in sample if name in found and name not in judged]
    return [*first, *(name for name in found if name not in first)]


def _by_worth(sites: Sequence[SiteRecord], reviews: Sequence[Review]) -> list[str]:
    """The ids of the sites, first the one whose verdict would teach most."""
    said = {site_id: review.verdict for site_id, review in latest(reviews).items()}
    rank = {site.site_id: _rank(site, said.get(site.site_id)) for site in sites}
    by_id = sorted(sites, key=lambda site: site.site_id)
    details = _details(by_id)
    known = np.array([rank[site.site_id] == 1 for site in by_id], dtype=bool)
    found: list[str] = []
    for group in range(4):
        chosen = np.array([rank[site.site_id] == group for site in by_id], dtype=bool)
        found += [by_id[k].site_id for k in _greedy(by_id, details, chosen, known & ~chosen)]
    return found


def latest(reviews: Sequence[Review]) -> dict[str, Review]:
    """What was said last of each site, by id; rows without a verdict count where there is no other."""
    found: dict[str, Review] = {}
    for row in reviews:
        if row.site_id is not None and (row.site_id not in found or _age(row) >= _age(found[row.site_id])):
            found[row.site_id] = row
    return found


def _age(row: Review) -> tuple[bool, float, int]:
    when = row.reviewed_at.timestamp() if row.reviewed_at else 0.0
    return row.verdict is not None, when, row.fid


def _rank(site: SiteRecord, verdict: Verdict | None) -> int:
    """0 = not judged, 1 = judged, 2 = added by a person, 3 = unsure."""
    if verdict is Verdict.UNSURE:
        return 3
    if site.added or site.confidence is None:
        return 2
    return 0 if verdict is None else 1


def _details(sites: Sequence[SiteRecord]) -> Doubles:
    """What each site is like, in spreads of all sites; shape (site, `DETAILS`)."""
    rows = []
    for site in sites:
        west, south, east, north = site.polygon.bounds
        rows.append(
            (
                np.log1p(site.pond_area_m2),
                np.log1p(site.ground_area_m2),
                float(site.clear_looks),
                (west + east) / 2,
                (south + north) / 2,
            )
        )
    found = np.array(rows, dtype=np.float64).reshape(-1, DETAILS)
    spread = found.std(axis=0) if len(found) else np.ones(DETAILS)
    return np.asarray(found / np.where(spread > 0, spread, 1.0))


def _greedy(
    sites: Sequence[SiteRecord], details: Doubles, chosen: NDArray[np.bool_], known: NDArray[np.bool_]
) -> list[int]:
    """Places of the chosen sites, each time the one with the largest product of uncertainty and novelty."""
    nearest = np.full(len(sites), np.inf)
    for there in np.flatnonzero(known):
        nearest = np.minimum(nearest, _distance(details, int(there)))
    unsure = np.array([_entropy(site.confidence) for site in sites])
    left, found = chosen.copy(), list[int]()
    while left.any():
        novelty = 1 - np.exp(-nearest / FAR)
        worth = np.where(left, unsure * novelty, -1.0)
        k = int(np.argmax(np.round(worth, 9)))  # ties, and what is alike but for rounding, go by id
        left[k] = False
        found.append(k)
        nearest = np.minimum(nearest, _distance(details, k))
    return found


def _distance(details: Doubles, k: int) -> Doubles:
    return np.asarray(np.sqrt(((details - details[k]) ** 2).mean(axis=1)))


def _entropy(confidence: float | None) -> float:
    """Bits that a verdict is worth; 1 where nothing is known."""
    if confidence is None:
        return 1.0
    p = min(max(confidence, 0.001), 0.999)
    return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)))
