"""A parser whose errors are one line, and what commands share in their descriptions."""

import argparse
import difflib
import re
import sys
from typing import NoReturn

EXITS = """exit codes:
  0  done; everything asked for was looked at, or its absence is recorded
  2  usage, settings or input are wrong: one line says what and where
  3  nothing could be observed (no scene, or no clear pixel)
  4  a limit of spending, or the provider's quota, is reached; what was done is kept
  5  the provider refused the credentials
  6  some looks failed: they are listed in manifest.json, and a second run does only those"""


class Parser(argparse.ArgumentParser):
    """Errors in one line, with the nearest thing that would have worked."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2 and one line."""
        unknown = re.search(r"unrecognized arguments: (\S+)|invalid choice: '([^']*)'", message)
        if unknown:
            word = unknown[1] or unknown[2]
            near = difflib.get_close_matches(word.split("=")[0], self._words(), n=1)
            message += f"; did you mean {near[0]}?" if near else f"; see {self.prog} --help"
        self.exit(2, f"{self.prog}: error: {message}\n")

    def _words(self) -> list[str]:
        words: list[str] = []
        for action in self._actions:
            words += action.option_strings or list(action.choices or ())
            for choice in (action.choices or {}).values() if isinstance(action.choices, dict) else ():
                words += choice._words() if isinstance(choice, Parser) else []
        return words


def command(commands: "argparse._SubParsersAction[Parser]", name: str, description: str, epilog: str = "") -> Parser:
    """A command with its help: the first line of `description` stands in the list of commands."""
    return commands.add_parser(
        name,
        help=description.splitlines()[0],
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def fail(message: str, code: int) -> int:
    """Tell an error in one line; returns the exit code."""
    print(f"leachwatch: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return code
