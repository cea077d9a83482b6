"""What is said of looks by another recipe: how many, what making them again costs, and whether it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_plan_looks import STRICTER, Listed, filled, granule, run

from pipeline.errors import CapReached, CredentialsRefused, SceneError
from pipeline.grid import Grid, Window
from pipeline.run.context import Remake
from pipeline.run.looks import plan_looks
from pipeline.run.price import SAMPLED, outdated_text
from pipeline.sources.interface import Price, Scene
from pipeline.sources.ledger import Usage


@dataclass(frozen=True)
class Sold(Listed):
    """The same at a price: two requests, a megabyte and, where it is paid, a unit per window."""

    paid: bool = True
    dumb: int = 0
    """Of each day whose number it divides, no price can be told; 0 = of all it can."""
    rising: bool = False
    """Each day costs its number more."""

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        if self.dumb and scenes[0].time_utc.day % self.dumb == 0:
            raise SceneError("no price")
        units = len(windows) * (scenes[0].time_utc.timetuple().tm_yday if self.rising else 1)
        return Price(Usage(2 * units, 1_000_000 * units, 1.0 * self.paid * units), 1.0, None)


@pytest.mark.parametrize(
    ("remake", "paid", "remakes"),
    [
        (Remake.AUTO, False, True),
        (Remake.AUTO, True, False),
        (Remake.ALL, False, True),
        (Remake.ALL, True, True),
        (Remake.NONE, False, False),
        (Remake.NONE, True, False),
    ],
)
def test_what_is_outdated_is_made_again_as_told_or_where_it_is_free(
    tmp_path: Path, remake: Remake, paid: bool, remakes: bool
) -> None:
    filled(run(tmp_path, granule()))
    source = Sold(scenes=(granule(),), paid=paid)
    context = run(tmp_path, source=source, configured=STRICTER, remake=remake)
    assert context.remakes is remakes
    told = outdated_text(context, plan_looks(context))
    assert ("they are made again now (--remake none" in told) is remakes
    assert ("they are not made again, and what was said stands (--remake all" in told) is not remakes
    assert "1 looks were made by another recipe (look version 1, model third, " in told
    price = "1.0 MB in 2 requests" + ", 1.0 processing units" * paid
    assert f"would cost about {price};" in told


def test_what_is_free_is_said_to_cost_time(tmp_path: Path) -> None:
    filled(run(tmp_path, granule()))
    context = run(tmp_path, granule(), configured=STRICTER)
    assert "making them again costs nothing but time; they are made again now" in outdated_text(
        context, plan_looks(context)
    )


@pytest.mark.parametrize("dumb", [0, 3])
@pytest.mark.parametrize("paid", [True, False])
def test_the_price_of_many_is_told_of_all_even_if_only_some_are_priced(tmp_path: Path, paid: bool, dumb: int) -> None:
    scenes = tuple(granule(days=days) for days in range(2 * SAMPLED + 5))
    filled(run(tmp_path, *scenes))
    context = run(tmp_path, source=Sold(scenes=scenes, paid=paid, dumb=dumb), configured=STRICTER)
    told = outdated_text(context, plan_looks(context))
    assert f"{len(scenes)} looks were made" in told
    assert f"{1.0 * len(scenes):,.1f} MB in {2 * len(scenes)} requests" in told


def test_what_costs_money_is_priced_look_by_look(tmp_path: Path) -> None:
    scenes = tuple(granule(days=days) for days in range(2 * SAMPLED + 5))
    filled(run(tmp_path, *scenes))
    context = run(tmp_path, source=Sold(scenes=scenes, rising=True), configured=STRICTER)
    units = sum(scene.time_utc.timetuple().tm_yday for scene in scenes)
    assert f"{units:,.1f} processing units" in outdated_text(context, plan_looks(context))


@pytest.mark.parametrize("cause", [SceneError("no header"), CredentialsRefused("no key"), CapReached("no more")])
def test_a_price_that_cannot_be_found_out_is_not_told_as_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: Exception
) -> None:
    filled(run(tmp_path, granule()))
    context = run(tmp_path, source=Sold(scenes=(granule(),)), configured=STRICTER)

    def price(*_: object) -> Price:
        raise cause

    monkeypatch.setattr(Sold, "price", price)
    told = outdated_text(context, plan_looks(context))
    assert "making them again costs what could not be found out now" in told
    assert "nothing" not in told
