"""An HTTP client that hears along: it keeps what a provider sent, bounds all of it together, and takes secrets out.

What a provider sends that does not fit is worth more than our words about it, so it can be written to a file.
"""

import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import SceneError, write_error
from pipeline.sources.credentials import CDSE_KEYS, PLANETARY_KEY
from pipeline.sources.http import Authenticator, HttpClient, Question, Response
from pipeline.sources.sentinel_hub.auth import PREFIXES

KEPT = 60
"""Documents that are kept of a provider: all pages of a search and the files of a window."""
MAX_SAVED = 400_000
"""Longest text of a document in a file, characters."""
PRIVATE_MODE = 0o600
TOKEN_PLACES = re.compile(r"/token(?:[/?]|$)|/sas/", re.IGNORECASE)
"""Addresses that give tokens: what they send is never kept."""
FIELDS = re.compile(
    r'("(?:\w*token|client_secret|\w*password|signature|sig|\w*api_?key|authorization|secret\w*)"\s*:\s*)"[^"]*"', re.I
)
"""Fields of JSON that may hold a secret."""
BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE)
QUERY = re.compile(
    r"((?:[?&]|\\u0026|&amp;)(?:sig|se|sp|sv|skoid|token|X-Amz-\w+|[\w-]*key[\w-]*)=)[^&\s\"'<>\\]*", re.I
)
"""Parts of addresses that sign them."""
SECRET_NAMES = (
    PLANETARY_KEY,
    *(name for pair in CDSE_KEYS for name in pair),
    *(f"{prefix}{name}" for prefix in PREFIXES for name in ("CLIENT_ID", "CLIENT_SECRET")),
)
"""Environment variables whose content is never written."""


@dataclass(frozen=True, slots=True)
class Document:
    """One answer of a provider."""

    address: str
    """Where it came from, without a query."""
    status: int
    """HTTP status code."""
    kind: str
    """Its media type, as stated."""
    body: bytes
    """As it came."""

    def text(self) -> str:
        """For a file: how it came, then what it says, without secrets; of pixels only how they begin."""
        try:
            said = self.body.decode("utf-8")
        except UnicodeDecodeError:
            said = f"({len(self.body):,} bytes that are no text, beginning with {self.body[:32]!r})"
        return without_secrets(f"{self.address}\nstatus {self.status}, {self.kind}\n\n{said[:MAX_SAVED]}\n")


@dataclass(slots=True, eq=False)
class Hearing:
    """What one provider sent, and until when it may be asked."""

    end_s: float
    """When to ask no more, on the monotonic clock."""
    max_answer_bytes: int
    """Most bytes of one answer."""
    documents: deque[Document] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Latest last."""

    def left_s(self) -> float:
        """Seconds that are left."""
        return self.end_s - time.monotonic()

    def hear(self, url: str, response: Response) -> None:
        """Keep an answer, unless it is one with a token."""
        parts = urlsplit(url)
        if not TOKEN_PLACES.search(parts.path):
            address = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
            kind = response.headers.get("Content-Type", "of no stated type")
            self.documents.append(Document(address, response.status, kind, response.body))

    def naming(self, name: str) -> Document | None:
        """The last document that holds a name; None: there is none."""
        wanted = name.encode()
        return next((document for document in reversed(self.documents) if wanted in document.body), None)


@dataclass(frozen=True)
class HearingClient(HttpClient):
    """A client whose answers are heard, and bounded in time and size whatever is asked of it."""

    hearing: Hearing = field(default_factory=lambda: Hearing(0.0, 0), compare=False)
    """What it hears."""

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
        """As `HttpClient.request`; raises `SceneError` when the time is over, too."""
        left_s = self.hearing.left_s()
        if left_s <= 0:
            raise SceneError("no time is left to ask")

        sooner = replace(self.retry, total_timeout_s=min(self.retry.total_timeout_s, left_s))
        return HttpClient.request(
            replace(self, retry=sooner),
            method,
            url,
            min(max_bytes, self.hearing.max_answer_bytes),
            headers=headers,
            json=json,
            authenticator=authenticator,
            check=check,
            cost=cost,
        )

    def _attempt(self, question: Question, max_bytes: int, end: float) -> Response:
        """As in `HttpClient`; the answer is heard, whatever it is."""
        response = HttpClient._attempt(self, question, max_bytes, end)
        self.hearing.hear(question.url, response)
        return response


def without_secrets(text: str) -> str:
    """Text without the secrets of the environment, and without what looks like a token, a signature or a password."""
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, "(secret)")
    text = FIELDS.sub(r'\1"(secret)"', text)
    text = BEARER.sub(r"\1 (secret)", text)
    text = QUERY.sub(r"\1(secret)", text)
    return re.sub(r"(?<=://)[^\s/'\"@]*@", "", text)


def save(path: Path, documents: Iterable[Document], reason: str) -> Path:
    """Write documents for a person to read or to send on, for this user alone; raises as `write_error`."""
    content = "\n".join([without_secrets(reason), "", *(document.text() for document in documents)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as cause:
        raise write_error(path, cause) from cause
    return path


def _secrets() -> set[str]:
    """Contents of the environment variables that hold secrets, with those that are too short to be one left out."""
    found = {os.environ.get(name, "").strip() for name in SECRET_NAMES}
    return {secret for secret in found if len(secret) >= 6}
