"""An edition: what is published of an AOI at one time. Every product is made from one, at the end of a run or later."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from pipeline.aoi import Aoi
from pipeline.export.coverage import CoverageRecord
from pipeline.sites.records import EventRecord, SiteRecord
from pipeline.sites.statement import Provenance, Statement


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Edition:
    """What is published of an AOI."""

    aoi: Aoi
    """Where."""
    provenance: Provenance
    """Source, model and run."""
    model_sha256: str
    """Hash of the model's weights."""
    statements: tuple[Statement, ...]
    """What is said of each site, by id, verdicts of reviewers and sites that they added included."""
    events: tuple[EventRecord, ...]
    """What happened to sites, also to those of which nothing stands any more."""
    coverage: Callable[[], Iterator[CoverageRecord]]
    """Every cell in every month, seen or not; a state has a hundred thousand, so they come as a stream."""
    months: tuple[str, ...]
    """The months covered, `YYYY-MM`, ascending."""
    seen_in: Mapping[str, float]
    """Share of the AOI that was clear at least once in each month, 0 to 1; months without a look are left out."""
    seen_share: float
    """Share of the AOI that was clear at least once in any month, 0 to 1."""
    first_published: Mapping[str, date]
    """Day on which each site was first published, by id."""

    @property
    def sites(self) -> list[SiteRecord]:
        """The rows of the sites, by id."""
        return [statement.site for statement in self.statements]
