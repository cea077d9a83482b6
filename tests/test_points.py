"""Point labels: read as they are published, scored without calling what nobody looked at false."""

import json
from datetime import date
from pathlib import Path

import pytest
from shapely.geometry import Point, box

from pipeline.cli import main
from pipeline.errors import InputError
from pipeline.evaluation.points import NEAR_M, PointLabel, read_points, score_points
from pipeline.evaluation.truth import Reported
from pipeline.sites.names import Interval

DEGREE_M = 110_600.0
"""Metres in a degree of latitude, near enough."""


def label(lon: float, lat: float, first: date | None = None, state: str = "") -> PointLabel:
    return PointLabel(f"{lon},{lat}", Point(lon, lat), first, state)


def site(lon: float, lat: float, after: date | None = None, by: date = date(2025, 3, 1)) -> Reported:
    return Reported(
        box(lon - 1e-4, lat - 1e-4, lon + 1e-4, lat + 1e-4), 0.9, None, Interval(after, by), (1.0, 2.0, 3.0)
    )


def test_labels_are_read_from_a_table_as_published(tmp_path: Path) -> None:
    path = tmp_path / "tanks.csv"
    path.write_text(
        "\ufeffID,Lon,Lat,From,To,diameter_m,state,notes\n"
        "T-1,98.25,25.7,2023-02-01,2024-05-31,14.5,turquoise,seen twice\n"
        "T-2,98.26,25.7,,,,,\n"
    )
    first, second = read_points(path)
    assert first == PointLabel("T-1", Point(98.25, 25.7), date(2023, 2, 1), "turquoise")
    assert second == PointLabel("T-2", Point(98.26, 25.7), None, "")


def test_labels_are_read_from_geojson_points(tmp_path: Path) -> None:
    path = tmp_path / "tanks.geojson"
    point = {"type": "Point", "coordinates": [98.25, 25.7, 812.0]}
    features = [{"type": "Feature", "id": 7, "geometry": point, "properties": {"date": "2024-01-31T04:00:00Z"}}]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (only,) = read_points(path)
    assert only == PointLabel("7", Point(98.25, 25.7), date(2024, 1, 31), "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,lon\n1,98", "line 2: no lat"),
        ("id,lon,lat\n1,east,25", "line 2: lon is 'east'"),
        ("id,lon,lat\n1,98,95", "line 2: lat is '95'"),
        ("id,lon,lat\n1,98,nan", "line 2: lat is 'nan'"),
        ("id,lon,lat,date\n1,98,25,May 2023", "line 2: from is 'May 2023'"),
        ("id,lon,lat,from,to\n1,98,25,2024-01-01,2023-01-01", "before from"),
        ("id,lon,lat,to\n1,98,25,soon", "line 2: to is 'soon'"),
        ("id,lon,lat,diameter_m\n1,98,25,wide", "line 2: diameter_m is 'wide'"),
        ("id,lon,lat\n", "holds no label"),
    ],
)
def test_bad_labels_are_refused_with_their_place(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "tanks.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_points(path)


def test_a_file_that_holds_no_points_is_refused_in_one_line(tmp_path: Path) -> None:
    for content in ("[]", "{", '{"features": [{"geometry": null, "properties": {}}]}'):
        path = tmp_path / "x.geojson"
        path.write_text(content)
        with pytest.raises(InputError, match=r"x\.geojson"):
            read_points(path)


def test_a_label_is_found_by_a_site_near_it_and_what_lies_beyond_is_counted_apart() -> None:
    near, far = NEAR_M * 0.9 / DEGREE_M, NEAR_M * 1.5 / DEGREE_M
    labels = [label(98.0, 25.0), label(98.1, 25.0), label(98.2, 25.0)]
    sites = [site(98.0, 25.0 + near + 1e-4), site(98.1, 25.0 + far + 1e-4), site(99.0, 25.0)]
    scores = score_points(labels, sites)
    assert (scores.found.hits, scores.found.of, scores.beyond) == (1, 3, 2)
    assert "not known to be false" in scores.table()


def test_labels_of_one_cluster_count_once_as_a_cluster() -> None:
    labels = [label(98.0 + k * 0.0005, 25.0, state="milky" if k else "") for k in range(4)]
    scores = score_points(labels, [site(98.0, 25.0)])
    assert (scores.clusters.hits, scores.clusters.of) == (1, 1)
    assert scores.found.of == 4
    assert scores.by_state["milky"].of == 3


def test_an_onset_after_the_day_of_a_label_is_not_possible() -> None:
    seen = date(2024, 6, 1)
    labels = [label(98.0, 25.0, seen), label(98.1, 25.0, seen), label(98.2, 25.0, seen), label(98.3, 25.0)]
    sites = [
        site(98.0, 25.0, after=date(2024, 5, 1)),
        site(98.1, 25.0, after=date(2024, 7, 1)),
        site(98.2, 25.0, after=None),
        site(98.3, 25.0, after=date(2024, 7, 1)),
    ]
    scores = score_points(labels, sites)
    assert (scores.dated.hits, scores.dated.of) == (2, 3)


def test_labels_need_a_run_to_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--labels", str(tmp_path / "tanks.csv")]) == 2
    assert "--run" in capsys.readouterr().err
