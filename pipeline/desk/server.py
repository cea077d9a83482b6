"""The server of the desk: the page, what it shows, and commands. On loopback only, for the page itself only.

The address that is opened, `http://127.0.0.1:PORT/TOKEN/`, holds a random token. The page sends it in a header with
every other request. Paths are compared as they are sent, with nothing decoded, and no file is opened by a name that was
sent, so no path leads out.
"""

import json
import re
import secrets
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from types import MappingProxyType
from typing import Any

from pipeline.desk.commands import NotPossible, command_of
from pipeline.desk.desk import Desk
from pipeline.desk.facts import texts_of, view_code
from pipeline.desk.guard import HEADERS, TOKEN_HEADER, Asked, Refusal, body_length, is_token, refused
from pipeline.desk.session import JudgedMeanwhile, Session
from pipeline.errors import InputError, PipelineError, write_error
from pipeline.pictures.album import View

LOOPBACK = "127.0.0.1"
PAGE = MappingProxyType(
    {
        "": ("index.html", "text/html; charset=utf-8"),
        "desk.css": ("desk.css", "text/css; charset=utf-8"),
        "icon.svg": ("icon.svg", "image/svg+xml"),
        **{f"{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
           for name in ("desk", "drawing", "map", "numbers", "pictures", "server", "texts")},
    }
)  # fmt: skip
"""The files of the page by the path below the token, with their kinds."""
TICKET = "/open/"
"""Path above the secret that opens the page once."""
TEXTS = "texts.json"
"""The words of the page, likewise."""
SITE = re.compile(r"/api/site/([A-Za-z0-9-]{1,80})")
PICTURE = re.compile(r"/api/picture/([A-Za-z0-9-]{1,80})/([0-9]{1,4})/([a-z_]{1,20})")
VIEWS = MappingProxyType({view_code(view): view for view in View})
SILENCE_S = 20.0
"""A connection on which nothing comes for so long is closed, seconds."""
REQUEST_S = 20.0
"""A body must have come by then, seconds."""
CONNECTIONS = 64
"""Connections at one time; more are closed at once."""
JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, eq=False, slots=True)
class Open:
    """A desk that is open."""

    session: Session
    """What is shown and written."""
    url: str
    """Where, with the token; for the person who judges and nobody else."""
    once: str
    """An address that leads there once. Browsers are started with it, because other users of this machine can read what
    programs are started with."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request."""

    status: HTTPStatus
    """Its status."""
    kind: str
    """Kind of its body."""
    body: bytes
    """Its body."""
    leads_to: str | None = None
    """Another path to go to instead."""


class Ticket:
    """A secret that opens the page once."""

    def __init__(self) -> None:
        self.secret = secrets.token_urlsafe(32)
        self._lock, self._used = threading.Lock(), False

    def take(self, given: str) -> bool:
        """Whether it is the right one and nobody had it before."""
        with self._lock:
            taken = is_token(given, self.secret) and not self._used
            self._used |= taken
            return taken


@contextmanager
def opened(desk: Desk, port: int = 0) -> Iterator[Open]:
    """Open a desk on a port of this machine, 0 = a free one. Raises `InputError` where the port cannot be had."""
    session, token, ticket = Session(desk), secrets.token_urlsafe(32), Ticket()
    files = {path: _file(name, kind) for path, (name, kind) in PAGE.items()}
    files[TEXTS] = _json(HTTPStatus.OK, texts_of(desk.words))
    handler = type("DeskHandler", (_Handler,), {"session": session, "token": token, "ticket": ticket, "files": files})
    try:
        server = _Server((LOOPBACK, port), handler)
        handler.port = server.server_address[1]  # type: ignore[attr-defined]
    except OSError as cause:
        raise InputError(f"port {port} cannot be had ({cause.strerror}); choose another --port") from cause
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        base = f"http://{LOOPBACK}:{server.server_address[1]}"
        yield Open(session, f"{base}/{token}/", f"{base}{TICKET}{ticket.secret}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(desk: Desk, port: int = 0, open_browser: bool = True) -> Session:
    """Let a person judge until Ctrl-C; returns what was done. Raises `PipelineError` where it cannot begin."""
    desk.storage.read()  # a file that cannot be read is told before a page is opened
    with opened(desk, port) as here:
        print(
            f"The review desk is open at {here.url}\nEnd it with Ctrl-C; what it shows as saved is saved.", flush=True
        )
        if open_browser:
            webbrowser.open(here.once)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return here.session


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.free = threading.BoundedSemaphore(CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self.free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):  # a browser that went away is no bug
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    session: Session
    token: str
    ticket: Ticket
    port: int
    files: Mapping[str, Answer]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # header and body are two packets; else each answer waits 40 ms
    timeout = SILENCE_S
    server_version, sys_version = "leachwatch", ""

    def do_GET(self) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # else its body would be read as the next request
        self._send(self._barred() or self._got())

    def do_POST(self) -> None:
        self._send(self._barred() or self._posted())

    def _barred(self) -> Answer | None:
        lines = {name: self.headers.get_all(name, []) for name in ("Host", "Origin", "Referer", "Sec-Fetch-Site")}
        asked = Asked(hosts=lines["Host"], origins=lines["Origin"], referers=lines["Referer"],
                      fetch_sites=lines["Sec-Fetch-Site"])  # fmt: skip
        why = refused(asked, self.port)
        return _refusal(why) if why else None

    def _got(self) -> Answer:
        """The answer to GET: a file of the page below the token, or what it shows by the header."""
        if self.path.startswith(TICKET) and self.ticket.take(self.path.removeprefix(TICKET)):
            return Answer(HTTPStatus.SEE_OTHER, JSON, b"{}", f"/{self.token}/")
        first, _, rest = self.path.removeprefix("/").partition("/")
        if self.path.startswith("/") and is_token(first, self.token):
            return self.files.get(rest, _not_here())
        if not is_token(self.headers.get(TOKEN_HEADER), self.token):
            return _refusal(Refusal(HTTPStatus.FORBIDDEN, "open the whole address that leachwatch review printed"))
        try:
            return self._shown()
        except PipelineError as error:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, error)

    def _shown(self) -> Answer:
        if self.path == "/api/desk":
            return _json(HTTPStatus.OK, self.session.overview())
        site, picture = SITE.fullmatch(self.path), PICTURE.fullmatch(self.path)
        if site and self.session.knows(site[1]):
            return _json(HTTPStatus.OK, self.session.details(site[1]))
        if picture and picture[3] in VIEWS and self.session.knows(picture[1]):
            image = self.session.picture(picture[1], int(picture[2]), VIEWS[picture[3]])
            if image is not None:
                return Answer(HTTPStatus.OK, "image/webp", image)
        return _not_here()

    def _posted(self) -> Answer:
        """The answer to POST: a command, by the header only."""
        if not is_token(self.headers.get(TOKEN_HEADER), self.token):
            return self._unread(_refusal(Refusal(HTTPStatus.FORBIDDEN, "the token is missing or wrong")))
        if self.path != "/api/act":
            return self._unread(_not_here())
        length = body_length(
            self.headers.get_all("Content-Length", []),
            self.headers.get_all("Transfer-Encoding", []),
            self.headers.get_all("Content-Type", []),
        )
        if isinstance(length, Refusal):
            return self._unread(_refusal(length))
        body = self._body(length)
        if body is None:
            return self._unread(_refusal(Refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not come whole")))
        try:
            command = command_of(body)
        except NotPossible as error:
            return _problem(HTTPStatus.BAD_REQUEST, error)
        try:
            return _json(HTTPStatus.OK, self.session.act(command))
        except JudgedMeanwhile as error:
            return _problem(HTTPStatus.CONFLICT, error)
        except NotPossible as error:
            return _problem(HTTPStatus.BAD_REQUEST, error)
        except PipelineError as error:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, error)
        except OSError as error:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, write_error(error.filename or "reviews", error))

    def _body(self, length: int) -> bytes | None:
        """A body of so many bytes; None = it did not come whole and in time."""
        until, body = time.monotonic() + REQUEST_S, b""
        try:
            while len(body) < length and time.monotonic() < until:
                self.connection.settimeout(max(0.01, until - time.monotonic()))
                got = self.rfile.read1(length - len(body))
                if not got:
                    return None
                body += got
        except TimeoutError:
            return None
        finally:
            self.connection.settimeout(self.timeout)
        return body if len(body) == length else None

    def _unread(self, answer: Answer) -> Answer:
        """An answer to a request whose body is not read: nothing more can come on this connection."""
        self.close_connection = True
        return answer

    def _send(self, answer: Answer) -> None:
        if answer.status >= HTTPStatus.BAD_REQUEST:
            self.close_connection = True
        self.send_response(answer.status)
        for name, value in HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.leads_to is not None:
            self.send_header("Location", answer.leads_to)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what http.server itself refuses: other methods, and what is no HTTP. Repeats nothing of it."""
        not_allowed = code == HTTPStatus.NOT_IMPLEMENTED
        status = HTTPStatus.METHOD_NOT_ALLOWED if not_allowed else HTTPStatus(code)
        if not hasattr(self, "request_version"):
            self.request_version = self.protocol_version
        self._send(self._unread(_refusal(Refusal(status, status.phrase))))

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: requests hold the token."""


def _file(name: str, kind: str) -> Answer:
    return Answer(HTTPStatus.OK, kind, resources.files("pipeline.desk").joinpath("page", name).read_bytes())


def _json(status: HTTPStatus, content: object) -> Answer:
    return Answer(status, JSON, json.dumps(content, ensure_ascii=False, allow_nan=False).encode())


def _refusal(refusal: Refusal) -> Answer:
    return _json(refusal.status, {"error": refusal.why})


def _problem(status: HTTPStatus, error: PipelineError) -> Answer:
    return _json(status, {"error": " ".join(str(error).split())})


def _not_here() -> Answer:
    return _refusal(Refusal(HTTPStatus.NOT_FOUND, "there is no such thing here"))
