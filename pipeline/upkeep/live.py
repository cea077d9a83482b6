"""What providers really send: each is asked for one acquisition of one small window, and they are compared.

Nothing of leachwatch had met a live service when this was written, so this is for the first person with a network.
Bytes, processing units and time are bounded, whatever a provider does; what is spent stands in the ledger.
"""

import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

from shapely.geometry import Polygon

from pipeline.aoi import Aoi, read_aoi
from pipeline.archive import Archive
from pipeline.config import Settings
from pipeline.grid import LONLAT, Window, reprojected, window_of
from pipeline.months import last_day
from pipeline.progress import Progress
from pipeline.raster import Raster
from pipeline.sources.budget import GIGABYTE, Budget, SpendingLimits
from pipeline.sources.credentials import CDSE_KEYS
from pipeline.sources.http import HttpClient, RetryPolicy
from pipeline.sources.interface import Period, ReadRules, Scene, Source
from pipeline.sources.ledger import Usage
from pipeline.sources.reach import NOTHING, Reach
from pipeline.sources.sentinel_hub.auth import PREFIXES
from pipeline.upkeep.agreement import agreements
from pipeline.upkeep.finding import Finding, failed, ok, skipped
from pipeline.upkeep.hearing import Hearing, HearingClient
from pipeline.upkeep.probe import Probe

PROVIDERS = MappingProxyType(
    {
        "earthsearch": ("stac", "earthsearch"),
        "planetary": ("stac", "planetary"),
        "cdse": ("stac", "cdse"),
        "cdse-sentinelhub": ("sentinelhub", "cdse"),
        "sentinelhub": ("sentinelhub", "sentinelhub"),
    }
)
"""What `--source` and `--scenes` each provider is."""
USUAL = ("earthsearch", "planetary", "cdse", "cdse-sentinelhub")
"""Those asked unless others are named. Both kinds of Sentinel Hub take the same variables, and a secret of one is not
sent to the other."""
PLACE = "mong-bawk"
"""The AOI in whose middle the window lies."""
SIDE_PX = 256
"""Side of the window."""
MAX_BYTES, MAX_PU = 40e6, 3.0
"""After so many bytes and processing units nothing more is asked; a window costs about 0.6 units ..."""
MAX_ANSWER_BYTES = 9_900_000
"""... and an answer has no more bytes than this, so that all of them together have less than 50 MB."""
TOTAL_S, SEARCH_SHARE = 115.0, 0.4
"""How long all of it may take, seconds, and which share of that the searches may."""
GRACE_S = 3.0
"""How long is waited for a request that the bounds did not end, such as the look-up of a host name, seconds."""
DRY = (2, 3)
"""Months, February to March, in which there is hardly a cloud over the hills."""
ATTEMPTS = 2
FOLDER = "doctor"
"""Folder of the archive for documents that do not fit."""


def ask(
    names: Sequence[str],
    settings: Settings,
    archive: Archive,
    today: date,
    progress: Progress,
) -> tuple[Finding, ...]:
    """What the providers of these names send. Raises `InputError` for a ledger that cannot be read."""
    monthly, begun_s = settings.spending, time.monotonic()
    budget = Budget(
        ledger=archive.ledger,
        run=f"doctor-{uuid.uuid4().hex[:5]}",
        of_run=SpendingLimits(MAX_PU, MAX_BYTES),
        of_month=SpendingLimits(monthly.monthly_pu or None, monthly.monthly_gb * GIGABYTE or None),
    )
    budget.spent()
    retry = RetryPolicy.of(settings.http.model_copy(update={"max_attempts": ATTEMPTS}))
    rules = ReadRules(offset_error=settings.reading.boa_offset_error)  # no class is unclear: all bands are wanted
    reach = Reach(data_hosts=settings.http.data_hosts)
    probes = [probe_of(name, rules, budget, retry, archive.folder / FOLDER, reach) for name in names]
    findings = examine(probes, budget, period_before(today), TOTAL_S, progress)
    spent = sum(budget.spent().values(), Usage())
    took_s = time.monotonic() - begun_s
    return (*findings, ok("spent", f"{spent.text()} in {took_s:.0f} s, written to {archive.ledger}"))


def probe_of(
    name: str, rules: ReadRules, budget: Budget, retry: RetryPolicy, folder: Path, reach: Reach = NOTHING
) -> Probe:
    """The probe of a provider by its name in `PROVIDERS`. Raises `InputError`."""
    hearing = Hearing(time.monotonic() + TOTAL_S, MAX_ANSWER_BYTES)

    def http_client_of(provider: str, retry_after_ms: bool) -> HttpClient:
        return HearingClient(provider, retry, budget, retry_after_ms, reach, hearing=hearing)

    return Probe(_source(name, rules, http_client_of), hearing, folder, lambda: has_credentials(name))


def examine(
    probes: Sequence[Probe], budget: Budget, period: Period, total_s: float, progress: Progress
) -> tuple[Finding, ...]:
    """Findings of all probes, and how they agree, in at most `total_s` and a little; those that came until then.

    The work is done by a thread that is left behind when it hangs where no bound of ours reaches.
    """
    findings: list[Finding] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            _examine(probes, period, total_s, progress, findings.append)
        except BaseException as cause:  # noqa: BLE001 raised again by the thread that waits
            errors.append(cause)

    thread = threading.Thread(target=work, name="doctor", daemon=True)
    thread.start()
    thread.join(total_s + GRACE_S)
    if errors:
        raise errors[0]
    if thread.is_alive():
        told = f"not done after {total_s:.0f} s: a provider, or the look-up of its name, does not answer"
        return (*findings, failed("time", told, "is there a network? Ask one alone: PROVIDERS=earthsearch"))
    return tuple(findings)


def period_before(today: date) -> Period:
    """The last February and March that are over, seen from a day."""
    first, last = DRY
    year = today.year if today > last_day(f"{today.year}-{last:02d}") else today.year - 1
    return Period(date(year, first, 1), last_day(f"{year}-{last:02d}"))


def has_credentials(name: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether credentials for a provider are in the environment, or it needs none."""
    kind, which = PROVIDERS[name]
    pairs: Sequence[tuple[str, str]] = [(f"{prefix}CLIENT_ID", f"{prefix}CLIENT_SECRET") for prefix in PREFIXES]
    if kind == "stac":
        if which != "cdse":
            return True
        pairs = CDSE_KEYS
    return any(all(environment.get(each, "").strip() for each in pair) for pair in pairs)


def place() -> tuple[Aoi, Window]:
    """The window, and an AOI that is just as large. Raises `AoiError`."""
    around = read_aoi(PLACE)
    middle = around.polygon_m.centroid
    corner = window_of((middle.x, middle.y, middle.x, middle.y))
    window = Window(corner.row - SIDE_PX // 2, corner.col - SIDE_PX // 2, SIDE_PX, SIDE_PX)
    return Aoi("doctor", around.title, around.prefix, _lonlat(window, around)), window


def _lonlat(window: Window, around: Aoi) -> Polygon:
    return reprojected(window.polygon_m, around.grid.crs, LONLAT)


def _source(name: str, rules: ReadRules, http_client_of: Callable[[str, bool], HttpClient]) -> Source:
    kind, which = PROVIDERS[name]
    if kind == "stac":
        from pipeline.sources.stac import stac_source

        return stac_source(which, rules, http_client_of)
    from pipeline.sources.sentinel_hub.source import sentinel_hub_source

    return sentinel_hub_source(which, rules, http_client_of)


def _examine(
    probes: Sequence[Probe], period: Period, total_s: float, progress: Progress, tell: Callable[[Finding], None]
) -> None:
    """Ask all for their scenes, choose one acquisition, ask all for it, and compare."""
    (aoi, window), end_s = place(), time.monotonic() + total_s
    search_end_s = time.monotonic() + total_s * SEARCH_SHARE
    listed: dict[str, tuple[Scene, ...]] = {}
    for number, probe in enumerate(probes):
        progress.note(f"Asking {probe.name} what it has ...")
        probe.hearing.end_s = _share_end(search_end_s, len(probes) - number)
        scenes, found = probe.search(aoi, period)
        listed[probe.name] = tuple(scene for scene in scenes if scene.footprint.covers(aoi.polygon)) or scenes
        for finding in found:
            tell(finding)
    chosen = choose(listed)
    asked = [probe for probe in probes if probe.name in chosen]
    rasters: dict[str, Raster] = {}
    for number, probe in enumerate(asked):
        progress.note(f"Reading {window.width} × {window.height} px from {probe.name} ...")
        probe.hearing.end_s = _share_end(end_s, len(asked) - number)
        raster, found = probe.read(chosen[probe.name], aoi, window)
        for finding in found:
            tell(finding)
        if raster is not None:
            rasters[probe.name] = raster
    for finding in compared(chosen, rasters):
        tell(finding)


def choose(listed: Mapping[str, Sequence[Scene]]) -> dict[str, Scene]:
    """One scene per provider: of the acquisition that most of them list, the clearest of those, the last of these.

    A provider that does not list it gives its own clearest.
    """
    every = [scene for scenes in listed.values() for scene in scenes]
    if not every:
        return {}

    def same(scenes: Sequence[Scene], wanted: Scene) -> Scene | None:
        return next((scene for scene in scenes if scene.acquisition.is_same(wanted.acquisition)), None)

    def worth(scene: Scene) -> tuple[int, float, float]:
        count = sum(same(scenes, scene) is not None for scenes in listed.values())
        return count, -(1.0 if scene.cloud_share is None else scene.cloud_share), scene.time_utc.timestamp()

    best = max(every, key=worth)
    return {name: same(scenes, best) or max(scenes, key=worth) for name, scenes in listed.items() if scenes}


def compared(chosen: Mapping[str, Scene], rasters: Mapping[str, Raster]) -> tuple[Finding, ...]:
    """How those that sent the same acquisition agree; a provider that sent another one is not compared."""
    if not rasters:
        return (skipped("agreement", "no provider sent pixels, so none can be compared"),)
    first = max(rasters, key=lambda name: sum(_are_same(chosen[name], chosen[other]) for other in rasters))
    alike = {name: raster for name, raster in rasters.items() if _are_same(chosen[name], chosen[first])}
    others = tuple(
        skipped(f"{name}: agreement", f"it does not list {chosen[first].id}, which the others sent")
        for name in rasters
        if name not in alike
    )
    return (*agreements(alike), *others)


def _are_same(one: Scene, other: Scene) -> bool:
    return one.acquisition.is_same(other.acquisition)


def _share_end(end_s: float, left: int) -> float:
    """When one of `left` that share the time until `end_s` must be done, on the monotonic clock."""
    now = time.monotonic()
    return now + max(0.0, end_s - now) / left
