"""SAFE products as ESA ships them, whole and damaged, in a folder and zipped."""

import os
import re
import shutil
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from products import PLACES, write_product, zipped
from rasterio.errors import RasterioIOError
from scenes import GRID, PLACE, aoi, forest, write

from pipeline.bands import NAMES, SCL
from pipeline.errors import SceneError, UnitsFailed
from pipeline.grid import Window
from pipeline.sources import safe
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, ReadRules, Refusal, SceneStatus

ALWAYS = Period(None, None)
TILE = Window(PLACE.row - 20, PLACE.col - 30, 160, 220)
NAME = "S2B_MSIL2A_20240205T040101_N0510_R047_T47RLH_20240205T070000.SAFE"
FOREST = dict(zip(NAMES, (0.02, 0.04, 0.02, 0.30, 0.15, 0.07), strict=True))
IDS = {"B02": 1, "B03": 2, "B04": 3, "B08": 7, "B11": 11, "B12": 12}


def make_product(
    folder: Path, name: str = NAME, baseline: str = "05.10", added: int | None = -1000, stored: int = 1000
) -> Path:
    """A product with `stored` in its numbers and `added` in its metadata; None = no list of offsets."""
    planes = {}
    for band, size in PLACES.items():
        step = int(size[:2]) // 10
        shape = TILE.height // step, TILE.width // step
        noise = np.random.default_rng(3).integers(0, 40, shape)
        planes[band] = (
            np.full(shape, 4) if band == SCL else np.round(FOREST[band] * 10_000).astype(int) + stored + noise
        )
    return write_product(folder / name, planes, TILE, "2024-02-05T04:01:01.024Z", "Sentinel-2B", baseline, added)


def source(folder: Path) -> FolderSource:
    return FolderSource(folder / "in", decoded=folder / "decoded")


def read(tmp_path: Path):
    search = source(tmp_path).search(aoi(), ALWAYS)
    assert not search.refusals
    return source(tmp_path).read(search.scenes, GRID, PLACE)


@pytest.mark.parametrize("packed", [False, True])
def test_a_product_gives_its_reflectance_folder_or_zip(packed: bool, tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    if packed:
        zipped(product)
    (scene,) = source(tmp_path).search(aoi(), ALWAYS).scenes
    assert (scene.platform, scene.has_scl, scene.provider) == ("S2B", True, "folder")
    assert scene.time_utc == datetime(2024, 2, 5, 4, 1, 1, 24000, tzinfo=UTC)
    raster = source(tmp_path).read([scene], GRID, PLACE)
    assert raster.valid.all()
    assert (raster.scl == 4).all()
    for plane, value in zip(raster.reflectance, FOREST.values(), strict=True):
        assert abs(plane.mean() - value - 0.002) < 0.0005
    assert len(list((tmp_path / "decoded").glob("*.tif"))) == 7


def test_before_and_after_baseline_04_00_the_reflectance_is_the_same(tmp_path: Path) -> None:
    make_product(tmp_path / "old" / "in", baseline="03.01", added=None, stored=0)
    make_product(tmp_path / "new" / "in")
    old, new = read(tmp_path / "old"), read(tmp_path / "new")
    np.testing.assert_allclose(old.reflectance, new.reflectance, atol=5e-5)


def test_a_band_is_decoded_once(tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    search = source(tmp_path).search(aoi(), ALWAYS)
    before = source(tmp_path).read(search.scenes, GRID, PLACE)
    for path in product.rglob("*.jp2"):
        stamp = path.stat()
        path.write_bytes(bytes(stamp.st_size))  # what is read again would now be nothing
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    after = source(tmp_path).read(search.scenes, GRID, PLACE)
    np.testing.assert_array_equal(before.reflectance, after.reflectance)


def test_a_decoded_band_that_was_damaged_is_decoded_again(tmp_path: Path) -> None:
    make_product(tmp_path / "in")
    before = read(tmp_path)
    for number, path in enumerate(sorted((tmp_path / "decoded").glob("*.tif"))):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 255
        path.write_bytes(content if number % 2 else content[: len(content) // 2])
    safe._is_valid.cache_clear()  # as in another process
    np.testing.assert_array_equal(read(tmp_path).reflectance, before.reflectance)


def test_where_nothing_is_clear_only_the_classification_is_decoded(tmp_path: Path) -> None:
    make_product(tmp_path / "in")
    careful = FolderSource(tmp_path / "in", decoded=tmp_path / "decoded", rules=ReadRules(unclear=(4,)))
    raster = careful.read(careful.search(aoi(), ALWAYS).scenes, GRID, PLACE)
    assert (raster.scl == 4).all()
    assert not raster.reflectance.any()
    assert len(list((tmp_path / "decoded").glob("*.tif"))) == 2  # with the first band, on whose pixels all others lie


def test_a_full_disk_is_not_taken_for_a_damaged_band(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_product(tmp_path / "in")

    def full(*_: object, **__: object) -> None:
        raise RasterioIOError("write error")

    monkeypatch.setattr(safe, "copy", full)
    with pytest.raises(SceneError, match="cannot be read"):
        read(tmp_path)
    monkeypatch.setattr(safe, "MIN_FREE_BYTES", 1 << 62)
    with pytest.raises(UnitsFailed, match="disk is full"):
        read(tmp_path)
    assert not list((tmp_path / "decoded").glob("*.tif"))


def test_an_offset_in_the_metadata_only_is_told_from_the_pixels(tmp_path: Path) -> None:
    make_product(tmp_path / "in", stored=0)
    with pytest.raises(SceneError, match="BOA_ADD_OFFSET was applied twice"):
        read(tmp_path)


def test_of_two_processings_the_newer_is_used(tmp_path: Path) -> None:
    old = NAME.replace("N0510", "N0400").replace("20240205T070000", "20240205T060000")
    make_product(tmp_path / "in", old, baseline="04.00")
    make_product(tmp_path / "in")
    search = source(tmp_path).search(aoi(), ALWAYS)
    assert [scene.id for scene in search.scenes] == [NAME]
    assert [refusal.id for refusal in search.refusals] == [old]


def test_products_and_geotiffs_may_lie_side_by_side(tmp_path: Path) -> None:
    make_product(tmp_path / "in")
    write(tmp_path / "in" / "20240305_forest.tif", forest())
    assert len(source(tmp_path).search(aoi(), ALWAYS).scenes) == 2


def _drop(product: Path, what: str) -> None:
    next(product.rglob(what)).unlink()


def _edit(product: Path, old: str, new: str) -> None:
    file = product / "MTD_MSIL2A.xml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: _drop(p, "MTD_MSIL2A.xml"), "without MTD_MSIL2A.xml"),
        (lambda p: _drop(p, "*B02_10m.jp2"), "not a SAFE product that can be read"),
        (lambda p: _edit(p, "B11_20m", "B11_60m"), "0 files of band B11"),
        (lambda p: _edit(p, "GRANULE/L2A", "../../etc/L2A"), "outside of it"),
        (lambda p: _edit(p, "<n1:General_Info>", ""), "not a SAFE product that can be read"),
        (lambda p: _edit(p, "<n1:Level", "<!DOCTYPE x [<!ENTITY a 'b'>]><n1:Level"), "has a DOCTYPE or entities"),
        (lambda p: _edit(p, ">10000<", ">many<"), "not a SAFE product that can be read"),
        (lambda p: _edit(p, "BOA_ADD_OFFSET ", "OTHER_OFFSET "), "not a SAFE product|does not say|cannot be read"),
        (lambda p: (p / "MTD_MSIL2A.xml").write_bytes(b""), "not a SAFE product that can be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_product_is_the_reason_of_its_refusal(damage, reason: str, tmp_path: Path) -> None:
    damage(make_product(tmp_path / "in"))
    search = source(tmp_path).search(aoi(), ALWAYS)
    assert not search.scenes
    (refusal,) = search.refusals
    assert refusal.id == NAME
    assert re.search(reason, refusal.reason), refusal.reason


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "cp037", "utf-16-le", "idna", "nonsense"])
def test_a_doctype_in_letters_that_nobody_needs_is_refused_as_well(encoding: str, tmp_path: Path) -> None:
    """Without a mark that tells them, or in letters that the parser does not know: whatever it makes of them."""
    file = make_product(tmp_path / "in") / "MTD_MSIL2A.xml"
    text = file.read_text().replace('"UTF-8"', f'"{encoding}"').replace("<n1:Level", f"{ENTITIES}<n1:Level", 1)
    file.write_bytes(text.encode("ascii" if encoding in ("idna", "nonsense") else encoding))
    search = source(tmp_path).search(aoi(), ALWAYS)
    assert not search.scenes
    (refusal,) = search.refusals
    assert "DOCTYPE" in refusal.reason or "not a SAFE product that can be read" in refusal.reason
    assert "\n" not in refusal.reason


@pytest.mark.parametrize("packed", [False, True])
def test_metadata_that_are_too_large_are_refused_before_they_are_parsed(packed: bool, tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    with (product / "MTD_MSIL2A.xml").open("ab") as file:
        file.write(b"<!-- " + b" " * safe.MAX_BYTES + b"-->")
    product = zipped(product) if packed else product
    with pytest.raises(SceneError, match=r"\AMTD_MSIL2A\.xml of more than 2 MB\Z"):
        safe.product_scene(product, NAME, "folder")


ENTITIES = "<!DOCTYPE x [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]>"
OUTSIDE = "<!DOCTYPE x SYSTEM 'file:///etc/hostname'>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("doctype", ["<!DOCTYPE x>", ENTITIES, OUTSIDE])
def test_a_doctype_is_refused_in_whatever_letters_it_is_written(doctype: str, encoding: str, tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    file = product / "MTD_MSIL2A.xml"
    text = file.read_text().replace('"UTF-8"', '"UTF-8"' if encoding == "utf-8" else '"UTF-16"')
    mark = "" if encoding in ("utf-8", "utf-16") else "\ufeff"
    file.write_bytes((mark + text).encode(encoding))
    assert len(source(tmp_path).search(aoi(), ALWAYS).scenes) == 1  # it is not the letters that are refused
    file.write_bytes((mark + text.replace("<n1:Level", f"{doctype}<n1:Level", 1)).encode(encoding))
    with pytest.raises(SceneError, match=r"\AMTD_MSIL2A\.xml has a DOCTYPE or entities, which ESA's has not\Z"):
        safe.product_scene(product, NAME, "folder")
    search = source(tmp_path).search(aoi(), ALWAYS)
    assert not search.scenes
    reason = "MTD_MSIL2A.xml has a DOCTYPE or entities, which ESA's has not"
    assert search.refusals == (Refusal(NAME, reason, status=SceneStatus.REFUSED),)


@pytest.mark.parametrize("cut", [0, 30, 2000])
def test_a_zip_that_is_not_whole_is_refused(cut: int, tmp_path: Path) -> None:
    path = zipped(make_product(tmp_path / "in"))
    path.write_bytes(path.read_bytes()[:cut])
    search = source(tmp_path).search(aoi(), ALWAYS)
    assert not search.scenes
    assert len(search.refusals) == 1


def test_a_band_that_is_cut_short_is_a_reason_and_never_an_empty_hillside(tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    victim = next(product.rglob("*B08_10m.jp2"))
    victim.write_bytes(victim.read_bytes()[:400])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = source(tmp_path).search(aoi(), ALWAYS)
        if search.scenes:
            with pytest.raises(SceneError, match="cannot be read"):
                source(tmp_path).read(search.scenes, GRID, PLACE)
        else:
            assert len(search.refusals) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_product_on_another_disk_is_read_through_a_link(packed: bool, tmp_path: Path) -> None:
    product = make_product(tmp_path / "outside")
    product = zipped(product) if packed else product
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / product.name).symlink_to(product)
    assert read(tmp_path).valid.all()


def test_a_zip_whose_inside_is_damaged_is_refused(tmp_path: Path) -> None:
    product = make_product(tmp_path / "in")
    path = product.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for inner in sorted(product.rglob("*")):
            file.write(inner, inner.relative_to(product.parent))
    with zipfile.ZipFile(path) as file:
        metadata = file.getinfo(f"{NAME}/MTD_MSIL2A.xml")
    shutil.rmtree(product)
    whole, begin = path.read_bytes(), metadata.header_offset + 30 + len(metadata.filename)
    for at in range(begin, begin + metadata.compress_size, 40):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
        search = source(tmp_path).search(aoi(), ALWAYS)
        assert not search.scenes
        assert len(search.refusals) == 1
