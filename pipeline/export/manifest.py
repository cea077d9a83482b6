"""`manifest.json`: the provenance of a run. Holds no clock time: a re-run gives the same bytes."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import __version__
from pipeline.aoi import Aoi
from pipeline.config import Settings
from pipeline.cuts.kept import KeptCuts
from pipeline.export.publication import LAYOUT
from pipeline.looks.file import LookFile, software
from pipeline.looks.look import Look, screened_squares
from pipeline.looks.recipe import Recipe
from pipeline.looks.store import DamagedLook
from pipeline.sites.statement import Provenance
from pipeline.sources.interface import Refusal, Scene, SceneStatus, Search

SIMULATED = (
    "SIMULATED: every scene, date and site here was made by leachwatch's own simulator. Nothing in it says "
    "anything about any real place. For real imagery: make detect AOI=… SOURCE=folder SCENES=<folder of GeoTIFFs>"
)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Manifest:
    """What was used, what was not, and why."""

    provenance: Provenance
    """Run, source and model."""
    aoi: Aoi
    """The AOI."""
    settings: Settings
    """All settings of the run."""
    recipe: Recipe
    """How looks were made."""
    simulation: str
    """Id of the simulation; empty = real places."""
    months: tuple[str, ...]
    """The months covered, `YYYY-MM`."""
    seen_share: float
    """Share of the AOI seen at least once, 0 to 1."""
    seen_in: Mapping[str, float]
    """The same in each month, by `YYYY-MM`."""
    sites: int
    """Number of reported sites."""
    waiting: int
    """How many of them stand as last published, because the present recipe has not looked at them enough."""
    outdated: int
    """Looks in the period that there are only by another recipe, and that were not made again."""
    looks: Sequence[Look]
    """All looks in the area, of any period, by the present recipe."""
    damaged: Sequence[DamagedLook]
    """Looks whose files cannot be used; what they showed is lost, unless it was looked at again."""
    out: Path
    """The product folder."""
    search: Search
    """Scenes that were used, and those that were not, and why."""
    outliers: Sequence[Refusal]
    """Looks that were made and left out, and why."""
    failures: Sequence[Refusal]
    """Looks that failed, and why."""
    cuts: KeptCuts
    """What came of keeping evidence."""
    notes: Sequence[str]
    """What a person must know of verdicts, one line each."""

    def content(self, checksums: Mapping[str, str]) -> dict[str, object]:
        """The content as written; `checksums`: SHA-256 of the other products by name."""
        simulated = self.provenance.simulated
        return {
            "layout": LAYOUT,
            "software": {"name": "leachwatch", "version": __version__, "libraries": software()},
            "run_id": self.provenance.run_id,
            "aoi": {"name": self.aoi.name, "title": self.aoi.title, "sha256": self.aoi.digest},
            "source": self.provenance.source,
            "simulated": simulated,
            "simulation": self.simulation or None,
            "notice": SIMULATED if simulated else None,
            "model": {
                "name": self.provenance.model,
                "sha256": self.recipe.model_sha256,
                "precision": self.recipe.precision,
            },
            "look_version": self.recipe.version,
            "recipe": self.recipe.folder,
            "settings": self.settings.model_dump(mode="json"),
            "months": list(self.months),
            "share_of_aoi_seen": round(self.seen_share, 6),
            "share_seen_by_month": {month: round(share, 6) for month, share in self.seen_in.items()},
            "sites": self.sites,
            "waiting_sites": self.waiting,
            "outdated_looks": self.outdated,
            "overpasses": len({(look.day, look.overpass) for look in self.looks}),
            "looks": [_look(look, self.out) for look in self.looks],
            "scenes": [*map(_used, self.search.scenes), *map(_not_used, self.search.refusals)],
            "outlier_looks": [_unit(refusal) for refusal in self.outliers],
            "failed_units": [_unit(refusal) for refusal in self.failures],
            "damaged_looks": [_damaged(each, self.out) for each in self.damaged],
            "failed_cuts": [_unit(refusal) for refusal in self.cuts.failures],
            "absent_cuts": self.cuts.absent,
            "review_notes": list(self.notes),
            "files": dict(checksums),
        }


def manifest_text(content: Mapping[str, object]) -> str:
    """The content of a manifest as JSON that a person can read."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _look(look: Look, folder: Path) -> dict[str, object]:
    file = _relative(look.pixels.path, folder) if isinstance(look.pixels, LookFile) else None
    notes = {"notes": list(look.notes)} if look.notes else {}
    screened = {"screened_squares": squares} if (squares := screened_squares(look)) else {}
    again = {"generation": look.generation} if look.generation else {}
    return {
        "file": file,
        "overpass": look.overpass,
        "clear_share": round(look.clear_share, 4),
        **again,
        **screened,
        **notes,
    }


def _damaged(damaged: DamagedLook, folder: Path) -> dict[str, object]:
    look = damaged.look
    return {
        "file": _relative(damaged.path, folder),
        "reason": damaged.reason,
        "unit": look.name if look is not None else None,
        "overpass": look.overpass if look is not None else None,
        "made_again": damaged.made_again,
    }


def _relative(path: Path, folder: Path) -> str:
    """A path as seen from a folder, so that both can be moved together."""
    return Path(os.path.relpath(path, folder)).as_posix()


def _unit(refusal: Refusal) -> dict[str, object]:
    return {"unit": refusal.id, "reason": refusal.reason}


def _used(scene: Scene) -> dict[str, object]:
    return {
        "id": scene.id,
        "status": SceneStatus.USED.value,
        "time_utc": scene.time_utc.isoformat(),
        "platform": scene.platform,
        "clear_test": "SCL" if scene.has_scl else "fallback cloud test, no SCL in this file",
    }


def _not_used(refusal: Refusal) -> dict[str, object]:
    return {"id": refusal.id, "status": refusal.status.value, "reason": refusal.reason}
