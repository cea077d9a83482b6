"""People's own outlines: read with what they say, cut into chips where they hold, learned without forgetting."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scenes import GRID, PLACE, forest, write
from shapely.geometry import Point, box, mapping
from shapely.geometry.base import BaseGeometry

from pipeline.cli import main
from pipeline.config import load
from pipeline.errors import InputError
from pipeline.grid import LONLAT, reprojected
from pipeline.looks.network import NetworkSpec
from pipeline.looks.weights import Model, load_model
from pipeline.progress import Progress
from pipeline.sources.folder import FolderSource
from pipeline.training import tune as tuning
from pipeline.training.chips import ChipSettings
from pipeline.training.fit import FitSettings, fit
from pipeline.training.labels import LabelKind, Labelled, label_chips, read_label_areas
from pipeline.training.tune import TuneSettings, tune

QUIET = Progress(quiet=True)
MASKS = load(None).clear
CHIPS = ChipSettings(chip_px=32, world_px=128, sites=1, days=1, chips=2)
WEST, _, _, NORTH = PLACE.bounds_m
POND = Point(WEST + 500, NORTH - 400).buffer(12)
GROUND = box(WEST + 440, NORTH - 460, WEST + 560, NORTH - 340)
NOTHING = box(WEST + 700, NORTH - 300, WEST + 800, NORTH - 200)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("models") / "base"
    network = NetworkSpec(widths=(4, 6))
    settings = FitSettings(
        steps=2, workers=0, batch=2, pool_units=1, validation_worlds=1, validation_px=128, network=network, chips=CHIPS
    )
    fit(folder, settings, QUIET)
    return load_model(str(folder), precision="fp32")


def labels(path: Path, *features: tuple[BaseGeometry, dict[str, object]]) -> Path:
    content = [
        {"type": "Feature", "geometry": mapping(reprojected(outline, GRID.crs, LONLAT)), "properties": properties}
        for outline, properties in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": content}))
    return path


def scenes(folder: Path, *days: str) -> FolderSource:
    """Forest, with bare soil where `GROUND` is."""
    numbers = np.concatenate([forest(), np.full((1, *PLACE.shape), 4, np.uint16)])
    numbers[:6, 34:46, 44:56] = np.array([900, 1200, 1800, 2600, 3600, 3200])[:, None, None]
    for day in days:
        write(folder / f"{day}.tif", numbers, names=("B02", "B03", "B04", "B08", "B11", "B12", "SCL"))
    return FolderSource(folder)


def cut(tmp_path: Path, base: Model, *features: tuple[BaseGeometry, dict[str, object]], days=("20250110",)) -> Labelled:
    areas = read_label_areas(labels(tmp_path / "labels.geojson", *features))
    return label_chips(areas, scenes(tmp_path / "scenes", *days), base, 32, MASKS, QUIET)


def test_outlines_are_read_with_what_was_said_of_them(tmp_path: Path) -> None:
    path = labels(
        tmp_path / "a.geojson",
        (POND, {"label": "Pond", "from": "2024-02-01", "to": None}),
        (GROUND, {"verdict": "confirmed"}),
        (NOTHING, {"verdict": "rejected", "label": None}),
        (NOTHING, {"verdict": None}),
    )
    areas = read_label_areas(path)
    assert [area.kind for area in areas] == [LabelKind.POND, LabelKind.SITE, LabelKind.NONE]
    assert areas[0].first == date(2024, 2, 1)
    assert areas[0].last is None
    assert areas[0].holds_on(date(2030, 1, 1))
    assert not areas[0].holds_on(date(2024, 1, 31))


@pytest.mark.parametrize(
    ("properties", "words"),
    [({"label": "pool"}, "feature 1: label is 'pool'"), ({"label": "pond", "from": "May"}, "feature 1: from is 'May'")],
)
def test_bad_outlines_are_refused_with_their_place(tmp_path: Path, properties: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_label_areas(labels(tmp_path / "a.geojson", (POND, properties)))


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no feature has a label"):
        read_label_areas(labels(tmp_path / "a.geojson", (POND, {"name": "x"})))
    with pytest.raises(InputError, match="no such file"):
        read_label_areas(tmp_path / "b.geojson")
    (tmp_path / "c.geojson").write_text("{")
    with pytest.raises(InputError, match=r"c\.geojson: cannot be read, damaged\?"):
        read_label_areas(tmp_path / "c.geojson")


def test_ponds_are_drawn_by_the_share_of_each_pixel_and_only_outlines_count(tmp_path: Path, base: Model) -> None:
    chips = cut(tmp_path, base, (POND, {"label": "pond"}), (GROUND, {"label": "ground"})).chips
    told = chips.pond_percent.sum(axis=(1, 2)) / 100 * 100
    assert told.max() == pytest.approx(POND.area, rel=0.03)
    assert chips.ground.sum(axis=(1, 2)).max() == pytest.approx(GROUND.area / 100, abs=1)
    assert (chips.clear <= chips.ground).all()
    assert chips.clear.any()


def test_nothing_is_learned_of_the_ponds_of_a_site_of_which_only_the_outline_is_known(
    tmp_path: Path, base: Model
) -> None:
    chips = cut(tmp_path, base, (GROUND, {"verdict": "confirmed"})).chips
    before = tuning.label_scores(base.net, base.card, chips)
    assert before.pond_iou == 1


def test_looks_are_taken_only_when_an_outline_holds(tmp_path: Path, base: Model) -> None:
    days = ("20240110", "20250110", "20260110")
    chips = cut(
        tmp_path, base, (GROUND, {"label": "ground", "from": "2025-01-01", "to": "2025-12-31"}), days=days
    ).chips
    assert len(chips) == 1


def test_a_scene_that_cannot_be_read_is_told(tmp_path: Path, base: Model) -> None:
    scenes(tmp_path / "scenes", "20250109")
    cut_short = tmp_path / "scenes" / "20250109.tif"
    cut_short.write_bytes(cut_short.read_bytes()[:2000])
    found = cut(tmp_path, base, (GROUND, {"label": "ground"}))
    assert any("20250109" in refusal.id for refusal in found.refusals)


def test_labels_that_no_scene_shows_are_refused(tmp_path: Path, base: Model) -> None:
    with pytest.raises(InputError, match="no scene shows any of the 1 labels"):
        cut(tmp_path, base, (GROUND, {"label": "ground", "to": "2001-01-01"}))


def tuned(tmp_path: Path, base: Model, steps: int):
    labelled = cut(tmp_path, base, (GROUND, {"label": "ground"}), (NOTHING, {"label": "none"}))
    how = TuneSettings(steps=steps, workers=0, batch=4, rate=5e-3, units=1, worlds=1, worlds_px=128, chips=CHIPS)
    return labelled, tune(tmp_path / "tuned", base, labelled, how, "as typed", QUIET)


def test_a_tuned_model_has_learned_and_says_from_what(tmp_path: Path, base: Model, monkeypatch) -> None:
    monkeypatch.setattr(tuning, "FORGETTING_TOLERANCE", 1.0)
    labelled, card = tuned(tmp_path, base, steps=120)
    after = load_model(str(tmp_path / "tuned"), precision="fp32")
    old, new = (tuning.label_scores(model.net, model.card, labelled.chips) for model in (base, after))
    assert new.ground_iou > max(0.9, old.ground_iou)
    assert base.card.sha256[:12] in card.training.worlds
    assert card.training.command == "as typed"
    assert card.calibration is None
    assert "user labels" in card.notes
    assert "before_pond_iou" in card.scores


def test_a_model_that_would_forget_is_not_written(tmp_path: Path, base: Model, monkeypatch) -> None:
    monkeypatch.setattr(tuning, "FORGETTING_TOLERANCE", -1.0)
    with pytest.raises(InputError, match="without forgetting"):
        tuned(tmp_path, base, steps=1)
    assert not (tmp_path / "tuned").exists()


def test_places_kept_back_are_not_trained_on(tmp_path: Path, base: Model) -> None:
    chips = cut(tmp_path, base, (GROUND, {"label": "ground"})).chips
    many = Labelled(tuning.concatenated([chips] * 10), np.repeat(np.arange(5), 2 * len(chips)), ())
    shown, back = tuning._split(many, seed=1)
    assert back is not None
    assert len(shown) == 4 * len(back)


def test_labels_need_scenes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--labels", str(tmp_path / "a.geojson"), "--out", str(tmp_path / "m")]) == 2
    assert "--scenes" in capsys.readouterr().err
    assert main(["train", "--scenes", str(tmp_path), "--out", str(tmp_path / "m")]) == 2
    assert "--labels" in capsys.readouterr().err


def test_a_reviewers_file_is_taken_as_it_is(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from test_export import site

    from pipeline.reviews.file import ReviewsFile
    from pipeline.reviews.review import Reason, Verdict

    file, at = ReviewsFile(tmp_path / "reviews.gpkg"), datetime(2026, 1, 2, tzinfo=UTC)
    file.make({})
    outlines = {f"SHN-000{k}": box(97 + k / 10, 22, 97.01 + k / 10, 22.01) for k in range(1, 6)}
    file.add_sites([site(name, polygon=outline) for name, outline in outlines.items()])
    with pytest.raises(InputError, match="nobody has confirmed or rejected"):
        read_label_areas(file.path)
    file.judge("SHN-0001", Verdict.CONFIRMED, None, None, "Nang", at)
    file.judge("SHN-0002", Verdict.REJECTED, Reason.PADDY, None, "Nang", at)
    file.judge("SHN-0003", Verdict.UNSURE, None, None, "Nang", at)
    file.judge("SHN-0004", Verdict.CONFIRMED, None, None, "Nang", at)
    other = next(row for row in file.rows() if row.site_id == "SHN-0004")
    file.insert(replace(other, verdict=Verdict.REJECTED, reviewer="Sai"))  # they disagree: it teaches nothing
    file.add_site(box(98, 22, 98.01, 22.01), "Nang", None, at, seen_on=date(2025, 12, 1))
    assert [(area.kind, area.first) for area in read_label_areas(file.path)] == [
        (LabelKind.SITE, date(2024, 11, 3)),  # from the first look with ponds on: before it there was none
        (LabelKind.NONE, None),
        (LabelKind.SITE, date(2025, 12, 1)),
    ]
