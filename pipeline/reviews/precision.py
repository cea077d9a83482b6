"""How many of the published sites are what they are said to be, by the verdicts of people on a random sample.

A sample is drawn once and written down, so that nobody chooses what to judge after having seen it. In each band of
confidence the share of confirmed sites among those judged has an exact interval (Clopper and Pearson, 1934); the share
of the whole list weighs the bands by their size, with an interval from the posterior of each band's share under
Jeffreys' prior. Sites judged unsure count as not confirmed for the lower end, and as confirmed for the upper.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from pipeline.reviews.review import Verdict
from pipeline.sites.records import SiteRecord

BANDS = ((0.0, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.0))
"""Bands of confidence: from, and to below (the last one to 1)."""
COVERED = 0.95
"""Probability that an interval holds the true share."""
DRAWS = 20_000
"""Draws of the posterior for the whole list."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its interval."""

    confirmed: int
    """Sites judged that were confirmed."""
    judged: int
    """Sites judged, whatever the verdict."""
    unsure: int
    """Those of them of which nobody is sure."""
    value: float | None
    """Confirmed among those confirmed or rejected, 0 to 1; None = none was."""
    low: float
    """Lower end, 0 to 1."""
    high: float
    """Upper end, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Band:
    """Sites of similar confidence."""

    low: float
    """Confidence from here ..."""
    high: float
    """... to below this."""
    sites: int
    """Published sites in it."""
    share: Share
    """What people say of those in the sample."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The reviewed precision of a list of sites."""

    bands: tuple[Band, ...]
    """By confidence, ascending; bands without a site are left out."""
    whole: Share
    """Of the whole list."""
    waiting: tuple[str, ...]
    """Sites in the sample that nobody has judged yet, in the order in which to judge them."""

    def text(self) -> str:
        """For a person."""
        lines = [f"{'confidence':14} {'sites':>6} {'judged':>7} {'confirmed':>10}  precision (95 % interval)"]
        for band in self.bands:
            share = band.share
            name = f"{band.low:.2f} to {band.high:.2f}"
            lines.append(f"{name:14} {band.sites:6} {share.judged:7} {share.confirmed:10}  {_words(share)}")
        total = sum(band.sites for band in self.bands)
        lines.append(
            f"{'whole list':14} {total:6} {self.whole.judged:7} {self.whole.confirmed:10}  {_words(self.whole)}"
        )
        if self.waiting:
            more = f" and {len(self.waiting) - 10} more" if len(self.waiting) > 10 else ""
            lines.append(f"still to judge in the sample: {', '.join(self.waiting[:10])}{more}")
        return "\n".join(lines)


def seed_of(aoi: str, word: str = "") -> str:
    """The seed of the sample of an AOI; another word draws another sample."""
    return f"{aoi} {word}"


def sample(sites: Sequence[SiteRecord], size: int, seed: str) -> list[str]:
    """Ids of a random sample of the sites that a detector found, as many from each band as its share, at least one.

    The same sites and seed give the same sample; a site keeps its place in the order when others come or go.
    """
    found = [site for site in sites if site.confidence is not None]
    chosen: list[str] = []
    for low, high in BANDS:
        names = sorted(
            (each.site_id for each in found if _lies_in(each, low, high)), key=lambda name: _rank(seed, name)
        )
        chosen += names[: max(1, round(size * len(names) / len(found)))] if names else []
    return sorted(chosen, key=lambda name: _rank(seed, name))


def precision(sites: Sequence[SiteRecord], chosen: Sequence[str], said: Mapping[str, Verdict]) -> Precision:
    """The precision of the sites that a detector found, from verdicts on a sample; `said`: verdict by id."""
    found = {site.site_id: site for site in sites if site.confidence is not None}
    bands: list[Band] = []
    for low, high in BANDS:
        here = {name for name, site in found.items() if _lies_in(site, low, high)}
        if here:
            bands.append(
                Band(low, high, len(here), _share([said[name] for name in chosen if name in here & said.keys()]))
            )
    waiting = tuple(name for name in chosen if name in found and name not in said)
    return Precision(tuple(bands), _whole(bands), waiting)


def _share(verdicts: Sequence[Verdict]) -> Share:
    judged, unsure = len(verdicts), sum(each is Verdict.UNSURE for each in verdicts)
    confirmed = sum(each is Verdict.CONFIRMED for each in verdicts)
    decided, tail = judged - unsure, (1 - COVERED) / 2
    low = float(beta.ppf(tail, confirmed, judged - confirmed + 1)) if confirmed else 0.0
    most = confirmed + unsure
    high = float(beta.ppf(1 - tail, most + 1, judged - most)) if most < judged else 1.0
    return Share(confirmed, judged, unsure, confirmed / decided if decided else None, low, high)


def _whole(bands: Sequence[Band]) -> Share:
    """Of all bands together, weighed by the number of sites in each."""
    total, shares = sum(band.sites for band in bands), [band.share for band in bands]
    low, high = _ends(bands, total)
    values = [band.sites * share.value for band, share in zip(bands, shares, strict=True) if share.value is not None]
    value = sum(values) / total if values and len(values) == len(bands) else None
    return Share(
        confirmed=sum(share.confirmed for share in shares),
        judged=sum(share.judged for share in shares),
        unsure=sum(share.unsure for share in shares),
        value=value,
        low=low if value is None else min(low, value),
        high=high if value is None else max(high, value),
    )


def _ends(bands: Sequence[Band], total: int) -> tuple[float, float]:
    """Ends of the interval of the whole list; a band of which nothing is known may hold any share."""
    if not total:
        return 0.0, 1.0
    rng, ends = np.random.default_rng(0), []
    for extra in (0, 1):  # unsure ones as not confirmed, and as confirmed
        draws = np.zeros(DRAWS)
        for band in bands:
            yes = band.share.confirmed + extra * band.share.unsure
            draws += band.sites * rng.beta(yes + 0.5, band.share.judged - yes + 0.5, DRAWS)
        ends.append(draws / total)
    tail = 100 * (1 - COVERED) / 2
    return float(np.percentile(ends[0], tail)), float(np.percentile(ends[1], 100 - tail))


def _lies_in(site: SiteRecord, low: float, high: float) -> bool:
    return site.confidence is not None and low <= site.confidence and (site.confidence < high or high == 1.0)


def _rank(seed: str, name: str) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def _words(share: Share) -> str:
    unsure = f", {share.unsure} unsure" if share.unsure else ""
    if share.value is None:
        return f"not known yet ({share.low:.2f} to {share.high:.2f}){unsure}"
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f}){unsure}"
