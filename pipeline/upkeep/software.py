"""Checks of what is installed: Python, libraries, GDAL, PROJ, the program itself, model, settings, GPU and QGIS."""

import math
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from pipeline import __version__, resources
from pipeline.errors import InputError, one_line
from pipeline.upkeep.finding import Finding, failed, ok, skipped, warn
from pipeline.upkeep.subject import Subject, said_by

OLDEST_PYTHON = (3, 11)
CONSTRAINTS = "constraints.txt"
"""The versions that leachwatch was tested with; it lies in a checkout only."""
SHOWN = ("torch", "rasterio", "numpy")
"""Libraries whose version is always told."""
NEEDED_DRIVERS = ("GTiff", "COG", "GPKG")
"""Of GDAL: looks and products are written with them."""
JPEG2000_DRIVERS = ("JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "JPEG2000")
"""Of GDAL: with one of them SAFE products and files of the Copernicus Data Space are read."""
QGIS_PROGRAMS = ("qgis", "qgis_process", "qgis-ltr", "qgis.bin")
QGIS_S = 20.0
"""How long QGIS may take to tell its version, seconds."""
OLDEST_QGIS = (3, 22)
"""Before it, time of layers is not read as our styles state it."""
NVIDIA = Path("/dev/nvidia0")
"""Is there where a driver has found a GPU."""
REBUILD = "build the environment again: make env (or pip install --force-reinstall)"


def python(found: tuple[int, int] = (sys.version_info[0], sys.version_info[1])) -> Finding:
    """Python is new enough."""
    name = "python"
    if found < OLDEST_PYTHON:
        return failed(name, f"Python {found[0]}.{found[1]}", "install Python 3.11 or newer: make env PYTHON=python3.11")
    return ok(name, f"Python {platform.python_version()} in {sys.prefix}")


def installation(metadata_version: str | None = None) -> Finding:
    """The program is a checkout or an installed package, and its metadata is of the same version."""
    name = "installation"
    where = "checkout" if resources.shipped("configs").parent == resources.CHECKOUT else "installed package"
    try:
        stated = metadata_version or version("leachwatch")
    except PackageNotFoundError:
        return warn(name, f"{where} {resources.PACKAGE}, not installed", "make env, so that `leachwatch` is a command")
    if stated != __version__:
        return warn(name, f"{where} of version {__version__}, but {stated} is what was installed", REBUILD)
    return ok(name, f"{where} of version {__version__} in {resources.PACKAGE}")


def packages(constraints: Path = resources.CHECKOUT / CONSTRAINTS) -> Finding:
    """All required libraries are there, in the versions that were tested."""
    name = "libraries"
    wanted = _required()
    missing = [each for each in wanted if _version_of(each) is None]
    if missing:
        return failed(name, f"missing: {', '.join(missing)}", REBUILD)
    shown = ", ".join(f"{each} {_version_of(each)}" for each in SHOWN)
    if not constraints.is_file():
        return skipped(name, f"{shown}; the list of tested versions does not travel with an installed package")
    pins = _pins(constraints)
    other = [
        f"{each} {found} (tested: {pins[each]})"
        for each in wanted
        if each in pins and (found := str(_version_of(each))).partition("+")[0] != pins[each]
    ]
    if other:
        more = f" and {len(other) - 4} more" if len(other) > 4 else ""
        return warn(name, f"not the versions that were tested: {', '.join(other[:4])}{more}", REBUILD)
    return ok(name, f"{shown}, and {len(wanted) - len(SHOWN)} others as tested")


def gdal(drivers: Mapping[str, str] | None = None) -> Finding:
    """GDAL can write looks and products, and read JPEG 2000."""
    import rasterio

    name, told = "gdal", f"GDAL {rasterio.__gdal_version__}"
    if drivers is None:
        with rasterio.Env() as env:
            drivers = env.drivers()
    missing = [driver for driver in NEEDED_DRIVERS if driver not in drivers]
    if missing:
        return failed(name, f"{told} without {', '.join(missing)}", REBUILD)
    if not any(driver in drivers for driver in JPEG2000_DRIVERS):
        return warn(
            name,
            f"{told} without JPEG 2000: neither SAFE products nor files of the Copernicus Data Space can be read",
            "install rasterio from its wheel: pip install --force-reinstall rasterio",
        )
    return ok(name, f"{told} with {', '.join(NEEDED_DRIVERS)} and JPEG 2000")


def projections(subject: Subject) -> Finding:
    """Coordinates can be moved between CRSs, by rasterio's PROJ and by pyproj's."""
    from pyproj import Transformer
    from pyproj.exceptions import ProjError
    from rasterio.errors import RasterioError
    from rasterio.warp import transform

    name, lonlat, utm = "projections", "EPSG:4326", "EPSG:32647"
    try:
        one = Transformer.from_crs(lonlat, utm, always_xy=True).transform(99.0, 21.9)
        xs, ys = transform(lonlat, utm, [99.0], [21.9])[:2]
        away_m = math.hypot(one[0] - xs[0], one[1] - ys[0])
    except (ProjError, RasterioError, ValueError) as cause:
        away_m, said = math.nan, f" ({one_line(cause)[:80]})"
    else:
        said = f" (they differ by {away_m:.1f} m)"
    if away_m < 0.1:
        return ok(name, "coordinates of rasterio and pyproj agree")
    foreign = [each for each in ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA") if subject.environment.get(each)]
    todo = f"unset {' and '.join(foreign)}, which names the data of another program" if foreign else REBUILD
    return failed(name, f"coordinates cannot be moved between CRSs{said}", todo)


def settings(subject: Subject) -> Finding:
    """The settings can be read and are valid."""
    from pipeline.config import load, own_defaults

    load(subject.config)
    own = [str(path) for path in own_defaults()] + ([subject.config] if subject.config else [])
    return ok("settings", f"valid: the defaults{''.join(f', then {path}' for path in own)}")


def model(subject: Subject) -> Finding:
    """The model is there, its weights are those of its card, and it is calibrated."""
    from pipeline.config import load
    from pipeline.looks.weights import load_model

    found = load_model(subject.model or load(subject.config).model, "cpu", "fp32")
    found.card.calibrated()
    return ok("model", f"{found.card.name}, weights {found.card.sha256[:12]} as on its card, calibrated")


def gpu(node: Path = NVIDIA) -> Finding:
    """A GPU that is there can be used; none is fine."""
    import torch

    name = "gpu"
    if torch.cuda.is_available():
        return ok(name, f"{torch.cuda.get_device_name(0)}, used by default")
    if node.exists():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU build"
        return warn(
            name,
            f"there is a GPU, but torch ({built}) cannot use it",
            'install a build of torch for its driver, see "CPU or GPU" in docs/install.md',
        )
    return ok(name, "none: the network runs on the processor")


def qgis() -> Finding:
    """QGIS is there and new enough to show time; it is not needed to run."""
    name = "qgis"
    program = next((path for each in QGIS_PROGRAMS if (path := shutil.which(each))), None)
    if program is None:
        return skipped(name, "not found; it is needed to look at products, not to make them", "get it from qgis.org")
    told = said_by(["env", "QT_QPA_PLATFORM=offscreen", program, "--version"], QGIS_S)
    number = re.search(r"QGIS[^\d\n]*(\d+)\.(\d+)(?:\.\d+)?", told or "")
    if number is None:
        return warn(name, f"{program} does not tell its version", "start it once by hand, and see what it says")
    if (int(number[1]), int(number[2])) < OLDEST_QGIS:
        return warn(name, f"{number[0]} in {program}", "use QGIS 3.22 or newer: older ones do not show time")
    return ok(name, f"{number[0]} in {program}")


def alerts(subject: Subject) -> Finding:
    """Where somebody is to be told, the library that tells them is installed."""
    name = "alerts"
    count = len(subject.environment.get("LEACHWATCH_ALERTS", "").split())
    if not count:
        return skipped(name, "LEACHWATCH_ALERTS is not set: nobody is told of new sites")
    if find_spec("apprise") is None:
        return failed(name, "LEACHWATCH_ALERTS is set, but Apprise is missing", "pip install 'leachwatch[alerts]'")
    return ok(name, f"{count} addresses, and Apprise {_version_of('apprise')} to reach them (none was asked)")


def _required() -> list[str]:
    """Names of the libraries that a run needs, by the metadata of this package; raises `InputError`."""
    try:
        stated = requires("leachwatch") or []
    except PackageNotFoundError as cause:
        raise InputError("leachwatch is not installed, so what it needs is not known; make env") from cause
    return [_plain(text) for text in stated if "extra ==" not in text]


def _pins(path: Path) -> dict[str, str]:
    """Tested version of each library."""
    lines = [line.partition("==") for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]
    return {_plain(name): pinned.strip() for name, _, pinned in lines if not name.startswith("#")}


def _plain(text: str) -> str:
    """Name of a library in a requirement, as the index of packages compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0]).lower()


def _version_of(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
