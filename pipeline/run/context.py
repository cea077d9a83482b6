"""The context of a run: what was asked for, opened and checked once, and handed to every step as a whole."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from pipeline.aoi import Aoi, Polygonal
from pipeline.archive import Archive
from pipeline.config import Settings
from pipeline.digest import sha256_of
from pipeline.looks.calibration import Calibration
from pipeline.looks.maker import LookMaker
from pipeline.looks.recipe import Recipe, recipe_of
from pipeline.looks.weights import Model
from pipeline.progress import Progress
from pipeline.sources.budget import Budget
from pipeline.sources.interface import Period, Source

JUDGEMENT = ("evidence", "sites", "history")
"""Tables of the settings that decide, with the calibration, what the same looks say."""


class Remake(StrEnum):
    """Whether looks of an older recipe are made again, in the months that are asked for."""

    AUTO = "auto"
    """All where that is free of charge, none where the source is paid."""
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, eq=False, slots=True)
class Pace:
    """In which order looks are made, and how many of them before what there is must be published or kept for later."""

    most_looks: int | None = None
    """Looks to make at most; None = all."""
    until: float | None = None
    """When to begin no more looks, by `time.monotonic`; None = never."""
    first: tuple[Polygonal, ...] = ()
    """Ground to look at before all other, lon/lat."""
    clearest_first: bool = False
    """Whether overpasses with less cloud come first; else they come in order of place and time."""
    whole: bool = False
    """Whether nothing is published unless all looks were made that were asked for."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Run:
    """Everything that one `detect` or `estimate` needs."""

    aoi: Aoi
    """Where."""
    period: Period
    """When to search scenes."""
    source: Source
    """Whose scenes."""
    settings: Settings
    """All settings."""
    model: Model
    """The network, with its card."""
    archive: Archive
    """Where looks and names are kept."""
    out: Path
    """Where products are written."""
    today: date
    """Day of the run, UTC."""
    device: str
    """Where the network runs: `auto`, `cpu` or `cuda`."""
    progress: Progress
    """How the work is reported."""
    budget: Budget | None = None
    """What the source may spend; None = it costs nothing."""
    remake: Remake = Remake.AUTO
    """Whether looks of an older recipe are made again."""
    pace: Pace = Pace()
    """Order and number of looks."""
    all_cuts: bool = False
    """Whether cuts are also fetched from a server where a run does not do so of its own: of places that are not
    reported, and of looks of other days than those that are searched."""

    @property
    def recipe(self) -> Recipe:
        """How looks are made."""
        return recipe_of(self.settings, self.model)

    @property
    def maker(self) -> LookMaker:
        """Makes the looks of this run."""
        recipe = self.recipe
        folder = self.archive.looks / recipe.folder
        return LookMaker(self.source, recipe, self.device, self.settings.segment.batch, folder)

    @property
    def calibration(self) -> Calibration:
        """That of the model. Raises `InputError` for a model without one."""
        return self.model.card.calibrated()

    @property
    def judgement(self) -> str:
        """Hash of what decides, from the same looks, what is said of a site."""
        settings = {name: getattr(self.settings, name).model_dump(mode="json") for name in JUDGEMENT}
        return sha256_of([settings, self.calibration.model_dump(mode="json")])

    @property
    def screens(self) -> bool:
        """Whether ground is screened: where looking again costs nothing but time."""
        return self.settings.screen.enabled and not (self.source.remote or self.source.paid)

    @property
    def remakes(self) -> bool:
        """Whether looks of an older recipe are made again."""
        return self.remake is Remake.ALL or (self.remake is Remake.AUTO and not self.source.paid)
