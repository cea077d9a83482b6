"""Imports point one way: from the top of this list to the bottom, never back."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "pipeline"
TOP_TO_BOTTOM = (
    "__main__", "cli", "evaluation", "training", "scan", "estimate", "summary", "export", "registry", "confidence", "history", "states", "sites", "cells", "fuse", "coverage",
    "jumps",
    "checked", "looks", "engine", "segment", "weights", "network", "clear", "sources", "worlds", "interface", "spending", "aoi", "progress",
    "raster", "config", "grid", "bands", "atomic", "errors",
)  # fmt: skip
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    parts = module.split(".")[1:]
    if parts[:2] == ["sources", "interface"]:
        return "interface"  # what every source gives, known to those that are given it
    return parts[0] if parts else "__init__"


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pipeline"):
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.startswith("pipeline")]
    return [name for name in found if name != "pipeline"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    here = room_of(".".join(("pipeline", *path.relative_to(PACKAGE).with_suffix("").parts)))
    for module in imports(path):
        there = room_of(module)
        assert there == here or TOP_TO_BOTTOM.index(here) < TOP_TO_BOTTOM.index(there), f"{here} imports {there}"


def test_a_run_needs_neither_training_nor_evaluation() -> None:
    rooms = {"training", "evaluation"}
    for path in FILES:
        if not rooms & set(path.parts) and "cli" not in path.parts:
            assert not [m for m in imports(path) if room_of(m) in rooms], path


def test_no_drawer_module() -> None:
    assert not {path.stem for path in FILES} & {"utils", "common", "base", "helpers", "misc"}
