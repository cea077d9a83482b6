"""Whether providers sent the same reflectance of one acquisition, and if not, what is likely to be wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from pipeline.bands import NAMES
from pipeline.raster import Bools, Floats, Raster
from pipeline.sources.radiometry import BOA_OFFSET
from pipeline.upkeep.finding import Finding, failed, ok, skipped

TOLERANCE = 0.01
"""Largest difference of medians that counts as the same, reflectance: processing baselines of one scene differ less."""
OFFSET_TOLERANCE = 0.02
"""How close to 0.1 a difference must be in all bands to be an offset."""
COMPARABLE_PX = 500
"""Fewest pixels that must be measured by both to say anything."""
PERCENTILES = (5, 50, 95)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One provider against another."""

    difference: Floats
    """Median over pixels of one minus the other, shape (band,), reflectance."""
    swapped: tuple[tuple[str, str], ...]
    """Bands that hold what another band holds at the other provider: (its band, whose content it is)."""

    @property
    def agrees(self) -> bool:
        """Whether all bands are the same."""
        return bool((np.abs(self.difference) <= TOLERANCE).all())

    def words(self) -> str:
        """What is different, for people."""
        if self.agrees:
            return f"the same to {np.abs(self.difference).max():.3f} in all bands"
        if (np.abs(self.difference - BOA_OFFSET) <= OFFSET_TOLERANCE).all():
            return "0.1 lower in all bands: BOA_ADD_OFFSET was applied once too often"
        if (np.abs(self.difference + BOA_OFFSET) <= OFFSET_TOLERANCE).all():
            return "0.1 higher in all bands: BOA_ADD_OFFSET was not applied"
        if self.swapped:
            return "other bands: " + ", ".join(f"its {mine} holds {theirs}" for mine, theirs in self.swapped)
        far = [name for name, value in zip(NAMES, self.difference, strict=True) if abs(value) > TOLERANCE]
        shown = ", ".join(f"{name} {self.difference[NAMES.index(name)]:+.3f}" for name in far)
        return f"different in {len(far)} of {len(NAMES)} bands: {shown}"


def compare(one: Raster, other: Raster) -> Comparison | None:
    """One raster against another on the same window; None where too few pixels were measured in both."""
    both = _measured(one) & _measured(other)
    if int(both.sum()) < COMPARABLE_PX:
        return None
    mine, theirs = one.reflectance[:, both], other.reflectance[:, both]
    difference = np.median(mine - theirs, axis=1).astype(np.float32)
    return Comparison(difference, _swapped(mine, theirs))


def agreements(rasters: Mapping[str, Raster]) -> tuple[Finding, ...]:
    """One finding per provider, against the one that most others agree with; of two, nobody can say which is wrong."""
    names = tuple(rasters)
    if len(names) < 2:
        return (skipped("agreement", "fewer than two providers sent the same acquisition, so none can be compared"),)
    found = {pair: compare(rasters[pair[0]], rasters[pair[1]]) for pair in permutations(names, 2)}
    friends = {
        name: sum((pair := found[name, other]) is not None and pair.agrees for other in names if other != name)
        for name in names
    }
    best = max(names, key=lambda name: friends[name])
    findings = []
    for name in names:
        if name == best:
            continue
        comparison = found[name, best]
        title = f"{name}: agreement"
        if comparison is None:
            findings.append(skipped(title, f"fewer than {COMPARABLE_PX} pixels were measured by it and by {best}"))
        elif comparison.agrees:
            findings.append(ok(title, f"against {best}: {comparison.words()}"))
        elif friends[best]:
            findings.append(
                failed(title, f"against {best}: {comparison.words()}", f"do not use {name} before it is clear why")
            )
        else:
            findings.append(
                failed(title, f"against {best}: {comparison.words()}", "one of the two is wrong; ask a third provider")
            )
    return tuple(findings)


def percentiles(raster: Raster) -> str:
    """Reflectance of each band, for people: percentiles 5, 50 and 95 of what was measured."""
    seen = raster.reflectance[:, _measured(raster)]
    rows = np.percentile(seen, PERCENTILES, axis=1).T
    return ", ".join(
        f"{name} {low:.3f}/{mid:.3f}/{high:.3f}" for name, (low, mid, high) in zip(NAMES, rows, strict=True)
    )


def _measured(raster: Raster) -> Bools:
    """Where bands were measured and read, shape (y, x)."""
    return raster.valid if raster.unread is None else raster.valid & ~raster.unread


def _swapped(mine: Floats, theirs: Floats) -> tuple[tuple[str, str], ...]:
    """Bands whose content is that of exactly one other band; empty unless this explains every band."""
    distances = np.array([[np.median(np.abs(plane - other)) for other in theirs] for plane in mine])
    nearest = distances.argmin(axis=1)
    if (distances.min(axis=1) > TOLERANCE).any():
        return ()
    return tuple((NAMES[k], NAMES[n]) for k, n in enumerate(nearest) if k != n and distances[k, k] > TOLERANCE)
