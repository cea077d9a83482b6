"""Local scenes are known by their content: not by size, times or folder, and by every byte."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import ALWAYS, QUIET, aoi, write
from shapely.geometry import box
from test_safe import NAME, make_product, zipped
from test_stac import make_item, opened, write_catalogue

from pipeline.sources import contents
from pipeline.sources.assets import Asset, BandAssets, HubItem
from pipeline.sources.contents import CONTENT_DIGITS, ContentHashes, with_contents
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Refusal, Scene, SceneStatus, Search

DAY = date(2024, 2, 5)


def recognised(search: Search, kept: Path) -> Search:
    return with_contents(search, ContentHashes.of(kept), QUIET)


def in_folder(folder: Path) -> Search:
    return FolderSource(folder, decoded=folder.parent / "decoded").search(aoi(), ALWAYS)


def in_catalogue(folder: Path) -> Search:
    return opened(folder / "stac" / "catalog.json").search(aoi(), ALWAYS)


def content_in(folder: Path, searched: Callable[[Path], Search] = in_folder) -> str:
    """The content of the only scene in a folder, hashed anew."""
    found = recognised(searched(folder), folder.parent / f"{folder.name}.json")
    (scene,) = found.scenes
    assert not found.refusals
    assert len(scene.content) == CONTENT_DIGITS
    return scene.content


def geotiffs(folder: Path) -> None:
    write(folder / "20240205_forest.tif")


def products(folder: Path) -> None:
    make_product(folder)


def zips(folder: Path) -> None:
    zipped(make_product(folder))


def catalogues(folder: Path) -> None:
    write_catalogue(folder, [make_item(folder, DAY)])


KINDS = [(geotiffs, in_folder), (products, in_folder), (zips, in_folder), (catalogues, in_catalogue)]
kinds = pytest.mark.parametrize(("make", "searched"), KINDS, ids=["geotiff", "safe", "zip", "stac"])


def pixels_in(folder: Path) -> Path:
    """The file that holds pixels of the near infrared."""
    return next(p for p in sorted(folder.rglob("*")) if p.suffix in (".tif", ".jp2", ".zip") and "B04" not in p.name)


def edit(path: Path) -> None:
    """Change one byte in the middle; size and time of modification stay, as an editor or a copy may set them."""
    before, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    put_back(path, before)


def put_back(path: Path, before: os.stat_result) -> None:
    """Set the time of modification back, once the clock of the file system has moved on."""
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.touch()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns, now.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was hashed, in order."""
    said: list[str] = []

    def counted(name: str) -> None:
        own = getattr(contents, name)

        def hash_of(*args: object) -> str:
            said.append(str(args[-1]))
            return own(*args)

        monkeypatch.setattr(contents, name, hash_of)

    counted("_hash_of")
    counted("_hash_of_member")
    return said


# What is the same, and what is not


@kinds
def test_a_copy_with_new_times_in_another_folder_is_the_same(make, searched, tmp_path: Path) -> None:
    make(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other" / "deep", copy_function=shutil.copyfile)
    for path in (tmp_path / "other").rglob("*"):
        os.utime(path, ns=(1, 1))
    assert content_in(tmp_path / "one", searched) == content_in(tmp_path / "other" / "deep", searched)


@kinds
def test_one_changed_byte_is_seen_even_if_size_and_time_are_put_back(make, searched, tmp_path: Path) -> None:
    make(tmp_path / "in")
    before = content_in(tmp_path / "in", searched)
    victim = pixels_in(tmp_path / "in")
    if victim.suffix == ".zip":
        rewrite_member(victim, "B08_10m.jp2")
    else:
        edit(victim)
    after = content_in(tmp_path / "in", searched)
    assert after != before
    (tmp_path / "in.json").unlink()
    assert content_in(tmp_path / "in", searched) == after


def rewrite_member(archive: Path, ending: str) -> None:
    """Change one byte of a member, with the checksum that goes with it."""
    before = archive.stat()
    with zipfile.ZipFile(archive) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with archive.open("r+b") as place, zipfile.ZipFile(place, "w") as file:
        for name, content in members.items():
            changed = bytearray(content)
            if name.endswith(ending):
                changed[len(changed) // 2] ^= 1
            file.writestr(name, bytes(changed))
    put_back(archive, before)


def test_a_renamed_geotiff_is_the_same(tmp_path: Path) -> None:
    geotiffs(tmp_path / "in")
    before = content_in(tmp_path / "in")
    (tmp_path / "in" / "20240205_forest.tif").rename(tmp_path / "in" / "20240205T040101_renamed.tif")
    assert content_in(tmp_path / "in") == before


def test_a_product_is_the_same_zipped_in_whatever_way(tmp_path: Path) -> None:
    products(tmp_path / "folder")
    unpacked = content_in(tmp_path / "folder")
    for name, way in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        product, packed = make_product(tmp_path / name), tmp_path / name / f"{NAME[:-5]}.zip"
        with zipfile.ZipFile(packed, "w", way) as file:
            for path in sorted(product.rglob("*")):
                file.write(path, path.relative_to(product.parent))
        shutil.rmtree(product)
        assert content_in(tmp_path / name) == unpacked


def test_how_the_numbers_of_a_product_are_read_is_part_of_its_content(tmp_path: Path) -> None:
    make_product(tmp_path / "one")
    make_product(tmp_path / "other", added=-900)
    assert content_in(tmp_path / "one") != content_in(tmp_path / "other")


@pytest.mark.parametrize("changes", [{"band": 2}, {"scale": 0.001}, {"offset": 0.0}])
def test_scale_offset_and_band_of_an_asset_are_part_of_its_content(changes: dict, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"pixels")
    asset = Asset(str(tmp_path / "file"), 1, 0.0001, -0.1)
    hashes = ContentHashes(tmp_path / "kept")
    told = {hashes.of_scene(scene_of(B02=each)) for each in (asset, replace(asset, **changes))}
    assert len(told) == 2
    assert hashes.of_scene(scene_of(B03=asset)) not in told


def scene_of(**bands: Asset) -> Scene:
    return replace(SERVED, assets=BandAssets.of(bands))


SERVED = Scene(
    "served", datetime(2024, 2, 5, tzinfo=UTC), "S2B", HubItem("sentinel-2-l2a", "x"), box(0, 0, 1, 1), True, "x"
)


@pytest.mark.parametrize("assets", [HubItem("a", "b"), BandAssets.of({"B02": Asset("https://x.test/a.tif", 1, 1, 0)})])
def test_what_is_on_a_server_has_no_content(assets, tmp_path: Path, hashed: list[str]) -> None:
    scene = replace(SERVED, assets=assets)
    assert recognised(Search((scene,), ()), tmp_path / "kept").scenes == (scene,)
    assert not hashed
    assert not (tmp_path / "kept").exists()


# Hashes that are kept


@kinds
def test_nothing_is_hashed_again_while_nothing_changed(make, searched, tmp_path: Path, hashed: list[str]) -> None:
    make(tmp_path / "in")
    before = content_in(tmp_path / "in", searched)
    files = len(hashed)
    assert files == len(set(hashed)) >= 1
    kept = (tmp_path / "in.json").stat()
    assert content_in(tmp_path / "in", searched) == before
    assert len(hashed) == files
    assert (tmp_path / "in.json").stat().st_ino == kept.st_ino  # not even written


def test_a_file_whose_time_of_change_moved_is_hashed_again(tmp_path: Path, hashed: list[str]) -> None:
    geotiffs(tmp_path / "in")
    before = content_in(tmp_path / "in")
    path = pixels_in(tmp_path / "in")
    put_back(path, path.stat())
    assert content_in(tmp_path / "in") == before
    assert len(hashed) == 2


def test_another_file_of_the_same_size_and_time_in_its_place_is_hashed(tmp_path: Path, hashed: list[str]) -> None:
    geotiffs(tmp_path / "in")
    before, path = content_in(tmp_path / "in"), pixels_in(tmp_path / "in")
    shutil.copy2(path, tmp_path / "other")
    (tmp_path / "other").replace(path)
    assert content_in(tmp_path / "in") == before
    assert len(hashed) == 2


def test_only_what_is_new_is_hashed(tmp_path: Path, hashed: list[str]) -> None:
    geotiffs(tmp_path / "in")
    recognised(in_folder(tmp_path / "in"), tmp_path / "kept")
    new = write(tmp_path / "in" / "20240305_forest.tif")
    assert len(recognised(in_folder(tmp_path / "in"), tmp_path / "kept").scenes) == 2
    assert hashed[1:] == [str(new)]


JUNK = {
    "empty": b"",
    "cut": b'{"files": {"/a": [[1, 2, 3, 4], "ab',
    "not text": b"\xff\xfe\x00",
    "a list": b"[]",
    "another version": b'{"files": {"/a": [[1, 2, 3, 4], "ab"]}, "format": 0}',
    "no files": b'{"format": 1}',
    "files in a list": b'{"files": [1], "format": 1}',
    "a short row": b'{"files": {"/a": []}, "format": 1}',
    "a short stamp": b'{"files": {"/a": [[1, 2], "ab"]}, "format": 1}',
    "no stamp": b'{"files": {"/a": [null, "ab"]}, "format": 1}',
    "no number": b'{"files": {"/a": [[1, 2, 3, "x"], "ab"]}, "format": 1}',
    "infinity": b'{"files": {"/a": [[1, 2, 3, Infinity], "ab"]}, "format": 1}',
    "deep": b"[" * 200_000,
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_damaged_or_foreign_file_of_hashes_is_made_anew(junk: str, tmp_path: Path, hashed: list[str]) -> None:
    geotiffs(tmp_path / "in")
    before, kept = content_in(tmp_path / "in"), tmp_path / "in.json"
    sound = kept.read_bytes()
    kept.write_bytes(JUNK[junk])
    assert content_in(tmp_path / "in") == before
    assert len(hashed) == 2
    assert kept.read_bytes() == sound


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), lambda part: st.lists(part) | st.dictionaries(
    st.sampled_from(["files", "format", "x"]), part)).map(lambda found: json.dumps(found).encode()))  # fmt: skip
def test_no_file_of_hashes_ends_a_run(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(content)
    assert ContentHashes.of(path).known == {}


def test_a_kept_hash_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"pixels")
    one = ContentHashes.of(tmp_path / "deep" / "kept")
    made = one.of_file(str(tmp_path / "file"))
    one.write()
    other = ContentHashes.of(tmp_path / "deep" / "kept")
    assert (other.known, other.changed) == (one.known, False)
    assert other.of_file(str(tmp_path / "file")) == made
    assert not other.changed


# What cannot be read


def vanish(path: Path) -> None:
    path.unlink()


def damage_inside(archive: Path, share: float) -> None:
    """Pack again, compressed, and destroy some bytes of a band: the first break the packing, others the checksum."""
    with zipfile.ZipFile(archive) as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
        band = next(info for info in file.infolist() if info.filename.endswith("B08_10m.jp2"))
    content = bytearray(archive.read_bytes())
    at = band.header_offset + 30 + len(band.filename) + round(share * band.compress_size)
    content[at : at + 60] = b"\xff" * 60
    archive.write_bytes(content)


def drop_member(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        members = {name: file.read(name) for name in file.namelist() if "B08" not in name}
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    ("make", "harm"),
    [
        (geotiffs, vanish),
        (zips, vanish),
        (zips, lambda path: damage_inside(path, 0.0)),
        (zips, lambda path: damage_inside(path, 0.5)),
        (zips, drop_member),
        (zips, lambda path: path.write_bytes(path.read_bytes()[:-400])),
        (products, lambda path: vanish(next(path.rglob("*.jp2")))),
    ],
    ids=["geotiff gone", "zip gone", "packing damaged", "member damaged", "member gone", "zip cut", "band gone"],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason_and_the_others_go_on(
    make, harm: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "in")
    (victim,) = in_folder(tmp_path / "in").scenes
    write(tmp_path / "in" / "20240305_sound.tif")
    search = in_folder(tmp_path / "in")
    harm(tmp_path / "in" / victim.id)
    found = recognised(replace(search, refusals=(Refusal("zz", "refused before"),)), tmp_path / "kept")
    assert [scene.id for scene in found.scenes] == ["20240305_sound.tif"]
    assert found.scenes[0].content
    refused, before = found.refusals
    assert (refused.id, refused.status, before.id) == (victim.id, SceneStatus.REFUSED, "zz")
    assert refused.reason.startswith("cannot be read (")
    assert len(refused.reason) > len("cannot be read ()")


def test_hashes_made_so_far_are_kept_when_somebody_stops_a_long_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("20240205", "20240210", "20240215"):
        write(tmp_path / "in" / f"{day}_forest.tif")
    monkeypatch.setattr(contents, "WRITE_S", -1.0)
    made, count = contents._hash_of, 0

    def stopped(path: Path) -> str:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return made(path)

    monkeypatch.setattr(contents, "_hash_of", stopped)
    with pytest.raises(KeyboardInterrupt):
        recognised(in_folder(tmp_path / "in"), tmp_path / "kept.json")
    assert len(ContentHashes.of(tmp_path / "kept.json").known) == 2
