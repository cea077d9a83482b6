"""The rooms of the package: imports point one way, importing does nothing, and nothing shared can be changed."""

import ast
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pipeline"
ROOMS = (
    "cli",
    "evaluation",
    "training",
    "worlds",
    "upkeep",
    "scan",
    "alerts",
    "desk",
    "bundle",
    "run",
    "public",
    "report",
    "export",
    "pictures",
    "reviews",
    "cuts",
    "sites",
    "evidence",
    "looks",
    "sources",
)
"""From top to bottom: each may import those to its right, and the ground."""
GROUND = (
    "progress", "logs", "cluster", "engine", "archive", "aoi", "raster", "config", "bands", "grid", "words", "months",
    "locks", "lease", "lines", "atomic", "digest", "resources", "vector_file", "gpkg", "layer_styles", "errors",
)  # fmt: skip
"""Modules that belong to no room, from top to bottom."""
OF_A_RUN = frozenset(
    {
        "upkeep", "scan", "alerts", "desk", "bundle", "run", "public", "report", "export", "pictures", "reviews",
        "cuts", "sites", "evidence", "looks",
        "sources",
    }
)  # fmt: skip
"""Rooms that a run needs; the others show, teach and measure it."""
DOORS = ("__main__", "__init__")
"""`python -m pipeline`, and the version."""
TOP_TO_BOTTOM = ("__main__", *ROOMS, *GROUND, "__init__")
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]


def room_of(module: str) -> str:
    """The room or ground file of a dotted module below the package; `__init__` for the package itself."""
    first = module.split(".")[1:2]
    return first[0] if first and first[0] in TOP_TO_BOTTOM else "__init__"


def room_of_file(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def module_of(path: Path) -> str:
    return ".".join(("pipeline", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imports(path: Path) -> list[str]:
    """Every module of the package that a file imports, at once or later; names of the package itself as well."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            if node.module and node.module.split(".")[0] == "pipeline":
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                found += [name if name in MODULES or node.module == "pipeline" else node.module for name in names]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] == "pipeline"]
    return found


def test_every_module_has_its_place() -> None:
    assert {room_of_file(path) for path in FILES} == set(TOP_TO_BOTTOM)
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} == set(ROOMS)
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*GROUND, *DOORS}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_imports_point_one_way(path: Path) -> None:
    here = room_of_file(path)
    for module in imports(path):
        there = room_of(module)
        assert there == here or TOP_TO_BOTTOM.index(here) < TOP_TO_BOTTOM.index(there), f"{here} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if room_of_file(path) in OF_A_RUN or path.parent == PACKAGE])
def test_a_run_needs_neither_worlds_nor_training_nor_evaluation(path: Path) -> None:
    assert not [module for module in imports(path) if room_of(module) in set(ROOMS) - OF_A_RUN - {"cli"}]


def test_nothing_but_the_command_line_imports_the_command_line() -> None:
    for path in FILES:
        if room_of_file(path) not in ("cli", "__main__"):
            assert "cli" not in map(room_of, imports(path)), path


def test_modules_import_each_other_in_no_circle() -> None:
    """Not within a room either, where what is imported late may hide it."""
    below = {name: set(imports(path)) & set(MODULES) for name, path in MODULES.items()}
    done: set[str] = set()

    def walk(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for module in sorted(below[name]):
                walk(module, (*above, name))
            done.add(name)

    for name in MODULES:
        walk(name, ())


def test_no_drawer_module() -> None:
    drawers = {"utils", "util", "common", "base", "helpers", "misc", "tools", "shared", "core", "lib", "types"}
    assert not {path.stem for path in FILES} & drawers
    assert not {path.name for path in PACKAGE.rglob("*") if path.is_dir()} & drawers


IMPORT_ALL = """
import importlib, io, json, pkgutil, sys, tomllib
import torch

asked = []

def noted(what, do):
    def call(*args, **kwargs):
        path = args[0] if args else kwargs.get("file")
        if what in ("is_available", "loads", "load") or str(path).endswith(".toml"):
            frame, seen = sys._getframe(1), []
            while frame is not None:
                seen.append(frame.f_globals.get("__name__", ""))
                frame = frame.f_back
            asked.append(f"{what} {path!r:.60} from {next((k for k in seen if k.startswith('pipeline')), seen[0])}")
        return do(*args, **kwargs)
    return call

tomllib.loads, tomllib.load = noted("loads", tomllib.loads), noted("load", tomllib.load)
open = __builtins__.open = io.open = noted("open", io.open)
torch.cuda.is_available = noted("is_available", torch.cuda.is_available)
import pipeline

names = [found.name for found in pkgutil.walk_packages(pipeline.__path__, "pipeline.")]
for name in names:
    if name != "pipeline.__main__":
        importlib.import_module(name)
by_imports, started = list(asked), torch.cuda.is_initialized()
from pipeline.config import load

load()  # that what is asked would be noted
torch.cuda.is_available()
print(json.dumps([names, by_imports, asked, started]))
"""


def test_importing_reads_no_settings_and_asks_for_no_device() -> None:
    """All modules of the package, imported in a new process, which then uses some."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL],
        capture_output=True, text=True, timeout=200, cwd=PACKAGE.parent, check=False, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names, by_imports, asked, started = json.loads(done.stdout.splitlines()[-1])
    assert len(names) == len(FILES) - 1  # all but the package itself
    assert by_imports == []
    assert not started
    for words in ("loads", "open", "is_available"):
        assert any(line.startswith(words) for line in asked), asked


MUTABLE = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
MAKERS = {"dict", "list", "set", "defaultdict", "Counter", "OrderedDict", "deque", "bytearray"}


def is_mutable(value: ast.expr | None) -> bool:
    """Whether an expression makes something that can be changed; `MappingProxyType({...})` is not looked into."""
    if isinstance(value, ast.BinOp):
        return is_mutable(value.left) or is_mutable(value.right)
    if isinstance(value, ast.IfExp):
        return is_mutable(value.body) or is_mutable(value.orelse)
    if isinstance(value, ast.Call):
        made = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return made in MAKERS
    return isinstance(value, MUTABLE)


def constants(path: Path) -> list[tuple[str, int, ast.expr | None]]:
    """Name, line and value of each assignment of a module itself."""
    found: list[tuple[str, int, ast.expr | None]] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                values = node.value.elts if isinstance(node.value, ast.Tuple) and len(names) > 1 else [node.value]
                for k, name in enumerate(names):
                    if isinstance(name, ast.Name):
                        found.append((name.id, node.lineno, values[min(k, len(values) - 1)]))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append((node.target.id, node.lineno, node.value))
    return found


def test_no_module_holds_what_another_could_change() -> None:
    """Constants are tuples, frozensets and `MappingProxyType`."""
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{line} {name}"
        for path in FILES
        for name, line, value in constants(path)
        if is_mutable(value)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["{}", "[1]", "{1}", "{k: 1 for k in x}", "dict(a=1)", "set()", "[1] + x", "x if y else []"]
)
def test_what_can_be_changed_is_recognised(text: str) -> None:
    assert is_mutable(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize("text", ["()", "MappingProxyType({})", "frozenset({1})", "tuple([1])", "1", "'x'", "f([1])"])
def test_what_cannot_be_changed_is_recognised(text: str) -> None:
    assert not is_mutable(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    "name", ["ALIGN_PX", "PIXEL_M", "LONLAT", "LEVELS", "CLEAR_RADIUS_PX", "UNCALIBRATED", "CARD", "WEIGHTS"]
)
def test_a_constant_is_defined_in_one_place(name: str) -> None:
    places = [path.relative_to(PACKAGE).as_posix() for path in FILES for found, *_ in constants(path) if found == name]
    assert len(places) == 1, places


def test_no_two_sizes_of_a_run_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        if room_of_file(path) in OF_A_RUN or path.parent == PACKAGE:
            for name, _, _ in constants(path):
                if name.isupper() and name.endswith(("_PX", "_M", "_M2", "_KM2")):
                    places[name].append(path.relative_to(PACKAGE).as_posix())
    assert not {name: files for name, files in places.items() if len(files) > 1}


START = """
import json, sys
import pipeline.cli.detect, pipeline.cli.run_options
import pipeline.export.publication, pipeline.looks.weights, pipeline.progress, pipeline.run.context, pipeline.run.detect
import pipeline.sources.folder
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
NOT_AT_START = {
    "geopandas",
    "jinja2",
    "matplotlib",
    "pandas",
    "pyogrio",
    "pystac",
    "pystac_client",
    "requests",
    "sentinelhub",
    "sklearn",
}


def test_a_run_on_local_files_starts_without_what_it_does_not_need() -> None:
    """They take longer to import than the first look to make."""
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    assert not NOT_AT_START & set(json.loads(done.stdout))
