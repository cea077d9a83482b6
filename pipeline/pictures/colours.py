"""From six bands to three colours, on one stretch for all looks at a site, so that they compare."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.bands import BANDS, BLUE, GREEN, NIR, RED, SWIR2, Band
from pipeline.looks.codes import LEVELS
from pipeline.looks.observe import CLEAR
from pipeline.raster import Bools, Bytes, Floats

Colours = NDArray[np.uint8]
"""Shape (y, x, 3): red, green, blue."""
NATURAL_BANDS = (RED, GREEN, BLUE)
SWIR_BANDS = (SWIR2, NIR, RED)
PERCENTILES = (1.0, 99.0)
"""Between these of all pixels of all looks colours are spread: a few clouds and roofs do not darken the rest."""
LEAST_SPAN = 0.04
"""Narrowest stretch, reflectance: so that noise over dark forest does not look like something."""
GAMMA = 0.8
"""Lifts dark ground, where most of these hills are."""
POND_COLOUR, GROUND_COLOUR = (0, 114, 178), (230, 159, 0)
"""Blue and orange of Okabe and Ito, which colour-blind people can tell apart."""
HIDDEN_COLOUR, HATCH_COLOUR = (226, 226, 226), (170, 170, 170)
"""Of ground that was not measured, or that no look shows clear."""
HATCH_PX = 6
"""Distance of the lines of hatching, pixels."""
FADED = 0.45
"""How much of the contrast the background of the model's view keeps."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which reflectance is black and which is white, in each of three colours."""

    bands: tuple[Band, Band, Band]
    """Shown as red, green and blue."""
    low: tuple[float, float, float]
    """Black, reflectance."""
    high: tuple[float, float, float]
    """White, reflectance."""

    @classmethod
    def of(cls, bands: tuple[Band, Band, Band], looks: Sequence[tuple[Floats, Bools]], joint: bool) -> "Stretch":
        """The stretch for some looks, each as reflectance (band, y, x) and what of it was measured (y, x).

        `joint`: the same for all three colours, so that grey ground is grey.
        """
        planes = [np.concatenate([pixels[BANDS.index(band)][valid] for pixels, valid in looks]) for band in bands]
        if not planes[0].size:
            return cls(bands, (0.0, 0.0, 0.0), (0.3, 0.3, 0.3))
        ends = [np.percentile(plane, PERCENTILES) for plane in planes]
        low, high = [float(end[0]) for end in ends], [float(end[1]) for end in ends]
        if joint:
            low, high = [min(low)] * 3, [max(high)] * 3
        high = [max(top, bottom + LEAST_SPAN) for bottom, top in zip(low, high, strict=True)]
        return cls(bands, (low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def __call__(self, reflectance: Floats, valid: Bools) -> Colours:
        """Colours of reflectance (band, y, x); hatched where not `valid` (y, x)."""
        planes = [
            np.clip((reflectance[BANDS.index(band)] - low) / (high - low), 0, 1) ** GAMMA
            for band, low, high in zip(self.bands, self.low, self.high, strict=True)
        ]
        shown = np.rint(np.stack(planes, axis=-1) * 255).astype(np.uint8)
        return _hatched(shown, ~valid)


def model_view(natural: Colours, look: Bytes) -> Colours:
    """What the model sees: ground in orange and ponds in blue over a faded picture; `look`: as `LookPixels.read`.

    Hatched where the ground was not clear or not shown to the model.
    """
    grey = natural.mean(axis=-1, keepdims=True) * FADED + 255 * (1 - FADED) * 0.8
    shown = np.repeat(grey, 3, axis=-1)
    states = look[2]
    for codes, colour in ((look[1], GROUND_COLOUR), (look[0], POND_COLOUR)):
        share = np.where(states == CLEAR, np.minimum(codes, LEVELS), 0)[..., None] / LEVELS
        shown = shown * (1 - share) + np.array(colour) * share
    return _hatched(np.rint(shown).astype(np.uint8), states != CLEAR)


def _hatched(colours: Colours, hidden: Bools) -> Colours:
    rows, cols = np.indices(hidden.shape)
    lines = ((rows + cols) % HATCH_PX == 0)[..., None]
    hatch = np.where(lines, np.array(HATCH_COLOUR, np.uint8), np.array(HIDDEN_COLOUR, np.uint8))
    return np.where(hidden[..., None], hatch, colours).astype(np.uint8)
