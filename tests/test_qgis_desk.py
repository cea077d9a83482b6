"""The QGIS project in a real QGIS: what opens, what is drawn, and what the review form does."""

import json
import os
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from desk import TITLE, place, sites, write_desk
from PIL import Image
from test_qgis import asked, need_qgis, probe

from pipeline.reviews.review import Reason, Verdict
from pipeline.sites.history import SiteStatus

PROBE = Path(__file__).parent / "qgis_project.py"
DESKTOP = Path(__file__).parent / "qgis_desktop.py"
ROWS = {
    "reviews": 5, "pond_points": 1, "reviews_as_stored": 5, "sites": 5, "events": 10, "ponds": 5, "looks": 0,
    "places": 4, "outline": 1, "coverage": 6,
}  # fmt: skip
OPENSTREETMAP = "leachwatch_openstreetmap"

pytestmark = pytest.mark.qgis


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder that was moved after it was written, pictures of one site in it, and what QGIS says of it."""
    need_qgis()
    before = tmp_path_factory.mktemp("before") / "out"
    write_desk(before)
    (before / "pictures").mkdir()
    Image.new("RGB", (80, 90), (40, 90, 60)).save(before / "pictures" / "HLL-0001.jpg")
    after = tmp_path_factory.mktemp("after") / "a folder #1 of 50%"
    shutil.move(before, after)
    maps = tmp_path_factory.mktemp("maps")
    return after, asked(PROBE, str(after / "hills.qgz"), str(maps))


def layer(found: dict[str, Any], name: str) -> dict[str, Any]:
    return found["layers"][f"leachwatch_{name}"]


def test_a_project_opens_with_every_layer_from_wherever_its_folder_lies(desk: tuple[Path, dict[str, Any]]) -> None:
    folder, found = desk
    assert found["opened"]
    assert found["error"] == ""
    assert found["title"].startswith(TITLE)
    assert found["crs"] == "EPSG:32647"
    assert [name for name, each in found["layers"].items() if not each["valid"]] == []
    assert {name: layer(found, name)["rows"] for name in ROWS} == ROWS
    for name in ROWS:
        assert layer(found, name)["source"].startswith(str(folder))


def test_sites_are_drawn_above_coverage_and_nothing_of_the_network_is_shown(desk: tuple[Path, dict[str, Any]]) -> None:
    _, found = desk
    order = [name.removeprefix("leachwatch_") for name in found["order"]]
    assert order.index("reviews") < order.index("sites") < order.index("ponds") < order.index("coverage")
    assert order[-1] == "openstreetmap"
    hidden = {name.removeprefix("leachwatch_") for name, each in found["layers"].items() if not each["shown"]}
    assert hidden == {"openstreetmap", "looks", "reviews_as_stored"}
    assert {each["provider"] for name, each in found["layers"].items() if name != OPENSTREETMAP} == {"ogr"}
    assert found["groups"] == ["Review", "Sites (SIMULATED)", "Where"]
    assert [name for name, each in found["layers"].items() if each["private"]] == ["leachwatch_reviews_as_stored"]


def test_layers_look_and_play_as_in_the_geopackage_alone(desk: tuple[Path, dict[str, Any]]) -> None:
    folder, found = desk
    names = ("sites", "ponds", "looks", "events", "coverage")
    alone = probe(*(f"{folder}/sites.gpkg|layername={name}" for name in names), f"{folder}/sites.geojson")
    for name in names:
        there = alone[f"sites.gpkg|layername={name}"]
        assert layer(found, name)["renderer"] == there["renderer"]
        assert layer(found, name)["temporal"] is there["temporal"] is True
        assert layer(found, name)["labels"] == there["labels"]
    assert alone["sites.geojson"]["values"] == list(SiteStatus)


def test_the_clock_runs_from_the_first_month_to_the_last_and_is_off(desk: tuple[Path, dict[str, Any]]) -> None:
    _, found = desk
    assert (found["begin"], found["end"]) == ("2024-01-01T00:00:00Z", "2024-03-31T00:00:00Z")
    assert found["step"] == [1.0, 6]  # one month
    assert found["navigation"] == 0
    assert "SIMULATED" in found["warning"]


def test_coverage_draws_the_latest_month_or_the_one_that_the_clock_shows(desk: tuple[Path, dict[str, Any]]) -> None:
    _, found = desk
    ink = {name: each["ink"] for name, each in found["maps"].items()}
    assert ink["latest"] == ink["last month"] == 0, "all was seen in March"
    assert 0.01 < ink["first month"] < 0.2, "nothing in January: thin lines, which bury nothing"
    assert min(ink["aoi"], ink["township"], ink["site"]) > 0.005


def test_areas_are_told_in_hectares_and_pictures_are_found_where_the_folder_lies(
    desk: tuple[Path, dict[str, Any]],
) -> None:
    folder, found = desk
    first, second = layer(found, "sites")["tips"][:2]
    assert "1.23 ha" in first
    assert "HLL-0001" in first
    assert "SIMULATED" in first
    quoted = str(folder).replace("%", "%25").replace("#", "%23").replace(" ", "%20")
    assert f'src="file://{quoted}/pictures/HLL-0001.jpg"' in first
    assert "No pictures yet" in second
    assert "<img" not in second
    values = layer(found, "sites")["values"]
    assert [each["picture"] for each in values] == [f"{folder}/pictures/HLL-0001.jpg", *[None] * 4]
    assert values[0]["pond_ha"] == 1.23
    assert "added by a person" in layer(found, "sites")["tips"][3]


def test_the_review_form_has_drop_downs_and_the_facts_of_the_site(desk: tuple[Path, dict[str, Any]]) -> None:
    _, found = desk
    form = layer(found, "reviews")["widgets"]
    assert (form["verdict"]["type"], form["verdict"]["values"][1:]) == ("ValueMap", list(Verdict))
    assert (form["reason"]["type"], form["reason"]["values"][1:]) == ("ValueMap", list(Reason))
    assert form["reason"]["labels"][1] == "Fish pond"
    assert form["note"]["multiline"]
    assert (form["added"]["type"], form["fid"]["type"]) == ("Hidden", "Hidden")
    assert form["picture"]["type"] == "ExternalResource"
    assert form["reviewed_at"]["name"] == "Judged at (UTC)"
    assert {name for name, widget in form.items() if not widget["read_only"]} == {
        "verdict", "reason", "note", "reviewer", "reviewed_at", "from", "to",
    }  # fmt: skip
    facts = layer(found, "reviews")["values"][1]["facts"]
    assert "confirmed, confidence 0.91" in facts
    assert "1.23 ha" in facts
    assert "no pictures yet" in facts
    writable = {name for name in ROWS if not layer(found, name)["read_only"]}
    assert writable == {"reviews", "pond_points"}, "what a run writes is not for editing"


def test_what_a_reviewer_wrote_is_no_html(desk: tuple[Path, dict[str, Any]]) -> None:
    _, found = desk
    tip = layer(found, "reviews")["tips"][0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in tip
    assert "&lt;b&gt;Nang&lt;/b&gt;" in tip
    assert "<script" not in tip


@pytest.mark.parametrize("zone", ["Asia/Yangon", "America/New_York"])
def test_a_changed_verdict_is_signed_and_dated_and_a_note_is_not(tmp_path: Path, zone: str) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    found = asked(PROBE, str(write_desk(tmp_path / "out")), str(tmp_path), "edit", TZ=zone)["edit"]

    def is_now(text: str) -> bool:
        return before <= datetime.fromisoformat(text).replace(tzinfo=UTC) <= datetime.now(UTC) + timedelta(seconds=2)

    rejected, noted, confirmed = found["rejected"], found["note"], found["confirmed"]
    assert (rejected["reviewer"], rejected["reason"]) == ("<b>Nang</b>", "paddy")
    assert noted["note"] == "seen again"
    assert (noted["reviewer"], noted["reviewed_at"]) == ("<b>Nang</b>", "2025-01-02T03:04:05"), (
        "the verdict is the same"
    )
    assert (confirmed["reviewer"], confirmed["reason"]) == ("Sai", None)
    assert is_now(confirmed["reviewed_at"])
    assert found["signed by hand"]["reviewer"] == "somebody else"
    drawn = found["drawn"]
    assert (drawn["site_id"], drawn["added"], drawn["verdict"], drawn["reviewer"]) == (None, True, "confirmed", "Sai")
    assert is_now(drawn["reviewed_at"])
    assert [point["site_id"] for point in found["points"]] == ["HLL-0001", None]
    assert all(is_now(point["set_at"]) for point in found["points"])
    assert {point["reviewer"] for point in found["points"]} == {"Sai"}


def test_reviews_alone_open_with_the_form(tmp_path: Path) -> None:
    write_desk(tmp_path / "out")
    found = probe(*(f"{tmp_path}/out/reviews.gpkg|layername={name}" for name in ("reviews", "pond_points")))
    assert found["reviews.gpkg|layername=reviews"]["values"] == [*Verdict, ""]
    assert found["reviews.gpkg|layername=reviews"]["widgets"]["verdict"] == "ValueMap"
    assert found["reviews.gpkg|layername=pond_points"]["renderer"] == "singleSymbol"


@contextmanager
def counted() -> Iterator[tuple[str, list[str]]]:
    """A server in place of OpenStreetMap, and the paths that were asked for."""
    asked_for: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_for.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked_for
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_nothing_is_fetched_before_a_person_ticks_the_map_of_the_internet(tmp_path: Path) -> None:
    path = write_desk(tmp_path / "out")
    with counted() as (address, asked_for):
        with zipfile.ZipFile(path) as archive:
            text = archive.read("hills.qgs").decode()
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("hills.qgs", text.replace("https://tile.openstreetmap.org", address))
        asked(PROBE, str(path), str(tmp_path), "edit")
        assert asked_for == []
        asked(PROBE, str(path), str(tmp_path), "internet")
        assert asked_for


def test_many_sites_still_open_and_draw(tmp_path: Path) -> None:
    many = sites(45)
    assert place(44).bounds[3] < 20.4
    found = asked(PROBE, str(write_desk(tmp_path / "out", many)), str(tmp_path))
    assert layer(found, "sites")["rows"] == layer(found, "reviews")["rows"] == 45


def test_the_desktop_opens_the_project_and_the_form(tmp_path: Path) -> None:
    need_qgis()
    if not shutil.which("xvfb-run") or not shutil.which("qgis"):
        pytest.skip("no QGIS desktop, or no xvfb-run, on this machine")
    path = write_desk(tmp_path / "out")
    command = ["xvfb-run", "-a", "-s", "-screen 0 1200x800x24", "qgis", "--nologo", "--noplugins", "--noversioncheck"]
    command += ["--profiles-path", str(tmp_path / "profile"), "--code", str(DESKTOP), "--project", str(path)]
    environment = {**os.environ, "LEACHWATCH_DESKTOP": str(tmp_path)}
    subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["title"].startswith(TITLE)
    assert told["invalid"] == []
    assert told["ink"] > 5
    assert told["active"] == "leachwatch_reviews"
    assert told["tree"][:2] == ["Reviews (edit here)", "Middles of ponds"]
    assert "Reviews as stored" not in told["tree"]
    assert {len(texts) for texts in told["drop-downs"]} == {len(Verdict) + 1, len(Reason) + 1}
    assert {"Verdict", "Note", "Reviewer", "Judged at (UTC)"} <= set(told["labels"])
    assert "Added by a person" not in told["labels"]
