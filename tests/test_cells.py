"""What is kept of cells and of checked looks: it changes the cost of a run, never its answer."""

import zlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from fields import look_at
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import EvidenceSettings, load
from pipeline.evidence.cells import (
    OTHERS,
    CellEvidence,
    CellFiles,
    CellMemory,
    CellPart,
    CellStore,
    EvidenceCache,
)  # fmt: skip
from pipeline.evidence.coverage import RunningCoverage
from pipeline.evidence.fuse import RunningEvidence
from pipeline.evidence.shelf import cells_in, shelf_of
from pipeline.grid import Window
from pipeline.looks.look import Look, LookArray
from pipeline.looks.observe import CLEAR, NO_VALUE, NOT_CLEAR
from pipeline.looks.stack import read_stack
from pipeline.months import months_between
from pipeline.raster import Bytes

RULE = load(None).evidence
CELL = Window(0, 0, 6, 8)
INSIDE = np.ones(CELL.shape, bool)
INSIDE[:2] = False
FIRST = date(2024, 1, 3)


READ: list[str] = []
"""Keys of the looks of which something was read, in that order."""


@dataclass(frozen=True)
class Counted:
    """Pixels of a look, which note that they were read."""

    key: str

    def read(self, part: Window) -> Bytes:
        READ.append(self.key)
        pond, clear = layer(self.key)
        states = np.where(clear, CLEAR, NOT_CLEAR)
        planes = np.stack([np.where(clear, pond, NO_VALUE), np.where(clear, pond, NO_VALUE), states]).astype(np.uint8)
        return planes[(slice(None), *part.within(CELL))]


def look_on(day: date, key: str) -> Look:
    return look_at(CELL, day, Counted(key), key=key)


def look(number: int, key: str = "", every: int = 11) -> Look:
    return look_on(FIRST + timedelta(days=every * number), key or f"key {number}")


def layer(key: str) -> tuple[np.ndarray, np.ndarray]:
    """Pond and clear of a look, by its key and nothing else."""
    rng = np.random.default_rng(list(key.encode()))
    clear = rng.random(CELL.shape) < 0.5
    return np.where(clear, rng.integers(0, 201, CELL.shape), 0).astype(np.uint8), clear


def evidence_of(store: CellStore, looks: list[Look], rule: EvidenceSettings = RULE) -> CellEvidence:
    return EvidenceCache(store, rule).cell("c", CELL, INSIDE, looks)


def afresh(looks: list[Look], rule: EvidenceSettings = RULE) -> CellEvidence:
    """What they say where nothing is kept."""
    return evidence_of(CellMemory(), looks, rule)


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> CellStore:
    READ.clear()
    return CellFiles(tmp_path / "cells") if request.param == "files" else CellMemory()


def same(one: CellEvidence, other: CellEvidence) -> bool:
    planes = zip(
        (one.pond.best, one.pond.last, one.pond.count, one.coverage.ever),
        (other.pond.best, other.pond.last, other.pond.count, other.coverage.ever),
        strict=True,
    )
    return all(np.array_equal(a, b) for a, b in planes) and one.coverage.by_month(INSIDE) == other.coverage.by_month(
        INSIDE
    )


def test_only_new_looks_are_read_and_the_answer_is_that_of_all(store: CellStore) -> None:
    looks, read = [look(k) for k in range(9)], []
    for count in (3, 4, 9, 9):
        READ.clear()
        now = evidence_of(store, looks[:count])
        read.append([*READ])
        assert same(now, afresh(looks[:count][::-1]))
    keys = [one.key for one in looks]
    assert read == [keys[:3], keys[3:4], keys[4:], []]


@pytest.mark.parametrize(
    "later",
    [
        [look(0), look(2), look(3)],  # the second was withdrawn
        [look(0), look(1), look(2, "made anew"), look(3)],
        [look(-1), look(0), look(1), look(2)],  # one came late
        [look(0)],
        [],
    ],
)
def test_looks_that_are_not_the_same_and_more_are_weighed_from_the_first(later: list[Look], store: CellStore) -> None:
    evidence_of(store, [look(0), look(1), look(2)])
    READ.clear()
    now = evidence_of(store, later)
    assert [one.key for one in later] == READ
    assert same(now, afresh(later))


def test_another_rule_or_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    looks, store = [look(k) for k in range(5)], CellFiles(tmp_path)
    other = RULE.model_copy(update={"agreeing_looks": 3, "among_looks": 5})
    evidence_of(store, looks)
    for change in ({"rule": other}, {}):
        READ.clear()
        now = evidence_of(store, looks, **change)
        assert len(READ) == len(looks)
        assert same(now, afresh(looks, **change))
    (path,) = tmp_path.glob("*.cells")
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PK\x03\x04" + whole[10:], whole[:300] + bytes(200) + whole[500:]):
        path.write_bytes(damaged)
        READ.clear()
        now = evidence_of(store, looks)
        assert len(READ) == len(looks)
        assert same(now, afresh(looks))
    assert path.read_bytes() == whole


@settings(max_examples=40)
@given(st.lists(st.integers(1, 40), min_size=0, max_size=12), st.integers(0, 12))
def test_what_months_saw_can_be_gone_on_with_from_any_look(gaps: list[int], cut: int) -> None:
    days = [FIRST + timedelta(days=sum(gaps[: k + 1])) for k in range(len(gaps))]
    looks = [look_on(day, f"k{k}") for k, day in enumerate(days)]
    nothing = RunningCoverage.empty(CELL.shape)
    whole = nothing.updated(read_stack(looks, CELL), INSIDE)
    parts = nothing.updated(read_stack(looks[:cut], CELL), INSIDE).updated(read_stack(looks[cut:], CELL), INSIDE)
    assert whole.by_month(INSIDE) == parts.by_month(INSIDE)
    seen = [layer(one.key)[1] & INSIDE for one in looks]
    for month in months_between(days[0], days[-1]) if days else ():
        here = [s for s, day in zip(seen, days, strict=True) if f"{day:%Y-%m}" == month]
        if here:
            assert whole.months[month].looks == len(here)
            assert whole.months[month].share_seen == pytest.approx(np.any(here, axis=0).sum() / INSIDE.sum())


def test_running_evidence_begins_with_nothing() -> None:
    assert RunningEvidence.empty(CELL.shape, RULE).agreed(RULE).max() == 0


def test_a_cell_that_lies_in_two_blocks_counts_an_overpass_once(store: CellStore) -> None:
    """Its looks may come in any order; a look that is missing at first makes the overpass another one."""
    west, east = Window(0, 0, 6, 5), Window(0, 5, 6, 3)
    halves = [
        replace(look(0), extent=part, key=f"half {part.col}", pixels=LookArray(half(part), part))
        for part in (west, east)
    ]
    both = evidence_of(store, halves)
    assert both.looks == 1
    assert both.coverage.by_month(INSIDE).months["2024-01"].looks == 1
    assert same(both, evidence_of(store, halves[::-1]))
    assert same(evidence_of(store, halves[:1]), afresh(halves[:1]))


def half(part: Window) -> Bytes:
    return Counted("both halves").read(CELL)[(slice(None), *part.within(CELL))]


WEST, EAST = Window(0, 0, 6, 4), Window(0, 4, 6, 4)
Shown = dict[int, tuple[int, bool]]
"""By number of an overpass, which version of its look there is, and whether it shows the eastern cell as well."""


def looks_of(shown: Shown) -> list[Look]:
    found = []
    for number, (version, whole) in shown.items():
        extent = CELL if whole else WEST
        key = f"{number} {version} {whole}"
        pixels = LookArray(Counted(key).read(extent), extent)
        found.append(replace(look(number, key), extent=extent, windows=(extent,), pixels=pixels))
    return found


def parts_of(looks: list[Look], cut: bool) -> list[CellPart]:
    """Two cells of a shelf, the first cut by a border or not."""
    parts = []
    for name, cell in (("west", WEST), ("east", EAST)):
        inside = np.ones(cell.shape, bool)
        inside[:2] = not (cut and name == "west")
        here = [each for each in looks if each.extent.intersection(cell)]
        parts.append(CellPart(name=name, cell=cell, inside=inside, looks=here))
    return parts


def told(cell: CellEvidence) -> tuple[object, ...]:
    planes = (cell.pond.best, cell.pond.last, cell.pond.count, cell.coverage.ever)
    return cell.looks, cell.digest, cell.highest, cell.seen, [plane.tolist() for plane in planes]


shown = st.dictionaries(st.integers(0, 25), st.tuples(st.integers(0, 1), st.booleans()), max_size=22)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(shown, st.booleans()), max_size=4), st.sampled_from([(2, 3), (1, 1), (3, 5), (2, 2)]))
def test_whatever_came_went_or_was_made_again_between_runs_a_shelf_says_what_its_looks_say(
    runs: list[tuple[Shown, bool]], rule: tuple[int, int]
) -> None:
    chosen = RULE.model_copy(update={"agreeing_looks": rule[0], "among_looks": rule[1]})
    cache = EvidenceCache(CellMemory(), chosen)
    for there, cut in runs:
        parts = parts_of(looks_of(there), cut)
        for part, found in zip(parts, cache.cells("shelf", parts), strict=True):
            alone = EvidenceCache(CellMemory(), chosen)
            (new,) = alone.cells("shelf", [replace(part, looks=part.looks[::-1])])
            assert told(found) == told(new)
            start = RunningEvidence.empty(part.cell.shape, chosen)
            stack = read_stack(part.looks, part.cell)
            at_once = start.updated(stack.pond, stack.clear, chosen)
            assert np.array_equal(found.pond.agreed(chosen), at_once.agreed(chosen))
            assert found.highest == at_once.agreed_codes(chosen).max()
            seen = RunningCoverage.empty(part.cell.shape).updated(stack, part.inside)
            assert found.seen == seen.by_month(part.inside)


def test_a_shelf_is_written_only_when_there_are_new_looks_and_forgets_what_nobody_asks_for() -> None:
    store = CellMemory()
    cache = EvidenceCache(store, RULE)
    parts = parts_of(looks_of({1: (0, True), 2: (0, True)}), cut=False)
    cache.cells("shelf", parts)
    stored = store.shelves["shelf"]
    assert cache.cells("shelf", parts[:1])[0].looks == 2
    assert store.shelves["shelf"] is stored
    for row in range(OTHERS + 5):  # a border that is edited again and again
        inside = np.ones(WEST.shape, bool)
        inside[row % 6, row // 6] = False
        cache.cells("shelf", [replace(parts[0], inside=inside)])
    assert len(cells_in(store.shelves["shelf"])) == OTHERS + 1


@pytest.mark.parametrize("content", [b"", b"\n", b"00000000\n", b"x" * 100, b"\xff" * 50])
def test_what_is_no_shelf_holds_no_cells(content: bytes) -> None:
    assert cells_in(content) == {}
    whole = shelf_of({"c": evidence_of(CellMemory(), [look(1), look(2)])})
    assert set(cells_in(whole)) == {"c"}
    assert cells_in(whole[:-1]) == {}
    assert cells_in(whole.replace(b'"format":3', b'"format":2')) == {}
    for head in (b"[]", b"{}", b'{"format":3,"cells":3}', b'{"format":3,"cells":{"c":{}}}', b"not JSON", b"\xff"):
        assert cells_in(b"%08x\n" % zlib.crc32(head + b"\n") + head + b"\n") == {}
