import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline import atomic
from pipeline.errors import InputError
from pipeline.sources.budget import Budget, Usage


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    """As on two machines that make the same look, in processes that may have the same number."""
    path = tmp_path / "look"

    def slowly() -> Iterator[bytes]:
        yield b"wh"
        atomic.write_bytes(path, b"other")
        assert path.read_bytes() == b"other"
        yield b"ole"

    atomic.write_bytes(path, slowly())
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the umask; it is put back afterwards."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_new_file_has_the_mode_that_the_umask_says(tmp_path: Path, umask, mask: int, expected: int) -> None:
    umask(mask)
    atomic.write_text(tmp_path / "registry.json", "{}")
    atomic.append_bytes(tmp_path / "lines", b"1\n")
    Budget(tmp_path / "ledger.jsonl", "run").spend("cdse", Usage(1, 2, 3.0))
    assert {path.name: mode(path) for path in tmp_path.iterdir() if path.suffix != ".lock"} == dict.fromkeys(
        ("registry.json", "lines", "ledger.jsonl"), expected
    )


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o444])
def test_a_file_that_is_replaced_leaves_its_mode(tmp_path: Path, umask, kept: int) -> None:
    umask(0o022)
    path = tmp_path / "registry.json"
    path.write_text("old")
    path.chmod(kept)
    seen: set[int] = set()

    def slowly() -> Iterator[bytes]:
        (part,) = tmp_path.glob(".registry.json.*.part")
        seen.add(mode(part))
        yield b"new"

    atomic.write_bytes(path, slowly())
    assert (path.read_text(), mode(path), seen) == ("new", kept, {kept})


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "names.json"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o600)
    (tmp_path / "between").symlink_to("disk/names.json")
    path = tmp_path / "archive" / "registry.json"
    path.parent.mkdir()
    path.symlink_to(tmp_path / "between")
    atomic.write_text(path, "new")
    assert path.is_symlink()
    assert (tmp_path / "between").is_symlink()
    assert (real.read_text(), mode(real)) == ("new", 0o600)
    assert [found.name for found in real.parent.iterdir()] == ["names.json"]


def test_a_link_to_a_disk_that_is_not_there_or_in_a_circle_is_one_line_and_stays(tmp_path: Path) -> None:
    (tmp_path / "away.json").symlink_to(tmp_path / "unmounted" / "registry.json")
    (tmp_path / "one.json").symlink_to(tmp_path / "two.json")
    (tmp_path / "two.json").symlink_to(tmp_path / "one.json")
    for name, reason in (("away.json", "No such file"), ("one.json", "Too many levels of symbolic links")):
        with pytest.raises(InputError, match=f"{name}: cannot be written .{reason}"):
            atomic.write_text(tmp_path / name, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["away.json", "one.json", "two.json"]
    assert all(path.is_symlink() for path in tmp_path.iterdir())


@pytest.mark.parametrize("other_disk", [False, True])
def test_a_finished_file_is_moved_through_a_link_also_to_another_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_disk: bool
) -> None:
    real, staged, path = tmp_path / "disk" / "sites.geojson", tmp_path / "staged", tmp_path / "sites.geojson"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o640)
    path.symlink_to(real)
    staged.write_text("new")
    replace = os.replace

    def moved(one: Path, other: Path) -> None:
        if other_disk and Path(one).parent != Path(other).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(one, other)

    monkeypatch.setattr(os, "replace", moved)
    atomic.move(staged, path)
    assert path.is_symlink()
    assert (real.read_text(), mode(real), staged.exists()) == ("new", 0o640, False)
    assert [found.name for found in real.parent.iterdir()] == ["sites.geojson"]
