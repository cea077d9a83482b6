"""The QGIS project and the context that it shows, read without QGIS; `test_qgis.py` opens them in it."""

import json
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from desk import MONTHS, TITLE, aoi, edition, write_desk

from pipeline.aoi import read_aoi
from pipeline.errors import InputError
from pipeline.export.context import CREDIT, write_context
from pipeline.export.project import write_project

SOURCES = {
    "./sites.gpkg|layername=sites", "./sites.gpkg|layername=ponds", "./sites.gpkg|layername=looks",
    "./sites.gpkg|layername=events", "./sites.gpkg|layername=coverage", "./context.geojson|geometrytype=Point",
    "./context.geojson|geometrytype=Polygon", "./reviews.gpkg|layername=reviews",
    "./reviews.gpkg|layername=pond_points",
}  # fmt: skip


def opened(path: Path) -> ET.Element:
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"{path.stem}.qgs"]
        return ET.fromstring(archive.read(f"{path.stem}.qgs"))


def sources(root: ET.Element) -> list[str]:
    return [layer.findtext("datasource", "") for layer in root.iterfind("projectlayers/maplayer")]


def test_a_project_names_every_layer_by_a_path_beside_it(tmp_path: Path) -> None:
    root = opened(write_desk(tmp_path / "out"))
    local = {source for source in sources(root) if not source.startswith("type=xyz")}
    assert local == SOURCES
    assert root.findtext("properties/Paths/Absolute") == "false"
    for source in local:
        assert (tmp_path / "out" / source.split("|")[0]).is_file()


def test_qgis_takes_the_ids_and_the_tree_has_every_layer(tmp_path: Path) -> None:
    root = opened(write_desk(tmp_path / "out"))
    ids = [layer.findtext("id", "") for layer in root.iterfind("projectlayers/maplayer")]
    assert len(set(ids)) == len(ids)
    assert all(len(each) > 10 for each in ids)
    assert [leaf.get("id") for leaf in root.iter("layer-tree-layer")] == ids
    assert all(srs.findtext("srsid") for srs in root.iter("spatialrefsys"))


def test_expressions_of_styles_name_layers_of_the_project(tmp_path: Path) -> None:
    path = write_desk(tmp_path / "out")
    with zipfile.ZipFile(path) as archive:
        text = archive.read("hills.qgs").decode()
    ids = {layer.findtext("id", "") for layer in opened(path).iterfind("projectlayers/maplayer")}
    named = set(re.findall(r"'(leachwatch_\w+)'", text))
    assert {"leachwatch_sites", "leachwatch_reviews_as_stored"} <= named <= ids


def test_a_folder_without_reviews_has_a_project_without_them(tmp_path: Path) -> None:
    write_project(tmp_path / "hills.qgz", edition(aoi(tmp_path)), reviews=False)
    root = opened(tmp_path / "hills.qgz")
    assert not any("reviews" in source for source in sources(root))
    assert [group.get("name") for group in root.iterfind("layer-tree-group/layer-tree-group")] == [
        "Sites (SIMULATED)",
        "Where",
    ]


def test_nothing_of_the_network_is_ticked(tmp_path: Path) -> None:
    root = opened(write_desk(tmp_path / "out"))
    leaves = [leaf for leaf in root.iter("layer-tree-layer") if "http" in leaf.get("source", "")]
    assert [leaf.get("checked") for leaf in leaves] == ["Qt::Unchecked"]
    assert sum("http" in source for source in sources(root)) == 1


def test_the_clock_has_the_months_and_is_off(tmp_path: Path) -> None:
    root = opened(write_desk(tmp_path / "out"))
    assert (root.findtext(".//TemporalRange/start"), root.findtext(".//TemporalRange/end")) == (
        f"{MONTHS[0]}-01T00:00:00Z",
        "2024-03-31T00:00:00Z",
    )
    assert root.findtext("properties/TemporalControllerWidget/NavigationMode") == "0"
    times = root.find("ProjectTimeSettings")
    assert times is not None
    assert (times.get("timeStep"), times.get("timeStepUnit")) == ("1", "mon")


def test_simulated_products_say_so_over_the_map_and_real_ones_do_not(tmp_path: Path) -> None:
    area = aoi(tmp_path)
    for simulated in (True, False):
        write_project(tmp_path / "hills.qgz", edition(area, simulated), reviews=True)
        root = opened(tmp_path / "hills.qgz")
        assert root.findtext("properties/TitleLabel/Enabled") == str(simulated).lower()
        shown = [root.findtext("title", ""), *(str(group.get("name")) for group in root.iter("layer-tree-group"))]
        assert any("SIMULATED" in text for text in shown) is simulated
        assert root.findtext("title", "").startswith(TITLE)


def test_the_same_edition_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = write_desk(tmp_path / "one"), write_desk(tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as archive:
        assert [member.date_time for member in archive.infolist()] == [(1980, 1, 1, 0, 0, 0)], "no time of the clock"
    assert one.with_name("context.geojson").read_bytes() == other.with_name("context.geojson").read_bytes()


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"hills\.qgz"):
        write_project(tmp_path / "file" / "hills.qgz", edition(aoi(tmp_path)), reviews=True)


def features(path: Path) -> list[dict[str, object]]:
    return [each["properties"] for each in json.loads(path.read_text())["features"]]


def test_context_has_the_outline_and_the_places_near_it(tmp_path: Path) -> None:
    write_context(tmp_path / "context.geojson", read_aoi("mong-yawn"))
    content = json.loads((tmp_path / "context.geojson").read_text())
    assert content["leachwatch"]["credit"] == CREDIT
    outline, *places = features(tmp_path / "context.geojson")
    assert outline["kind"] == "outline"
    names = {place["name"] for place in places}
    assert {"Mong Hsat", "Tachileik"} <= names
    assert not names & {"Lashio", "Myitkyina", "Kengtung"}
    assert [place["rank"] for place in places] == sorted(place["rank"] for place in places)  # type: ignore[type-var]


@pytest.mark.parametrize("name", ["kachin", "shan"])
def test_both_states_have_their_towns(tmp_path: Path, name: str) -> None:
    write_context(tmp_path / "context.geojson", read_aoi(name))
    names = {place["name"] for place in features(tmp_path / "context.geojson")}
    assert {"kachin": {"Myitkyina", "Pangwa", "Chipwi"}, "shan": {"Kengtung", "Lashio"}}[name] <= names
    assert 20 < len(names) < 80


def test_an_aoi_elsewhere_has_its_outline_only(tmp_path: Path) -> None:
    far = {"type": "Polygon", "coordinates": [[[14, 46], [14.1, 46], [14.1, 46.1], [14, 46.1], [14, 46]]]}
    (tmp_path / "far.geojson").write_text(json.dumps(far))
    write_context(tmp_path / "context.geojson", read_aoi(str(tmp_path / "far.geojson")))
    assert [each["kind"] for each in features(tmp_path / "context.geojson")] == ["outline"]
