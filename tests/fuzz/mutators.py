"""Damage to bytes of any format. A mutator takes a random generator and bytes, and returns other bytes."""

from collections.abc import Callable
from random import Random

Mutator = Callable[[Random, bytes], bytes]
TRUNCATED = "truncated"
"""Name of the damage after which nothing may be missing without a word."""


def _place(rng: Random, content: bytes, longest: int) -> tuple[int, int]:
    """First and last byte (excluded) of a random run."""
    first = rng.randrange(len(content) + 1)
    return first, min(len(content), first + rng.randint(1, longest))


def bits_flipped(rng: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 4, 32)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def head_flipped(rng: Random, content: bytes) -> bytes:
    """Where most formats have their header."""
    return bits_flipped(rng, content[:512]) + content[512:]


def truncated(rng: Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))] if content else content


def zeroed(rng: Random, content: bytes) -> bytes:
    first, last = _place(rng, content, rng.choice((4, 64, 4096)))
    return content[:first] + bytes(last - first) + content[last:]


def inserted(rng: Random, content: bytes) -> bytes:
    at = rng.randrange(len(content) + 1)
    return (
        content[:at] + rng.choice((rng.randbytes(rng.randint(1, 40)), b"\x00" * 16, b"\xff\xfe", b'"')) + content[at:]
    )


def removed(rng: Random, content: bytes) -> bytes:
    first, last = _place(rng, content, rng.choice((1, 8, 256)))
    return content[:first] + content[last:]


def duplicated(rng: Random, content: bytes) -> bytes:
    first, last = _place(rng, content, rng.choice((8, 256, 4096)))
    return content[:last] + content[first:last] * rng.choice((1, 1, 20)) + content[last:]


def emptied(rng: Random, content: bytes) -> bytes:
    return rng.choice((b"", b"\n", b"\x00", b"{}", b"[]", b"null"))


BYTES: tuple[Mutator, ...] = (bits_flipped, head_flipped, truncated, zeroed, inserted, removed, duplicated, emptied)
"""Damage that any format can have."""
