"""A Sentinel Hub on loopback: gives tokens, lists items, cuts windows out of made-up pixels, and misbehaves as told."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from rasterio.io import MemoryFile
from rasterio.transform import Affine

Response = tuple[int, dict[str, str], bytes]
Pixels = Callable[[int, tuple[float, ...], int, int, list[str], str, str], np.ndarray]
Act = Callable[[Response], Response | None]
"""Gets what would be answered and gives what is answered instead; None: the connection is cut without a word."""
PAGE = 2


@dataclass
class Asked:
    """One request."""

    at: float
    path: str
    bearer: str
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hub:
    """What is given, and what was asked."""

    answer_pixels: Pixels
    items: list[Any]
    """Of the catalogue, whatever they are."""
    script: list[Act] = field(default_factory=list)
    """One is taken per process request."""
    catalog_script: list[Act] = field(default_factory=list)
    """One is taken per catalogue request."""
    token_script: list[Act] = field(default_factory=list)
    """One is taken per token request."""
    secrets: dict[str, str] = field(default_factory=lambda: {"id": "the-secret"})
    """Clients and their secrets."""
    expires_in: float = 3600
    """Of a token, seconds."""
    valid: set[str] = field(default_factory=set)
    """Tokens that are taken."""
    pu: str | Callable[[int, int, int], float] | None = "1.5"
    """Header of each answer with pixels, or what gives it for width, height and bands (without dataMask)."""
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def to(self, end: str) -> list[Asked]:
        """Requests by the end of their path."""
        return [one for one in self.asked if one.path.endswith(end)]

    @property
    def processed(self) -> list[Asked]:
        return self.to("/process")

    @property
    def tokens(self) -> int:
        return len(self.to("/token"))

    def response(self, one: Asked) -> Response | None:
        self.asked.append(one)
        if one.path == "/auth/token":
            said, script = self.token(one), self.token_script
        elif one.path == "/api/v1/catalog/1.0.0/search":
            said, script = self.authorised(one, self.found), self.catalog_script
        elif one.path == "/api/v1/process":
            said, script = self.authorised(one, self.cut), self.script
        else:
            return 404, {}, b"not here"
        return script.pop(0)(said) if script else said

    def token(self, one: Asked) -> Response:
        form = dict(pair.split("=", 1) for pair in one.body.decode().split("&"))
        known = self.secrets.get(form.get("client_id", "")) == form.get("client_secret")
        if form.get("grant_type") != "client_credentials" or not known:
            text = f"Invalid client or Invalid client credentials: {form.get('client_secret')}"
            return _json({"error": "unauthorized_client", "error_description": text}, 401)
        text = f"h.{len(self.valid)}.s"
        self.valid.add(text)
        return _json({"access_token": text, "expires_in": self.expires_in, "token_type": "Bearer"})

    def authorised(self, one: Asked, response: Callable[[Any], Response]) -> Response:
        return response(one.content) if one.bearer in self.valid else error(401, "Unauthorized")

    def found(self, query: dict[str, Any]) -> Response:
        first = int(query.get("next", 0))
        some = self.items[first : first + PAGE]
        context = {"limit": PAGE, "returned": len(some)}
        if first + PAGE < len(self.items):
            context["next"] = first + PAGE
        return _json({"type": "FeatureCollection", "features": some, "links": [], "context": context})

    def cut(self, asked: dict[str, Any]) -> Response:
        bounds, output = asked["input"]["bounds"], asked["output"]
        span = asked["input"]["data"][0]["dataFilter"]["timeRange"]
        epsg, box = int(bounds["properties"]["crs"].rsplit("/", 1)[1]), tuple(bounds["bbox"])
        size, bands = (output["width"], output["height"]), wanted(asked["evalscript"])
        numbers = self.answer_pixels(epsg, box, *size, bands, span["from"], span["to"])
        pu = str(self.pu(*size, len(set(bands) - {"dataMask"}))) if callable(self.pu) else self.pu
        headers = {} if pu is None else {"x-processingunits-spent": pu}
        return 200, {"Content-Type": "image/tiff", **headers}, tiff(numbers, epsg, box)


def wanted(evalscript: str) -> list[str]:
    """The bands that an evalscript asks for."""
    return json.loads(re.search(r"bands: (\[[^\]]*\])", evalscript)[1])


def tiff(numbers: np.ndarray, epsg: int, box: tuple[float, ...]) -> bytes:
    """A GeoTIFF."""
    count, height, width = numbers.shape
    west, south, east, north = box
    place = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=width, height=height, count=count, dtype=numbers.dtype, compress="deflate",
            crs=f"EPSG:{epsg}", transform=place,
        ) as file:  # fmt: skip
            file.write(numbers)
        return bytes(memory.read())


def error(status: int, message: str, **headers: str) -> Response:
    """As Sentinel Hub tells errors."""
    code, _, body = _json({"error": {"status": status, "reason": "?", "message": message, "code": "X"}}, status)
    return code, {name.replace("_", "-"): value for name, value in headers.items()}, body


def status(code: int, message: str = "scripted", **headers: str) -> Act:
    """Answers with an error."""
    return lambda _: error(code, message, **headers)


def fine(response: Response) -> Response:
    """Answers as it should."""
    return response


def drop(_: Response) -> None:
    """Cuts the connection."""


def sleep(seconds: float) -> Act:
    """Answers late."""

    def late(response: Response) -> Response:
        time.sleep(seconds)
        return response

    return late


def body(content: bytes | Callable[[bytes], bytes]) -> Act:
    """Answers with another body and status 200."""
    return lambda response: (200, response[1], content if isinstance(content, bytes) else content(response[2]))


def _json(content: object, code: int = 200) -> Response:
    return code, {"Content-Type": "application/json"}, json.dumps(content).encode()


@contextmanager
def hub(answer_pixels: Pixels, items: list[Any]) -> Iterator[Hub]:
    """A Sentinel Hub on a free port of loopback."""
    server = Hub(answer_pixels, items)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            said = server.response(Asked(time.monotonic(), self.path, bearer, content))
            self.close_connection = said is None
            if said is None:
                return
            with suppress(OSError):  # whoever asked may not have waited
                self.send(*said)

        def send(self, code: int, headers: dict[str, str], response: bytes) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(response))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
