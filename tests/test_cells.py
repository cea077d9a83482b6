"""What is kept of cells and of checked looks: it changes the cost of a run, never its answer."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import load
from pipeline.evidence import cells
from pipeline.evidence.cells import CellEvidence, EvidenceCache
from pipeline.evidence.coverage import RunningCoverage, months_between
from pipeline.evidence.fuse import RunningEvidence
from pipeline.grid import Window
from pipeline.looks.archive import Look, Stack

RULE = load(None).evidence
CELL = Window(0, 0, 6, 8)
INSIDE = np.ones(CELL.shape, bool)
INSIDE[:2] = False
FIRST = date(2024, 1, 3)


def look(number: int, key: str = "", every: int = 11) -> Look:
    day = FIRST + timedelta(days=every * number)
    return Look(Path(f"{number}"), CELL, day, f"{day:%Y%m%d}", 1.0, key or f"key {number}", computed=False)


def layer(one: Look) -> tuple[np.ndarray, np.ndarray]:
    """Pond and clear of a look, by its key and nothing else."""
    rng = np.random.default_rng(list(one.key.encode()))
    clear = rng.random(CELL.shape) < 0.5
    return np.where(clear, rng.integers(0, 201, CELL.shape), 0).astype(np.uint8), clear


@dataclass
class Disk:
    """Stands for the look files, and counts what is read of them."""

    read: list[str] = field(default_factory=list)

    def stack(self, looks, window: Window) -> Stack:
        looks = sorted(looks, key=lambda one: (one.day, one.overpass))
        self.read += [one.key for one in looks]
        planes = [layer(one) for one in looks]
        shape = (len(looks), *window.shape)
        pond, clear = (np.array([p[k] for p in planes]).reshape(shape) for k in (0, 1))
        return Stack(
            window=window, days=tuple(k.day for k in looks), overpasses=tuple(k.overpass for k in looks), pond=pond,
            ground=pond, clear=clear, measured=np.ones(len(looks), bool),
        )  # fmt: skip


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(cells, "read_stack", disk.stack)
    return disk


def weighed(folder: Path, looks: list[Look], aoi: str = "a", rule=RULE) -> CellEvidence:
    return EvidenceCache(folder, rule, aoi).weighed("c", CELL, INSIDE, looks)


def same(one: CellEvidence, other: CellEvidence) -> bool:
    planes = zip(
        (one.pond.best, one.pond.last, one.pond.count, one.seen.ever),
        (other.pond.best, other.pond.last, other.pond.count, other.seen.ever),
        strict=True,
    )
    return all(np.array_equal(a, b) for a, b in planes) and one.seen.told(INSIDE) == other.seen.told(INSIDE)


def test_only_new_looks_are_read_and_the_answer_is_that_of_all(disk: Disk, tmp_path: Path) -> None:
    looks = [look(k) for k in range(9)]
    for count in (3, 4, 9, 9):
        disk.read.clear()
        now = weighed(tmp_path / "kept", looks[:count])
        read = len(disk.read)
        assert same(now, weighed(tmp_path / f"fresh{count}", looks[:count][::-1]))
        assert read == {3: 3, 4: 1, 9: 5}[count] or read == 0
    assert read == 0


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
def test_looks_that_are_not_the_same_and_more_are_weighed_from_the_first(
    later: list[Look], disk: Disk, tmp_path
) -> None:
    weighed(tmp_path / "kept", [look(0), look(1), look(2)])
    assert same(weighed(tmp_path / "kept", later), weighed(tmp_path / "fresh", later))


def test_another_rule_or_area_or_a_damaged_file_begins_anew(disk: Disk, tmp_path: Path) -> None:
    looks = [look(k) for k in range(5)]
    other = RULE.model_copy(update={"agreeing_looks": 3, "among_looks": 5})
    weighed(tmp_path, looks)
    for change in ({"aoi": "b"}, {"rule": other}, {}):
        assert same(weighed(tmp_path, looks, **change), weighed(tmp_path / "fresh", looks, **change))
    whole = (tmp_path / "c.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"PK\x03\x04" + whole[10:], whole[:300] + bytes(200) + whole[500:]):
        (tmp_path / "c.npz").write_bytes(damaged)
        assert same(weighed(tmp_path, looks), weighed(tmp_path / "fresh", looks))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 40), min_size=0, max_size=12), st.integers(0, 12))
def test_what_months_saw_can_be_gone_on_with_from_any_look(gaps: list[int], cut: int) -> None:
    days = [FIRST + timedelta(days=sum(gaps[: k + 1])) for k in range(len(gaps))]
    looks = [Look(Path("x"), CELL, day, f"{k:03}", 1.0, f"k{k}", computed=False) for k, day in enumerate(days)]
    disk, nothing = Disk(), RunningCoverage.nothing(CELL.shape)
    whole = nothing.after(disk.stack(looks, CELL), INSIDE)
    parts = nothing.after(disk.stack(looks[:cut], CELL), INSIDE).after(disk.stack(looks[cut:], CELL), INSIDE)
    assert whole.told(INSIDE) == parts.told(INSIDE)
    seen = [layer(one)[1] & INSIDE for one in looks]
    for month in months_between(days[0], days[-1]) if days else ():
        here = [s for s, day in zip(seen, days, strict=True) if f"{day:%Y-%m}" == month]
        if here:
            assert whole.months[month].looks == len(here)
            assert whole.months[month].share_seen == pytest.approx(np.any(here, axis=0).sum() / INSIDE.sum())


def test_running_evidence_begins_with_nothing() -> None:
    assert RunningEvidence.nothing(CELL.shape, RULE).agreed(RULE).max() == 0
