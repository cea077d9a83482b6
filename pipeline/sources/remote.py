"""Remote files for GDAL: what it reads of a raster is fetched by HTTP range requests.

GDAL's own reader for this reports neither how much it fetched nor what a server responded, and takes an HTML page for
pixels. So GDAL reads through rasterio's openers, and `http.py` sends, counts and checks the requests.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import SEEK_CUR, SEEK_END, SEEK_SET

from rasterio.abc import FileContainer

from pipeline.errors import PipelineError, SceneError
from pipeline.sources.body import InvalidResponse
from pipeline.sources.http import Authenticator, HttpClient, Response
from pipeline.sources.ledger import Usage

MIN_RANGE_BYTES = 16_384
"""Smallest range requested, bytes: a header is read in many small pieces."""
FIRST_RANGE_BYTES = 32_768
"""First range requested, bytes: the header of a COG with its tables."""
MAX_RANGE_BYTES = 64_000_000
"""Largest range requested, bytes."""
CACHE_BYTES = 16_000_000
"""Cached bytes of one file, besides its first range: neighbouring windows share blocks, about eight per row."""
CACHE_S = 300.0
"""How long they stay cached between reads, seconds; then the file is fetched anew."""
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ")
"""Magic numbers of TIFF and JPEG 2000."""


@dataclass(slots=True, eq=False)
class _RangeCache:
    """Which byte ranges of a file are cached, besides its first one: those used last."""

    ends: "OrderedDict[int, int]" = field(default_factory=OrderedDict)
    """End of each byte range, by its first byte."""

    def find(self, first: int, n: int) -> int | None:
        """First byte of the cached range that holds these bytes, marked as used; None: not cached."""
        begin = next((begin for begin, end in self.ends.items() if begin <= first and first + n <= end), None)
        if begin is not None:
            self.ends.move_to_end(begin)
        return begin

    def add(self, first: int, n: int) -> list[int]:
        """Cache a byte range; returns the first bytes of the ranges dropped to make room for it."""
        self.ends.pop(first, None)
        self.ends[first] = first + n
        dropped = []
        while sum(end - begin for begin, end in self.ends.items()) > CACHE_BYTES and len(self.ends) > 1:
            dropped.append(self.ends.popitem(last=False)[0])
        return dropped


@dataclass(slots=True, eq=False)
class RemoteFile:
    """A file on a server."""

    http: HttpClient
    """Sends the requests."""
    url: str
    """URL of the file."""
    authenticator: Authenticator | None = None
    """Credentials for the provider; None: not needed."""
    size: int = 0
    """Size of the whole file, bytes; known after the first request."""
    _version: str = ""
    _head: bytes = b""
    _opened_s: float = 0.0
    _cache: _RangeCache = field(default_factory=_RangeCache)
    _ranges: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fetch the first bytes; raises as `HttpClient.request`, and `SceneError` if it is not a raster."""
        self._head, self._opened_s = self._fetch(0, FIRST_RANGE_BYTES), time.monotonic()
        if not self._head.startswith(MAGIC):
            raise SceneError(f"neither TIFF nor JPEG 2000: it begins with {self._head[:12]!r}")

    @property
    def fresh(self) -> bool:
        """Whether its cached bytes may be used in the next read: still recent, and a new version would be noticed."""
        return bool(self._version) and time.monotonic() < self._opened_s + CACHE_S

    def read_range(self, first: int, n: int) -> bytes:
        """Up to `n` bytes from `first` on, fewer at the end of the file."""
        left = max(0, self.size - first)
        n = min(n, left)
        if n == 0:
            return b""
        if first + n <= len(self._head):
            return self._head[first : first + n]
        begin = self._cache.find(first, n)
        if begin is None:
            begin, self._ranges[first] = first, self._fetch(first, _request_size(n, left))
            for dropped in self._cache.add(first, len(self._ranges[first])):
                del self._ranges[dropped]
        return self._ranges[begin][first - begin : first - begin + n]

    def _fetch(self, first: int, n: int) -> bytes:
        if n > MAX_RANGE_BYTES:
            raise SceneError(f"a part of {n / 1e6:.0f} MB requested at once")
        return self.http.request(
            "GET",
            self.url,
            n,
            headers={"Range": f"bytes={first}-{first + n - 1}", "Accept-Encoding": "identity"},
            authenticator=self.authenticator,
            check=lambda response: self._check(response, first, n),
        ).body

    def _check(self, response: Response, first: int, n: int) -> None:
        """Raise `InvalidResponse` unless it is the requested range, `SceneError` if the file was replaced."""
        if "html" in response.headers.get("Content-Type", "").lower():
            raise InvalidResponse("a page of HTML instead of the file")
        stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
        if response.status != 206 or not stated:
            raise InvalidResponse("it does not give a part of the file")
        begin, end, size = (int(number) for number in stated.groups())
        if begin != first or end != min(first + n, size) - 1 or len(response.body) != end - begin + 1:
            raise InvalidResponse(f"{len(response.body)} bytes instead of the {n} asked for")
        version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if self.size and (self.size, self._version) != (size, version):
            raise SceneError("it was replaced while it was read; run again")
        self.size, self._version = size, version


def range_usage(size: int, blocks: Sequence[tuple[int, int]]) -> Usage:
    """What `RemoteFile` requests when a file of `size` bytes is opened and blocks (first byte, length) are read."""
    kept, spent = _RangeCache(), Usage(1, min(FIRST_RANGE_BYTES, size))
    for first, length in blocks:
        if first + length > min(FIRST_RANGE_BYTES, size) and kept.find(first, length) is None:
            asked = _request_size(length, size - first)
            kept.add(first, asked)
            spent += Usage(1, asked)
    return spent


def _request_size(n: int, left: int) -> int:
    """How many bytes to request where `n` are needed and the file has `left` more."""
    return min(max(n, MIN_RANGE_BYTES), left)


@dataclass(slots=True, eq=False)
class _Cursor:
    """A file object for GDAL."""

    files: "RemoteFiles"
    file: RemoteFile
    at: int = 0

    def __enter__(self) -> "_Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self.at = {SEEK_SET: 0, SEEK_CUR: self.at, SEEK_END: self.file.size}[whence] + offset
        return self.at

    def read(self, n: int = -1) -> bytes:
        found = self.files.read_range(self.file, self.at, self.file.size if n < 0 else n)
        self.at += len(found)
        return found


class RemoteFiles(FileContainer):  # type: ignore[misc] # rasterio has no types
    """Files of one scene as a rasterio `opener`, with a cache that its windows share.

    GDAL does not pass exceptions on. So the first one is stored, GDAL sees the end of the file, and `check` raises it.
    """

    def __init__(self, http: HttpClient, authenticator: Authenticator | None = None) -> None:
        """`authenticator`: credentials for the provider's files; None: not needed."""
        self._http, self._authenticator = http, authenticator
        self._files: dict[str, RemoteFile] = {}
        self._failure: PipelineError | None = None

    def renew(self) -> None:
        """Begin a new read: drop cached files that may have changed since the last one."""
        self._files = {url: file for url, file in self._files.items() if file.fresh}

    def check(self) -> None:
        """Raise the stored exception, if there is one, and drop all cached files."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._files.clear()
            raise failure

    def read_range(self, file: RemoteFile, first: int, n: int) -> bytes:
        """A byte range of a file, empty after an error."""
        try:
            return b"" if self._failure else file.read_range(first, n)
        except PipelineError as cause:
            self._failure = cause
            return b""

    def open(self, path: str, mode: str = "r", **_: object) -> _Cursor:
        """For GDAL."""
        return _Cursor(self, self._file(path))

    def size(self, path: str) -> int:
        """For GDAL."""
        return self._file(path).size

    def isfile(self, path: str) -> bool:
        """For GDAL."""
        return True

    def isdir(self, path: str) -> bool:
        """For GDAL."""
        return False

    def ls(self, path: str) -> list[str]:
        """For GDAL."""
        return []

    def mtime(self, path: str) -> int:
        """For GDAL."""
        return 0

    def rm(self, path: str) -> None:
        """For GDAL, which never calls it."""
        raise OSError("files of a provider are not ours to remove")

    def _file(self, url: str) -> RemoteFile:
        if "://" not in url:  # rasterio probes an opener with a name of its own
            raise FileNotFoundError(url)
        if url not in self._files:
            if self._failure:  # GDAL tries again; the server is not asked again
                raise OSError("see RemoteFiles.check")
            try:
                self._files[url] = RemoteFile(self._http, url, self._authenticator)
            except PipelineError as cause:
                self._failure = cause
                raise OSError("see RemoteFiles.check") from None
        return self._files[url]
