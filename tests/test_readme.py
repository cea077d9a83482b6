"""The README cannot rot: every command in it is one that exists, with options that exist."""

import re
import shlex
from pathlib import Path

import pytest

from pipeline.cli import parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_make_commands_of_the_readme_exist(line: str) -> None:
    _, target, *variables = shlex.split(line)
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"no target {target}"
    for variable in variables:
        name = variable.split("=")[0]
        assert re.search(rf"\b{name}\b", MAKEFILE), f"the Makefile knows no {name}"
        if target == "detect":
            parser().parse_args(
                ["detect", "--aoi", "x", *([f"--{name.lower()}", "2025-01"] if name in ("FROM", "TO") else [])]
            )


@pytest.mark.parametrize("line", [line for line in COMMANDS if "bin/leachwatch" in line])
def test_leachwatch_commands_of_the_readme_parse(line: str) -> None:
    arguments = shlex.split(line)[1:]
    with pytest.raises(SystemExit) if "--help" in arguments else __import__("contextlib").nullcontext():
        parser().parse_args(arguments)


def test_every_option_of_detect_is_a_make_variable() -> None:
    detect = next(a for a in parser()._actions if a.dest == "command").choices["detect"]  # type: ignore[index]
    for option in (o for a in detect._actions for o in a.option_strings if o.startswith("--") and o != "--help"):
        assert re.search(rf"\b{option[2:].upper().replace('-', '_')}\b", MAKEFILE), option


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 7


def test_ci_calls_the_readmes_test_command() -> None:
    assert "make check" in (ROOT / ".ci" / "run").read_text()
    assert "make check" in COMMANDS
    assert "$(MAKE) --no-print-directory test" in MAKEFILE
