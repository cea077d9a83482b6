"""Writes the products of an AOI again with the verdicts that people gave since: no look is made, no scene is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.cuts.store import CutStore
from pipeline.export.publication import MANIFEST, Stage, complete, published, roll_back
from pipeline.grid import Grid, Window
from pipeline.locks import PATIENCE_S, locked
from pipeline.looks.look import Look, in_force
from pipeline.looks.store import LookStore
from pipeline.pictures.darkroom import Darkroom
from pipeline.progress import Progress
from pipeline.raster import Bytes
from pipeline.run.edition import Published, published_with, read_published, with_names
from pipeline.run.pictures import ModelViews
from pipeline.run.publish import publish_edition, write_rows

COVERAGE = ("coverage.geojson", "coverage.qml")
"""Products in which a verdict changes nothing: they stay."""


@dataclass(slots=True)
class StoredViews:
    """What the model saw, from the looks in the archive around a window, read when it is asked for."""

    store: LookStore
    """The looks by the recipe of the products."""
    grid: Grid
    """The UTM zone."""
    _near: dict[Window, ModelViews] = field(default_factory=dict)

    def __call__(self, overpass: str, window: Window) -> Bytes | None:
        """As `ModelViews`."""
        views = self._near.get(window)
        if views is None:
            looks: list[Look] = in_force(self.store.looks(self.grid, window))
            views = self._near[window] = ModelViews(looks)
        return views(overpass, window)


def stored_darkroom(found: Published) -> Darkroom:
    """Develops albums from what the archive holds."""
    grid, archive = found.edition.aoi.grid, found.archive
    store = LookStore(archive.looks / str(found.manifest["recipe"]))
    return Darkroom(CutStore(archive.cuts, grid), StoredViews(store, grid))


def refresh(aoi: Aoi, out: Path, archive_folder: Path, progress: Progress) -> Published:
    """Write the products in a folder again with the verdicts in it, name the sites that people drew, and return what is
    published now.

    Raises as `read_published`, and where another run is writing there.
    """
    with locked(out / MANIFEST, str(out)) as hold:
        archive = Archive(archive_folder, str(published(out).get("simulation") or ""))
        with locked(archive.registry, str(archive.folder), PATIENCE_S) as names_held:
            complete(archive)
            roll_back(out)
            found = read_published(aoi, out, archive_folder)
            naming = with_names(found.registry, found.reviews, aoi.grid)
            found = published_with(replace(found, registry=naming.registry, reviews=naming.reviews))
            hold.check()
            names_held.check()
            files: Mapping[str, str] = found.manifest["files"]
            publish_edition(
                Stage(out, archive),
                found.edition,
                found.registry,
                stored_darkroom(found),
                lambda checksums: _manifest(found, checksums),
                {name: files[name] for name in COVERAGE if name in files},
                progress,
            )
            write_rows(out, found.edition, naming, progress)
    return found


def _manifest(found: Published, checksums: Mapping[str, str]) -> dict[str, Any]:
    """The manifest of the run with what changed since."""
    now = {"sites": len(found.edition.sites), "review_notes": list(found.notes), "files": dict(checksums)}
    return {**found.manifest, **now}
