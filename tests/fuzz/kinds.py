"""The kinds of input: areas, settings, ledgers, registries and labels. Imagery is in `imagery.py`."""

import json
import math
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import geopandas
import rasterio
import shapely
from shapely.geometry import Point, box, mapping

from pipeline import resources
from pipeline.aoi import Aoi, read_aoi
from pipeline.config import load
from pipeline.evaluation.points import read_points
from pipeline.scan.log import Outcome, ScanRecord, read_log
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.names import Basis, Interval, PublishedState, PublishedStatus, RegisteredSite, Registry
from pipeline.sites.records import EventRecord, LookRecord, PondRecord, SiteRecord
from pipeline.sites.registry import read_registry, registry_text
from pipeline.sites.statement import Statement
from pipeline.sites.states import SiteState
from pipeline.sources.budget import Budget, SpendingLimits
from pipeline.sources.ledger import LedgerEntry, read_ledger, tidy_ledger
from pipeline.training.labels import read_label_areas
from tests.fuzz.desk import Bundles, Cuts, Reviews
from tests.fuzz.geopackages import GPKG, log_beside
from tests.fuzz.imagery import GeoTiffs, SafeProducts, SearchAnswers, StaticCatalogues
from tests.fuzz.kind import Kind, Seed
from tests.fuzz.mutators import BYTES
from tests.fuzz.trees import JSON, json_changed, json_line_changed, lines_moved, toml_changed, toml_text_changed

EARTH = box(-180, -90, 180, 90)
PLACE = box(98.01, 21.9, 98.09, 21.96)
"""Some ground, lon/lat."""


def on_earth(geometry: Any) -> bool:
    """Whether a geometry is valid, has an area and lies on Earth."""
    return bool(geometry.is_valid and geometry.area > 0 and EARTH.covers(geometry))


def not_finite(value: object, where: str = "") -> Iterator[str]:
    """Names of the numbers in dicts, lists and tuples that are not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{where} is {value}"
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from not_finite(part, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from not_finite(part, where)


def collection(*features: tuple[Any, dict[str, object]], **more: object) -> bytes:
    """GeoJSON of geometries with their properties."""
    rows = [{"type": "Feature", "geometry": mapping(shape), "properties": known} for shape, known in features]
    return json.dumps({"type": "FeatureCollection", "features": rows, **more}).encode()


class Aois(Kind):
    """Areas of interest, GeoJSON."""

    name = "aoi"
    mutators = (*BYTES, *JSON)

    def sound(self) -> Iterator[Seed]:
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
        pair = PLACE.union(shapely.affinity.translate(PLACE, 0.2)), {"title": "Two", "prefix": "TWO"}
        hole = PLACE.difference(PLACE.buffer(-0.02)), {"name": "Ring"}
        utm = box(400_000, 2_400_000, 405_000, 2_405_000)
        for name, content in (
            ("one", json.dumps(mapping(PLACE)).encode()),
            ("several", collection(pair, hole, crs=crs)),
            ("projected", collection((utm, {}), crs={"type": "name", "properties": {"name": "EPSG:32647"}})),
        ):
            yield Seed(name, {"a.geojson": content}, ("a.geojson",))

    def read(self, folder: Path) -> Any:
        aoi = read_aoi(str(folder / "a.geojson"))
        assert next(aoi.windows(2048)) is not None
        return _Area(aoi)

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        aoi = result.aoi
        if not on_earth(aoi.polygon) or not math.isfinite(aoi.area_km2) or not aoi.polygon_m.is_valid:
            yield "a polygon that is not valid ground"
        if not (aoi.title.isprintable() and aoi.name.isprintable() and len(aoi.prefix) == 3):
            yield f"a name that cannot be shown: {aoi.title!r}"


class _Area(tuple[Any, ...]):
    """What is compared of an AOI."""

    aoi: Aoi

    def __new__(cls, aoi: Aoi) -> "_Area":
        made = super().__new__(cls, (aoi.title, aoi.prefix, aoi.digest))
        made.aoi = aoi
        return made


class Configs(Kind):
    """Settings, TOML. The beginning of a settings file is a settings file."""

    name = "config"
    mutators = (*BYTES, *(toml_changed,) * 8, toml_text_changed, toml_text_changed)
    cut_is_told = False

    def sound(self) -> Iterator[Seed]:
        whole = (resources.shipped("configs") / "default.toml").read_bytes()
        few = b'[engine]\nworkers = 2\n[spending]\nmonthly_pu = 100.5\n[simulated]\nstart = "2024-01"\n'
        yield Seed("whole", {"s.toml": whole}, ("s.toml",))
        yield Seed("few", {"s.toml": few}, ("s.toml",))

    def read(self, folder: Path) -> Any:
        return load(folder / "s.toml").model_dump()

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        yield from not_finite(result)


class Ledgers(Kind):
    """The ledger of what was spent, a JSON object per line. A damaged line blocks nothing, counts, and is copied aside."""

    name = "ledger"
    mutators = (*BYTES, *(json_line_changed,) * 6, lines_moved, lines_moved)
    cut_is_told = False

    def sound(self) -> Iterator[Seed]:
        rows = [
            {"at": f"2026-{k + 1:02d}-03T04:05:06+00:00", "run": f"r{k % 2}", "provider": "cdse", "requests": 1, "bytes": 10 * k, "pu": k / 4}
            for k in range(6)
        ]  # fmt: skip
        yield Seed("months", {"l.jsonl": "".join(f"\n{json.dumps(row)}\n" for row in rows).encode()}, ("l.jsonl",))

    def read(self, folder: Path) -> Any:
        path = folder / "l.jsonl"
        lines = [line for line in path.read_bytes().split(b"\n") if line]
        rows = read_ledger(path)
        told = tidy_ledger(path, JULY)
        budget = Budget(path, "r1", SpendingLimits(pu=1e9), SpendingLimits(n_bytes=1e18))
        budget.check()
        shown = [usage.text() for usage in budget.spent().values()]
        return Spending(lines, rows, read_ledger(path), told or "", shown)

    def note(self, result: Any) -> str:
        return str(result.told)

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        for usage in (row.usage for row in (*result.rows, *result.tidied)):
            if not (0 <= usage.pu < math.inf and 0 <= usage.n_bytes < 1e300 and 0 <= usage.requests < 1e300):
                yield f"an amount that cannot be: {usage}"[:200]
        sound = self.seeds["months"].files["l.jsonl"].split(b"\n")
        least = sum(json.loads(line)["pu"] for line in result.lines if line in sound)
        for rows in (result.rows, result.tidied):
            if sum(row.usage.pu for row in rows) < least - 1e-6:
                yield f"less than the {least} units of its sound lines"
        if len(result.rows) < sum(b'"pu"' in line for line in result.lines):
            yield "a line with an amount does not count"
        for before, after in zip_longest(_by_month(result.rows), _by_month(result.tidied), fillvalue=("", 0.0)):
            if before[0] != after[0] or not math.isclose(before[1], after[1], rel_tol=1e-9, abs_tol=1e-4):
                yield f"another sum after it was tidied: {before}, {after}"
        aside = folder / "l.damaged"
        kept = aside.read_bytes().split(b"\n") if aside.exists() else []
        if any(b'"pu"' in line and not _is_json(line) and line not in kept for line in result.lines):
            yield "a damaged line is not copied aside"
        if tidy_ledger(folder / "l.jsonl", JULY) is not None:
            yield "damaged after it was tidied"


JULY = datetime(2026, 7, 1, tzinfo=UTC)
"""When the ledger here is tidied: its first months have long ended."""


@dataclass(frozen=True)
class Spending:
    """What is made of a ledger."""

    lines: list[bytes]
    """As they were found, without empty ones."""
    rows: list[LedgerEntry]
    """What they count as."""
    tidied: list[LedgerEntry]
    """The same, after the ledger was tidied."""
    told: str
    """What was said of damaged lines."""
    shown: list[str]
    """What the run has spent, as users see it."""


def _by_month(rows: list[LedgerEntry]) -> list[tuple[str, float]]:
    """Processing units of each month."""
    months = sorted({row.month for row in rows})
    return [(month, sum(row.usage.pu for row in rows if row.month == month)) for month in months]


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _with_checksum(row: bytes) -> bytes:
    return b"%08x %s" % (zlib.crc32(row), row)


def record_changed(rng: Random, content: bytes) -> bytes:
    """A line that says something else, with a checksum that fits."""
    rows = content.split(b"\n")
    at = rng.randrange(len(rows))
    rows[at] = _with_checksum(json_changed(rng, rows[at].partition(b" ")[2]))
    return b"\n".join(rows)


MARCH = date(2026, 3, 20)
"""A day before the last month in the scan log here."""


class ScanLogs(Kind):
    """The scan log: lines with checksums, so that what is damaged is counted. One without its last lines is shorter."""

    name = "scan-log"
    mutators = (*BYTES, *(record_changed,) * 6, lines_moved)
    cut_is_told = False

    def sound(self) -> Iterator[Seed]:
        rows = []
        for month in range(1, 5):
            day = datetime(2026, month, 9, tzinfo=UTC)
            record = ScanRecord(
                at=day,
                day=day.date(),
                aoi="a" * 64,
                first=f"2026-{month:02d}",
                last=f"2026-{month:02d}",
                outcome=Outcome.DONE,
            )
            rows.append(b"\n" + _with_checksum(record.model_dump_json().encode()) + b"\n")
        yield Seed("months", {"s.jsonl": b"".join(rows)}, ("s.jsonl",))

    def read(self, folder: Path) -> Any:
        found = read_log(folder / "s.jsonl")
        known = found.until(MARCH)
        return found, known, found.begun, known.settled, found.first_try("2026-03"), found.recipe

    def note(self, result: Any) -> str:
        damaged = result[0].damaged
        return f"{damaged} damaged lines" if damaged else ""

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        log, known, _, settled, *_ = result
        lines = [line for line in (folder / "s.jsonl").read_bytes().split(b"\n") if line]
        if len(log.records) + log.damaged != len(lines):
            yield f"{len(lines)} lines, {len(log.records)} records, {log.damaged} damaged"
        if any(record.day is not None and record.day > MARCH + timedelta(days=1) for record in known.records):
            yield "a record of a day to come"
        sound = self.seeds["months"].files["s.jsonl"].split(b"\n")
        whole = {f"2026-{month:02d}" for month in (1, 2, 3) if [line for line in sound if line][month - 1] in lines}
        if not whole <= settled:
            yield f"{sorted(whole - settled)} stand in the log and are due"
        for record in log.records:
            yield from not_finite(record.model_dump(exclude={"at"}), record.last)
            if not record.months:
                yield f"{record.first} to {record.last}: no month"


class Registries(Kind):
    """The registry of site ids, JSON."""

    name = "registry"
    mutators = (*BYTES, *JSON, lines_moved)

    def sound(self) -> Iterator[Seed]:
        yield Seed("sites", {"r.json": "".join(registry_text(registry())).encode()}, ("r.json",))
        first = {"version": 1, "prefix": "SHN", "sites": [{"site_id": "SHN-0001", "footprint": PLACE.wkt}]}
        yield Seed("first", {"r.json": json.dumps(first).encode()}, ("r.json",))

    def read(self, folder: Path) -> Any:
        found = read_registry(folder / "r.json", "SHN")
        found.check_clock(date(2999, 12, 31))
        return found

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        ids = [entry.site_id for entry in result.entries]
        if len(set(ids)) != len(ids):
            yield "one id twice"
        for entry in result.entries:
            if not on_earth(entry.territory):
                yield f"{entry.site_id}: a territory that is not valid ground"
            links = (entry.parent, entry.merged_into, *(state.merged_into for state in entry.published))
            if any(link is not None and (not isinstance(link, str) or len(link) > 40) for link in links):
                yield f"{entry.site_id}: names {str(links)[:80]} as a site"
            if entry.statement is not None:
                yield from not_finite(asdict(entry.statement), entry.site_id)
        rows = (folder / "r.json").read_bytes().count(b'"territory"') + (folder / "r.json").read_bytes().count(
            b'"footprint"'
        )
        if len(ids) < rows:
            yield f"{rows} rows, {len(ids)} sites, and not a word"
        again = folder / "again.json"
        again.write_text("".join(registry_text(result)), encoding="utf-8")
        if [entry.site_id for entry in read_registry(again, "SHN").entries] != ids:
            yield "not the same after it was written and read"


def registry() -> Registry:
    """Two sites with all that can be said of one."""
    day = date(2025, 3, 1)
    known = {"site_id": "SHN-0001", "point": Point(98.05, 21.93)}
    site = SiteRecord(
        site_id="SHN-0001", status=SiteStatus.CONFIRMED, confidence=0.9, ground_after=None, ground_by=day, ponds_after=None,
        ponds_by=day, last_seen=day, last_clear=day, clear_looks=4, pond_area_m2=300.0, pond_area_low_m2=200.0,
        pond_area_high_m2=400.0, ground_area_m2=9000.0, verdict=None, reviewed_on=None, simulated=False, source="folder",
        model="m", run_id="r1", polygon=PLACE,
    )  # fmt: skip
    statement = Statement(
        site=site,
        ponds=(PondRecord(site_id="SHN-0001", pond_id=1, area_m2=300.0, first_seen=day, polygon=PLACE.buffer(-0.02)),),
        looks=(
            LookRecord(
                day=day, overpass="20250301-S2A", share_seen=1.0, pond_area_m2=300.0, pond_area_low_m2=200.0,
                pond_area_high_m2=400.0, ground_area_m2=9000.0, state=next(iter(SiteState)), ponds_present=True,
                ground_present=True, **known,
            ),
        ),
        events=(EventRecord(kind=EventKind.PONDS_BUILT, after=None, by=day, evidence="20250301-S2A", **known),),
    )  # fmt: skip
    interval = Interval(None, day)
    states = (
        PublishedState(day, "r1", PublishedStatus.CANDIDATE, interval, None),
        PublishedState(date(2025, 5, 1), "r2", PublishedStatus.CONFIRMED, interval, interval),
    )
    basis = Basis("a" * 8, "b" * 8, "c" * 8, ("20250301-S2A abc",))
    east = shapely.affinity.translate(PLACE, 0.3)
    merged = PublishedState(day, "r1", PublishedStatus.MERGED, None, None, "SHN-0001")
    return Registry(
        "SHN",
        (
            RegisteredSite("SHN-0001", PLACE, None, None, states, statement, basis),
            RegisteredSite("SHN-0002", east, "SHN-0001", "SHN-0001", (merged,)),
        ),
    )


LABELS = ((PLACE, {"label": "site", "from": "2025-01-01"}), (PLACE.buffer(-0.02), {"label": "pond"}), (box(98.2, 21.9, 98.21, 21.91), {"label": "none", "to": "2025-12-31"}))  # fmt: skip


class LabelPackages(Kind):
    """Outlines of known ground, GeoPackage."""

    name = "geopackage"
    mutators = (*BYTES, *GPKG)

    def sound(self) -> Iterator[Seed]:
        rows = {key: [known.get(key) for _, known in LABELS] for key in ("label", "from", "to")}
        table = geopandas.GeoDataFrame(rows, geometry=[shape for shape, _ in LABELS], crs="EPSG:4326")
        with tempfile.TemporaryDirectory() as folder, rasterio.Env():
            path = Path(folder, "l.gpkg")
            table.to_file(path, layer="labels", driver="GPKG")
            content = path.read_bytes()
        yield Seed("labels", {"l.gpkg": content}, ("l.gpkg",))

    def damaged(self, rng: Random, seed: Seed) -> tuple[dict[str, bytes], str]:
        if rng.random() > 0.1:
            return super().damaged(rng, seed)
        beside = log_beside(rng, seed.files["l.gpkg"])
        return {f"l.gpkg{ending}": content for ending, content in beside.items()}, log_beside.__name__

    def read(self, folder: Path) -> Any:
        found = read_label_areas(folder / "l.gpkg")
        return [(area.outline, area.kind, area.first, area.last) for area in found]

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        if not all(on_earth(outline) for outline, *_ in result):
            yield "an outline that is not valid ground"


class Labels(LabelPackages):
    """The same as GeoJSON."""

    name = "labels"
    mutators = (*BYTES, *JSON)

    def sound(self) -> Iterator[Seed]:
        yield Seed("labels", {"l.geojson": collection(*LABELS)}, ("l.geojson",))

    def damaged(self, rng: Random, seed: Seed) -> tuple[dict[str, bytes], str]:
        return Kind.damaged(self, rng, seed)

    def read(self, folder: Path) -> Any:
        found = read_label_areas(folder / "l.geojson")
        return [(area.outline, area.kind, area.first, area.last) for area in found]


class PointLabels(Kind):
    """Places where a pond was seen, GeoJSON and CSV. The beginning of a CSV file is one."""

    name = "points"
    mutators = (*BYTES, *JSON, lines_moved)
    cut_is_told = False

    def sound(self) -> Iterator[Seed]:
        rows = (Point(98.05, 21.93), {"id": "a", "date": "2025-01-31", "state": "full"}), (Point(98.06, 21.93), {})
        yield Seed("geojson", {"p.geojson": collection(*rows)}, ("p.geojson",))
        text = b"id,lon,lat,from,to,diameter_m\na,98.05,21.93,2025-01-01,2025-02-01,9\nb,98.06,21.93,,,\n"
        yield Seed("csv", {"p.csv": text}, ("p.csv",))

    def read(self, folder: Path) -> Any:
        return read_points(next(folder.glob("p.*")))

    def faults(self, result: Any, folder: Path) -> Iterator[str]:
        if not all(EARTH.covers(label.place) for label in result):
            yield "a point that is not on Earth"


KINDS: tuple[Kind, ...] = (
    GeoTiffs(),
    StaticCatalogues(),
    SearchAnswers(),
    SafeProducts(),
    Aois(),
    LabelPackages(),
    Labels(),
    PointLabels(),
    Configs(),
    Ledgers(),
    Registries(),
    ScanLogs(),
    Reviews(),
    Cuts(),
    Bundles(),
)
"""Every kind; a test tries each of them."""
