"""Files whose headers claim more than they should cost, in every way that a raster is read."""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from products import write_product
from rasterio.transform import Affine
from scenes import GRID, PLACE, aoi, forest, write
from shapely.geometry import box
from test_safe import FOREST, NAME, make_product

from memory import memory_mb
from pipeline.bands import NAMES
from pipeline.errors import SceneError
from pipeline.grid import LONLAT, Grid, Window, reprojected, window_of
from pipeline.sources import folder, safe
from pipeline.sources.assets import Asset
from pipeline.sources.band_stack import BandStack
from pipeline.sources.folder import FolderSource, read_whole
from pipeline.sources.interface import Period
from pipeline.sources.placement import placed
from pipeline.sources.raster_file import MAX_BLOCK_BYTES, open_raster

ALWAYS = Period(None, None)
BOMB = "20250106T040000.tif"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
SEARCH = """
from pathlib import Path
from scenes import PLACE, aoi
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period
folder = FolderSource(Path({folder!r}), decoded=Path({folder!r}) / "decoded")
"""


def claim(path: Path, width: int, height: int, count: int = 6, **profile: object) -> Path:
    """A file of nothing but nodata with the names of our bands, as large as its header claims."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"dtype": "uint16", "compress": "deflate", "nodata": 0, "crs": GRID.crs, "transform": PLACE.transform}
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, **(options | profile)
    ) as file:
        file.descriptions = (*NAMES, *[f"X{k}" for k in range(count)])[:count]
    return path


def strip_bomb(path: Path) -> Path:
    """One strip over the whole image, all bands in it: 192 MB decoded."""
    return claim(path, 4000, 4000, blockysize=4000, interleave="pixel")


def reason_of(scenes: Path) -> str:
    found = FolderSource(scenes).search(aoi(), ALWAYS)
    assert not found.scenes
    (refusal,) = found.refusals
    assert "\n" not in refusal.reason
    return refusal.reason


@on_linux
def test_a_strip_over_a_whole_file_costs_nothing(tmp_path: Path) -> None:
    path = strip_bomb(tmp_path / BOMB)
    assert path.stat().st_size < 400_000
    used = memory_mb(
        SEARCH.format(folder=str(tmp_path)), "assert len(folder.search(aoi(), Period(None, None)).refusals) == 1"
    )
    assert used < 40
    assert "a single block of 192 MB, more than 64 MB: write it in tiles" in reason_of(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 50_000, "height": 20_000, "tiled": True}, "50,000 × 20,000 pixels"),
        ({"width": 1, "height": 1_000_000_000, "blockysize": 60_000}, "1 × 1,000,000,000 pixels"),
        ({"width": 96, "height": 96, "tiled": True, "blockxsize": 8192, "blockysize": 8192}, "a single block of"),
        ({"width": 4000, "height": 4000, "count": 60, "blockysize": 256, "interleave": "pixel"}, "a single block of"),
        ({"width": 96, "height": 96, "dtype": "complex_int16"}, "complex_int16"),
        ({"width": 96, "height": 96, "transform": Affine(1e-4, 0, 480_000, 0, -1e-4, 2_430_000)}, "smaller than 0.25"),
    ],
)
def test_what_would_cost_too_much_is_refused_with_a_reason(tmp_path: Path, changes, words: str) -> None:
    claim(tmp_path / BOMB, **({"interleave": "pixel", "sparse_ok": True} | changes))
    assert (tmp_path / BOMB).stat().st_size < 10_000_000
    assert words in reason_of(tmp_path)


def test_however_many_bands_a_file_has_as_many_blocks_are_looked_at(tmp_path: Path) -> None:
    """To detect a truncated file; of 200 bands with 4,096 blocks each, all took 20 s."""
    path = claim(tmp_path / BOMB, 1024, 1024, count=200, tiled=True, blockxsize=16, blockysize=16, interleave="band",
                 sparse_ok=True)  # fmt: skip
    asked = 0

    class Counted:
        def __getattr__(self, name: str) -> object:
            return getattr(file, name)

        def get_tag_item(self, *args: object, **kwargs: object) -> object:
            nonlocal asked
            asked += 1
            return file.get_tag_item(*args, **kwargs)

    with open_raster(path) as file:
        folder._check_not_truncated(Counted(), path.stat().st_size)
    assert 10_000 < asked < 50_000


@on_linux
@pytest.mark.parametrize(
    "profile",
    [
        {"interleave": "pixel", "blockysize": 2000, "compress": "deflate"},  # one strip, 56 MB
        {"interleave": "band", "blockysize": 2000, "compress": "deflate"},
        {"interleave": "pixel"},
        {"interleave": "band"},
        {"tiled": True, "compress": "deflate"},
    ],
)
def test_ordinary_files_are_read_in_bounded_memory(tmp_path: Path, profile) -> None:
    """2,000 × 2,000 pixels of six bands and SCL, also in one strip, as GDAL writes them by default, and in tiles."""
    numbers = np.concatenate([forest((2000, 2000)), np.full((1, 2000, 2000), 4, np.uint16)])
    write(tmp_path / BOMB, numbers, names=(*NAMES, "SCL"), **profile)
    (scene,) = FolderSource(tmp_path).search(aoi(), ALWAYS).scenes
    raster = FolderSource(tmp_path).read([scene], GRID, PLACE)
    np.testing.assert_allclose(raster.reflectance, numbers[:6, :96, :112] * 0.0001, atol=1e-6)
    used = memory_mb(
        SEARCH.format(folder=str(tmp_path)), "assert len(folder.search(aoi(), Period(None, None)).scenes) == 1"
    )
    assert used < 4 * MAX_BLOCK_BYTES / 1e6


def test_bands_in_several_files_are_held_to_the_same(tmp_path: Path) -> None:
    """As of a catalogue, whose files may lie on a server."""
    path = strip_bomb(tmp_path / "bomb.tif")
    good = write(tmp_path / "good.tif")
    for name in ("B02", "B12"):
        assets = {band: Asset(str(good), number, 1e-4, 0.0) for number, band in enumerate(NAMES, start=1)}
        assets[name] = Asset(str(path), 1, 1e-4, 0.0)
        with pytest.raises(SceneError, match="a single block of 192 MB"), BandStack(assets) as file:
            file.read([NAMES.index(name) + 1], rasterio.windows.Window(0, 0, 8, 8))


def test_a_pixel_repeated_over_a_whole_granule_is_refused(tmp_path: Path) -> None:
    fine, coarse = write(tmp_path / "fine.tif", forest((2000, 2000))), tmp_path / "coarse.tif"
    write(coarse, forest((1, 1)), transform=PLACE.transform @ Affine.scale(2000))
    assets = {band: Asset(str(fine), number, 1e-4, 0.0) for number, band in enumerate(NAMES, start=1)}
    assets["B12"] = Asset(str(coarse), 6, 1e-4, 0.0)
    with pytest.raises(SceneError, match="B12 has pixels 2000 times as large as B02"), BandStack(assets) as file:
        file.read([6], rasterio.windows.Window(0, 0, 8, 8))


def test_a_file_that_is_too_large_to_read_whole_is_refused(tmp_path: Path) -> None:
    path = claim(tmp_path / BOMB, 5000, 5000, tiled=True)
    with pytest.raises(SceneError, match="5,000 × 5,000 pixels are too many to read whole"):
        read_whole(path)


def test_a_crs_that_tears_a_window_apart_is_refused(tmp_path: Path) -> None:
    """At 180° E the western half of a window lies at one end of a file in degrees and the eastern one at the other."""
    grid = Grid(32701)
    window = window_of(reprojected(box(179.995, -16.01, 180.0, -16.0), LONLAT, grid.crs).bounds).grown(64)
    path = claim(tmp_path / BOMB, 40_000, 400, crs="EPSG:4326", transform=Affine(0.009, 0, -180, 0, -1e-4, -15.99))
    with open_raster(path) as file, pytest.raises(SceneError, match="tears ground apart"):
        placed(file, grid, window)


def test_a_band_of_a_product_that_is_larger_than_any_is_refused(tmp_path: Path, monkeypatch) -> None:
    make_product(tmp_path / "in")
    source = FolderSource(tmp_path / "in", decoded=tmp_path / "decoded")
    (scene,) = source.search(aoi(), ALWAYS).scenes
    monkeypatch.setattr(safe, "BAND_PX", 10_000)
    with pytest.raises(SceneError, match="a band of 220 × 160 pixels; ESA's have 10,980"):
        source.read([scene], GRID, PLACE)
    assert not list((tmp_path / "decoded").glob("*.tif"))
    assert "a band of 220 × 160 pixels" in reason_of(tmp_path / "in")


def test_a_zip_that_unpacks_to_more_than_any_product_is_refused(tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    (band,) = product.rglob("*B12_20m.jp2")
    packed = tmp_path / "in" / f"{NAME.removesuffix('.SAFE')}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for path in sorted(product.rglob("*")):
            name = path.relative_to(product.parent).as_posix()
            if path == band:
                with file.open(name, "w", force_zip64=True) as member:
                    for _ in range(1001):
                        member.write(bytes(1_000_000))
            elif path.is_file():
                file.write(path, name)
    shutil.rmtree(product)
    assert packed.stat().st_size < 10_000_000
    assert "a file that unpacks to 1.0 GB" in reason_of(tmp_path / "in")


def test_a_link_in_a_product_that_leaves_it_is_refused_also_for_its_metadata(tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    outside = (product / "MTD_MSIL2A.xml").replace(tmp_path / "other.xml")
    (product / "MTD_MSIL2A.xml").symlink_to(outside)
    assert reason_of(tmp_path / "in") == "a link that leaves it: MTD_MSIL2A.xml"


@pytest.mark.parametrize("name", ["GTIFF_DIR:1:20250106.tif", "zip:20250106.tif", "vsizip/20250106.zip/20250106.tif"])
def test_a_name_is_a_name_and_never_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Also in the working directory, where a path begins with the name of the file."""
    monkeypatch.chdir(tmp_path)
    secret = write(tmp_path / "elsewhere" / "20250106.tif")
    scenes = tmp_path / "in"
    scenes.mkdir()
    with zipfile.ZipFile(scenes / "20250106.zip", "w") as file:
        file.write(secret, "20250106.tif")
    monkeypatch.chdir(scenes)
    write(Path(os.path.abspath(name)), tags={"datetime": "2025-01-07T04:00:00Z"})
    (scene,) = FolderSource(Path()).search(aoi(), ALWAYS).scenes
    assert (scene.id, scene.time_utc.day) == (name, 7)
    assert FolderSource(Path()).read([scene], GRID, PLACE).valid.all()


def test_a_name_that_gdal_takes_for_a_file_in_an_archive_is_no_folder(tmp_path: Path) -> None:
    """GeoTIFFs in zips are not read."""
    secret = write(tmp_path / "elsewhere" / "20250106.tif")
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "20250106.zip", "w") as file:
        file.write(secret, "20250106.tif")
    assert FolderSource(tmp_path / "in").search(aoi(), ALWAYS).scenes == ()


def test_a_product_keeps_the_blocks_that_esa_gives_it(tmp_path: Path) -> None:
    """A band at 10 m in tiles of 1,024 pixels is read as before."""
    window = Window(PLACE.row - 20, PLACE.col - 30, 1400, 1400)
    planes = {}
    for band, value in (*FOREST.items(), ("SCL", 4)):
        side = 700 if band in ("B11", "B12", "SCL") else 1400
        planes[band] = np.full((side, side), value if band == "SCL" else round(value * 10_000) + 1000)
    write_product(tmp_path / "in" / NAME, planes, window, "2024-02-05T04:01:01.024Z", "Sentinel-2B", "05.10", -1000)
    source = FolderSource(tmp_path / "in", decoded=tmp_path / "decoded")
    (scene,) = source.search(aoi(), ALWAYS).scenes
    assert source.read([scene], GRID, PLACE).valid.all()
