"""What it costs to check looks as they are read: evidence of all cells of one block, with the checks and without.

    python benchmarks/checksums.py [--looks 12] [--rounds 5]

Prints processor seconds of both, the least of some rounds taken in turn, and their ratio.
"""

import argparse
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np

from evidence import EVERY_DAYS, FIRST, MARGIN_PX, context_of, patterns
from pipeline import atomic
from pipeline.config import load
from pipeline.evidence.cells import CellMemory, CellPart, EvidenceCache
from pipeline.looks.file import encoded, open_look
from pipeline.looks.look import Look
from pipeline.looks.observe import LookContent
from pipeline.looks.sums import CheckedFile
from pipeline.progress import Progress
from pipeline.run.looks import plan_looks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        looks = written(Path(scratch), options.looks)
        spent: dict[str, list[float]] = {"checked": [], "unchecked": []}
        for _ in range(options.rounds):
            spent["checked"].append(weighed(looks))
            with mock.patch.object(CheckedFile, "_check"):
                spent["unchecked"].append(weighed(looks))
    least = {name: min(each) for name, each in spent.items()}
    print(
        f"{options.looks} looks of {looks[0].extent.shape} px: " + ", ".join(f"{n} {s:.3f} s" for n, s in least.items())
    )
    print(f"checked over unchecked: {least['checked'] / least['unchecked']:.3f}")


def written(work: Path, count: int) -> list[Look]:
    """Looks of one whole block."""
    context = context_of(work, count, Progress(quiet=True))
    tasks = plan_looks(context).missing
    largest = max(tasks, key=lambda task: task.extent.area_px).block
    drawn = patterns(2048 + MARGIN_PX)
    found = []
    for number, task in enumerate(task for task in tasks if task.block == largest):
        height, width = task.extent.shape
        bands = drawn[number % len(drawn)][:, number : number + height, number : number + width].copy()
        path = work / f"{number}.tif"
        content = LookContent(bands, (), (0.02,) * 6, task.extent)
        atomic.write_bytes(path, encoded(content, task, task.key(context.recipe)))
        look = open_look(path)
        assert look is not None
        found.append(look)
    assert len(found) == count, f"overpasses every {EVERY_DAYS} days from {FIRST}"
    return found


def weighed(looks: list[Look]) -> float:
    """Processor seconds to weigh the evidence of all cells from their first look on."""
    settings = load(None)
    cells = list(looks[0].extent.cells(settings.coverage.cell_px))
    parts = [CellPart(name=f"{cell}", cell=cell, inside=np.ones(cell.shape, bool), looks=looks) for cell in cells]
    begun = time.process_time()
    EvidenceCache(CellMemory(), settings.evidence).cells("shelf", parts)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
