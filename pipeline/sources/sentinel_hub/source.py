"""Sentinel Hub as a source: searched through its catalogue, read through the Process API.

The server mosaics all granules of an overpass and crops them to a window of our grid, so a window costs the same with
one granule or four. SCL is requested first, alone: where it shows nothing clear, the bands are not paid for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.errors import CredentialsRefused, InputError, SceneError, one_line
from pipeline.grid import Grid, Window
from pipeline.raster import Radiometry, Raster
from pipeline.sources.http import HttpClient, HttpClientFactory, Response
from pipeline.sources.interface import Period, Price, ReadRules, Refusal, Scene, Search
from pipeline.sources.items import check_needed, refused_item
from pipeline.sources.parts import parts_needed
from pipeline.sources.pixels import MAX_CLASS
from pipeline.sources.reach import host
from pipeline.sources.sentinel_hub.auth import BASE_URL, DEPLOYMENTS, TOKEN_URL, Deployment, address, auth_of, pointer
from pipeline.sources.sentinel_hub.catalogue import (
    ITEM_ERRORS,
    SEARCH_PATH,
    check_page,
    items_of,
    scene_of,
    shown_id,
    version_of,
)
from pipeline.sources.sentinel_hub.pricing import cost_of, price_of
from pipeline.sources.sentinel_hub.request import Numbers, decoded, request_of
from pipeline.sources.versions import newest_versions

MAX_PAGE_BYTES = 50_000_000
"""Largest page of the catalogue, bytes."""
HEADER_BYTES = 1_000_000
"""Bytes allowed for the header of a TIFF and for what compression adds."""
MAX_PX = 2500
"""Largest width and height of one request, pixels."""
RADIOMETRY: Radiometry = ((0.0001, 0.0),) * len(NAMES)
"""From DN to reflectance, once the server has applied BOA_ADD_OFFSET."""
MAX_PLAUSIBLE = 49_999
"""Largest DN of plausible reflectance, as `pixels.PLAUSIBLE`."""


@dataclass(frozen=True, slots=True)
class SentinelHubSource:
    """A deployment of Sentinel Hub as a source; holds no credentials, because it is sent to worker processes."""

    deployment: Deployment
    """The deployment."""
    base_url: str
    """URL of the service, without a trailing slash."""
    token_url: str
    """URL that issues tokens."""
    http: HttpClient
    """Sends all requests."""
    rules: ReadRules
    """How scenes are read; bands are not requested where nothing is clear."""

    @property
    def name(self) -> str:
        """As written to every product."""
        return self.deployment.provider

    @property
    def simulation(self) -> str:
        """Always empty: its scenes show real places."""
        return ""

    @property
    def paid(self) -> bool:
        """Always True: it counts processing units."""
        return True

    @property
    def remote(self) -> bool:
        """Always True."""
        return True

    def search(self, aoi: Aoi, period: Period) -> Search:
        """Scenes over an AOI, and refusals with the reason; reads no pixels.

        Raises `InputError` if the catalogue cannot be searched, `CredentialsRefused` and `CapReached`.
        """
        scenes: list[tuple[str, Scene]] = []
        refusals: list[Refusal] = []
        try:
            for item in items_of(aoi, period, self._page):
                try:
                    scene = scene_of(item, self.name)
                    check_needed(scene, aoi, period)
                    scenes.append((version_of(item), scene))
                except (SceneError, *ITEM_ERRORS) as cause:
                    refusals.append(refused_item(shown_id(item), cause))
        except SceneError as cause:
            raise InputError(f"{host(self.base_url)}: the catalogue cannot be searched ({cause})") from cause
        used, older = newest_versions(scenes)
        return Search(used, tuple(sorted((*refusals, *older), key=lambda refusal: refusal.id)))

    def unmasked(self) -> "SentinelHubSource":
        """As `Source.unmasked`."""
        return replace(self, rules=replace(self.rules, unclear=()))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; the server mosaics the granules, and bands are not requested where nothing is clear.

        Raises `SceneError`, naming the first scene, `CredentialsRefused` and `CapReached`.
        """
        first = min(scene.id for scene in scenes)
        try:
            if max(window.shape) > MAX_PX:
                raise SceneError(
                    f"Sentinel Hub gives no more than {MAX_PX} x {MAX_PX} px at once, and {window.width} x "
                    f"{window.height} are needed: make segment.window_px smaller"
                )
            return self._read(scenes, grid, window)
        except SceneError as cause:
            raise SceneError(f"{first}: {cause}") from cause

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        """As `Priced.price`, by the vendor's rule and the catalogue's cloud cover; sends no request."""
        return price_of(scenes, windows)

    def _read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        numbers, mask = self._pixels(scenes, grid, window, (SCL,))
        classes = np.where(mask & (numbers[0] <= MAX_CLASS), numbers[0], 0).astype(np.uint8)
        odd = bool((numbers[0][mask] > MAX_CLASS).any())
        unclear = (0, *self.rules.unclear)
        parts = [window] if odd else parts_needed(window, classes, unclear)
        pixels = np.zeros((len(NAMES), *window.shape), np.uint16)
        valid, unread = classes > 0, np.ones(window.shape, bool)
        for part in parts:
            here = part.within(window)
            numbers, mask = self._pixels(scenes, grid, part, NAMES)
            seen = mask & (numbers <= MAX_PLAUSIBLE).all(axis=0)
            numbers[:, ~seen] = 0
            pixels[(slice(None), *here)], valid[here], unread[here] = numbers, seen, False
            classes[here][~seen] = 0
        return Raster(
            window=window,
            pixels=pixels,
            radiometry=RADIOMETRY,
            valid=valid,
            scl=classes,
            unread=unread if unread.any() else None,
        )

    def _pixels(
        self, scenes: Sequence[Scene], grid: Grid, window: Window, names: Sequence[str]
    ) -> tuple[Numbers, NDArray[np.bool_]]:
        """DN (band, y, x) of some bands on a window, and where there is data (y, x)."""
        url, headers, payload = request_of(self.base_url, scenes, grid, window, names)
        bands = len(names) + 1
        found: list[Numbers] = []

        def check(response: Response) -> None:
            found[:] = [decoded(response.body, grid, window, bands)]

        def cost(response: Response) -> float:
            return cost_of(response.headers, window, len(names))

        max_bytes = window.height * window.width * bands * 2 + HEADER_BYTES
        self._ask(url, max_bytes, payload, headers=headers, check=check, cost=cost)
        return found[0][:-1], found[0][-1] == 1

    def _page(self, query: Mapping[str, Any]) -> Response:
        return self._ask(f"{self.base_url}{SEARCH_PATH}", MAX_PAGE_BYTES, query, check=check_page)

    def _ask(
        self,
        url: str,
        max_bytes: int,
        content: Mapping[str, Any],
        *,
        check: Callable[[Response], None],
        headers: Mapping[str, str] | None = None,
        cost: Callable[[Response], float] | None = None,
    ) -> Response:
        """As `HttpClient.request`, with a token; `CredentialsRefused` states where to get credentials."""
        try:
            return self.http.request(
                "POST",
                url,
                max_bytes,
                headers=headers,
                json=content,
                authenticator=lambda _url, renew: auth_of(self.http, self.deployment, self.token_url, renew),
                check=check,
                cost=cost,
            )
        except CredentialsRefused as cause:
            if self.deployment.dashboard in str(cause):
                raise
            raise CredentialsRefused(f"{cause}; {pointer(self.deployment)}") from cause


def sentinel_hub_source(name: str, rules: ReadRules, http_client_of: HttpClientFactory) -> SentinelHubSource:
    """The source for a name in `DEPLOYMENTS`.

    Raises `InputError` for a name or a URL that cannot be used. Credentials are read when they are first needed.
    """
    if name not in DEPLOYMENTS:
        raise InputError(f"{one_line(name)[:60]}: no Sentinel Hub of that name; known are {', '.join(DEPLOYMENTS)}")
    found = DEPLOYMENTS[name]
    base_url, token_url = address(BASE_URL, found.base_url), address(TOKEN_URL, found.token_url)
    http = http_client_of(found.provider, True).at(base_url, token_url)
    return SentinelHubSource(found, base_url, token_url, http, rules)
