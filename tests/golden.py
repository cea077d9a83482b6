"""Golden statistics: what a run says of known input, kept in `golden/*.json`, so that a change of behaviour shows in review.

python tests/golden.py OUT NAME           compare the products in OUT with golden/NAME.json
python tests/golden.py --write OUT NAME   keep them as golden/NAME.json
"""

import json
import math
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"
SITE = ("status", "ground_after", "ground_by", "ponds_after", "ponds_by", "last_seen", "last_clear", "clear_looks")
AREAS = ("pond_area_m2", "pond_area_low_m2", "pond_area_high_m2", "ground_area_m2")
PLACES = 5
"""Decimals of a degree by which sites are told apart: about a metre."""
SHARE, CONFIDENCE = 2e-3, 5e-3
"""How far a number may be off on another processor: relative for areas and sums, absolute for the confidence."""


def statistics(out: Path) -> dict[str, Any]:
    """What matters of the products in a folder."""
    sites = json.loads((out / "sites.geojson").read_text())["features"]
    manifest = json.loads((out / "manifest.json").read_text())
    coverage = [f["properties"] for f in json.loads((out / "coverage.geojson").read_text())["features"]]
    with closing(sqlite3.connect(f"file:{out / 'sites.gpkg'}?mode=ro", uri=True)) as database:
        events = database.execute("SELECT kind, date(after), date(by) FROM events ORDER BY by, kind, after").fetchall()
        layers = {n: database.execute(f'SELECT count(*) FROM "{n}"').fetchone()[0] for n in ("looks", "ponds")}
    looks = [look for look in manifest["looks"] if "generation" not in look]  # not those of some squares made again
    statuses = [scene["status"] for scene in manifest["scenes"]]
    return {
        "precision": manifest["model"]["precision"],
        "model": manifest["model"]["name"],
        "sites": sorted((_site(f) for f in sites), key=lambda site: (site["west"], site["south"])),
        "events": [list(event) for event in events],
        "rows": layers,
        "looks": len(looks),
        "clear_share": round(sum(look["clear_share"] for look in looks), 3),
        "scenes": {status: statuses.count(status) for status in sorted(set(statuses))},
        "outlier_looks": len(manifest["outlier_looks"]),
        "failed_units": len(manifest["failed_units"]),
        "months": manifest["months"],
        "share_of_aoi_seen": manifest["share_of_aoi_seen"],
        "coverage": {
            "rows": len(coverage),
            "looks": sum(row["looks"] for row in coverage),
            "clear_looks": sum(row["clear_looks"] for row in coverage),
            "share_seen": round(sum(row["share_seen"] for row in coverage), 3),
        },
    }


def _site(feature: dict[str, Any]) -> dict[str, Any]:
    known, geometry = feature["properties"], feature["geometry"]
    points = list(_points(geometry["coordinates"]))
    corner = {"west": round(min(x for x, _ in points), PLACES), "south": round(min(y for _, y in points), PLACES)}
    return {**corner, "confidence": known["confidence"], **{name: known[name] for name in (*SITE, *AREAS)}}


def _points(coordinates: Any) -> Any:
    if isinstance(coordinates[0], (int, float)):
        yield tuple(coordinates)
    else:
        for part in coordinates:
            yield from _points(part)


def differences(found: Any, kept: Any, where: str = "") -> list[str]:
    """One line for each number that is off by more than a processor explains, and for anything else that differs."""
    if isinstance(kept, dict) and isinstance(found, dict):
        names = sorted({*found, *kept})
        return [line for n in names for line in differences(found.get(n), kept.get(n), f"{where}.{n}".lstrip("."))]
    if isinstance(kept, list) and isinstance(found, list) and len(kept) == len(found):
        pairs = enumerate(zip(found, kept, strict=True))
        return [line for k, (one, other) in pairs for line in differences(one, other, f"{where}[{k}]")]
    if isinstance(kept, float) and isinstance(found, (int, float)):
        near = {"confidence": {"abs_tol": CONFIDENCE}}.get(
            where.rpartition(".")[2], {"rel_tol": SHARE, "abs_tol": 1e-9}
        )
        return [] if math.isclose(found, kept, **near) else [f"{where}: {found}, not {kept}"]
    if where.rpartition(".")[2] in AREAS and isinstance(found, int) and isinstance(kept, int):
        return [] if math.isclose(found, kept, rel_tol=SHARE, abs_tol=1) else [f"{where}: {found}, not {kept}"]
    return [] if found == kept else [f"{where}: {found}, not {kept}"]


def compare(out: Path, name: str) -> list[str]:
    """How the products in a folder differ from the kept statistics."""
    return differences(statistics(out), json.loads((FOLDER / f"{name}.json").read_text()))


def write(out: Path, name: str) -> None:
    """Keep the statistics of the products in a folder."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(statistics(out), indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """Compare or write; returns the exit code."""
    *flags, out, name = arguments
    if flags == ["--write"]:
        write(Path(out), name)
        return 0
    kept = json.loads((FOLDER / f"{name}.json").read_text())
    found = statistics(Path(out))
    if found["precision"] != kept["precision"]:
        print(f"{name}: not compared, made in {kept['precision']} and this processor computes in {found['precision']}")
        return 0
    lines = differences(found, kept)
    print("\n".join(lines) or f"{name}: as in golden/{name}.json")
    return bool(lines)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
