"""How real are simulated worlds? Prints the tables of docs/worlds.md and draws docs/pictures/realism.png.

    python docs/pictures/realism.py [FOLDER_WITH_MORE_REAL_SCENES]

Real chips come from backgrounds/ (and the folder given), simulated ones from worlds that nothing else is made with.
Path radiance is taken off real scenes, so that top-of-atmosphere data can be compared at all.
"""

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
from draw import larger, save, sheet, true_colour
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from pipeline.bands import NAMES
from pipeline.resources import shipped
from pipeline.training.backgrounds import read_background
from pipeline.worlds.world import make_world, render

CHIP_PX = 64
STYLES = ("kachin", "shan", "plain", "dry")
MONTHS = (1, 2, 4, 11)
FIRST_SEED = 990_000_001
"""Worlds of these seeds are used for nothing else."""
WORLDS = 12
"""Per style."""
MOST = 8
"""Chips per scene, at most, so that large scenes do not outweigh the others."""


def chips_of(reflectance: np.ndarray, clear: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Clear squares of a scene (band, y, x)."""
    for row in range(0, clear.shape[0] - CHIP_PX + 1, step):
        for col in range(0, clear.shape[1] - CHIP_PX + 1, step):
            at = (slice(row, row + CHIP_PX), slice(col, col + CHIP_PX))
            if clear[at].mean() > 0.99:
                yield reflectance[(slice(None), *at)]


def measures(chip: np.ndarray) -> dict[str, float]:
    """What is compared, of one chip (band, y, x)."""
    found: dict[str, float] = {}
    for name, plane in zip(NAMES, chip, strict=True):
        own = plane[::2, ::2] if name in ("B11", "B12") else plane
        off, steps = own - own.mean(), np.abs(np.diff(own, axis=1))
        spread = max(float(off.var()), 1e-9)
        found[f"{name} mean"] = float(own.mean())
        found[f"{name} spread / mean"] = float(own.std() / own.mean())
        found[f"{name} correlation at 1 pixel"] = float((off[:, :-1] * off[:, 1:]).mean() / spread)
        found[f"{name} correlation at 4 pixels"] = float((off[:, :-4] * off[:, 4:]).mean() / spread)
        found[f"{name} sharpest 1 % of steps / mean step"] = float(np.percentile(steps, 99) / max(steps.mean(), 1e-6))
    between = np.corrcoef(chip.reshape(len(NAMES), -1))
    for one, two in ((0, 1), (0, 2), (2, 3), (3, 4), (4, 5), (2, 4)):
        found[f"{NAMES[one]} with {NAMES[two]}"] = float(between[one, two])
    return found


def real(folders: list[Path]) -> dict[str, list[np.ndarray]]:
    """Chips of real scenes, by scene."""
    scenes = [read_background(path) for folder in folders for path in sorted(folder.glob("*.tif"))]
    found = {}
    for scene in scenes:
        chips = list(chips_of(scene.reflectance - scene.path_radiance[:, None, None], scene.clear, CHIP_PX // 2))
        found[scene.name] = chips[:: max(1, len(chips) // MOST)][:MOST]
    return {name: chips for name, chips in found.items() if chips}


def simulated() -> dict[str, list[np.ndarray]]:
    """Chips of simulated worlds, by style."""
    found: dict[str, list[np.ndarray]] = {style: [] for style in STYLES}
    for number in range(WORLDS):
        for style in STYLES:
            world = make_world(FIRST_SEED + number, 256, style, date(2023, 1, 1), date(2025, 12, 31))
            look = render(world, date(2025, MONTHS[number % 4], 12), number, 0.0)
            found[style] += list(chips_of(look.reflectance, look.clear, CHIP_PX))[:: 16 // 3]
    return found


def told_apart(true: dict[str, list[np.ndarray]], made: dict[str, list[np.ndarray]]) -> None:
    """How well a forest tells real from simulated chips of a scene and worlds it has not seen, and by what."""
    names = list(measures(next(iter(true.values()))[0]))
    named = [name for name in names if not name.endswith(" mean")]  # colour tells the country, not the simulation
    rows = {kind: [[list(map(measures(c).get, named)) for c in chips] for chips in kinds.values()]
            for kind, kinds in (("real", true), ("made", made))}  # fmt: skip
    made_rows = np.concatenate(rows["made"])
    fold = np.arange(len(made_rows)) % len(rows["real"])
    odds, truth, use = [], [], np.zeros(len(named))
    for left_out, test in enumerate(rows["real"]):
        rest = np.concatenate([r for k, r in enumerate(rows["real"]) if k != left_out])
        x = np.concatenate([rest, made_rows[fold != left_out]])
        y = np.concatenate([np.ones(len(rest)), np.zeros((fold != left_out).sum())])
        forest = RandomForestClassifier(300, class_weight="balanced", min_samples_leaf=3, random_state=0).fit(x, y)
        seen = np.concatenate([test, made_rows[fold == left_out]])
        odds.append(forest.predict_proba(seen)[:, 1])
        truth.append(np.concatenate([np.ones(len(test)), np.zeros((fold == left_out).sum())]))
        use += forest.feature_importances_
    score = roc_auc_score(np.concatenate(truth), np.concatenate(odds))
    print(f"\nreal or simulated, scene left out: area under the curve {score:.2f} (0.5: cannot be told apart)")
    for place in np.argsort(-use)[:6]:
        print(f"  by {named[place]}: {use[place] / use.sum():.0%}")


def table(true: dict[str, list[np.ndarray]], made: dict[str, list[np.ndarray]]) -> None:
    """Medians and the middle 80 % of each measure."""
    both = [[measures(chip) for chips in kinds.values() for chip in chips] for kinds in (true, made)]
    print(f"| | real ({len(both[0])} chips of {len(true)} scenes) | simulated ({len(both[1])} chips) |\n|---|---|---|")
    for name in both[0][0]:
        cells = []
        for kind in both:
            low, middle, high = np.quantile([one[name] for one in kind], [0.1, 0.5, 0.9])
            cells.append(f"{middle:.2f} ({low:.2f} to {high:.2f})")
        print(f"| {name} | {cells[0]} | {cells[1]} |")


def picture(true: dict[str, list[np.ndarray]], made: dict[str, list[np.ndarray]]) -> None:
    """Above real chips, below simulated ones."""
    rng = np.random.default_rng(3)
    above = [true_colour(chips[int(rng.integers(len(chips)))]) for chips in list(true.values()) for _ in range(2)]
    below = [true_colour(made[STYLES[k % 4]][int(rng.integers(len(made[STYLES[k % 4]])))]) for k in range(len(above))]
    save("realism.png", larger(sheet([*above, *below], len(above)), 2))


if __name__ == "__main__":
    own = [shipped("backgrounds") / "training", shipped("backgrounds") / "evaluation"]
    made = simulated()
    picture(real(own), made)  # only what comes with leachwatch and its licences
    true = real([*own, *map(Path, sys.argv[1:])])
    table(true, made)
    told_apart(true, made)
