from collections.abc import Iterator
from pathlib import Path

from pipeline import atomic


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
