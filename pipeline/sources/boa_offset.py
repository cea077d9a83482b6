"""BOA_ADD_OFFSET applied exactly once: scenes whose pixels show otherwise are refused, or corrected and noted.

Since processing baseline 04.00 ESA adds 1,000 to stored numbers. A provider may already have removed it, or may state
that it did without doing so.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.bands import NAMES
from pipeline.config import OffsetError
from pipeline.errors import SceneError
from pipeline.raster import Bools, Bytes, Floats
from pipeline.sources.interface import Scene
from pipeline.sources.pixels import ScenePixels
from pipeline.sources.radiometry import BOA_OFFSET

NEGATIVE, MAX_NEGATIVE_SHARE, MIN_PX = -0.02, 0.05, 1000
"""Applied twice: of at least `MIN_PX` pixels, more than this share of visible reflectance is below `NEGATIVE`."""
VEGETATION = 4
"""SCL class."""
BRIGHT, BRIGHT_PERCENTILE = 0.09, 5
"""Not applied: this percentile of vegetation's red reflectance is above `BRIGHT`; leaves reflect 0.02 to 0.06."""
RED = NAMES.index("B04")


@dataclass(frozen=True, slots=True)
class _Fault:
    """An offset that was not applied exactly once."""

    words: str
    """What the pixels show."""
    correction: float
    """Added to reflectance to correct it."""


def with_offset_checked(scene: Scene, pixels: ScenePixels, action: OffsetError) -> tuple[ScenePixels, str | None]:
    """Pixels with BOA_ADD_OFFSET applied exactly once, whatever the provider did, and a note where it was corrected.

    Raises `SceneError` for an error in the offset if `action` is to refuse.
    """
    fault = _fault(*pixels)
    if fault is None:
        return pixels, None
    if action is OffsetError.REFUSE:
        raise SceneError(f'{scene.id}: {fault.words} (reading.boa_offset_error = "correct" would correct it)')
    corrected = np.where(pixels.valid, pixels.reflectance + np.float32(fault.correction), 0).astype(np.float32)
    note = f"{scene.id}: {fault.words}; {fault.correction:+g} was added"
    return pixels._replace(reflectance=corrected), note


def _fault(reflectance: Floats, valid: Bools, classes: Bytes | None) -> _Fault | None:
    """What the pixels show to be wrong with the offset; None if nothing."""
    visible = reflectance[:3][:, valid]
    negative = float((visible < NEGATIVE).mean()) if valid.sum() >= MIN_PX else 0.0
    if negative > MAX_NEGATIVE_SHARE:
        shown = f"{negative:.0%} of its visible reflectance is below {NEGATIVE}"
        return _Fault(f"{shown}: BOA_ADD_OFFSET was applied twice", -BOA_OFFSET)
    leaves = reflectance[RED][valid & (classes == VEGETATION)] if classes is not None else visible[:0]
    if leaves.size >= MIN_PX and float(np.percentile(leaves, BRIGHT_PERCENTILE)) > BRIGHT:
        return _Fault(
            f"its vegetation is nowhere darker than {BRIGHT} in red: BOA_ADD_OFFSET was not applied", BOA_OFFSET
        )
    return None
