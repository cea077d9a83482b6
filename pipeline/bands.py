"""The six Sentinel-2 bands that leachwatch reads, in the order of every `(band, y, x)` array.

Six, not thirteen: they carry water, bare ground and vegetation, and Landsat and HLS have them too.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Band:
    """One spectral band."""

    name: str
    """Sentinel-2's own name."""
    centre_nm: float
    """Central wavelength of Sentinel-2A, nanometres."""
    pixel_m: float
    """Native ground sampling distance, metres."""


BLUE = Band("B02", 492.4, 10.0)
GREEN = Band("B03", 559.8, 10.0)
RED = Band("B04", 664.6, 10.0)
NIR = Band("B08", 832.8, 10.0)
SWIR1 = Band("B11", 1613.7, 20.0)
SWIR2 = Band("B12", 2202.4, 20.0)

BANDS = (BLUE, GREEN, RED, NIR, SWIR1, SWIR2)
NAMES = tuple(band.name for band in BANDS)
SCL = "SCL"
"""Name of ESA's scene classification layer."""
