"""One archive: absence needs evidence, names and looks belong to the ground, and outlive periods, places and versions."""

import json
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scenes import ALWAYS, AREA, SIMULATION, aoi, model_of, run_of
from shapely.geometry import box, mapping
from test_detect import SERIAL, settings_with

from pipeline.aoi import Aoi
from pipeline.archive import Archive, archive_folder
from pipeline.bands import NAMES, SCL
from pipeline.cli import main
from pipeline.errors import InputError, SceneError
from pipeline.export import publication
from pipeline.export.publication import check_folder
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.looks import recipe as recipes
from pipeline.progress import Progress
from pipeline.run.adopt import adopt, open_old
from pipeline.run.context import Remake, Run
from pipeline.run.detect import detect
from pipeline.run.summary import Summary
from pipeline.sites.registry import read_registry
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, Source

OLD = Path(__file__).parent / "data" / "old_out"
BEFORE = Period(date(2010, 1, 1), date(2010, 12, 31))
FP32 = settings_with(engine={"workers": 1}, segment={"precision": "fp32"})


def source(scenes: Path, **changes: object) -> FolderSource:
    return FolderSource(scenes, **({"name": "simulated", "simulation": SIMULATION} | changes))


def run(place: Path, source: Source, period: Period = ALWAYS, **changes: object) -> Summary:
    """A run with the archive and the products of a place."""
    return detect(context(place, source, period, **changes))


def context(place: Path, source: Source, period: Period = ALWAYS, **changes: object) -> Run:
    parts: dict[str, object] = {"archive": Archive(place / "archive", source.simulation), "settings": SERIAL}
    parts |= changes
    area, settings = parts.pop("aoi", AREA), parts.pop("settings")
    return run_of(area, source, settings, period, place / "out" / area.name, **parts)


@pytest.fixture(scope="module")
def first(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place after its first run."""
    place = tmp_path_factory.mktemp("place")
    assert run(place, source(scenes)).sites
    return place


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Path:
    """A copy of it, as somebody may carry it to another machine: with other times."""
    shutil.copytree(first, tmp_path / "place", copy_function=shutil.copyfile)
    return tmp_path / "place"


def told(place: Path, name: str = "test") -> dict[str, bytes]:
    """What a place says: its sites, and all names with what stands under them."""
    out, archive = place / "out" / name, Archive(place / "archive", SIMULATION)
    return {"sites": (out / "sites.geojson").read_bytes(), "registry": archive.registry.read_bytes()}


def layers(place: Path, name: str = "test") -> dict[str, list[object]]:
    with closing(sqlite3.connect(f"file:{place / 'out' / name / 'sites.gpkg'}?mode=ro", uri=True)) as database:
        names = ("sites", "ponds", "looks", "events")
        return {n: database.execute(f'SELECT * FROM "{n}" ORDER BY fid').fetchall() for n in names}


def manifest(place: Path, name: str = "test") -> dict[str, object]:
    return json.loads((place / "out" / name / "manifest.json").read_text())


# Absence needs evidence


def test_a_run_that_saw_nothing_changes_nothing(place: Path, scenes: Path, tmp_path: Path) -> None:
    before, rows = told(place), layers(place)
    (tmp_path / "empty").mkdir()
    for told_by, period, code in (
        (source(tmp_path / "empty"), ALWAYS, 3),  # a share that is not mounted
        (source(scenes), BEFORE, 3),  # another period
        (source(scenes), Period(date(2025, 1, 1), date(2025, 1, 31)), 0),
    ):
        assert run(place, told_by, period).exit_code == code
        assert told(place) == before
        assert layers(place) == rows


@pytest.mark.parametrize("code", [4, 5, 6])
def test_looks_that_fail_change_nothing_whatever_the_exit_code(
    place: Path, scenes: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.errors import CapReached, CredentialsRefused

    before = told(place)
    why = {4: CapReached("the limit is reached"), 5: CredentialsRefused("refused"), 6: SceneError("gone")}[code]

    def read(*_: object) -> None:
        raise why

    monkeypatch.setattr(FolderSource, "read", read)
    changed = FP32.model_copy(update={"clear": FP32.clear.model_copy(update={"margin_px": 7})})
    failed = run(place, source(scenes), settings=changed)
    assert failed.exit_code == code
    assert failed.failures
    assert not failed.asked
    assert said_alike(json.loads(told(place)["sites"]), json.loads(before["sites"]))
    assert told(place)["registry"] == before["registry"]


def said_alike(now: dict[str, object], before: dict[str, object]) -> bool:
    """Whether the same is said of the same sites, but for since when nothing is known."""
    rows = [
        [{**f, "properties": {**f["properties"], "stale_since": None}} for f in c["features"]] for c in (now, before)
    ]
    return bool(rows[0] == rows[1])


def test_a_new_model_lets_stand_what_was_said_until_it_has_looked(place: Path, scenes: Path, tmp_path: Path) -> None:
    before, rows = told(place), layers(place)
    second = SERIAL.model_copy(update={"model": "second"})
    (tmp_path / "empty").mkdir()
    waiting = run(place, source(tmp_path / "empty"), settings=second)
    assert said_alike(json.loads(told(place)["sites"]), json.loads(before["sites"]))
    assert told(place)["registry"] == before["registry"]
    assert {n: layers(place)[n] for n in ("ponds", "looks", "events")} == {
        n: rows[n] for n in ("ponds", "looks", "events")
    }
    assert [site.stale_since for site in waiting.sites] == [site.last_clear for site in waiting.sites]
    assert manifest(place)["waiting_sites"] == len(waiting.sites) == waiting.waiting > 0
    assert "as last published" in waiting.text()
    looked = run(place, source(scenes), settings=second)
    assert looked.waiting == 0
    assert sum(look.computed for look in looked.asked) == len(looked.asked) > 0
    assert {entry.site_id for entry in read_registry(looked.context.archive.registry).entries} >= {
        site.site_id for site in waiting.sites
    }


def test_the_price_of_looks_of_an_older_version_is_told_and_paid_only_when_asked(
    place: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, notes = told(place), []
    monkeypatch.setattr(Progress, "note", lambda self, text: notes.append(text))
    newer = replace(context(place, source(scenes)).recipe, version=recipes.LOOK_VERSION + 1)
    monkeypatch.setattr(Run, "recipe", newer)
    monkeypatch.setattr(FolderSource, "paid", True)
    kept = run(place, source(scenes))
    (note,) = notes
    assert "looks were made by another recipe (look version 1, model third" in note
    assert "--remake all makes them" in note
    assert kept.exit_code == 0
    assert kept.outdated == manifest(place)["outdated_looks"] > 0
    assert not any(look.computed for look in kept.looks)
    assert told(place)["registry"] == before["registry"]
    made = run(place, source(scenes), remake=Remake.ALL)
    assert sum(look.computed for look in made.asked) == kept.outdated
    assert made.waiting == 0
    assert json.loads(told(place)["sites"])["features"]


def test_a_new_calibration_makes_no_look_and_says_what_it_makes_of_those_there_are(place: Path, scenes: Path) -> None:
    before = {f["properties"]["site_id"]: f["properties"] for f in json.loads(told(place)["sites"])["features"]}
    model = model_of(SERIAL.model, "cpu", SERIAL.segment.precision)
    calibration = model.card.calibrated()
    stricter = calibration.confidence.model_copy(update={"intercept": calibration.confidence.intercept - 0.5})
    card = model.card.model_copy(update={"calibration": calibration.model_copy(update={"confidence": stricter})})
    again = run(place, source(scenes), model=replace(model, card=card))
    assert not any(look.computed for look in again.looks)
    assert again.sites
    assert all(site.confidence < before[site.site_id]["confidence"] - 0.01 for site in again.sites)
    assert again.waiting == 0


def test_clear_ground_beside_the_area_is_no_sight_of_it(tmp_path: Path) -> None:
    from scenes import GRID, PLACE, forest, write

    inner = Window(PLACE.row + 40, PLACE.col + 40, 8, 8)
    classes = np.full(PLACE.shape, 4, np.uint16)
    for day, cloud in (("20250105", 9), ("20250115", 4)):
        classes[inner.within(PLACE)] = cloud
        write(
            tmp_path / "scenes" / f"{day}.tif", np.concatenate([forest(), classes[None]]), names=(*NAMES, SCL),
            tags={"datetime": f"{day[:4]}-{day[4:6]}-{day[6:]}"},
        )  # fmt: skip
    area = Aoi("inner", "Inner", "INN", reprojected(inner.polygon_m.buffer(-1), GRID.crs, LONLAT))
    place, own = tmp_path / "place", FolderSource(tmp_path / "scenes")
    clouded = run(place, own, Period(None, date(2025, 1, 10)), aoi=area)
    assert (clouded.exit_code, clouded.asked[0].clear_share > 0) == (3, True)
    assert "no clear pixel in 1 looks" in (clouded.error or "")
    assert run(place, own, aoi=area).exit_code == 0
    assert run(place, own, Period(None, date(2025, 1, 10)), aoi=area).exit_code == 3  # whatever other months showed


# Looks and names belong to the ground


def half(share: float, name: str = "half", prefix: str = "HLF") -> Aoi:
    west, south, east, north = AREA.polygon.bounds
    return Aoi(name, name.title(), prefix, box(west, south, west + share * (east - west), north))


def test_looks_of_two_simulations_and_of_real_places_are_pruned_each_by_its_own_name(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated = Archive(place / "archive", SIMULATION).looks
    shutil.copytree(simulated, place / "archive" / "looks")
    shutil.copytree(simulated, place / "archive" / "looks-simulated-other")
    (folder,) = (path for path in simulated.iterdir() if path.is_dir())
    assert main(["looks", "prune", f"simulated-other/{folder.name}", "--yes", "--archive", str(place / "archive")]) == 0
    assert capsys.readouterr().out.count("look version 1") == 1
    assert not (place / "archive" / "looks-simulated-other" / folder.name).exists()
    assert folder.is_dir()
    assert (place / "archive" / "looks" / folder.name).is_dir()


def test_an_archive_below_the_scenes_says_nothing_of_what_these_are(place: Path, scenes: Path, tmp_path: Path) -> None:
    from pipeline.sources.folder import simulation_in

    shutil.copytree(scenes, tmp_path / "all")
    shutil.copytree(place / "archive", tmp_path / "all" / "000")
    assert simulation_in(tmp_path / "all") == SIMULATION


def test_a_second_area_makes_no_look_of_shared_ground_and_its_sites_have_the_same_names(
    place: Path, scenes: Path
) -> None:
    whole = {site.site_id: site for site in run(place, source(scenes)).sites}
    part = run(place, source(scenes), aoi=half(0.5))
    assert not any(look.computed for look in part.asked)
    assert part.asked
    assert part.sites
    assert all(site == whole[site.site_id] for site in part.sites)


def test_an_edited_polygon_keeps_all_names_and_makes_looks_of_new_ground_only(scenes: Path, tmp_path: Path) -> None:
    small, fine = (
        replace_aoi(half(0.45)),
        settings_with(engine={"workers": 1}, segment={"window_px": 128}, screen={"enabled": False}),
    )
    before = run(tmp_path, source(scenes), aoi=small, settings=fine)
    after = run(tmp_path, source(scenes), aoi=replace_aoi(AREA), settings=fine)
    names = {site.site_id for site in before.sites}
    assert names
    assert names <= {site.site_id for site in after.sites}
    made = [(look.overpass, window) for look in after.looks if look.computed for window in look.windows]
    known = [(look.overpass, window) for look in before.looks for window in look.windows]
    assert made
    assert not [one for one in made for other in known if one[0] == other[0] and one[1].intersection(other[1])]
    again = run(tmp_path, source(scenes), aoi=small, settings=fine)
    assert not any(look.computed for look in again.looks)
    assert names <= {site.site_id for site in again.sites}


def replace_aoi(area: Aoi) -> Aoi:
    """The same AOI by name, with the polygon of another one."""
    return Aoi("edited", "Edited", "EDT", area.polygon)


def test_two_areas_with_one_prefix_share_names_of_no_two_places_and_withdraw_none(scenes: Path, tmp_path: Path) -> None:
    west, south, east, north = AREA.polygon.bounds
    middle, all_of_them = (west + east) / 2, settings_with(engine={"workers": 1}, sites={"min_confidence": 0.0})
    one = Aoi("valley-north", "Valley north", "VLL", box(west, south, middle, north))
    other = Aoi("valley-south", "Valley south", "VLL", box(middle, south, east, north))
    first = run(tmp_path, source(scenes), aoi=one, settings=all_of_them)
    second = run(tmp_path, source(scenes), aoi=other, settings=all_of_them)
    again = run(tmp_path, source(scenes), aoi=one, settings=all_of_them)
    assert again.sites == first.sites
    assert first.sites
    assert {site.site_id for site in second.sites} - {site.site_id for site in first.sites}
    entries = read_registry(first.context.archive.registry).entries
    assert len({entry.site_id for entry in entries}) == len(entries)
    assert all(entry.statement is not None for entry in entries)
    assert {site.site_id for site in (*first.sites, *second.sites)} == {entry.site_id for entry in entries}


def test_what_another_run_published_meanwhile_is_not_undone(
    first: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one run over some months is at work, another looks at the others and publishes."""
    from pipeline.run import detect as detection

    place, usual = tmp_path / "place", detection.make_looks
    whole = Aoi("other", "Other", AREA.prefix, AREA.polygon)

    def slow(*parts: object) -> object:
        monkeypatch.setattr(detection, "make_looks", usual)
        run(place, source(scenes), Period(date(2025, 2, 1), None), aoi=whole)
        return usual(*parts)

    monkeypatch.setattr(detection, "make_looks", slow)
    run(place, source(scenes), Period(None, date(2025, 1, 31)))
    (now,), (whole_run,) = ([row["properties"] for row in rows_of(each)] for each in (place, first))
    assert now["clear_looks"] == whole_run["clear_looks"] > 2
    assert {**now, "earlier_dates": None} == whole_run


def test_the_archive_lies_where_the_option_or_else_the_environment_says() -> None:
    home = {"LEACHWATCH_ARCHIVE": "~/kept", "HOME": "/home/x"}
    assert archive_folder(None, {}) == Path("archive")
    assert archive_folder(None, home) == Path("~/kept").expanduser()
    assert archive_folder(Path("here"), home) == Path("here")


# A look outlives moving, copying and listing anew


def test_an_archive_and_scenes_that_were_carried_elsewhere_make_no_look_and_the_same_run(
    place: Path, first: Path, scenes: Path, tmp_path: Path
) -> None:
    shutil.copytree(scenes, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    for path in (tmp_path / "elsewhere").glob("*.tif"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    again = run(place, source(tmp_path / "elsewhere"))
    assert not any(look.computed for look in again.looks)
    assert manifest(place)["run_id"] == manifest(first)["run_id"]
    assert told(place) == told(first)


def test_fresh_runs_of_the_same_scenes_differ_in_nothing(first: Path, scenes: Path, tmp_path: Path) -> None:
    shutil.copytree(scenes, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    run(tmp_path / "deep" / "er", source(tmp_path / "elsewhere"))
    assert told(tmp_path / "deep" / "er") == told(first)
    assert manifest(tmp_path / "deep" / "er") == manifest(first)


# A folder of products


def test_a_folder_of_products_belongs_to_one_area_and_one_kind_of_input(place: Path) -> None:
    out = place / "out" / "test"
    check_folder(out, "test", True)
    with pytest.raises(InputError, match="holds products of the AOI test, not of shan; choose another --out"):
        check_folder(out, "shan", True)
    with pytest.raises(InputError, match="holds products of simulated input, and this is real; choose another --out"):
        check_folder(out, "test", False)


def test_the_command_refuses_to_mix_real_and_simulated_products(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from scenes import PLACE, write

    area = tmp_path / "valley.geojson"
    area.write_text(json.dumps(mapping(aoi(PLACE).polygon)))
    write(tmp_path / "scenes" / "20250105.tif", tags={"datetime": "2025-01-05"})
    own = ["--source", "folder", "--scenes", str(tmp_path / "scenes")]
    words = ["detect", "--aoi", str(area), "--out", str(tmp_path / "out"), "--workers", "1"]
    assert main([*words, *own]) == 0
    before = (tmp_path / "out" / "sites.geojson").read_bytes()
    capsys.readouterr()
    assert main(words) == 2  # forgotten: --source folder
    assert "holds products of real input, and this is simulated; choose another --out" in capsys.readouterr().err
    assert (tmp_path / "out" / "sites.geojson").read_bytes() == before
    assert not (tmp_path / "out" / "simulated").exists()


def test_simulated_files_in_a_folder_are_told_as_such_and_mixed_with_no_others(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from scenes import write

    from pipeline.sources.folder import simulation_in

    assert simulation_in(scenes) == SIMULATION
    own = tmp_path / "own"
    write(own / "20250105.tif", tags={"datetime": "2025-01-05"})
    assert simulation_in(own) == ""
    shutil.copy(next(scenes.glob("*.tif")), own / "zz.tif")
    found = FolderSource(own).search(AREA, ALWAYS)
    assert {refusal.id for refusal in found.refusals if "never mixed" in refusal.reason} == {"zz.tif"}


# Published as one


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def early(first: Path, scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place where the first months are published and the looks of all are there: much to publish, nothing to make."""
    place = tmp_path_factory.mktemp("early")
    run(place, source(scenes), Period(None, date(2025, 1, 31)))
    shutil.copytree(first / "archive", place / "archive", dirs_exist_ok=True, ignore=lambda _, names: {
        name for name in names if name.startswith("registry")})  # fmt: skip
    return place


FILES = 7
"""The registry and six products."""


@pytest.mark.parametrize("at", range(FILES + 1))
def test_a_run_that_is_killed_while_it_publishes_is_completed_or_rolled_back_by_the_next(
    first: Path, early: Path, scenes: Path, tmp_path: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each of its renames: the last products stand as they were, or the new ones are completed."""
    place = tmp_path / "place"
    shutil.copytree(early, place)
    before, count = products(place), 0
    move, text = publication._move, publication.atomic.write_text

    def killed(*paths: object) -> None:
        nonlocal count
        if count == at:
            raise Killed
        count += 1
        move(*paths)

    def unlisted(path: Path, content: object) -> None:
        if at == FILES and path.name.startswith("pending"):
            raise Killed
        text(path, content)

    monkeypatch.setattr(publication, "_move", killed)
    monkeypatch.setattr(publication.atomic, "write_text", unlisted)
    with pytest.raises(Killed):
        run(place, source(scenes))
    monkeypatch.undo()
    half_done = products(place)
    for name, content in half_done.items():
        assert content in (before[name], products(first)[name])  # each whole, old or new
    published = Archive(place / "archive", SIMULATION).pending.is_file()
    assert published == (at != FILES)
    again = run(place, source(scenes), BEFORE)  # looks at nothing new
    assert again.exit_code == 3
    assert rows_of(place) == rows_of(first)  # the looks are there, whoever publishes what they say
    assert not (place / "out" / "test" / ".new").exists()
    assert not Archive(place / "archive", SIMULATION).pending.exists()
    run(place, source(scenes))
    assert rows_of(place) == rows_of(first)


def rows_of(place: Path) -> list[dict[str, object]]:
    """What is said of sites, whichever run said it first."""
    features = json.loads(told(place)["sites"])["features"]
    return [{**feature, "properties": {**feature["properties"], "run_id": ""}} for feature in features]


def test_a_publication_that_the_disk_spoilt_is_undone_and_told(
    first: Path, early: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a file may be there with other bytes than were written."""
    place, notes = tmp_path / "place", []
    shutil.copytree(early, place)
    before = products(place)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publication, "_move", killed)
        with pytest.raises(Killed):
            run(place, source(scenes))
    staged = place / "out" / "test" / ".new" / "sites.gpkg"
    staged.write_bytes(staged.read_bytes()[:-100] + bytes(100))
    monkeypatch.setattr(Progress, "note", lambda self, text: notes.append(text))
    with monkeypatch.context() as patch:
        patch.setattr(publication.Stage, "publish", killed)
        with pytest.raises(Killed):
            run(place, source(scenes))
    assert "was spoilt (sites.gpkg) and was undone: run detect there again" in notes[0]
    assert products(place) == before
    run(place, source(scenes))
    assert rows_of(place) == rows_of(first)


@pytest.mark.parametrize("content", ["{", "[]", '{"out": "/tmp", "files": {"../x": "0"}, "registry": "0"}'])
def test_a_list_of_files_that_no_run_wrote_is_refused(place: Path, scenes: Path, content: str) -> None:
    Archive(place / "archive", SIMULATION).pending.write_text(content)
    with pytest.raises(InputError, match="damaged"):
        run(place, source(scenes))


def products(place: Path) -> dict[str, bytes]:
    out = place / "out" / "test"
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.is_file() and path.name[0] != "."}


def test_the_manifest_has_the_checksums_of_all_other_products(first: Path) -> None:
    import hashlib

    files = manifest(first)["files"]
    assert isinstance(files, dict)
    assert {
        name: hashlib.sha256(content).hexdigest()
        for name, content in products(first).items()
        if name not in ("manifest.json", "reviews.gpkg")  # which people change
    } == files


def test_a_full_disk_publishes_nothing(place: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.errors import UnitsFailed
    from pipeline.run import publish as publishing

    before, disk = told(place), products(place)
    changed = settings_with(engine={"workers": 1}, sites={"min_confidence": 0.2})

    def full(*_: object) -> None:
        raise UnitsFailed("coverage.geojson: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "write_coverage", full)
        with pytest.raises(UnitsFailed):
            run(place, source(scenes), settings=changed)
    assert (told(place), products(place)) == (before, disk)
    run(place, source(scenes))
    assert told(place) == before


# Folders of earlier versions


@pytest.fixture(params=["registry_2", "registry_3"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A place with products of an earlier version, which had no archive."""
    with zipfile.ZipFile(OLD / f"{request.param}.zip") as file:
        file.extractall(tmp_path / "out" / "test")
    manifest = tmp_path / "out" / "test" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"name": "area"', '"name": "test"'))
    return tmp_path


def test_an_output_folder_of_an_earlier_version_is_taken_over_with_nothing_lost(old: Path, scenes: Path) -> None:
    out, archive = old / "out" / "test", Archive(old / "archive", SIMULATION)
    before = json.loads((out / "sites.geojson").read_text())["features"]
    with pytest.raises(InputError, match="take them over: leachwatch adopt"):
        check_folder(out, "test", True)
    (one,) = open_old(out)
    taken = adopt(one, archive, Progress(quiet=True))
    assert (taken.names, taken.standing, taken.looks, taken.version, taken.left) == (1, 1, 7, 1, 0)
    (entry,) = read_registry(archive.registry).entries
    assert entry.statement is not None
    assert len(entry.statement.looks) == before[0]["properties"]["clear_looks"]
    assert entry.statement.ponds
    assert entry.published
    (empty := old / "empty").mkdir()
    stands = run(old, source(empty), settings=FP32)
    assert stands.exit_code == 3
    now = json.loads((out / "sites.geojson").read_text())["features"]
    for one, other in zip(before, now, strict=True):
        for name in set(one["properties"]) - {"said_before", "run_id", "source"}:
            was, here = one["properties"][name], other["properties"][name]
            assert here == (pytest.approx(was, rel=2e-3) if isinstance(was, float | int) else was), name
    after = run(old, source(scenes), settings=FP32)
    assert not any(look.computed for look in after.looks)
    assert [site.site_id for site in after.sites] == [f["properties"]["site_id"] for f in before]
    with pytest.raises(InputError, match="was taken over already"):
        open_old(out)


def test_a_folder_that_held_real_and_simulated_names_by_turns_is_taken_over_whole(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Earlier versions wrote both into one folder, the products of the one over those of the other."""
    out, area = old / "out" / "test", old / "test.geojson"
    area.write_text(json.dumps(mapping(AREA.polygon)))
    shutil.copy(out / "registry-simulated.json", out / "registry.json")
    assert main(["adopt", str(out), "--aoi", str(area), "--archive", str(old / "archive")]) == 0
    assert capsys.readouterr().out.count("1 names") == 2
    real, simulated = (read_registry(Archive(old / "archive", kind).registry).entries for kind in ("", SIMULATION))
    assert [entry.statement is None for entry in (*real, *simulated)] == [True, False]
    check_folder(out, "test", True)


def test_a_registry_alone_keeps_its_names(old: Path, scenes: Path) -> None:
    archive = Archive(old / "archive", SIMULATION)
    archive.folder.mkdir()
    shutil.move(old / "out" / "test" / "registry-simulated.json", archive.registry)
    shutil.rmtree(old / "out")
    names = [entry.site_id for entry in read_registry(archive.registry).entries]
    assert [site.site_id for site in run(old, source(scenes), settings=FP32).sites] == names


def test_the_command_takes_over_and_the_looks_are_listed_and_pruned(
    old: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    area = old / "test.geojson"
    area.write_text(json.dumps(mapping(AREA.polygon)))
    archive = ["--archive", str(old / "archive")]
    assert main(["detect", "--aoi", str(area), "--out", str(old / "out" / "test"), *archive]) == 2
    assert "leachwatch adopt" in capsys.readouterr().err
    assert main(["adopt", str(old / "out" / "test"), "--aoi", str(area), *archive]) == 0
    assert "1 names, 1 standing sites and 7 looks of look version 1 taken over" in capsys.readouterr().out
    assert main(["looks", *archive]) == 0
    line = capsys.readouterr().out
    assert "7 looks" in line
    assert "2024-11 to 2025-04" in line or "2024-10 to 2025-04" in line
    assert "look version 1, model third, fp32" in line
    assert line.startswith(f"simulated-{SIMULATION}/")
    name = line.split()[0]
    assert main(["looks", "prune", *archive]) == 0
    assert "nothing to remove" in capsys.readouterr().out  # the last used is never removed unasked
    assert main(["looks", "prune", name, *archive]) == 0
    assert "add --yes" in capsys.readouterr().out
    assert main(["looks", "prune", name, "--yes", *archive]) == 0
    assert "7 looks removed" in capsys.readouterr().out
    assert main(["looks", "prune", "0123456789ab", *archive]) == 2
    assert len(read_registry(Archive(old / "archive", SIMULATION).registry).entries) == 1


def test_a_run_after_one_under_a_clock_in_the_future_goes_on(place: Path, scenes: Path) -> None:
    Archive(place / "archive", SIMULATION).registry.unlink()
    assert run(place, source(scenes), today=date(2040, 1, 1)).sites
    before = told(place)
    assert run(place, source(scenes)).exit_code == 0
    assert told(place) == before
