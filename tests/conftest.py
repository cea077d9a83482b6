import socket
from pathlib import Path

import pytest
from hypothesis import settings
from scenes import ALWAYS, AREA, QUIET, SMALL

from pipeline.archive import VARIABLE
from pipeline.sources.boa_offset import judgement_of
from pipeline.sources.credentials import token_cache
from pipeline.sources.stac import files_of
from pipeline.worlds.archive import build_archive

settings.register_profile("shared machine", deadline=None)  # how long an example takes says nothing there
settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated archive as a folder of scenes, built once; nobody writes into it."""
    folder = tmp_path_factory.mktemp("scenes")
    build_archive(folder, AREA, SMALL, ALWAYS, QUIET)
    return folder


@pytest.fixture(autouse=True)
def an_archive_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands keep looks and names where only their test sees them."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "archive"))


@pytest.fixture(autouse=True)
def nothing_fetched() -> None:
    """Each test begins with nothing kept of the files, judgements and tokens of another."""
    files_of.cache_clear()
    judgement_of.cache_clear()
    token_cache.cache_clear()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests reach this machine and nothing else."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
