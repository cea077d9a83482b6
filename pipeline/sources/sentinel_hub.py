"""Sentinel Hub, at its own address or at the Copernicus Data Space: searched by its catalogue, cut by its Process API.

The server cuts a window out of all granules of an overpass, on our grid, so a window costs the same whether one granule
or four lie under it. The scene classification is asked for first, alone: where it says that nothing is clear, the bands
are not paid for. sentinelhub-py writes the request; our own transport (`web.py`) sends it, because that one's waits
without end where a server is busy, knows no limit of spending, and does not look at what comes.

Credentials come from the environment, stay in this process, and are in no field, error, log or file.
"""

import hashlib
import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
import requests
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from requests.auth import AuthBase
from sentinelhub.api.process import SentinelHubRequest
from sentinelhub.config import SHConfig
from sentinelhub.constants import CRS, MimeType, MosaickingOrder, ResamplingType
from sentinelhub.data_collections import DataCollection
from sentinelhub.geometry import BBox

from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.errors import CredentialsRefused, InputError, SceneError, one_line
from pipeline.grid import Grid, Window
from pipeline.raster import Raster
from pipeline.sources.acquisitions import newest
from pipeline.sources.interface import Period, Price, Refusal, Scene, Search, cloud_share_of
from pipeline.sources.items import check_needed, outline_of, reason_of
from pipeline.sources.pixels import FOREIGN, GDAL, PLAUSIBLE, told
from pipeline.sources.web import Answer, Damaged, Token, Web, host
from pipeline.spending import Spent

ENDPOINTS = {
    "cdse": (
        "https://sh.dataspace.copernicus.eu",
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
    ),
    "sentinelhub": (
        "https://services.sentinel-hub.com",
        "https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
    ),
}
"""Deployments by name: address of the service, and where tokens are given."""
PROVIDERS = {"cdse": "cdse-sentinelhub", "sentinelhub": "sentinelhub"}
"""What they are called in products and in the ledger."""
DASHBOARDS = {
    "cdse": "https://shapps.dataspace.copernicus.eu/dashboard/",
    "sentinelhub": "https://apps.sentinel-hub.com/dashboard/",
}
"""Where a person gets credentials."""
BASE_URL, TOKEN_URL = "LEACHWATCH_SH_BASE_URL", "LEACHWATCH_SH_TOKEN_URL"
"""Environment variables in the place of the addresses of `ENDPOINTS`, for proxies and tests."""
PREFIXES = ("LEACHWATCH_SH_", "SH_")
"""Of the environment variables `CLIENT_ID` and `CLIENT_SECRET`; the first pair that is set counts."""
COLLECTION = "sentinel-2-l2a"
"""What both deployments call it."""
PAGE = 100
"""Items of one page of the catalogue; more it does not give."""
MOST_ITEMS = 20_000
"""Of one search."""
MOST_BYTES = 50_000_000
"""Of one page."""
TOKEN_BYTES = 100_000
"""Of the answer that holds a token."""
SAID_BYTES = 4000
"""Of an error that the server for tokens tells."""
ROOM_BYTES = 1_000_000
"""For the header of a TIFF and whatever compression adds."""
RENEW_S = 60.0
"""Before a token ends a new one is asked for, seconds."""
SHORTEST_S = 300.0
"""How long a token is taken to hold that does not say, seconds."""
MOST_PX = 2500
"""Width and height of one request."""
AREA_PX = 512 * 512
"""Pixels of three bands that cost one processing unit."""
LEAST_AREA, LEAST_PU = 0.01, 0.005
"""What a request costs however small it is: a share of `AREA_PX`, and processing units."""
MOST_PU = 1000.0
"""More than any request can cost: a header that says so is not believed."""
MARGIN = timedelta(seconds=60)
"""Before the first granule of an overpass and after the last: the catalogue's times and the server's may differ."""
SCALE = 10_000.0
"""Digital numbers of reflectance 1, once the server has taken off the offset of the processing baseline."""
CELLS = 4
"""Independent pieces of cloud in a window, assumed."""
PACKED = 0.6
"""Bytes of an answer by those of its numbers, assumed."""
DATA_MASK = "dataMask"
"""The band that is 1 where there is data; free of cost."""
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How a TIFF begins."""
UNKNOWN_CLIENT = re.compile(r'"error"\s*:\s*"(invalid_client|unauthorized_client|invalid_grant|access_denied)"')
"""How a server says with status 400 that it does not know us."""
NAMED = re.compile(r"(S2[A-D])_MSIL2A_\d{8}T\d{6}_N(\d{2})(\d{2})_R\d{3}_T\w{5}_(\d{8}T\d{6})")
"""ESA's name of a product: platform, processing baseline, time of processing."""
JUNK = (*FOREIGN, KeyError, TypeError, IndexError)
"""What an item that is none makes the libraries raise."""

Numbers = NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class SentinelHubSource:
    """A deployment of Sentinel Hub. Holds no credentials: it is sent to worker processes."""

    endpoint: str
    """A key of `ENDPOINTS`."""
    base_url: str
    """Address of the service, without a slash at its end."""
    token_url: str
    """Where tokens are given."""
    web: Web
    """How it is asked."""
    unclear: tuple[int, ...]
    """Classes of the scene classification under which nothing is looked at: bands there are not asked for."""

    @property
    def name(self) -> str:
        """As written into every product."""
        return PROVIDERS[self.endpoint]

    @property
    def simulated(self) -> bool:
        """Never: it is about real places."""
        return False

    def search(self, aoi: Aoi, period: Period) -> Search:
        """The scenes over an AOI, and the others with the reason; reads no pixels.

        Raises `InputError` where the catalogue cannot be searched, `CredentialsRefused` and `CapReached`.
        """
        scenes: list[tuple[str, Scene]] = []
        refusals: list[Refusal] = []
        try:
            for item in self._items(aoi, period):
                try:
                    scene = self._scene(item)
                    check_needed(scene, aoi, period)
                    scenes.append((_version(item), scene))
                except (SceneError, *JUNK) as cause:
                    refusals.append(Refusal(_shown_id(item), reason_of(cause)))
        except SceneError as cause:
            raise InputError(f"{host(self.base_url)}: the catalogue cannot be searched ({cause})") from cause
        used, older = newest(scenes)
        return Search(used, tuple(sorted((*refusals, *older), key=lambda refusal: refusal.id)))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; the server puts the granules together. Where nothing is clear, bands are not asked for.

        Raises `SceneError`, naming the first scene, `CredentialsRefused` and `CapReached`.
        """
        first = min(scene.id for scene in scenes)
        try:
            if max(window.shape) > MOST_PX:
                raise SceneError(
                    f"Sentinel Hub gives no more than {MOST_PX} x {MOST_PX} px at once, and {window.width} x "
                    f"{window.height} are needed: make segment.window_px smaller"
                )
            return self._read(scenes, grid, window)
        except SceneError as cause:
            raise SceneError(f"{first}: {cause}") from cause

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        """As `Priced.price`, by the vendor's rule and the cloud that the catalogue tells; asks for nothing.

        A window of a few kilometres is taken to be wholly under cloud as seldom as `CELLS` independent pieces are.
        """
        told = [scene.cloud_share for scene in scenes if scene.cloud_share is not None]
        cloud = sum(told) / len(told) if told else 0.0
        with_clear = 1 - cloud**CELLS
        spent = Spent()
        for window in windows:
            sizes = window.width, window.height
            pu = processing_units(*sizes, 1) + with_clear * processing_units(*sizes, len(NAMES))
            packed = int(window.width * window.height * 2 * PACKED * (1 + with_clear * len(NAMES)))
            spent += Spent(2 if with_clear > 0.5 else 1, packed, pu)
        return Price(spent, len(windows) * with_clear, 1 - cloud if told else None)

    def _read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        numbers, mask = self._pixels(scenes, grid, window, (SCL,))
        classes = np.where(mask & (numbers[0] <= 11), numbers[0], 0).astype(np.uint8)
        if np.isin(classes, (0, *self.unclear)).all() and not (numbers[0][mask] > 11).any():
            nothing = np.zeros((len(NAMES), *window.shape), np.float32)
            return Raster(window=window, reflectance=nothing, valid=classes > 0, scl=classes)
        numbers, mask = self._pixels(scenes, grid, window, NAMES)
        reflectance = numbers.astype(np.float32) / np.float32(SCALE)
        valid = mask & ((reflectance > PLAUSIBLE[0]) & (reflectance < PLAUSIBLE[1])).all(axis=0)
        reflectance[:, ~valid] = 0
        classes[~valid] = 0
        return Raster(window=window, reflectance=reflectance, valid=valid, scl=classes)

    def _pixels(
        self, scenes: Sequence[Scene], grid: Grid, window: Window, names: Sequence[str]
    ) -> tuple[Numbers, NDArray[np.bool_]]:
        """Numbers (band, y, x) of some bands on a window, and where there is data (y, x)."""
        url, headers, payload = _request(self.base_url, scenes, grid, window, names)
        bands = len(names) + 1
        decoded: list[Numbers] = []

        def check(answer: Answer) -> None:
            decoded[:] = [_decoded(answer.body, grid, window, bands)]

        def cost(answer: Answer) -> float:
            return _cost(answer.headers, window, len(names))

        most_bytes = window.height * window.width * bands * 2 + ROOM_BYTES
        self._ask(url, most_bytes, payload, headers=headers, check=check, cost=cost)
        return decoded[0][:-1], decoded[0][-1] == 1

    def _items(self, aoi: Aoi, period: Period) -> Iterator[Any]:
        """What the catalogue lists, page by page; whatever it is. Raises `SceneError` where there is no end to it."""
        first = period.first.isoformat() if period.first else "2015-06-01"
        last = period.last.isoformat() if period.last else datetime.now(UTC).date().isoformat()
        query: dict[str, Any] = {
            "collections": [COLLECTION],
            "bbox": list(aoi.polygon.bounds),
            "datetime": f"{first}T00:00:00Z/{last}T23:59:59Z",
            "limit": PAGE,
        }
        url, number, asked = f"{self.base_url}/api/v1/catalog/1.0.0/search", 0, set[str]()
        while True:
            page = _page(self._ask(url, MOST_BYTES, query, check=_check_page))
            for item in page["features"]:
                number += 1
                if number > MOST_ITEMS:
                    raise SceneError(f"more than {MOST_ITEMS} items; ask for a shorter period")
                yield item
            follow = page["context"].get("next")
            if follow is None:
                return
            if not page["features"] or str(follow) in asked:
                raise SceneError("its pages have no end")
            asked.add(str(follow))
            query = {**query, "next": follow}

    def _scene(self, item: Any) -> Scene:
        """The scene that an item describes. Raises `SceneError` with the reason why there is none, or any of `JUNK`."""
        name, properties = item["id"], item["properties"]
        if not isinstance(name, str) or not name.strip():
            raise SceneError("an item without a name")
        if item.get("collection", COLLECTION) != COLLECTION:
            raise SceneError(f"of the collection {one_line(item['collection'])[:60]}, not {COLLECTION}")
        moment = datetime.fromisoformat(properties["datetime"])
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        marks = [name, properties.get("updated"), properties.get("created")]
        return Scene(
            id=one_line(name)[:120],
            time_utc=moment,
            platform=_platform(name, properties),
            location=json.dumps({"collection": COLLECTION, "id": name}),
            footprint=outline_of(item["geometry"]),
            fingerprint=hashlib.sha256(json.dumps(marks).encode()).hexdigest()[:24],
            has_scl=True,
            provider=self.name,
            cloud_share=cloud_share_of(properties.get("eo:cloud_cover")),
        )

    def _ask(
        self,
        url: str,
        most_bytes: int,
        content: Mapping[str, Any],
        *,
        check: Callable[[Answer], None],
        headers: Mapping[str, str] | None = None,
        cost: Callable[[Answer], float] | None = None,
    ) -> Answer:
        """As `Web.ask`, with a token; a refusal says where credentials come from."""
        try:
            return self.web.ask(
                "POST",
                url,
                most_bytes,
                headers=headers,
                json=content,
                access=lambda _url, again: self._token(again),
                check=check,
                cost=cost,
            )
        except CredentialsRefused as cause:
            if DASHBOARDS[self.endpoint] in str(cause):
                raise
            raise CredentialsRefused(f"{cause}; {_pointer(self.endpoint)}") from cause

    def _token(self, again: bool) -> Token:
        """The token of this process; a new one where it has none, the last one ends soon, or `again` is said."""
        client_id, secret = _credentials(self.endpoint)
        key = hashlib.sha256("\0".join((self.token_url, client_id, secret)).encode()).hexdigest()
        kept = _kept.get(key)
        if again or kept is None or time.monotonic() >= kept.until:
            _kept.pop(key, None)
            kept = _kept[key] = self._new_token(client_id, secret)
        return Token(headers={"Authorization": f"Bearer {kept.text}"})

    def _new_token(self, client_id: str, secret: str) -> "_Kept":
        """Ask for a token. Raises as `Web.ask`."""
        form = _ClientForm(client_id, secret, _refusal(self.endpoint, self.token_url))
        asked = time.monotonic()
        try:
            answer = self.web.ask(
                "POST",
                self.token_url,
                TOKEN_BYTES,
                headers={"Accept": "application/json"},
                access=lambda _url, _again: Token(auth=form),
                check=_check_token,
            )
        except SceneError as cause:  # what a server says may repeat what it was sent
            raise SceneError(f"no token: {cause}".replace(secret, "(secret)")) from None
        return _kept_of(answer, asked)


def sentinel_hub_source(endpoint: str, unclear: Sequence[int], web_of: Callable[[str, bool], Web]) -> SentinelHubSource:
    """The source for a key of `ENDPOINTS`.

    `web_of` gives the transport for a provider's name; the second argument says that it means milliseconds in
    `Retry-After`. Raises `InputError` for an endpoint or an address that cannot be used. Credentials are looked for
    when they are first needed.
    """
    if endpoint not in ENDPOINTS:
        raise InputError(f"{one_line(endpoint)[:60]}: no Sentinel Hub of that name; known are {', '.join(ENDPOINTS)}")
    base_url, token_url = ENDPOINTS[endpoint]
    return SentinelHubSource(
        endpoint,
        _address(BASE_URL, base_url),
        _address(TOKEN_URL, token_url),
        web_of(PROVIDERS[endpoint], True),
        tuple(unclear),
    )


def processing_units(width: int, height: int, bands: int) -> float:
    """What a request costs, in processing units: `width` x `height` px of `bands` bands as uint16; dataMask is free."""
    return max(max(width * height / AREA_PX, LEAST_AREA) * bands / 3, LEAST_PU)


@dataclass(frozen=True, slots=True, repr=False)
class _Kept:
    """A token of this process; never shown."""

    text: str
    """What is sent."""
    until: float
    """When to ask for a new one, on the monotonic clock."""


_kept: dict[str, _Kept] = {}
"""Tokens of this process, by a hash of what they were asked for with."""


class _ClientForm(AuthBase):
    """Puts the credentials into the body of a request for a token, and hears whether they are refused."""

    def __init__(self, client_id: str, secret: str, refused: CredentialsRefused) -> None:
        """`refused`: what to raise where the server does not know the client."""
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        self._refused = refused

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Fill in the form."""
        request.prepare_body(self._form, None)
        request.register_hook("response", self._heard)
        return request

    def _heard(self, response: requests.Response, **_: object) -> None:
        if response.is_redirect:  # a form would be sent on to wherever it points
            response.close()
            raise SceneError("the address for tokens points elsewhere; nothing was sent there")
        if response.status_code in (401, 403):
            response.close()
            raise self._refused
        if response.status_code >= 400:  # read here, and so repeated nowhere: it may hold what was sent
            said = response.raw.read(SAID_BYTES, decode_content=True).decode("utf-8", "replace")
            if response.status_code == 400 and UNKNOWN_CLIENT.search(said):
                response.close()
                raise self._refused


def _kept_of(answer: Answer, asked: float) -> _Kept:
    """The token in an answer. Raises `Damaged` where there is none."""
    try:
        content = json.loads(answer.body)
        text, lasts = content["access_token"], content.get("expires_in", SHORTEST_S)
        if not isinstance(text, str) or not re.fullmatch(r"[!-~]{1,20000}", text):
            raise ValueError("no token")
        seconds = float(lasts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("an answer without a token") from None
    return _Kept(text, asked + (max(0.0, seconds - RENEW_S) if math.isfinite(seconds) else 0.0))


def _check_token(answer: Answer) -> None:
    _kept_of(answer, 0.0)


def _credentials(endpoint: str) -> tuple[str, str]:
    """Id and secret of the environment. Raises `CredentialsRefused` where there are none."""
    for prefix in PREFIXES:
        client_id, secret = (os.environ.get(f"{prefix}{name}", "").strip() for name in ("CLIENT_ID", "CLIENT_SECRET"))
        if client_id and secret:
            return client_id, secret
    raise CredentialsRefused(f"no credentials for Sentinel Hub; {_pointer(endpoint)}")


def _pointer(endpoint: str) -> str:
    """What a person does to get credentials."""
    names = f"{PREFIXES[0]}CLIENT_ID and {PREFIXES[0]}CLIENT_SECRET"
    return f"set {names} to those of a client of {DASHBOARDS[endpoint]} (User settings, OAuth clients)"


def _refusal(endpoint: str, token_url: str) -> CredentialsRefused:
    return CredentialsRefused(f"{host(token_url)} refuses the client id and secret; {_pointer(endpoint)}")


def _address(variable: str, usual: str) -> str:
    """An address, or what the environment has in its place. Raises `InputError` where secrets would go out in clear."""
    address = os.environ.get(variable, "").strip().rstrip("/") or usual
    try:
        parts = urlsplit(address)
        sound = bool(parts.hostname) and not parts.query and "@" not in parts.netloc
        loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        sound = False
    if not sound or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise InputError(f"{variable} is no address that credentials may be sent to; begin with https://")
    return address


@lru_cache(maxsize=8)
def _collection(base_url: str) -> DataCollection:
    """sentinelhub-py's collection at an address; as it comes, it would send a token of one deployment to another."""
    if DataCollection.SENTINEL2_L2A.service_url == base_url:
        return DataCollection.SENTINEL2_L2A  # it may not be defined a second time
    name = f"LEACHWATCH_S2L2A_{hashlib.sha256(base_url.encode()).hexdigest()[:12]}"
    return DataCollection.SENTINEL2_L2A.define_from(name, service_url=base_url)


def _request(
    base_url: str, scenes: Sequence[Scene], grid: Grid, window: Window, names: Sequence[str]
) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Address, headers and content of the request for some bands of all granules of an overpass on a window."""
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
            config=SHConfig(use_defaults=True),  # neither its file nor its credentials
        )
        (made,) = request.download_list
    except (ValueError, TypeError, ArithmeticError) as cause:
        raise SceneError(f"no request can be made of it ({told(cause)})") from cause
    if made.url is None or not isinstance(made.post_values, dict):
        raise SceneError("sentinelhub-py made no request of it")
    return made.url, dict(made.headers), dict(made.post_values)


def evalscript(names: Sequence[str]) -> str:
    """The script that gives some bands as digital numbers, and dataMask as the last one."""
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


def _cost(headers: Mapping[str, str], window: Window, bands: int) -> float:
    """Processing units of an answer: as the server says, or else by the rule."""
    try:
        spent = float(headers.get("x-processingunits-spent", ""))
    except ValueError:
        spent = math.nan
    return spent if 0 <= spent <= MOST_PU else processing_units(window.width, window.height, bands)


def _decoded(body: bytes, grid: Grid, window: Window, bands: int) -> Numbers:
    """The numbers (band, y, x) of an answer, dataMask last. Raises `Damaged` unless it is what was asked for."""
    if not body.startswith(TIFF):
        raise Damaged(f"not a TIFF: it begins with {body[:12]!r}" if body else "an empty answer")
    try:
        with warnings.catch_warnings(), rasterio.Env(**GDAL), MemoryFile(body) as memory:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # refused with a reason just after
            with memory.open(driver="GTiff") as file:
                _check_shape(file, grid, window, bands)
                numbers: Numbers = file.read()
    except FOREIGN as cause:
        raise Damaged(f"a TIFF that cannot be read ({told(cause)})") from cause
    if (numbers[-1] > 1).any():
        raise Damaged("its data mask is none")
    return numbers


def _check_shape(file: Any, grid: Grid, window: Window, bands: int) -> None:
    """Raise `Damaged` unless a dataset has the size, type and place of what was asked for."""
    asked, given = (bands, *window.shape), (file.count, file.height, file.width)
    if given != asked:
        raise Damaged(f"a TIFF of (band, y, x) {given} in the place of {asked}")
    if set(file.dtypes) != {"uint16"}:
        raise Damaged(f"a TIFF of {', '.join(sorted(set(file.dtypes)))}, not of uint16")
    if file.crs is None or file.crs.to_epsg() != grid.epsg:
        raise Damaged(f"a TIFF that does not lie in EPSG:{grid.epsg}")
    if not np.allclose(file.transform[:6], window.transform[:6], rtol=0, atol=1e-3):
        raise Damaged("a TIFF of another place")


def _page(answer: Answer) -> dict[str, Any]:
    """A page of the catalogue. Raises `Damaged` where it is none."""
    try:
        page = json.loads(answer.body)
        sound = isinstance(page["features"], list) and isinstance(page["context"], dict)
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise Damaged("not a page of a catalogue") from cause
    if not sound:
        raise Damaged("not a page of a catalogue")
    return dict(page)


def _check_page(answer: Answer) -> None:
    _page(answer)


def _platform(name: str, properties: Mapping[str, Any]) -> str:
    """`S2A` and so on: as told, or else as the name begins; empty where neither says."""
    told_here = str(properties.get("platform") or "").upper().removeprefix("SENTINEL-2").removeprefix("S2")
    named = re.match(r"S2([A-D])_", name)
    letter = told_here if told_here in ("A", "B", "C", "D") else named[1] if named else ""
    return f"S2{letter}" if letter else ""


def _version(item: Any) -> str:
    """What tells a newer processing of an acquisition from an older one."""
    properties, named = item["properties"], NAMED.match(item["id"])
    baseline = properties.get("s2:processing_baseline") or properties.get("processing:version")
    baseline = str(baseline or (f"{named[2]}.{named[3]}" if named else ""))
    processed = properties.get("updated") or properties.get("created") or (named[4] if named else "")
    return f"{baseline:>6} {processed}"


def _shown_id(item: Any) -> str:
    """The name of an item, whatever it is."""
    name = item.get("id") if isinstance(item, dict) else None
    return one_line(name)[:120] if isinstance(name, str) and name.strip() else "an item without a name"
