"""What is installed: every room and every file that travels with it, in versions that were tested."""

import fnmatch
import re
import tomllib
from pathlib import Path

import pytest

import pipeline
from pipeline import resources

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def test_every_room_is_packaged() -> None:
    files = [path for path in (ROOT / "pipeline").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in files}
    assert rooms == {name for name in SETUPTOOLS["packages"] if not name.startswith("pipeline.data.")}


def test_every_file_of_a_room_travels() -> None:
    patterns = ("*.py", *SETUPTOOLS["package-data"]["*"])
    files = [path for path in (ROOT / "pipeline").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert not [path for path in files if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)]


@pytest.mark.parametrize("kind", ["aoi", "backgrounds", "configs", "models"])
def test_every_file_that_is_needed_travels(kind: str) -> None:
    assert SETUPTOOLS["package-dir"][f"pipeline.data.{kind}"] == kind
    files = [path for path in (ROOT / kind).rglob("*") if path.is_file() and not path.parent.name.startswith(".")]
    folders = {".".join(("pipeline", "data", *path.parent.relative_to(ROOT).parts)) for path in files}
    assert folders <= set(SETUPTOOLS["packages"])
    patterns = SETUPTOOLS["package-data"]["*"]
    left = [path.name for path in files if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)]
    assert set(left) <= {"curve.csv"}, left  # the course of a training is for the checkout


def test_the_installed_place_comes_before_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "aoi").mkdir(parents=True)
    assert resources.shipped("aoi") == ROOT / "aoi"
    monkeypatch.setattr(resources, "PACKAGE", tmp_path)
    assert resources.shipped("aoi") == tmp_path / "data" / "aoi"


def test_the_users_own_files_are_found_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resources.folders("aoi") == (ROOT / "aoi",)
    (tmp_path / "aoi").mkdir()
    (tmp_path / "aoi" / "shan.geojson").write_text("{}")
    assert resources.find("aoi", "shan.geojson") == Path("aoi", "shan.geojson")
    assert resources.find("aoi", "wa.geojson") == ROOT / "aoi" / "wa.geojson"
    assert "wa" in resources.names("aoi", "*.geojson")


def test_every_dependency_is_pinned_and_every_pin_is_a_release() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines}
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), "no local builds, addresses or paths"
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    for requirement in wanted:
        name = re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()
        assert name in pins, f"{name} is not in constraints.txt; run make lock"


def test_the_version_stands_once() -> None:
    assert SETUPTOOLS["dynamic"]["version"] == {"attr": "pipeline.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", pipeline.__version__)
