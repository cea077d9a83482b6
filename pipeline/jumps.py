"""Looks whose reflectance stands apart from that of the looks before and after by the offset of a processing baseline.

Ground changes in some bands more than in others; haze is blue, fire is dark in the near infrared. Where the darkest
ground changes by 0.1 in all bands alike, and back again, somebody added a number twice or left it out. Such a look is
not used.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.bands import NAMES
from pipeline.looks import Look
from pipeline.sources.interface import Refusal

NEIGHBOURS = 5
"""A look is compared with so many others at its place, the nearest in time ..."""
LEAST = 3
"""... and with no fewer than this."""
STEP = (0.07, 0.13)
"""What counts as the offset of 0.1, as reflectance: seasons and the angle of the sun do the rest."""
BANDS = [NAMES.index(name) for name in ("B02", "B03", "B04", "B08")]
"""In all of these it must be seen; in the short-wave infrared the darkest ground depends on what is in view."""
WRONG = (
    (1, "the offset of its processing baseline was never taken, or a veil lies over all of it"),
    (-1, "the offset of its processing baseline was taken twice"),
)
"""What may be wrong with it; thin cloud that nobody marked is white as well."""
CALM = 0.04
"""In those bands the neighbours differ from their median by no more than that, or nothing can be said."""


def without_jumps(looks: Sequence[Look]) -> tuple[list[Look], list[Refusal]]:
    """The looks that do not stand apart, in the same order, and the others with the reason."""
    places: dict[tuple[int, int, int, int], list[Look]] = {}
    for look in looks:
        if look.level:
            extent = look.extent
            places.setdefault((extent.row, extent.col, extent.height, extent.width), []).append(look)
    apart = {look.path: reason for members in places.values() for look, reason in _jumps(members)}
    kept = [look for look in looks if look.path not in apart]
    refused = [
        Refusal(f"{look.path.parent.name}/{look.overpass}", apart[look.path]) for look in looks if look.path in apart
    ]
    return kept, refused


def _jumps(looks: Sequence[Look]) -> list[tuple[Look, str]]:
    """Those of one place that stand apart."""
    days = np.array([look.day.toordinal() for look in looks])
    levels = np.array([look.level for look in looks])[:, BANDS]
    found = []
    for k, look in enumerate(looks):
        others = np.delete(np.arange(len(looks)), k)
        near = others[np.argsort(np.abs(days[others] - days[k]), kind="stable")][:NEIGHBOURS]
        if len(near) < LEAST:
            continue
        usual = np.median(levels[near], axis=0)
        step = levels[k] - usual
        if (np.abs(levels[near] - usual) > CALM).any():
            continue
        for sign, what in WRONG:
            if ((sign * step > STEP[0]) & (sign * step < STEP[1])).all():
                told = f"{float(step.mean()):+.2f} in all bands against {len(near)} looks before and after"
                found.append((look, f"{told}: {what}"))
    return found
