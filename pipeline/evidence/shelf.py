"""How the evidence cache stores the cells of one square of the grid: heads that say what is known, then planes.

A head says what a run with nothing new needs to know of a cell. Its planes are unpacked only to go on with later looks,
or where they show ponds. One checksum covers everything: a file is whole, or it is not there.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.config import EvidenceSettings
from pipeline.evidence.coverage import CellCoverage, MonthCoverage, RunningCoverage
from pipeline.evidence.fuse import RunningEvidence
from pipeline.raster import Bools, Bytes

FORMAT = 3
"""Version of the content and of how looks are combined; with another number all cells are derived again."""
LEVEL, WINDOW_BITS, MEMORY = 1, 15, 8
"""Of zlib, with `Z_RLE`: of bit planes that hold what differs from the row above, nearly all bytes are 0."""
DAMAGE_ERRORS = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What reading the heads of a damaged shelf may raise."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class CellEvidence:
    """Evidence and coverage of a cell, from all its looks or the first few."""

    shape: tuple[int, int]
    """(height, width)."""
    among: int
    """`among_looks` of the rule, by which the number of planes is known."""
    looks: int
    """Number of overpasses used."""
    digest: str
    """Digest of those overpasses and the rule."""
    highest: int
    """The highest value that looks agree on at any pixel, in 1/200."""
    seen: CellCoverage
    """Coverage of its part of the AOI."""
    packed: bytes
    """Its planes, see `planes`."""

    @classmethod
    def of(
        cls,
        looks: int,
        digest: str,
        pond: RunningEvidence,
        coverage: RunningCoverage,
        inside: Bools,
        rule: EvidenceSettings,
    ) -> "CellEvidence":
        """A cell with these planes; `inside` (y, x), True = in the AOI."""
        values = [pond.best, *pond.last]
        shown = [bool(plane.any()) for plane in values]
        bits = [(pond.count & (1 << place)) != 0 for place in range(_count_bits(rule.among_looks))]
        rows = np.packbits(np.stack([*bits, coverage.month_seen, coverage.ever]), axis=2)
        rows[:, 1:] ^= rows[:, :-1].copy()
        content = [
            bytes(shown),
            *(plane.tobytes() for plane, some in zip(values, shown, strict=True) if some),
            rows.tobytes(),
        ]
        return cls(
            shape=inside.shape,
            among=rule.among_looks,
            looks=looks,
            digest=digest,
            highest=int(pond.agreed_codes(rule).max()) if any(shown) else 0,
            seen=coverage.by_month(inside),
            packed=_packed(b"".join(content)),
        )

    @property
    def pond(self) -> RunningEvidence:
        """Evidence of ponds."""
        return self.planes()[0]

    @property
    def coverage(self) -> RunningCoverage:
        """What was seen."""
        return self.planes()[1]

    def planes(self) -> tuple[RunningEvidence, RunningCoverage]:
        """Evidence and coverage, as far as they are known."""
        content = np.frombuffer(zlib.decompress(self.packed), np.uint8)
        shown, at = content[: self.among].astype(bool), self.among
        pixels = self.shape[0] * self.shape[1]
        values = np.zeros((self.among, *self.shape), np.uint8)
        for plane in np.flatnonzero(shown):
            values[plane] = content[at : at + pixels].reshape(self.shape)
            at += pixels
        changes = content[at:].reshape(_count_bits(self.among) + 2, self.shape[0], -1)
        rows = np.bitwise_xor.accumulate(changes, axis=1)
        *bits, month_seen, ever = np.unpackbits(rows, axis=2, count=self.shape[1])
        count = np.zeros(self.shape, np.uint8)
        for place, bit in enumerate(bits):
            count |= bit << place
        return (
            RunningEvidence(best=values[0], last=values[1:], count=count),
            RunningCoverage(months=self.seen.months, month_seen=_bools(month_seen), ever=_bools(ever)),
        )


def shelf_of(cells: Mapping[str, CellEvidence]) -> bytes:
    """The content of a shelf with cells by name."""
    heads = {name: _head(cell) for name, cell in cells.items()}
    first = json.dumps({"format": FORMAT, "cells": heads}, separators=(",", ":")).encode()
    content = b"".join([first, b"\n", *(cell.packed for cell in cells.values())])
    return b"%08x\n" % zlib.crc32(content) + content


def cells_in(content: bytes) -> dict[str, CellEvidence]:
    """The cells of a shelf by name; none where it is damaged or of another format."""
    checksum, _, rest = content.partition(b"\n")
    try:
        if checksum != b"%08x" % zlib.crc32(rest):
            return {}
        first, _, planes = rest.partition(b"\n")
        known = json.loads(first)
        if known["format"] != FORMAT:
            return {}
        found, at = {}, 0
        for name, head in known["cells"].items():
            found[name] = _cell(head, planes[at : at + head["bytes"]])
            at += head["bytes"]
        return found
    except DAMAGE_ERRORS:
        return {}  # derived again from the looks, which are checked


def _head(cell: CellEvidence) -> dict[str, object]:
    months = {name: [seen.looks, seen.clear_looks, seen.share_seen] for name, seen in cell.seen.months.items()}
    return {
        "shape": cell.shape,
        "among": cell.among,
        "looks": cell.looks,
        "digest": cell.digest,
        "highest": cell.highest,
        "months": months,
        "seen_px": cell.seen.seen_px,
        "bytes": len(cell.packed),
    }


def _cell(head: Mapping[str, Any], packed: bytes) -> CellEvidence:
    height, width = map(int, head["shape"])
    months = {str(name): MonthCoverage(*numbers) for name, numbers in head["months"].items()}
    return CellEvidence(
        shape=(height, width),
        among=int(head["among"]),
        looks=int(head["looks"]),
        digest=str(head["digest"]),
        highest=int(head["highest"]),
        seen=CellCoverage(months, int(head["seen_px"])),
        packed=packed,
    )


def _packed(content: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY, zlib.Z_RLE)
    return packer.compress(content) + packer.flush()


def _count_bits(among: int) -> int:
    """Bits of a count up to `among`."""
    return among.bit_length()


def _bools(bits: Bytes) -> Bools:
    return bits.view(np.bool_)
