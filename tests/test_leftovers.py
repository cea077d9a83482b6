"""What killed runs leave behind is removed, and nothing else."""

import os
import time
from pathlib import Path

import pytest
from test_archive_of_looks import first as first
from test_archive_of_looks import place as place

from pipeline.archive import Archive
from pipeline.cli import main
from pipeline.locks import locked
from pipeline.run.leftovers import AGE_S, prunable_bytes, sweep_leftovers
from pipeline.run.prune import prunable, prune_older, resting_folders, stored_recipes

HEX = "0123456789abcdef" * 2
OURS = (
    f"looks/0123456789ab/47N_r-0119_c+0025/.20250101-S2A-65957768.tif.{HEX}.part",
    f".registry.json.{HEX}.part",
    f".registry.json.lease.{HEX}.part",
    f".registry.json.lease.{HEX}.dead.part",
    f"scans/.test.jsonl.before.{HEX}.part",
    "decoded/0123456789abcdef01234567.part.tif",
)
NOT_OURS = (
    "looks/0123456789ab/47N_r-0119_c+0025/20250101-S2A-65957768.tif",
    "looks/0123456789ab/47N_r-0119_c+0025/index.jsonl",
    ".registry.json.lock",
    "registry.json.part",
    ".notes.part",
    "holiday.part.tif",
    "decoded/0123456789abcdef01234567.tif",
    f"{HEX}.part",
)


def write(path: Path, age_s: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"1234567890")
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_parts_of_killed_runs_go_after_a_day_and_nothing_else_goes(tmp_path: Path) -> None:
    old = [write(tmp_path / name, AGE_S + 60) for name in OURS]
    stays = [write(tmp_path / name, 10 * AGE_S) for name in NOT_OURS]
    young = [write(path.with_name(path.name.replace("0123456789abcdef0123", "a" * 20)), AGE_S - 60) for path in old]
    assert prunable_bytes(tmp_path) == 10 * len(old)
    assert sorted(sweep_leftovers(tmp_path)) == sorted(old)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in (*stays, *young))
    assert (sweep_leftovers(tmp_path), prunable_bytes(tmp_path)) == ([], 0)


def test_the_folder_of_a_restore_that_was_killed_goes(tmp_path: Path) -> None:
    folder = tmp_path / f".restore.{HEX}.part"
    write(folder / "0", AGE_S + 60)
    assert sweep_leftovers(tmp_path) == []
    os.utime(folder, (0, 0))
    assert sweep_leftovers(tmp_path) == [folder]


def test_products_that_were_never_published_go_unless_a_run_writes_them_or_will_complete_them(tmp_path: Path) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    new = write(out / ".new" / "sites.geojson", 0)
    archive.mkdir()
    with locked(out / "manifest.json", "out"):
        assert sweep_leftovers(archive, out) == []
    pending = write(archive / "pending-simulated-0a.json", 0)
    assert sweep_leftovers(archive, out) == []
    pending.unlink()
    assert sweep_leftovers(archive, out) == [new.parent]
    assert out.is_dir()


@pytest.mark.parametrize("simulation", ["", "0a1b2c3d"])
def test_a_registry_that_was_never_published_goes_unless_a_run_is_at_it(tmp_path: Path, simulation: str) -> None:
    place = Archive(tmp_path, simulation)
    new = write(place.registry.with_name(f".{place.registry.name}.new"), AGE_S + 60)
    with locked(place.registry, "archive"):
        assert sweep_leftovers(tmp_path) == []
    pending = write(place.pending, 0)
    assert sweep_leftovers(tmp_path) == []
    pending.unlink()
    assert sweep_leftovers(tmp_path) == [new]


def recipe(place: Path, name: str, age_s: float) -> Path:
    """The folder of a recipe beside that of a place."""
    folder = next((place / "archive").glob("looks*")) / name
    write(folder / "47N_r-0119_c+0025" / "20250101-S2A-65957768.tif", age_s)
    return folder


def test_older_recipes_go_by_a_setting_and_never_the_last_used_nor_one_on_which_sites_stand(place: Path) -> None:
    archive = place / "archive"
    (stands,) = resting_folders(archive)
    assert [each.folder for each in stored_recipes(archive)] == [stands]
    last, older, oldest = (recipe(place, name * 12, age) for name, age in (("a", -99), ("b", 9e6), ("c", 9.1e6)))
    assert [each.folder for each in prunable(stored_recipes(archive), keep=3)] == []
    # Kept beside the last used one: first the one on which sites stand, which counts among them, then the next.
    assert [each.folder for each in prune_older(archive, keep=2)] == [oldest]
    assert prunable_bytes(archive) == 10
    assert [each.folder for each in prune_older(archive, keep=0)] == [older]
    assert prune_older(archive, keep=0) == []
    assert (last.is_dir(), stands.is_dir()) == (True, True)


def test_a_recipe_on_which_sites_stand_goes_only_by_its_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = place / "archive"
    (stands,) = resting_folders(archive)
    recipe(place, "a" * 12, -99)
    part = write(archive / f".x.{HEX}.part", AGE_S + 60)
    assert main(["looks", "prune", "--archive", str(archive), "--yes"]) == 0
    said = capsys.readouterr().out
    assert f"{stands.name} stays: sites that stand published rest on it" in said
    assert "1 parts of runs that were killed removed" in said
    assert not part.exists()
    assert stands.is_dir()
    name = next(each.name for each in stored_recipes(archive) if each.folder == stands)
    assert main(["looks", "prune", name, "--archive", str(archive), "--yes"]) == 0
    assert not stands.exists()
