"""Draws the pictures of the documentation from simulated worlds and from a run; see docs/worlds.md and the README.

Run from the checkout: .venv/bin/python docs/pictures/draw.py worlds | sites | result out/shan
"""

import json
import sys
import warnings
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from rasterio.windows import from_bounds
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipeline.bands import BANDS, BLUE, GREEN, RED
from pipeline.grid import LONLAT, reprojected
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


def codes_at(out: Path, day: str, edges: tuple[float, float, float, float]) -> np.ndarray | None:
    """What the newest look of a day says of a square, pond and ground, shape (2, y, x); None where there is none."""
    for look in sorted(out.glob(f"looks/*/*/*/{day}*.tif"), key=lambda path: -path.stat().st_mtime):
        with rasterio.open(look) as kept:
            window = from_bounds(*edges, kept.transform).round_offsets().round_lengths()
            if window.row_off >= 0 and window.col_off >= 0 and window.row_off + 128 <= kept.height:
                codes: np.ndarray = kept.read([1, 2], window=window)
                if codes.shape[1:] == (128, 128):
                    return codes
    return None


def clear_looks(out: Path, outline: BaseGeometry) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The wholly clear looks at 1.3 km around a site: true colour, codes, and where its outline runs."""
    pictures = []
    for path in sorted((out / "simulated").glob("*.tif")):
        with rasterio.open(path) as scene:
            place = reprojected(outline, LONLAT, scene.crs.to_string())
            middle = place.centroid
            edges = (middle.x - 640, middle.y - 640, middle.x + 640, middle.y + 640)
            window = from_bounds(*edges, scene.transform).round_offsets().round_lengths()
            numbers = scene.read(window=window, boundless=True)
            if numbers.shape[1:] != (128, 128) or not numbers[:6].all() or np.isin(numbers[6], (3, 8, 9, 10)).any():
                continue
            codes = codes_at(out, path.name[:8], edges)
            if codes is not None:
                drawn = rasterize([place.boundary], (128, 128), transform=scene.window_transform(window)) > 0
                pictures.append((true_colour(numbers[:6] * 1e-4 + scene.offsets[0]), codes, drawn))
    return pictures


def result(out: Path) -> None:
    """The largest site of a simulated run with three clear looks: first, middle, last, and what the last says."""
    features = json.loads((out / "sites.geojson").read_text())["features"]
    by_size = sorted(features, key=lambda f: -f["properties"]["pond_area_m2"])
    pictures = next(seen for f in by_size if len(seen := clear_looks(out, shape(f["geometry"]))) >= 3)
    chosen = [pictures[k][0] for k in (0, len(pictures) // 2, -1)]
    pond, ground = (np.where(code <= 200, code, 0) / 200 for code in pictures[-1][1])
    said = np.stack([0.75 * ground * (1 - pond), 0.25 * ground * (1 - pond) + 0.7 * pond, pond])
    said = (255 * said.clip(0, 1)).astype(np.uint8)
    said[:, pictures[-1][2]] = np.array([255, 220, 0], np.uint8)[:, None]
    save("result.png", sheet([larger(p, 3) for p in (*chosen, said)], 4))


if __name__ == "__main__":
    {"worlds": worlds, "sites": sites, "result": lambda: result(Path(sys.argv[2]))}[sys.argv[1]]()
