"""Short trainings of equal length, compared on held-out worlds: the other region, three seeds, fewer bands.

    python benchmarks/comparisons.py OUT [MINUTES [WORLDS [NAME ...]]]

WORLDS is how many each is calibrated on, and how many, others, it is scored on; NAME: only these trainings.

Each step is a command that a user could type. What it printed is kept in OUT, and a step that is done is not done
again, so the whole can be cut off and gone on with. Leave the machine alone meanwhile: training counts steps, not the
clock, but slows down tenfold when something else is busy.
"""

import subprocess
import sys
from pathlib import Path

TRAININGS = {
    "seed-1": ["--seed", "1"],
    "kachin": ["--seed", "1", "--styles", "kachin"],
    "shan": ["--seed", "1", "--styles", "shan"],
    "10-m-bands": ["--seed", "1", "--bands", "B02,B03,B04,B08"],
    "seed-2": ["--seed", "2"],
    "seed-3": ["--seed", "3"],
}
"""Name of each model, and what sets it apart."""
SETS = {
    "kachin": [["--styles", "kachin"], ["--styles", "shan"]],
    "shan": [["--styles", "shan"], ["--styles", "kachin"]],
}
"""What a model is scored on; the others on both styles."""


def main() -> None:
    """Do what is not done yet."""
    out = Path(sys.argv[1])
    minutes, worlds = sys.argv[2:4] + ["8", "40"][len(sys.argv[2:4]) :]
    names = sys.argv[4:] or list(TRAININGS)
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        words = TRAININGS[name]
        model = out / "models" / name
        step(
            out / f"{name}.train.txt", ["train", "--out", str(model), "--minutes", minutes, "--worlds", worlds, *words]
        )
        for which in SETS.get(name, [[]]):
            where = "-on-" + which[1] if which else ""
            evaluate = ["evaluate", "--model", str(model), "--worlds", worlds, *which]
            step(out / f"{name}{where}.txt", evaluate)


def step(told: Path, words: list[str]) -> None:
    """Run a command of leachwatch unless its words are on disk."""
    if told.is_file():
        return
    print("leachwatch", *words, flush=True)
    done = subprocess.run([sys.executable, "-m", "pipeline", *words], stdout=subprocess.PIPE, text=True, check=True)
    told.write_text(" ".join(["leachwatch", *words]) + "\n" + done.stdout)
    print(done.stdout, flush=True)


if __name__ == "__main__":
    main()
