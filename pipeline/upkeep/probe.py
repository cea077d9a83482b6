"""One provider asked for one acquisition of one small window: search, reading, units and classes, each a finding."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.aoi import Aoi
from pipeline.bands import NAMES
from pipeline.errors import CapReached, CredentialsRefused, PipelineError, QuotaUsed
from pipeline.grid import Window
from pipeline.raster import Raster
from pipeline.sources.interface import Period, Scene, SceneStatus, Source
from pipeline.upkeep.agreement import percentiles
from pipeline.upkeep.finding import Finding, failed, ok, skipped, warn
from pipeline.upkeep.hearing import Document, Hearing, save, without_secrets

SHORT = 160
"""Longest reason in the table, characters; the file holds all of it."""
DARKEST, BRIGHTEST = -0.05, 0.9
"""Limits of plausible medians of a window that is not under cloud, reflectance."""
MIN_SPREAD = 0.001
"""Of a band, between its 5th and 95th percentile, reflectance: less is a constant, not ground."""
MIN_VALID_SHARE = 0.05
"""Of the window: with less, nothing is said of units."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One provider, and where its misfits go."""

    source: Source
    """The provider."""
    hearing: Hearing
    """What it sends."""
    folder: Path
    """Where documents that do not fit are written."""
    has_credentials: Callable[[], bool]
    """Whether credentials for it are in the environment, or it needs none."""

    @property
    def name(self) -> str:
        """As in products."""
        return self.source.name

    def search(self, aoi: Aoi, period: Period) -> tuple[tuple[Scene, ...], tuple[Finding, ...]]:
        """The scenes that it lists, and what was found."""
        title = f"{self.name}: search"
        self.hearing.documents.clear()
        try:
            found = self.source.search(aoi, period)
        except PipelineError as cause:
            return (), (self._trouble(title, cause),)
        refused = [refusal for refusal in found.refusals if refusal.status is SceneStatus.REFUSED]
        count = f"{len(found.scenes)} scenes of {_days(period)}"
        if not refused:
            if not found.scenes:
                return (), (
                    warn(
                        title,
                        f"no scenes of {_days(period)}",
                        "does it have the place, and is the collection as we name it?",
                    ),
                )
            return found.scenes, (ok(title, count),)
        first = refused[0]
        document = self.hearing.naming(first.id)
        file = self._saved("search", f"{first.id}: {first.reason}", [document] if document else [])
        told = f"{count}; {len(refused)} do not fit, the first: {_short(f'{first.id}: {first.reason}')}"
        todo = f"send {file} to the maintainers of leachwatch"
        return found.scenes, (warn(title, told, todo) if found.scenes else failed(title, told, todo),)

    def read(self, scene: Scene, aoi: Aoi, window: Window) -> tuple[Raster | None, tuple[Finding, ...]]:
        """The pixels of one scene, and what was found of reading, units and classes."""
        title, begun_s = f"{self.name}: reading", self.hearing.left_s()
        self.hearing.documents.clear()
        try:
            raster = self.source.read([scene], aoi.grid, window)
        except PipelineError as cause:
            return None, (self._trouble(title, cause),)
        size, took_s = f"{window.width} × {window.height} px", begun_s - self.hearing.left_s()
        told = f"{scene.id} of {scene.time_utc:%Y-%m-%d}, {size} in {took_s:.1f} s"
        share = float(raster.valid.mean())
        if share < MIN_VALID_SHARE:
            return None, (warn(title, f"{told}, but only {share:.0%} of it holds data", "ask again in another month"),)
        return raster, (ok(title, told), self._units(raster), self._classes(raster, scene))

    def _units(self, raster: Raster) -> Finding:
        """Reflectance is within what ground can have."""
        title, told = f"{self.name}: units", f"percentiles 5/50/95: {percentiles(raster)}"
        seen = raster.reflectance[:, raster.valid]
        low, middle, high = np.percentile(seen, (5, 50, 95), axis=1)
        odd = [name for name, value in zip(NAMES, middle, strict=True) if not DARKEST <= value <= BRIGHTEST]
        flat = [name for name, spread in zip(NAMES, high - low, strict=True) if spread < MIN_SPREAD]
        if odd:
            return failed(
                title, f"{', '.join(odd)} cannot be reflectance; {told}", "is its scale or offset another one?"
            )
        if flat:
            return failed(title, f"{', '.join(flat)} is the same everywhere; {told}", "is it that band at all?")
        return ok(title, told)

    def _classes(self, raster: Raster, scene: Scene) -> Finding:
        """SCL is there where pixels are, with legal classes."""
        title = f"{self.name}: classes"
        if raster.scl is None:
            return warn(title, f"{scene.id} has no SCL", "the cloud test of leachwatch is used instead")
        classes, counts = np.unique(raster.scl[raster.valid], return_counts=True)
        shares = dict(zip(classes.tolist(), (counts / counts.sum()).tolist(), strict=True))
        none = shares.pop(0, 0.0)
        told = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda kv: -kv[1])[:5])
        if none > 0.01:
            return failed(
                title,
                f"{none:.0%} of measured pixels have no legal class; others: {told or 'none'}",
                "is it SCL at all?",
            )
        return ok(title, f"SCL {told}")

    def _trouble(self, title: str, cause: PipelineError) -> Finding:
        """The finding for an error of the provider; what it sent last goes to a file."""
        if isinstance(cause, CredentialsRefused) and not self.has_credentials():
            return skipped(title, "no credentials in the environment", _short(str(cause)))
        if isinstance(cause, CapReached) and not isinstance(cause, QuotaUsed):
            return failed(title, _short(str(cause)), "ask fewer providers at once: --providers; see docs/doctor.md")
        last = list(self.hearing.documents)[-1:]
        file = self._saved(title.rsplit(" ", 1)[-1], str(cause), last)
        todo = "see docs/doctor.md; what it sent last is in" if last else "is there a network? What was tried is in"
        return failed(title, _short(str(cause)), f"{todo} {file}")

    def _saved(self, step: str, reason: str, documents: list[Document]) -> Path:
        return save(self.folder / f"{self.name}-{step}.txt", documents, f"{self.name}, {step}: {reason}")


def _days(period: Period) -> str:
    return f"{period.first} to {period.last}"


def _short(text: str) -> str:
    """A reason without secrets, short enough for a table."""
    line = " ".join(without_secrets(text).split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"
