"""The recipe of a look: what decides its pixels apart from the scenes and the place."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import atomic
from pipeline.config import ClearSettings, OffsetError, Settings
from pipeline.digest import sha256_of
from pipeline.grid import aligned_up
from pipeline.looks.clear import CLEAR_RADIUS_PX
from pipeline.looks.weights import Model

LOOK_VERSION = 1
"""Raise it when the same scenes give other pixels: looks of another version are kept, listed and not used.

`tests/test_look_version.py` fails when pixels move and this number does not. Then all kept looks are out of date, and
whoever pays for imagery pays again: so raise it for better pixels only, and say so in the CHANGELOG.
"""
FOLDER_DIGITS = 12
"""Of the digest, in the name of the folder of its looks."""
DESCRIPTION = "recipe.json"
"""File in that folder."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a look's pixels apart from the scenes and the place."""

    model: str
    """Name or path of the model."""
    model_name: str
    """Name on its card."""
    model_sha256: str
    """Hash of its weights and of the parts of its card that decide pixels; its calibration does not."""
    precision: str
    """`fp32` or `bf16`."""
    margin_px: int
    """How much wider than its windows a look is read, pixels ..."""
    network_margin_px: int
    """... and how much of that the network needs."""
    clear: ClearSettings
    """Settings of the clear test."""
    offset_error: OffsetError = OffsetError.REFUSE
    """What to do with a scene whose BOA_ADD_OFFSET was applied twice or not at all."""
    version: int = LOOK_VERSION
    """Version of the code, as a person states it."""

    @property
    def digest(self) -> str:
        """Hash of the recipe; not of the place of the model, nor of code, libraries or messages."""
        return sha256_of(
            [self.version, self.model_sha256, self.precision, self.clear.model_dump_json(), self.offset_error]
        )

    @property
    def folder(self) -> str:
        """Name of the folder of its looks."""
        return self.digest[:FOLDER_DIGITS]

    @property
    def description(self) -> "RecipeDescription":
        """What is written beside its looks."""
        return RecipeDescription(version=self.version, model=self.model_name, precision=self.precision)


class RecipeDescription(BaseModel):
    """What people can recognise a recipe by."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int
    """The look version."""
    model: str
    """Name of the model."""
    precision: str
    """`fp32` or `bf16`."""

    def text(self) -> str:
        """For people."""
        return f"look version {self.version}, model {self.model}, {self.precision}"


def recipe_of(settings: Settings, model: Model) -> Recipe:
    """The recipe for the looks of a run.

    It includes only those parts of the model that decide pixels, so a new calibration does not make looks again.
    """
    card = model.card
    return Recipe(
        model=settings.model,
        model_name=card.name,
        model_sha256=sha256_of([card.sha256, card.network.model_dump(), card.mean, card.std]),
        precision=model.precision,
        margin_px=read_margin_px(card.receptive_radius_px),
        network_margin_px=aligned_up(card.receptive_radius_px),
        clear=settings.clear,
        offset_error=settings.reading.boa_offset_error,
    )


def read_margin_px(receptive_radius_px: int) -> int:
    """How much wider than its windows a look must be read, pixels, for the clear test and the network to be exact."""
    return aligned_up(max(receptive_radius_px, CLEAR_RADIUS_PX))


def describe_recipe(folder: Path, recipe: Recipe) -> None:
    """Write beside the looks of a recipe what it is; raises as `atomic.write_text`."""
    if not (folder / DESCRIPTION).is_file():
        atomic.write_text(folder / DESCRIPTION, json.dumps(recipe.description.model_dump(), indent=1) + "\n")


def description_in(folder: Path) -> RecipeDescription:
    """The recipe of the looks in a folder; of an unknown version where nothing says so."""
    try:
        return RecipeDescription.model_validate_json((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return RecipeDescription(version=0, model="unknown", precision="unknown")
