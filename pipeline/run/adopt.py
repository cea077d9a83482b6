"""Takes over a product folder of a version without an archive: its names, what was published under them, and its looks.

Nothing is removed but the old registry, which is renamed; a second time does nothing more.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from shapely.geometry import box

from pipeline import atomic
from pipeline.archive import Archive
from pipeline.config import ClearSettings, OffsetError
from pipeline.errors import InputError, describe
from pipeline.export.publication import OLD_REGISTRIES
from pipeline.grid import LONLAT, Grid, Window, reprojected, window_of
from pipeline.locks import PATIENCE_S, locked
from pipeline.looks.file import DAMAGE_ERRORS, GDAL, encoded
from pipeline.looks.observe import NO_DATA, LookContent
from pipeline.looks.recipe import Recipe, describe_recipe
from pipeline.looks.store import path_in
from pipeline.looks.task import LookTask
from pipeline.progress import Progress
from pipeline.sites.history import EventKind
from pipeline.sites.names import RegisteredSite, Registry
from pipeline.sites.registry import read_registry, write_registry
from pipeline.sites.statement import STATEMENT, Statement
from pipeline.sites.states import SiteState
from pipeline.sources.acquisitions import baseline_in, tile_in
from pipeline.sources.assets import HubItem
from pipeline.sources.interface import Overpass, Scene
from pipeline.vector_file import read_vectors

ADOPTED = ".adopted"
"""Added to the name of an old registry once it was taken over."""
VERSIONS = MappingProxyType({"461faec1292dd7c5": 1, "3b2e2b4a4527b4ea": 1})
"""Look version by the hash of the code, for the last versions that had one; looks of all others are of version 0."""
CLEAR_NAMES = MappingProxyType({"own_veil": "fallback_haze"} | {
    f"own_{name}": f"fallback_{name}"
    for name in ("bright", "white", "min_nir", "max_swir_ratio", "shadow_nir", "shadow_swir", "shadow_reach_px")
})  # fmt: skip
"""Present names of settings of the clear test, by those they had before."""
LINEAGE = (EventKind.SPLIT, EventKind.MERGED, EventKind.WITHDRAWN)
"""Events that follow from the registry, not from looks."""
BLOCK = re.compile(r"(\d\d[NS])_r([+-]\d{4,})_c([+-]\d{4,})")


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was taken over."""

    names: int
    """Names."""
    standing: int
    """Sites that stand as they were last published."""
    looks: int
    """Looks."""
    version: int
    """Look version of these."""
    left: int
    """Look files that were not taken over: damaged ones, and those of recipes before the last."""
    has_states: bool = True
    """False: the products are of a version that did not tell the state of a site, and only names are taken over."""

    def text(self, out: Path) -> str:
        """For people."""
        if not self.has_states:
            return f"{out}: {self.names} names taken over; its products and looks are too old, and are made again"
        left = f"; {self.left} look files stay where they are, damaged or of an older recipe" if self.left else ""
        return (
            f"{out}: {self.names} names, {self.standing} standing sites and {self.looks} looks of look version "
            f"{self.version} taken over{left}"
        )


@dataclass(frozen=True, slots=True)
class OldRun:
    """A product folder of a version without an archive."""

    out: Path
    """The folder."""
    manifest: Mapping[str, Any]
    """Its manifest."""
    simulated: bool
    """Whether its names are those of simulated sites."""

    @property
    def has_products(self) -> bool:
        """Whether the products are those of these names; a folder could hold real and simulated names by turns."""
        return (self.manifest.get("simulated") is True) == self.simulated

    @property
    def registry(self) -> Path:
        """Its registry."""
        return self.out / OLD_REGISTRIES[self.simulated]


def open_old(out: Path) -> list[OldRun]:
    """The old runs in a folder, real before simulated; raises `InputError` where there is none."""
    try:
        manifest = dict(json.loads((out / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as cause:
        raise InputError(f"{out}: not a product folder with a manifest ({describe(cause)})") from cause
    found = [run for run in (OldRun(out, manifest, kind) for kind in OLD_REGISTRIES) if run.registry.is_file()]
    if not found:
        done = any((out / f"{name}{ADOPTED}").is_file() for name in OLD_REGISTRIES.values())
        why = "was taken over already" if done else f"there is no {' or '.join(OLD_REGISTRIES.values())} in it"
        raise InputError(f"{out}: nothing to take over, {why}")
    return found


def adopt(run: OldRun, archive: Archive, progress: Progress) -> Adopted:
    """Take over an old run into an archive. Raises `InputError` where a name of it is that of another place there."""
    old, has_states = read_registry(run.registry), run.has_products and _has_states(run.out)
    statements = _statements(run.out) if has_states else {}
    entries = tuple(replace(entry, statement=statements.get(entry.site_id)) for entry in old.entries)
    recipe = _recipe(run.manifest) if has_states or not run.has_products else None
    with locked(archive.registry, str(archive.folder), PATIENCE_S):
        joined = read_registry(archive.registry).joined(Registry("", entries))
        looks = _looks(run, archive, recipe, progress) if has_states and recipe else 0
        write_registry(archive.registry, joined)
        _take_ledger(run.out / "ledger.jsonl", archive.ledger)
        os.replace(run.registry, run.registry.with_name(run.registry.name + ADOPTED))
    left = len(list((run.out / "looks").rglob("*.tif"))) - looks if run.has_products else 0
    version = recipe.version if recipe else 0
    return Adopted(len(entries), sum(map(_stands, entries)), looks, version, left, has_states or not run.has_products)


def _stands(entry: RegisteredSite) -> bool:
    return entry.statement is not None


def _has_states(out: Path) -> bool:
    """Whether looks at sites say in which state these were. Raises `InputError` for products that cannot be read."""
    return "state" in read_vectors(out / "sites.gpkg", "looks").columns


def _statements(out: Path) -> dict[str, Statement]:
    """What stands of each published site, by id. Raises `InputError` for products that cannot be read."""
    try:
        tables = {name: read_vectors(out / "sites.gpkg", name) for name in ("sites", "ponds", "looks", "events")}
        known = set(map(str, tables["sites"]["site_id"]))
        rows = {name: [*_rows(table)] for name, table in tables.items()}
        return {name: STATEMENT.validate_python(_statement(name, rows)) for name in sorted(known)}
    except (OSError, KeyError, ValueError) as cause:
        raise InputError(f"{out / 'sites.gpkg'}: cannot be taken over ({describe(cause)})") from cause


def _statement(site_id: str, rows: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
    own = {name: [row for row in members if row["site_id"] == site_id] for name, members in rows.items()}
    (site,) = own["sites"]
    site = {"earlier_dates": site.pop("said_before", None), **site}
    events = [event for event in own["events"] if event["kind"] not in [kind.value for kind in LINEAGE]]
    states = {state.word: state for state in SiteState}
    looks = [{**look, "state": states[look["state"]]} for look in own["looks"]]
    return {"site": site, "ponds": own["ponds"], "looks": looks, "events": events}


def _rows(table: gpd.GeoDataFrame) -> Iterator[dict[str, Any]]:
    """The rows of a layer as the records have them."""
    place = "point" if table.geom_type.eq("Point").all() and len(table) else "polygon"
    for _, row in table.iterrows():
        values = {str(name): _plain(value) for name, value in row.items() if name != table.geometry.name}
        yield {**values, place: row[table.geometry.name]}


def _plain(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.date()
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is pd.NaT or value is None or (isinstance(value, float) and np.isnan(value)) else value


def _recipe(manifest: Mapping[str, Any]) -> Recipe:
    """The recipe of the looks behind the last products. Raises `InputError` where the manifest does not say."""
    try:
        settings, model = manifest["settings"], manifest["model"]
        clear = {CLEAR_NAMES.get(name, name): value for name, value in settings["clear"].items()}
        return Recipe(
            model=str(settings["model"]),
            model_name=str(model["name"]),
            model_sha256=str(model["sha256"]),
            precision=str(model["precision"]),
            margin_px=0,
            network_margin_px=0,
            clear=ClearSettings.model_validate(clear),
            offset_error=OffsetError(settings.get("reading", {}).get("boa_offset_error", "refuse")),
            version=VERSIONS.get(str(manifest["software"]["code"]), 0),
        )
    except (KeyError, TypeError, ValueError) as cause:
        raise InputError(f"manifest.json: of a version that cannot be taken over ({describe(cause)})") from cause


def _looks(run: OldRun, archive: Archive, recipe: Recipe, progress: Progress) -> int:
    """Write the looks that the manifest names into the archive, but damaged ones; returns how many."""
    folder, scenes = archive.looks / recipe.folder, {row["id"]: row for row in run.manifest["scenes"]}
    window_px = int(run.manifest["settings"]["segment"]["window_px"])
    block_px = int(run.manifest["settings"]["grid"]["block_px"])
    listed = [run.out / row["file"] for row in run.manifest["looks"] if row.get("file")]
    count = 0
    if listed:
        describe_recipe(folder, recipe)
    with progress.stage("Taking over looks", len(listed), unit="looks") as step:
        for path in listed:
            try:
                task, content = _look(path, scenes, window_px, block_px)
                key = task.key(recipe)
            except (*DAMAGE_ERRORS, OSError):
                continue  # it is made again when its month is asked for
            finally:
                step(1)
            atomic.write_bytes(path_in(folder, task, key), encoded(content, task, key))
            count += 1
    return count


def _look(path: Path, scenes: Mapping[str, Any], window_px: int, block_px: int) -> tuple[LookTask, LookContent]:
    """A look of an old file. Raises any of `DAMAGE_ERRORS` where it is damaged."""
    with rasterio.Env(**GDAL), rasterio.open(path, driver="GTiff") as file:
        tags, bands, extent, grid = file.tags(), file.read(), window_of(tuple(file.bounds)), Grid(file.crs.to_epsg())
    place = BLOCK.fullmatch(path.parent.name)
    if place is None:
        raise ValueError(f"{path.parent.name} is no block")
    block = Window(int(place[2]) * block_px, int(place[3]) * block_px, block_px, block_px)
    centre = reprojected(extent.polygon_m, grid.crs, LONLAT)
    granules = tuple(_scene(name, scenes[name], centre.bounds) for name in json.loads(tags["scenes"]))
    overpass = Overpass(_day(tags["overpass"]), tags["overpass"][9:], granules)
    windows = tuple(part for part in _parts(extent, window_px, block) if _was_read(bands[2][part.within(extent)]))
    if not windows:
        raise ValueError("holds no data")
    task = LookTask(grid, block, windows, overpass)
    cut = task.extent.within(extent)
    notes, p10 = json.loads(tags.get("notes", "[]")), json.loads(tags.get("clear_p10", "[]"))
    return task, LookContent(bands[(slice(None), *cut)], tuple(map(str, notes)), tuple(map(float, p10)), extent)


def _parts(extent: Window, window_px: int, block: Window) -> Iterator[Window]:
    """The windows of which a look was made."""
    for cell in extent.cells(window_px):
        part = cell.intersection(block)
        if part is not None and part.intersection(extent) == part:
            yield part


def _was_read(states: np.ndarray[Any, Any]) -> bool:
    return bool((states != NO_DATA).any())


def _scene(name: str, row: Mapping[str, Any], bounds: tuple[float, float, float, float]) -> Scene:
    return Scene(
        id=name,
        time_utc=datetime.fromisoformat(row["time_utc"]),
        platform=str(row["platform"]),
        assets=HubItem("adopted", name),
        footprint=box(*bounds),
        has_scl=True,
        provider="",
        tile=tile_in(name),
        baseline=baseline_in(name),
    )


def _day(overpass: str) -> date:
    return date.fromisoformat(f"{overpass[:4]}-{overpass[4:6]}-{overpass[6:8]}")


def _take_ledger(old: Path, ledger: Path) -> None:
    """Add the lines of an old ledger, so that what was spent this month still counts."""
    if old.is_file():
        known = ledger.read_bytes() if ledger.is_file() else b""
        atomic.write_bytes(ledger, known + b"\n" + old.read_bytes())
        os.replace(old, old.with_name(old.name + ADOPTED))
