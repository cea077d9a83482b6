"""BOA_ADD_OFFSET applied exactly once: scenes whose pixels show otherwise are refused, or corrected and noted.

Since processing baseline 04.00 ESA adds 1,000 to stored numbers. A provider may already have removed it, or may state
that it did without doing so. That concerns a granule as a whole, so it is judged by a sample of the whole granule,
once, and all its windows are read alike.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.config import OffsetError
from pipeline.errors import SceneError
from pipeline.raster import Bools, reflectance_in
from pipeline.sources.assets import SceneAssets
from pipeline.sources.band_stack import BandStack
from pipeline.sources.granule_sample import VISIBLE, GranuleSample, read_sample
from pipeline.sources.interface import Scene
from pipeline.sources.pixels import ScenePixels
from pipeline.sources.radiometry import BOA_OFFSET

NEGATIVE, MAX_NEGATIVE_SHARE, MIN_PX = -0.02, 0.25, 1000
"""Applied twice: of at least `MIN_PX` sampled pixels of land, more than this share of visible reflectance is below
`NEGATIVE`. Leaves reflect 0.02 to 0.06, so that nearly all of a forest is; of a granule that is sound only what was
over-corrected is, in haze and deep shadow."""
VEGETATION = 4
"""SCL class."""
LAND = (VEGETATION, 5)
"""SCL classes of ground that is not dark: vegetation and bare ground, neither water nor shadow."""
BRIGHT, BRIGHT_PERCENTILE = 0.09, 5
"""Not applied: this percentile of vegetation's red reflectance is above `BRIGHT`; leaves reflect 0.02 to 0.06."""
RED = VISIBLE.index("B04")
CACHED_JUDGEMENTS = 1024
"""Granules whose judgement a process keeps: more than one AOI has on a year's days."""


@dataclass(frozen=True, slots=True)
class OffsetFault:
    """An offset that was not applied exactly once."""

    words: str
    """What the sample shows."""
    correction: float
    """Added to reflectance to correct it."""


@dataclass(slots=True, eq=False)
class OffsetJudgement:
    """Whether the offset of a granule was applied exactly once: found out by the first window that asks."""

    _known: bool = False
    _fault: OffsetFault | None = None

    def fault(self, file: BandStack) -> OffsetFault | None:
        """What is wrong with the offset, None if nothing; `file`: the opened granule, SCL included where it has one.

        Raises as `read_sample`; the next window then asks again.
        """
        if not self._known:
            self._fault, self._known = _fault(read_sample(file)), True
        return self._fault


@lru_cache(maxsize=CACHED_JUDGEMENTS)
def judgement_of(assets: SceneAssets, content: str) -> OffsetJudgement:
    """The judgement of a scene, by where it lies and its content, shared by all its windows."""
    return OffsetJudgement()


def fault_of(scene: Scene, file: BandStack, pixels: ScenePixels) -> OffsetFault | None:
    """What is wrong with the offset of a scene, None if nothing, or if `pixels` of a window hold none to correct.

    `file`: the opened scene. Where nothing is clear no band is read, and none need be for the sample.
    """
    return judgement_of(scene.assets, scene.content).fault(file) if pixels.pixels.any() else None


def with_offset_mended(
    scene: Scene, pixels: ScenePixels, fault: OffsetFault | None, action: OffsetError
) -> tuple[ScenePixels, str | None]:
    """Pixels with BOA_ADD_OFFSET applied exactly once, whatever the provider did, and a note where it was corrected.

    Raises `SceneError` for a fault if `action` is to refuse.
    """
    if fault is None:
        return pixels, None
    if action is OffsetError.REFUSE:
        raise SceneError(f'{scene.id}: {fault.words} (reading.boa_offset_error = "correct" would correct it)')
    reflectance = reflectance_in(pixels.pixels, pixels.radiometry, pixels.valid)
    read = pixels.valid if pixels.unread is None else pixels.valid & ~pixels.unread
    corrected = np.where(read, reflectance + np.float32(fault.correction), 0).astype(np.float32)
    note = f"{scene.id}: {fault.words}; {fault.correction:+g} was added"
    return pixels._replace(pixels=corrected, radiometry=None), note


def _fault(sample: GranuleSample) -> OffsetFault | None:
    """What a sample shows to be wrong with the offset; None if nothing, or if it is too small to say."""
    land = sample.visible[:, _of(sample, LAND)]
    if land.shape[1] >= MIN_PX:
        negative = float((land < NEGATIVE).mean())
        if negative > MAX_NEGATIVE_SHARE:
            shown = f"{negative:.0%} of its visible reflectance is below {NEGATIVE}"
            return OffsetFault(f"{shown}: BOA_ADD_OFFSET was applied twice", -BOA_OFFSET)
    leaves = sample.visible[RED, _of(sample, (VEGETATION,))] if sample.classes is not None else land[:0]
    if leaves.size >= MIN_PX and float(np.percentile(leaves, BRIGHT_PERCENTILE)) > BRIGHT:
        shown = f"its vegetation is nowhere darker than {BRIGHT} in red"
        return OffsetFault(f"{shown}: BOA_ADD_OFFSET was not applied", BOA_OFFSET)
    return None


def _of(sample: GranuleSample, classes: tuple[int, ...]) -> Bools:
    """Where the sample is valid and of these classes, shape (n,); of any class where the granule has no SCL."""
    if sample.classes is None:
        return sample.valid
    found: Bools = sample.valid & np.isin(sample.classes, classes)
    return found
