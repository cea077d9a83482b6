"""Requests to the Process API: how they are built, and how their responses are checked.

sentinelhub-py builds the request and our own client (`http.py`) sends it, because sentinelhub-py's client waits without
end for a busy server, has no spending limit, and does not check responses.
"""

import hashlib
import json
import warnings
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.config import SHConfig
from sentinelhub.constants import CRS, MimeType, MosaickingOrder, ResamplingType
from sentinelhub.data_collections import DataCollection
from sentinelhub.geometry import BBox

from pipeline.errors import SceneError, describe
from pipeline.grid import Grid, Window
from pipeline.sources.body import InvalidResponse
from pipeline.sources.interface import Scene
from pipeline.sources.pixels import GDAL, LIBRARY_ERRORS
from pipeline.sources.raster_file import check_cost

MARGIN = timedelta(seconds=60)
"""Added before the first granule of an overpass and after the last: times of catalogue and server may differ."""
DATA_MASK = "dataMask"
"""The band that is 1 where there is data; free of charge."""
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Magic numbers of TIFF."""

Numbers = NDArray[np.uint16]


def request_of(
    base_url: str, scenes: Sequence[Scene], grid: Grid, window: Window, names: Sequence[str]
) -> tuple[str, dict[str, str], dict[str, Any]]:
    """URL, headers and body of the request for some bands of all granules of an overpass on a window."""
    times = [scene.time_utc for scene in scenes]
    try:
        request = SentinelHubRequest(
            evalscript=evalscript(names),
            input_data=[
                SentinelHubRequest.input_data(
                    _collection(base_url),
                    time_interval=(
                        (min(times) - MARGIN).replace(microsecond=0),
                        (max(times) + MARGIN).replace(microsecond=0),
                    ),
                    mosaicking_order=MosaickingOrder.MOST_RECENT,
                    upsampling=ResamplingType.NEAREST,
                    downsampling=ResamplingType.NEAREST,
                    other_args={"processing": {"harmonizeValues": True}},
                )
            ],
            responses=[SentinelHubRequest.output_response("default", MimeType.TIFF)],
            bbox=BBox(window.bounds_m, crs=CRS(grid.epsg)),
            size=(window.width, window.height),
            config=SHConfig(use_defaults=True),  # not its configuration file, not its credentials
        )
        (made,) = request.download_list
    except (ValueError, TypeError, ArithmeticError) as cause:
        raise SceneError(f"no request can be made of it ({describe(cause)})") from cause
    if made.url is None or not isinstance(made.post_values, dict):
        raise SceneError("sentinelhub-py built no request")
    return made.url, dict(made.headers), dict(made.post_values)


def evalscript(names: Sequence[str]) -> str:
    """The evalscript that returns some bands as DN, and dataMask last."""
    bands = json.dumps([*names, DATA_MASK])
    sample = ", ".join(f"sample.{name}" for name in (*names, DATA_MASK))
    return f"""//VERSION=3
function setup() {{
  return {{
    input: [{{bands: {bands}, units: "DN"}}],
    output: {{bands: {len(names) + 1}, sampleType: "UINT16"}}
  }};
}}
function evaluatePixel(sample) {{
  return [{sample}];
}}
"""


def decoded(body: bytes, grid: Grid, window: Window, bands: int) -> Numbers:
    """DN (band, y, x) of a response, dataMask last; raises `InvalidResponse` unless it matches the request."""
    if not body.startswith(TIFF):
        raise InvalidResponse(f"not a TIFF: it begins with {body[:12]!r}" if body else "an empty response")
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL), MemoryFile(body) as memory:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # refused with a reason just after
            with memory.open(driver="GTiff") as file:
                _check_shape(file, grid, window, bands)
                numbers: Numbers = file.read()
    except LIBRARY_ERRORS as cause:
        raise InvalidResponse(f"a TIFF that cannot be read ({describe(cause)})") from cause
    if (numbers[-1] > 1).any():
        raise InvalidResponse("invalid data mask")
    return numbers


def _check_shape(file: Any, grid: Grid, window: Window, bands: int) -> None:
    """Raise `InvalidResponse` unless a dataset has the requested shape, data type and position."""
    asked, given = (bands, *window.shape), (file.count, file.height, file.width)
    if given != asked:
        raise InvalidResponse(f"a TIFF of (band, y, x) {given} instead of {asked}")
    if set(file.dtypes) != {"uint16"}:
        raise InvalidResponse(f"a TIFF of {', '.join(sorted(set(file.dtypes)))}, not of uint16")
    try:
        check_cost(file)
    except SceneError as cause:
        raise InvalidResponse(f"a TIFF with {cause}") from cause
    if file.crs is None or file.crs.to_epsg() != grid.epsg:
        raise InvalidResponse(f"a TIFF that does not lie in EPSG:{grid.epsg}")
    if not np.allclose(file.transform[:6], window.transform[:6], rtol=0, atol=1e-3):
        raise InvalidResponse("a TIFF at another position")


@lru_cache(maxsize=8)
def _collection(base_url: str) -> DataCollection:
    """sentinelhub-py's collection at a URL; unmodified, it would send a token of one deployment to another."""
    if DataCollection.SENTINEL2_L2A.service_url == base_url:
        return DataCollection.SENTINEL2_L2A  # it may not be defined a second time
    name = f"LEACHWATCH_S2L2A_{hashlib.sha256(base_url.encode()).hexdigest()[:12]}"
    return DataCollection.SENTINEL2_L2A.define_from(name, service_url=base_url)
