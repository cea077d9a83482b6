"""Pixels of looks, compared: with those kept for this look version, and between two environments.

python tests/look_pixels.py --write            keep the looks of today in golden/looks.npz
python tests/look_pixels.py --save FILE.npz    the looks of this environment, with the versions of its libraries
python tests/look_pixels.py ONE.npz OTHER.npz  what differs between two environments; 1 if more than is tolerated
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from look_forms import FORMS, look_of, recipe

import pipeline
from pipeline.looks.file import software
from pipeline.looks.recipe import LOOK_VERSION
from pipeline.raster import Bytes

GOLDEN = Path(__file__).parent / "golden" / "looks.npz"
PLANES = ("pond", "ground", "state")
MAX_STEPS, MAX_SHARE = 1, 0.01
"""Another processor adds in another order: pond and ground may be off by so many steps of 1/200 in such a share of the
pixels. State has no tolerance."""
ABOUT = ("version", "recipe", "software")
"""What a file says of its looks, beside their pixels."""
WRITE = "python tests/look_pixels.py --write"
RAISE = "raise LOOK_VERSION in pipeline/looks/recipe.py"


@dataclass(frozen=True)
class Looks:
    """Looks, and what they were made with."""

    version: int
    """Look version."""
    recipe: str
    """Digest of their recipe: of model, precision and settings, and of the version."""
    software: str
    """This program and its libraries, with versions."""
    planes: Mapping[str, Bytes]
    """Pond, ground and state of each look (3, y, x), by name."""

    @classmethod
    def of_today(cls, planes: Mapping[str, Bytes]) -> "Looks":
        """Looks that were made just now."""
        return cls(LOOK_VERSION, recipe().digest, software(), planes)

    @classmethod
    def read(cls, path: Path) -> "Looks":
        """Those in a file."""
        with np.load(path, allow_pickle=False) as file:
            version, digest, libraries = (file[name].item() for name in ABOUT)
            return cls(version, digest, libraries, {name: file[name] for name in file.files if name not in ABOUT})

    def write(self, path: Path) -> None:
        """Write them to a file."""
        about: dict[str, Any] = {name: np.array(getattr(self, name)) for name in ABOUT}
        np.savez_compressed(path, **about, **self.planes)


@dataclass(frozen=True)
class Move:
    """How a plane of a look differs from that of another."""

    plane: str
    """Name of the plane."""
    pixels: int
    """Number of pixels that differ."""
    steps: int
    """The largest difference."""
    share: float
    """Share of the pixels that differ, 0 to 1."""

    @property
    def tolerated(self) -> bool:
        """Whether another processor explains it."""
        return self.plane != "state" and self.steps <= MAX_STEPS and self.share <= MAX_SHARE

    def text(self) -> str:
        """For people."""
        steps = "" if self.plane == "state" else f" by up to {_counted(self.steps, 'step')}"
        return f"{self.plane}: {_counted(self.pixels, 'pixel')}{steps}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def moves(found: Bytes, kept: Bytes) -> list[Move]:
    """The planes (3, y, x) that differ; those of another size differ in all pixels."""
    if found.shape != kept.shape:
        return [Move("state", found[2].size, 255, 1.0)]
    gaps = np.abs(found.astype(int) - kept)
    return [
        Move(plane, int((gap > 0).sum()), int(gap.max()), float((gap > 0).mean()))
        for plane, gap in zip(PLANES, gaps, strict=True)
        if gap.any()
    ]


def moved(found: Bytes, kept: Bytes) -> str:
    """What differs by more than is tolerated; empty if nothing does."""
    return ", ".join(move.text() for move in moves(found, kept) if not move.tolerated)


def complaint(form: str, found: Bytes, kept: Looks) -> str:
    """What to do about the look of a form, in one line; empty if it is as it was."""
    if kept.version != LOOK_VERSION:
        return f"LOOK_VERSION is {LOOK_VERSION} and tests/golden/looks.npz is of {kept.version}: {WRITE}"
    if kept.recipe != recipe().digest:  # such looks have another key without another version
        return f"tests/golden/looks.npz is of another model or other settings: {WRITE}"
    if FORMS[form].kept not in kept.planes:
        return f"looks of {form} are not kept yet: {WRITE}"
    what = moved(found, kept.planes[FORMS[form].kept])
    return f"looks of {form} have moved ({what}): {RAISE}, then {WRITE}" if what else ""


def looks_of_today() -> dict[str, Bytes]:
    """The look of every form."""
    found = {}
    for name, shown in FORMS.items():
        with TemporaryDirectory() as folder:
            found[name] = look_of(shown, Path(folder))
    return found


def kept_of(found: Mapping[str, Bytes]) -> dict[str, Bytes]:
    """The looks to keep: one of all forms that show the same."""
    return {FORMS[form].kept: found[form] for form in reversed(FORMS)}


def write(path: Path) -> int:
    """Keep the looks of today, unless that would hide that they moved; returns the exit code."""
    found = looks_of_today()
    new = Looks.of_today(kept_of(found))
    apart = [line for form in FORMS if (line := moved(found[form], new.planes[FORMS[form].kept]))]
    if apart:
        print(f"not written: forms that show the same differ ({apart[0]})")
        return 1
    old = Looks.read(path) if path.exists() else None
    for form in FORMS if old and old.recipe == new.recipe else ():
        what = moved(found[form], old.planes[FORMS[form].kept]) if FORMS[form].kept in old.planes else ""
        if what:
            print(f"not written: looks of {form} have moved ({what}): {RAISE} first")
            print(f"Where nothing changed but what this test shows them, delete {path.name} instead.")
            return 1
    new.write(path)
    return 0


def compare(one: Looks, other: Looks) -> int:
    """Print how the looks of two environments differ; returns the exit code."""
    print(f"one:   {one.software}, look version {one.version}\nother: {other.software}, look version {other.version}")
    wrong = False
    for name in {**one.planes, **other.planes}:
        if name not in one.planes or name not in other.planes:
            print(f"{name}: in one of them only")
            wrong = True
            continue
        found = moves(one.planes[name], other.planes[name])
        wrong |= any(not move.tolerated for move in found)
        print(f"{name}: {', '.join(move.text() for move in found) or 'equal'}")
    return int(wrong)


def main(arguments: list[str]) -> int:
    """Write, save or compare; returns the exit code."""
    if Path(pipeline.__file__).parents[1] != Path(__file__).resolve().parents[1]:
        print(f"{pipeline.__file__} is of another checkout: set PYTHONPATH to the root of this one")
        return 2
    match arguments:
        case ["--write"]:
            return write(GOLDEN)
        case ["--save", path]:
            Looks.of_today(looks_of_today()).write(Path(path))
            return 0
        case [one, other]:
            return compare(Looks.read(Path(one)), Looks.read(Path(other)))
    print(__doc__)
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
