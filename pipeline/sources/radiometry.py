"""From stored numbers to reflectance, in one place.

Since processing baseline 04.00 (25 January 2022) ESA stores L2A as 10,000 times reflectance plus 1,000. A provider
keeps the 1,000, removes it, or states something other than what it did; so scale and offset are decided here, by
provider, collection, baseline and flag, and never by date.
"""

import math
from dataclasses import dataclass

from pipeline.errors import SceneError

SCALE, OFFSET = 0.0001, 0.0
"""Sentinel-2's defaults, for files that state none."""
BOA_OFFSET = -0.1
"""BOA_ADD_OFFSET as reflectance: added where stored numbers still hold the 1,000."""
BOA_OFFSET_SINCE = (4, 0)
"""First processing baseline whose stored numbers hold the 1,000, as ESA ships them."""
MIN_SCALE, MAX_SCALE, MAX_OFFSET = 1e-6, 1.01, 1.0
"""Limits of plausible scales and offsets: reflectance is stored in millionths, in percent or as it is."""


@dataclass(frozen=True, slots=True)
class RadiometryRule:
    """One row of the table: which items it applies to, and their offset."""

    provider: str
    """Name of a catalogue; `*` = any."""
    collection: str
    """One of its collections; `*` = any."""
    has_boa_offset: bool | None
    """Whether stored numbers of the baseline hold the 1,000, as ESA ships them; None = any baseline, or none stated."""
    boa_offset_applied: bool | None
    """Whether the provider states that it removed the 1,000; None = whatever it states, or nothing."""
    offset: float | None
    """Added to reflectance; None = as the item states, and refused where it states none."""
    why: str
    """Where this is known from."""


RULES = (
    RadiometryRule("earthsearch", "sentinel-2-l2a", None, True, 0.0, "earthsearch:boa_offset_applied"),
    RadiometryRule("earthsearch", "sentinel-2-l2a", True, False, BOA_OFFSET, "earthsearch:boa_offset_applied"),
    RadiometryRule("earthsearch", "sentinel-2-l2a", False, None, 0.0, "before baseline 04.00 nothing was added"),
    RadiometryRule("earthsearch", "sentinel-2-c1-l2a", None, None, None, "raster:bands of Collection 1"),
    RadiometryRule("planetary", "*", True, None, BOA_OFFSET, "ESA's numbers as they are, without metadata"),
    RadiometryRule("planetary", "*", False, None, 0.0, "before baseline 04.00 nothing was added"),
    RadiometryRule("esa", "*", False, None, 0.0, "before baseline 04.00 nothing was added"),
    RadiometryRule("esa", "*", True, None, None, "BOA_ADD_OFFSET and BOA_QUANTIFICATION_VALUE of the product"),
    RadiometryRule("cdse", "*", None, None, None, "raster:scale and raster:offset of the item"),
    RadiometryRule("*", "*", None, None, None, "raster:bands or raster:scale of the item"),
)
"""Read from the top; the first row that applies decides."""


def scale_and_offset_of(
    provider: str,
    collection: str,
    baseline: str | None,
    boa_offset_applied: bool | None,
    stated: tuple[float, float] | None,
) -> tuple[float, float]:
    """Scale and offset for a band of an item.

    `baseline`: such as `05.11`; `boa_offset_applied`: whether the provider states that it removed ESA's 1,000;
    `stated`: scale and offset in the item's own metadata; each None where not stated. Raises `SceneError` where
    nothing decides.
    """
    has_boa_offset = None if baseline is None else baseline_has_boa_offset(baseline)
    for row in RULES:
        if row.provider not in (provider, "*") or row.collection not in (collection, "*"):
            continue
        if (row.has_boa_offset is not None and row.has_boa_offset != has_boa_offset) or (
            row.boa_offset_applied is not None and row.boa_offset_applied != boa_offset_applied
        ):
            continue
        if row.offset is not None:
            return SCALE, row.offset
        if stated is not None:
            return scale_and_offset(*stated)
        break
    raise SceneError(
        f"states no scale and offset (collection {collection or 'not stated'}, baseline {baseline or 'not stated'})"
    )


def baseline_has_boa_offset(baseline: str) -> bool:
    """Whether stored numbers of a processing baseline hold the 1,000, as ESA ships them; raises `SceneError`."""
    try:
        major, minor = (int(part) for part in baseline.split(".")[:2])
    except ValueError as cause:
        raise SceneError(f"its processing baseline {baseline[:20]!r} is none") from cause
    return (major, minor) >= BOA_OFFSET_SINCE


def scale_and_offset(scale: float, offset: float) -> tuple[float, float]:
    """Scale and offset from stored numbers to reflectance, from GDAL's band scale and offset (1 and 0 = absent).

    Raises `SceneError` for implausible values.
    """
    if not (math.isfinite(scale) and MIN_SCALE <= scale <= MAX_SCALE and abs(offset) <= MAX_OFFSET):
        raise SceneError(f"band scale {scale} and offset {offset} are not plausible reflectance")
    if (scale, offset) == (1.0, 0.0):
        return SCALE, OFFSET
    return scale, offset
