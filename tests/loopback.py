"""A server on loopback that gives files by byte range, answers STAC searches, and misbehaves as told."""

import json
import os
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.sources.budget import Budget
from pipeline.sources.http import HttpClient, RetryPolicy

Response = tuple[int, dict[str, str], bytes]
QUICK = RetryPolicy(
    max_attempts=3,
    total_timeout_s=2.5,
    max_wait_s=0.3,
    connect_timeout_s=2.0,
    read_timeout_s=0.5,
    first_wait_s=0.01,
)


def quick_http(
    provider: str = "test", milliseconds: bool = False, ledger: Path = Path(os.devnull), **limits
) -> HttpClient:
    """A transport that gives up soon; what it spends is written to `ledger`."""
    return HttpClient(provider, QUICK, Budget(ledger, "run", **limits), milliseconds)


def http_at(url: str, ledger: Path = Path(os.devnull), **limits) -> HttpClient:
    """The same for one configured address."""
    return quick_http(ledger=ledger, **limits).at(url)


@dataclass
class Server:
    """What is served, and what was asked."""

    folder: Path
    """Files."""
    items: list[dict[str, object]] = field(default_factory=list)
    """Of the STAC API, if there are any."""
    page: int = 2
    """Items per page."""
    most: int | None = None
    """Items of one search, however many there are."""
    heeds_time: bool = True
    """Whether it gives only what was asked for."""
    counts: bool = False
    """Whether it says how many there are."""
    faults: list[Callable[[str], Response | None]] = field(default_factory=list)
    """Each is asked once with the path, then gone if it answered. Status 0 drops the connection; a `Content-Length`
    among the headers is sent as it is."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    guard: Callable[[str, Mapping[str, str]], Response | None] | None = None
    """Asked each time with path and headers; what it says is said instead."""
    drip_s: float = 0.0
    """Above 0: a body comes byte by byte, with so many seconds between."""
    versions: bool = True
    """Whether it tells versions of files apart, by an ETag."""
    sent: int = 0
    """Bytes of bodies."""
    url: str = ""
    """Where it listens."""

    def response(self, method: str, path: str, ranges: str | None, body: bytes) -> Response:
        """What to say."""
        self.asked.append((method, path))
        for fault in self.faults:
            said = fault(path)
            if said is not None:
                with suppress(ValueError):  # another request had the same fault at the same time
                    self.faults.remove(fault)
                return said
        plain = path.partition("?")[0]
        if plain == "/api":
            return _json(self.root())
        if plain == "/api/search":
            return _json(self.found(json.loads(body or b"{}")))
        file = self.folder / plain.lstrip("/")
        if not file.is_file():
            return 404, {}, b"not here"
        content = file.read_bytes()
        whole = {"Accept-Ranges": "bytes"} | ({"ETag": f'"{zlib.crc32(content):08x}"'} if self.versions else {})
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", ranges or "")
        if not asked:
            return 200, whole, content
        first, last = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
        return 206, {**whole, "Content-Range": f"bytes {first}-{last}/{len(content)}"}, content[first : last + 1]

    def root(self) -> dict[str, object]:
        """The landing page of an API."""
        links = [
            {"rel": rel, "href": f"{self.url}/api{rest}", "type": kind}
            for rel, rest, kind in (("self", "", "application/json"), ("root", "", "application/json"))
        ]
        links.append(
            {"rel": "search", "href": f"{self.url}/api/search", "type": "application/geo+json", "method": "POST"}
        )
        conforms = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
        return {
            "type": "Catalog",
            "stac_version": "1.0.0",
            "id": "fake",
            "description": "fake",
            "links": links,
            "conformsTo": conforms,
        }

    def found(self, query: dict[str, object]) -> dict[str, object]:
        """One page of a search."""
        first, page = int(str(query.get("token", 0))), min(self.page, int(str(query.get("limit", self.page))))
        begin, end = (datetime.fromisoformat(moment) for moment in str(query["datetime"]).split("/"))
        matched = [item for item in self.items if not self.heeds_time or begin <= _moment(item) <= end]
        given = matched[: self.most]
        some = given[first : first + page]
        links = []
        if first + page < len(given):
            more = {**query, "token": first + page}
            links.append(
                {"rel": "next", "href": f"{self.url}/api/search", "method": "POST", "body": more, "merge": False}
            )
        counted = {"numberMatched": len(matched)} if self.counts else {}
        return {"type": "FeatureCollection", "features": some, "links": links, **counted}


def _moment(item: Any) -> datetime:
    return datetime.fromisoformat(item["properties"]["datetime"])


def _json(content: object) -> Response:
    return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server for a folder, on a free port of loopback."""
    server = Server(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # header and body are two packets; else each answer waits 40 ms

        def do_GET(self) -> None:
            self._reply("GET")

        def do_HEAD(self) -> None:
            self._reply("HEAD")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = self.rfile.read(length)
            guarded = server.guard(self.path, self.headers) if server.guard else None
            code, headers, body = guarded or server.response(method, self.path, self.headers.get("Range"), asked)
            if code == 0:
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.close_connection = True
            self.end_headers()
            if method != "HEAD":
                server.sent += len(body)  # before the client has it all and asks for the sum
                with suppress(BrokenPipeError, ConnectionResetError):
                    for piece in [bytes([byte]) for byte in body] if server.drip_s else [body]:
                        self.wfile.write(piece)
                        time.sleep(server.drip_s)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *whom: object) -> None:
            if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that was cut off is what is tested
                super().handle_error(*whom)

    http = Quiet(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
