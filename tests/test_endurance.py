"""Scans that are cut off, a few of each kind; `make endure` does all of them."""

import errno
import random
import shutil
from pathlib import Path

import pytest
from endurance import Place, before, changes, die, faults_of, half_written, in_child, left_by, refused


@pytest.fixture(scope="module")
def usual(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], int]:
    """What an undisturbed scan leaves, and how many changes it makes."""
    place = Place(tmp_path_factory.mktemp("usual") / "place", scenes)
    made = changes(place)
    assert not list(faults_of(place, left_by(place)))
    return left_by(place), len(made)


@pytest.mark.parametrize("share", [0.02, 0.4, 0.7, 0.93, 0.99])
def test_a_scan_that_is_killed_before_a_change_is_made_good(
    scenes: Path, tmp_path: Path, usual: tuple[dict[str, object], int], share: float
) -> None:
    place = Place(tmp_path / "place", scenes)
    assert in_child(place, before(int(share * usual[1]), die)).code == -9
    assert not list(half_written(place))
    ended = in_child(place)
    assert ended.code == 0, ended.told
    assert not list(faults_of(place, usual[0]))


def test_a_scan_that_is_killed_again_and_again_ends_all_the_same(
    scenes: Path, tmp_path: Path, usual: tuple[dict[str, object], int]
) -> None:
    place, chance = Place(tmp_path / "place", scenes), random.Random(1)
    for _ in range(4):
        in_child(place, before(chance.randrange(usual[1] // 3), die))
        assert not list(half_written(place))
    ended = in_child(place)
    assert ended.code == 0, ended.told
    assert not list(faults_of(place, usual[0]))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_disk_that_is_full_or_shut_costs_nothing_but_time(
    scenes: Path, tmp_path: Path, usual: tuple[dict[str, object], int], number: int, share: float
) -> None:
    place = Place(tmp_path / "place", scenes)
    ended = in_child(place, refused(int(share * usual[1]), number))
    assert ended.code in (2, 6), ended.told
    assert "\n" not in ended.told
    assert not list(half_written(place))
    ended = in_child(place)
    assert ended.code == 0, ended.told
    assert not list(faults_of(place, usual[0]))


def test_what_differs_is_found(scenes: Path, tmp_path: Path, usual: tuple[dict[str, object], int]) -> None:
    """The harness itself: a look, a product and a message that are not as they should be."""
    place = Place(tmp_path / "place", scenes)
    assert in_child(place).code == 0
    assert not list(faults_of(place, usual[0]))
    look = next((place.out / "archive").glob("looks*/*/*/*.tif"))
    look.write_bytes(look.read_bytes()[:-1] + b"x")
    shutil.copy(place.out / "sites.geojson", place.out / "sites.gpkg")
    place.heard.write_text(place.heard.read_text() * 2)
    wrong = list(faults_of(place, usual[0]))
    assert len(wrong) == 3, wrong
