"""Clear looks at the true sites of a finished run, counted in look files made by hand."""

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from fields import scene
from scenes import GRID, PLACE
from shapely.geometry import mapping

from pipeline.cli import main
from pipeline.evaluation.limits import limits, limits_table
from pipeline.evaluation.scores import scores
from pipeline.evaluation.sets import case_of_run
from pipeline.evaluation.truth import TrueSite
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks.file import encoded
from pipeline.looks.observe import CLEAR, NO_DATA, NOT_CLEAR, LookContent
from pipeline.looks.task import LookTask
from pipeline.sources.interface import overpasses

SITE = Window(PLACE.row + 40, PLACE.col + 30, 20, 10)
"""A site that lies on two blocks ..."""
BLOCKS = (
    Window(PLACE.row, PLACE.col, 50, PLACE.width),
    Window(PLACE.row + 50, PLACE.col, PLACE.height - 50, PLACE.width),
)
"""... these, one above the other."""
LOOKS = "Clear looks at it while it had ponds"
SHARE = "Share of the looks that were clear"
FILLING = "What most ponds are filled or covered with"


@dataclass(frozen=True)
class Run:
    """The folder of a run whose looks saw so many of the 20 rows of `SITE`, by day."""

    out: Path

    def write(self, rows_seen: dict[str, int | None], **truth: object) -> TrueSite:
        """Write the run, None standing for no data; returns the site as evaluation reads it."""
        rows = [row for day, seen in rows_seen.items() for row in self._looks(day, seen)]
        (self.out / "manifest.json").write_text(json.dumps({"looks": rows}))
        self._features("sites.geojson")
        (self.out / "simulated").mkdir(exist_ok=True)
        properties = {
            "ground_from": "2024-01-01", "ponds_from": "2024-03-01", "ended_on": None, "idle_from": None,
            "idle_to": None, "n_ponds": 8, "pond_diameter_m": 15.0, "pond_area_m2": 1400.0,
        }  # fmt: skip
        outline = mapping(reprojected(SITE.polygon_m, GRID.crs, LONLAT))
        site = {"type": "Feature", "geometry": outline, "properties": properties | truth}
        self._features("simulated/truth.geojson", site)
        return self.read()

    def read(self) -> TrueSite:
        (site,) = case_of_run(self.out).truth
        return site

    def _features(self, name: str, *features: dict[str, object]) -> None:
        (self.out / name).write_text(json.dumps({"type": "FeatureCollection", "features": features}))

    def _looks(self, day: str, seen: int | None) -> list[dict[str, object]]:
        state = np.full(PLACE.shape, NOT_CLEAR if seen is not None else NO_DATA, np.uint8)
        top = SITE.row - PLACE.row
        state[top : top + (seen or 0)] = CLEAR
        return [self._look(f"b{k}/{day}_S2A.tif", block, state) for k, block in enumerate(BLOCKS)]

    def _look(self, name: str, block: Window, state: np.ndarray) -> dict[str, object]:
        path = self.out / "looks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (overpass,) = overpasses([scene(day=path.stem[:8])])
        task = LookTask(GRID, block, (block,), overpass)
        path.write_bytes(
            encoded(LookContent(np.stack([state[block.within(PLACE)]] * 3), (), (), task.extent), task, name)
        )
        return {"file": f"looks/{name}", "overpass": path.stem, "clear_share": 0.5}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_looks_that_saw_most_of_a_site_while_it_had_ponds_are_counted(run: Run) -> None:
    site = run.write({"20240215": 20, "20240305": 12, "20240310": 11, "20240401": 20, "20240501": 0})
    assert site.pond_days == (date(2024, 3, 5), date(2024, 4, 1))  # not before its ponds, nor with less than 0.6 seen
    assert site.pond_looks == 2
    assert site.clear_share == pytest.approx(2 / 4)


def test_looks_without_data_there_are_none_at_it(run: Run) -> None:
    site = run.write({"20240305": 20, "20240401": None})
    assert (site.pond_looks, site.clear_share) == (1, 1.0)


def test_looks_while_a_site_was_idle_or_after_its_end_are_not_counted(run: Run) -> None:
    days = {f"2024{month:02d}05": 20 for month in range(3, 11)}
    site = run.write(days, idle_from="2024-04-01", idle_to="2024-06-01", ended_on="2024-08-01")
    assert [day.month for day in site.pond_days] == [3, 6, 7]


def test_what_was_never_clear_is_filed_under_no_look(run: Run) -> None:
    run.write({"20240305": 3, "20240401": 0})
    by_title = {limit.title: limit for limit in limits([case_of_run(run.out)], 0.5)}
    assert dict(by_title[LOOKS].classes)["0 to below 1"].of == 1
    assert scores([case_of_run(run.out)], 0.5).found_seen.of == 0


@pytest.mark.parametrize("lost", ["removed", "damaged", "not named"])
def test_without_all_look_files_nothing_is_filed_under_no_look(run: Run, lost: str) -> None:
    run.write({"20240305": 20, "20240401": 20})
    path = run.out / "looks" / "b1" / "20240401_S2A.tif"
    if lost == "removed":
        path.unlink()
    if lost == "damaged":
        path.write_bytes(b"nothing")
    if lost == "not named":
        manifest = json.loads((run.out / "manifest.json").read_text())
        manifest["looks"][-1]["file"] = None
        (run.out / "manifest.json").write_text(json.dumps(manifest))
    site = run.read()
    assert (site.pond_looks, site.pond_days, site.clear_share) == (None, (), None)
    found = limits([case_of_run(run.out)], 0.5)
    for limit in found:
        unknown = limit.title in (LOOKS, SHARE, FILLING)
        assert sum(share.of for _, share in limit.classes) == (0 if unknown else 1)
        assert limit.unknown == (1 if unknown else 0)
    table = limits_table(found)
    assert f"{LOOKS}: not known here" in table
    assert "\n  0 to below 1 " not in table
    assert scores([case_of_run(run.out)], 0.5).found_seen.of == 0


def test_the_command_leaves_out_what_is_not_known_and_says_so(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.write({"20240305": 20, "20240401": 20})
    picture = run.out / "limits.svg"
    assert main(["evaluate", "--run", str(run.out), "--limits", "--picture", str(picture)]) == 0
    told = capsys.readouterr().out
    assert f"{FILLING}: not known here" in told
    assert "turquoise" not in told
    assert f"{LOOKS}\n" in told
    drawn = ["".join(text.itertext()) for text in ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert "turquoise" not in drawn
    assert any("Left out" in text and FILLING in text for text in drawn)
    assert LOOKS in drawn


def test_sites_of_which_a_property_is_not_known_are_counted_beside_its_classes(run: Run) -> None:
    known = run.write({"20240305": 20})
    case = case_of_run(run.out)
    mixed = replace(case, truth=(known, replace(known, pond_looks=None)))
    (limit,) = (limit for limit in limits([mixed], 0.5) if limit.title == LOOKS)
    assert limit.unknown == 1
    assert sum(share.of for _, share in limit.classes) == 1
    line = next(line for line in limits_table([limit]).splitlines() if "not known" in line)
    assert line.split() == ["not", "known", "1"]
