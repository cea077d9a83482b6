"""Processing units: what a request to Sentinel Hub costs, by the vendor's rule."""

import math
from collections.abc import Mapping, Sequence

from pipeline.bands import NAMES
from pipeline.grid import Window
from pipeline.sources.interface import Price, Scene
from pipeline.sources.ledger import Usage

AREA_PX = 512 * 512
"""Pixels of three bands that cost one processing unit."""
MIN_AREA, MIN_PU = 0.01, 0.005
"""Minimum cost of a request: a share of `AREA_PX`, and processing units."""
MAX_PU = 1000.0
"""More than any request can cost: a header that states more is ignored."""
CLOUD_CELLS = 4
"""Independent pieces of cloud in a window, assumed."""
PACKED_SHARE = 0.6
"""Bytes of a response relative to its uncompressed pixels, assumed."""


def processing_units(width: int, height: int, bands: int) -> float:
    """Processing units of a request for `width` x `height` px of `bands` bands as uint16; dataMask is free."""
    return max(max(width * height / AREA_PX, MIN_AREA) * bands / 3, MIN_PU)


def cost_of(headers: Mapping[str, str], window: Window, bands: int) -> float:
    """Processing units of a response: as the server states, or else by the rule."""
    try:
        spent = float(headers.get("x-processingunits-spent", ""))
    except ValueError:
        spent = math.nan
    return spent if 0 <= spent <= MAX_PU else processing_units(window.width, window.height, bands)


def price_of(scenes: Sequence[Scene], windows: Sequence[Window]) -> Price:
    """Price of reading granules of one overpass on some windows, from the cloud cover that the catalogue states.

    A window of a few kilometres is assumed to be wholly cloudy as seldom as `CLOUD_CELLS` independent pieces all are.
    """
    stated = [scene.cloud_share for scene in scenes if scene.cloud_share is not None]
    cloud = sum(stated) / len(stated) if stated else 0.0
    with_clear = 1 - cloud**CLOUD_CELLS
    usage = Usage()
    for window in windows:
        sizes = window.width, window.height
        pu = processing_units(*sizes, 1) + with_clear * processing_units(*sizes, len(NAMES))
        packed = int(window.width * window.height * 2 * PACKED_SHARE * (1 + with_clear * len(NAMES)))
        usage += Usage(2 if with_clear > 0.5 else 1, packed, pu)
    return Price(usage, sum(window.area_px for window in windows) * with_clear, 1 - cloud if stated else None)
