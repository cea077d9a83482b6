"""Scans, month by month, of a small simulated archive read as a user's own folder."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import rasterio
from endurance import serial
from scenes import AREA, SIMULATION, run_of

from pipeline.alerts.message import Bar
from pipeline.alerts.outbox import Letter, Outbox
from pipeline.cli import main
from pipeline.config import Settings
from pipeline.errors import CredentialsRefused, InputError, SceneError
from pipeline.run.context import Run
from pipeline.run.detect import detect
from pipeline.scan import scan as scanning
from pipeline.scan.log import Outcome, read_log
from pipeline.scan.scan import Asked, Bounds, Scanned, focus_of, scan
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, Scene

ROOT = Path(__file__).parent.parent


def context_of(place: Path, scenes: Path, today: str = "2025-05-06", settings: Settings | None = None) -> Run:
    source = FolderSource(scenes, name="simulated", simulation=SIMULATION)
    run = run_of(AREA, source, settings or serial(), Period(None, None), place)
    return replace(run, today=date.fromisoformat(today))


def scanned(
    place: Path, scenes: Path, today: str = "2025-05-06", asked: Asked | None = None, bounds: Bounds | None = None
) -> Scanned:
    return scan(context_of(place, scenes, today), asked or Asked(), bounds or Bounds(), Bar())


def outbox_of(place: Path) -> Outbox:
    return Outbox(place / "archive" / "outbox" / f"{AREA.name}-simulated-{SIMULATION}")


def letters(place: Path) -> list[Letter]:
    return outbox_of(place).letters()


def rows(place: Path) -> list[dict[str, object]]:
    return [feature["properties"] for feature in json.loads((place / "sites.geojson").read_text())["features"]]


@pytest.fixture(scope="module")
def monthly(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scanned on the sixth of every month."""
    place = tmp_path_factory.mktemp("monthly")
    for today in ("2025-03-06", "2025-04-06", "2025-05-06"):
        assert scanned(place, scenes, today).exit_code == 0
    return place


def test_months_are_scanned_once_each_and_told_once(monthly: Path, scenes: Path) -> None:
    log = read_log(next((monthly / "archive" / "scans").glob("*.jsonl")))
    assert [(each.first, each.last, each.outcome) for each in log.records] == [
        ("2024-10", "2025-02", Outcome.DONE),
        ("2025-03", "2025-03", Outcome.DONE),
        ("2025-04", "2025-04", Outcome.DONE),
    ]
    assert [letter.id.partition("-published")[0] for letter in letters(monthly)] == [
        "2024-10 to 2025-02", "2025-03", "2025-04",
    ]  # fmt: skip
    told = " ".join(letter.text for letter in letters(monthly))
    assert rows(monthly)
    for row in rows(monthly):
        assert told.count(f"  {row['site_id']}  confidence") == 1
    again = scanned(monthly, scenes)
    assert again == Scanned((), 0, ())
    assert again.exit_code == 0


def test_it_ends_where_one_run_over_all_months_does(monthly: Path, scenes: Path, tmp_path: Path) -> None:
    detect(context_of(tmp_path, scenes))
    changed = ("earlier_dates", "run_id")
    one, other = ([{**row, **dict.fromkeys(changed)} for row in rows(place)] for place in (monthly, tmp_path))
    assert one == other


def test_a_scan_late_by_months_scans_them_in_order_and_says_the_same(
    monthly: Path, scenes: Path, tmp_path: Path
) -> None:
    scanned(tmp_path, scenes, "2025-03-06")
    done = scanned(tmp_path, scenes, "2025-05-06")
    assert [record.last for record in done.records] == ["2025-03", "2025-04"]
    assert (tmp_path / "sites.geojson").read_bytes() == (monthly / "sites.geojson").read_bytes()
    where = (str(tmp_path), str(monthly))
    assert [letter.text.replace(where[0], where[1]) for letter in letters(tmp_path)] == [
        letter.text for letter in letters(monthly)
    ]


def test_catching_up_is_bounded_and_goes_on(scenes: Path, tmp_path: Path) -> None:
    scanned(tmp_path, scenes, "2025-01-06")
    first = scanned(tmp_path, scenes, bounds=Bounds(months=2))
    assert [record.last for record in first.records] == ["2025-01", "2025-02"]
    assert (first.left, first.exit_code) == (2, 4)
    assert first.error is not None
    assert "2 more months are due" in first.error
    second = scanned(tmp_path, scenes, bounds=Bounds(months=2))
    assert [record.last for record in second.records] == ["2025-03", "2025-04"]
    assert (second.left, second.exit_code) == (0, 0)


def test_a_first_scan_of_many_hours_publishes_what_there_is_and_goes_on(
    monthly: Path, scenes: Path, tmp_path: Path
) -> None:
    first = scanned(tmp_path, scenes, bounds=Bounds(looks=3))
    (record,) = first.records
    assert (record.outcome, record.made, first.exit_code) == (Outcome.UNFINISHED, 3, 4)
    assert record.left > 0
    assert (tmp_path / "sites.geojson").is_file()
    (letter,) = letters(tmp_path)
    assert f"{record.left} are left" in letter.text
    second = scanned(tmp_path, scenes)
    assert second.exit_code == 0
    assert [letter.kind.value for letter in letters(tmp_path)] == ["progress", "news"]
    assert {row["ponds_by"] for row in rows(tmp_path)} == {row["ponds_by"] for row in rows(monthly)}


def test_a_month_is_published_whole_or_not_at_all(scenes: Path, tmp_path: Path) -> None:
    scanned(tmp_path, scenes, "2025-04-06")
    before = (tmp_path / "manifest.json").read_bytes()
    cut = scanned(tmp_path, scenes, bounds=Bounds(looks=0))
    assert (cut.records[0].outcome, cut.exit_code) == (Outcome.UNFINISHED, 4)
    assert (tmp_path / "manifest.json").read_bytes() == before
    assert scanned(tmp_path, scenes).exit_code == 0
    assert (tmp_path / "manifest.json").read_bytes() != before


def test_looks_that_fail_hold_a_month_back_until_patience_is_over(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, place, usual = scenes, tmp_path / "place", FolderSource.read

    def failing(self: FolderSource, granules: Sequence[Scene], *where: object) -> object:
        if granules[0].time_utc.month == 4:
            raise SceneError("it cannot be read today")
        return usual(self, granules, *where)

    monkeypatch.setattr(FolderSource, "read", failing)
    scanned(place, scenes, "2025-04-06")
    first = scanned(place, copy)
    assert (first.records[0].outcome, first.exit_code) == (Outcome.UNFINISHED, 6)
    assert first.records[0].failed > 0
    assert [letter.kind.value for letter in first.letters] == ["failed"]
    again = scanned(place, copy)
    assert (again.records[0].outcome, again.letters) == (Outcome.UNFINISHED, ())

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=8)

    monkeypatch.setattr(scanning, "datetime", Later)
    last = scanned(place, copy)
    assert (last.records[0].outcome, last.exit_code) == (Outcome.INCOMPLETE, 6)
    assert "failed and could not be used" in last.letters[0].text
    assert scanned(place, copy).records == ()


def test_a_month_without_a_clear_pixel_is_blind_and_changes_no_site(scenes: Path, tmp_path: Path) -> None:
    copy, place = shutil.copytree(scenes, tmp_path / "scenes"), tmp_path / "place"
    for path in copy.rglob("202504*.tif"):
        with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
            scl = file.descriptions.index("SCL") + 1
            file.write((file.read(scl) * 0 + 9).astype(file.dtypes[0]), scl)
    scanned(place, scenes, "2025-04-06")
    before = rows(place)
    done = scanned(place, copy)
    assert (done.records[0].outcome, done.exit_code) == (Outcome.BLIND, 3)
    (letter,) = done.letters
    assert "BLIND" in letter.title
    assert "no clear pixel" in letter.text
    assert [{**row, "run_id": ""} for row in rows(place)] == [{**row, "run_id": ""} for row in before]
    assert scanned(place, copy).records == ()


def test_a_month_of_damaged_scenes_stays_due_and_says_so(scenes: Path, tmp_path: Path) -> None:
    copy, place = shutil.copytree(scenes, tmp_path / "scenes"), tmp_path / "place"
    for path in copy.rglob("202504*.tif"):
        content = bytearray(path.read_bytes())
        content[len(content) // 3 : -2000] = bytes(len(content) - 2000 - len(content) // 3)
        path.write_bytes(content)
    scanned(place, copy, "2025-04-06")
    done = scanned(place, copy)
    assert (done.records[0].outcome, done.exit_code) == (Outcome.UNFINISHED, 6)
    assert "do not fit their checksums; get the file again" in done.letters[0].text


def test_the_last_month_without_any_scene_stays_due(scenes: Path, tmp_path: Path) -> None:
    """A share that is not mounted, or a catalogue that is behind."""
    copy, place = shutil.copytree(scenes, tmp_path / "scenes"), tmp_path / "place"
    for path in copy.rglob("202504*.tif"):
        path.rename(tmp_path / path.name)
    scanned(place, copy, "2025-04-06")
    away = scanned(place, copy)
    assert (away.records[0].outcome, away.exit_code) == (Outcome.UNFINISHED, 3)
    assert "no scene of 2025-04" in away.letters[0].text
    shutil.rmtree(copy)
    shutil.copytree(scenes, copy)
    assert scanned(place, copy).records[0].outcome is Outcome.DONE


def test_one_month_is_scanned_when_it_is_asked_for_and_never_before_it_is_complete(
    monthly: Path, scenes: Path, tmp_path: Path
) -> None:
    done = scanned(tmp_path, scenes, asked=Asked(month="2025-03"))
    assert [record.last for record in done.records] == ["2025-03"]
    with pytest.raises(InputError, match="2025-05: not complete yet; the last month that is complete is 2025-04"):
        scanned(tmp_path, scenes, asked=Asked(month="2025-05"))
    place = shutil.copytree(monthly, tmp_path / "again")
    again = scanned(place, scenes, asked=Asked(month="2025-03"))
    assert (again.records[0].made, again.letters) == (0, ())


def test_a_provider_that_refuses_is_told_once_a_week_and_the_month_stays_due(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned(tmp_path, scenes, "2025-04-06")

    def refuse(*_: object) -> None:
        raise CredentialsRefused("the provider refused the credentials")

    usual = scanning.detect
    monkeypatch.setattr(scanning, "detect", refuse)
    first, second = scanned(tmp_path, scenes), scanned(tmp_path, scenes, "2025-05-07")
    assert (first.exit_code, first.records[0].outcome) == (5, Outcome.FAILED)
    assert [letter.kind.value for letter in (*first.letters, *second.letters)] == ["failed"]
    assert "renew them" in first.letters[0].text
    monkeypatch.setattr(scanning, "detect", usual)
    assert [record.last for record in scanned(tmp_path, scenes).records] == ["2025-04"]


def test_an_outline_that_changed_is_scanned_anew(monthly: Path, scenes: Path, tmp_path: Path) -> None:
    place = shutil.copytree(monthly, tmp_path / "place")
    smaller = replace(AREA, polygon=AREA.polygon.buffer(-0.001))
    context = replace(context_of(place, scenes), aoi=smaller)
    done = scan(context, Asked(), Bounds(), Bar())
    assert [(record.first, record.last, record.made) for record in done.records] == [("2024-10", "2025-04", 0)]


def test_a_damaged_line_of_the_log_costs_a_scan_that_changes_nothing(
    monthly: Path, scenes: Path, tmp_path: Path
) -> None:
    place = shutil.copytree(monthly, tmp_path / "place")
    log = next((place / "archive" / "scans").glob("*.jsonl"))
    content = log.read_bytes().split(b"\n")
    content[-2] = content[-2].replace(b"done", b"dune")
    log.write_bytes(b"\n".join(content))
    before = (place / "sites.geojson").read_bytes()
    done = scanned(place, scenes)
    assert [(record.last, record.made) for record in done.records] == [("2025-04", 0)]
    assert done.letters == ()
    assert (place / "sites.geojson").read_bytes() == before


def test_small_areas_inside_are_looked_at_first(tmp_path: Path, scenes: Path) -> None:
    from pipeline.aoi import read_aoi

    shan = replace(context_of(tmp_path, scenes), aoi=read_aoi("shan"))
    assert len(focus_of(shan)) >= 2
    assert all(ground.intersects(shan.aoi.polygon) for ground in focus_of(shan))
    assert focus_of(context_of(tmp_path, scenes)) == ()
    settings = serial()
    named = settings.model_copy(update={"scan": settings.scan.model_copy(update={"focus": ("pangwa",)})})
    assert len(focus_of(context_of(tmp_path, scenes, settings=named))) == 1


def run_both(make: Callable[[], list[str]]) -> list[subprocess.CompletedProcess[str]]:
    started = [
        subprocess.Popen(make(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)
    ]
    return [subprocess.CompletedProcess("", each.wait(timeout=200), *each.communicate()) for each in started]


def test_two_scans_at_once_are_one_that_works_and_one_that_says_so(tmp_path: Path, scenes: Path) -> None:
    place, area = tmp_path / "place", tmp_path / "area.geojson"
    area.write_text(json.dumps(AREA.polygon.__geo_interface__))
    command = [
        sys.executable, "-m", "pipeline", "scan", "--aoi", str(area), "--source", "folder", "--scenes", str(scenes),
        "--out", str(place), "--workers", "1", "--archive", str(tmp_path / "archive"),
    ]  # fmt: skip
    begun = time.monotonic()
    codes = {}
    for done in run_both(lambda: command):
        codes[done.returncode] = done.stderr
    assert set(codes) <= {0, 2, 3}, codes
    assert len(codes) == 2 or time.monotonic() - begun < 200
    assert 2 in codes, codes
    assert "another run is writing here (process" in codes[2]
    log = read_log(next((tmp_path / "archive" / "scans").glob("*.jsonl")))
    assert len({record.last for record in log.records}) == len(log.records)


@pytest.mark.parametrize(("aoi", "listed"), [("mong-bawk", True), ("shan", False)])
def test_a_budget_of_false_alarms_sets_the_bar_of_a_scan(aoi: str, listed: bool, tmp_path: Path, scenes: Path) -> None:
    from pipeline.aoi import read_aoi
    from pipeline.cli.scan import _bar

    settings = serial()
    budgeted = settings.model_copy(update={"alerts": settings.alerts.model_copy(update={"budget": 0.1})})
    context = replace(context_of(tmp_path, scenes, settings=budgeted), aoi=read_aoi(aoi))
    bar = _bar(context)
    assert (bar.confidence is not None) is listed
    assert bar.reason
    assert _bar(replace(context, settings=settings)) == Bar()


def test_a_clock_that_was_ahead_settles_no_month_for_ever(monthly: Path, scenes: Path, tmp_path: Path) -> None:
    ahead = scanned(tmp_path, scenes, "2027-01-06")
    assert ahead.records[-1].last == "2026-12"
    right = scanned(tmp_path, scenes, "2025-05-06")
    assert [(record.first, record.last, record.outcome) for record in right.records] == [
        ("2024-10", "2025-04", Outcome.DONE)
    ]
    assert scanned(tmp_path, scenes, "2025-05-07").records == ()
    names = [{row["site_id"] for row in rows(place)} for place in (tmp_path, monthly)]
    assert names[0] == names[1]


def test_several_areas_have_commas_or_blanks_between_them(tmp_path: Path) -> None:
    from pipeline.cli.arguments import aoi_names

    file = tmp_path / "my area, north.geojson"
    file.write_text("{}")
    assert aoi_names("shan, kachin wa") == ["shan", "kachin", "wa"]
    assert aoi_names(str(file)) == [str(file)]


def test_a_scan_that_cannot_begin_is_told_once_in_a_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an id that holds month, code and week, and not the day."""
    from pipeline.alerts.send import Target
    from pipeline.cli import scan as command

    def refuse(*_: object) -> None:
        raise CredentialsRefused("refused")

    heard: list[str] = []
    ear = Target("d", "test", lambda title, text, loud: heard.append(text))
    monkeypatch.setattr("pipeline.alerts.send.targets", lambda: (ear,))
    monkeypatch.setattr(command, "open_run", refuse)
    for _ in range(2):
        assert main(["scan", "--aoi", "mong-bawk", "--archive", str(tmp_path)]) == 5
    (text,) = heard
    year, week, _ = (now := datetime.now(UTC)).isocalendar()
    assert text.endswith(f"[{now:%Y-%m}-failed-5-{year}w{week:02d}]")


def test_an_area_that_is_not_known_is_told_before_any_is_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.cli import scan as command

    monkeypatch.setattr(command, "_scan", lambda *_: pytest.fail("scanned"))
    assert main(["scan", "--aoi", "mong-bawk,nowhere", "--archive", str(tmp_path)]) == 2
    assert "unknown AOI 'nowhere'" in capsys.readouterr().err
