"""Backups: what cannot be made again comes back, whole or not at all, and nothing newer is overwritten."""

import json
import os
import shutil
import sqlite3
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import pytest
from scenes import SIMULATION
from shapely.geometry import Point, box
from test_archive_of_looks import first as first
from test_archive_of_looks import place as place
from test_archive_of_looks import run, source, told

from pipeline.archive import Archive
from pipeline.cli import main
from pipeline.errors import InputError, PipelineError, UnitsFailed
from pipeline.locks import locked
from pipeline.sites.names import RegisteredSite, Registry
from pipeline.sites.registry import read_registry, write_registry
from pipeline.sources.budget import Budget, Usage, read_ledger, totals
from pipeline.upkeep import backup as backups
from pipeline.upkeep import restore as restores
from pipeline.upkeep.backup import Backup, Places, back_up, kind_of
from pipeline.upkeep.restore import Restored, restore

NOW = datetime(2026, 11, 29, 4, 15, tzinfo=UTC)
VERDICT = "confirmed"


def places_of(place: Path) -> Places:
    return Places(place / "archive", place / "out", place)


def reviews_in(folder: Path, verdict: str = VERDICT) -> Path:
    """A reviewer's file with one row."""
    path = folder / "reviews.gpkg"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = geopandas.GeoDataFrame({"site_id": ["TST-0001"], "verdict": [verdict]}, geometry=[Point(99, 22)], crs=4326)
    rows.to_file(path, layer="reviews")
    return path


def verdicts(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [verdict for (verdict,) in database.execute("SELECT verdict FROM reviews ORDER BY fid")]


def polygon(col: int) -> RegisteredSite:
    return RegisteredSite(f"TST-{col:04d}", box(99 + col / 10, 22, 99 + col / 10 + 0.01, 22.01))


def small(place: Path, names: int = 2) -> Path:
    """A place with names, a ledger, a log, a message, reviews, settings and an area, and nothing else."""
    archive = place / "archive"
    write_registry(archive / "registry.json", Registry("TST", tuple(map(polygon, range(1, names + 1)))))
    Budget(archive / "ledger.jsonl", "run 1").spend("hub", Usage(1, 1000, 2.5))
    for name in ("scans/test.jsonl", "outbox/test/000001-2026-10-published.json", "outbox/test/sent.jsonl"):
        (archive / name).parent.mkdir(parents=True, exist_ok=True)
        (archive / name).write_text("a line\n")
    (archive / "schedules.json").write_text("{}\n")
    reviews_in(place / "out" / "test")
    for name, text in (("configs/default.toml", "[sites]\nconfirm_looks = 4\n"), ("aoi/own.geojson", "{}")):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    return place


def files_in(place: Path) -> dict[str, bytes]:
    """All files but locks."""
    found = (path for path in sorted(place.rglob("*")) if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def made(tmp_path: Path) -> Backup:
    """A backup of a small place."""
    return back_up(places_of(small(tmp_path / "before")), tmp_path / "names.zip", None, NOW)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """An empty place on another machine."""
    (tmp_path / "after").mkdir()
    return tmp_path / "after"


def put_back(made: Backup, place: Path, merge: bool = False) -> Restored:
    return restore(made.path, places_of(place), merge)


def standing(archive: Archive) -> list[tuple[object, ...]]:
    """Names, all that was ever published of each, and what stands; not how looks were cut, which a new run may change."""
    return [(entry.site_id, entry.published, entry.statement) for entry in read_registry(archive.registry).entries]


# There and back


def test_after_all_else_is_lost_the_same_sites_come_back_under_the_same_ids(
    place: Path, scenes: Path, tmp_path: Path
) -> None:
    Budget(place / "archive" / "ledger.jsonl", "run 1").spend("hub", Usage(3, 5000, 1.25))
    (place / "out" / "test" / "reviews.gpkg").unlink()
    reviews_in(place / "out" / "test")
    run(place, source(scenes))
    sites, archive = told(place)["sites"], Archive(place / "archive", SIMULATION)
    stood = standing(archive)
    spent = totals(read_ledger(archive.ledger))
    assert stood
    assert all(published for _, published, _ in stood)
    made = back_up(places_of(place), tmp_path, None, NOW)
    assert made.path.name == "leachwatch-2026-11-29T041500Z.zip"
    shutil.rmtree(place)
    restore(made.path, places_of(place))
    assert not archive.looks.exists()
    assert verdicts(place / "out" / "test" / "reviews.gpkg") == [VERDICT]
    assert standing(archive) == stood
    assert run(place, source(scenes)).made
    assert (standing(archive), told(place)["sites"]) == (stood, sites)
    assert totals(read_ledger(archive.ledger)) == spent


def test_everything_that_cannot_be_made_again_is_in_it_and_nothing_else(made: Backup, there: Path) -> None:
    assert sorted(made.manifest.files) == [
        "aoi/own.geojson", "archive/ledger.jsonl", "archive/outbox/test/000001-2026-10-published.json",
        "archive/outbox/test/sent.jsonl", "archive/registry.json", "archive/scans/test.jsonl", "archive/schedules.json",
        "configs/default.toml", "out/test/reviews.gpkg",
    ]  # fmt: skip
    put_back(made, there)
    before, after = files_in(made.path.parent / "before"), files_in(there)
    assert sorted(after) == sorted(made.manifest.files)
    assert {name: before[name] for name in after if not name.endswith(".gpkg")} == {
        name: content for name, content in after.items() if not name.endswith(".gpkg")
    }
    again = put_back(made, there)
    assert files_in(there) == after
    assert all("is the same here" in line for line in again.lines)


def test_a_backup_is_private_and_never_overwritten(made: Backup) -> None:
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    with pytest.raises(InputError, match="is there already"):
        back_up(places_of(made.path.parent / "before"), made.path, None, NOW)


def test_no_secret_of_the_environment_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_CLIENT_SECRET", "a-secret-of-the-environment")
    made = back_up(places_of(small(tmp_path / "before")), tmp_path / "names.zip", None, NOW)
    with zipfile.ZipFile(made.path) as packed:
        assert not any(b"a-secret-of-the-environment" in packed.read(name) for name in packed.namelist())


def test_a_file_that_is_no_settings_file_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text('SH_CLIENT_SECRET="x"\n')
    with pytest.raises(PipelineError, match="unknown key"):
        back_up(places_of(small(tmp_path / "before")), tmp_path / "names.zip", str(tmp_path / "environment"), NOW)
    assert not (tmp_path / "names.zip").exists()


def test_the_settings_in_use_are_kept(tmp_path: Path, there: Path) -> None:
    (tmp_path / "mine.toml").write_text("[sites]\nconfirm_looks = 5\n")
    made = back_up(places_of(small(tmp_path / "before")), tmp_path / "names.zip", str(tmp_path / "mine.toml"), NOW)
    put_back(made, there)
    assert (there / "configs" / "mine.toml").read_text() == (tmp_path / "mine.toml").read_text()


def test_links_are_left_out_and_told(tmp_path: Path) -> None:
    place = small(tmp_path / "before")
    (tmp_path / "secret").write_text("secret")
    (place / "archive" / "outbox" / "test" / "000002-x.json").symlink_to(tmp_path / "secret")
    made = back_up(places_of(place), tmp_path / "names.zip", None, NOW)
    assert "000002-x.json (a link)" in made.text()
    assert "archive/outbox/test/000002-x.json" not in made.manifest.files


def test_where_there_is_nothing_to_keep_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to keep"):
        back_up(places_of(tmp_path), tmp_path / "names.zip", None, NOW)
    assert not list(tmp_path.glob("*.zip")) + list(tmp_path.glob(".*"))


def test_reviews_that_qgis_has_open_are_taken_whole(tmp_path: Path, there: Path) -> None:
    place = small(tmp_path / "before")
    path = place / "out" / "test" / "reviews.gpkg"
    with closing(sqlite3.connect(path, isolation_level=None)) as open_in_qgis:
        open_in_qgis.execute("PRAGMA journal_mode=WAL")
        open_in_qgis.execute("PRAGMA wal_autocheckpoint=0")
        open_in_qgis.execute("CREATE TABLE more (verdict)")
        open_in_qgis.execute("INSERT INTO more VALUES ('rejected')")
        assert path.with_name("reviews.gpkg-wal").stat().st_size > 0
        made = back_up(places_of(place), tmp_path / "names.zip", None, NOW)
        put_back(made, there)
    copy = there / "out" / "test" / "reviews.gpkg"
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT verdict FROM more").fetchall() == [("rejected",)]
    assert [path.name for path in copy.parent.iterdir()] == ["reviews.gpkg"]
    with closing(sqlite3.connect(path)) as database:  # the reviewer's file was only read
        assert database.execute("SELECT verdict FROM more").fetchall() == [("rejected",)]


def test_a_reviewers_file_that_stays_locked_or_is_damaged_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "BUSY_S", 0.2)
    place = small(tmp_path / "before")
    path = place / "out" / "test" / "reviews.gpkg"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match=r"another program is writing|locked"):
            back_up(places_of(place), tmp_path / "names.zip", None, NOW)
    path.write_bytes(path.read_bytes()[:8000])
    with pytest.raises(InputError, match=r"reviews\.gpkg: cannot be read"):
        back_up(places_of(place), tmp_path / "names.zip", None, NOW)
    assert not (tmp_path / "names.zip").exists()


def test_an_unfinished_line_is_not_taken(tmp_path: Path, there: Path) -> None:
    place = small(tmp_path / "before")
    with (place / "archive" / "scans" / "test.jsonl").open("a") as file:
        file.write('{"half')
    made = back_up(places_of(place), tmp_path / "names.zip", None, NOW)
    put_back(made, there)
    assert (there / "archive" / "scans" / "test.jsonl").read_text() == "a line\n"


def test_an_interrupted_publication_is_completed_first(tmp_path: Path) -> None:
    place = small(tmp_path / "before")
    archive, out = Archive(place / "archive"), place / "out" / "test"
    new = archive.folder / ".registry.json.new"
    write_registry(new, Registry("TST", tuple(map(polygon, range(1, 4)))))
    checksum = backups.hashlib.sha256(new.read_bytes()).hexdigest()
    archive.pending.write_text(json.dumps({"out": str(out), "files": {}, "registry": checksum}))
    made = back_up(places_of(place), tmp_path / "names.zip", None, NOW)
    assert made.manifest.sites == {"registry.json": 3}
    assert not archive.pending.exists()


# Damage, and what a stranger may send


def rewritten(path: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], **infos: zipfile.ZipInfo) -> None:
    """The same zip with other files; `infos`: other heads."""
    with zipfile.ZipFile(path) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in change(files).items():
            packed.writestr(infos.get(name, name), content)


def listed(files: dict[str, bytes], name: str, content: bytes) -> dict[str, bytes]:
    """One more file, with its checksum in the list."""
    manifest = json.loads(files["backup.json"])
    manifest["files"][name] = {"bytes": len(content), "sha256": backups.hashlib.sha256(content).hexdigest()}
    return {**files, name: content, "backup.json": json.dumps(manifest).encode()}


def refused(made: Backup, there: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as told:
        put_back(made, there, merge=True)
    assert "\n" not in str(told.value)
    assert files_in(there) == {}


def test_a_byte_that_changed_is_found_wherever_it_matters(made: Backup, tmp_path: Path) -> None:
    """Bytes that say nothing, such as times in the zip, may change; what is restored is the same then."""
    whole, found = made.path.read_bytes(), 0
    with zipfile.ZipFile(made.path) as packed:
        heads = [(info.header_offset + 50 + len(info.filename), info.compress_size) for info in packed.infolist()]
    content = {start + size // 2 for start, size in heads}
    put_back(made, tmp_path / "sound")
    for at in sorted({*content, *range(0, len(whole), len(whole) // 40)}):
        made.path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        place = tmp_path / f"changed-{at}"
        try:
            put_back(made, place)
        except InputError as cause:
            found += 1
            assert "damaged, or no backup" in str(cause)
            assert files_in(place) == {}
        else:
            assert at not in content
            assert files_in(place) == files_in(tmp_path / "sound")
    assert found > len(content)


def test_a_backup_that_was_cut_off_is_refused(made: Backup, there: Path) -> None:
    whole = made.path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        made.path.write_bytes(whole[:length])
        refused(made, there, "damaged, or no backup")


def test_a_checksum_that_does_not_fit_is_found_where_the_zip_is_sound(made: Backup, there: Path) -> None:
    rewritten(made.path, lambda files: {**files, "archive/scans/test.jsonl": b"A line\n"})
    refused(made, there, r"the checksum of archive/scans/test\.jsonl is another")


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "archive/../../evil", "/etc/passwd", "archive/scans/../../x.jsonl", "archive/scans/..", "aoi/../x.json",
        "archive/scans/a\\..\\b.jsonl", "C:/x", "archive/scans/C:x.jsonl", "archive/.registry.json.new", "archive/pending.json",
        "archive/looks/x.tif", "out/test/manifest.json", "out/a/b/reviews.gpkg", "configs/.env", "archive/scans/.hidden",
        "archive/outbox/test/", "archive/registry-simulated-../x.json", "aoi/x.geojson/y.geojson",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(made: Backup, there: Path, name: str) -> None:
    assert kind_of(name) is None
    rewritten(made.path, lambda files: listed(files, name, b"x"))
    refused(made, there, "damaged, or no backup")
    assert not (there.parent / "evil").exists()


def test_links_are_refused(made: Backup, there: Path) -> None:
    link = zipfile.ZipInfo("archive/scans/link.jsonl")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    rewritten(made.path, lambda files: listed(files, link.filename, b"/etc/passwd"), **{link.filename: link})
    refused(made, there, "is no regular file")


def test_what_is_not_listed_or_twice_is_refused(made: Backup, there: Path) -> None:
    whole = made.path.read_bytes()
    rewritten(made.path, lambda files: {**files, "archive/scans/more.jsonl": b"x"})
    refused(made, there, "are not those of its")
    made.path.write_bytes(whole)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(made.path, "a") as packed:
        packed.writestr("archive/scans/test.jsonl", b"other\n")
    refused(made, there, "twice")
    made.path.write_bytes(whole)
    rewritten(made.path, lambda files: listed(files, "archive/scans/TEST.jsonl", b"x\n"))
    refused(made, there, "twice")


def test_a_bomb_is_not_unpacked(made: Backup, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made.path.read_bytes()
    rewritten(made.path, lambda files: listed(files, "archive/scans/bomb.jsonl", bytes(3_000_000)))
    monkeypatch.setattr(restores, "MAX_BYTES", 2_000_000)
    refused(made, there, "more than")
    made.path.write_bytes(whole)
    monkeypatch.undo()
    # A list, and a zip, that say less than there is.
    rewritten(made.path, lambda files: listed(files, "archive/scans/bomb.jsonl", bytes(3_000_000)))
    content = made.path.read_bytes().replace(struct.pack("<I", 3_000_000), struct.pack("<I", 1000))
    made.path.write_bytes(content.replace(b"3000000", b"1000   "))
    refused(made, there, "damaged, or no backup")


def test_a_backup_of_a_newer_version_is_refused(made: Backup, there: Path) -> None:
    def newer(files: dict[str, bytes]) -> dict[str, bytes]:
        manifest = json.loads(files["backup.json"])
        return {**files, "backup.json": json.dumps({**manifest, "format": 2, "software": "9.0"}).encode()}

    rewritten(made.path, newer)
    refused(made, there, r"newer version of leachwatch, 9\.0; upgrade")


def test_names_of_a_newer_version_are_refused_before_anything_is_restored(made: Backup, there: Path) -> None:
    rewritten(made.path, lambda files: listed(files, "archive/registry.json", b'{"version": 99, "sites": []}'))
    refused(made, there, r"archive/registry\.json of the backup: written by a newer version .* upgrade")


# What is here already


def test_names_that_went_on_here_are_never_overwritten(made: Backup, there: Path) -> None:
    write_registry(there / "archive" / "registry.json", Registry("TST", tuple(map(polygon, range(1, 4)))))
    before = files_in(there)
    with pytest.raises(InputError, match=r"registry\.json: holds names or history that the backup lacks"):
        put_back(made, there)
    assert files_in(there) == before
    put_back(made, there, merge=True)
    assert [entry.site_id for entry in read_registry(there / "archive" / "registry.json").entries] == [
        "TST-0001", "TST-0002", "TST-0003",
    ]  # fmt: skip


def test_names_that_the_backup_continues_are_continued(made: Backup, there: Path) -> None:
    write_registry(there / "archive" / "registry.json", Registry("TST", (polygon(1),)))
    put_back(made, there)
    assert len(read_registry(there / "archive" / "registry.json").entries) == 2


def test_the_same_id_on_other_ground_is_not_continued(made: Backup, there: Path) -> None:
    elsewhere = RegisteredSite("TST-0001", polygon(7).territory)
    write_registry(there / "archive" / "registry.json", Registry("TST", (elsewhere,)))
    for merge, match in ((False, "holds names"), (True, "the name of two places")):
        with pytest.raises(InputError, match=match):
            put_back(made, there, merge)


def test_a_log_that_went_on_here_stays_and_one_that_the_backup_continues_is_replaced(made: Backup, there: Path) -> None:
    log, sent = there / "archive" / "scans" / "test.jsonl", there / "archive" / "outbox" / "test" / "sent.jsonl"
    for path, text in ((log, "a line\nanother\n"), (sent, "")):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    put_back(made, there)
    assert (log.read_text(), sent.read_text()) == ("a line\nanother\n", "a line\n")


def test_ledgers_that_went_different_ways_are_joined_and_nothing_is_counted_twice(made: Backup, there: Path) -> None:
    before, ledger = made.path.parent / "before", there / "archive" / "ledger.jsonl"
    ledger.parent.mkdir()
    shutil.copy(before / "archive" / "ledger.jsonl", ledger)
    for where, run_name in ((before, "run 2"), (before, "run 2"), (there, "run 3")):
        Budget(where / "archive" / "ledger.jsonl", run_name).spend("hub", Usage(1, 500, 1.0))
    later = back_up(places_of(before), made.path.parent / "later.zip", None, NOW)
    with pytest.raises(InputError, match=r"ledger\.jsonl: has lines that the backup lacks"):
        put_back(later, there)
    put_back(later, there, merge=True)
    assert totals(read_ledger(ledger)) == {"hub": Usage(4, 2500, 5.5)}


def test_what_a_person_wrote_here_stays(made: Backup, there: Path) -> None:
    path = reviews_in(there / "out" / "test", "rejected")
    (there / "aoi").mkdir()
    (there / "aoi" / "own.geojson").write_text("other")
    with pytest.raises(InputError, match=r"reviews\.gpkg: differs"):
        put_back(made, there)
    put_back(made, there, merge=True)
    assert verdicts(path) == ["rejected"]
    assert verdicts(path.with_name("reviews.gpkg.restored")) == [VERDICT]
    assert (there / "aoi" / "own.geojson").read_text() == "other"
    assert (there / "aoi" / "own.geojson.restored").read_text() == "{}"
    after = files_in(there)
    put_back(made, there, merge=True)
    assert files_in(there) == after


def test_a_log_of_a_database_that_is_gone_is_in_the_way(made: Backup, there: Path) -> None:
    (there / "out" / "test").mkdir(parents=True)
    (there / "out" / "test" / "reviews.gpkg-wal").write_bytes(b"old")
    with pytest.raises(InputError, match="belongs to a file that is gone"):
        put_back(made, there)


def test_a_scan_that_is_at_work_is_waited_for_by_the_person(made: Backup, there: Path) -> None:
    log = there / "archive" / "scans" / "test.jsonl"
    with locked(log, "scan"), pytest.raises(InputError, match="another run is writing here"):
        put_back(made, there)


def test_all_or_nothing(made: Backup, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the files cannot be put in place, all is as it was."""
    write_registry(there / "archive" / "registry.json", Registry("TST", (polygon(1),)))
    before, replace = files_in(there), Path.replace
    for most in range(len(made.manifest.files)):
        left = iter(range(most))

        def failing(self: Path, target: Path, left: Iterator[int] = left) -> Path:
            if ".before." not in self.name and ".lease" not in self.name and next(left, None) is None:
                raise OSError(28, "No space left on device", str(target))
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", failing)
            with pytest.raises(UnitsFailed, match="disk is full"):
                put_back(made, there)
        assert files_in(there) == before, most
    put_back(made, there)
    assert len(files_in(there)) == len(made.manifest.files)


# The command


def test_the_command_writes_and_puts_back(
    tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(small(tmp_path / "before"))
    assert main(["backup", "--archive", "archive", "--to", str(tmp_path / "names.zip")]) == 0
    assert "registry.json: 2 names" in capsys.readouterr().out
    monkeypatch.chdir(there)
    assert main(["restore", str(tmp_path / "names.zip"), "--archive", "archive"]) == 0
    said = capsys.readouterr().out
    assert "registry.json: restored" in said
    assert "made again by the next run" in said
    assert "leachwatch schedule" in said
    assert sorted(os.listdir(there)) == ["aoi", "archive", "configs", "out"]
    assert main(["restore", "missing.zip"]) == 2
    assert "missing.zip: no such backup" in capsys.readouterr().err
