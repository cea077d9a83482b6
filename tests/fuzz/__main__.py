"""Try damaged inputs of every kind: `python -m tests.fuzz --inputs 1000 [--kind geotiff] [--seed N]`."""

import argparse
import os
import sys
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.corpus import finding_of, keep
from tests.fuzz.kind import Kind, Verdict
from tests.fuzz.kinds import KINDS
from tests.fuzz.pool import tried_all

COLUMNS = tuple(Verdict)


def main(arguments: list[str] | None = None) -> int:
    """Print one table; the exit code is 1 where any input went wrong that is not known to."""
    known = {kind.name: kind for kind in KINDS}
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="damaged inputs per kind")
    parser.add_argument("--kind", choices=known, action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--index", type=int, help="only this input, in this process")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--minutes", type=float, default=30.0, help="stop after so long")
    parser.add_argument("--keep", type=Path, default=Path("out", "fuzz"), help="folder for inputs that went wrong")
    given = parser.parse_args(arguments)
    chosen = [known[name] for name in given.kind or known]
    if given.index is not None:
        print(chosen[0].tried(given.seed, given.index))
        return 0
    until = time.monotonic() + 60 * given.minutes
    print(f"seed {given.seed}\n{'kind':16}{'inputs':>8}" + "".join(f"{name:>10}" for name in (*COLUMNS, "known", "s")))
    faults = sum(_of_kind(kind, given, until) for kind in chosen)
    return 1 if faults else 0


def _of_kind(kind: Kind, given: argparse.Namespace, until: float) -> int:
    """Try the inputs of a kind and print its row; the number of faults that are not known."""
    begun, counts, known = time.monotonic(), Counter[Verdict](), 0
    told: dict[str, tuple[int, int, str]] = {}
    for index, judged in tried_all(kind, given.seed, given.inputs, given.workers, until):
        finding = finding_of(kind.name, judged) if not judged.verdict.fine else ""
        counts[judged.verdict] += 1
        known += bool(finding)
        if not judged.words or judged.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
            continue
        line = f"{judged.verdict}: {judged.words[:300]!r}" + (f" (known: {finding})" if finding else "")
        count, first, damage = told.get(line, (0, index, judged.damage))
        told[line] = (count + 1, first, damage)
        if count < 3 and not judged.verdict.fine:
            seed, files, _ = kind.input(given.seed, index)
            keep(given.keep / kind.name, f"{seed.name}--{judged.verdict}-{given.seed}-{index}", seed.changes(files))
    row = "".join(f"{counts[verdict]:>10}" for verdict in COLUMNS)
    print(f"{kind.name:16}{counts.total():>8}{row}{known:>10}{time.monotonic() - begun:>10.0f}", flush=True)
    for line, (count, first, damage) in told.items():
        print(f"    {count} x {line} (input {first}, {damage})", flush=True)
    return sum(counts[verdict] for verdict in COLUMNS if not verdict.fine) - known


if __name__ == "__main__":
    sys.exit(main())
