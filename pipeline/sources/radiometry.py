"""From stored numbers to reflectance, in one place.

Since processing baseline 04.00 (25 January 2022) ESA stores L2A as 10,000 times reflectance plus 1,000. Who passes the
data on either leaves that, takes the 1,000 off, or says something else than was done; so what holds is decided here, by
provider, collection, baseline and flag, and never by date.
"""

import math
from dataclasses import dataclass

from pipeline.errors import SceneError

SCALE, OFFSET = 0.0001, 0.0
"""Sentinel-2's own, for files that say nothing."""
ADDED = -0.1
"""What must be added to reflectance where the 1,000 is still in."""
ADDED_FROM = (4, 0)
"""Since this processing baseline it is in, as ESA ships it."""
LEAST_SCALE, MOST_SCALE, MOST_OFFSET = 1e-6, 1.01, 1.0
"""No one stores reflectance otherwise: from millionths to percent and whole numbers."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: whom and what it holds for, and what then holds."""

    provider: str
    """A catalogue by name; `*` = any other."""
    collection: str
    """One of its collections; `*` = any."""
    raised: bool | None
    """Whether ESA's baseline is one with the 1,000 in; None = whichever."""
    removed: bool | None
    """Whether the provider says that it took the 1,000 off; None = whatever it says or does not say."""
    offset: float | None
    """Added to reflectance; None = as the item says, and refused where it says nothing."""
    why: str
    """Where that is known from."""


TABLE = (
    Row("earthsearch", "sentinel-2-l2a", None, True, 0.0, "earthsearch:boa_offset_applied"),
    Row("earthsearch", "sentinel-2-l2a", True, False, ADDED, "earthsearch:boa_offset_applied"),
    Row("earthsearch", "sentinel-2-l2a", False, None, 0.0, "before baseline 04.00 nothing was added"),
    Row("earthsearch", "sentinel-2-c1-l2a", None, None, None, "raster:bands of Collection 1"),
    Row("planetary", "*", True, None, ADDED, "ESA's numbers as they are, without metadata"),
    Row("planetary", "*", False, None, 0.0, "before baseline 04.00 nothing was added"),
    Row("esa", "*", False, None, 0.0, "before baseline 04.00 nothing was added"),
    Row("esa", "*", True, None, None, "BOA_ADD_OFFSET and BOA_QUANTIFICATION_VALUE of the product"),
    Row("cdse", "*", None, None, None, "raster:scale and raster:offset of the item"),
    Row("*", "*", None, None, None, "raster:bands or raster:scale of the item"),
)
"""Read from the top; the first row that holds decides."""


def of_item(
    provider: str, collection: str, baseline: str | None, removed: bool | None, said: tuple[float, float] | None
) -> tuple[float, float]:
    """Scale and offset for a band of an item.

    `baseline`: such as `05.11`; `removed`: whether the provider says that it took ESA's 1,000 off; `said`: scale and
    offset in the item's own metadata; each None where it does not say. Raises `SceneError` where nothing decides.
    """
    raised = None if baseline is None else is_raised(baseline)
    for row in TABLE:
        if row.provider not in (provider, "*") or row.collection not in (collection, "*"):
            continue
        if (row.raised is not None and row.raised != raised) or (row.removed is not None and row.removed != removed):
            continue
        if row.offset is not None:
            return SCALE, row.offset
        if said is not None:
            return scale_and_offset(*said)
        break
    raise SceneError(
        f"does not say how its numbers become reflectance (collection {collection or 'not told'}, "
        f"baseline {baseline or 'not told'})"
    )


def is_raised(baseline: str) -> bool:
    """Whether ESA's numbers of a processing baseline have the 1,000 in. Raises `SceneError`."""
    try:
        major, minor = (int(part) for part in baseline.split(".")[:2])
    except ValueError as cause:
        raise SceneError(f"its processing baseline {baseline[:20]!r} is none") from cause
    return (major, minor) >= ADDED_FROM


def scale_and_offset(scale: float, offset: float) -> tuple[float, float]:
    """What turns stored numbers into reflectance, from GDAL's band scale and offset (1 and 0 = absent).

    Raises `SceneError` for a scale that can be no one's.
    """
    if not (math.isfinite(scale) and LEAST_SCALE <= scale <= MOST_SCALE and abs(offset) <= MOST_OFFSET):
        raise SceneError(f"band scale {scale} and offset {offset} make no reflectance")
    if (scale, offset) == (1.0, 0.0):
        return SCALE, OFFSET
    return scale, offset
