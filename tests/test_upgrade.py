"""Files of earlier versions open in this one; those of a newer one are refused in one line and left as they are."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tomli_w
from scenes import GRID, PLACE, aoi
from shapely.geometry import mapping

from pipeline.alerts.outbox import Outbox
from pipeline.archive import Archive
from pipeline.cli import main
from pipeline.config import REMOVED, RENAMED, load
from pipeline.errors import InputError, PipelineError
from pipeline.evaluation.points import read_points
from pipeline.evidence import shelf
from pipeline.evidence.cells import CellFiles
from pipeline.export import publication
from pipeline.export.publication import complete, months_published, published
from pipeline.looks import calibration
from pipeline.looks import file as look_file
from pipeline.looks.card import read_card
from pipeline.looks.file import open_look
from pipeline.looks.store import INDEX, LookStore
from pipeline.progress import Progress
from pipeline.run.adopt import adopt, open_old
from pipeline.run.prune import stored_recipes
from pipeline.scan import log as scan_log
from pipeline.scan.log import Outcome, read_log
from pipeline.sites import registry
from pipeline.sites.registry import read_registry, write_registry
from pipeline.sources import contents
from pipeline.sources.budget import Usage, read_ledger
from pipeline.sources.contents import ContentHashes
from pipeline.training.labels import LabelKind, read_label_areas
from pipeline.upkeep import backup

KEPT = Path(__file__).parent / "data" / "versions"
ARCHIVES = ("3d6b7e0", "ff9122b", "1f32952")
UNCALIBRATED = {
    "35ed63b-first", "4c40f4d-third", "9a390c2-first", "b9856ad-second", "bd2c090-first", "cc1dd66-first", "f8ea450-first",
}  # fmt: skip
"""Cards of networks that were not calibrated yet."""
READ_CARDS = {"021cd9b", "0a552a2", "3263b23", "bed1e67"}
"""Commits whose cards have all numbers that a run needs today."""


@pytest.fixture(params=ARCHIVES)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The archive of an earlier version; named as its commit."""
    with zipfile.ZipFile(KEPT / "archives" / f"{request.param}.zip") as packed:
        packed.extractall(tmp_path / request.param)
    return tmp_path / request.param


def test_whoever_raises_a_version_keeps_a_file_of_the_one_before() -> None:
    """Add a file that the version before wrote to `data/versions/`, open it in a test here, and then raise the number."""
    assert {int(path.stem) for path in (KEPT / "registry").glob("*.json")} == set(range(1, registry.VERSION + 1))
    assert (calibration.VERSION, look_file.LAYOUT, shelf.FORMAT, contents.FORMAT) == (2, 1, 3, 1)
    assert (scan_log.VERSION, backup.FORMAT, publication.LIST_VERSION, publication.LAYOUT) == (1, 1, 1, 1)


# Names


@pytest.mark.parametrize(
    ("version", "ids", "published", "standing"),
    [(1, ["OLD-0001", "OLD-0002"], 0, 0), (2, ["TST-0001"], 1, 0), (3, ["TST-0001"], 1, 0),
     (4, ["OLD-0001", "OLD-0002", "OLD-0003"], 3, 3)],
)  # fmt: skip
def test_names_of_every_version_are_read_and_kept_as_the_present_one(
    tmp_path: Path, version: int, ids: list[str], published: int, standing: int
) -> None:
    path = KEPT / "registry" / f"{version}.json"
    assert json.loads(path.read_text())["version"] == version
    found = read_registry(path)
    assert [entry.site_id for entry in found.entries] == ids
    assert all(entry.territory.area > 0 for entry in found.entries)
    assert sum(len(entry.published) for entry in found.entries) == published
    assert sum(entry.statement is not None for entry in found.entries) == standing
    write_registry(tmp_path / "registry.json", found)
    assert json.loads((tmp_path / "registry.json").read_text())["version"] == registry.VERSION
    again = read_registry(tmp_path / "registry.json")
    for one, other in zip(found.entries, again.entries, strict=True):
        assert (one.site_id, one.published, one.statement) == (other.site_id, other.published, other.statement)
        assert one.territory.symmetric_difference(other.territory).area < 1e-4 * one.territory.area


def test_products_of_the_first_version_leave_their_names(tmp_path: Path) -> None:
    """Those of versions 2 and 3 are taken over whole: `test_archive_of_looks.py`."""
    out, archive = tmp_path / "out" / "area", Archive(tmp_path / "archive", "0a1b2c3d")
    with zipfile.ZipFile(KEPT / "products" / "registry_1.zip") as packed:
        packed.extractall(out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    (old,) = open_old(out)
    taken = adopt(old, archive, Progress(quiet=True))
    assert taken.text(out).endswith("2 names taken over; its products and looks are too old, and are made again")
    assert [entry.site_id for entry in read_registry(archive.registry).entries] == ["OLD-0001", "OLD-0002"]
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert sorted(after.values()) == sorted(before.values())  # nothing is removed; the registry has another name
    assert months_published(out) == {"2024-10", "2024-11", "2024-12", "2025-01", "2025-02"}


# Looks and what is derived from them


def test_looks_of_every_version_are_found_with_and_without_their_index(archive: Path) -> None:
    (recipe,) = stored_recipes(archive)
    assert recipe.description.text() == "look version 1, model third, fp32" or "bf16" in recipe.description.text()
    days = {"3d6b7e0": ["2024-10-13", "2025-02-06"], "ff9122b": [], "1f32952": ["2024-10-13", "2024-10-13"]}[
        archive.name
    ]
    by_file = looks_in(recipe.folder, with_index=False)
    by_index = looks_in(recipe.folder, with_index=True)
    assert [str(look.day) for look in by_file] == days
    assert [facts(look) for look in by_index] == [facts(look) for look in by_file]
    assert any(look.screened for look in by_file) == (archive.name == "1f32952")
    assert sum(bool(look.ponds) for look in by_file) == {"3d6b7e0": 2, "ff9122b": 0, "1f32952": 1}[archive.name]
    for look in by_file:
        bands = look.pixels.read(look.extent)
        assert bands.shape == (3, *look.extent.shape)
        assert look.clear_share == pytest.approx(np.isin(bands[2], (2, 3)).sum() / (bands[2] > 0).sum(), abs=0.01)


def looks_in(folder: Path, with_index: bool) -> list:
    index = next(iter(folder.glob(f"*/{INDEX}")))
    if not with_index:
        index.rename(index.with_name("aside"))
    store = LookStore(folder)
    try:
        return sorted(store.looks(GRID), key=lambda look: look.name + look.key)
    finally:
        assert store.damaged == []
        if not with_index:
            index.with_name("aside").replace(index)


def facts(look: object) -> tuple[object, ...]:
    names = ("name", "day", "overpass", "extent", "windows", "acquisitions", "key", "generation", "notes", "clear_p10")
    return tuple(getattr(look, name) for name in names)


def test_lines_of_an_index_of_every_version_are_read(archive: Path) -> None:
    from pipeline.looks.store import _entries

    entries = list(_entries(next(iter(archive.rglob(INDEX)))))
    assert len({entry.file for entry in entries}) == {"3d6b7e0": 5, "ff9122b": 5, "1f32952": 10}[archive.name]
    assert {entry.day.isoformat()[:7] for entry in entries} == {"2024-10", "2024-11", "2024-12", "2025-01", "2025-02"}


def test_evidence_of_the_present_format_is_read_and_older_evidence_is_derived_again(archive: Path) -> None:
    folder = next(iter(archive.glob("looks*/*/cells")))
    name = next(folder.iterdir()).stem
    content = CellFiles(folder).read(name)
    if archive.name == "3d6b7e0":
        assert [path.suffix for path in folder.iterdir()] == [".npz"]
        assert content is None
        return
    assert content is not None
    (cell,) = shelf.cells_in(content).values()
    pond, coverage = cell.planes()
    assert cell.looks == 5
    assert cell.highest > 100
    assert pond.best.shape == coverage.ever.shape == cell.shape
    assert set(cell.seen.months) == {"2024-10", "2024-11", "2024-12", "2025-01", "2025-02"}


def test_hashes_of_scenes_are_read(archive: Path) -> None:
    known = ContentHashes.of(archive / "contents.json").known
    assert len(known) == 5
    assert all(len(made) == 64 for _, made in known.values())


def test_manifests_of_every_version_say_what_was_published(archive: Path) -> None:
    found = published(archive)
    assert found["simulated"] is True
    assert found["software"]["name"] == "leachwatch"
    assert {"2024-10", "2025-02"} <= months_published(archive)


# Logs


def test_the_log_of_scans_and_its_messages_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(KEPT / "archives" / "1f32952.zip") as packed:
        packed.extractall(tmp_path)
    place = Archive(tmp_path, "fadeccb4")
    (record,) = read_log(place.scans("area")).records
    assert (record.first, record.last, record.outcome, record.made) == ("2024-10", "2026-10", Outcome.DONE, 5)
    assert record.sites == {"candidate": 3}
    outbox = Outbox(place.outbox("area"))
    (letter,) = outbox.letters()
    assert "OLD-0003" in letter.text
    assert outbox.damaged() == []
    assert sorted(outbox.told()) == ["OLD-0001", "OLD-0002", "OLD-0003"]


def test_the_ledger_adds_up() -> None:
    spent: dict[str, Usage] = {}
    for entry in read_ledger(KEPT / "logs" / "ledger.jsonl"):
        spent[entry.provider] = spent.get(entry.provider, Usage()) + entry.usage
    assert spent["stac earthsearch"] == Usage(1, 50_000, 0.0)
    assert spent["sentinelhub cdse"] == Usage(3, 200_000, pytest.approx(3.333333))


# What people write


@pytest.mark.parametrize("path", sorted((KEPT / "cards").glob("*.toml")), ids=lambda path: path.stem)
def test_a_card_of_every_version_is_read_or_says_that_it_must_be_calibrated_anew(path: Path) -> None:
    if path.stem.split("-")[0] in READ_CARDS:
        assert read_card(path).calibrated().states.ponds.log_slope > 0
    elif path.stem not in UNCALIBRATED:
        with pytest.raises(
            InputError, match=r"calibration\.\S+: Field required; of an earlier version, to be calibrated anew"
        ):
            read_card(path)
    else:
        assert read_card(path).calibration is None


def test_every_setting_there_ever_was_is_read_or_refused_with_what_decides_now(tmp_path: Path) -> None:
    ever = json.loads((KEPT / "settings.json").read_text())
    present = json.loads(json.dumps(load(None).model_dump(mode="json")))
    assert len(ever) >= 78
    for key, known in ever.items():
        table, _, name = key.rpartition(".")
        path = tmp_path / "own.toml"
        path.write_text(tomli_w.dumps({table: {name: known["value"]}} if table else {name: known["value"]}))
        if name in (present.get(table, {}) if table else present):
            load(path)
            continue
        now = RENAMED.get(key) or RENAMED.get(table) or REMOVED[key]
        with pytest.raises(InputError) as told:
            load(path)
        assert now in str(told.value), key
        assert "\n" not in str(told.value)


def test_labels_are_read() -> None:
    pond, rejected = read_label_areas(KEPT / "labels" / "outlines.geojson")
    assert (pond.kind, str(pond.first), pond.last) == (LabelKind.POND, "2025-01-31", None)
    assert rejected.kind is LabelKind.NONE
    one, other = read_points(KEPT / "labels" / "points.csv")
    assert (one.id, str(one.first), one.state) == ("tank-1", "2024-11-01", "Shan")
    assert (other.place.x, other.first) == (99.28, None)


# Newer than this program


def newer_registry(folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "registry.json"
    path.write_text(json.dumps({"version": registry.VERSION + 1, "names": {}}))
    return path, lambda: read_registry(path)


def newer_card(folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "model.toml"
    text = (KEPT / "cards" / "021cd9b-third.toml").read_text()
    path.write_text(text.replace(f"version = {calibration.VERSION}", f"version = {calibration.VERSION + 1}"))
    assert path.read_text() != text
    return path, lambda: read_card(path)


def newer_card_with_more(folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "model.toml"
    path.write_text("licence_of_weights = 'x'\n" + (KEPT / "cards" / "021cd9b-third.toml").read_text())
    return path, lambda: read_card(path)


def newer_look(folder: Path) -> tuple[Path, Callable[[], object]]:
    with zipfile.ZipFile(KEPT / "archives" / "1f32952.zip") as packed:
        packed.extractall(folder)
    path = next(iter(folder.rglob("*.tif")))
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
        file.update_tags(layout=str(look_file.LAYOUT + 1))
    return path, lambda: list(LookStore(path.parent.parent).looks(GRID))


def newer_list(folder: Path) -> tuple[Path, Callable[[], object]]:
    archive = Archive(folder)
    archive.pending.write_text(json.dumps({"version": publication.LIST_VERSION + 1, "folders": []}))
    return archive.pending, lambda: complete(archive)


def newer_manifest(folder: Path) -> tuple[Path, Callable[[], object]]:
    path = folder / "manifest.json"
    path.write_text(json.dumps({"layout": publication.LAYOUT + 1}))
    return path, lambda: publication.check_folder(folder, "test", None)


def newer_scan(folder: Path) -> tuple[Path, Callable[[], object]]:
    from pipeline import lines

    path = folder / "test.jsonl"
    lines.append(path, [json.dumps({"version": scan_log.VERSION + 1}).encode()])
    return path, lambda: read_log(path)


NEWER_FILES = (
    newer_registry, newer_card, newer_card_with_more, newer_look, newer_list, newer_manifest, newer_scan,
)  # fmt: skip
"""A backup of a newer version: `test_backup.py`."""


@pytest.mark.parametrize("newer", NEWER_FILES, ids=lambda newer: newer.__name__)
def test_a_file_of_a_newer_version_is_refused_in_one_line_and_left_as_it_is(
    tmp_path: Path, newer: Callable[[Path], tuple[Path, Callable[[], object]]]
) -> None:
    path, opened = newer(tmp_path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(PipelineError, match=r"newer version of leachwatch.*upgrade") as told:
        opened()
    assert str(told.value).startswith(str(path))
    assert "\n" not in str(told.value)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_run_stops_before_any_work_where_names_or_products_are_of_a_newer_version(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    area, archive, out = tmp_path / "test.geojson", tmp_path / "archive", tmp_path / "out"
    area.write_text(json.dumps(mapping(aoi(PLACE).polygon)))
    (empty := tmp_path / "scenes").mkdir()
    command = ["detect", "--aoi", str(area), "--source", "folder", "--scenes", str(empty)]
    for newer, folder in ((newer_registry, archive), (newer_list, archive), (newer_manifest, out)):
        folder.mkdir()
        path, _ = newer(folder)
        before = path.read_bytes()
        assert main([*command, "--archive", str(archive), "--out", str(out)]) == 2
        assert "newer version of leachwatch" in capsys.readouterr().err
        assert path.read_bytes() == before
        for each in (archive, out):
            shutil.rmtree(each, ignore_errors=True)


def test_a_look_of_a_newer_version_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    """A damaged one would be made again in its place."""
    path, _ = newer_look(tmp_path)
    with pytest.raises(InputError, match="newer version"):
        open_look(path)
    path.write_bytes(path.read_bytes()[:1000])
    assert open_look(path) is None
