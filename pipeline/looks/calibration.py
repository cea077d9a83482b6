"""The calibration of a model: the numbers that turn its evidence into probabilities, dates and areas.

They are fitted on worlds that the network was not trained on (`evaluation/calibrate.py`) and stand in the model card, so a
model always brings its own. This module is the one place where their layout is defined, read and upgraded.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class CalibrationTable(BaseModel):
    """A table of the calibration: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ConfidenceModel(CalibrationTable):
    """Logistic regression of "a reported site is a leach-pond site": coefficients of `sites.confidence.SiteFeatures`."""

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
    """Pale ponds are predicted too small."""
    log10_looks_with_ponds: Finite
    """Many looks narrow the interval."""


class AreaModel(CalibrationTable):
    """Quantile regressions of the pond area: 80 % of true areas lie from low to high."""

    low: AreaQuantile
    """10th percentile."""
    middle: AreaQuantile
    """Median."""
    high: AreaQuantile
    """90th percentile."""


class TransitionRates(CalibrationTable):
    """How often sites change from one state to the next, per year spent in the first."""

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
    """Probability of each state at the first look; they add up to 1."""

    none: Share
    cleared: Share
    ponds: Share
    idle: Share
    resumed: Share
    overgrown: Share


class AreaLikelihood(CalibrationTable):
    """How an area in one look weighs for or against the presence of ponds (or of cleared ground).

    Log-likelihood ratio = `log_slope` x ln(area / break-even area). Cleared ground shows some ponds before there are any,
    and the more of them the larger it is; so the break-even area grows with the site.
    """

    break_even_m2: NotNegative
    """Area with a log-likelihood ratio of 0 at a small site, square metres ..."""
    break_even_share: NotNegative
    """... and at a large one, as a share of its full size; the larger of the two counts."""
    log_slope: Positive
    """Log-likelihood ratio per e-fold of area above or below the break-even area."""


class StateModel(CalibrationTable):
    """Hidden Markov model of a site: how states change, and how likely each makes what a look shows."""

    per_year: TransitionRates
    initial: InitialShares
    ground: AreaLikelihood
    """Of cleared ground."""
    ponds: AreaLikelihood
    """Of pond area."""


class Calibration(CalibrationTable):
    """All numbers that a run needs beside the weights."""

    version: Literal[2] = 2
    """Layout; version 1 was one flat table of names, which is still read."""
    confidence: ConfidenceModel
    pond_area: AreaModel
    states: StateModel


def upgraded(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """A calibration as stored in a card of any version, in the present layout; unknown layouts are returned as they are."""
    if "version" in table or "intercept" not in table:
        return table
    return _from_version_1(dict(table))


def _from_version_1(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 was one flat table, its parts told apart by prefixes. A name that is missing there stays missing."""

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
    return {"version": 2, "confidence": confidence, "pond_area": area, "states": states}
