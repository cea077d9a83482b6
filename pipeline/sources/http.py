"""HTTP requests with limits on size, time and attempts: one retry policy for all providers.

Failed requests are repeated with exponential backoff; `Retry-After` is honoured up to a maximum. A response is checked
by its content, not by its status alone. Every byte received is recorded in the ledger, those of redirects too. What may
be asked is in `reach.py`; credentials go to the address they are for and are left behind where a redirect leaves it.
"""

import math
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, quote_plus, urljoin

import requests
from requests.auth import AuthBase
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from pipeline.config import HttpSettings
from pipeline.errors import CredentialsRefused, QuotaUsed, SceneError, one_line, without_secrets
from pipeline.sources.body import Body, InvalidResponse
from pipeline.sources.budget import Budget
from pipeline.sources.connections import SHORTEST_S, bounded, session, surroundings
from pipeline.sources.ledger import Usage
from pipeline.sources.reach import NOTHING, Reach, host, origin_of

RETRY_STATUSES = (408, 425, 429, 500, 502, 503, 504)
"""Status codes after which the same request may succeed."""
AUTH_STATUSES = (401, 403)
"""Status codes for an expired token, wrong credentials or a used-up quota."""
REDIRECTS = (301, 302, 303, 307, 308)
"""Status codes that name another address ..."""
KEEP_METHOD = (307, 308)
"""... and those of them after which a question with a body is asked again; the others would drop it."""
MAX_REDIRECTS = 5
"""Most redirects of one attempt."""
SHORTEST_SECRET = 6
"""Least characters of what is taken for a secret in the text of a server: parameters such as `sp=rl` are none."""
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
        return cls(**settings.model_dump(exclude={"data_hosts"}))


@dataclass(frozen=True, slots=True)
class Response:
    """A complete HTTP response; `HttpClient.request` returns only those with status 2xx."""

    status: int
    """HTTP status code."""
    headers: Mapping[str, str]
    """Header names are case-insensitive."""
    body: bytes
    """The whole body, decoded."""
    n_bytes: int
    """Bytes received of it, as they came: fewer where the server compressed it."""


@dataclass(frozen=True, slots=True)
class RequestAuth:
    """Credentials for one request; never in an error, a log or a file."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Added to the request's headers."""
    params: Mapping[str, str] = field(default_factory=dict)
    """Added to the URL's query string."""
    auth: AuthBase | None = None
    """Signs the request."""

    def hidden(self, text: str) -> str:
        """Text of a server without the secrets that it was sent and may repeat."""
        for value in (*self.headers.values(), *self.params.values()):
            for secret in (value, value.removeprefix("Bearer "), quote(value, safe=""), quote_plus(value)):
                if len(secret) >= SHORTEST_SECRET:
                    text = text.replace(secret, "(secret)")
        return text


NO_AUTH = RequestAuth()
Authenticator = Callable[[str, bool], RequestAuth]
"""Returns the credentials for a URL; True: new ones, because the last were refused."""


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
    reach: Reach = NOTHING
    """What may be asked; nothing until an address is configured."""

    def at(self, *addresses: str) -> "HttpClient":
        """The client that may ask these configured addresses, too."""
        return replace(self, reach=self.reach.at(*addresses))

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
        403 it is called once for new ones. `headers` must hold no secret: redirects carry them to other hosts.
        `cost`: processing units of a response.

        Raises `CapReached` (`QuotaUsed` where the provider says so), `CredentialsRefused`, and `SceneError` with the
        reason for all else, such as an address out of reach.
        """
        self.reach.must_be_public(url)
        end = time.monotonic() + self.retry.total_timeout_s
        auth = authenticator(url, False) if authenticator else NO_AUTH
        reason, tried, renewed = "", 0, authenticator is None
        while tried < self.retry.max_attempts:
            self.budget.check()
            tried += 1
            retry_after_s = None
            try:
                response = self._attempt(Question(method, url, headers or {}, json, auth), max_bytes, end)
                self.budget.spend(self.provider, _usage_of(response, cost))
                if _is_success(response):
                    if check is not None:
                        check(response)
                    return response
                said = f"status {response.status}{auth.hidden(_error_message(response))}"
                reason = said
                if (
                    authenticator is not None
                    and response.status in AUTH_STATUSES
                    and not renewed
                    and not QUOTA.search(said)
                ):
                    renewed, tried, auth = True, tried - 1, authenticator(url, True)
                    continue
                _raise_if_permanent(response.status, said, host(url))
                retry_after_s = retry_after(response.headers.get("Retry-After"), datetime.now(UTC), self.retry_after_ms)
            except InvalidResponse as cause:
                reason = auth.hidden(str(cause))
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

    def _attempt(self, question: "Question", max_bytes: int, end: float) -> Response:
        """One attempt, over at most `MAX_REDIRECTS` redirects, each of which is recorded and checked like a request."""
        for _ in range(MAX_REDIRECTS + 1):
            response = self._hop(question, max_bytes, end)
            target = response.headers.get("Location")
            if response.status not in REDIRECTS or not target:
                return response
            self.budget.spend(self.provider, Usage(1, response.n_bytes))
            question = question.redirected(urljoin(question.url, target), response.status)
            self.budget.check()
        raise InvalidResponse("too many redirects")

    def _hop(self, question: "Question", max_bytes: int, end: float) -> Response:
        """One request without redirects; records the bytes of an incomplete response, its caller those of a whole."""
        public_only, body = self.reach.must_be_public(question.url), Body(max_bytes)
        left_s = max(end - time.monotonic(), SHORTEST_S)
        timeout = (min(self.retry.connect_timeout_s, left_s), min(self.retry.read_timeout_s, left_s))
        try:
            with (
                bounded(self.retry.read_timeout_s, end),
                session(public_only).request(
                    question.method,
                    question.url,
                    timeout=timeout,
                    stream=True,
                    allow_redirects=False,
                    **question.options(),
                    **surroundings(question.url),
                ) as response,
            ):
                body.read(response.raw, response.headers.get("Content-Encoding", ""), end)
                return Response(response.status_code, response.headers, bytes(body.content), body.received)
        except (InvalidResponse, requests.RequestException, HTTPError, OSError) as cause:
            self.budget.spend(self.provider, Usage(0, body.received))
            if time.monotonic() >= end:
                said = f"too slow: {body.received} bytes in {self.retry.total_timeout_s:g} s"
                raise InvalidResponse(said) from cause
            raise

    def _wait(self, tried: int, retry_after_s: float | None) -> float:
        """Seconds before the next attempt: exponential backoff, at least `retry_after_s`, at most `max_wait_s`."""
        growing: float = self.retry.first_wait_s * 2 ** (tried - 1) * random.uniform(0.5, 1.5)  # noqa: S311 no secret
        return min(max(growing, retry_after_s or 0.0), self.retry.max_wait_s)


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str]
    """Without secrets."""
    json: Mapping[str, Any] | None
    auth: RequestAuth
    """Credentials for this address."""

    def options(self) -> dict[str, Any]:
        """As `requests` takes them."""
        return {
            "headers": {**self.headers, **self.auth.headers},
            "params": dict(self.auth.params),
            "json": self.json,
            "auth": self.auth.auth,
        }

    def redirected(self, url: str, status: int) -> "Question":
        """The same question to where a response points: credentials stay behind if that is another server.

        Raises `SceneError` where the question cannot be asked there.
        """
        # Parameters were part of the first address; a redirect states all of its own.
        auth = replace(self.auth, params={}) if origin_of(url) == origin_of(self.url) else NO_AUTH
        if self.method == "GET":
            return replace(self, url=url, auth=auth)
        if status not in KEEP_METHOD or auth is NO_AUTH:
            raise SceneError(f"{host(self.url)}: the address points elsewhere; nothing was sent there")
        return replace(self, url=url, auth=auth)


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


def _raise_if_permanent(status: int, said: str, name: str) -> None:
    """Raise the error for a response that no further attempt would change; `said`: its status and message."""
    if status in AUTH_STATUSES and not QUOTA.search(said):
        raise CredentialsRefused(f"{name} refuses the credentials ({said})")
    if status in (402, *AUTH_STATUSES):
        raise QuotaUsed(f"{name}: the provider's quota is used up ({said})")
    if status not in RETRY_STATUSES:
        raise SceneError(f"{name}: {said}")


def _usage_of(response: Response, cost: Callable[[Response], float] | None) -> Usage:
    return Usage(1, response.n_bytes, cost(response) if cost is not None and _is_success(response) else 0.0)


def _is_success(response: Response) -> bool:
    return 200 <= response.status < 300


def _error_message(response: Response) -> str:
    """Message in the body of an error response, shortened."""
    text = response.body[:2000].decode("utf-8", "replace")
    found = re.search(r'"(?:message|description|error_description|detail)"\s*:\s*"([^"]{1,200})"', text)
    return f": {one_line(without_secrets(found[1]))[:120]}" if found else ""


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
