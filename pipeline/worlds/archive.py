"""A small archive of simulated acquisitions inside an AOI, as GeoTIFFs in the format of the folder source.

The files are cloud-optimised and listed in a static STAC catalogue; `truth.geojson` holds the true sites. What happens
in the worlds follows from the settings alone: a period only says of which months there are scenes, and months that were
not there are added. `build.json`, written last, lists what is there; an archive of another simulation is rebuilt.
"""

import json
from collections.abc import Collection, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rasterio.features import shapes
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from shapely.geometry import mapping, shape
from shapely.ops import unary_union

from pipeline import atomic
from pipeline.aoi import Aoi
from pipeline.bands import NAMES, SCL
from pipeline.config import SimulatedSettings
from pipeline.digest import sha256_of
from pipeline.errors import AoiError
from pipeline.grid import LONLAT, Grid, Window, reprojected
from pipeline.months import first_day, last_day, months_between, number_of
from pipeline.progress import Progress
from pipeline.raster import Bools
from pipeline.sources.interface import Period
from pipeline.worlds.atmosphere import cloud_share
from pipeline.worlds.catalogue import FOLDER, ListedScene, write_catalogue
from pipeline.worlds.parameters import parameters
from pipeline.worlds.ponds import SitePlan
from pipeline.worlds.world import Rendering, World, make_world, render

WORLDS_VERSION = 1
"""Raise it when the simulator draws other pixels: looks and names of another simulation are not mixed with these."""
SIMULATION_DIGITS = 8
"""Length of the id of a simulation, hexadecimal digits."""
MARKER = "build.json"
TRUTH = "truth.geojson"
SCALE = 0.0001
"""Factor from DN to reflectance."""
OFFSET, OFFSET_FROM = -0.1, date(2022, 1, 25)
"""BOA_ADD_OFFSET as reflectance (processing baseline 04.00 and later) and its first day; 0 before that day."""
EDGE_SHARE = 0.06
"""Share of overpasses in which a world lies on the edge of the swath and is partly without data."""
OVERPASS_DAYS = np.array([0, 5, 10])
"""Day offsets of the overpasses from which the clearest is taken, as a run would; the same as in evaluation."""
CLOUD_CLASSES = (8, 9, 10)
"""SCL classes that are cloud."""
LAST_ONSET_DAYS = 120
"""No site begins within this many days of the end of an archive, so that each can appear in a clear look."""
STYLE_LATITUDE = 23.8
"""Worlds north of this latitude have the Kachin style, the others the Shan style; degrees."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Acquisition:
    """One scene to write."""

    folder: Path
    """Output folder."""
    number: int
    """Number of the world."""
    seed: int
    """Seed of the world."""
    style: str
    """Style of the world."""
    window: Window
    """Position of the world on the grid."""
    grid: Grid
    """Grid of the AOI."""
    first: date
    """First day of the worlds' history."""
    last: date
    """Last day on which a site can begin is `LAST_ONSET_DAYS` before this one."""
    simulation: str
    """Id of the simulation."""
    time_utc: datetime
    """Sensing time."""
    platform: str
    """S2A or S2B."""
    cloud: float
    """Cloud fraction, 0 to 1."""

    @property
    def path(self) -> Path:
        """Path of the scene file."""
        return self.folder / f"{self.time_utc:%Y%m%dT%H%M%S}_w{self.number:02d}.tif"

    @property
    def offset(self) -> float:
        """Offset added to DN × `SCALE`, according to the processing baseline of that day."""
        return OFFSET if self.time_utc.date() >= OFFSET_FROM else 0.0


def build_archive(
    folder: Path,
    aoi: Aoi,
    settings: SimulatedSettings,
    period: Period,
    progress: Progress,
    workers: int = 1,
) -> None:
    """Write the archive of an AOI to `folder` unless it exists already; the bytes do not depend on `workers`.

    Raises `AoiError` when the AOI is too narrow for a world, `UnitsFailed` when the disk is full.
    """
    simulation = simulation_of(aoi, settings)
    built, clouds = _built(folder, simulation)
    months = sorted({*built, *_months(settings, period)})
    if clouds and months == built:
        return
    if not clouds and folder.is_dir():
        for old in [folder / MARKER, *folder.glob("*_w??.tif"), *(folder / FOLDER).glob("*.json")]:
            old.unlink(missing_ok=True)
    everything = list(_acquisitions(folder, aoi, settings, choose_places(aoi, settings), months, simulation))
    work = [acquisition for acquisition in everything if acquisition.path.name not in clouds]
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 else nullcontext()
    with pool as executor, progress.stage("Simulating", len(work), unit="scenes") as step:
        for acquisition, cloud in zip(work, _written(work, executor), strict=True):
            clouds[acquisition.path.name] = cloud
            step(1)
    write_catalogue(folder, simulation, [_listed(one, clouds[one.path.name]) for one in everything])
    atomic.write_text(folder / TRUTH, _truth(aoi, everything, last_day(months[-1])))
    marker = {"simulation": simulation, "months": months, "cloud_percent": clouds}
    atomic.write_text(folder / MARKER, json.dumps(marker, indent=1) + "\n")


def simulation_of(aoi: Aoi, settings: SimulatedSettings) -> str:
    """Id of the simulation that an AOI shows: equal ids mean equal worlds, whatever months were asked for."""
    parts = [WORLDS_VERSION, settings.model_dump(), parameters().model_dump(mode="json"), aoi.digest]
    return sha256_of(parts)[:SIMULATION_DIGITS]


def choose_places(aoi: Aoi, settings: SimulatedSettings) -> list[Window]:
    """Windows of the worlds: world-sized squares spread over the AOI, or the one with most overlap if none fits."""
    touching = list(aoi.windows(settings.world_px))
    whole = [w for w in touching if aoi.polygon_m.contains(w.polygon_m)]
    cells = whole or sorted(touching, key=lambda w: -aoi.polygon_m.intersection(w.polygon_m).area)[:1]
    if not cells:
        raise AoiError(f"{aoi.title}: no room for a simulated world")
    rng = np.random.default_rng([settings.seed, int(aoi.digest[:8], 16)])
    chosen = [cells[int(rng.integers(len(cells)))]]
    centres = np.array([(w.row, w.col) for w in cells])
    while len(chosen) < min(settings.worlds, len(cells)):
        gap = np.min([np.hypot(*(centres - (w.row, w.col)).T) for w in chosen], axis=0)
        odds = np.where(gap > 0, gap, 0.0)  # squares far from those chosen are more likely
        chosen.append(cells[int(rng.choice(len(cells), p=odds / odds.sum()))])
    return sorted(chosen)


def write_acquisition(acquisition: Acquisition) -> float:
    """Render one scene and write it as a COG in the folder source's format; returns its cloud cover in percent."""
    world = _world(acquisition)
    seen = render(world, acquisition.time_utc.date(), acquisition.time_utc.date().toordinal(), acquisition.cloud)
    atomic.write_bytes(acquisition.path, _cog(seen, acquisition))
    return 100 * float(np.isin(seen.scl, CLOUD_CLASSES).mean())


def _months(settings: SimulatedSettings, period: Period) -> list[str]:
    """The months, `YYYY-MM`, of which there must be scenes: those of the settings where the period is open."""
    first, last = _history(settings)
    begin, end = period.first or min(first, period.last or first), period.last or max(last, period.first or last)
    return list(months_between(begin, end))


def _history(settings: SimulatedSettings) -> tuple[date, date]:
    """First and last day of the worlds' history."""
    return first_day(settings.start), last_day(number_of(settings.start) + settings.months - 1)


def _built(folder: Path, simulation: str) -> tuple[list[str], dict[str, float]]:
    """Months and cloud cover (percent, by file name) of the archive that is there; none where it is of another one."""
    try:
        found = json.loads((folder / MARKER).read_text())
        if found["simulation"] == simulation:
            return list(found["months"]), dict(found["cloud_percent"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # nothing there, or half an archive: it is built anew
    return [], {}


def _acquisitions(
    folder: Path,
    aoi: Aoi,
    settings: SimulatedSettings,
    places: list[Window],
    months: Collection[str],
    simulation: str,
) -> Iterator[Acquisition]:
    """All scenes of some months, grouped by world."""
    first, last = _history(settings)
    for number, window in enumerate(places):
        centre = reprojected(window.polygon_m.centroid, aoi.grid.crs, LONLAT)
        style = "kachin" if centre.y > STYLE_LATITUDE else "shan"
        for time_utc, platform, cloud in _times(settings, months):
            yield Acquisition(
                folder=folder,
                number=number,
                seed=1_000 * settings.seed + number,
                style=style,
                window=window,
                grid=aoi.grid,
                first=first,
                last=last,
                simulation=simulation,
                time_utc=time_utc,
                platform=platform,
                cloud=cloud,
            )


def _times(settings: SimulatedSettings, months: Collection[str]) -> Iterator[tuple[datetime, str, float]]:
    """Sensing time, platform and cloud fraction of the scenes of some months, ascending.

    A month has the same scenes whichever others are asked for: draws go month by month from the start of the history,
    onwards and back.
    """
    start, wanted = number_of(settings.start), sorted(map(number_of, months))
    before = _slots(settings, range(start - 1, min(wanted[0], start) - 1, -1), [settings.seed, 78])
    onwards = _slots(settings, range(start, max(wanted[-1], start) + 1), [settings.seed, 77])
    found = [scene for month, scene in (*before, *onwards) if month in wanted]
    yield from sorted(found)


def _slots(
    settings: SimulatedSettings, months: range, seed: list[int]
) -> Iterator[tuple[int, tuple[datetime, str, float]]]:
    """Number of the month and scene, the clearest of a few overpasses, for each slot of some months in a row."""
    rng, order = np.random.default_rng(seed), count()
    for number in months:
        month = first_day(number)
        for part in np.linspace(0, 28, settings.overpasses_per_month, endpoint=False):
            days = [
                month + timedelta(days=int(part) + shift) for shift in (OVERPASS_DAYS + rng.integers(0, 4)).tolist()
            ]
            cloud, day = min((cloud_share(rng, day), day) for day in days)
            time = datetime(day.year, day.month, day.day, 4, int(rng.integers(60)), int(rng.integers(60)), tzinfo=UTC)
            yield number, (time, "S2A" if next(order) % 2 else "S2B", cloud)


def _listed(acquisition: Acquisition, cloud_percent: float) -> ListedScene:
    return ListedScene(
        path=acquisition.path,
        window=acquisition.window,
        grid=acquisition.grid,
        time_utc=acquisition.time_utc,
        platform=acquisition.platform,
        cloud_percent=cloud_percent,
        scale=SCALE,
        offset=acquisition.offset,
    )


def _written(work: list[Acquisition], executor: Executor | None) -> Iterator[float]:
    if executor is None:
        yield from map(write_acquisition, work)
    else:
        # A process caches the last world it made, so each process gets the scenes of one world as a chunk.
        yield from executor.map(write_acquisition, work, chunksize=max(1, len(work) // len({w.number for w in work})))


def _world(acquisition: Acquisition) -> World:
    begun_by = max(acquisition.first, acquisition.last - timedelta(days=LAST_ONSET_DAYS))
    return _made(acquisition.seed, acquisition.window.height, acquisition.style, acquisition.first, begun_by)


@lru_cache(maxsize=1)
def _made(seed: int, size_px: int, style: str, first: date, last: date) -> World:
    return make_world(seed, size_px, style, first, last)


def _cog(seen: Rendering, acquisition: Acquisition) -> bytes:
    stored = np.clip(np.rint((seen.reflectance - acquisition.offset) / SCALE), 1, 65535).astype(np.uint16)
    stored = np.concatenate([stored, seen.scl[None].astype(np.uint16)])
    stored[:, _beyond_swath(acquisition)] = 0
    height, width = acquisition.window.shape
    with MemoryFile() as memory, MemoryFile() as cog:
        with memory.open(
            driver="GTiff", dtype="uint16", count=len(NAMES) + 1, height=height, width=width, nodata=0,
            crs=acquisition.grid.crs, transform=acquisition.window.transform,
        ) as file:  # fmt: skip
            file.write(stored)
            file.descriptions = (*NAMES, SCL)
            file.scales = (*[SCALE] * len(NAMES), 1.0)
            file.offsets = (*[acquisition.offset] * len(NAMES), 0.0)
            file.update_tags(
                datetime=acquisition.time_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
                platform=acquisition.platform,
                simulated="true",
                simulation=acquisition.simulation,
            )
        copy(
            memory.name, cog.name, driver="COG", blocksize=256, compress="deflate", level=1, predictor=2,
            overview_resampling="nearest",
        )  # fmt: skip
        return bytes(cog.getbuffer())


def _beyond_swath(acquisition: Acquisition) -> Bools:
    """Mask (y, x) of pixels without data: in some scenes, one side of a line parallel to the swath edge."""
    height, width = acquisition.window.shape
    rng = np.random.default_rng([acquisition.seed, acquisition.time_utc.date().toordinal(), 3])
    if rng.random() > EDGE_SHARE:
        return np.zeros((height, width), bool)
    rows, cols = np.mgrid[:height, :width]
    edge = width * rng.uniform(0.2, 0.8) - 0.25 * (rows - height / 2)  # ground track tilted by about 14 degrees
    beyond: Bools = cols > edge if rng.random() < 0.5 else cols < edge
    return beyond


def _truth(aoi: Aoi, work: list[Acquisition], last: date) -> str:
    """True sites whose centroid lies in the AOI, as GeoJSON."""
    features = []
    for acquisition in {w.number: w for w in work}.values():
        for number, site in enumerate(_world(acquisition).sites):
            mask, place = site.footprint, acquisition.window.transform
            outline = unary_union([shape(s) for s, _ in shapes(mask.astype(np.uint8), mask=mask, transform=place)])
            if not aoi.polygon_m.contains(outline.centroid):
                continue
            geometry = mapping(reprojected(outline, aoi.grid.crs, LONLAT))
            features.append(
                {
                    "type": "Feature",
                    "geometry": geometry,
                    "properties": _truth_properties(acquisition, number, site, last),
                }
            )
    return json.dumps({"type": "FeatureCollection", "simulated": True, "features": features}) + "\n"


def _truth_properties(acquisition: Acquisition, number: int, site: SitePlan, last: date) -> dict[str, object]:
    """True attributes of a site; its ponds are counted on the last day on which it had them."""
    ponds = site.ponds_on(site.last_day_with_ponds(last))
    round_ones = [pond.diameter_m for pond in ponds if not pond.square]
    return {
        "world": f"w{acquisition.number:02d}",
        "site": number,
        "ground_from": site.ground_from.isoformat(),
        "ponds_from": site.ponds_from.isoformat() if site.ponds_from else None,
        "ended_on": site.ended_on.isoformat() if site.ended_on else None,
        "idle_from": site.idle[0].isoformat() if site.idle else None,
        "idle_to": site.idle[1].isoformat() if site.idle else None,
        "n_ponds": len(round_ones),
        "pond_diameter_m": round(float(np.mean(round_ones)), 2) if round_ones else None,
        "pond_area_m2": round(sum(pond.area_m2 for pond in ponds), 1),
    }
