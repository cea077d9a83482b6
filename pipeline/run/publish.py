"""Writes the products of an edition, and publishes them as one with the registry."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline import atomic
from pipeline.errors import Busy
from pipeline.export.context import write_context
from pipeline.export.edition import Edition
from pipeline.export.geojson import write_coverage, write_sites
from pipeline.export.manifest import SIMULATED, manifest_text
from pipeline.export.project import write_project
from pipeline.export.publication import MANIFEST, REVIEWS, Stage
from pipeline.export.qgis import style, write_coverage_qml, write_sites_qml
from pipeline.pictures.darkroom import Darkroom
from pipeline.progress import Progress
from pipeline.report.page import write_report
from pipeline.reviews.file import ReviewsFile
from pipeline.run.edition import Naming
from pipeline.run.pictures import write_pictures
from pipeline.sites.names import Registry
from pipeline.sites.registry import registry_text

REPORT = "report.html"
CONTEXT = "context.geojson"
"""Outline of the AOI and names of towns, for maps without a network."""
REVIEW_LAYERS = ("reviews", "pond_points")
"""Layers of `reviews.gpkg` with a style of their own."""


def publish_edition(
    stage: Stage,
    edition: Edition,
    registry: Registry,
    room: Darkroom,
    manifest: Callable[[Mapping[str, str]], Mapping[str, Any]],
    kept: Mapping[str, str],
    progress: Progress,
) -> None:
    """Write every file of the contract, and publish them as one; to be called under the lock of the registry.

    `manifest`: its content from the checksums of the other products. `kept`: checksums of products that stay as they
    are; empty = all are written. Raises as `Stage.publish`.
    """
    from pipeline.export.geopackage import write_geopackage  # pandas, which looks need not wait for

    notice = SIMULATED if edition.provenance.simulated else None
    albums = write_pictures(stage.out, edition, room, progress)
    stage.begin()
    with progress.stage("Writing", 5, unit="files") as step:
        write_sites(stage.folder / "sites.geojson", edition.sites, notice)
        write_sites_qml(stage.folder / "sites.qml")
        step(1)
        write_geopackage(
            stage.folder / "sites.gpkg",
            sites=edition.sites,
            ponds=[pond for statement in edition.statements for pond in statement.ponds],
            looks=[look for statement in edition.statements for look in statement.looks],
            events=edition.events,
            coverage=edition.coverage(),
        )
        step(1)
        if not kept:
            write_coverage(stage.folder / "coverage.geojson", edition.coverage(), notice)
            write_coverage_qml(stage.folder / "coverage.qml")
        step(1)
        write_context(stage.folder / CONTEXT, edition.aoi)
        write_project(stage.folder / f"{edition.aoi.name}.qgz", edition, reviews=True)
        write_report(stage.folder / REPORT, edition, albums)
        step(1)
        atomic.write_text(stage.registry, registry_text(registry))
        checksums = stage.checksums()
        atomic.write_text(stage.folder / MANIFEST, manifest_text(manifest(dict(sorted({**kept, **checksums}.items())))))
        stage.publish(checksums)
        step(1)


def write_rows(out: Path, edition: Edition, naming: Naming, progress: Progress) -> None:
    """Add a row for each site that has none to the reviewer's file, and names to sites that people drew.

    A file that another program holds is left as it is, and told: nothing is lost, and the next run adds the rows.
    Raises `InputError` for a damaged one.
    """
    file = ReviewsFile(out / REVIEWS)
    file.make({layer: style(layer) for layer in REVIEW_LAYERS})
    try:
        file.name(naming.names, naming.reported)
        file.add_sites(edition.sites)
    except Busy as cause:
        progress.note(f"note: {cause}; rows of new sites are added by the next run")
