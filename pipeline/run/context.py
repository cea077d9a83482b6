"""The context of a run: what was asked for, opened and checked once, and handed to every step as a whole."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.looks.archive import LookMaker
from pipeline.looks.calibration import Calibration
from pipeline.looks.task import recipe_of
from pipeline.looks.weights import Model
from pipeline.progress import Progress
from pipeline.sources.budget import Budget
from pipeline.sources.interface import Period, Source


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
    out: Path
    """Where products and looks are written."""
    today: date
    """Day of the run, UTC."""
    device: str
    """Where the network runs: `auto`, `cpu` or `cuda`."""
    progress: Progress
    """How the work is reported."""
    budget: Budget | None = None
    """What the source may spend; None = it costs nothing."""

    @property
    def maker(self) -> LookMaker:
        """Makes the looks of this run."""
        recipe = recipe_of(self.settings, self.model)
        return LookMaker(
            self.source, recipe, self.device, self.settings.segment.batch, self.out / "looks" / self.source.name
        )

    @property
    def calibration(self) -> Calibration:
        """That of the model. Raises `InputError` for a model without one."""
        return self.model.card.calibrated()

    @property
    def registry_path(self) -> Path:
        """The file of site ids: simulated sites never share names with real ones."""
        return self.out / ("registry-simulated.json" if self.source.simulated else "registry.json")
