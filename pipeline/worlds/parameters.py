"""Parameters of the simulated worlds, from `configs/worlds.toml`: typed, validated, each with its source."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline import resources
from pipeline.errors import ConfigError

FILE = "worlds.toml"
"""Name of the file in `configs/`; a user's own file takes precedence."""

Share = Annotated[float, Field(ge=0, le=1)]
Reflectances = Annotated[tuple[float, ...], Field(min_length=6, max_length=6)]
Months = Annotated[tuple[Share, ...], Field(min_length=12, max_length=12)]


class Table(BaseModel):
    """A table of the file: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Spectrum(Table):
    """Range of reflectance of one cover, bands as in `bands.BANDS`."""

    low: Reflectances
    high: Reflectances
    source: str

    @model_validator(mode="after")
    def _in_order(self) -> "Spectrum":
        if not all(0 < low < high < 0.7 for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError("low must be above 0 and below high, and high below 0.7")
        return self


class TruncatedNormal(Table):
    """A normal distribution truncated at both ends."""

    mean: float
    spread: Annotated[float, Field(gt=0)]
    low: float
    high: float
    source: str

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one number; values outside are redrawn, so that none pile up at the ends."""
        for _ in range(60):
            value = float(rng.normal(self.mean, self.spread))
            if self.low <= value <= self.high:
                return value
        return float(np.clip(self.mean, self.low, self.high))


class Probability(Table):
    """Probability of an event."""

    value: Share
    source: str

    def happens(self, rng: np.random.Generator) -> bool:
        """Whether the event happens in this draw."""
        return bool(rng.random() < self.value)


class SiteParameters(Table):
    """Parameters of a site."""

    ponds: TruncatedNormal
    pond_diameter_m: TruncatedNormal
    gap_m: TruncatedNormal
    ground_ha: TruncatedNormal
    head_tanks: TruncatedNormal
    head_tank_m: TruncatedNormal
    roofs: TruncatedNormal
    camp_share: Probability
    track_share: Probability
    bench_share: Probability
    slope_share: Probability
    even_share: Probability
    odd_share: Probability
    clearing_to_ponds_days: TruncatedNormal
    life_days: TruncatedNormal
    idle_share: Probability
    idle_after_days: TruncatedNormal
    idle_days: TruncatedNormal


class Density(Table):
    """Density of a kind of look-alike."""

    per_1000_km2: Annotated[float, Field(ge=0)]
    source: str


class AtmosphereParameters(Table):
    """Parameters of the atmosphere by month, January first."""

    cloud_share: Months
    haze: Months


class Style(Table):
    """Parameters of a style, which is a type of landscape."""

    slope: Annotated[float, Field(gt=0, lt=1)]
    latitude: Annotated[float, Field(ge=-60, le=60)]
    forest: Share
    grass: Share
    deciduous: Share
    farm: Share
    arid: Share
    swidden: Annotated[float, Field(ge=0)]
    villages: Annotated[float, Field(ge=0)]


class WorldParameters(Table):
    """All parameters of the file."""

    spectra: dict[str, Spectrum]
    pond_colours: dict[str, Share]
    site: SiteParameters
    look_alikes: dict[str, Density]
    atmosphere: AtmosphereParameters
    styles: dict[str, Style]


def parameters_file() -> Path:
    """Path of the parameter file."""
    return resources.find("configs", FILE) or resources.shipped("configs") / FILE


@lru_cache(maxsize=1)
def parameters() -> WorldParameters:
    """Parameters of the simulated worlds; raises `ConfigError` with a one-line message."""
    path = parameters_file()
    try:
        return WorldParameters.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as cause:
        raise ConfigError(f"{path}: cannot be read ({cause.strerror})") from cause
    except tomllib.TOMLDecodeError as cause:
        raise ConfigError(f"{path}: not TOML: {cause}") from cause
    except ValidationError as cause:
        first = cause.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from cause
