"""README and docs cannot rot: their commands parse, their links lead somewhere, their tables are what the program says."""

import re
import shlex
from contextlib import nullcontext
from pathlib import Path

import pytest
from test_make import made, options_of

from pipeline.cli import parser
from pipeline.cli.parser import EXITS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))


def commands(page: Path) -> list[str]:
    """The lines of its shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


SHOWN = [(page.name, line) for page in PAGES for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), [(page, line) for page, line in SHOWN if line.startswith("make ")])
def test_make_commands_parse(page: str, line: str) -> None:
    _, target, *variables = shlex.split(line, comments=True)
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}"
    given = dict(variable.split("=", 1) for variable in variables)
    if target in ("detect", "estimate", "simulate", "train", "evaluate", "doctor"):
        known = {option[2:].upper().replace("-", "_") for option in options_of(target)}
        assert set(given) <= known, f"make {target} passes no {set(given) - known}"
        parser().parse_args(made(target, **given))
    else:
        assert all(re.search(rf"^{name} \?=", makefile, re.MULTILINE) for name in given)


@pytest.mark.parametrize(("page", "line"), [(p, line) for p, line in SHOWN if re.match(r"(\S*bin/)?leachwatch ", line)])
def test_leachwatch_commands_parse(page: str, line: str) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    with pytest.raises(SystemExit) if "--help" in arguments else nullcontext():
        parser().parse_args(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_exit_codes_are_those_of_the_help() -> None:
    table = dict(re.findall(r"^\| (\d) \| (.*) \|$", README.read_text(), re.MULTILINE))
    helped = dict(re.findall(r"^  (\d)  (.*)$", EXITS, re.MULTILINE))
    assert table == helped


def test_the_readme_is_short_and_its_commands_are_many() -> None:
    assert len(README.read_text().splitlines()) <= 95
    assert len(commands(README)) >= 7


def test_ci_calls_the_readmes_test_command() -> None:
    ci, makefile = (ROOT / ".ci" / "run").read_text(), (ROOT / "Makefile").read_text()
    assert "make check" in commands(README)
    assert re.search(r"^step make check$", ci, re.MULTILINE)
    (recipe,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert "$(MAKE) --no-print-directory test" in recipe
    (recipe,) = re.findall(r"^test:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert "-m pytest" in recipe
