import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from test_export import coverage, site, write_all

from pipeline.export import geopackage
from pipeline.export.geojson import write_coverage, write_sites
from pipeline.export.qgis import write_coverage_qml, write_sites_qml
from pipeline.sites.history import EventKind, SiteStatus

PROBE = Path(__file__).parent / "qgis_probe.py"
PYTHON = "/usr/bin/python3"


def need_qgis() -> None:
    try:
        subprocess.run([PYTHON, "-c", "import qgis.core"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no QGIS with Python on this machine")


def asked(script: Path, *arguments: str, **environment: str) -> dict[str, Any]:
    """What a script tells that QGIS's own Python runs."""
    need_qgis()
    done = subprocess.run(
        [PYTHON, str(script), *arguments], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def probe(*sources: str) -> dict[str, dict[str, Any]]:
    return asked(PROBE, *sources)


@pytest.mark.qgis
def test_outputs_open_styled_and_time_aware_in_qgis(tmp_path: Path) -> None:
    sites = [site(), site("SHN-0002", status=SiteStatus.CANDIDATE)]
    write_sites(tmp_path / "sites.geojson", sites, None)
    write_sites_qml(tmp_path / "sites.qml")
    write_all(tmp_path / "sites.gpkg", sites)
    layers = ("sites", "ponds", "looks", "events", "coverage")
    sources = [f"{tmp_path}/sites.gpkg|layername={name}" for name in layers]
    found = probe(f"{tmp_path}/sites.geojson", *sources)
    assert all(facts["valid"] and facts["temporal"] and facts["crs"] == "EPSG:4326" for facts in found.values())
    assert all(facts["start_type"] in ("Date", "DateTime") for facts in found.values()), found
    assert found["sites.geojson"]["renderer"] == found["sites.gpkg|layername=sites"]["renderer"] == "categorizedSymbol"
    assert found["sites.geojson"]["values"] == found["sites.gpkg|layername=sites"]["values"] == list(SiteStatus)
    assert found["sites.gpkg|layername=events"]["values"] == list(EventKind)
    assert found["sites.geojson"]["labels"]
    assert found["sites.geojson"]["tip"]
    assert found["sites.gpkg|layername=coverage"]["renderer"] == "mergedFeatureRenderer"
    assert [found[f"sites.gpkg|layername={name}"]["rows"] for name in layers] == [2, 2, 2, 2, 3]


@pytest.mark.qgis
def test_qgis_shows_each_month_of_coverage_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geopackage, "CHUNK", 2)  # rows of the first and of later chunks come out of GDAL in two forms
    rows = [row for month in ("2024-01", "2024-02", "2024-03") for row in coverage(3, month)]
    geopackage.write_geopackage(tmp_path / "sites.gpkg", sites=[], ponds=[], looks=[], events=[], coverage=rows)
    write_coverage(tmp_path / "coverage.geojson", rows, None)
    write_coverage_qml(tmp_path / "coverage.qml")
    found = probe(f"{tmp_path}/sites.gpkg|layername=coverage", f"{tmp_path}/coverage.geojson")
    for facts in found.values():
        assert facts["temporal"]
        assert facts["renderer"] == "mergedFeatureRenderer"
        assert facts["february"] == ["2024-02"] * 3
        assert facts["its last hour"] == ["2024-02"] * 3
