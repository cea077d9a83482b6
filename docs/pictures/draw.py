"""Draws pictures of simulated worlds for docs/worlds.md.

Run from the checkout: .venv/bin/python docs/pictures/draw.py worlds | sites
"""

import sys
import warnings
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from pipeline.bands import BANDS, BLUE, GREEN, RED
from pipeline.worlds.world import make_world, render

HERE = Path(__file__).parent
START, END = date(2022, 1, 1), date(2025, 12, 31)
RGB = [BANDS.index(band) for band in (RED, GREEN, BLUE)]
BRIGHT = 0.25
"""Reflectance drawn as white."""
GAP = 4


def true_colour(reflectance: np.ndarray) -> np.ndarray:
    """Reflectance (band, y, x) as bytes (3, y, x)."""
    return (255 * np.clip(reflectance[RGB] / BRIGHT, 0, 1) ** 0.8).astype(np.uint8)


def sheet(pictures: list[np.ndarray], across: int) -> np.ndarray:
    """Pictures (3, y, x) of one size side by side, white between them."""
    framed = [np.pad(p, ((0, 0), (GAP, GAP), (GAP, GAP)), constant_values=255) for p in pictures]
    rows = [np.concatenate(framed[k : k + across], axis=2) for k in range(0, len(framed), across)]
    return np.concatenate(rows, axis=1)


def save(name: str, picture: np.ndarray) -> None:
    """Write bytes (3, y, x) as a PNG."""
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    with rasterio.open(
        HERE / name, "w", driver="PNG", dtype="uint8", count=3, height=picture.shape[1], width=picture.shape[2]
    ) as file:
        file.write(picture)


def larger(picture: np.ndarray, times: int) -> np.ndarray:
    """Each pixel as a square."""
    return picture.repeat(times, axis=1).repeat(times, axis=2)


def worlds() -> None:
    """Two worlds of each style, in the dry and in the wet season."""
    pictures = []
    for number, month in enumerate((2, 9)):
        for style in ("kachin", "shan", "plain", "dry"):
            world = make_world(800 + number, 192, style, START, END, 1)
            pictures.append(true_colour(render(world, date(2025, month, 10), 1, 0.0).reflectance))
    save("worlds.png", sheet(pictures, 4))


def sites() -> None:
    """Sites near by, each above its truth: mine ground in red, share of pond in cyan."""
    seen, truth, seed = [], [], 1700
    while len(seen) < 16:
        seed += 1
        world = make_world(seed, 192, ("kachin", "shan")[seed % 2], START, END, 1)
        look = render(world, date(2025, 1 + seed % 3, 10), seed, 0.0)
        ponds = np.argwhere(look.pond_fraction > 0.2)
        if len(ponds):
            row, col = np.clip(ponds.mean(axis=0).astype(int) - 32, 0, 192 - 64)
            cut = (slice(row, row + 64), slice(col, col + 64))
            pond = look.pond_fraction[cut]
            seen.append(larger(true_colour(look.reflectance[(slice(None), *cut)]), 2))
            planes = np.stack([0.5 * look.ground[cut] * (1 - pond), pond, pond])
            truth.append(larger((255 * planes.clip(0, 1)).astype(np.uint8), 2))
    save("sites.png", sheet([*seen[:8], *truth[:8], *seen[8:], *truth[8:]], 8))


if __name__ == "__main__":
    {"worlds": worlds, "sites": sites}[sys.argv[1]]()
