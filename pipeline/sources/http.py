"""HTTP requests with limits on size, time and attempts: one retry policy for all providers.

Failed requests are repeated with exponential backoff; `Retry-After` is honoured up to a maximum. A response is checked
by its content, not by its status alone. Every byte received is recorded in the ledger.
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
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from pipeline.config import HttpSettings
from pipeline.errors import CredentialsRefused, QuotaUsed, SceneError, one_line
from pipeline.sources.budget import Budget
from pipeline.sources.ledger import Usage

RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""
AUTH_STATUSES = (401, 403)
"""Status codes for an expired token, wrong credentials or a used-up quota."""
CHUNK = 65_536
QUOTA = re.compile(r"quota|limit|insufficient|exceeded|out of .*units", re.IGNORECASE)
"""Error text that means a used-up quota, not refused credentials."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a provider is asked; settings `[http]`."""

    max_attempts: int
    """Attempts per request, including the first."""
    total_timeout_s: float
    """From the start of the first attempt to the end of the last, waits included, seconds."""
    max_wait_s: float
    """Longest wait between two attempts, even if `Retry-After` is longer, seconds."""
    connect_timeout_s: float
    """Timeout for connecting, seconds."""
    read_timeout_s: float
    """Timeout between two packets, seconds."""
    first_wait_s: float = 0.5
    """Wait before the second attempt, seconds; doubles for each further one, with ±50 % jitter."""

    @classmethod
    def of(cls, settings: HttpSettings) -> "RetryPolicy":
        """The policy in the settings."""
        return cls(**settings.model_dump())


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response; `HttpClient.request` returns only those with status 2xx."""

    status: int
    """HTTP status code."""
    headers: Mapping[str, str]
    """Header names are case-insensitive."""
    body: bytes
    """The whole body."""


@dataclass(frozen=True, slots=True)
class RequestAuth:
    """Credentials for one request; never in an error, a log or a file."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Added to the request's headers."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Added to the URL's query string."""
    auth: AuthBase | None = None
    """Signs the request."""


NO_AUTH = RequestAuth()
Authenticator = Callable[[str, bool], RequestAuth]
"""Returns the credentials for a URL; True: new ones, because the last were refused."""


class InvalidResponse(Exception):
    """A response with invalid content; the request is repeated."""


@dataclass(frozen=True, slots=True)
class HttpClient:
    """HTTP client for one provider; cheap to pickle, because connections belong to the process that uses them."""

    provider: str
    """As written to the ledger."""
    retry: RetryPolicy
    """How often and how long to retry."""
    budget: Budget
    """What may be spent, and where usage is recorded."""
    retry_after_ms: bool = False
    """True: the provider's `Retry-After` is in milliseconds, as Sentinel Hub's is."""

    def request(
        self,
        method: str,
        url: str,
        max_bytes: int,
        *,
        headers: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        authenticator: Authenticator | None = None,
        check: Callable[[Response], None] | None = None,
        cost: Callable[[Response], float] | None = None,
    ) -> Response:
        """The first valid response to a request.

        `check` raises `InvalidResponse` for invalid content. `authenticator` returns the credentials; after a 401 or
        403 it is called once for new ones. `cost`: processing units of a response.

        Raises `CapReached` (`QuotaUsed` where the provider says so), `CredentialsRefused`, and `SceneError` with the
        reason for all else.
        """
        end = time.monotonic() + self.retry.total_timeout_s
        auth = authenticator(url, False) if authenticator else NO_AUTH
        reason, tried, renewed = "", 0, authenticator is None
        while tried < self.retry.max_attempts:
            self.budget.check()
            tried += 1
            retry_after_s = None
            try:
                response = self._attempt(method, url, {**(headers or {}), **auth.headers}, json, auth, max_bytes, end)
                self.budget.spend(self.provider, _usage_of(response, cost))
                if _is_success(response):
                    if check is not None:
                        check(response)
                    return response
                reason = f"status {response.status}{_error_message(response)}"
                if (
                    authenticator is not None
                    and response.status in AUTH_STATUSES
                    and not renewed
                    and not QUOTA.search(_error_message(response))
                ):
                    renewed, tried, auth = True, tried - 1, authenticator(url, True)
                    continue
                self._raise_if_permanent(response, url)
                retry_after_s = retry_after(response.headers.get("Retry-After"), datetime.now(UTC), self.retry_after_ms)
            except InvalidResponse as cause:
                reason = str(cause)
            except (requests.RequestException, HTTPError, OSError) as cause:
                reason = _failure(cause)
            if tried == self.retry.max_attempts:
                break
            wait_s = self._wait(tried, retry_after_s)
            if time.monotonic() + wait_s >= end:
                reason += f"; no time to wait {wait_s:.0f} s more"
                break
            time.sleep(wait_s)
        raise SceneError(f"{host(url)}: no valid response after {tried} attempts, last {reason}")

    def _attempt(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        json: Mapping[str, Any] | None,
        auth: RequestAuth,
        max_bytes: int,
        end: float,
    ) -> Response:
        """One attempt; records the bytes of an incomplete response, while the caller records a complete one."""
        timeout, body = (self.retry.connect_timeout_s, self.retry.read_timeout_s), bytearray()
        options: dict[str, Any] = {
            "headers": dict(headers),
            "params": dict(auth.params),
            "json": json,
            "auth": auth.auth,
        }
        try:
            with _session().request(method, url, timeout=timeout, stream=True, **options) as response:
                while chunk := response.raw.read1(CHUNK, decode_content=True):  # whatever has arrived, however little
                    body += chunk
                    if len(body) > max_bytes:
                        raise InvalidResponse(f"more than {max_bytes / 1e6:g} MB")
                    if time.monotonic() > end:
                        raise InvalidResponse(f"too slow: {len(body)} bytes in {self.retry.total_timeout_s:.0f} s")
                return Response(response.status_code, response.headers, bytes(body))
        except (InvalidResponse, requests.RequestException, HTTPError, OSError):
            self.budget.spend(self.provider, Usage(0, len(body)))
            raise

    def _raise_if_permanent(self, response: Response, url: str) -> None:
        """Raise the error for a response that no further attempt would change."""
        if response.status in AUTH_STATUSES and not QUOTA.search(_error_message(response)):
            raise CredentialsRefused(
                f"{host(url)} refuses the credentials (status {response.status}{_error_message(response)})"
            )
        if response.status in (402, *AUTH_STATUSES):
            raise QuotaUsed(
                f"{host(url)}: the provider's quota is used up (status {response.status}{_error_message(response)})"
            )
        if response.status not in RETRY_STATUSES:
            raise SceneError(f"{host(url)}: status {response.status}{_error_message(response)}")

    def _wait(self, tried: int, retry_after_s: float | None) -> float:
        """Seconds before the next attempt: exponential backoff, at least `retry_after_s`, at most `max_wait_s`."""
        growing: float = self.retry.first_wait_s * 2 ** (tried - 1) * random.uniform(0.5, 1.5)  # noqa: S311 no secret
        return min(max(growing, retry_after_s or 0.0), self.retry.max_wait_s)


HttpClientFactory = Callable[[str, bool], HttpClient]
"""Returns the client for a provider's name; True: its `Retry-After` is in milliseconds."""


def retry_after(text: str | None, now: datetime, milliseconds: bool = False) -> float | None:
    """Seconds to wait by a `Retry-After` header (a number or an HTTP date); None if absent or invalid."""
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
    """Host name of a URL, without the parts that may hold a secret."""
    return one_line(urlsplit(url).hostname or "no address")[:100]


@lru_cache(maxsize=1)
def _session() -> requests.Session:
    """Connections of this process; only what is given is sent: no `.netrc`, no cookie."""
    session = requests.Session()
    session.trust_env = True  # proxies and corporate CA certificates
    session.auth = _NoNetrc()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = "leachwatch"
    for scheme in ("https://", "http://"):
        session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=4, max_retries=0))
    return session


class _NoNetrc(AuthBase):
    """Keeps `requests` from reading a `.netrc`."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _usage_of(response: Response, cost: Callable[[Response], float] | None) -> Usage:
    return Usage(1, len(response.body), cost(response) if cost is not None and _is_success(response) else 0.0)


def _is_success(response: Response) -> bool:
    return 200 <= response.status < 300


def _error_message(response: Response) -> str:
    """Message in the body of an error response, shortened."""
    text = response.body[:2000].decode("utf-8", "replace")
    found = re.search(r'"(?:message|description|error_description|detail)"\s*:\s*"([^"]{1,200})"', text)
    return f": {one_line(found[1])[:120]}" if found else ""


def _failure(cause: BaseException) -> str:
    """Description of a transport error, without the URL, which may hold a token."""
    kinds = {
        requests.exceptions.ConnectTimeout: "no connection in time",
        requests.exceptions.ReadTimeout: "read timeout",
        requests.exceptions.SSLError: "its certificate cannot be trusted",
        requests.exceptions.ProxyError: "the proxy cannot be reached",
        requests.exceptions.ChunkedEncodingError: "incomplete response",
        requests.exceptions.ContentDecodingError: "response cannot be decoded",
        requests.exceptions.TooManyRedirects: "too many redirects",
        requests.exceptions.ConnectionError: "no connection",
        ReadTimeoutError: "read timeout",
        DecodeError: "response cannot be decoded",
        HTTPError: "incomplete response",
    }
    return next((words for kind, words in kinds.items() if isinstance(cause, kind)), type(cause).__name__)
