"""Checks of credentials and of who may read or change private files. Nothing is sent, and no secret is shown."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import InputError
from pipeline.sources.credentials import CDSE_KEYS, CDSE_POINTER, PLANETARY_KEY
from pipeline.sources.sentinel_hub.auth import BASE_URL, DEPLOYMENTS, PREFIXES, TOKEN_URL, address, pointer
from pipeline.upkeep.finding import Finding, failed, ok, skipped, warn
from pipeline.upkeep.subject import Subject

PRIVATE_MODE = 0o600
ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
"""A line of an environment file."""
PLAUSIBLE = re.compile(r"[!-~]{8,512}")
"""Form of an id, a key or a secret: printable, and without blanks."""
PLACEHOLDER = re.compile(
    r"^(?:x+|\*+|\.+|<.*>|\$\{?\w+\}?|(?:your|my|the)[-_ ].*|.*change[-_]?me.*|secret|todo)$", re.I
)
"""What stands in examples."""
STATUS = Path("/proc/self/status")
"""Tells the umask of this process without changing it."""


def earthsearch(_: Subject) -> Finding:
    """Earth Search needs no credentials."""
    return ok("earthsearch", "needs no credentials: SOURCE=stac")


def planetary(subject: Subject) -> Finding:
    """The Planetary Computer needs none; a key that is set must have the form of one."""
    name = "planetary"
    key = _variables(subject).get(PLANETARY_KEY, "").strip()
    if not key:
        return ok(name, "needs no credentials: SOURCE=stac SCENES=planetary")
    wrong = _fault(key)
    if wrong:
        return failed(name, f"{PLANETARY_KEY} {wrong}", f"set {PLANETARY_KEY} anew, or unset it: it is optional")
    return ok(name, f"{PLANETARY_KEY} is set{_where(subject, PLANETARY_KEY)}")


def cdse(subject: Subject) -> Finding:
    """A key for the files of the Copernicus Data Space is set whole and has the form of one."""
    return _pair(subject, "cdse", CDSE_KEYS, "SOURCE=stac SCENES=cdse", CDSE_POINTER)


def sentinel_hub(subject: Subject) -> Finding:
    """A client of Sentinel Hub is set whole and has the form of one, and goes to an address that may have it."""
    name, names = "sentinelhub", tuple((f"{prefix}CLIENT_ID", f"{prefix}CLIENT_SECRET") for prefix in PREFIXES)
    try:
        for variable, usual in ((BASE_URL, DEPLOYMENTS["cdse"].base_url), (TOKEN_URL, DEPLOYMENTS["cdse"].token_url)):
            address(variable, usual)
    except InputError as cause:
        return failed(name, str(cause), f"unset {BASE_URL} and {TOKEN_URL}, unless you have a proxy of your own")
    return _pair(subject, name, names, "SOURCE=sentinelhub, which costs processing units", pointer(DEPLOYMENTS["cdse"]))


def environment_file(subject: Subject) -> Finding:
    """The file that scheduled scans read credentials from is private and can be read by systemd."""
    name, path = "environment file", subject.environment_file
    try:
        found = path.stat()
    except FileNotFoundError:
        return skipped(name, f"there is no {path}: scheduled scans have no credentials")
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        return failed(name, f"{path} is no file", f"put an ordinary file there, for you alone: chmod 600 {path}")
    if mode != PRIVATE_MODE:
        return failed(name, f"{path} has mode {mode:o}: others may read what is in it", f"chmod 600 {path}")
    if found.st_uid != os.geteuid():
        return failed(name, f"{path} belongs to another user", f"make it yours: chown $(id -un) {path}")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    odd = [
        number
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith(("#", ";")) and not _is_assignment(line)
    ]
    if odd:
        return failed(name, f"{path}, line {odd[0]} is not read by systemd", "write NAME=value, without `export`")
    names = sorted(_in_file(path))
    return ok(name, f"{path}, mode 600, with {', '.join(names) or 'nothing in it'}")


def permissions(subject: Subject) -> Finding:
    """Nobody else can change the archive or the products."""
    name = "permissions"
    places = [subject.archive, subject.out, *sorted(subject.archive.glob("*.json*")), subject.environment_file.parent]
    open_to_all = [
        path for path in places if path.exists() and path.stat().st_mode & stat.S_IWOTH and not _sticky(path)
    ]
    if open_to_all:
        return failed(name, f"anybody may change {open_to_all[0]}", f"chmod -R o-w {open_to_all[0]}")
    umask = _umask()
    if umask is not None and not umask & stat.S_IWOTH:
        return warn(name, f"umask {umask:03o}: anybody may change what is written", "put `umask 022` into ~/.profile")
    told = "" if umask is None else f"; umask {umask:03o}"
    return ok(name, f"nobody else may change the archive or the products{told}")


def _pair(subject: Subject, name: str, names: tuple[tuple[str, str], ...], use: str, how: str) -> Finding:
    """A key and its secret, by the first pair of variables that is set whole."""
    known = _variables(subject)
    for pair in names:
        values = [known.get(each, "").strip() for each in pair]
        if all(values):
            wrong = next((f"{each} {fault}" for each, k in zip(pair, values, strict=True) if (fault := _fault(k))), "")
            wrong = wrong or ("the key and its secret are the same" if values[0] == values[1] else "")
            if wrong:
                return failed(name, wrong, how)
            return ok(name, f"{' and '.join(pair)} are set{_where(subject, pair[0])}; not tried: {use}")
    halves = [(pair, each) for pair in names for each in pair if known.get(each, "").strip()]
    if halves:
        (pair, given) = halves[0]
        missing = next(each for each in pair if each != given)
        return failed(name, f"{given} is set, but {missing} is not", how)
    return skipped(name, "no credentials: this provider cannot be used", how)


def _fault(secret: str) -> str:
    """What is wrong with the form of a secret, in words that hold no part of it; empty: nothing."""
    if secret[0] in "'\"" or secret[-1] in "'\"":
        return "holds a quotation mark at its beginning or end"
    if PLACEHOLDER.match(secret):
        return "is what stands in an example"
    if not PLAUSIBLE.fullmatch(secret):
        return "does not have the form of one (8 to 512 printable characters without blanks)"
    return ""


def _variables(subject: Subject) -> Mapping[str, str]:
    """Variables of the file for scheduled scans, and over them those of this process."""
    set_here = {name: text for name, text in subject.environment.items() if text.strip()}
    return {**_in_file(subject.environment_file), **set_here}


def _where(subject: Subject, name: str) -> str:
    if subject.environment.get(name, "").strip():
        return ""
    return f" in {subject.environment_file} only, for scheduled scans"


def _in_file(path: Path) -> dict[str, str]:
    """Variables in an environment file; none where there is none that can be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # `environment_file` tells
        return {}
    found = (ASSIGNMENT.fullmatch(line.strip()) for line in lines)
    return {match[1]: _unquoted(match[2].strip()) for match in found if match}


def _unquoted(text: str) -> str:
    """A value without the quotation marks around it, as systemd reads it."""
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"" else text


def _is_assignment(line: str) -> bool:
    return bool(ASSIGNMENT.fullmatch(line.strip())) and not line.lstrip().startswith("export")


def _sticky(path: Path) -> bool:
    """Whether a folder is one such as /tmp, in which everybody changes only what is theirs."""
    return path.is_dir() and bool(path.stat().st_mode & stat.S_ISVTX)


def _umask() -> int | None:
    """The umask of this process; None where the system does not tell it."""
    try:
        found = re.search(r"^Umask:\s*([0-7]+)$", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1], 8) if found else None
