"""Evidence that a run keeps, and verdicts that outlive runs: on a small simulated world."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from scenes import AREA, SIMULATION
from shapely.affinity import translate
from shapely.geometry import box
from test_archive_of_looks import run, source, told
from test_detect import settings_with

from pipeline.archive import Archive
from pipeline.cli import main
from pipeline.cuts.cut import read_cut
from pipeline.errors import InputError
from pipeline.export.publication import REVIEWS
from pipeline.progress import Progress
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.merge import merge
from pipeline.reviews.review import Reason, Verdict
from pipeline.run.edition import read_published
from pipeline.run.refresh import refresh, stored_darkroom
from pipeline.sites.names import PublishedStatus
from pipeline.sites.registry import read_registry, write_registry
from pipeline.sources.interface import Period

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def first(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place after its first run."""
    place = tmp_path_factory.mktemp("people")
    assert run(place, source(scenes)).sites
    return place


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first, tmp_path / "place")
    return tmp_path / "place"


def out(place: Path) -> Path:
    return place / "out" / "test"


def reviews(place: Path) -> ReviewsFile:
    return ReviewsFile(out(place) / REVIEWS)


def archive(place: Path) -> Archive:
    return Archive(place / "archive", SIMULATION)


def cuts(place: Path) -> dict[str, bytes]:
    folder = archive(place).cuts
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("*/*.tif"))}


def rows(place: Path) -> dict[str, dict[str, object]]:
    """Properties of the sites in `sites.geojson` by id."""
    features = json.loads((out(place) / "sites.geojson").read_text())["features"]
    return {row["properties"]["site_id"]: row["properties"] for row in features}


def the_site(place: Path) -> str:
    return next(iter(rows(place)))


# Evidence is kept, once


def test_a_run_keeps_cuts_of_its_sites_and_the_next_one_makes_none(place: Path, scenes: Path) -> None:
    before = cuts(place)
    site = next(iter(rows(place).values()))
    days = {Path(name).stem[:8] for name in before}
    for day in ("ponds_after", "ponds_by", "last_clear"):
        assert str(site[day]).replace("-", "") in days, day
    stamps = {path: path.stat().st_mtime_ns for path in archive(place).cuts.glob("*/*.tif")}
    run(place, source(scenes))
    assert cuts(place) == before
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_cut_shows_what_its_scene_shows(place: Path, scenes: Path) -> None:
    path = next(archive(place).cuts.glob("*/*.tif"))
    cut, folder = read_cut(path), source(scenes)
    found = folder.search(AREA, Period(cut.day, cut.day)).scenes
    raster = folder.read(
        [scene for scene in found if scene.id in {a.id for a in cut.acquisitions}], cut.grid, cut.window
    )
    assert raster.valid.sum() > 1000
    assert abs(raster.reflectance - cut.reflectance)[:, raster.valid].max() < 0.0001
    assert cut.simulation == SIMULATION


def test_a_lost_cut_is_made_again_and_a_damaged_one_is_told(place: Path, scenes: Path) -> None:
    before = cuts(place)
    site = next(iter(rows(place).values()))
    (lost,) = [name for name in before if Path(name).stem.startswith(str(site["last_clear"]).replace("-", ""))][:1]
    for name in before:  # places near each other share cuts
        if Path(name).stem == Path(lost).stem:
            (archive(place).cuts / name).unlink()
    run(place, source(scenes))
    assert cuts(place)[lost] == before[lost]
    for path in archive(place).cuts.glob("*/*.tif"):
        path.write_bytes(path.read_bytes()[:-500])
    found = read_published(AREA, out(place), place / "archive")
    statement = found.edition.statements[0]
    album = stored_darkroom(found).album(statement.site, statement.looks)
    assert album.frames == ()
    assert album.missing is not None
    assert "damaged cut" in album.missing
    run(place, source(scenes))  # those that turned out to be damaged were set aside
    album = stored_darkroom(found).album(statement.site, statement.looks)
    assert (len(album.frames), album.missing) == (3, None)


def test_a_scene_that_cannot_be_read_is_told_and_the_run_publishes_all_the_same(
    tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.cuts import maker
    from pipeline.errors import SceneError

    def unread(*_: object) -> object:
        raise SceneError("x.tif: a block is damaged")

    monkeypatch.setattr(maker, "cut_of", unread)
    summary = run(tmp_path, source(scenes))
    assert summary.sites
    assert summary.exit_code == 0
    assert {failure.reason for failure in summary.cuts.failures} == {"x.tif: a block is damaged"}
    manifest = json.loads((out(tmp_path) / "manifest.json").read_text())
    assert len(manifest["failed_cuts"]) == len(summary.cuts.failures) > 0
    assert "no cut" in summary.text()


def test_a_server_is_not_asked_for_earlier_looks_unless_that_is_wanted(
    place: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.sources.folder import FolderSource

    shutil.rmtree(archive(place).cuts)
    monkeypatch.setattr(FolderSource, "remote", property(lambda self: True))
    month = Period(date(2025, 3, 1), date(2025, 3, 31))
    summary = run(place, source(scenes), month)
    assert summary.cuts.absent > 0
    assert {Path(name).stem[:6] for name in cuts(place)} <= {"202503"}
    assert "leachwatch cuts fetches them" in summary.text()
    summary = run(place, source(scenes), month, all_cuts=True)
    assert summary.cuts.absent == 0
    assert len({Path(name).stem[:6] for name in cuts(place)}) > 3


def test_cuts_of_a_site_do_not_pile_up_over_the_years(place: Path, scenes: Path) -> None:
    few = settings_with(engine={"workers": 1}, cuts={"between": 1})
    run(place, source(scenes), settings=few)
    by_place: dict[str, int] = {}
    for name in cuts(place):
        by_place[Path(name).parent.name] = by_place.get(Path(name).parent.name, 0) + 1
    assert max(by_place.values()) <= 6  # before, first and latest, onset of ground, and one between


# Verdicts outlive runs, and appear everywhere


def test_every_published_site_has_a_row_to_judge(place: Path) -> None:
    assert [row.site_id for row in reviews(place).rows()] == list(rows(place))
    assert all(row.verdict is None for row in reviews(place).rows())


def test_a_verdict_survives_runs_and_models_and_is_in_every_export(place: Path, scenes: Path) -> None:
    name = the_site(place)
    reviews(place).judge(name, Verdict.REJECTED, Reason.FISH_POND, "dykes", "Nang", AT)
    for settings in (
        settings_with(engine={"workers": 1}),
        settings_with(engine={"workers": 1}, segment={"precision": "fp32"}),
    ):
        run(place, source(scenes), settings=settings)
        row = rows(place)[name]
        assert (row["status"], row["verdict"], row["verdict_reason"], row["reviewed_on"]) == (
            "rejected", "rejected", "fish pond", "2026-11-29",
        )  # fmt: skip
    with closing(sqlite3.connect(out(place) / "sites.gpkg")) as database:
        known = database.execute("SELECT site_id, status, verdict, verdict_reason FROM sites").fetchall()
    assert known == [(name, "rejected", "rejected", "fish pond")]
    (mine,) = [row for row in reviews(place).rows() if row.site_id == name]
    assert (mine.note, mine.reviewer) == ("dykes", "Nang")
    for written in ("csv", "kml", "stac"):
        assert main(["export", "--aoi", str(aoi_file(place)), "--out", str(out(place)), "--archive",
                     str(place / "archive"), "--format", written]) == 0  # fmt: skip
    exports = (
        (out(place) / "csv" / "sites.csv").read_text("utf-8-sig"),
        next((out(place) / "kml").glob("*.kml")).read_text(),
    )
    assert all("fish pond" in text and "Nang" not in text for text in exports)
    report = (out(place) / "report.html").read_text()
    assert "fish pond" in report
    assert "Nang" not in report


def aoi_file(place: Path) -> Path:
    """The AOI of the tests as a file, under its name."""
    from shapely.geometry import mapping

    path = place / "test.geojson"
    properties = {"name": AREA.name, "title": AREA.title, "prefix": AREA.prefix}
    feature = {"type": "Feature", "properties": properties, "geometry": mapping(AREA.polygon)}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_products_can_be_written_again_with_new_verdicts_and_are_else_the_same(place: Path) -> None:
    before = {path.name: path.read_bytes() for path in out(place).iterdir() if path.is_file() and path.name != REVIEWS}
    refresh(AREA, out(place), place / "archive", QUIET)
    after = {path.name: path.read_bytes() for path in out(place).iterdir() if path.is_file() and path.name != REVIEWS}
    assert json.loads(before["manifest.json"]) == json.loads(after["manifest.json"])
    assert {name for name in before if before[name] != after[name]} == set()
    reviews(place).judge(the_site(place), Verdict.CONFIRMED, None, None, "Nang", AT)
    refresh(AREA, out(place), place / "archive", QUIET)
    assert rows(place)[the_site(place)]["verdict"] == "confirmed"


def test_a_site_that_a_person_drew_gets_a_name_for_life_and_is_in_every_export(place: Path, scenes: Path) -> None:
    found = read_published(AREA, out(place), place / "archive").edition.statements[0]
    drawn = translate(box(*found.site.polygon.bounds), 0.004, 0.002)
    reviews(place).add_site(drawn, "Nang", "seen from the road", AT)
    refresh(AREA, out(place), place / "archive", QUIET)
    (name,) = set(rows(place)) - {found.site.site_id}
    row = rows(place)[name]
    assert (row["added"], row["confidence"], row["verdict"], row["status"]) == (True, None, "confirmed", "confirmed")
    assert reviews(place).rows()[-1].site_id == name
    run(place, source(scenes))
    assert rows(place)[name]["added"] is True
    assert read_registry(archive(place).registry).entry(name).territory.intersects(drawn)
    assert len(reviews(place).rows()) == 2
    now = read_published(AREA, out(place), place / "archive")
    statement = next(each for each in now.edition.statements if each.site.site_id == name)
    assert len(stored_darkroom(now).album(statement.site, (), everything=True).frames) == 2  # its cuts are kept, too
    reviews(place).judge(name, Verdict.REJECTED, Reason.OTHER, None, "Sai", AT)
    run(place, source(scenes))
    assert name not in rows(place)


def withdrawn(place: Path) -> str:
    """Take back what stands of the only site, as a run does whose looks speak against it; its id."""
    path = archive(place).registry
    registry = read_registry(path)
    (entry,) = registry.entries
    state = replace(entry.published[-1], status=PublishedStatus.WITHDRAWN)
    gone = replace(entry, statement=None).with_state(state)
    write_registry(path, replace(registry, entries=(gone,)))
    return entry.site_id


def test_a_site_that_is_confirmed_stays_when_the_looks_no_longer_show_it(place: Path) -> None:
    dates = next(iter(rows(place).values()))["ponds_by"]
    name = withdrawn(place)
    reviews(place).judge(name, Verdict.CONFIRMED, None, None, "Nang", AT)
    found = refresh(AREA, out(place), place / "archive", QUIET)
    row = rows(place)[name]
    assert (row["verdict"], row["confidence"], row["ponds_by"]) == ("confirmed", None, dates)
    assert found.notes == (f"{name}: the looks no longer support it; it stays, because a reviewer confirmed it",)


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.UNSURE])
def test_a_site_that_vanishes_after_its_verdict_is_told_and_the_verdict_stays(place: Path, verdict: Verdict) -> None:
    name = withdrawn(place)
    reviews(place).judge(name, verdict, Reason.RIVER, None, "Nang", AT)
    found = refresh(AREA, out(place), place / "archive", QUIET)
    assert rows(place) == {}
    assert found.notes == (f"verdicts on {name} (withdrawn): no longer published; the verdicts stay in reviews.gpkg",)
    assert [row.verdict for row in reviews(place).rows()] == [verdict]


def test_rows_of_another_area_are_told_and_kept(place: Path, scenes: Path) -> None:
    file = reviews(place)
    fid = file.add_site(box(10, 50, 10.01, 50.01), "Nang", None, AT)
    file.name({fid: "KCN-0004"})
    summary = run(place, source(scenes))
    assert any("1 rows of reviews.gpkg are about sites outside" in note for note in summary.notes)
    assert "KCN-0004" in [row.site_id for row in file.rows()]
    assert "KCN-0004" not in rows(place)


def test_a_damaged_file_of_reviews_stops_the_run_before_anything_is_done(place: Path, scenes: Path) -> None:
    before = told(place)
    file = reviews(place)
    file.path.write_bytes(file.path.read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"reviews\.gpkg: "):
        run(place, source(scenes))
    assert told(place) == before
    assert file.path.stat().st_size == 20_000


def test_a_run_publishes_while_another_program_holds_the_reviews(
    place: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.reviews.file.PATIENCE_S", 0.1)
    notes: list[str] = []
    monkeypatch.setattr(Progress, "note", lambda self, text: notes.append(text))
    with closing(sqlite3.connect(reviews(place).path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        assert run(place, source(scenes)).published
        database.execute("ROLLBACK")
    assert any("another program" in note for note in notes)


def test_two_files_become_one_and_disagreements_are_listed(place: Path, scenes: Path, tmp_path: Path) -> None:
    name, mine, status = the_site(place), reviews(place), next(iter(rows(place).values()))["status"]
    theirs = ReviewsFile(tmp_path / "theirs.gpkg")
    shutil.copy(mine.path, theirs.path)
    theirs.judge(name, Verdict.REJECTED, Reason.QUARRY, "terraces", "Sai", AT)
    theirs.add_site(box(97.5, 22, 97.51, 22.01), "Sai", None, AT)
    theirs.set_point(None, name, 97.0, 22.0, "Sai", AT)
    done = merge(mine, theirs)
    assert (done.verdicts, done.sites, done.points, done.disagreements) == (2, 1, 1, ())
    again = merge(mine, theirs)
    assert (again.verdicts, again.sites, again.points) == (0, 0, 0)
    mine.judge(name, Verdict.CONFIRMED, None, None, "Nang", AT)
    done = merge(mine, theirs)
    assert done.disagreements == (f"{name}: confirmed by Nang, rejected by Sai",)
    summary = run(place, source(scenes))
    assert rows(place)[name]["verdict"] == "unsure"
    assert rows(place)[name]["status"] == status
    assert any(f"reviewers disagree on {name}" in note for note in summary.notes)
    assert {row.reviewer for row in mine.rows() if row.site_id == name} == {"Nang", "Sai"}


# Bundles


def bundle(place: Path, name: str, *options: str) -> int:
    common = ["--aoi", str(aoi_file(place)), "--out", str(out(place)), "--archive", str(place / "archive")]
    return main(["evidence", name, *common, "--to", str(place / "bundle.zip"), *options])


def test_a_bundle_is_the_same_each_time_and_verifies(
    place: Path, scenes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bundle(place, the_site(place)) == 0
    content = (place / "bundle.zip").read_bytes()
    assert bundle(place, the_site(place)) == 0
    assert (place / "bundle.zip").read_bytes() == content
    assert main(["verify", str(place / "bundle.zip")]) == 0
    assert (
        main(["verify", str(place / "bundle.zip"), "--scenes", str(scenes), "--archive", str(place / "archive")]) == 0
    )
    said = capsys.readouterr().out
    assert "are unchanged" in said
    assert "cuts are what the scenes show" in said
    assert "not at hand" not in said.splitlines()[-1]


def changed_zip(path: Path, change: object) -> None:
    """The same bundle with its files changed by a function of name and content; None leaves one out."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            new = change(name, content)
            if new is not None:
                archive.writestr(name, new)


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        (lambda name, old: old.replace(b"0", b"1") if name == "site.json" else old, "site.json: was changed"),
        (lambda name, old: None if name == "strip.jpg" else old, "strip.jpg: is in the list of checksums, and not in"),
        (lambda name, old: old[:-9] + b"123456789" if name.startswith("cuts/") else old, ": was changed since"),
    ],
)
def test_a_bundle_that_was_changed_is_told(
    place: Path, change: object, told_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bundle(place, the_site(place)) == 0
    changed_zip(place / "bundle.zip", change)
    assert main(["verify", str(place / "bundle.zip")]) == 2
    assert told_of in capsys.readouterr().out


def test_a_forger_who_mends_the_checksums_is_found_by_the_scenes(
    place: Path, scenes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import hashlib
    import zipfile

    from pipeline.cuts.cut import encoded

    assert bundle(place, the_site(place)) == 0
    path = place / "bundle.zip"
    with zipfile.ZipFile(path) as held:
        files = {name: held.read(name) for name in held.namelist()}
    name = next(name for name in files if name.startswith("cuts/"))
    (place / "one.tif").write_bytes(files[name])
    cut = read_cut(place / "one.tif")
    numbers = cut.numbers.copy()
    numbers[:, 60:70, 60:70] = 1400
    files[name] = encoded(replace(cut, numbers=numbers))
    files.pop("SHA256SUMS")
    sums = "".join(f"{hashlib.sha256(files[each]).hexdigest()}  {each}\n" for each in sorted(files))
    with zipfile.ZipFile(path, "w") as held:
        for each, content in files.items():
            held.writestr(each, content)
        held.writestr("SHA256SUMS", sums)
    assert main(["verify", str(path)]) == 0  # nothing in it is at odds
    assert main(["verify", str(path), "--scenes", str(scenes), "--archive", str(place / "archive")]) == 2
    assert f"{name}: the scenes at hand show something else" in capsys.readouterr().out


def test_what_is_no_bundle_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04rubbish")
    assert main(["verify", str(tmp_path / "a.zip")]) == 2
    assert main(["verify", str(tmp_path / "none.zip")]) == 2
    assert all(len(line) < 300 for line in capsys.readouterr().err.splitlines())


def test_evidence_for_a_site_that_is_not_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bundle(place, "TST-0099") == 2
    assert "no site TST-0099 is published there" in capsys.readouterr().err


def test_scores_are_those_of_the_detector_whatever_people_added_and_rejected(place: Path) -> None:
    from pipeline.evaluation.truth import read_reported

    before = read_reported(out(place) / "sites.geojson")
    reviews(place).judge(the_site(place), Verdict.REJECTED, Reason.PADDY, None, "Nang", AT)
    reviews(place).add_site(box(99.30, 21.99, 99.302, 21.992), "Nang", None, AT)
    refresh(AREA, out(place), place / "archive", QUIET)
    assert len(rows(place)) == 2
    assert read_reported(out(place) / "sites.geojson") == before


def test_whoever_draws_a_reported_site_has_confirmed_it_and_added_none(place: Path) -> None:
    site = read_published(AREA, out(place), place / "archive").edition.statements[0].site
    reviews(place).add_site(box(*site.polygon.bounds), "Nang", None, AT)
    refresh(AREA, out(place), place / "archive", QUIET)
    row = rows(place)[site.site_id]
    assert list(rows(place)) == [site.site_id]
    assert (row["verdict"], row["added"]) == ("confirmed", False)
    assert row["confidence"] is not None
    refresh(AREA, out(place), place / "archive", QUIET)
    assert rows(place)[site.site_id]["added"] is False


def test_an_estimate_says_what_evidence_of_known_sites_may_take(place: Path, scenes: Path) -> None:
    from test_archive_of_looks import context

    from pipeline.run.estimate import CUT_BYTES, estimate

    shutil.rmtree(archive(place).looks)
    found = estimate(context(place, source(scenes))).evidence
    kept = len(cuts(place)) - 3  # its own: three others are those of places that are not reported
    assert (found.sites, found.most) == (1, 16)
    assert found.cuts == min(16 - kept, len({path.name[:8] for path in scenes.glob("*.tif")}))
    assert f"{found.cuts * CUT_BYTES / 1e6:.1f} MB" in found.text()
    empty = estimate(context(place.parent / "empty", source(scenes))).evidence
    assert (empty.sites, empty.cuts) == (0, 0)
    assert "no known site" in empty.text()
