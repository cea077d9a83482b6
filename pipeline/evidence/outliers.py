"""Radiometric outliers: looks whose reflectance differs from that of the looks before and after by BOA_ADD_OFFSET.

Ground changes in some bands more than in others; haze is blue, fire is dark in the near infrared. Where the darkest
ground (`clear_p10`) changes by 0.1 in all bands alike, and back again, the offset was applied twice or not at all. Such
a look is left out.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.bands import NAMES
from pipeline.grid import Window
from pipeline.looks.look import Look
from pipeline.sources.interface import Refusal

NEIGHBOURS = 5
"""A look is compared with this many others at its place, the nearest in time ..."""
MIN_NEIGHBOURS = 3
"""... and with no fewer than this."""
STEP = (0.07, 0.13)
"""Differences that count as the offset of 0.1, reflectance: seasons and the sun angle add to it or take from it."""
BANDS = tuple(NAMES.index(name) for name in ("B02", "B03", "B04", "B08"))
"""The difference must show in all of these; in short-wave infrared the darkest ground depends on what is in view."""
CAUSES = (
    (1, "BOA_ADD_OFFSET was not applied, or a haze that nobody masked lies over all of it"),
    (-1, "BOA_ADD_OFFSET was applied twice"),
)
"""Cause by sign of the difference; thin cloud that was not masked is white as well."""
MAX_SPREAD = 0.04
"""Largest difference of the neighbours from their median in those bands, reflectance; above it no look is judged."""


def without_outliers(looks: Sequence[Look]) -> tuple[list[Look], list[Refusal]]:
    """The looks that are not outliers, in the same order, and the others as refusals with the reason."""
    places: dict[Window, list[Look]] = {}
    for look in looks:
        if look.clear_p10:
            places.setdefault(look.extent, []).append(look)
    found = [(look, reason) for members in places.values() for look, reason in _outliers(members)]
    reasons = {look.key: reason for outlier, reason in found for look in (outlier, *_closer_looks(outlier, looks))}
    kept = [look for look in looks if look.key not in reasons]
    refused = [Refusal(look.name, reasons[look.key]) for look in looks if look.key in reasons]
    return kept, refused


def _closer_looks(outlier: Look, looks: Sequence[Look]) -> list[Look]:
    """Looks made again of parts of an outlier: too small to be judged, and of the same scene."""
    return [
        look
        for look in looks
        if (look.day, look.overpass) == (outlier.day, outlier.overpass)
        and look.generation > outlier.generation
        and outlier.extent.intersection(look.extent) == look.extent
    ]


def _outliers(looks: Sequence[Look]) -> list[tuple[Look, str]]:
    """The outliers among the looks at one place, with the reason."""
    days = np.array([look.day.toordinal() for look in looks])
    dark = np.array([look.clear_p10 for look in looks])[:, BANDS]
    found = []
    for k, look in enumerate(looks):
        others = np.delete(np.arange(len(looks)), k)
        near = others[np.argsort(np.abs(days[others] - days[k]), kind="stable")][:NEIGHBOURS]
        if len(near) < MIN_NEIGHBOURS:
            continue
        usual = np.median(dark[near], axis=0)
        step = dark[k] - usual
        if (np.abs(dark[near] - usual) > MAX_SPREAD).any():
            continue
        for sign, cause in CAUSES:
            if ((sign * step > STEP[0]) & (sign * step < STEP[1])).all():
                difference = f"{float(step.mean()):+.2f} in all bands against {len(near)} looks before and after"
                found.append((look, f"{difference}: {cause}"))
    return found
