"""Documents of STAC catalogues, and the walk through a static one; bounded, because others write them.

A catalogue on this machine gives documents and files of its own folder, and of hosts that the settings name; one from
the network gives none of this machine. pystac only describes what was read here: it reads nothing itself.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import pystac
import requests
from pystac.stac_io import DefaultStacIO
from pystac.utils import make_absolute_href
from pystac_client import Client
from pystac_client.stac_api_io import StacApiIO

from pipeline.sources.body import InvalidResponse
from pipeline.sources.http import HttpClient, Response

MAX_BYTES = 50_000_000
"""Largest document of a catalogue, bytes."""
MAX_DEPTH = 20
"""Most levels of a static catalogue, the root included."""
MAX_CATALOGUES = 2000
"""Most documents of a static catalogue that are not items."""
MAX_STATIC_ITEMS = 20_000
"""Most items of a static catalogue, each a document of its own."""
MAX_TOTAL_BYTES = 1_000_000_000
"""Most bytes of all documents of a static catalogue."""
ITEM = "Feature"
"""Type of a document that is an item."""
CATALOGUES = ("Catalog", "Collection", None)
"""Types of one that is not; None = it states none, as before STAC 1.0."""
SELF = "stac"
"""Name of a folder that a catalogue has beside its scenes, instead of above them."""


class Documents(DefaultStacIO):
    """Reads documents of a static catalogue."""

    def __init__(self, root: str, http: HttpClient) -> None:
        """`root`: path or URL of the catalogue."""
        super().__init__()
        self.root, self.http, self.n_bytes = root, http, 0

    def read_text_from_href(self, href: str) -> str:
        """The text at a path or URL; raises `ValueError`, `OSError` and as `HttpClient.request`."""
        text = self._text(href)
        self.n_bytes += len(text)
        if self.n_bytes > MAX_TOTAL_BYTES:
            raise ValueError(f"more than {MAX_TOTAL_BYTES // 1_000_000} MB of documents")
        return text

    def _text(self, href: str) -> str:
        if is_address(href):
            return document(self.http, "GET", href)
        if is_address(self.root):
            raise ValueError("it names a document on this machine")
        path = local_file(self.root, href)
        if path is None:
            raise ValueError("it names a document outside of its folder")
        if not path.is_file():  # a pipe would be waited for
            raise FileNotFoundError(2, os.strerror(2), str(path))
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"a document of more than {MAX_BYTES // 1_000_000} MB")
        return content.decode("utf-8")


class SearchDocuments(StacApiIO):
    """Reads documents of a search API."""

    def __init__(self, http: HttpClient) -> None:
        """`http`: sends the requests."""
        super().__init__(max_retries=None)
        self.http = http

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The text at a URL."""
        if not is_address(href):
            raise ValueError("it names a document on this machine")
        if method == "POST":
            return document(self.http, method, href, parameters)
        full = requests.Request("GET", href, params=parameters).prepare().url or href
        return document(self.http, "GET", full)


def document(http: HttpClient, method: str, url: str, content: Mapping[str, Any] | None = None) -> str:
    """The text of a document, checked only to be JSON."""

    def check(response: Response) -> None:
        try:
            json.loads(response.body)
        except (ValueError, RecursionError) as cause:
            raise InvalidResponse(f"not JSON: it begins with {response.body[:20]!r}") from cause

    return http.request(method, url, MAX_BYTES, json=content, check=check).body.decode("utf-8")


def root_of(address: str, http: HttpClient) -> pystac.Catalog:
    """The root of a catalogue: a `Client` if it has a search API."""
    root = pystac.Catalog.from_file(address, stac_io=Documents(address, http))
    if "conformsTo" not in root.extra_fields:
        return root
    return Client.open(address, stac_io=SearchDocuments(http))


def items_below(address: str, http: HttpClient) -> Iterator[pystac.Item]:
    """Items of a static catalogue, each document once; raises as `Documents`, and `ValueError` beyond a bound."""
    documents = Documents(address, http)
    todo, seen = [(address, 1, False)], {_place(address)}
    catalogues = items = 0
    while todo:
        href, depth, is_item = todo.pop()
        content = _content(documents, href)
        if content.get("type") == ITEM:
            items += 1
            if items > MAX_STATIC_ITEMS:
                raise ValueError(f"more than {MAX_STATIC_ITEMS} items")
            # Not by pystac's reader, which would fetch collections of old items past all checks.
            yield pystac.Item.from_dict(content, href=href, migrate=True, preserve_dict=False)
            continue
        if is_item or content.get("type") not in CATALOGUES:  # else its scene would be missing without a word
            raise ValueError("a document that should be an item or a catalogue is neither")
        catalogues += 1
        if catalogues > MAX_CATALOGUES:
            raise ValueError(f"more than {MAX_CATALOGUES} catalogues below it")
        if depth > MAX_DEPTH:
            raise ValueError(f"catalogues in more than {MAX_DEPTH} levels")
        links = [(make_absolute_href(own, href), is_item) for own, is_item in _links(content)]
        below = {_place(link): (link, is_item) for link, is_item in links}
        new = [found for place, found in below.items() if place not in seen]
        seen.update(below)
        todo += [(link, depth + 1, is_item) for link, is_item in reversed(new)]


def is_address(href: str) -> bool:
    """Whether a location is one on a server."""
    return urlsplit(href).scheme in ("http", "https")


def folder_of(root: str) -> Path:
    """The folder of a catalogue on this machine: where its file lies, or around that where it is called `stac`."""
    folder = Path(root).resolve().parent
    return folder.parent if folder.name == SELF else folder


def local_file(root: str, href: str) -> Path | None:
    """The file on this machine that a catalogue on this machine names, links resolved; None if it may not name it."""
    if "://" in href or href.startswith("/vsi") or "\0" in href:
        return None
    path = Path(href).resolve()
    return path if path.is_relative_to(folder_of(root)) else None


def _content(documents: Documents, href: str) -> dict[str, Any]:
    content = json.loads(documents.read_text_from_href(href))
    if not isinstance(content, dict):
        raise ValueError("a document that is neither a catalogue nor an item")
    return content


def _links(content: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Where a catalogue names its children and items; True: an item."""
    for link in content.get("links") or ():
        if link.get("rel") in ("child", "item") and isinstance(link.get("href"), str):
            yield link["href"], link["rel"] == "item"


def _place(href: str) -> str:
    """What is the same for two names of one document."""
    return urldefrag(href).url if is_address(href) else os.path.realpath(href)
