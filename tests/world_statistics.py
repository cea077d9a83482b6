"""Statistics of small worlds, kept in `golden/worlds.json` for a WORLDS_VERSION, so that a simulator that draws other
pixels is found.

python tests/world_statistics.py --write   keep the statistics of today
"""

import json
import math
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import pipeline
from pipeline.bands import NAMES
from pipeline.digest import sha256_of
from pipeline.worlds.archive import WORLDS_VERSION
from pipeline.worlds.parameters import parameters
from pipeline.worlds.world import Rendering, make_world, render

GOLDEN = Path(__file__).parent / "golden" / "worlds.json"
SEED, SIZE_PX, SITES, LOOK_ALIKES = 2, 192, 3, 20.0
"""Of each world; with far more look-alikes than in nature, so that there are some."""
FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
DAYS = {"dry and clear": (date(2025, 2, 10), 0.0), "wet and clouded": (date(2025, 9, 10), 0.3)}
"""Day and share of cloud of each rendering."""
DECIMALS = 4
OFF, OFF_COUNT = 1.5e-4, 8
"""How far a number may be off on another processor: a rounded reflectance, and a number of pixels or square metres."""
WRITE = "python tests/world_statistics.py --write"
RAISE = "raise WORLDS_VERSION in pipeline/worlds/archive.py"

Statistics = dict[str, Any]


def styles() -> list[str]:
    """All styles of country."""
    return sorted(parameters().styles)


def statistics(style: str) -> Statistics:
    """What matters of the pixels of a small world of a style."""
    world = make_world(SEED, SIZE_PX, style, FIRST, LAST, SITES, look_alikes=LOOK_ALIKES)
    days = {name: _of(render(world, day, 5, cloud)) for name, (day, cloud) in DAYS.items()}
    return {"sites": len(world.sites), "look_alikes": len(world.look_alikes), **days}


def _of(seen: Rendering) -> Statistics:
    """Statistics of a rendering; the sites apart, as they are too small to move a mean of all."""
    codes, counts = np.unique(seen.scl, return_counts=True)
    return {
        "mean": _by_band(seen.reflectance.mean(axis=(1, 2), dtype=np.float64)),
        "std": _by_band(seen.reflectance.std(axis=(1, 2), dtype=np.float64)),
        "mean_of_ponds": _by_band(np.average(seen.reflectance, axis=(1, 2), weights=_shares(seen))),
        "mean_of_ground": _by_band(seen.reflectance[:, seen.ground].mean(axis=1, dtype=np.float64)),
        "pond_m2": round(100 * float(seen.pond_fraction.sum(dtype=np.float64))),
        "ground_px": int(seen.ground.sum()),
        "clear_px": int(seen.clear.sum()),
        "scl_px": dict(zip(map(str, codes.tolist()), counts.tolist(), strict=True)),
    }


def _shares(seen: Rendering) -> np.ndarray:
    return np.broadcast_to(seen.pond_fraction, seen.reflectance.shape).astype(np.float64)


def _by_band(values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), DECIMALS) for name, value in zip(NAMES, values, strict=True)}


def of_today() -> Statistics:
    """What is kept: the statistics, and what they follow from."""
    return {
        "version": WORLDS_VERSION,
        "parameters": digest(),
        "styles": {style: statistics(style) for style in styles()},
    }


def digest() -> str:
    """Of the numbers in `configs/worlds.toml`, which a simulation is known by as well."""
    return sha256_of(parameters().model_dump(mode="json"))[:12]


def kept() -> Statistics:
    """What was kept."""
    found: Statistics = json.loads(GOLDEN.read_text())
    return found


def differences(found: Any, known: Any, where: str = "") -> list[str]:
    """One part of a sentence for each number that is off by more than a processor explains."""
    if isinstance(found, dict) and isinstance(known, dict):
        names = [*known, *(name for name in found if name not in known)]
        return [line for n in names for line in differences(found.get(n, 0), known.get(n, 0), f"{where} {n}".strip())]
    counted = "_px" in where or "_m2" in where
    may = OFF_COUNT if counted else OFF if isinstance(known, float) else 0
    near = isinstance(found, (int, float)) and math.isclose(found, known, rel_tol=0, abs_tol=may)
    return [] if near else [f"{where} {found}, not {known}"]


def complaint(style: str, found: Statistics, known: Statistics) -> str:
    """What to do about the worlds of a style, in one line; empty if they are as they were."""
    if known["version"] != WORLDS_VERSION:
        return f"WORLDS_VERSION is {WORLDS_VERSION} and tests/golden/worlds.json is of {known['version']}: {WRITE}"
    if known["parameters"] != digest():  # such worlds have another id without another version
        return f"tests/golden/worlds.json is of another configs/worlds.toml: {WRITE}"
    if style not in known["styles"]:
        return f"worlds of {style} are not kept yet: {WRITE}"
    off = differences(found, known["styles"][style])
    more = f" and {len(off) - 1} more" if len(off) > 1 else ""
    return f"worlds of {style} have moved ({off[0]}{more}): {RAISE}, then {WRITE}" if off else ""


def write() -> int:
    """Keep the statistics of today, unless that would hide that worlds moved; returns the exit code."""
    made, known = of_today(), kept() if GOLDEN.exists() else {}
    if {**made, "styles": 0} == {**known, "styles": 0}:
        for style in known["styles"].keys() & made["styles"].keys():
            if said := complaint(style, made["styles"][style], known):
                print(f"not written: {said}")
                print(f"Where nothing changed but what this test draws, delete {GOLDEN.name} instead.")
                return 1
    GOLDEN.write_text(json.dumps(made, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    if Path(pipeline.__file__).parents[1] != Path(__file__).resolve().parents[1]:
        raise SystemExit(f"{pipeline.__file__} is of another checkout: set PYTHONPATH to the root of this one")
    raise SystemExit(write() if sys.argv[1:] == ["--write"] else __doc__)
