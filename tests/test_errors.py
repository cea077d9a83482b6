"""Messages keep the cause whole, however long the path is that stands beside it."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.errors import RasterioIOError
from scenes import GRID, PLACE, aoi, run_of, write

from pipeline.cli import main
from pipeline.config import load
from pipeline.errors import MAX_MESSAGE, InputError, SceneError, describe, one_line, write_error
from pipeline.export import geopackage
from pipeline.resources import shipped
from pipeline.run.detect import detect
from pipeline.sources.folder import FolderSource
from pipeline.sources.interface import Period, Refusal

LONG = Path(*[f"{'folder' * 9}-{n}" for n in range(4)], "and one with spaces in its name")
"""A path of more than 250 characters below any other."""
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters="?@"), min_size=1)
"""No query and no user of an address, which are left out of messages on purpose."""
CAUSES = st.lists(WORDS, min_size=1).map(lambda words: " ".join(words)[:100].strip())
PATHS = st.builds(
    lambda part, n: f"/{part * n}/20240101.tif",
    st.text(st.sampled_from("ab/. :'()"), min_size=1, max_size=30),
    st.integers(1, 60),
)


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    folder = tmp_path / LONG
    folder.mkdir(parents=True)
    assert len(str(folder)) > 250
    return folder


@given(PATHS, CAUSES)
def test_the_whole_cause_is_told_beside_a_path_of_any_length(path: str, cause: str) -> None:
    for text in (f"{path}: {cause}", f"'{path}' {cause}.", f'"{path}" {cause}', f"{cause}: {path}"):
        told = describe(RasterioIOError(text))
        refusal = Refusal.of("20240101.tif", SceneError(f"not a SAFE product that can be read ({told})"))
        assert cause in told
        assert cause in refusal.reason
        assert max(len(told), len(refusal.reason)) <= MAX_MESSAGE


@given(PATHS, CAUSES)
def test_the_cause_of_an_operating_system_comes_first(path: str, cause: str) -> None:
    told = describe(OSError(13, cause, path))
    assert told.startswith(cause)
    assert told.rstrip("'\"").endswith("20240101.tif")
    assert len(told) <= MAX_MESSAGE


def test_a_long_path_keeps_its_end_and_a_short_one_stays() -> None:
    folder = "/data/" + "a" * 100 + "/scenes of 2024"
    assert describe(ValueError("'/data/x/20240101.tif' is no TIFF")) == "'/data/x/20240101.tif' is no TIFF"
    told = describe(ValueError(f"'{folder.replace(' ', '-')}/x/20240101.tif' is no TIFF"))
    assert told == "'…/scenes-of-2024/x/20240101.tif' is no TIFF"
    assert describe(FileNotFoundError(2, "No such file", f"{folder}/x.tif")) == "No such file: '…/scenes of 2024/x.tif'"
    assert describe(OSError(f"{'b' * 200}/{'c' * 70}.tif: no")).startswith("…ccc")
    assert describe(OSError()) == "OSError"


def test_what_addresses_hold_in_secret_is_not_told() -> None:
    address = "https://me:word@example.org/a.tif?sig=hidden&b=c"
    texts = [f"{address}: status 404", f"cannot open '{address}'", "a.tif?sig=hidden&b=c, band 1", f"{address},"]
    for told in [describe(ValueError(text)) for text in texts] + [describe(OSError(2, "no such file", address))]:
        assert "a.tif" in told
        assert not any(secret in told for secret in ("me:", "word", "hidden", "b=c"))
    assert describe(ValueError(f"no ({address}) there")) == "no (https://example.org/a.tif) there"


def test_the_cause_behind_a_cause_is_told_where_a_library_only_points_to_it(tmp_path: Path) -> None:
    path = write(tmp_path / "20250105.tif", compress="deflate")
    source = FolderSource(tmp_path)
    scenes = source.search(aoi(), Period(None, None)).scenes
    content = path.read_bytes()
    path.write_bytes(content[:8] + bytes(len(content) // 2) + content[8 + len(content) // 2 :])
    with pytest.raises(SceneError, match=r"20250105\.tif: cannot be read \(20250105\.tif, band") as caught:
        source.read(scenes, GRID, PLACE)
    assert "previous exception" not in str(caught.value)


def test_too_long_a_text_loses_its_middle() -> None:
    told = one_line("begin " + "x" * 1000 + " end")
    assert len(told) == MAX_MESSAGE
    assert told.startswith("begin x")
    assert told.endswith("x end")
    assert one_line("a\n b\x07") == "a b\\x07"


def test_the_manifest_holds_the_whole_cause_of_each_refusal_below_a_long_path(deep: Path) -> None:
    scenes = deep / "scenes"
    write(scenes / "20250105T040000.tif")
    write(scenes / LONG.parent / "20250110T040000.tif").write_bytes(b"not a TIFF")
    (scenes / "20250115.tif").write_bytes(b"II*\0" + bytes(100))
    (scenes / "S2B_MSIL2A_20250120.SAFE").mkdir()
    out = deep / "out"
    detect(run_of(aoi(), FolderSource(scenes), load(None), Period(None, None), out))
    rows = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["scenes"]
    reasons = {Path(row["id"]).name: row["reason"] for row in rows if row["status"] == "refused"}
    for name in ("20250110T040000.tif", "20250115.tif"):
        assert "not recognized as being in a supported file format" in reasons[name]
        assert name in reasons[name]
    assert "unpacked in part, or not L2A" in reasons["S2B_MSIL2A_20250120.SAFE"]


def test_a_damaged_model_or_settings_file_at_a_long_path_is_told_with_its_cause(deep: Path, capsys) -> None:
    model = shutil.copytree(shipped("models") / "third", deep / "model")
    weights = next(model.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1])
    assert main(["detect", "--aoi", "kachin", "--model", str(model), "--out", str(deep / "out")]) == 2
    assert "SHA-256 differs" in capsys.readouterr().err
    (model / "model.toml").write_text("[network")
    assert main(["detect", "--aoi", "kachin", "--model", str(model), "--out", str(deep / "out")]) == 2
    assert "(at end of document)" in capsys.readouterr().err
    (deep / "mine.toml").write_text("[sites")
    assert main(["detect", "--aoi", "kachin", "--config", str(deep / "mine.toml")]) == 2
    assert "(at end of document)" in capsys.readouterr().err
    (deep / "mine.toml").write_text("[sites]\nlink_m = 'far'\n")
    assert main(["detect", "--aoi", "kachin", "--config", str(deep / "mine.toml")]) == 2
    assert "link_m" in capsys.readouterr().err


def test_an_out_folder_at_a_long_path_that_cannot_be_written_is_told_with_its_cause(deep: Path, capsys) -> None:
    (deep / "file").write_text("")
    assert main(["detect", "--aoi", "kachin", "--out", str(deep / "file" / "out")]) == 2
    assert "a file or a dangling link is in the way; move it" in capsys.readouterr().err
    denied = write_error(deep / "out", PermissionError(13, os.strerror(13), str(deep / "out")))
    assert str(denied) == f"{deep / 'out'}: cannot be written (Permission denied)"


def test_labels_that_cannot_be_read_at_a_long_path_are_told_with_their_cause(deep: Path, capsys) -> None:
    labels = deep / "labels.gpkg"
    labels.write_bytes(b"nothing")
    assert main(["train", "--labels", str(labels), "--scenes", str(deep), "--out", str(deep / "model")]) == 2
    told = capsys.readouterr().err
    assert "not a GeoPackage, GeoJSON, shapefile or FlatGeobuf; save it as one of these" in told
    assert told.count(str(deep)) == 1


def test_a_folder_named_workspace_is_not_taken_for_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "full workspace" / "sites.gpkg"

    def broken(part: Path, *_: object) -> int:
        raise geopackage.PYOGRIO[0](f"{part}: unable to open database file")

    monkeypatch.setattr(geopackage, "_write", broken)
    with pytest.raises(InputError, match="unable to open database file"):
        geopackage.write_geopackage(path, sites=[], ponds=[], looks=[], events=[], coverage=[])
