"""How the number of sites changes with the distance up to which ponds count as one site (`sites.link_m`).

    python benchmarks/linking.py [WORLDS]

On simulated worlds that nothing was fitted on; each is observed once, then its ponds are grouped by each distance.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from pipeline.config import Settings, load
from pipeline.engine import usable_cores
from pipeline.evaluation.trials import Trial, TrialRunner
from pipeline.progress import Progress

FIRST_SEED = 970_000_001
LINKS_M = (50.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0)


def counted(settings: Settings, seed: int) -> dict[float, Counter[str]]:
    """By distance: sites reported and true sites found, in several parts, or joined with another one."""
    world = TrialRunner(settings).observed(Trial(seed, ("kachin", "shan")[seed % 2]))
    found = {}
    for link in LINKS_M:
        sites = settings.sites.model_copy(update={"link_m": link})
        linked = TrialRunner(settings.model_copy(update={"sites": sites}))
        derived = linked.derived(world.aoi, world.looks)
        kept = [item.site.polygon_m for item in derived.sites if item.confidence >= sites.min_confidence]
        on = [[polygon.intersects(true.polygon) for polygon in kept] for true in world.truth]
        found[link] = Counter(
            reported=len(kept),
            found=sum(any(row) for row in on),
            parted=sum(sum(row) > 1 for row in on),
            joined=sum(max(0, sum(column) - 1) for column in zip(*on, strict=True)),
        )
    return found


def main() -> None:
    """Count and print."""
    worlds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    totals: dict[float, Counter[str]] = {link: Counter() for link in LINKS_M}
    with (
        ProcessPoolExecutor(usable_cores(), mp_context=get_context("spawn")) as pool,
        Progress().stage("Counting", worlds, unit="worlds") as step,
    ):
        for found in pool.map(partial(counted, load(None)), range(FIRST_SEED, FIRST_SEED + worlds)):
            for link, counts in found.items():
                totals[link].update(counts)
            step(1)
    print("| `link_m` | sites reported | true sites found | of those in several parts | joined with another |")
    print("|---|---|---|---|---|")
    for link, counts in totals.items():
        print(f"| {link:.0f} | {counts['reported']} | {counts['found']} | {counts['parted']} | {counts['joined']} |")


if __name__ == "__main__":
    main()
