"""Processor time per megapixel of leachwatch, of its network alone, and of other libraries with the same network.

    python benchmarks/speed.py [--size 4096] [--rounds 3] [--work DIR] [--only NAME,...] [--threads 2]

All predict the same raster, which is written first, without cloud. They take turns, one process at a time, so that what
else the machine does meets them all alike; figures are medians over the rounds. The environments of the others are
built in `.bench/` the first time (1 to 2.5 GB each). What cannot be built or run here is left out, and named with the
reason. On a busy machine two threads wait for each other and are charged for it: compare on an idle one, or with one.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rivals.environment import FOLDER, RIVALS, ROOT, Unavailable, build, environment_of, is_built, reason_in

OURS = ("ours bf16", "ours fp32")
"""What the others are compared with."""
SEED = 1
"""Of the raster."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """What is measured, as a command that prints a `measurement.Measurement`."""

    name: str
    """As in the table and for --only."""
    command: tuple[str, ...]
    """Program and arguments."""


def main() -> None:
    """Build, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4096, help="side of the raster, pixels; a multiple of 512")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=FOLDER / "work", help="where the raster is kept for another time")
    parser.add_argument("--threads", type=int, default=2, help="of torch in the other libraries; leachwatch uses one")
    parser.add_argument("--only", default="", help="names from the table, with commas between")
    asked = parser.parse_args()
    if asked.size < 512 or asked.size % 512 or asked.rounds < 1 or asked.threads < 1:
        parser.error("--size must be a multiple of 512, and --rounds and --threads at least 1")
    work = asked.work.resolve()
    raster = work / f"scenes-{asked.size}" / "20250105.tif"  # alone in its folder, which is a source
    contestants = _contestants(raster, work, asked.threads)
    only = [name.strip() for name in asked.only.split(",") if name.strip()]
    if unknown := sorted({*only} - {each.name for each in contestants}):
        parser.error(f"--only: no {', '.join(unknown)}; there are {', '.join(each.name for each in contestants)}")
    contestants = [each for each in contestants if not only or each.name in only]
    if not raster.is_file():
        _write(raster, asked.size)
    skipped = _build([each.name for each in contestants])
    found: dict[str, list[dict[str, Any]]] = {each.name: [] for each in contestants}
    for number in range(asked.rounds):
        for each in contestants:
            if each.name not in skipped:
                _say(f"round {number + 1} of {asked.rounds}: {each.name} ...")
                try:
                    found[each.name].append(_measured(each))
                except Unavailable as cause:
                    skipped[each.name] = str(cause)
    _print(found, skipped, asked.size)


def _contestants(raster: Path, work: Path, threads: int) -> list[Contestant]:
    """All of them, in the order in which they take turns."""
    own = [
        Contestant(f"{name} {precision}", (sys.executable, "-m", f"contestants.{name}", str(raster), precision))
        for name in ("forward", "ours")
        for precision in ("fp32", "bf16")
    ]
    screened = (sys.executable, "-m", "contestants.ours", str(raster), "bf16", "--screened")
    own.append(Contestant("ours bf16 screened", screened))
    rivals = [
        Contestant(
            rival.name,
            (
                str(rival.python),
                "-m",
                f"rivals.{rival.name}",
                str(raster),
                str(work / f"{rival.name}.tif"),
                str(threads),
            ),
        )
        for rival in RIVALS
    ]
    return [*own, *rivals]


def _write(raster: Path, size: int) -> None:
    """Write the raster in a process of its own: what this one holds would count in the peak memory of others."""
    raster.parent.mkdir(parents=True, exist_ok=True)
    part = raster.parent.parent / "part.tif"
    _say(f"writing {raster} ...")
    command = [sys.executable, str(ROOT / "benchmarks" / "imagery.py"), str(part), "--size", str(size)]
    subprocess.run([*command, "--seed", str(SEED)], env=environment_of(), stdout=subprocess.DEVNULL, check=True)
    part.replace(raster)


def _build(names: list[str]) -> dict[str, str]:
    """Build the environments of the rivals among some contestants; why those that cannot be built are skipped."""
    skipped = {}
    for rival in RIVALS:
        if rival.name in names and not is_built(rival):
            begun = time.monotonic()
            _say(f"building an environment for {rival.name} (1 to 3 minutes) ...")
            try:
                build(rival)
                _say(f"... built in {time.monotonic() - begun:.0f} s")
            except Unavailable as cause:
                skipped[rival.name] = str(cause)
                _say(f"... left out: {cause}")
    return skipped


def _measured(contestant: Contestant) -> dict[str, Any]:
    """One turn: the fields of a `Measurement`; raises `Unavailable`."""
    result = subprocess.run(
        contestant.command, cwd=ROOT, env=environment_of(), capture_output=True, text=True, check=False
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("{")]
    if result.returncode or not lines:
        raise Unavailable(reason_in(result.stderr) if result.stderr else f"exit {result.returncode}")
    measured: dict[str, Any] = json.loads(lines[-1])
    return measured


def _print(found: dict[str, list[dict[str, Any]]], skipped: dict[str, str], size: int) -> None:
    """The table, and what was left out."""
    area = size**2 / 1e6
    heads = ("  wall s", "  peak MB", "  net s", "  px shown", *(f"  {name} / it" for name in OURS))
    print(f"{'':22}{'CPU s per Mpx':^22}{''.join(heads)}")
    for name, rounds in found.items():
        if name in skipped or not rounds:
            continue
        costs = [each["cpu_s"] / area for each in rounds]
        spread = f"{median(costs):.3f} [{min(costs):.3f}..{max(costs):.3f}]"
        middle = {
            key: median(each[key] for each in rounds) for key in ("wall_s", "peak_mb", "forward_s", "forward_px_ratio")
        }
        cells = (
            f"{middle['wall_s']:.1f}",
            f"{middle['peak_mb']:.0f}",
            f"{middle['forward_s']:.1f}",
            f"{middle['forward_px_ratio']:.2f}",
            *(_ratio(found[ours], rounds) if ours in found and ours not in skipped else "" for ours in OURS),
        )
        version = "" if name.startswith(("ours", "forward")) else rounds[0]["version"]
        aligned = "".join(cell.rjust(len(head)) for cell, head in zip(cells, heads, strict=True))
        print(f"{f'{name} {version}':22}{spread:^22}{aligned}")
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")


def _ratio(ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> str:
    """Median over the rounds of our processor time as a share of another's."""
    return f"{median(our['cpu_s'] / other['cpu_s'] for our, other in zip(ours, others, strict=False)):.2f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
