"""Scans lived through look by look, by runners that find what they are told to find."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from fields import look_at
from shapely.geometry import box

from pipeline.aoi import Aoi
from pipeline.cli import main
from pipeline.config import load
from pipeline.errors import InputError
from pipeline.evaluation.replay import Replay, ReplayResult, replay_table
from pipeline.evaluation.trials import PLACE, ObservedWorld, Trial, TrialRunner, aoi_of
from pipeline.evaluation.truth import TrueSite
from pipeline.evidence.cells import EvidenceCache
from pipeline.grid import Window
from pipeline.looks.look import Look, LookArray, LookPixels
from pipeline.looks.observe import CLEAR
from pipeline.raster import Bytes
from pipeline.run.derive import Derived

FIRST = date(2024, 1, 1)
DAYS = tuple(FIRST + timedelta(days=10 * k) for k in range(12))
X, Y = 512_000.0, 2_430_000.0


def ground(x: float, width: float = 200.0):
    return box(X + x, Y, X + x + width, Y + 200)


def look(day: date, pixels: LookPixels, extent: Window) -> Look:
    name = f"{day:%Y%m%d}"
    return look_at(extent, day, pixels, name=name, key=name)


def empty(extent: Window) -> LookArray:
    """All clear, and nothing there."""
    bands = np.zeros((3, *extent.shape), np.uint8)
    bands[2] = CLEAR
    return LookArray(bands, extent)


def world_of(looks: Sequence[Look], truth: tuple[TrueSite, ...] = ()) -> ObservedWorld:
    window = looks[0].extent
    return ObservedWorld(
        aoi=aoi_of(window), window=window, looks=tuple(looks), pond=np.zeros(window.shape, np.float32),
        ground=np.zeros(window.shape, bool), clearest=np.zeros((6, *window.shape), np.float32), truth=truth,
        look_alikes=(),
    )  # fmt: skip


def true(x: float, begun: int) -> TrueSite:
    """Ponds from the look number `begun` on."""
    day = FIRST if begun < 0 else DAYS[begun]
    site = TrueSite(ground(x), FIRST, day, None, 8, 15.0, 1400.0)
    return replace(site, pond_days=tuple(d for d in DAYS if d >= day), pond_looks=len(DAYS) - max(begun, 0))


@dataclass(frozen=True)
class Seer:
    """Reports (from look, until look, place, confidence)."""

    truth: tuple[TrueSite, ...]
    reports: tuple[tuple[int, int, object, float], ...]
    settings = load(None)

    def observed(self, trial: Trial) -> ObservedWorld:
        small = Window(PLACE.row, PLACE.col, 16, 16)
        return world_of([look(day, empty(small), small) for day in DAYS], self.truth)

    def derived(self, aoi: Aoi, looks: Sequence[Look], cache: EvidenceCache):
        now = len(looks) - 1
        sites = [
            SimpleNamespace(site=SimpleNamespace(polygon_m=where), confidence=confidence)
            for first, last, where, confidence in self.reports
            if first <= now <= last
        ]
        return SimpleNamespace(sites=sites)


def lived(*runners: Seer, model_changes: int = 0) -> ReplayResult:
    return Replay(runners, model_changes)(Trial(1, "shan"))


def test_delays_count_the_clear_looks_with_ponds_before_the_announcement() -> None:
    truth = (true(0, 2), true(1000, 4), true(2000, 6), true(3000, -1))
    told = ((4, 11, ground(0), 0.9), (3, 11, ground(1000), 0.9), (0, 11, ground(3000), 0.9))
    result = lived(Seer(truth, told))
    # two looks later; before its ponds, and still at the first look with them; never; the fourth was there from the start
    assert result.delays == (2, 0, None)
    assert (result.announced, result.switches, result.known) == (3, 0, 3)


def test_a_report_before_the_ponds_is_false_and_does_not_announce_the_site() -> None:
    """On cleared ground, and where nothing had begun: both told ponds that were not there."""
    cleared, nothing = true(0, 6), replace(true(1000, 6), ground_from=DAYS[5])
    told = ((1, 3, ground(0), 0.9), (2, 4, ground(1000), 0.9))
    result = lived(Seer((cleared, nothing), told))
    assert result.delays == (None, None)
    assert (result.announced, result.false, result.early) == (2, 2, 2)
    again = (*told, (8, 11, ground(0), 0.9), (6, 11, ground(1000), 0.9))
    result = lived(Seer((cleared, nothing), again))
    assert result.delays == (2, 0)
    assert (result.announced, result.false, result.early) == (2, 2, 2)  # under the ids of the early reports


def test_the_look_that_announces_a_site_saw_its_ponds() -> None:
    """Ponds from look 4 on, under cloud until look 6: what was reported by look 5 was not seen."""
    clouded = replace(true(0, 4), pond_days=DAYS[6:], pond_looks=6)
    assert lived(Seer((clouded,), ((3, 5, ground(0), 0.9), (7, 11, ground(0), 0.9)))).delays == (1,)
    assert lived(Seer((clouded,), ((3, 5, ground(0), 0.9),))).delays == (None,)
    assert lived(Seer((clouded,), ((5, 11, ground(0), 0.9),))).delays == (0,)


def test_a_report_on_two_sites_is_early_only_where_neither_had_ponds() -> None:
    wide = ((3, 11, ground(0, 1200), 0.9),)
    for begun, early in ((2, 0), (3, 0), (4, 1)):
        result = lived(Seer((true(0, begun), true(1000, 8)), wide))
        assert (result.announced, result.false, result.early) == (1, early, early)
    never = replace(true(0, 2), ponds_from=None, pond_days=(), pond_looks=0)
    assert lived(Seer((never,), wide)).early == 1


def test_what_is_announced_on_no_site_is_false_once_and_doubtful_sites_are_not_announced() -> None:
    told = ((2, 4, ground(5000), 0.9), (6, 11, ground(5000), 0.9), (0, 11, ground(7000), 0.3))
    result = lived(Seer((true(0, 2),), told))
    assert (result.announced, result.false, result.early) == (1, 1, 0)
    assert result.known == 0


def test_an_id_that_changes_is_a_switch() -> None:
    far = ((0, 5, ground(0, 60), 0.9), (6, 11, ground(250, 60), 0.9))  # two places, too far apart for one name
    wide = replace(true(0, 1), polygon=ground(0, 400))
    assert lived(Seer((wide,), far)).switches == 1
    near = ((0, 5, ground(0, 60), 0.9), (6, 11, ground(100, 60), 0.9))
    assert lived(Seer((wide,), near)).switches == 0


def test_models_take_turns_and_names_stay() -> None:
    one = Seer((true(0, 1),), ((0, 11, ground(0), 0.9),))
    other = Seer((true(0, 1),), ((0, 11, ground(20, 150), 0.9), (0, 11, ground(9000), 0.9)))
    both = lived(one, other, model_changes=2)
    assert both.switches == 0
    assert both.announced == 2  # the other one's own was announced while its turn was
    assert lived(one, other, model_changes=0).announced == 1


Read = tuple[date, Window]


@dataclass(frozen=True)
class Counting:
    """Pixels of a look that note each read."""

    day: date
    pixels: LookArray
    reads: list[Read]

    def read(self, part: Window) -> Bytes:
        self.reads.append((self.day, part))
        return self.pixels.read(part)


@dataclass(frozen=True)
class Reader:
    """Derives by the code of a run, and notes after each look what was read for it, and of which looks it was told."""

    extent: Window
    runner = TrialRunner(load(None), "water-rule")
    settings = runner.settings
    reads: list[Read] = field(default_factory=list)
    steps: list[tuple[list[date], list[Read]]] = field(default_factory=list)

    def observed(self, trial: Trial) -> ObservedWorld:
        nothing = empty(self.extent)
        return world_of([look(day, Counting(day, nothing, self.reads), self.extent) for day in DAYS])

    def derived(self, aoi: Aoi, looks: Sequence[Look], cache: EvidenceCache) -> Derived:
        before = len(self.reads)
        derived = self.runner.derived(aoi, looks, cache)
        self.steps.append(([look.day for look in looks], self.reads[before:]))
        return derived


def test_after_each_look_only_it_is_read_whatever_model_took_its_turn_before() -> None:
    extent = Window(PLACE.row, PLACE.col, 512, 1024)
    cells = list(extent.cells(512))
    assert len(cells) == 2

    def read(first: int, count: int) -> tuple[list[date], list[Read]]:
        """Told of so many looks, read those from `first` on."""
        return list(DAYS[:count]), [(day, cell) for cell in cells for day in DAYS[first:count]]

    alone = Reader(extent)
    lived(alone)
    assert alone.steps == [read(count - 1, count) for count in range(1, 13)]
    one, other = Reader(extent), Reader(extent)
    lived(one, other, model_changes=2)  # four looks each, and the first again
    first_turn, last_turn = ([read(count - 1, count) for count in counts] for counts in ((1, 2, 3, 4), (10, 11, 12)))
    assert one.steps == [*first_turn, read(4, 9), *last_turn]
    assert other.steps == [read(0, 5), *(read(count - 1, count) for count in (6, 7, 8))]


def test_the_table_names_what_was_never_announced() -> None:
    table = replay_table([lived(Seer((true(0, 2), true(900, 2)), ((4, 11, ground(0), 0.9),)))] * 2)
    assert "2 of 4" in table
    assert "median delay, further clear looks      inf" in table


def test_the_table_tells_how_many_false_announcements_came_too_early() -> None:
    told = ((1, 11, ground(0), 0.9), (4, 11, ground(900), 0.9), (4, 11, ground(5000), 0.9))
    lines = replay_table([lived(Seer((true(0, 6), true(900, 2)), told))] * 2).splitlines()
    (false,) = (line for line in lines if line.startswith("announcements that are not sites"))
    (early,) = (line for line in lines if line.startswith("  on a later site, before its ponds"))
    assert "4 of 6" in false
    assert early.split()[-3:] == ["2", "of", "4"]


@pytest.mark.parametrize("words", [["--other-model", "second"], ["--replay", "--set", "real"]])
def test_what_does_not_go_together_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *words]) == InputError.exit_code
    assert "--replay" in capsys.readouterr().err
