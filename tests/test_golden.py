"""Runs on known input say today what they said before; the kept statistics are in `golden/` (see `golden.py`)."""

from pathlib import Path

import golden
import pytest
from loopback import quick_http
from scenes import run_of

from pipeline.aoi import read_aoi
from pipeline.config import Settings, load
from pipeline.progress import Progress
from pipeline.run.detect import detect
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, ReadRules
from pipeline.sources.stac import stac_source
from pipeline.worlds.source import simulated_source

ALWAYS = Period(None, None)
REAL = Path(__file__).parent / "data" / "real_folder"


@pytest.fixture(scope="module")
def settings() -> Settings:
    """The defaults on a smaller embedded archive, in the precision that every processor has."""
    base = load(None)
    return base.model_copy(
        update={
            "segment": base.segment.model_copy(update={"precision": "fp32"}),
            "engine": base.engine.model_copy(update={"workers": 1}),
            "simulated": base.simulated.model_copy(
                update={"worlds": 2, "start": "2024-11", "months": 4, "overpasses_per_month": 1}
            ),
        }
    )


@pytest.fixture(scope="module")
def shan(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded archive of Shan."""
    out = tmp_path_factory.mktemp("shan")
    simulated_source(out / "simulated", read_aoi("shan"), settings, ALWAYS, Progress(quiet=True))
    return out


def test_the_embedded_archive(settings: Settings, shan: Path) -> None:
    aoi = read_aoi("shan")
    source = simulated_source(shan / "simulated", aoi, settings, ALWAYS, Progress(quiet=True))
    assert detect(run_of(aoi, source, settings, ALWAYS, shan)).exit_code == 0
    assert golden.compare(shan, "shan_small") == []


def test_the_same_archive_by_its_catalogue(settings: Settings, shan: Path, tmp_path: Path) -> None:
    catalogue = str(shan / "simulated" / "stac" / "catalog.json")
    source = stac_source(catalogue, ReadRules.of(settings), quick_http)
    assert detect(run_of(read_aoi("shan"), source, settings, ALWAYS, tmp_path)).exit_code == 0
    assert golden.compare(tmp_path, "shan_small_catalogue") == []


def test_the_embedded_archive_in_another_state(settings: Settings, tmp_path: Path) -> None:
    """One world of Kachin, with one site."""
    aoi = read_aoi("kachin")
    settings = settings.model_copy(update={"simulated": settings.simulated.model_copy(update={"worlds": 1})})
    source = simulated_source(tmp_path / "simulated", aoi, settings, ALWAYS, Progress(quiet=True))
    assert detect(run_of(aoi, source, settings, ALWAYS, tmp_path)).exit_code == 0
    assert golden.compare(tmp_path, "kachin_small") == []


def test_real_imagery_without_a_site(settings: Settings, tmp_path: Path) -> None:
    source = FolderSource(REAL, rules=ReadRules.of(settings))
    summary = detect(run_of(read_aoi(str(REAL / "aoi.geojson")), source, settings, ALWAYS, tmp_path))
    assert summary.exit_code == 0
    assert golden.compare(tmp_path, "real_folder") == []


def test_a_difference_is_found() -> None:
    kept = {"sites": [{"pond_area_m2": 1000, "confidence": 0.9, "ponds_by": "2025-01-05"}], "looks": 3}
    assert golden.differences(kept, kept) == []
    changed = {"sites": [{"pond_area_m2": 1001, "confidence": 0.902, "ponds_by": "2025-01-05"}], "looks": 3}
    assert golden.differences(changed, kept) == []  # what another processor may do
    for site in ({"pond_area_m2": 1010}, {"confidence": 0.91}, {"ponds_by": "2025-01-06"}, {"status": "idle"}):
        assert golden.differences({**kept, "sites": [{**kept["sites"][0], **site}]}, kept)
    assert golden.differences({**kept, "looks": 4}, kept) == ["looks: 4, not 3"]
    assert golden.differences({**kept, "sites": []}, kept)
