"""Credentials and tokens of Sentinel Hub.

Credentials come from the environment, stay in this process, and never enter a field, error, log or file.
"""

import hashlib
import json
import math
import os
import re
import time
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from pipeline.errors import CredentialsRefused, InputError, SceneError
from pipeline.sources.body import InvalidResponse
from pipeline.sources.credentials import Token, token_cache
from pipeline.sources.http import HttpClient, RequestAuth, Response
from pipeline.sources.reach import configured, host


@dataclass(frozen=True, slots=True)
class Deployment:
    """One installation of Sentinel Hub."""

    provider: str
    """Its name in products and in the ledger."""
    base_url: str
    """URL of the service."""
    token_url: str
    """URL that issues tokens."""
    dashboard: str
    """URL where users get credentials."""


DEPLOYMENTS = MappingProxyType(
    {
        "cdse": Deployment(
            "cdse-sentinelhub",
            "https://sh.dataspace.copernicus.eu",
            "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",
            "https://shapps.dataspace.copernicus.eu/dashboard/",
        ),
        "sentinelhub": Deployment(
            "sentinelhub",
            "https://services.sentinel-hub.com",
            "https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",
            "https://apps.sentinel-hub.com/dashboard/",
        ),
    }
)
"""Deployments by name."""
BASE_URL, TOKEN_URL = "LEACHWATCH_SH_BASE_URL", "LEACHWATCH_SH_TOKEN_URL"
"""Environment variables that override the URLs of a deployment, for proxies and tests."""
PREFIXES = ("LEACHWATCH_SH_", "SH_")
"""Prefixes of the environment variables `CLIENT_ID` and `CLIENT_SECRET`; the first pair that is set is used."""
TOKEN_BYTES = 100_000
"""Largest token response, bytes."""
ERROR_BYTES = 4000
"""Bytes read of an error response of the token server."""
RENEW_S = 60.0
"""How long before its expiry a token is renewed, seconds."""
DEFAULT_LIFETIME_S = 300.0
"""Assumed lifetime of a token that does not state one, seconds."""
UNKNOWN_CLIENT = re.compile(r'"error"\s*:\s*"(invalid_client|unauthorized_client|invalid_grant|access_denied)"')
"""Error codes with status 400 that mean refused credentials."""


def auth_of(http: HttpClient, deployment: Deployment, token_url: str, renew: bool) -> RequestAuth:
    """This process's token as a header; a new one if there is none, it expires soon or `renew` is True.

    Raises as `HttpClient.request`, and `CredentialsRefused`.
    """
    client_id, secret = _credentials(deployment)
    kind = hashlib.sha256("\0".join((token_url, client_id, secret)).encode()).hexdigest()
    return token_cache(kind).auth(lambda: _new_token(http, deployment, token_url, client_id, secret), renew)


def pointer(deployment: Deployment) -> str:
    """Instruction for users on how to get credentials."""
    names = f"{PREFIXES[0]}CLIENT_ID and {PREFIXES[0]}CLIENT_SECRET"
    return f"set {names} to those of a client of {deployment.dashboard} (User settings, OAuth clients)"


def address(variable: str, usual: str) -> str:
    """A URL, or its override from the environment; raises `InputError` if secrets would be sent unencrypted."""
    found = os.environ.get(variable, "").strip().rstrip("/") or usual
    if urlsplit(configured(found, variable)).query:
        raise InputError(f"{variable}: holds a query, which is no part of an address of Sentinel Hub; leave it out")
    return found


def _new_token(http: HttpClient, deployment: Deployment, token_url: str, client_id: str, secret: str) -> Token:
    refused = CredentialsRefused(f"{host(token_url)} refuses the client id and secret; {pointer(deployment)}")
    form = _ClientForm(client_id, secret, refused)
    asked_s = time.monotonic()
    try:
        response = http.request(
            "POST",
            token_url,
            TOKEN_BYTES,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            authenticator=lambda _url, _renew: RequestAuth(auth=form),
            check=_check_token,
        )
    except SceneError as cause:  # an error message may repeat what was sent
        raise SceneError(f"no token: {cause}".replace(secret, "(secret)")) from None
    return _token_in(response, asked_s)


class _ClientForm(AuthBase):
    """Puts the credentials into the body of a token request, and detects when they are refused."""

    def __init__(self, client_id: str, secret: str, refused: CredentialsRefused) -> None:
        """`refused`: raised when the server refuses the client."""
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        self._refused = refused

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Fill in the form."""
        request.prepare_body(self._form, None)
        request.register_hook("response", self._check)
        return request

    def _check(self, response: requests.Response, **_: object) -> None:
        if response.is_redirect:  # the form would be sent on to wherever it redirects
            response.close()
            raise SceneError("the address for tokens points elsewhere; nothing was sent there")
        if response.status_code in (401, 403):
            response.close()
            raise self._refused
        if response.status_code >= 400:  # read here, so that nothing repeats it: it may hold what was sent
            body = response.raw.read(ERROR_BYTES, decode_content=False).decode("utf-8", "replace")
            if response.status_code == 400 and UNKNOWN_CLIENT.search(body):
                response.close()
                raise self._refused


def _token_in(response: Response, asked_s: float) -> Token:
    """The token in a response; raises `InvalidResponse` if there is none."""
    try:
        content = json.loads(response.body)
        text, lasts = content["access_token"], content.get("expires_in", DEFAULT_LIFETIME_S)
        if not isinstance(text, str) or not re.fullmatch(r"[!-~]{1,20000}", text):
            raise ValueError("no token")
        seconds = float(lasts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidResponse("a response without a token") from None
    lifetime_s = max(0.0, seconds - RENEW_S) if math.isfinite(seconds) else 0.0
    return Token(RequestAuth(headers={"Authorization": f"Bearer {text}"}), asked_s + lifetime_s)


def _check_token(response: Response) -> None:
    _token_in(response, 0.0)


def _credentials(deployment: Deployment) -> tuple[str, str]:
    """Client id and secret from the environment; raises `CredentialsRefused` if there are none."""
    for prefix in PREFIXES:
        client_id, secret = (os.environ.get(f"{prefix}{name}", "").strip() for name in ("CLIENT_ID", "CLIENT_SECRET"))
        if client_id and secret:
            return client_id, secret
    raise CredentialsRefused(f"no credentials for Sentinel Hub; {pointer(deployment)}")
