"""What can go wrong, and the exit code each kind ends with (`contract.md`).

PipelineError                   2   anything a person can act on; printed in one line, never as a traceback
├── InputError                  2   a command, a file or a setting is wrong
│   ├── ConfigError             2   a settings file
│   ├── AoiError                2   an area of interest
│   └── Busy                    2   another program is writing to a file
├── SceneError                  -   one acquisition cannot be used; recorded, the run goes on
│   └── SceneNotNeeded          -   it is sound, but was not asked for
├── NothingObserved             3   no scene, or no clear pixel
├── CapReached                  4   a spending limit is reached
│   └── QuotaUsed               4   the provider's own limit
├── CredentialsRefused          5   credentials are missing or refused
└── UnitsFailed                 6   some units failed; they are listed, and a second run does only those
    └── LookDamaged             6   the file of one look changed on disk; runs go on without it

Everything else that is raised is a bug and shows its traceback.
"""

import errno
import re
from pathlib import Path


class PipelineError(Exception):
    """The root: a message for a person, in one line, and an exit code."""

    exit_code = 2


class InputError(PipelineError):
    """A command, a file or a setting that the user gave is wrong."""


class ConfigError(InputError):
    """A settings file is wrong."""


class AoiError(InputError):
    """An area of interest cannot be used."""


class Busy(InputError):
    """Another program is writing to a file; nothing was changed, and later it may be."""


class SceneError(PipelineError):
    """One acquisition cannot be used; the message is the reason that `manifest.json` keeps."""


class SceneNotNeeded(SceneError):
    """An acquisition that is sound but was not asked for."""


class NothingObserved(PipelineError):
    """No scene, or no clear pixel: nothing can be said about the area."""

    exit_code = 3


class CapReached(PipelineError):
    """A spending limit is reached; what was done is kept."""

    exit_code = 4


class QuotaUsed(CapReached):
    """The provider's quota is used up; another provider may still give the same."""


class CredentialsRefused(PipelineError):
    """Credentials are missing, or the provider refused them."""

    exit_code = 5


class UnitsFailed(PipelineError):
    """Some units failed; what was done is kept."""

    exit_code = 6


class LookDamaged(UnitsFailed):
    """The file of a look is no longer what was written; the message says which, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        """Of the file at `path`; `reason` in a few words."""
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: a damaged look ({self.reason}); run again, it is made again or listed as lost"


MAX_MESSAGE = 300
"""Longest text quoted from outside in a message, characters."""
MAX_CAUSE = 220
"""Longest message of a library, characters; short enough to stay whole in a text of `MAX_MESSAGE`."""
MAX_PATH = 120
"""A path or address that is longer than this, characters, is shortened in the message of a library ..."""
SHORT_PATH = 60
"""... to at most so many characters of its end, which tells files apart."""
PATH = re.compile(rf"(?<![^\s'\"(])[^\s'\"(][^\s'\"]{{{MAX_PATH},}}")
"""What may be a path that is too long; one with spaces is shortened word by word."""
USER = re.compile(r"(?<=://)(?:[^\s'\"<>/?#]*:(?![0-9]+[/?#])[^\s'\"<>]*@|[^\s'\"<>/?#]*@)")
"""User and password of an address; also where the password holds a slash or another `@`."""
SECRET = re.compile(
    r"(?:(?<=://)(?P<place>[^\s'\"<>?#]*)[?#]|\?(?=[^\s'\"]*=))[^\s'\"<>]*?(?=[),.:;\]]*(?:[\s'\"<>]|$))"
)
"""Query and fragment of an address, and the query of a relative one, which may hold a signature."""
POINTER = "previous exception"
"""In a message of rasterio: what went wrong is told by the exception that it was raised from."""


def one_line(text: object, most: int = MAX_MESSAGE) -> str:
    """Text from outside (a file name, a library's message) in one short, printable line.

    Of one with more than `most` characters the middle is left out: the cause stands at its beginning or at its end.
    """
    line = " ".join(str(text).split())
    shown = "".join(k if k.isprintable() else k.encode("unicode_escape").decode() for k in line)
    end = most // 2
    return shown if len(shown) <= most else f"{shown[: most - end - 1]}…{shown[-end:]}"


def without_secrets(text: str) -> str:
    """Text from outside without the parts of addresses that may hold a secret: user, password, query and fragment."""
    return SECRET.sub(lambda found: found["place"] or "", USER.sub("", text))


def describe(cause: BaseException) -> str:
    """The message of a library's exception in one short line that holds the cause whole.

    Long paths are shortened first; addresses lose their user, query and fragment.
    """
    if POINTER in str(cause) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, OSError) and cause.strerror and isinstance(cause.filename, str):
        told = f"{cause.strerror}: {_shortened(without_secrets(cause.filename))!r}"
    else:
        told = PATH.sub(lambda found: _shortened(found[0]), without_secrets(str(cause)))
    return one_line(told, MAX_CAUSE) or type(cause).__name__


def _shortened(path: str) -> str:
    """The end of a long path, if possible from the beginning of a folder; other text as it is."""
    if len(path) <= MAX_PATH or not re.search(r"[/\\]", path):
        return path
    end = path[-SHORT_PATH:]
    folder = re.search(r"[/\\](?=.)", end)
    return f"…{end[folder.start() :] if folder else end}"


NEWER = "written by a newer version of leachwatch; upgrade this one"
"""What is said of a file that only a later version can read; it is left as it is."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_error(path: object, cause: OSError) -> PipelineError:
    """The one-line error for a file that could not be written.

    A full disk is `UnitsFailed` (free some space and run again: only what is missing is done);
    anything else (permission, a missing folder) must be fixed by the user first.
    """
    if cause.errno in FULL:
        return UnitsFailed(f"{path}: the disk is full; free some space and run again, what was done is kept")
    if cause.errno in (errno.EEXIST, errno.ENOTDIR):
        return InputError(f"{path}: cannot be written, a file or a dangling link is in the way; move it")
    return InputError(f"{path}: cannot be written ({cause.strerror or describe(cause)})")
