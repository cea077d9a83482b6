"""Who may ask: the page that the desk itself gave out, in a browser on this machine, and nobody else.

Any web page that is open in the same browser can send requests to 127.0.0.1, and with a name that first leads to its
own server and then to this machine (DNS rebinding) it can read the answers too. Programs of other users of this machine
can connect as well. So each request must name this machine and port as its host, come from the desk's own page, and
carry a random token that only the address opened at the start holds.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

TOKEN_HEADER = "X-Leachwatch-Token"  # noqa: S105 - the name of a header
MAX_BODY = 64 * 1024
"""Longest body of a request, bytes."""
OWN_SITES = frozenset({"same-origin", "none"})
"""What browsers call a request of the page itself, and one that a person typed."""
HEADERS = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
"""Sent with every answer, also with those that refuse."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: HTTPStatus
    """The status to answer with."""
    why: str
    """In words; holds nothing of what was sent."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Asked:
    """What a request says of itself; of each header all lines."""

    hosts: Sequence[str]
    """`Host`."""
    origins: Sequence[str]
    """`Origin`."""
    referers: Sequence[str]
    """`Referer`."""
    fetch_sites: Sequence[str]
    """`Sec-Fetch-Site`."""


def refused(asked: Asked, port: int) -> Refusal | None:
    """Why a request does not come from the desk's own page; None = it may."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if len(asked.hosts) != 1 or asked.hosts[0].lower() not in hosts:
        return Refusal(HTTPStatus.FORBIDDEN, "this is not the address of the desk")
    own = {f"http://{host}" for host in hosts}
    if any(origin.lower() not in own for origin in asked.origins):
        return Refusal(HTTPStatus.FORBIDDEN, "another page asked")
    if any(_origin(referer) not in own for referer in asked.referers):
        return Refusal(HTTPStatus.FORBIDDEN, "another page asked")
    if any(site.lower() not in OWN_SITES for site in asked.fetch_sites):
        return Refusal(HTTPStatus.FORBIDDEN, "another page asked; type or paste the address of the desk")
    return None


def is_token(given: str | None, token: str) -> bool:
    """Whether a token is the right one, in a time that does not tell how much of it was right."""
    return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def body_length(lengths: Sequence[str], encodings: Sequence[str], kinds: Sequence[str]) -> int | Refusal:
    """Length of a body of JSON, bytes, from the lines of the headers that tell of it."""
    if encodings or len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,9}", lengths[0]):
        return Refusal(HTTPStatus.LENGTH_REQUIRED, "a request must say how long it is")
    if int(lengths[0]) > MAX_BODY:
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request is at most {MAX_BODY} bytes")
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != "application/json":
        return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a request must be JSON")
    return int(lengths[0])


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()
