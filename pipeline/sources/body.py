"""The body of a response, read as it comes and bounded before and after it is decoded.

A few hundred kilobytes of gzip can hold hundreds of megabytes. So what is decoded is bounded piece by piece, not after.
"""

import time
import zlib
from typing import Any

CHUNK = 65_536
"""Most bytes read or decoded at once."""
GZIP = 16 + zlib.MAX_WBITS
"""For zlib: gzip, with its header and checksum."""
OVERHEAD = 1_000
"""Bytes by which gzip may be longer than what it holds, besides 0.1 %."""


class InvalidResponse(Exception):
    """A response with invalid content; the request is repeated."""


class Body:
    """A body that is being read."""

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes`: most bytes, decoded."""
        self.content, self.received = bytearray(), 0
        self._most = max_bytes
        self._gzip: Any = None

    def read(self, raw: Any, encoding: str, end_s: float) -> None:
        """Read all of it; raises `InvalidResponse` if it is too much, too slow or not in an encoding asked for.

        `raw`: urllib3's response; `end_s`: when to stop, on the monotonic clock.
        """
        kind = encoding.strip().lower()
        if kind not in ("", "identity", "gzip", "x-gzip"):
            raise InvalidResponse("response cannot be decoded")
        packed = kind.endswith("gzip")
        while chunk := raw.read1(CHUNK, decode_content=False):  # whatever has arrived, however little
            self.received += len(chunk)
            if self.received > self._most + (self._most // 1000 + OVERHEAD if packed else 0):
                raise self._too_much()
            if packed:
                self._unpack(chunk)
            else:
                self.content += chunk
            if time.monotonic() > end_s:
                raise InvalidResponse("too slow")
        if self._gzip is not None and not self._gzip.eof:
            raise InvalidResponse("incomplete response")

    def _unpack(self, chunk: bytes) -> None:
        """Decode a chunk, never more than fits."""
        try:
            while chunk:
                if self._gzip is None or self._gzip.eof:  # one gzip may follow another
                    self._gzip = zlib.decompressobj(GZIP)
                self.content += self._gzip.decompress(chunk, self._most - len(self.content) + 1)
                if len(self.content) > self._most:
                    raise self._too_much()
                chunk = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
        except zlib.error:
            raise InvalidResponse("response cannot be decoded") from None

    def _too_much(self) -> InvalidResponse:
        return InvalidResponse(f"more than {self._most / 1e6:g} MB")
