"""Damage to a TIFF where it says how large it is, where its pixels lie and where it is on Earth; and to its pixels."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by TIFF's type."""
NUMBERS = (0, 1, 2, 3, 7, 255, 65535, 32768, 31623, 1_000_000_000, 2**31 - 1, 2**31, 2**32 - 1)
DOUBLES = (0.0, -0.0, 1.0, -10.0, float("nan"), float("inf"), 1e300, 5e-324, 1e9, 1e-9, 10.0000001)
SHAPE = (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 339)
"""Width, height, bits, compression, strips, samples, planes, predictor, tiles, sample format."""
PLACE = (33550, 33922, 34264, 34735, 34736, 34737)
"""Pixel size, tie points, matrix and the keys of the CRS."""
WORDS = (42112, 42113)
"""GDAL's metadata and nodata value."""
PIXELS_DAMAGED = "pixels_damaged"
"""Name of the damage that a checksum of the format shows."""


@dataclass(frozen=True)
class Entry:
    """One entry of the first directory."""

    at: int
    """First byte of the entry."""
    tag: int
    kind: int
    count: int
    data: int
    """First byte of its values."""
    big: bool
    """Whether the file is a BigTIFF."""

    @property
    def size(self) -> int:
        return SIZES.get(self.kind, 1) * self.count


def entries(content: bytes) -> Iterator[Entry]:
    """Entries of the first directory of a little-endian TIFF; none where it cannot be read."""
    try:
        big = content[2] == 43
        (first,) = struct.unpack_from("<Q" if big else "<I", content, 8 if big else 4)
        (number,) = struct.unpack_from("<Q" if big else "<H", content, first)
        step, begin = (20, first + 8) if big else (12, first + 2)
        for at in range(begin, begin + min(number, 100) * step, step):
            tag, kind = struct.unpack_from("<HH", content, at)
            (count,) = struct.unpack_from("<Q" if big else "<I", content, at + 4)
            value = at + 12 if big else at + 8
            inside = SIZES.get(kind, 1) * count <= (8 if big else 4)
            data = value if inside else struct.unpack_from("<Q" if big else "<I", content, value)[0]
            yield Entry(at, tag, kind, count, data, big)
    except (struct.error, IndexError):
        return


def _put(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :] if at + len(value) <= len(content) else content


def _integers(content: bytes, entry: Entry) -> list[int]:
    form = {3: "H", 4: "I", 16: "Q"}.get(entry.kind)
    try:
        return list(struct.unpack_from(f"<{min(entry.count, 5000)}{form}", content, entry.data)) if form else []
    except struct.error:
        return []


def tag_changed(rng: Random, content: bytes) -> bytes:
    """One number of one tag: what the file claims of its shape, its blocks or its bands."""
    found = [entry for entry in entries(content) if entry.tag in SHAPE]
    if not found:
        return content
    entry = rng.choice(found)
    width = SIZES.get(entry.kind, 1)
    number = rng.choice((*NUMBERS, rng.randrange(2**16), len(content), len(content) - 1))
    at = entry.data + rng.randrange(max(1, entry.count)) * width
    return _put(content, at, (number % 256**width).to_bytes(width, "little"))


def claims_much(rng: Random, content: bytes) -> bytes:
    """A width and height of up to a thousand million pixels, in strips of any height."""
    for entry in entries(content):
        if entry.tag in (256, 257, 278, 322, 323) and rng.random() < 0.6:
            width = SIZES.get(entry.kind, 1)
            number = rng.choice((31_623, 65_520, 1_000_000, 1_000_000_000, 2**31 - 1))
            content = _put(content, entry.data, (number % 256**width).to_bytes(width, "little"))
    return content


def entry_changed(rng: Random, content: bytes) -> bytes:
    """The tag, the type or the count of an entry."""
    found = list(entries(content))
    if not found:
        return content
    entry = rng.choice(found)
    match rng.randrange(3):
        case 0:
            return _put(
                content, entry.at, rng.choice((0, 1, 254, 330, rng.choice(found).tag, 65000)).to_bytes(2, "little")
            )
        case 1:
            return _put(content, entry.at + 2, rng.randrange(20).to_bytes(2, "little"))
        case _:
            return _put(content, entry.at + 4, rng.choice(NUMBERS).to_bytes(4, "little"))


def place_changed(rng: Random, content: bytes) -> bytes:
    """A number of the georeference or a key of the CRS."""
    found = [entry for entry in entries(content) if entry.tag in PLACE]
    if not found:
        return content
    entry = rng.choice(found)
    if entry.kind == 12:
        at = entry.data + 8 * rng.randrange(max(1, entry.count))
        return _put(content, at, struct.pack("<d", rng.choice((*DOUBLES, rng.uniform(-1e7, 1e7)))))
    if entry.kind == 3:
        key = rng.choice((0, 1, 1024, 2048, 3072, 4326, 32648, 32747, 32767, 65535))
        return _put(content, entry.data + 2 * rng.randrange(max(1, entry.count)), key.to_bytes(2, "little"))
    return _put(content, entry.data + rng.randrange(max(1, entry.count)), rng.randbytes(1))


def words_changed(rng: Random, content: bytes) -> bytes:
    """A character of the metadata: names, scales and offsets of bands, date, nodata value."""
    found = [entry for entry in entries(content) if entry.tag in WORDS]
    if not found:
        return content
    entry = rng.choice(found)
    text = content[entry.data : entry.data + entry.size]
    digits = [at for at, byte in enumerate(text) if byte in b"0123456789.-BTn"]
    at = entry.data + (rng.choice(digits) if digits and rng.random() < 0.8 else rng.randrange(max(1, len(text))))
    return _put(content, at, rng.choice((b"9", b"0", b"-", b"e9", b"nan", b"inf", b"<", b"\x00", b"\xff", b"1e400")))


def pixels_damaged(rng: Random, content: bytes) -> bytes:
    """Some bytes in the middle of a block."""
    tags = {entry.tag: _integers(content, entry) for entry in entries(content)}
    blocks = list(zip(tags.get(273) or tags.get(324) or [], tags.get(279) or tags.get(325) or [], strict=False))
    blocks = [(first, size) for first, size in blocks if size > 16 and first + size <= len(content)]
    if not blocks:
        return content
    first, size = rng.choice(blocks)
    at = first + rng.randrange(2, size - 4)  # behind the two bytes that say how it is packed
    return _put(content, at, bytes(byte ^ rng.randrange(1, 256) for byte in content[at : at + rng.randint(1, 4)]))


TIFF = (tag_changed, tag_changed, claims_much, entry_changed, place_changed, words_changed, pixels_damaged)
