"""Fits the confidence of a model on simulated archives that it was not trained on, and writes its card.

Thresholds are lowered for the fit, so that it sees enough false sites to learn from.
"""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from pipeline.aoi import Aoi, read_aoi
from pipeline.confidence import AREA_ERROR, FEATURES
from pipeline.config import Settings, load
from pipeline.errors import PipelineError
from pipeline.grid import LONLAT, reprojected
from pipeline.looks import LookMaker, recipe_of
from pipeline.progress import Progress
from pipeline.scan import Archive, Found, derive, make_looks
from pipeline.sources.interface import period_of
from pipeline.sources.simulated import simulated_source
from pipeline.training.evaluate import TrueSite, read_truth
from pipeline.weights import CARD, Model, load_model, read_card, write_card

AOIS = ("shan", "kachin")
SEEDS = (9001, 9002, 9003)
"""Archive seeds used for calibration, and for nothing else."""
LOOSER = {
    "sites": {"pond_fraction": 0.15, "min_pond_m2": 60.0, "min_ground_m2": 800.0, "min_confidence": 0.0},
}
"""Settings of the fit that differ from the default ones."""


def calibrate(model: Path, workers: int, progress: Progress) -> dict[str, float]:
    """Fit on every AOI and seed, write the coefficients to the model's card and return them."""
    settings = _looser(load(None), model)
    rows: list[tuple[float, ...]] = []
    true: list[bool] = []
    errors: list[float] = []
    for item, match in _pairs(settings, model, workers, progress):
        rows.append(item.features)
        true.append(match is not None)
        if match is not None and match.n_ponds >= 6 and item.past.pond_m2 > 0 and match.pond_area_m2 > 0:
            errors.append(math.log(item.past.pond_m2 / match.pond_area_m2))
    if len(set(true)) < 2 or len(errors) < 3:
        raise PipelineError(f"calibration needs true and false sites: {sum(true)} true of {len(true)} reported")
    fit = LogisticRegression(C=1.0, fit_intercept=True).fit(np.array(rows)[:, 1:], np.array(true))
    numbers = [float(fit.intercept_[0]), *map(float, fit.coef_[0])]
    found = dict(zip(FEATURES, numbers, strict=True))
    found[AREA_ERROR] = float(np.sqrt(np.mean(np.square(errors))))
    note = f"{len(true)} reported sites ({sum(true)} true) in simulated archives of {', '.join(AOIS)}, seeds {SEEDS}"
    card = read_card(model / CARD)
    scores = {**card.scores, "calibration_set": note}
    write_card(model / CARD, card.model_copy(update={"calibration": found, "scores": scores}))
    return found


def _pairs(
    settings: Settings, model: Path, workers: int, progress: Progress
) -> Iterator[tuple[Found, TrueSite | None]]:
    loaded = load_model(str(model), "cpu", settings.segment.precision)
    for name in AOIS:
        aoi = read_aoi(name)
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as scratch:
                yield from _archive_pairs(aoi, seed, settings, loaded, Path(scratch), workers, progress)


def _archive_pairs(
    aoi: Aoi, seed: int, settings: Settings, loaded: Model, scratch: Path, workers: int, progress: Progress
) -> Iterator[tuple[Found, TrueSite | None]]:
    simulated = settings.simulated.model_copy(update={"seed": seed})
    period = period_of(None, None)
    source = simulated_source(scratch / "scenes", aoi, simulated, period, workers, progress)
    recipe = recipe_of(settings, loaded)
    maker = LookMaker(source, recipe, "cpu", settings.segment.batch, scratch / "looks")
    looks, failures = make_looks(aoi, source.search(aoi, period), maker, settings, progress)
    if failures:
        raise PipelineError(f"calibration look failed: {failures[0].id}: {failures[0].reason}")
    _, found = derive(aoi, Archive(aoi.grid, settings, looks), settings, lambda values: 1.0, 0.0, progress)
    truth = read_truth(scratch / "scenes" / "truth.geojson")
    for item in found:
        polygon = reprojected(item.site.polygon_m, aoi.grid.crs, LONLAT)
        yield item, next((t for t in truth if t.polygon.intersects(polygon)), None)


def _looser(settings: Settings, model: Path) -> Settings:
    update: dict[str, object] = {"model": str(model)}
    for section, changes in LOOSER.items():
        update[section] = getattr(settings, section).model_copy(update=changes)
    return settings.model_copy(update=update)
