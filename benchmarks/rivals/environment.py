"""The environment of a rival: what is installed where, built once and built again when that changes.

What does not build or does not import is `Unavailable` with a reason in one line; the others are compared all the same.
"""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
FOLDER = ROOT / ".bench"
"""Where the environments are built, one folder each; git ignores it."""
TORCH = "torch==2.13.0"
"""The same torch for all, as in `constraints.txt`, in the build that pip chooses."""
COMMON = ("numpy", "rasterio>=1.4", "pydantic>=2.7", "safetensors>=0.4")
"""What the shipped network, and reading and writing of rasters, need."""
DONE = ".done"
"""File in an environment that is complete: the hash of what is installed in it."""
REGISTRATIONS = ("_meta_registrations", "_autograd_registrations")
"""What torchvision registers for its compiled operators, which it cannot do where torch is a build without them."""
ERROR_CHARACTERS = 160
"""Longest reason that is shown."""


class Unavailable(Exception):
    """A rival cannot be run here, and why, in one line."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A library to compare with."""

    name: str
    """Name of its module in `rivals`, and of its folder."""
    package: str
    """The package, pinned to the version that is compared."""
    alone: bool = False
    """Whether it is installed without its dependencies, because the part that is compared needs none of them."""
    extras: tuple[str, ...] = ()
    """What it needs but does not ask for."""

    @property
    def folder(self) -> Path:
        """Its environment."""
        return FOLDER / self.name

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.folder / "bin" / "python"


RIVALS = (
    Rival("torchgeo", "torchgeo==0.8.1", extras=("requests",)),
    Rival("omnicloudmask", "omnicloudmask==1.8.1"),
    Rival("geoai", "geoai-py==0.40.1", alone=True, extras=("tqdm",)),
    Rival("terratorch", "terratorch==1.2.11"),
)


def is_built(rival: Rival) -> bool:
    """Whether the environment of a rival is there, complete, and as it is wanted now."""
    done = rival.folder / DONE
    return rival.python.exists() and done.is_file() and done.read_text() == _digest(rival)


def build(rival: Rival) -> None:
    """Build the environment of a rival anew and try it; raises `Unavailable`."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{rival.name}.log").unlink(missing_ok=True)
    constraints = FOLDER / "constraints.txt"
    constraints.write_text(f"{TORCH}\n")
    _call(rival, [sys.executable, "-m", "venv", "--clear", str(rival.folder)])
    pip = [str(rival.python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    for step in _steps(rival):
        _call(rival, [*pip, "--constraint", str(constraints), *step])
    _mend_torchvision(rival)
    _call(rival, [str(rival.python), "-c", f"import rivals.{rival.name}"])
    (rival.folder / DONE).write_text(_digest(rival))


def environment_of() -> dict[str, str]:
    """Environment variables under which any interpreter finds the network and the scripts of the benchmark."""
    return os.environ | {
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "benchmarks"))),
        "PYTHONWARNINGS": "ignore",
    }


def _steps(rival: Rival) -> list[list[str]]:
    """Arguments of pip, one list per call: torch first, so that the rest is fitted to it."""
    package = [*(["--no-deps"] if rival.alone else []), rival.package]
    return [[TORCH], package, [*COMMON, *rival.extras]]


def _digest(rival: Rival) -> str:
    """Hash of what decides what is installed."""
    return hashlib.sha256(repr((_steps(rival), sys.version_info[:2])).encode()).hexdigest()


def _mend_torchvision(rival: Rival) -> None:
    """Let torchvision be imported with a torch for which its operators are not built; no rival needs them here."""
    for path in rival.folder.glob("lib/python*/site-packages/torchvision/__init__.py"):
        if _fails(rival, "import torchvision"):
            path.write_text(re.sub(rf"\b({'|'.join(REGISTRATIONS)}),\s*", "", path.read_text()))


def _fails(rival: Rival, code: str) -> bool:
    return subprocess.run([str(rival.python), "-c", code], capture_output=True, check=False).returncode != 0


def _call(rival: Rival, command: list[str]) -> None:
    """Run one step of a build, with what it prints in a file beside the environment; raises `Unavailable`."""
    log = FOLDER / f"{rival.name}.log"
    result = subprocess.run(
        command, env=environment_of(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{result.stdout}")
    if result.returncode:
        raise Unavailable(reason_in(result.stdout))


def reason_in(output: str) -> str:
    """The line of a failed program's output that says most: the last that tells of an error, or the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["failed without a word"])[-1][:ERROR_CHARACTERS]
