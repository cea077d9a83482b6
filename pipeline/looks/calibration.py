"""The calibration of a model: the numbers that turn its evidence into probabilities, dates and areas.

They are fitted on worlds that the network was not trained on (`evaluation/calibrate.py`) and stored in the model card,
so every model has its own. Only this module defines, reads and upgrades their layout.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.errors import NEWER

VERSION: Literal[2] = 2
"""Version of the layout."""
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class CalibrationTable(BaseModel):
    """A table of the calibration: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfidenceModel(CalibrationTable):
    """Logistic regression of "reported site is a leach-pond site": coefficients of `sites.confidence.SiteFeatures`."""

    intercept: Finite
    """Log-odds of a site whose features are all 0."""
    log10_pond_m2: Finite
    mean_pond_fraction: Finite
    mean_ground: Finite
    log10_ground_m2: Finite
    log10_looks_with_ponds: Finite
    share_of_looks_with_ponds: Finite
    steady_pond_fraction: Finite
    steady_ground: Finite
    ground_around: Finite
    log10_patches: Finite
    log10_spread_px: Finite


class AreaQuantile(CalibrationTable):
    """One quantile of the logarithm of true over predicted pond area, as a linear model."""

    intercept: Finite
    mean_pond_fraction: Finite
    """Areas of pale ponds are predicted too small."""
    log10_looks_with_ponds: Finite
    """Many looks narrow the interval."""


class AreaModel(CalibrationTable):
    """Quantile regressions of the pond area: 80 % of true areas lie between low and high."""

    low: AreaQuantile
    """10th percentile."""
    middle: AreaQuantile
    """Median."""
    high: AreaQuantile
    """90th percentile."""


class TransitionRates(CalibrationTable):
    """Rates at which sites change from one state to the next, per year spent in the first."""

    cleared: Positive
    """From nothing to cleared ground."""
    built: Positive
    """From cleared ground to ponds."""
    idled: Positive
    """From ponds to idle."""
    resumed: Positive
    """From idle to ponds again."""
    overgrown: Positive
    """From idle to overgrown ground."""


class InitialShares(CalibrationTable):
    """Probability of each state at the first look; they sum to 1."""

    none: Share
    cleared: Share
    ponds: Share
    idle: Share
    resumed: Share
    overgrown: Share


class AreaLikelihood(CalibrationTable):
    """How an area in one look weighs for or against the presence of ponds (or of cleared ground).

    Log-likelihood ratio = `log_slope` x ln(area / break-even area). On cleared ground some pond area is predicted
    before there are ponds, the more the larger it is; so the break-even area grows with the site.
    """

    break_even_m2: NotNegative
    """Break-even area (log-likelihood ratio of 0) of a small site, square metres."""
    break_even_share: NotNegative
    """Break-even area of a large site, as a share of its full size; the larger of the two is used."""
    log_slope: Positive
    """Log-likelihood ratio per e-fold of area above or below the break-even area."""


class StateModel(CalibrationTable):
    """Hidden Markov model of a site: how states change, and how likely an observed look is in each state."""

    per_year: TransitionRates
    initial: InitialShares
    ground: AreaLikelihood
    """Likelihood of the area of cleared ground."""
    ponds: AreaLikelihood
    """Likelihood of the pond area."""


class Calibration(CalibrationTable):
    """All fitted numbers that a run needs besides the weights."""

    version: Literal[2] = VERSION
    """Layout; version 1 was one flat table of names, which is still read."""
    confidence: ConfidenceModel
    pond_area: AreaModel
    states: StateModel


def upgraded(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """A calibration from a card of any version in the current layout; unknown layouts are returned unchanged.

    Raises `ValueError` for that of a newer version.
    """
    version = table.get("version")
    if isinstance(version, int) and version > VERSION:
        raise ValueError(NEWER)
    nested = any(isinstance(value, Mapping) for value in table.values())
    return table if nested or "version" in table else _from_version_1(table)


def _from_version_1(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 (one flat table, parts marked by prefixes) in the current layout; missing names stay missing."""

    def picked(fields: Iterable[str], prefix: str = "", **renamed: str) -> dict[str, Any]:
        names = {field: prefix + renamed.get(field, field) for field in fields}
        return {field: flat[name] for field, name in names.items() if name in flat}

    area = {quantile: picked(AreaQuantile.model_fields, f"area_{quantile}_") for quantile in AreaModel.model_fields}
    likelihood = {
        what: picked(
            AreaLikelihood.model_fields,
            f"{what}_",
            break_even_m2="even_m2",
            break_even_share="even_share",
            log_slope="steepness",
        )
        for what in ("ground", "ponds")
    }
    states = {
        "per_year": picked(TransitionRates.model_fields, "per_year_", overgrown="ended"),
        "initial": picked(InitialShares.model_fields, "first_", overgrown="ended"),
        **likelihood,
    }
    confidence = picked(ConfidenceModel.model_fields)
    return {"version": VERSION, "confidence": confidence, "pond_area": area, "states": states}
