"""What a model reported in simulated worlds whose sites are known: `alerts.toml` beside its card.

Made by `leachwatch evaluate --alert-worlds N`. It holds for the weights and the calibration that it was made with,
and for no others.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tomli_w
from pydantic import Field, ValidationError, model_validator

from pipeline.atomic import write_text
from pipeline.digest import sha256_of
from pipeline.errors import InputError
from pipeline.looks.calibration import CalibrationTable, Positive, Share
from pipeline.looks.card import ModelCard

ALERTS = "alerts.toml"
"""Name of the file in a model's folder."""
DIGEST = r"^[0-9a-f]{64}$"


@dataclass(frozen=True, slots=True)
class KnownGround:
    """Ground whose sites are known, and what was reported of it."""

    km2: float
    """Its area, square kilometres."""
    sites: int
    """Number of its sites, found or not."""
    true: tuple[float, ...]
    """Confidence of each of its sites that was reported, 0 to 1."""
    false: tuple[float, ...]
    """Confidence of each report on none, 0 to 1."""


class KnownWorld(CalibrationTable):
    """A world."""

    seed: int
    km2: Positive
    """Area seen, square kilometres."""
    sites: int = Field(ge=0)
    """Its sites that had ponds by the last look: those that a list is due to hold."""


class KnownReport(CalibrationTable):
    """A report in a world, whatever its confidence."""

    seed: int
    """Seed of the world."""
    confidence: Share
    true: bool
    """True: on a site; of several on one the surest. False: on none."""


class AlertWorlds(CalibrationTable):
    """Simulated worlds, in the order of their seeds, and what a model reported there."""

    version: Literal[1] = 1
    """Layout."""
    ground: str = Field(min_length=1, alias="set")
    """Which worlds these are, in words."""
    model_sha256: str = Field(pattern=DIGEST)
    """SHA-256 of the weights ..."""
    calibration_sha256: str = Field(pattern=DIGEST)
    """... and of the calibration that gave the confidences."""
    worlds: tuple[KnownWorld, ...] = Field(min_length=1)
    reports: tuple[KnownReport, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "AlertWorlds":
        seeds = [world.seed for world in self.worlds]
        if len(set(seeds)) < len(seeds):
            raise ValueError("a world is there twice")
        if not {report.seed for report in self.reports} <= set(seeds):
            raise ValueError("a report lies in a world that is not there")
        return self

    @property
    def km2(self) -> float:
        """Area of all worlds, square kilometres."""
        return sum(world.km2 for world in self.worlds)

    @property
    def pieces(self) -> tuple[KnownGround, ...]:
        """The worlds one by one."""
        return pieces_of(self.worlds, self.reports)


def pieces_of(worlds: Sequence[KnownWorld], reports: Iterable[KnownReport]) -> tuple[KnownGround, ...]:
    """Worlds one by one, each with what was reported in it."""
    true: dict[int, list[float]] = {world.seed: [] for world in worlds}
    false: dict[int, list[float]] = {world.seed: [] for world in worlds}
    for report in reports:
        (true if report.true else false)[report.seed].append(report.confidence)
    return tuple(
        KnownGround(world.km2, world.sites, tuple(true[world.seed]), tuple(false[world.seed])) for world in worlds
    )


def calibration_digest(card: ModelCard) -> str:
    """Hash of a card's calibration; raises `InputError` for a card without one."""
    return sha256_of(card.calibrated().model_dump())


def read_alert_worlds(folder: Path, card: ModelCard) -> AlertWorlds:
    """The worlds in a model's folder. Raises `InputError` where they are not there or belong to another model."""
    path = folder / ALERTS
    make = f"run `leachwatch evaluate --model {folder} --alert-worlds 400`"
    try:
        worlds = AlertWorlds.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as cause:
        raise InputError(f"{path}: not there, and a budget of false alarms needs it; {make}") from cause
    except OSError as cause:
        raise InputError(f"{path}: cannot be read ({cause.strerror})") from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: not TOML ({cause})") from cause
    except ValidationError as cause:
        first = cause.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where + ': ' if where else ''}{first['msg']}") from cause
    if (worlds.model_sha256, worlds.calibration_sha256) != (card.sha256, calibration_digest(card)):
        raise InputError(f"{path}: made with other weights or another calibration than model {card.name}; {make}")
    return worlds


def write_alert_worlds(folder: Path, worlds: AlertWorlds) -> None:
    """Write the worlds beside a model's card, atomically; raises as `atomic.write_text`."""
    head = "# What the model reported in simulated worlds whose sites are known, for the budget of false alarms.\n"
    write_text(folder / ALERTS, head + tomli_w.dumps(worlds.model_dump(mode="json", by_alias=True)))
