"""Gallery of the worst errors of an evaluation: false sites of highest confidence and missed sites of largest area."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from shapely.geometry.base import BaseGeometry

from pipeline.atomic import write_bytes
from pipeline.bands import BANDS, BLUE, GREEN, RED
from pipeline.evaluation.scores import MatchedCase
from pipeline.evaluation.trials import PLACE, ObservedWorld, Trial, TrialRunner
from pipeline.evaluation.truth import Case
from pipeline.evidence.fuse import fuse
from pipeline.grid import PIXEL_M
from pipeline.progress import Progress
from pipeline.raster import Bytes

HALF_PX = 40
"""Half the side of a picture, pixels."""
TIMES = 3
"""Screen pixels per pixel."""
ACROSS = 6
"""Pictures per row."""
GAP = 2
BRIGHT = 0.25
"""Reflectance drawn as white."""
RGB = tuple(BANDS.index(band) for band in (RED, GREEN, BLUE))


@dataclass(frozen=True, eq=False, slots=True)
class Mistake:
    """One error."""

    trial: Trial
    """The trial in which it was made."""
    place: BaseGeometry
    """Outline of the false or missed site; metres on the grid."""
    words: str
    """Description."""
    weight: float
    """Severity: confidence of a false site, pond area (m²) of a missed one."""
    false: bool
    """True: a false site. False: a missed one."""


def worst(trials: Sequence[Trial], cases: Sequence[Case], min_confidence: float, most: int) -> list[Mistake]:
    """The false sites of highest confidence, then the missed sites of largest pond area, at most `most` of each."""
    false: list[Mistake] = []
    missed: list[Mistake] = []
    for trial, case in zip(trials, cases, strict=True):
        matched = MatchedCase(case, min_confidence)
        for site in matched.false:
            under = sorted({a.kind for a in case.look_alikes if a.polygon.intersects(site.polygon)})
            words = f"false, confidence {site.confidence:.2f}, on {' and '.join(under) or 'no known look-alike'}"
            false.append(Mistake(trial, site.polygon, words, site.confidence, True))
        found = {id(true) for true, _ in matched.pairs}
        for true in matched.eligible:
            if id(true) not in found:
                words = (
                    f"missed, {true.n_ponds} ponds of {true.pond_diameter_m:.0f} m, {true.filling}, "
                    f"{true.pond_looks} clear looks"
                )
                missed.append(Mistake(trial, true.polygon, words, true.pond_area_m2, False))
    return [mistake for kind in (false, missed) for mistake in sorted(kind, key=lambda m: -m.weight)[:most]]


def write_gallery(path: Path, mistakes: Sequence[Mistake], runner: TrialRunner, progress: Progress) -> str:
    """Draw the mistakes to a PNG and return their descriptions, in the order of the pictures.

    Each picture: the clearest look in true colour, below it the evidence of all looks (ground red, ponds cyan).
    """
    pictures = []
    with progress.stage("Drawing errors", len(mistakes), unit="errors") as step:
        for mistake in mistakes:
            pictures.append(_drawn(runner.observed(mistake.trial), mistake, runner))
            step(1)
    blank = np.full_like(pictures[0], 255) if pictures else np.full((3, 1, 1), 255, np.uint8)
    filled = [*pictures, *[blank] * (-len(pictures) % ACROSS)] or [blank]
    rows = [np.concatenate(filled[k : k + ACROSS], axis=2) for k in range(0, len(filled), ACROSS)]
    write_bytes(path, _png(np.concatenate(rows, axis=1).repeat(TIMES, axis=1).repeat(TIMES, axis=2)))
    lines = [
        f"{number:3}. world {mistake.trial.seed} ({mistake.trial.background or mistake.trial.style}): {mistake.words}"
        for number, mistake in enumerate(mistakes, start=1)
    ]
    return "\n".join(lines)


def _drawn(observed: ObservedWorld, mistake: Mistake, runner: TrialRunner) -> Bytes:
    """Picture of one mistake, bytes (3, y, x)."""
    evidence = fuse(observed.stack(), runner.settings.evidence)
    west, _, _, north = PLACE.bounds_m
    centre = mistake.place.representative_point()
    size = evidence.pond.shape
    row, col = int((north - centre.y) / PIXEL_M), int((centre.x - west) / PIXEL_M)
    tops = [min(max(at - HALF_PX, 0), max(0, side - 2 * HALF_PX)) for at, side in zip((row, col), size, strict=True)]
    here = tuple(slice(top, top + 2 * HALF_PX) for top in tops)
    seen = np.clip(observed.clearest[list(RGB)][(slice(None), *here)] / BRIGHT, 0, 1) ** 0.8
    predicted = np.stack([evidence.ground[here], evidence.pond[here], evidence.pond[here]])
    both = (255 * np.concatenate([seen, predicted], axis=1)).astype(np.uint8)
    side = 2 * HALF_PX  # a background may be smaller than a picture
    both = np.pad(both, ((0, 0), (0, 2 * side - both.shape[1]), (0, side - both.shape[2])))
    return np.pad(both, ((0, 0), (GAP, GAP), (GAP, GAP)), constant_values=255)


def _png(picture: NDArray[np.uint8]) -> bytes:
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a picture has no georeference
        height, width = picture.shape[1:]
        with memory.open(driver="PNG", dtype="uint8", count=3, height=height, width=width) as file:
            file.write(picture)
        return bytes(memory.getbuffer())
