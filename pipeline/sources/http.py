"""Requests over HTTP, bounded in size, time and attempts: one policy for all providers.

A server may be slow, busy, wrong or gone. Each request is tried a few times with longer and longer waits, as long as it
asks for but within bounds; what comes is judged by what it holds and not by its status; and each byte is written into
the ledger.
"""

import math
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from pipeline.config import HttpSettings
from pipeline.errors import CredentialsRefused, QuotaUsed, SceneError, one_line
from pipeline.sources.budget import Budget, Usage

BUSY = (408, 425, 429, 500, 502, 503, 504)
"""Statuses after which the same request may well be answered."""
REFUSED = (401, 403)
"""Statuses of a token that has run out, of wrong credentials, and of a quota that is used up."""
CHUNK = 65_536
QUOTA = re.compile(r"quota|limit|insufficient|exceeded|out of .*units", re.IGNORECASE)
"""How a refusal speaks that is about an allowance and not about who asks."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a provider is asked, as in the settings `[http]`."""

    max_attempts: int
    """Of each request, the first included."""
    total_timeout_s: float
    """From the first attempt to the end of the last, waits included, seconds."""
    max_wait_s: float
    """Between two attempts, however long a wait the server asks for, seconds."""
    connect_timeout_s: float
    """To connect, seconds."""
    read_timeout_s: float
    """Between two packets, seconds."""
    first_wait_s: float = 0.5
    """Before the second attempt; twice as long before each next one, give or take a half."""

    @classmethod
    def of(cls, settings: HttpSettings) -> "RetryPolicy":
        """The policy of the settings."""
        return cls(**settings.model_dump())


@dataclass(frozen=True, slots=True)
class Response:
    """What a server said, with a status of 2xx."""

    status: int
    """As sent."""
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes
    """All of it."""


@dataclass(frozen=True, slots=True)
class RequestAuth:
    """What a provider wants to see; never in an error, a log or a file."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with the request."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Added to the address."""
    auth: AuthBase | None = None
    """Signs the request."""


NO_AUTH = RequestAuth()
Authenticator = Callable[[str, bool], RequestAuth]
"""Gives the token for an address; True: a new one, because the last was refused."""


class InvalidResponse(Exception):
    """An answer that is not what it should be; the request is tried again."""


@dataclass(frozen=True, slots=True)
class HttpClient:
    """How one provider is asked. Small to send: connections belong to the process that uses them."""

    provider: str
    """As written into the ledger."""
    retry: RetryPolicy
    """How long to go on."""
    budget: Budget
    """What may be spent, and where it is written down."""
    retry_after_ms: bool = False
    """True: the provider means milliseconds in `Retry-After`, as Sentinel Hub does."""

    def request(
        self,
        method: str,
        url: str,
        most_bytes: int,
        *,
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        authenticator: Authenticator | None = None,
        check: Callable[[Response], None] | None = None,
        cost: Callable[[Response], float] | None = None,
    ) -> Response:
        """The response to a request.

        `check` raises `InvalidResponse` for one that is not what it should be. `authenticator` gives what the
        provider wants to see; where the server says 401 or 403 it is asked once for a new one. `cost`: processing units of
        a response.

        Raises `CapReached` (`QuotaUsed` where the provider says so), `CredentialsRefused`, and `SceneError` with the
        reason for all else.
        """
        end = time.monotonic() + self.retry.total_timeout_s
        auth = authenticator(url, False) if authenticator else NO_AUTH
        reason, tried, renewed = "", 0, authenticator is None
        while tried < self.retry.max_attempts:
            self.budget.check()
            tried += 1
            asked_s = None
            try:
                response = self._once(method, url, {**(headers or {}), **auth.headers}, json, auth, most_bytes, end)
                self.budget.spend(self.provider, _spent(response, cost))
                if _fine(response):
                    if check is not None:
                        check(response)
                    return response
                reason = f"status {response.status}{_said(response)}"
                if (
                    authenticator is not None
                    and response.status in REFUSED
                    and not renewed
                    and not QUOTA.search(_said(response))
                ):
                    renewed, tried, auth = True, tried - 1, authenticator(url, True)
                    continue
                self._final(response, url)
                asked_s = retry_after(response.headers.get("Retry-After"), datetime.now(UTC), self.retry_after_ms)
            except InvalidResponse as cause:
                reason = str(cause)
            except (requests.RequestException, HTTPError, OSError) as cause:
                reason = _failure(cause)
            if tried == self.retry.max_attempts:
                break
            wait_s = self._wait(tried, asked_s)
            if time.monotonic() + wait_s >= end:
                reason += f"; no time to wait {wait_s:.0f} s more"
                break
            time.sleep(wait_s)
        raise SceneError(f"{host(url)}: no answer in {tried} attempts, last {reason}")

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: Mapping[str, Any] | None,
        auth: RequestAuth,
        most_bytes: int,
        end: float,
    ) -> Response:
        """One try; the caller writes down what an answer cost, and what came of a broken one is written down here."""
        timeout, body = (self.retry.connect_timeout_s, self.retry.read_timeout_s), bytearray()
        options: dict[str, Any] = {
            "headers": dict(headers),
            "params": dict(auth.params),
            "json": json,
            "auth": auth.auth,
        }
        try:
            with _session().request(method, url, timeout=timeout, stream=True, **options) as response:
                while chunk := response.raw.read1(CHUNK, decode_content=True):  # what has come, however little
                    body += chunk
                    if len(body) > most_bytes:
                        raise InvalidResponse(f"more than {most_bytes / 1e6:g} MB")
                    if time.monotonic() > end:
                        raise InvalidResponse(f"too slow: {len(body)} bytes in {self.retry.total_timeout_s:.0f} s")
                return Response(response.status_code, response.headers, bytes(body))
        except (InvalidResponse, requests.RequestException, HTTPError, OSError):
            self.budget.spend(self.provider, Usage(0, len(body)))
            raise

    def _final(self, response: Response, url: str) -> None:
        """Raise what an answer means that no further try will change."""
        if response.status in REFUSED and not QUOTA.search(_said(response)):
            raise CredentialsRefused(f"{host(url)} refuses the credentials (status {response.status}{_said(response)})")
        if response.status in (402, *REFUSED):
            raise QuotaUsed(f"{host(url)}: the provider's quota is used up (status {response.status}{_said(response)})")
        if response.status not in BUSY:
            raise SceneError(f"{host(url)}: status {response.status}{_said(response)}")

    def _wait(self, tried: int, asked_s: float | None) -> float:
        """Seconds before the next try: longer each time, at least what the server asks for, within bounds."""
        growing: float = self.retry.first_wait_s * 2 ** (tried - 1) * random.uniform(0.5, 1.5)  # noqa: S311 no secret
        return min(max(growing, asked_s or 0.0), self.retry.max_wait_s)


HttpClientFactory = Callable[[str, bool], HttpClient]
"""The client for a provider's name; True: it means milliseconds in `Retry-After`."""


def retry_after(text: str | None, now: datetime, milliseconds: bool = False) -> float | None:
    """Seconds that a server asks to be left alone: from a number or an HTTP date; None where it says nothing clear."""
    if text is None:
        return None
    with suppress(ValueError):
        number = float(text) / (1000 if milliseconds else 1)
        return max(0.0, number) if math.isfinite(number) else None
    with suppress(ValueError, TypeError):
        date = parsedate_to_datetime(text)
        return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
    return None


def host(url: str) -> str:
    """The name of a server, without anything in an address that may be secret."""
    return one_line(urlsplit(url).hostname or "no address")[:100]


@lru_cache(maxsize=1)
def _session() -> requests.Session:
    """Connections of this process. Nothing but what is given goes out: no `.netrc`, no cookie."""
    session = requests.Session()
    session.trust_env = True  # proxies, and certificates of an office
    session.auth = _NoNetrc()
    session.headers["User-Agent"] = "leachwatch"
    for scheme in ("https://", "http://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=4, max_retries=0))
    return session


class _NoNetrc(AuthBase):
    """Keeps `requests` from looking into a `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _spent(response: Response, cost: Callable[[Response], float] | None) -> Usage:
    return Usage(1, len(response.body), cost(response) if cost is not None and _fine(response) else 0.0)


def _fine(response: Response) -> bool:
    return 200 <= response.status < 300


def _said(response: Response) -> str:
    """What the body of an error says, short."""
    text = response.body[:2000].decode("utf-8", "replace")
    found = re.search(r'"(?:message|description|error_description|detail)"\s*:\s*"([^"]{1,200})"', text)
    return f": {one_line(found[1])[:120]}" if found else ""


def _failure(cause: BaseException) -> str:
    """What went wrong on the way, without the address: it may hold a token."""
    kinds = {
        requests.exceptions.ConnectTimeout: "no connection in time",
        requests.exceptions.ReadTimeout: "silence for too long",
        requests.exceptions.SSLError: "its certificate cannot be trusted",
        requests.exceptions.ProxyError: "the proxy cannot be reached",
        requests.exceptions.ChunkedEncodingError: "the answer broke off",
        requests.exceptions.ContentDecodingError: "the answer cannot be unpacked",
        requests.exceptions.TooManyRedirects: "it only points elsewhere",
        requests.exceptions.ConnectionError: "no connection",
        ReadTimeoutError: "silence for too long",
        DecodeError: "the answer cannot be unpacked",
        HTTPError: "the answer broke off",
    }
    return next((words for kind, words in kinds.items() if isinstance(cause, kind)), type(cause).__name__)
