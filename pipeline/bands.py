"""The six Sentinel-2 bands that leachwatch reads, in the order of every `(band, y, x)` array.

Six of thirteen: they distinguish water, bare ground and vegetation, and Landsat and HLS have them too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """One spectral band."""

    name: str
    """Sentinel-2's own name."""


BLUE = Band("B02")
GREEN = Band("B03")
RED = Band("B04")
NIR = Band("B08")
SWIR1 = Band("B11")
SWIR2 = Band("B12")

BANDS = (BLUE, GREEN, RED, NIR, SWIR1, SWIR2)
NAMES = tuple(band.name for band in BANDS)
SCL = "SCL"
"""Name of ESA's scene classification layer."""
