"""Scans that are cut off: at each change they make to a disk, at any moment, by a full disk or a folder that is shut.

A scan runs in a child process of its own, forked from one that has imported everything, so that hundreds take minutes.
Changes to files are counted by an audit hook, and the child is killed, or told that the disk is full, before one of them.
Whatever happens, a scan that is left to end must then leave what an undisturbed one leaves.
"""

import argparse
import errno
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyogrio  # noqa: F401 - nor must what a scan imports late be cut off by a limit of memory
import torch
from scenes import ALWAYS, AREA, PLACE, QUIET, SIMULATION, SMALL, aoi, run_of

from pipeline import lines
from pipeline.alerts.message import Bar
from pipeline.alerts.outbox import SENT, Outbox
from pipeline.alerts.send import TWICE, Target, deliver
from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.config import Settings, load
from pipeline.errors import PipelineError, write_error
from pipeline.export.publication import REVIEWS
from pipeline.reviews.file import ReviewsFile
from pipeline.scan.scan import Asked, Bounds, scan
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period
from pipeline.worlds.archive import build_archive, simulation_of

TODAYS = (date(2025, 3, 6), date(2025, 5, 6))
"""Days of the scans: the first opens with five months, the second adds two."""
PRODUCTS = (
    "sites.geojson", "sites.gpkg", "sites.qml", "coverage.geojson", "coverage.qml", "context.geojson", "report.html",
    "manifest.json",
)  # fmt: skip
MAY_DIFFER = ("at", "seconds", "made", "n_bytes", "written")
"""What a record or a message says that depends on when it was made, and on what was there already."""
WRITES = frozenset({"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"})
IDS = re.compile(r"^\[(.+)\]$", re.MULTILINE)
LIMIT_S = 300.0


@dataclass(frozen=True)
class Place:
    """Where a scan works, and who is told."""

    folder: Path
    scenes: Path
    area: Aoi = AREA
    simulation: str = SIMULATION
    """Id of the simulation whose scenes these are."""

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def heard(self) -> Path:
        """What arrived, one message after the other."""
        return self.folder.with_name(f"{self.folder.name}.heard")

    def scan(self) -> int:
        """All scans, one after the other; returns the exit code of the last."""
        code = 0
        for today in TODAYS:
            source = FolderSource(self.scenes, name="simulated", simulation=self.simulation)
            context = replace(run_of(self.area, source, serial(), Period(None, None), self.out), today=today)
            scanned = scan(context, Asked(), Bounds(), Bar())
            code = scanned.exit_code
            deliver(Outbox(context.archive.outbox(self.area.name)), [self.target], context.progress)
        return code

    @property
    def target(self) -> Target:
        def hear(title: str, text: str, loud: bool) -> None:
            # By one call, as a server would have it at once, and not counted as a change of the scan's own.
            file = os.open(self.heard, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, json.dumps([title, text]).encode() + b"\n")
            os.close(file)

        return Target("ear", "test", hear)

    def messages(self) -> list[str]:
        """The texts that arrived."""
        if not self.heard.exists():
            return []
        return [json.loads(line)[1] for line in self.heard.read_text().splitlines()]


def serial() -> Settings:
    base = load(None)
    return base.model_copy(update={"engine": base.engine.model_copy(update={"workers": 1})})


Fault = Callable[[str, str], None]
"""Called with the kind of each change and the path, before it is made."""


def watched(place: Place, fault: Fault) -> None:
    """Call `fault` before each change to a file of a place; for ever, so in a child only."""
    inside = str(place.folder) + os.sep
    busy = False

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal busy
        if busy or not (event in WRITES or (event == "open" and _writes(args))):
            return
        path = os.fspath(args[0]) if args and isinstance(args[0], (str, bytes, os.PathLike)) else ""
        path = path.decode() if isinstance(path, bytes) else path
        if path.startswith(inside):
            busy = True
            try:
                fault(event, path)
            finally:
                busy = False

    sys.addaudithook(hook)


def _writes(args: tuple[object, ...]) -> bool:
    flags = args[2] if len(args) > 2 else 0
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int
    """Exit code of the scan; -9 = killed, 99 = a traceback."""
    told: str
    """The error, in one line or as a traceback."""


def in_child(place: Place, fault: Fault | None = None, kill_after_s: float | None = None) -> Ended:
    """Scan in a forked child, with a fault or killed after a time."""
    place.folder.mkdir(parents=True, exist_ok=True)
    told = place.folder.with_name(f"{place.folder.name}.told")
    told.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        code, text = 99, ""
        try:
            torch.set_num_threads(1)
            if fault is not None:
                watched(place, fault)
            code = place.scan()
        except PipelineError as error:
            code, text = error.exit_code, str(error)
        except OSError as error:
            if error.filename is None:
                text = traceback.format_exc()
            else:  # as the command does
                wrapped = write_error(error.filename, error)
                code, text = wrapped.exit_code, str(wrapped)
        except MemoryError:
            code, text = 6, "there is not enough memory"  # as the command says
        except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
            text = traceback.format_exc()
        finally:
            told.write_text(text)
            os._exit(code)
    begun = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - begun > (LIMIT_S if kill_after_s is None else kill_after_s):
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.005)
    return Ended(os.waitstatus_to_exitcode(status), told.read_text() if told.exists() else "")


def changes(place: Place) -> list[tuple[str, str]]:
    """Every change that an undisturbed scan makes, in order."""
    record = place.folder.with_name(f"{place.folder.name}.changes")
    record.unlink(missing_ok=True)

    def note(event: str, path: str) -> None:
        with record.open("a") as file:
            file.write(json.dumps([event, path.removeprefix(str(place.folder))]) + "\n")

    ended = in_child(place, note)
    assert ended.code == 0, ended.told
    return [tuple(json.loads(line)) for line in record.read_text().splitlines()]


def before(number: int, do: Callable[[], None]) -> Fault:
    """A fault at the change of some number, from 0."""
    count = -1

    def fault(event: str, path: str) -> None:
        nonlocal count
        count += 1
        if count == number:
            do()

    return fault


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


NEEDS_SPACE = frozenset({"open", "os.mkdir", "os.link"})


def refused(first: int, number: int) -> Fault:
    """The operating system says no to the change of some number, from 0, and to all later ones that it would refuse."""
    count = -1

    def fault(event: str, path: str) -> None:
        nonlocal count
        count += 1
        if count >= first and (number != errno.ENOSPC or event in NEEDS_SPACE):
            raise OSError(number, os.strerror(number), path)

    return fault


def left_by(place: Place) -> dict[str, object]:
    """What a scan leaves that people and later scans rely on, without what may differ."""
    archive, where = place.out / "archive", str(place.folder).encode()
    project = f"{place.area.name}.qgz"
    found: dict[str, object] = {name: (place.out / name).read_bytes() for name in (*PRODUCTS, project)}
    for path in sorted(archive.glob("registry*.json")):
        found[path.name] = path.read_bytes()
    for path in sorted((*archive.glob("looks*/*/*/*.tif"), *archive.glob("cuts*/*/*.tif"))):
        found[str(path.relative_to(archive))] = path.read_bytes()
    for path in sorted((place.out / "pictures").glob("*")):
        found[f"pictures/{path.name}"] = path.read_bytes()
    rows = ReviewsFile(place.out / REVIEWS).rows()
    found[REVIEWS] = [(row.site_id, row.verdict, row.added, row.first, row.polygon.wkt) for row in rows]
    for path in sorted((archive / "scans").glob("*.jsonl")):
        rows = [_same(json.loads(row.replace(where, b"PLACE"))) for row in lines.read(path).rows]
        found[path.name] = [row for row in rows if row["outcome"] not in ("failed", "unfinished")]
    for path in sorted((archive / "outbox").glob("*/*.json")):
        letter = _same(json.loads(path.read_bytes().replace(where, b"PLACE")))
        if letter["kind"] != "failed":
            found[f"letter {letter['id']}"] = {**letter, "number": 0}
    return found


def _same(row: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in row.items() if key not in MAY_DIFFER}


def faults_of(place: Place, usual: dict[str, object]) -> Iterator[str]:
    """What is wrong after a scan that was left to end; nothing, if all is well."""
    now = left_by(place)
    for name in sorted(set(now) | set(usual)):
        if now.get(name) != usual.get(name):
            yield f"{name} differs"
    for path in place.folder.rglob("*"):
        if re.search(r"\.lease$|\.new$|^pending", path.name):
            yield f"{path.relative_to(place.folder)} was left"
    heard: Counter[str] = Counter()
    for text in place.messages():
        ids = IDS.findall(text)[-1].split(", ")
        heard.update(name for name in ids if "-failed-" not in name)
        if TWICE in text:
            heard.subtract(name for name in ids if "-failed-" not in name and heard[name] > 1)
    letters = {name.removeprefix("letter ").replace(" ", "_") for name in usual if name.startswith("letter ")}
    if dict(heard) != dict.fromkeys(letters, 1):
        yield f"told {dict(heard)} and not each of {letters} once"
    waiting = Outbox(Archive(place.out / "archive", place.simulation).outbox(place.area.name)).open()
    if waiting:
        yield f"{SENT}: {len(waiting)} messages still wait"


def half_written(place: Place) -> Iterator[str]:
    """Products that somebody who opens them now would find broken."""
    for name in ("sites.geojson", "coverage.geojson", "manifest.json"):
        if (place.out / name).exists():
            try:
                json.loads((place.out / name).read_text())
            except ValueError:
                yield f"{name} is half written"
    package = place.out / "sites.gpkg"
    if package.exists():
        with sqlite3.connect(f"file:{package}?mode=ro", uri=True) as file:
            if file.execute("pragma integrity_check").fetchone() != ("ok",):
                yield f"{package.name} is half written"
        file.close()


def small_world(folder: Path) -> Callable[[str], Place]:
    """A world as small as can be that has two sites; returns what makes a new place to scan it."""
    area = aoi(PLACE.grown(80))
    settings = SMALL.model_copy(update={"worlds": 1, "world_px": 256, "seed": 1})
    build_archive(folder / "scenes", area, settings, ALWAYS, QUIET)
    simulation = simulation_of(area, settings)
    return lambda name: Place(folder / name / "place", folder / "scenes", area, simulation)


Tries = dict[str, list[Callable[[Place], Ended]]]


def all_tries(kills: int, every: int, number: int, took_s: float) -> Tries:
    """What is done to scans that make so many changes in so many seconds."""
    chance = random.Random(7)
    moments = [chance.uniform(0.02, 1.0) * took_s for _ in range(kills)]
    points = range(0, number, every)
    some = points[:: max(1, len(points) // 60)]
    return {
        "killed before a change": [_at(k) for k in points],
        "killed at a random moment": [_after(moment) for moment in moments],
        "disk full from a change on": [_no(k, errno.ENOSPC) for k in some],
        "folder shut from a change on": [_no(k, errno.EROFS) for k in some],
        "with little memory": [_with_little_memory(k * 4_000_000) for k in range(2, 42)],
    }


def endure(kills: int, every: int, jobs: int) -> Iterator[tuple[str, int, list[str]]]:
    """Kill at every change and at random moments; a full disk, a folder that is shut. Yields what, tries, faults."""
    with tempfile.TemporaryDirectory(prefix="endure-") as folder:
        place_of = small_world(Path(folder))
        usual = place_of("usual")
        number = len(changes(usual))
        begun = time.monotonic()
        assert in_child(place_of("timed")).code == 0
        tries = all_tries(kills, every, number, time.monotonic() - begun)
        expected = left_by(usual)
        for what, each in tries.items():
            children = [_job(place_of, what, each, expected, k, jobs, Path(folder)) for k in range(jobs)]
            for child in children:
                os.waitpid(child, 0)
            parts = [json.loads((Path(folder) / f"faults-{k}.json").read_text()) for k in range(jobs)]
            yield what, len(each), [fault for part in parts for fault in part]


def _job(
    place_of: Callable[[str], Place], what: str, tries: list[Callable[[Place], Ended]], expected: dict[str, object],
    number: int, jobs: int, folder: Path,
) -> int:  # fmt: skip
    """A process that does each of so many tries, and writes what went wrong."""
    child = os.fork()
    if child:
        return child
    faults: list[str] = []
    for k in range(number, len(tries), jobs):
        place = place_of(f"{what.replace(' ', '-')}-{k}")
        faults += [f"{what} {k}: {each}" for each in _tried(place, tries[k], expected)][:3]
        shutil.rmtree(place.folder.parent, ignore_errors=True)
        if k % 20 == 0:
            print(f"{what}: {k}/{len(tries)}, {len(faults)} faults", file=sys.stderr, flush=True)
    (folder / f"faults-{number}.json").write_text(json.dumps(faults))
    os._exit(0)


def _tried(place: Place, disturb: Callable[[Place], Ended], expected: dict[str, object]) -> Iterator[str]:
    ended = disturb(place)
    if ended.code not in (-9, 0, 2, 6) or "\n" in ended.told:
        yield f"ended with {ended.code}: {ended.told[-600:]}"
    yield from half_written(place)
    again = in_child(place)
    if again.code != 0:
        yield f"the next scan ended with {again.code}: {again.told[-600:]}"
    else:
        yield from faults_of(place, expected)


def _at(number: int) -> Callable[[Place], Ended]:
    return lambda place: in_child(place, before(number, die))


def _with_little_memory(n_bytes: int) -> Callable[[Place], Ended]:
    """What is left to it is so many bytes more than it has at its first change."""

    def little(event: str, path: str) -> None:
        if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + n_bytes
            resource.setrlimit(resource.RLIMIT_AS, (most, most))

    return lambda place: in_child(place, little)


def _after(seconds: float) -> Callable[[Place], Ended]:
    return lambda place: in_child(place, kill_after_s=seconds)


def _no(first: int, number: int) -> Callable[[Place], Ended]:
    return lambda place: in_child(place, refused(first, number))


def main() -> int:
    """Endure all of it, and print a table; returns 1 where anything was lost, doubled or half written."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random moments (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="only each Nth change (%(default)s: all)")
    parser.add_argument("--jobs", type=int, default=2, help="scans at the same time (%(default)s)")
    options = parser.parse_args()
    wrong = False
    for what, tries, faults in endure(options.kills, options.every, options.jobs):
        bad = len({fault.partition(":")[0] for fault in faults})
        print(f"{what:30} {tries - bad:4} of {tries:4} left what an undisturbed scan leaves", flush=True)
        for fault in faults[:20]:
            print(f"    {fault}", flush=True)
        wrong = wrong or bool(faults)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
