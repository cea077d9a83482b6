"""Make passes every option of the commands, and each option that it passes exists."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from pipeline.cli import parser

ROOT = Path(__file__).parent.parent
TARGETS = (
    "detect", "scan", "schedule", "unschedule", "status", "review", "doctor", "backup", "restore", "estimate", "simulate",
    "train", "evaluate", "export", "cuts", "precision",
)  # fmt: skip
FLAGS = {
    "--limits", "--replay", "--no-screen", "--print", "--cron", "--live", "--merge", "--public", "--no-browser",
}  # fmt: skip


def options_of(command: str) -> set[str]:
    """The long options of a command."""
    commands = next(action for action in parser()._actions if action.dest == "command")
    actions = commands.choices[command]._actions
    return {name for action in actions for name in action.option_strings if name.startswith("--")} - {"--help"}


def made(target: str, **variables: str) -> list[str]:
    """The arguments that a target calls its command with; nothing is run."""
    words = [f"{name}={value}" for name, value in variables.items()]
    said = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target, *words],
        capture_output=True, text=True, cwd=ROOT, check=True,
    ).stdout  # fmt: skip
    (line,) = [line for line in said.splitlines() if re.match(rf"\S*leachwatch {target}\b", line)]
    return shlex.split(line)[1:]


@pytest.mark.parametrize("target", TARGETS)
def test_every_option_of_a_command_is_a_make_variable(target: str) -> None:
    options = options_of(target)
    values = {option: "1" if option in FLAGS else f"value of {option}" for option in options}
    arguments = made(target, **{option[2:].upper().replace("-", "_"): value for option, value in values.items()})
    assert {word for word in arguments if word.startswith("--")} == options
    for option, value in values.items():
        if option not in FLAGS:
            assert arguments[arguments.index(option) + 1] == value


@pytest.mark.parametrize("target", TARGETS)
def test_variables_that_are_not_given_pass_nothing(target: str) -> None:
    given = ["--aoi", "shan"] if "--aoi" in options_of(target) else []
    assert made(target) == [target, *given]


def test_every_target_is_listed_in_the_help() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    shown = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    for target in set(phony.split()) - {"help", "FORCE"}:
        assert re.search(rf"\bmake {target}\b", shown), target


def test_restore_takes_its_file_from_a_variable() -> None:
    assert made("restore", FROM_FILE="a b.zip") == ["restore", "a b.zip"]
