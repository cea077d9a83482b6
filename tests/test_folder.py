import json
import os
import pickle
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine
from scenes import GRID, PLACE, aoi, forest, write
from shapely.geometry import mapping
from test_safe import make_product

from pipeline.bands import NAMES
from pipeline.cli import main, parser
from pipeline.cli.run_options import open_run
from pipeline.config import OffsetError, load
from pipeline.errors import InputError, SceneError
from pipeline.grid import Window
from pipeline.sources.folder import FolderSource, simulation_in
from pipeline.sources.interface import Period, ReadRules, Refusal, SceneStatus, overpasses, period_of

ALWAYS = Period(None, None)
GOOD = "20250105T040000_good.tif"


def search(folder: Path, period: Period = ALWAYS):
    return FolderSource(folder).search(aoi(), period)


def refused(folder: Path, status: SceneStatus = SceneStatus.REFUSED) -> str:
    """The one-line reason for the only file; a good scene beside it must still be found."""
    write(folder / GOOD)
    found = search(folder)
    assert [scene.id for scene in found.scenes] == [GOOD]
    (refusal,) = found.refusals
    assert "\n" not in refusal.reason
    assert refusal.status is status
    return refusal.reason


class Stopped(Exception):
    """All that was to be seen has been seen."""


def test_labels_are_read_by_the_rules_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`train --labels` and `detect` in one folder, with its own settings, make one of the same numbers."""
    write(tmp_path / "scenes" / GOOD)
    outline = {"type": "Feature", "properties": {"label": "pond"}, "geometry": mapping(aoi().polygon)}
    (tmp_path / "labels.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [outline]}))
    (tmp_path / "aoi.geojson").write_text(json.dumps(outline))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "default.toml").write_text(
        '[clear]\nscl_unclear = [0, 1, 9]\n[reading]\nboa_offset_error = "correct"\n'
    )
    monkeypatch.chdir(tmp_path)
    used: list[FolderSource] = []

    def captured(areas: object, source: FolderSource, *_: object) -> None:
        used.append(source)
        raise Stopped

    monkeypatch.setattr("pipeline.training.labels.label_chips", captured)
    with pytest.raises(Stopped):
        main(["train", "--labels", "labels.geojson", "--scenes", "scenes", "--out", "mine"])
    words = ["detect", "--aoi", "aoi.geojson", "--source", "folder", "--scenes", "scenes", "--device", "cpu"]
    used.append(open_run(parser().parse_args(words)).source)
    expected = ReadRules(unclear=(0, 1, 9), offset_error=OffsetError.CORRECT)
    assert ReadRules.of(load(None)) == expected
    assert [source.rules for source in used] == [expected, expected]
    assert [source.folder.resolve() for source in used] == [(tmp_path / "scenes").resolve()] * 2


def test_a_scene_is_read_as_the_contract_says(tmp_path: Path) -> None:
    write(
        tmp_path / "deep" / "S2B_whatever.TIF",
        tags={"datetime": "2025-01-05T11:00:00+07:00"},
        scale=0.0002,
        offset=-0.1,
    )
    found = search(tmp_path)
    (scene,) = found.scenes
    assert found.refusals == ()
    assert (scene.id, scene.platform, scene.has_scl) == ("deep/S2B_whatever.TIF", "S2B", False)
    assert scene.time_utc == datetime(2025, 1, 5, 4, tzinfo=UTC)
    source = pickle.loads(pickle.dumps(FolderSource(tmp_path)))
    raster = source.read([scene], GRID, PLACE)
    np.testing.assert_allclose(raster.reflectance, forest() * 0.0002 - 0.1, atol=1e-6)
    assert raster.valid.all()


def test_scale_is_sentinel_2s_own_when_the_file_says_nothing(tmp_path: Path) -> None:
    write(tmp_path / GOOD)
    raster = FolderSource(tmp_path).read(search(tmp_path).scenes, GRID, PLACE)
    np.testing.assert_allclose(raster.reflectance, forest() * 0.0001, atol=1e-6)


def test_bands_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    extra = np.concatenate([forest()[::-1], np.full((2, *PLACE.shape), 4, np.uint16)])
    write(tmp_path / GOOD, extra, names=(*NAMES[::-1], "SCL", "B05"))
    found = search(tmp_path).scenes
    raster = FolderSource(tmp_path).read(found, GRID, PLACE)
    np.testing.assert_allclose(raster.reflectance, forest() * 0.0001, atol=1e-6)
    assert found[0].has_scl
    assert raster.scl is not None
    assert (raster.scl == 4).all()


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("20250106.tif", {"numbers": forest()[:5], "names": NAMES[:5]}, ["B12", "missing"]),
        ("20250106.tif", {"numbers": forest()[[0, 1, 2, 3, 4, 5, 5]], "names": (*NAMES, "B12")}, ["B12", "duplicate"]),
        ("undated.tif", {}, ["no date"]),
        ("20251399.tif", {}, ["20251399", "not a date"]),
        ("20250106.tif", {"tags": {"datetime": "last tuesday"}}, ["last tuesday", "ISO 8601"]),
        ("20250106.tif", {"crs": None}, ["no CRS"]),
        ("20250106.tif", {"crs": "EPSG:4326"}, ["CRS"]),
        ("20250106.tif", {"transform": Affine(10, 0, 900_000, 0, -10, 5_000_000)}, ["no overlap"]),
        ("20250106.tif", {"scale": float("inf")}, ["scale"]),
        ("20250106.tif", {"numbers": forest().astype(np.float32) / 10_000}, ["reflectance", "scale"]),
        ("20250105T040000_same.tif", {}, ["duplicate"]),
        ("20250106.tif", {"tags": {"datetime": "0001-01-01T00:00:00+14:00"}}, ["not an ISO 8601 date"]),
        ("20250106.tif", {"tags": {"datetime": "9999-12-31"}}, ["9999-12-31", "wrong date"]),
        ("19000101.tif", {}, ["1900-01-01", "wrong date"]),
        ("20250106.tif", {"scale": 1e-320}, ["scale"]),
        ("20250106.tif", {"scale": 1e308}, ["scale"]),
        ("20250106.tif", {"scale": 0.0001, "offset": 1e30}, ["offset"]),
        (
            "20250106.tif",
            {"numbers": np.full((6, *PLACE.shape), -500, np.int16)},
            ["not plausible reflectance", "-0.050"],
        ),
        ("20250106.tif", {"scale": 0.0001, "offset": -0.2}, ["not plausible reflectance"]),
        ("20250106.tif", {"transform": Affine(np.nan, 0, 0, 0, -10, 0)}, ["georeference"]),
        ("20250106.tif", {"transform": Affine(1e308, 0, 0, 0, -1e308, 0)}, ["georeference"]),
        ("20250106.tif", {"crs": 'LOCAL_CS["nowhere",UNIT["metre",1]]'}, ["not a readable"]),
        ("2025010６.tif", {}, ["no date"]),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(tmp_path: Path, name: str, changes, words) -> None:
    write(tmp_path / name, **changes)
    reason = refused(tmp_path)
    for word in words:
        assert word in reason


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # writing one warns as well
def test_a_file_without_georeference_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "20250106.tif", transform=None)
    assert "georeference" in refused(tmp_path)


@pytest.mark.parametrize(("keep", "words"), [(0.0, "0 bytes"), (0.001, "not a readable"), (0.6, "truncated")])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: float, words: str) -> None:
    plain = write(tmp_path / "plain" / "x.tif")
    path = tmp_path / "20250106.tif"
    rasterio.shutil.copy(plain, path, driver="COG")  # a COG has its header in front, as downloads do
    shutil.rmtree(plain.parent)
    os.truncate(path, int(path.stat().st_size * keep))
    assert words in refused(tmp_path)


def test_junk_and_disguised_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "20250106.tif").write_text("<html>quota exceeded</html>")
    assert "not a readable GeoTIFF" in refused(tmp_path)
    (tmp_path / "20250106.tif").write_text('<VRTDataset rasterXSize="1" rasterYSize="1"></VRTDataset>')
    assert "not a readable GeoTIFF" in refused(tmp_path)


def test_links_to_files_and_directories_on_other_disks_are_followed(tmp_path: Path) -> None:
    """A directory of links, also to products and to directories of links."""
    write(tmp_path / "disk" / "2025" / "20250106.tif")
    write(tmp_path / "other" / "20250107.tif")
    (tmp_path / "disk" / "2025" / "more").symlink_to(tmp_path / "more")
    write(tmp_path / "more" / "20250108.tif")
    scenes = tmp_path / "in"
    scenes.mkdir()
    (scenes / "year").symlink_to(tmp_path / "disk" / "2025")
    (scenes / "20250107.tif").symlink_to(tmp_path / "other" / "20250107.tif")
    (scenes / "S2B.SAFE").symlink_to(make_product(tmp_path / "products"))
    found = search(scenes)
    assert found.refusals == ()
    names = ["S2B.SAFE", "year/20250106.tif", "20250107.tif", "year/more/20250108.tif"]
    assert [scene.id for scene in found.scenes] == names
    source = FolderSource(scenes, decoded=tmp_path / "decoded")
    for scene in found.scenes:
        assert source.read([scene], GRID, PLACE).valid.all()


def test_links_in_a_circle_have_an_end(tmp_path: Path) -> None:
    scenes = tmp_path / "home" / "in"
    write(scenes / GOOD)
    write(scenes / "b" / "20250106.tif")
    write(tmp_path / "home" / "private" / "20250101.tif")
    write(tmp_path / "away" / "20250107.tif")
    (tmp_path / "away" / "back").symlink_to(scenes)
    (tmp_path / "away" / "self").symlink_to(tmp_path / "away")
    (scenes / "a").symlink_to(scenes / "b")
    (scenes / "away").symlink_to(tmp_path / "away")
    (scenes / "again").symlink_to(tmp_path / "away")
    (scenes / "up").symlink_to(tmp_path / "home")
    (scenes / "root").symlink_to("/")
    (scenes / "b" / "here").symlink_to(".")
    found = search(scenes)
    assert [scene.id for scene in found.scenes] == [GOOD, "b/20250106.tif", "again/20250107.tif"]
    reasons = {refusal.id: refusal.reason for refusal in found.refusals}
    holds, read = (
        "a linked directory that holds this one, which is not entered",
        "a linked directory that is read already, as",
    )
    assert reasons == {
        "a": f"{read} b",
        "away": f"{read} again",
        "up": holds,
        "root": holds,
        "b/here": f"{read} b",
        "again/back": f"{read} this one",
        "again/self": f"{read} again",
    }


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "20250106.tif")
    assert simulation_in(tmp_path) is None
    assert refused(tmp_path) == "neither a file nor a directory"


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    write(tmp_path / GOOD)
    write(tmp_path / ".hidden" / "20250106.tif")
    write(tmp_path / "elsewhere" / "20250107.tif")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "one.tif").symlink_to(tmp_path / "two.tif")
    (tmp_path / "two.tif").symlink_to(tmp_path / "one.tif")
    (tmp_path / "gone.tif").symlink_to(tmp_path / "nowhere.tif")
    (tmp_path / "20250108.tif").mkdir()
    found = search(tmp_path)
    assert [scene.id for scene in found.scenes] == [GOOD, "elsewhere/20250107.tif"]
    reasons = {refusal.id: refusal.reason for refusal in found.refusals}
    assert set(reasons) == {".hidden/20250106.tif", "linked", "one.tif", "two.tif", "gone.tif", "20250108.tif"}
    assert reasons[".hidden/20250106.tif"] == "hidden"
    needless = [r.id for r in found.refusals if r.status is SceneStatus.NOT_NEEDED]
    assert needless == [".hidden/20250106.tif", "linked"]
    assert reasons["gone.tif"] == "cannot be read (No such file or directory)"


def test_names_that_no_terminal_should_see_are_escaped(tmp_path: Path) -> None:
    os.link(write(tmp_path / GOOD), os.fsencode(tmp_path) + b"/20250106_\xff.tif")
    write(tmp_path / "20250107_\n\x1b[31mred.tif", names=("B02", "Nuag\né", *NAMES[2:]))
    names = {item.id for item in (*search(tmp_path).scenes, *search(tmp_path).refusals)}
    assert names == {GOOD, "20250106_\\udcff.tif", "20250107_ \\x1b[31mred.tif"}
    for refusal in search(tmp_path).refusals:
        assert refusal.reason.isprintable()


def test_a_look_of_our_own_is_no_scene(tmp_path: Path) -> None:
    write(tmp_path / "20250106.tif", tags={"key": "1", "checksum": "2", "overpass": "20250106"})
    assert refused(tmp_path, SceneStatus.NOT_NEEDED) == "a look or cut in an archive of leachwatch, not a scene"


def test_numbers_beyond_any_reflectance_are_no_data(tmp_path: Path) -> None:
    numbers = forest().astype(np.float64)
    numbers[1, 5, 5], numbers[2, 6, 6], numbers[3, 7, 7] = 1.7e308, -1.7e308, 90_000
    write(tmp_path / GOOD, numbers)
    raster = FolderSource(tmp_path).read(search(tmp_path).scenes, GRID, PLACE)
    assert (~raster.valid).nonzero()[0].tolist() == [5, 6, 7]


def test_scenes_outside_the_period_are_not_needed(tmp_path: Path) -> None:
    write(tmp_path / GOOD)
    write(tmp_path / "20250630T235959.tif")
    found = search(tmp_path, period_of("2025-02", "2025-06"))
    assert [scene.id for scene in found.scenes] == ["20250630T235959.tif"]
    assert found.refusals == (Refusal(GOOD, "2025-01-05 is outside the period", status=SceneStatus.NOT_NEEDED),)


def test_a_missing_folder_is_an_error_and_an_empty_one_is_not(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such directory"):
        search(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a directory"):
        search(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert search(tmp_path / "empty").scenes == ()


def test_no_data_zero_and_numbers_that_are_none_are_not_valid(tmp_path: Path) -> None:
    numbers = forest().astype(np.float32)
    numbers[0, 0, 0], numbers[5, 1, 1], numbers[2, 2, 2], numbers[3, 3, 3] = np.nan, np.inf, 0, -9999
    write(tmp_path / GOOD, numbers, nodata=-9999)
    raster = FolderSource(tmp_path).read(search(tmp_path).scenes, GRID, PLACE.grown(2))
    expected = np.zeros(PLACE.grown(2).shape, bool)
    expected[2:-2, 2:-2] = True
    expected[range(2, 6), range(2, 6)] = False
    np.testing.assert_array_equal(raster.valid, expected)
    assert (raster.reflectance[:, ~expected] == 0).all()


def test_a_damaged_block_is_an_error_that_names_the_scene(tmp_path: Path) -> None:
    path = write(tmp_path / GOOD, compress="deflate")
    (scene,) = search(tmp_path).scenes
    content = bytearray(path.read_bytes())
    with rasterio.open(path) as file:
        at = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    content[at : at + 400] = b"\xff" * 400
    path.write_bytes(content)
    with pytest.raises(SceneError, match=f"{GOOD}: cannot be read"):
        FolderSource(tmp_path).read([scene], GRID, PLACE)


def test_granules_of_one_overpass_are_merged_and_the_first_valid_pixel_wins(tmp_path: Path) -> None:
    first = forest()
    first[:, :, 60:] = 0
    write(tmp_path / "20250105T040000_a.tif", first)
    write(tmp_path / "20250105T040015_b.tif", forest(seed=1))
    (overpass,) = overpasses(search(tmp_path).scenes)
    raster = FolderSource(tmp_path).read(overpass.scenes, GRID, PLACE)
    expected = np.where(np.arange(PLACE.width) < 60, forest(), forest(seed=1))
    np.testing.assert_allclose(raster.reflectance, expected * 0.0001, atol=1e-6)


OTHER_GRIDS = {
    "shifted": {"transform": Affine(10, 0, PLACE.bounds_m[0] + 3.3, 0, -10, PLACE.bounds_m[3] - 7.1)},
    "zone 46": {"crs": "EPSG:32646", "transform": Affine(10, 0, 1_148_500, 0, -10, 2_443_500)},
    "degrees": {"crs": "EPSG:4326", "transform": Affine(1e-4, 0, 99.288, 0, -1e-4, 21.983)},
    "coarse": {"transform": Affine(20, 0, PLACE.bounds_m[0], 0, -20, PLACE.bounds_m[3])},
    "fine": {"transform": Affine(3, 0, PLACE.bounds_m[0], 0, -3, PLACE.bounds_m[3])},
}


@pytest.mark.parametrize("form", OTHER_GRIDS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(7, 130))
def test_pixels_do_not_depend_on_the_window_they_are_read_with(tmp_path: Path, form: str, size: int) -> None:
    path = tmp_path / form / GOOD
    if not path.exists():
        write(path, forest((130, 140)), **OTHER_GRIDS[form])
    (scene,) = FolderSource(path.parent).search(aoi(PLACE.grown(3000)), ALWAYS).scenes
    area = PLACE.grown(20)
    source = FolderSource(path.parent)
    whole = source.read([scene], GRID, area)
    for cell in area.cells(size):
        part = cell.intersection(area)
        assert part is not None
        piece = source.read([scene], GRID, part)
        np.testing.assert_array_equal(piece.reflectance, whole.reflectance[(slice(None), *part.within(area))])
        np.testing.assert_array_equal(piece.valid, whole.valid[part.within(area)])


@pytest.mark.parametrize("form", OTHER_GRIDS)
def test_another_grid_is_resampled_in_place(tmp_path: Path, form: str) -> None:
    """A plane in lon/lat must come back as the same plane, wherever the file's pixels lie."""
    options = {"crs": GRID.crs, **OTHER_GRIDS[form]}
    t, shape = options["transform"], (130, 140)
    cols, rows = np.meshgrid(np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5)
    from pyproj import Transformer

    lon, lat = Transformer.from_crs(options["crs"], 4326, always_xy=True).transform(t.c + t.a * cols, t.f + t.e * rows)
    plane = lambda lon, lat: 5000 + 200_000 * (lon - 99.29) + 100_000 * (lat - 21.98)  # noqa: E731
    write(
        tmp_path / GOOD,
        np.repeat(plane(lon, lat)[None], 6, 0).astype(np.float32),
        scale=0.0001,
        offset=0.0,
        **OTHER_GRIDS[form],
    )
    (scene,) = FolderSource(tmp_path).search(aoi(PLACE.grown(3000)), ALWAYS).scenes
    area = Window(*((PLACE.row, PLACE.col)), 96, 112).grown(200)
    raster = FolderSource(tmp_path).read([scene], GRID, area)
    assert raster.valid.sum() > 500
    r, c = np.nonzero(raster.valid)
    x, y = (area.col + c + 0.5) * 10.0, -(area.row + r + 0.5) * 10.0
    expected = plane(*Transformer.from_crs(GRID.crs, 4326, always_xy=True).transform(x, y)) * 0.0001
    np.testing.assert_allclose(raster.reflectance[0][raster.valid], expected, atol=0.002)


def fine(tmp_path: Path, numbers: np.ndarray, **options: object):
    """A 5 m file of `numbers` (band, y, x) over `PLACE`, read on the grid."""
    west, north = PLACE.bounds_m[0], PLACE.bounds_m[3]
    write(tmp_path / GOOD, numbers, names=(*NAMES, "SCL"), transform=Affine(5, 0, west, 0, -5, north), **options)
    return FolderSource(tmp_path).read(search(tmp_path).scenes, GRID, PLACE)


def test_classes_of_finer_pixels_are_picked_and_not_averaged(tmp_path: Path) -> None:
    shape = (2 * PLACE.height, 2 * PLACE.width)
    scl = np.tile(np.array([3, 8], np.uint16), (shape[0], shape[1] // 2))
    raster = fine(tmp_path, np.concatenate([forest(shape), scl[None]]))
    assert raster.scl is not None
    assert set(np.unique(raster.scl[1:-1, 1:-1])) == {8}


@pytest.mark.parametrize("nodata", [0, None])
def test_finer_pixels_make_a_coarse_one_only_where_all_were_measured(tmp_path: Path, nodata: float | None) -> None:
    shape = (2 * PLACE.height, 2 * PLACE.width)
    numbers = np.concatenate([np.full((6, *shape), 800, np.uint16), np.full((1, *shape), 4, np.uint16)])
    numbers[:, :, : shape[1] // 2 : 2] = 0
    raster = fine(tmp_path, numbers, nodata=nodata)
    west = PLACE.width // 2
    assert not raster.valid[:, : west - 1].any()
    assert raster.valid[1:-1, west + 1 : -1].all()
    np.testing.assert_allclose(raster.reflectance[:, raster.valid], 0.08, atol=1e-6)
