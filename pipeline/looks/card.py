"""The card of a trained model, `model.toml`: what it is, how it was made, its scores and its calibration."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline import bands
from pipeline.atomic import write_text
from pipeline.errors import InputError
from pipeline.looks.calibration import Calibration, upgraded
from pipeline.looks.network import NetworkSpec, receptive_radius_px

CARD = "model.toml"
"""Name of the file in a model's folder."""

Value = str | int | float | bool


class Training(BaseModel):
    """How to make these weights again."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    seed: int
    """Seed of every random draw."""
    command: str
    """Command line as typed."""
    worlds: str
    """Simulated worlds that it was trained on."""
    steps: int = Field(ge=0)
    """Optimiser steps."""
    commit: str
    """Commit of the code; ends in `+` if files had been changed since."""


class ModelCard(BaseModel):
    """Everything about a model except its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1)
    """Name of the model; written into every product."""
    bands: tuple[str, ...] = Field(strict=False)
    """Names of the input bands, in order."""
    mean: tuple[float, ...] = Field(strict=False)
    """Per band, reflectance: subtracted from the input. With `std` the only normalisation there is."""
    std: tuple[float, ...] = Field(strict=False)
    """Per band, reflectance, above 0: the input is divided by it."""
    network: NetworkSpec
    """Shape of the network."""
    receptive_radius_px: int
    """How far from a pixel the input can change its output, pixels."""
    bf16: bool
    """True: bfloat16 was measured to give the same output, up to the difference stated in `scores`."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the weights file."""
    training: Training
    """How to make the weights again."""
    scores: dict[str, Value]
    """Measured scores; `set` states on what data, and belongs with every figure."""
    calibration: Calibration | None = Field(default=None, strict=False)
    """Numbers that turn evidence into confidence, dates and areas; None: not calibrated."""
    notes: str = ""
    """What users of the scores must know."""

    @field_validator("bands")
    @classmethod
    def _bands_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if names != bands.NAMES:
            raise ValueError(f"must be {' '.join(bands.NAMES)}, not {' '.join(names)}")
        return names

    @field_validator("scores")
    @classmethod
    def _scores_named(cls, scores: dict[str, Value]) -> dict[str, Value]:
        if not isinstance(scores.get("set"), str):
            raise ValueError("`set` must say what the scores were measured on")
        return scores

    @field_validator("calibration", mode="before")
    @classmethod
    def _any_version(cls, table: object) -> object:
        if isinstance(table, Mapping):
            return upgraded(table) if table else None
        return table

    @model_validator(mode="after")
    def _consistent(self) -> "ModelCard":
        if len(self.mean) != len(self.bands) or len(self.std) != len(self.bands):
            raise ValueError("mean and std need one number per band")
        if not all(0 < value < float("inf") for value in self.std):
            raise ValueError("std must be above 0")
        radius = receptive_radius_px(self.network)
        if self.receptive_radius_px != radius:
            raise ValueError(f"receptive_radius_px is {radius}, not {self.receptive_radius_px}")
        return self

    def calibrated(self) -> Calibration:
        """The calibration; raises `InputError` for a model without one."""
        if self.calibration is None:
            raise InputError(f"model {self.name}: its card has no calibration; run `make train`")
        return self.calibration


def read_card(path: Path) -> ModelCard:
    """The card in a TOML file; raises `InputError`."""
    try:
        return ModelCard.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: not TOML ({cause})") from cause
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        remedy = _remedy(first["type"], first["loc"])
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}{remedy}") from cause


def _remedy(kind: str, where: Sequence[str | int]) -> str:
    """What to do about a card of another version."""
    if kind == "extra_forbidden":
        return "; of a newer version of leachwatch? then upgrade this one"
    if kind == "missing" and where[0] == "calibration":
        return "; of an earlier version, to be calibrated anew: make train"
    return ""


def write_card(path: Path, card: ModelCard) -> None:
    """Write a card as TOML, atomically; raises as `atomic.write_text`."""
    content: dict[str, Any] = card.model_dump(mode="json", exclude_none=True)
    head = "# The card of a trained model: what it is, how it was made, how well it does.\n"
    write_text(path, head + tomli_w.dumps(content))
