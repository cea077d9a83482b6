"""What providers want to see before they give a file: nothing, a token for an hour, or a signature.

Secrets come from the environment and stay in this process.
"""

import json
import os
import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from requests_aws4auth import AWS4Auth

from pipeline.errors import CredentialsRefused
from pipeline.sources.web import NO_TOKEN, Access, Answer, Damaged, Token, Web

PLANETARY_TOKENS = "https://planetarycomputer.microsoft.com/api/sas/v1/token/sentinel-2-l2a"
"""Where the Planetary Computer gives tokens for the files of a collection, to anyone."""
PLANETARY_FILES = ".blob.core.windows.net"
"""How the servers' names end that want them."""
PLANETARY_KEY = "PC_SDK_SUBSCRIPTION_KEY"
"""Environment variable of a key that Microsoft may give; not needed."""
CDSE_S3 = "https://eodata.dataspace.copernicus.eu"
"""Where the Copernicus Data Space has its files."""
CDSE_KEYS = (
    ("LEACHWATCH_CDSE_S3_ACCESS_KEY", "LEACHWATCH_CDSE_S3_SECRET_KEY"),
    ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)
"""Environment variables of a key and its secret; the first pair that is set counts."""
CDSE_POINTER = (
    f"set {CDSE_KEYS[0][0]} and {CDSE_KEYS[0][1]} to a key of https://eodata-s3keysmanager.dataspace.copernicus.eu/"
)
RENEW_S = 120.0
"""Before a token ends a new one is asked for, seconds."""
TOKEN_BYTES = 100_000
"""Of the answer that holds a token."""

_kept: dict[str, tuple[Token, float]] = {}
"""Tokens of this process, and until when they hold (monotonic), by where they came from."""


def access_of(provider: str, web: Web) -> Access | None:
    """How to get the files of a provider; None: as they are."""
    if provider == "planetary":
        return lambda url, again: _planetary(web, url, again)
    if provider == "cdse":
        return lambda url, again: _cdse(url)
    return None


def cdse_address(href: str) -> str:
    """The address behind `s3://bucket/key`."""
    return f"{CDSE_S3}/{href.removeprefix('s3://')}"


def _planetary(web: Web, url: str, again: bool) -> Token:
    """A token for an address of the Planetary Computer; nothing for another's."""
    wanted = (urlsplit(url).hostname or "").endswith(PLANETARY_FILES)
    if not wanted:
        return NO_TOKEN
    token, until = _kept.get(PLANETARY_TOKENS, (NO_TOKEN, 0.0))
    if again or time.monotonic() >= until:
        key = os.environ.get(PLANETARY_KEY, "").strip()
        headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
        answer = web.ask("GET", PLANETARY_TOKENS, TOKEN_BYTES, headers=headers, check=_check_planetary)
        token, until = _kept[PLANETARY_TOKENS] = _planetary_token(answer)
    return token


def _planetary_token(answer: Answer) -> tuple[Token, float]:
    """A token and until when it holds (monotonic). Raises `Damaged` where there is none."""
    try:
        content = json.loads(answer.body)
        ends = datetime.fromisoformat(str(content["msft:expiry"]).replace("Z", "+00:00"))
        params = dict(parse_qsl(str(content["token"]), strict_parsing=True))
        lasts_s = (ends - datetime.now(UTC)).total_seconds()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged("an answer without a token") from None
    return Token(params=params), time.monotonic() + lasts_s - RENEW_S


def _check_planetary(answer: Answer) -> None:
    _planetary_token(answer)


def _cdse(url: str) -> Token:
    """The signature for an address of the Data Space; nothing for another's. Raises `CredentialsRefused`."""
    if not url.startswith(f"{CDSE_S3}/"):
        return NO_TOKEN
    for names in CDSE_KEYS:
        key, secret = (os.environ.get(name, "").strip() for name in names)
        if key and secret:
            return Token(auth=AWS4Auth(key, secret, "default", "s3"))
    raise CredentialsRefused(f"no key for the files of the Copernicus Data Space; {CDSE_POINTER}")
