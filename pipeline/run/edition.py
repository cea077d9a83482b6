"""The edition of an AOI: what stands of its sites, with what people said of them; from a run, or from what it left."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from shapely.geometry import Polygon

from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.errors import InputError, describe
from pipeline.export.coverage import CoverageRecord
from pipeline.export.edition import Edition
from pipeline.export.publication import MANIFEST, REVIEWS, published
from pipeline.gpkg import geometry_of
from pipeline.grid import LONLAT, Grid, reprojected
from pipeline.reviews.apply import judged
from pipeline.reviews.file import Reading, ReviewsFile
from pipeline.reviews.review import Review, Verdict
from pipeline.sites.lineage import lineage_events, with_lineage
from pipeline.sites.names import RegisteredSite, Registry
from pipeline.sites.registry import read_registry
from pipeline.sites.statement import Provenance, Statement

BAD = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What reading a damaged product may raise."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Seen:
    """How much of an AOI was seen."""

    months: tuple[str, ...]
    """The months covered, `YYYY-MM`."""
    by_month: Mapping[str, float]
    """Share of the AOI that was clear at least once in each month, 0 to 1."""
    ever: float
    """The same in any month."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Published:
    """What lies in a product folder, to be shown, judged or exported again."""

    edition: Edition
    """What is published."""
    archive: Archive
    """The archive that it comes from."""
    registry: Registry
    """All names."""
    reviews: Reading
    """What people said."""
    notes: tuple[str, ...]
    """What a person must know, one line each."""
    manifest: Mapping[str, Any]
    """The manifest."""
    out: Path
    """The product folder."""


@dataclass(frozen=True, eq=False, slots=True)
class Naming:
    """Names for the sites that people drew."""

    registry: Registry
    """The registry with them."""
    reviews: Reading
    """What people said, with them."""
    names: Mapping[int, str]
    """The new names, by the numbers of the rows."""
    reported: frozenset[str]
    """All sites that a detector ever reported."""


def lies_in(entry: RegisteredSite, aoi: Aoi) -> bool:
    """Whether a site has a pond in the AOI; or, if nothing stands of it, whether its territory touches the AOI."""
    if entry.statement is None:
        return bool(entry.territory.intersects(aoi.polygon))
    grounds = [pond.polygon for pond in entry.statement.ponds] or [entry.statement.site.polygon]
    return any(ground.intersects(aoi.polygon) for ground in grounds)


def standing(entries: Iterable[RegisteredSite], stale: Mapping[str, date | None]) -> list[Statement]:
    """What stands of some names, with what was said before; `stale`: since when nothing new is known, by id."""
    return [
        replace(
            entry.statement,
            site=replace(with_lineage(entry.statement.site, entry), stale_since=stale.get(entry.site_id)),
        )
        for entry in entries
        if entry.statement is not None
    ]


def edition_of(
    aoi: Aoi,
    registry: Registry,
    stale: Mapping[str, date | None],
    reviews: Reading,
    provenance: Provenance,
    model_sha256: str,
    seen: Seen,
    coverage: Callable[[], Iterator[CoverageRecord]],
) -> tuple[Edition, tuple[str, ...]]:
    """The edition of an AOI, and what a person must know of the verdicts; arguments as in `Edition`."""
    entries = [entry for entry in registry.entries if lies_in(entry, aoi)]
    known = {entry.site_id: entry for entry in registry.entries}
    mine = [row for row in reviews.reviews if _is_here(row, known, aoi)]
    said = judged(standing(entries, stale), mine, registry.entries, provenance)
    elsewhere = len(reviews.reviews) - len(mine)
    notes = [*reviews.problems, *said.notes]
    if elsewhere:
        notes.append(f"{elsewhere} rows of {REVIEWS} are about sites outside {aoi.title}: kept, and not shown")
    lineage = (event for entry in entries for event in lineage_events(entry, registry))
    first = {entry.site_id: entry.published[0].on for entry in entries if entry.published}
    drawn = {row.site_id: row.reviewed_on for row in mine if row.site_id and row.reviewed_on}
    return Edition(
        aoi=aoi,
        provenance=provenance,
        model_sha256=model_sha256,
        statements=said.statements,
        events=(*(event for each in said.statements for event in each.events), *lineage),
        coverage=coverage,
        months=seen.months,
        seen_in=seen.by_month,
        seen_share=seen.ever,
        first_published={each.site.site_id: first.get(each.site.site_id) or drawn[each.site.site_id]
                         for each in said.statements if each.site.site_id in first or each.site.site_id in drawn},
    ), tuple(notes)  # fmt: skip


def _is_here(row: Review, entries: Mapping[str, RegisteredSite], aoi: Aoi) -> bool:
    """Whether a row is about a site of the AOI: by its name, or else by its outline."""
    entry = entries.get(row.site_id or "")
    if entry is not None:
        return lies_in(entry, aoi)
    return row.polygon.is_empty or bool(row.polygon.intersects(aoi.polygon))


def with_names(registry: Registry, reviews: Reading, grid: Grid) -> Naming:
    """Name the sites that people drew and that have no name yet.

    A site that is drawn on ground that has a name gets that; one beside it is another. Whoever draws a site that a
    detector had reported has confirmed it, and added none.
    """
    drawn = [row for row in reviews.reviews if row.site_id is None and not row.polygon.is_empty]
    outlines = [reprojected(row.polygon, LONLAT, grid.crs) for row in drawn]
    registry, ids = registry.with_ids(outlines, grid, link_m=0.0)
    names = {row.fid: name for row, name in zip(drawn, ids, strict=True)}
    reported = frozenset(entry.site_id for entry in registry.entries if entry.published)
    rows = tuple(
        replace(row, site_id=names[row.fid], added=names[row.fid] not in reported) if row.fid in names else row
        for row in reviews.reviews
    )
    return Naming(registry, replace(reviews, reviews=rows), names, reported)


def drawn_by(reviews: Reading) -> list[Review]:
    """The sites that people drew, named or not, as far as they still stand by them."""
    return [row for row in reviews.reviews if row.added and row.verdict is not Verdict.REJECTED]


def read_published(aoi: Aoi, out: Path, archive_folder: Path) -> Published:
    """What a run left in a product folder, with the verdicts that were given since.

    Raises `InputError` where there is nothing, or it is of another AOI or damaged.
    """
    manifest = published(out)
    if not manifest:
        raise InputError(f"{out}: no products there; run detect first, or name their folder with --out")
    try:
        name = manifest["aoi"]["name"]  # type: ignore[index] # checked by what it raises
        if name != aoi.name:
            raise InputError(f"{out}: holds products of the AOI {name}, not of {aoi.name}")
        archive = Archive(archive_folder, str(manifest["simulation"] or ""))
        model: Any = manifest["model"]
        provenance = Provenance(
            str(manifest["source"]), bool(manifest["simulated"]), str(model["name"]), str(manifest["run_id"])
        )
        seen = _seen(manifest)
    except BAD as cause:
        raise InputError(f"{out / MANIFEST}: damaged ({describe(cause)}); run detect again") from cause
    if not archive.registry.is_file():
        raise InputError(f"{archive.registry}: not there; name the archive of these products with --archive")
    registry = read_registry(archive.registry, aoi.prefix)
    nothing = Edition(
        aoi=aoi,
        provenance=provenance,
        model_sha256=str(model["sha256"]),
        statements=(),
        events=(),
        coverage=partial(_coverage, out / "sites.gpkg"),
        months=seen.months,
        seen_in=seen.by_month,
        seen_share=seen.ever,
        first_published={},
    )
    return published_with(
        Published(
            edition=nothing,
            archive=archive,
            registry=registry,
            reviews=ReviewsFile(out / REVIEWS).read(),
            notes=(),
            manifest=manifest,
            out=out,
        )
    )


def published_with(found: Published) -> Published:
    """The same with an edition of its names and reviews as they are now."""
    was = found.edition
    edition, notes = edition_of(
        was.aoi,
        found.registry,
        _stale(found.out),
        found.reviews,
        was.provenance,
        was.model_sha256,
        Seen(months=was.months, by_month=was.seen_in, ever=was.seen_share),
        was.coverage,
    )
    return replace(found, edition=edition, notes=notes)


def read_edition(aoi: Aoi, out: Path, archive_folder: Path) -> Edition:
    """The edition in a product folder; raises as `read_published`."""
    return read_published(aoi, out, archive_folder).edition


def _seen(manifest: Mapping[str, Any]) -> Seen:
    return Seen(
        months=tuple(map(str, manifest["months"])),
        by_month={str(month): float(share) for month, share in manifest.get("share_seen_by_month", {}).items()},
        ever=float(manifest["share_of_aoi_seen"]),
    )


def _stale(out: Path) -> dict[str, date | None]:
    """Since when nothing new is known of the sites in a product folder, by id."""
    path = out / "sites.geojson"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["features"]
        known = {row["properties"]["site_id"]: row["properties"].get("stale_since") for row in rows}
        return {site: date.fromisoformat(day) if day else None for site, day in known.items()}
    except BAD as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)}); run detect again") from cause


def _coverage(path: Path) -> Iterator[CoverageRecord]:
    """The rows of coverage in `sites.gpkg`, one by one, as they were written. Raises `InputError`."""
    outline, polygon = b"", None
    columns = "cell, month, looks, clear_looks, share_seen, geom"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(f"SELECT {columns} FROM coverage ORDER BY fid")  # noqa: S608 our own names
            for cell, month, looks, clear_looks, share_seen, blob in rows:
                if blob != outline:
                    outline, polygon = blob, geometry_of(blob)
                if not isinstance(polygon, Polygon):
                    raise ValueError("a cell without an outline")
                yield CoverageRecord(
                    cell=cell,
                    month=month,
                    looks=looks,
                    clear_looks=clear_looks,
                    share_seen=share_seen,
                    polygon=polygon,
                )
    except (sqlite3.Error, ValueError) as cause:
        raise InputError(f"{path}: cannot be read ({describe(cause)}); run detect again") from cause
