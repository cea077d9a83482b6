"""Credentials for providers' files: none, a token valid for an hour, or a signature.

Secrets come from the environment and stay in this process.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from requests_aws4auth import AWS4Auth

from pipeline.errors import CredentialsRefused
from pipeline.sources.body import InvalidResponse
from pipeline.sources.http import NO_AUTH, Authenticator, HttpClient, RequestAuth, Response

PLANETARY_TOKENS = "https://planetarycomputer.microsoft.com/api/sas/v1/token/sentinel-2-l2a"
"""Where the Planetary Computer issues tokens for the files of a collection, to anyone."""
PLANETARY_FILES = "sentinel2l2a01.blob.core.windows.net"
"""Host of these files: a token goes there and nowhere else, because anybody can have a host beside it."""
PLANETARY_KEY = "PC_SDK_SUBSCRIPTION_KEY"
"""Environment variable of an optional subscription key from Microsoft."""
CDSE_S3 = "https://eodata.dataspace.copernicus.eu"
"""S3 endpoint for the files of the Copernicus Data Space."""
CDSE_KEYS = (
    ("LEACHWATCH_CDSE_S3_ACCESS_KEY", "LEACHWATCH_CDSE_S3_SECRET_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)
"""Environment variables of a key and its secret; the first pair that is set is used."""
CDSE_POINTER = (
    f"set {CDSE_KEYS[0][0]} and {CDSE_KEYS[0][1]} to a key of https://eodata-s3keysmanager.dataspace.copernicus.eu/"
)
RENEW_S = 120.0
"""How long before its expiry a token is renewed, seconds."""
TOKEN_BYTES = 100_000
"""Largest token response, bytes."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token with a limited lifetime; never shown."""

    auth: RequestAuth
    """Credentials sent with a request."""
    renew_at_s: float
    """When to request a new one, on the monotonic clock."""


class TokenCache:
    """The current token of one kind, renewed shortly before it expires."""

    def __init__(self) -> None:
        """An empty cache."""
        self._token: Token | None = None

    def auth(self, ask: Callable[[], Token], renew: bool) -> RequestAuth:
        """The current token, or a new one if there is none, it expires soon or `renew` is True; raises as `ask`."""
        if renew or self._token is None or time.monotonic() >= self._token.renew_at_s:
            self._token = None
            self._token = ask()
        return self._token.auth


@lru_cache(maxsize=16)
def token_cache(kind: str) -> TokenCache:
    """This process's cache for one kind of token, because sources are sent to workers anew with each look."""
    return TokenCache()


def authenticator_of(provider: str, http: HttpClient) -> Authenticator | None:
    """The authenticator for a provider's files; None: they need no credentials."""
    if provider == "planetary":
        return lambda url, renew: _planetary(http, url, renew)
    if provider == "cdse":
        return lambda url, _renew: _cdse(url)
    return None


def cdse_address(href: str) -> str:
    """HTTPS URL of `s3://bucket/key`."""
    return f"{CDSE_S3}/{href.removeprefix('s3://')}"


def _planetary(http: HttpClient, url: str, renew: bool) -> RequestAuth:
    """A token for a URL of the Planetary Computer; none for other hosts."""
    if urlsplit(url).hostname != PLANETARY_FILES:
        return NO_AUTH
    return token_cache(PLANETARY_TOKENS).auth(lambda: _ask_planetary(http), renew)


def _ask_planetary(http: HttpClient) -> Token:
    key = os.environ.get(PLANETARY_KEY, "").strip()
    secret = RequestAuth(headers={"Ocp-Apim-Subscription-Key": key}) if key else NO_AUTH
    response = http.request(
        "GET", PLANETARY_TOKENS, TOKEN_BYTES, authenticator=lambda _url, _renew: secret, check=_check_planetary
    )
    return _planetary_token(response)


def _planetary_token(response: Response) -> Token:
    """The token in a response; raises `InvalidResponse` if there is none."""
    try:
        content = json.loads(response.body)
        ends = datetime.fromisoformat(str(content["msft:expiry"]).replace("Z", "+00:00"))
        params = dict(parse_qsl(str(content["token"]), strict_parsing=True))
        lasts_s = (ends - datetime.now(UTC)).total_seconds()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidResponse("a response without a token") from None
    return Token(RequestAuth(params=params), time.monotonic() + lasts_s - RENEW_S)


def _check_planetary(response: Response) -> None:
    _planetary_token(response)


def _cdse(url: str) -> RequestAuth:
    """The signature for a URL of the Data Space, none for other hosts; raises `CredentialsRefused`."""
    if not url.startswith(f"{CDSE_S3}/"):
        return NO_AUTH
    for names in CDSE_KEYS:
        key, secret = (os.environ.get(name, "").strip() for name in names)
        if key and secret:
            return RequestAuth(auth=AWS4Auth(key, secret, "default", "s3"))
    raise CredentialsRefused(f"no key for the files of the Copernicus Data Space; {CDSE_POINTER}")
