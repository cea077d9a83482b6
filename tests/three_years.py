"""Three simulated years, scanned month by month from a Sentinel Hub on loopback, undisturbed and disturbed.

Disturbed: passwords that were changed, tokens that ran out, servers and catalogues that are down, a quota that is used
up, months in which the machine was off, two upgrades (one with a new look version), and a machine that is lost and made
anew from a backup. What is said in the end must be the same, and every month must be told exactly once.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import rasterio
from endurance import IDS, serial
from fake_hub import Hub, drop, error, hub, status
from scenes import ALWAYS, GRID, PLACE, QUIET, aoi, run_of
from shapely.geometry import mapping

from pipeline.alerts.message import Bar
from pipeline.alerts.outbox import Outbox
from pipeline.alerts.send import Target, deliver
from pipeline.aoi import Aoi
from pipeline.archive import Archive
from pipeline.bands import NAMES, SCL
from pipeline.config import SimulatedSettings, load
from pipeline.errors import PipelineError
from pipeline.grid import LONLAT, Window, reprojected
from pipeline.months import first_day, last_day, month_of, months_between
from pipeline.run import context as contexts
from pipeline.run.context import Remake
from pipeline.scan.log import Outcome
from pipeline.scan.scan import Asked, Bounds, Scanned, scan
from pipeline.sources.budget import Budget
from pipeline.sources.http import HttpClient, RetryPolicy
from pipeline.sources.interface import Period, ReadRules
from pipeline.sources.sentinel_hub.source import sentinel_hub_source
from pipeline.upkeep.backup import Places, back_up
from pipeline.upkeep.restore import restore
from pipeline.worlds.archive import build_archive

QUICK = RetryPolicy(
    max_attempts=2, total_timeout_s=5, max_wait_s=0.05, connect_timeout_s=2, read_timeout_s=2, first_wait_s=0.01
)
NOW = datetime(2026, 11, 29, tzinfo=UTC)
OPENING_MONTHS = 3
"""Months of the first scan."""
LATE_DAYS = 75
"""Between an overpass and the day on which a late one is listed."""


def world(months: int, seed: int = 8) -> tuple[Aoi, SimulatedSettings]:
    """A place, and what is simulated there."""
    changes = {
        "worlds": 1, "world_px": 512, "months": months, "start": "2022-01", "seed": seed, "overpasses_per_month": 2,
    }  # fmt: skip
    return aoi(PLACE.grown(220)), load(None).simulated.model_copy(update=changes)


@dataclass
class Sky:
    """What the server has: scenes of a folder, each listed from some day on."""

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    """By time, `YYYYMMDDTHHMMSS`."""

    def __post_init__(self) -> None:
        self.files = {path.name[:15]: path for path in sorted(self.folder.rglob("20*.tif"))}
        self.late = sorted(self.files)[20::23]

    def items(self, today: date) -> list[dict[str, Any]]:
        """Those that are listed on a day."""
        return [self._item(name) for name in sorted(self.files) if self._listed(name) <= today]

    def _listed(self, name: str) -> date:
        day = datetime.strptime(name[:8], "%Y%m%d").replace(tzinfo=UTC).date()
        return day + timedelta(days=LATE_DAYS if name in self.late else 2)

    def _item(self, name: str) -> dict[str, Any]:
        with rasterio.open(self.files[name]) as file:
            outline = reprojected(
                Window(round(-file.bounds.top / 10), round(file.bounds.left / 10), *file.shape).polygon_m,
                GRID.crs,
                LONLAT,
            )
        time = datetime.strptime(name, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
        return {
            "type": "Feature", "id": f"S2B_MSIL2A_{name}_N0510_R004_T47RLH_{name}", "collection": "sentinel-2-l2a",
            "geometry": mapping(outline), "assets": {}, "links": [],
            "properties": {"datetime": f"{time:%Y-%m-%dT%H:%M:%SZ}", "platform": "sentinel-2b", "eo:cloud_cover": 30.0},
        }  # fmt: skip

    def __call__(
        self, epsg: int, box: tuple[float, ...], width: int, height: int, bands: list[str], first: str, last: str
    ) -> np.ndarray:
        """The pixels of a window in a time range, as harmonised numbers."""
        name = next(n for n in self.files if compact(first) <= n <= compact(last))
        planes, (west, north) = whole(self.files[name])
        row, col = round((north - box[3]) / 10), round((box[0] - west) / 10)
        there = planes[SCL].shape
        top, left = max(0, -row), max(0, -col)
        bottom, right = min(height, there[0] - row), min(width, there[1] - col)
        found = np.zeros((len(bands), height, width), np.uint16)
        if bottom > top and right > left:
            for k, band in enumerate(bands):
                found[k, top:bottom, left:right] = planes[band][top + row : bottom + row, left + col : right + col]
        return found


@lru_cache(maxsize=4)
def whole(path: Path) -> tuple[dict[str, np.ndarray], tuple[float, float]]:
    """All bands of a scene as harmonised numbers, by name, and its north-western corner."""
    with rasterio.open(path) as file:
        numbers = dict(zip(file.descriptions, file.read().astype(float), strict=True))
        for k, band in enumerate(file.descriptions):
            if band in NAMES:
                seen = numbers[band] > 0
                numbers[band] = np.where(seen, (numbers[band] * file.scales[k] + file.offsets[k]) * 1e4, 0)
        corner = file.bounds.left, file.bounds.top
    numbers["dataMask"] = (numbers["B02"] > 0).astype(float)
    return {name: np.clip(np.round(plane), 0, 65_535).astype(np.uint16) for name, plane in numbers.items()}, corner


def compact(time: str) -> str:
    """`YYYYMMDDTHHMMSS` from ISO 8601."""
    return time.replace("-", "").replace(":", "")[:15]


@dataclass
class Machine:
    """A machine that scans, and what is heard from it."""

    folder: Path
    area: Aoi
    server: Hub
    sky: Sky
    heard: list[str] = field(default_factory=list)
    remake: Remake = Remake.ALL
    tries: Counter[str] = field(default_factory=Counter)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def archive(self) -> Archive:
        return Archive(self.out / "archive")

    def scan(self, today: date) -> Scanned:
        """One scan on a day."""
        self.server.items = self.sky.items(today)
        budget = Budget(self.archive.ledger, f"{today}")
        source = sentinel_hub_source(
            "cdse", ReadRules.of(serial()), lambda name, ms: HttpClient(name, QUICK, budget, ms)
        )
        context = replace(
            run_of(self.area, source, serial(), ALWAYS, self.out, budget=budget, remake=self.remake), today=today
        )
        done = scan(context, Asked(first="2022-01"), Bounds(), Bar())
        ear = Target("ear", "test", lambda title, text, loud: self.heard.append(text))
        deliver(Outbox(self.archive.outbox(self.area.name)), [ear], QUIET)
        self.tries.update(record.outcome.value for record in done.records)
        return done

    def until_done(self, today: date) -> None:
        """Scans day by day, as the timer does, until nothing is due."""
        for day in range(10):
            if all(record.outcome.settles for record in self.scan(today + timedelta(days=day)).records):
                return
        raise AssertionError(f"the month before {today} is not done after ten days")


@contextmanager
def everything(script: list[Any], act: Any) -> Iterator[None]:
    """All answers of a kind are faulty, for a while."""
    script.extend([act] * 5000)
    try:
        yield
    finally:
        script.clear()


Disturbance = Callable[[Machine, date], None]


def password_changed(machine: Machine, today: date) -> None:
    machine.server.valid.clear()
    usual, machine.server.secrets = machine.server.secrets, {"id": "another"}
    with fresh_tokens():
        first = machine.scan(today)
    assert first.records[0].outcome in (Outcome.FAILED, Outcome.UNFINISHED), first
    assert first.exit_code == 5, first
    machine.server.secrets = usual


def tokens_run_out(machine: Machine, today: date) -> None:
    machine.server.valid.clear()
    machine.until_done(today)
    machine.server.valid.clear()


def server_down(machine: Machine, today: date) -> None:
    for day in range(2):
        with everything(machine.server.script, status(503)):
            failed = machine.scan(today + timedelta(days=day))
        assert failed.exit_code == 6, failed


def server_down_half_way(machine: Machine, today: date) -> None:
    machine.server.script.append(lambda said: said)
    with everything(machine.server.script, drop):
        failed = machine.scan(today)
    assert failed.exit_code in (0, 3, 6), failed  # of a month with one look, that is cloud, nothing more is asked for


def catalogue_down(machine: Machine, today: date) -> None:
    with everything(machine.server.catalog_script, status(502)):
        assert machine.scan(today).exit_code == 2


def quota_used_up(machine: Machine, today: date) -> None:
    machine.server.script.append(lambda said: said)
    gone = lambda _: error(403, "Insufficient processing units or requests available in your account.")  # noqa: E731
    with everything(machine.server.script, gone):
        assert machine.scan(today).exit_code in (0, 3, 4)


def nothing_wrong(machine: Machine, today: date) -> None:
    pass


@contextmanager
def fresh_tokens() -> Iterator[None]:
    from pipeline.sources.credentials import token_cache

    token_cache.cache_clear()
    yield
    token_cache.cache_clear()


@contextmanager
def version(number: int) -> Iterator[None]:
    """Looks are made by another version, which moves no pixel."""
    usual = contexts.recipe_of
    with mock.patch.object(contexts, "recipe_of", lambda *parts: replace(usual(*parts), version=number)):
        yield


def said(machine: Machine) -> dict[str, Any]:
    """What is said in the end, without days and ids of runs."""
    import geopandas as gpd

    sites = json.loads((machine.out / "sites.geojson").read_text())["features"]
    registry = json.loads(machine.archive.registry.read_text())["sites"]
    events = gpd.read_file(machine.out / "sites.gpkg", layer="events")
    of_looks = events[~events["evidence"].str.startswith("run ")]
    return {
        "sites": [
            {**site["properties"], "run_id": "", "earlier_dates": "", "geometry": site["geometry"]} for site in sites
        ],
        "names": [(row["site_id"], row["parent"], row["merged_into"], row["territory"]) for row in registry],
        "published": {
            row["site_id"]: [[state[k] for k in ("status", "ground", "ponds")] for state in row["published"]]
            for row in registry
        },
        "events": sorted(of_looks[["site_id", "kind", "after", "by", "evidence"]].astype(str).values.tolist()),
        "lineage": sorted(events.drop(of_looks.index)[["site_id", "kind"]].values.tolist()),
    }


def months_told(machine: Machine) -> Counter[str]:
    """How often each step was told as published or blind."""
    ids = [name for text in machine.heard for name in IDS.findall(text)[-1].split(", ")]
    return Counter(name.partition("-published")[0].partition("-blind")[0] for name in ids if "-failed-" not in name)


def sixth_days(months: int) -> list[date]:
    """The sixth after each month that is scanned by itself, and after the opening."""
    every = list(months_between(date(2022, 1, 1), first_day(first_number() + months - 1)))[OPENING_MONTHS - 1 :]
    return [last_day(month) + timedelta(days=6) for month in every]


def first_number() -> int:
    from pipeline.months import number_of

    return number_of("2022-01")


@contextmanager
def environment(server: Hub) -> Iterator[None]:
    names = {
        "SH_CLIENT_ID": "id", "SH_CLIENT_SECRET": "the-secret",
        "LEACHWATCH_SH_BASE_URL": server.url, "LEACHWATCH_SH_TOKEN_URL": f"{server.url}/auth/token",
    }  # fmt: skip
    with mock.patch.dict(os.environ, names), fresh_tokens():
        yield


def undisturbed(folder: Path, sky: Sky, area: Aoi, months: int) -> Machine:
    """Every month on its sixth day."""
    with hub(sky, []) as server, environment(server):
        machine = Machine(folder, area, server, sky)
        for today in sixth_days(months):
            machine.until_done(today)
    return machine


def disturbed(
    folder: Path,
    sky: Sky,
    area: Aoi,
    months: int,
    script: dict[int, Disturbance],
    off: frozenset[int],
    upgrade: int,
    lost: int,
    backup: Callable[[Machine], Path],
    restore: Callable[[Machine, Path], None],
) -> Machine:
    """The same with all that goes wrong, by number of the scan."""
    with hub(sky, []) as server, environment(server):
        machine = Machine(folder, area, server, sky)
        for k, today in enumerate(sixth_days(months)):
            if k in off:
                continue
            if k == lost:
                kept = backup(machine)
                shutil.rmtree(machine.folder)
                restore(machine, kept)
            with version(2 if k >= upgrade else 1):
                with suppress(PipelineError):
                    script.get(k, nothing_wrong)(machine, today)
                machine.until_done(today + timedelta(days=3))
    return machine


def built(folder: Path, months: int) -> tuple[Sky, Aoi]:
    """The scenes, simulated once."""
    area, settings = world(months)
    if not folder.exists():
        build_archive(folder, area, settings, Period(None, None), QUIET)
    return Sky(folder), area


def month_names(months: int) -> set[str]:
    """The steps that must be told: the opening and each month after it."""
    every = [month_of(first_day(first_number() + k)) for k in range(months)]
    return {f"{every[0]}_to_{every[OPENING_MONTHS - 1]}", *every[OPENING_MONTHS:]}


def backed_up(machine: Machine) -> Path:
    """A backup of what cannot be made again, elsewhere."""
    kept = machine.folder.with_name(f"{machine.folder.name}.zip")
    kept.unlink(missing_ok=True)
    back_up(Places(archive=machine.archive.folder, out=machine.folder, here=machine.folder), kept, None, NOW)
    return kept


def restored(machine: Machine, kept: Path) -> None:
    """A new machine, from the backup."""
    restore(kept, Places(archive=machine.archive.folder, out=machine.folder, here=machine.folder))


SCRIPT: dict[int, Disturbance] = {
    2: password_changed, 4: tokens_run_out, 6: server_down, 8: server_down_half_way, 10: catalogue_down,
    13: quota_used_up, 16: server_down_half_way, 21: password_changed, 25: server_down, 28: catalogue_down,
}  # fmt: skip
"""What goes wrong, by number of the scan; a machine that is off, lost or upgraded comes on top."""


def differences(one: Machine, other: Machine, months: int) -> list[str]:
    """In what two machines differ that should not, in words."""
    usual, now = said(one), said(other)
    wrong = [f"{name} differ" for name in usual if usual[name] != now[name]]
    for machine in (one, other):
        told = months_told(machine)
        if set(told) != month_names(months) or set(told.values()) != {1}:
            wrong.append(f"{machine.folder.name}: told {dict(told)}")
    return wrong


def main() -> int:
    """Three years undisturbed and disturbed; prints what was the same."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--months", type=int, default=36)
    months = parser.parse_args().months
    with tempfile.TemporaryDirectory(prefix="years-") as folder:
        sky, area = built(Path(folder) / "scenes", months)
        one = undisturbed(Path(folder) / "undisturbed" / "place", sky, area, months)
        print(f"undisturbed: {dict(one.tries)}", flush=True)
        other = disturbed(
            Path(folder) / "disturbed" / "place",
            sky,
            area,
            months,
            SCRIPT,
            frozenset({18, 19}),
            23,
            15,
            backed_up,
            restored,
        )
        print(f"disturbed:   {dict(other.tries)}", flush=True)
        wrong = differences(one, other, months)
        sites = said(one)["sites"]
        print(f"{len(sites)} sites; {'; '.join(wrong) or 'the same sites, names and events, each month told once'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
