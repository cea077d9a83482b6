"""Files of the network, read by parts, as GDAL takes them: what it reads of a raster is asked for range by range."""

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from io import SEEK_CUR, SEEK_END, SEEK_SET

from pipeline.errors import SceneError
from pipeline.sources.web import Access, Answer, Damaged, Web

LEAST_BYTES = 16_384
"""Of one request: a header is read in many small pieces."""
FIRST_BYTES = 32_768
"""Of the first one: the header of a COG with its tables."""
MOST_BYTES = 64_000_000
"""Of one request."""
KEPT = 8
"""Parts of one file that are kept."""
BEGINS = {
    "GTiff": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JP2OpenJPEG": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ"),
}
"""How a file begins, by GDAL's name of its format."""


@dataclass(slots=True)
class RangeReader:
    """A file on a server, from which parts are read; enough of a binary file for GDAL."""

    web: Web
    """How it is asked for."""
    url: str
    """Where it is."""
    driver: str
    """GDAL's name of the format that it must be in."""
    access: Access | None = None
    """What the provider wants to see first."""
    size: int = 0
    """Bytes of the whole file."""
    _version: str = ""
    _at: int = 0
    _parts: "OrderedDict[int, bytes]" = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        """Ask for the beginning. Raises as `Web.ask`; `SceneError` for what is not such a file."""
        begin = self._fetch(0, FIRST_BYTES)
        if not begin.startswith(BEGINS[self.driver]):
            raise SceneError(f"not a {self.driver.removesuffix('OpenJPEG')} file: it begins with {begin[:12]!r}")

    def __enter__(self) -> "RangeReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what was read."""
        self._parts.clear()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Go there."""
        self._at = {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self.size}[whence] + offset
        return self._at

    def read(self, n: int = -1) -> bytes:
        """The next `n` bytes, fewer at the end; -1: all that is left."""
        left = max(0, self.size - self._at)
        n = left if n < 0 else min(n, left)
        if n == 0:
            return b""
        for first, part in self._parts.items():
            if first <= self._at and self._at + n <= first + len(part):
                self._parts.move_to_end(first)
                break
        else:
            first = self._at
            part = self._fetch(first, min(max(n, LEAST_BYTES), left))
        begin = self._at - first
        self._at += n
        return part[begin : begin + n]

    def _fetch(self, first: int, n: int) -> bytes:
        if n > MOST_BYTES:
            raise SceneError(f"a part of {n / 1e6:.0f} MB is asked for at once")

        def checked(answer: Answer) -> None:
            self._check(answer, first, n)

        answer = self.web.ask(
            "GET",
            self.url,
            n,
            headers={"Range": f"bytes={first}-{first + n - 1}", "Accept-Encoding": "identity"},
            access=self.access,
            check=checked,
        )
        self._parts[first] = answer.body
        while len(self._parts) > KEPT:
            self._parts.popitem(last=False)
        return answer.body

    def _check(self, answer: Answer, first: int, n: int) -> None:
        """Raise `Damaged` unless it is the part asked for, and of the same file as those before."""
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
        if answer.status != 206 or not told:
            raise Damaged("it does not give a part of the file")
        begin, end, size = (int(number) for number in told.groups())
        if "html" in answer.headers.get("Content-Type", "").lower():
            raise Damaged("a page of HTML in the place of the file")
        if begin != first or end != min(first + n, size) - 1 or len(answer.body) != end - begin + 1:
            raise Damaged(f"{len(answer.body)} bytes of {n} asked for")
        version = answer.headers.get("ETag", "")
        if self.size and (self.size, self._version) != (size, version):
            raise SceneError("it was replaced while it was read; run again")
        self.size, self._version = size, version
