"""What a run did: for people, for the exit code, and for `manifest.json`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import __version__
from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.errors import CapReached, CredentialsRefused, NothingObserved, UnitsFailed
from pipeline.export.records import SiteRecord
from pipeline.looks import Look, Recipe
from pipeline.sources.interface import NOT_NEEDED, Refusal, Scene, Search
from pipeline.spending import Spent

SIMULATED = (
    "SIMULATED: every scene, date and site here was made by leachwatch's own simulator. Nothing in it says "
    "anything about any real place. For real imagery: make detect AOI=… SOURCE=folder SCENES=<folder of GeoTIFFs>"
)
DECISIVE = (CapReached.exit_code, CredentialsRefused.exit_code)
"""Codes of failures that all later looks share, and that running again does not mend."""
MOST_LINES = 10
"""Refusals and failures told on the terminal; all are in the manifest."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A run that has ended."""

    aoi: Aoi
    """The AOI."""
    out: Path
    """Where the files are."""
    source: str
    """Name of the source."""
    simulated: bool
    """True: the input was simulated."""
    settings: Settings
    """All settings."""
    model: str
    """Name of the model, as on its card."""
    recipe: Recipe
    """How looks were made."""
    run_id: str
    """The same for the same inputs."""
    search: Search
    """Scenes that were used, and those that were not, and why."""
    looks: tuple[Look, ...]
    """The looks behind the sites."""
    failures: tuple[Refusal, ...]
    """Looks that failed, and why."""
    sites: tuple[SiteRecord, ...]
    """The reported sites."""
    seen_share: float
    """Share of the AOI seen at least once, 0 to 1."""
    months: tuple[str, ...]
    """The months covered, `YYYY-MM`."""
    apart: tuple[Refusal, ...] = ()
    """Looks that were made and left out, and why, see `jumps.py`."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """What this run asked of whom."""

    @property
    def refused(self) -> list[Refusal]:
        """Scenes that could not be used; not those that were not needed."""
        return [r for r in self.search.refusals if not r.reason.startswith(NOT_NEEDED)]

    @property
    def error(self) -> str | None:
        """Why the exit code is not 0, in one line."""
        if self.failures:
            first = max(self.failures, key=lambda failure: failure.code in DECISIVE)
            if first.code in DECISIVE:
                whole = len(self.failures) + len(self.looks)
                return f"{first.reason} ({len(self.looks)} of {whole} looks are there)"
            return (
                f"{len(self.failures)} of {len(self.failures) + len(self.looks)} looks failed, first "
                f"{first.id}: {first.reason}; run again to do only those"
            )
        if not self.looks:
            refused = self.refused
            why = f", first {refused[0].id}: {refused[0].reason}" if refused else ""
            return f"nothing could be observed: no usable scene over {self.aoi.title} ({len(refused)} refused{why})"
        if self.seen_share == 0:
            return f"nothing could be observed: no clear pixel in {len(self.looks)} looks over {self.aoi.title}"
        return None

    @property
    def exit_code(self) -> int:
        """0, 3, 4, 5 or 6, as in the contract."""
        decisive = [failure.code for failure in self.failures if failure.code in DECISIVE]
        if decisive:
            return decisive[0]
        return UnitsFailed.exit_code if self.failures else 0 if self.error is None else NothingObserved.exit_code

    def text(self) -> str:
        """The summary a person reads at the end."""
        made = sum(look.computed for look in self.looks)
        with_ponds = sum(site.ponds_by is not None for site in self.sites)
        span = f"{self.months[0]} to {self.months[-1]}" if self.months else "no month"
        lines = [
            f"{self.aoi.title}: {len(self.sites)} suspected leach-pond sites, {with_ponds} of them with dated ponds",
            f"  seen     {_percent(self.seen_share)} of {self.aoi.area_km2:,.0f} km² at least once, {span}; "
            f"per cell and month in coverage.geojson",
            f"  looks    {len(self.looks)} ({made} new, {len(self.looks) - made} kept from before)",
            *(f"  fetched  {spent.text()} from {provider}" for provider, spent in self.spent.items()),
            *_noted([note for look in self.looks for note in look.notes]),
            *_listed("refused", self.refused),
            *_listed("left out", self.apart),
            *_listed("failed", self.failures),
            f"  files    {self.out}/  open sites.geojson or sites.gpkg in QGIS",
        ]
        return "\n".join([*lines, SIMULATED] if self.simulated else lines)

    def manifest(self) -> dict[str, object]:
        """Provenance: what was used, what was not, and why. Holds no clock time: a re-run gives the same bytes."""
        return {
            "software": {"name": "leachwatch", "version": __version__, "code": self.recipe.code[:16]},
            "run_id": self.run_id,
            "aoi": {"name": self.aoi.name, "title": self.aoi.title, "sha256": self.aoi.digest},
            "source": self.source,
            "simulated": self.simulated,
            "notice": SIMULATED if self.simulated else None,
            "model": {"name": self.model, "sha256": self.recipe.model_sha256, "precision": self.recipe.precision},
            "settings": self.settings.model_dump(mode="json"),
            "months": list(self.months),
            "share_of_aoi_seen": round(self.seen_share, 6),
            "sites": len(self.sites),
            "overpasses": len({(look.day, look.overpass) for look in self.looks}),
            "looks": [
                {
                    "file": look.path.relative_to(self.out).as_posix(),
                    "overpass": look.overpass,
                    "clear_share": round(look.clear_share, 4),
                    **({"notes": list(look.notes)} if look.notes else {}),
                }
                for look in self.looks
            ],
            "scenes": [*map(_used, self.search.scenes), *map(_not_used, self.search.refusals)],
            "looks_left_out": [{"unit": refusal.id, "reason": refusal.reason} for refusal in self.apart],
            "failed_units": [{"unit": failure.id, "reason": failure.reason} for failure in self.failures],
        }


def _listed(kind: str, items: "tuple[Refusal, ...] | list[Refusal]") -> Iterator[str]:
    """Lines for the terminal, the first few in full."""
    yield from (f"  {kind:8} {item.id}: {item.reason}" for item in items[:MOST_LINES])
    if len(items) > MOST_LINES:
        yield f"  {kind:8} … {len(items) - MOST_LINES} more, all in manifest.json"


def _noted(notes: list[str]) -> Iterator[str]:
    if notes:
        yield f"  noted    {notes[0]}" + (f" (… {len(notes) - 1} more, in manifest.json)" if notes[1:] else "")


def _used(scene: Scene) -> dict[str, object]:
    return {
        "id": scene.id,
        "status": "used",
        "time_utc": scene.time_utc.isoformat(),
        "platform": scene.platform,
        "clear_test": "SCL" if scene.has_scl else "own test, no SCL in this file",
    }


def _not_used(refusal: Refusal) -> dict[str, object]:
    status = "not needed" if refusal.reason.startswith(NOT_NEEDED) else "refused"
    return {"id": refusal.id, "status": status, "reason": refusal.reason}


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{100 * share:.2g}%"
