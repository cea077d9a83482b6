"""What is kept of cells and of checked looks: it changes the cost of a run, never its answer."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from fields import look_at
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import EvidenceSettings, load
from pipeline.evidence.cells import CellEvidence, CellFiles, CellMemory, CellStore, EvidenceCache
from pipeline.evidence.coverage import RunningCoverage
from pipeline.evidence.fuse import RunningEvidence
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
