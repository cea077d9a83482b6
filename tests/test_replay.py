"""Scans lived through look by look, by watchers that see what they are told to see."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from shapely.geometry import box

from pipeline.cli import main
from pipeline.config import load
from pipeline.errors import InputError
from pipeline.evaluation.replay import Replay, ReplayResult, replay_table, until
from pipeline.evaluation.trials import Trial
from pipeline.evaluation.truth import TrueSite
from pipeline.grid import Window
from pipeline.looks.archive import Stack

FIRST = date(2024, 1, 1)
DAYS = tuple(FIRST + timedelta(days=10 * k) for k in range(12))
X, Y = 512_000.0, 2_430_000.0


def ground(x: float, width: float = 200.0):
    return box(X + x, Y, X + x + width, Y + 200)


def looks() -> Stack:
    planes = np.zeros((len(DAYS), 16, 16), np.uint8)
    return Stack(
        window=Window(0, 0, 16, 16), days=DAYS, overpasses=tuple(f"{d:%Y%m%d}" for d in DAYS), pond=planes,
        ground=planes, clear=planes == 0, measured=np.ones(len(DAYS), bool),
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

    def shown(self, trial: Trial):
        return SimpleNamespace(looks=looks(), truth=self.truth)

    def found(self, stack: Stack):
        now = len(stack.days) - 1
        return [
            SimpleNamespace(site=SimpleNamespace(polygon_m=where), confidence=confidence)
            for first, last, where, confidence in self.reports
            if first <= now <= last
        ]


def lived(*runners: Seer, exchanges: int = 0) -> ReplayResult:
    return Replay(runners, exchanges)(Trial(1, "shan"))


def test_delays_count_the_clear_looks_with_ponds_before_the_announcement() -> None:
    truth = (true(0, 2), true(1000, 4), true(2000, 6), true(3000, -1))
    told = ((4, 11, ground(0), 0.9), (3, 11, ground(1000), 0.9), (0, 11, ground(3000), 0.9))
    result = lived(Seer(truth, told))
    assert result.delays == (
        2,
        0,
        None,
    )  # two looks later; before its ponds; never; the fourth was there from the start
    assert (result.announced, result.false, result.switches, result.known) == (3, 0, 0, 3)


def test_what_is_announced_on_no_site_is_false_once_and_doubtful_sites_are_not_announced() -> None:
    told = ((2, 4, ground(5000), 0.9), (6, 11, ground(5000), 0.9), (0, 11, ground(7000), 0.3))
    result = lived(Seer((true(0, 2),), told))
    assert (result.announced, result.false) == (1, 1)
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
    both = lived(one, other, exchanges=2)
    assert both.switches == 0
    assert both.announced == 2  # the other one's own was announced while its turn was
    assert lived(one, other, exchanges=0).announced == 1


def test_the_first_looks_are_the_first() -> None:
    assert until(looks(), 3).days == DAYS[:3]
    assert until(looks(), 3).pond.shape == (3, 16, 16)


def test_the_table_names_what_was_never_announced() -> None:
    table = replay_table([lived(Seer((true(0, 2), true(900, 2)), ((4, 11, ground(0), 0.9),)))] * 2)
    assert "2 of 4" in table
    assert "median delay, further clear looks      inf" in table


@pytest.mark.parametrize("words", [["--other-model", "second"], ["--replay", "--set", "real"]])
def test_what_does_not_go_together_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *words]) == InputError.exit_code
    assert "--replay" in capsys.readouterr().err
