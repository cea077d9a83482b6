"""Several providers of the same scenes: each is read from the first that lists it, and if that fails from the next.

Each read that fell back to another provider is noted in the look, and so in `manifest.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from pipeline.aoi import Aoi
from pipeline.errors import CredentialsRefused, InputError, PipelineError, QuotaUsed, SceneError
from pipeline.grid import Grid, Window
from pipeline.raster import Raster
from pipeline.sources.interface import Period, Price, Priced, Refusal, Scene, Search, Source
from pipeline.sources.ledger import Usage
from pipeline.sources.pixels import ScenePixels, mosaic

PROVIDER_ERRORS = (SceneError, CredentialsRefused, QuotaUsed)
"""Errors of one provider that need not affect the next; a limit of our own applies to all."""


@dataclass(frozen=True, slots=True)
class FailoverSource:
    """Providers in order of preference."""

    sources: tuple[Source, ...]
    """At least two, with different names."""

    @property
    def name(self) -> str:
        """As written to every product."""
        return "+".join(source.name for source in self.sources)

    @property
    def simulation(self) -> str:
        """That of the first which is simulated; the known catalogues are not."""
        return next((source.simulation for source in self.sources if source.simulation), "")

    @property
    def paid(self) -> bool:
        """True if any of them is."""
        return any(source.paid for source in self.sources)

    @property
    def remote(self) -> bool:
        """True if any of them is."""
        return any(source.remote for source in self.sources)

    def search(self, aoi: Aoi, period: Period) -> Search:
        """Scenes of all providers, each acquisition once; raises the first one's error if none can be searched."""
        by_day: dict[tuple[str, date], list[Scene]] = {}
        refusals: list[Refusal] = []
        failures: list[InputError | CredentialsRefused | QuotaUsed] = []
        for source in self.sources:
            try:
                found = source.search(aoi, period)
            except (InputError, CredentialsRefused, QuotaUsed) as cause:
                failures.append(cause)
                refusals.append(Refusal(source.name, str(cause)))
                continue
            refusals += [replace(refusal, id=f"{source.name}: {refusal.id}") for refusal in found.refusals]
            for scene in found.scenes:
                known = by_day.setdefault((scene.platform, scene.time_utc.date()), [])
                same = scene.acquisition.is_same
                twin = next((k for k, other in enumerate(known) if same(other.acquisition)), None)
                if twin is None:
                    known.append(scene)
                else:
                    known[twin] = replace(known[twin], others=(*known[twin].others, scene))
        if len(failures) == len(self.sources):
            raise failures[0]
        return Search(
            tuple(sorted(chain.from_iterable(by_day.values()), key=lambda scene: (scene.time_utc, scene.id))),
            tuple(sorted(refusals, key=lambda refusal: refusal.id)),
        )

    def unmasked(self) -> "FailoverSource":
        """As `Source.unmasked`."""
        return replace(self, sources=tuple(source.unmasked() for source in self.sources))

    def read(self, scenes: Sequence[Scene], grid: Grid, window: Window) -> Raster:
        """As `Source.read`; each granule from the first provider that can read it."""
        notes: list[str] = []

        def read(scene: Scene, with_scl: bool) -> tuple[ScenePixels, str | None]:
            raster = self._first(scene, grid, window, notes)
            scl = raster.scl if with_scl else None
            return ScenePixels(raster.pixels, raster.radiometry, raster.valid, scl, raster.unread), None

        raster = mosaic(scenes, window, read)
        return replace(raster, notes=(*raster.notes, *notes))

    def price(self, scenes: Sequence[Scene], grid: Grid, windows: Sequence[Window]) -> Price:
        """As `Priced.price`, by the provider that each granule is first requested from."""
        prices: list[Price] = []
        for source in self.sources:
            own = [scene for scene in scenes if scene.provider == source.name]
            if own and isinstance(source, Priced):
                prices.append(source.price(own, grid, windows))
        shares = [price.clear_share for price in prices if price.clear_share is not None]
        usage = sum((price.usage for price in prices), Usage())
        return Price(usage, max((price.read_px for price in prices), default=0.0), max(shares, default=None))

    def _first(self, scene: Scene, grid: Grid, window: Window, notes: list[str]) -> Raster:
        """The raster of the first provider that can read the scene; raises `_combined` of their errors if none can."""
        by_name = {source.name: source for source in self.sources}
        said: list[str] = []
        failures: list[Exception] = []
        for candidate in (scene, *scene.others):
            try:
                raster = by_name[candidate.provider].read([candidate], grid, window)
            except PROVIDER_ERRORS as cause:
                if not scene.others:
                    raise
                failures.append(cause)
                said.append(f"{candidate.provider}: {cause}")
                continue
            notes += raster.notes
            if said:
                notes.append(f"{scene.id}: read from {candidate.provider}, because {'; '.join(said)}")
            return raster
        raise _combined(failures, "; ".join(said))


def _combined(failures: Sequence[Exception], said: str) -> PipelineError:
    """One error for the failures of several providers, with the text `said`.

    If all refuse the credentials, or the quota is used up at each, that ends the run.
    """
    kinds = {type(failure) for failure in failures}
    for kind in (CredentialsRefused, QuotaUsed):
        if kinds == {kind}:
            return kind(said)
    return SceneError(said)
