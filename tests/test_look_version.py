"""Looks are kept for years: pixels that move without another LOOK_VERSION are found here (see `look_pixels.py`)."""

from dataclasses import replace
from pathlib import Path

import look_pixels
import numpy as np
import pytest
from look_forms import FORMS, look_of, recipe
from look_pixels import GOLDEN, MAX_SHARE, Looks, compare, complaint, kept_of, main, moved, write

from pipeline.looks.observe import CLEAR, NO_DATA, NO_VALUE, NOT_CLEAR
from pipeline.looks.recipe import LOOK_VERSION
from pipeline.raster import Bytes

FORM = "a SAFE product"
AGAIN = "python tests/look_pixels.py --write"


@pytest.fixture(scope="module")
def kept() -> Looks:
    return Looks.read(GOLDEN)


def lookalike(kept: Looks, steps: int, pixels: int, plane: int = 0) -> Bytes:
    """The kept look of `FORM` with some clear pixels of a plane moved."""
    planes = kept.planes[FORMS[FORM].kept].copy()
    rows, cols = np.nonzero((planes[2] == CLEAR) & (planes[plane] < 100))
    planes[plane, rows[:pixels], cols[:pixels]] += steps
    return planes


def today(kept: Looks) -> dict[str, Bytes]:
    """As `looks_of_today`, without making them."""
    return {form: kept.planes[shown.kept] for form, shown in FORMS.items()}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_scenes_give_the_looks_of_this_version(form: str, kept: Looks, tmp_path: Path) -> None:
    said = complaint(form, look_of(FORMS[form], tmp_path), kept)
    if said:
        pytest.fail(said, pytrace=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a SAFE product", "a zipped SAFE product"), ("a STAC catalogue on disk", "a STAC catalogue over HTTP")],
)
def test_where_a_file_lies_changes_no_pixel(one: str, other: str, tmp_path: Path) -> None:
    looks = []
    for form in (one, other):
        (tmp_path / form).mkdir()
        looks.append(look_of(FORMS[form], tmp_path / form))
    np.testing.assert_array_equal(*looks)


def test_what_is_kept_shows_ponds_ground_cloud_and_an_edge(kept: Looks) -> None:
    assert set(kept.planes) == {shown.kept for shown in FORMS.values()}
    for name, (pond, ground, state) in kept.planes.items():
        clear = state == CLEAR
        assert (pond[clear] > 20).sum() >= 10, name
        assert (ground[clear] > 100).sum() >= 50, name
        assert (pond[~clear] == NO_VALUE).all()
        wanted = {NOT_CLEAR, CLEAR} | ({NO_DATA} if name != "two granules" else set())  # the second fills the edge
        assert set(np.unique(state)) == wanted, name
    assert GOLDEN.stat().st_size < 150_000


def test_a_step_in_a_few_pixels_is_another_processor_and_more_is_another_look(kept: Looks) -> None:
    own = kept.planes[FORMS[FORM].kept]
    few = int(own[2].size * MAX_SHARE)
    assert moved(own, own) == ""
    for plane, name in enumerate(("pond", "ground")):
        assert moved(lookalike(kept, 1, few, plane), own) == ""
        assert moved(lookalike(kept, 1, few + 1, plane), own) == f"{name}: {few + 1} pixels by up to 1 step"
        assert moved(lookalike(kept, 2, 1, plane), own) == f"{name}: 1 pixel by up to 2 steps"
        assert moved(own, lookalike(kept, 2, 1, plane)) == f"{name}: 1 pixel by up to 2 steps"
    changed = own.copy()
    changed[2, 50, 50] = NOT_CLEAR if own[2, 50, 50] == CLEAR else CLEAR
    assert moved(changed, own) == "state: 1 pixel"
    assert moved(own[:, 1:], own).startswith("state: ")


def test_a_look_that_moved_is_told_in_one_line_with_what_to_do(kept: Looks) -> None:
    said = complaint(FORM, lookalike(kept, 7, 12), kept)
    assert said == (
        "looks of a SAFE product have moved (pond: 12 pixels by up to 7 steps): "
        f"raise LOOK_VERSION in pipeline/looks/recipe.py, then {AGAIN}"
    )
    assert complaint(FORM, lookalike(kept, 0, 0), kept) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 0}, f"LOOK_VERSION is {LOOK_VERSION} and tests/golden/looks.npz is of 0: {AGAIN}"),
        ({"recipe": "0"}, f"tests/golden/looks.npz is of another model or other settings: {AGAIN}"),
        ({"planes": {}}, f"looks of a SAFE product are not kept yet: {AGAIN}"),
    ],
)
def test_kept_looks_that_are_out_of_date_are_told_though_no_pixel_moved(change, words: str, kept: Looks) -> None:
    assert complaint(FORM, lookalike(kept, 0, 0), replace(kept, **change)) == words


def test_writing_does_not_hide_that_looks_moved(
    kept: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, found = tmp_path / "looks.npz", today(kept)
    monkeypatch.setattr(look_pixels, "looks_of_today", lambda: found)
    assert write(path) == 0  # the first
    before = Looks.read(path)
    assert (before.version, before.recipe) == (LOOK_VERSION, recipe().digest)
    found.update({form: look + np.uint8(2) for form, look in today(kept).items()})
    assert write(path) == 1
    assert "not written: looks of a GeoTIFF on the grid have moved" in capsys.readouterr().out
    replace(before, recipe="of an earlier version").write(path)
    assert write(path) == 0
    np.testing.assert_array_equal(Looks.read(path).planes["finer"], found["a GeoTIFF finer than the grid"])
    found[FORM] = lookalike(kept, 7, 12)
    assert write(path) == 1
    assert "forms that show the same differ" in capsys.readouterr().out


def test_two_environments_are_compared_with_the_versions_of_their_libraries(
    kept: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = today(kept)
    monkeypatch.setattr(look_pixels, "looks_of_today", lambda: found)
    one, other = str(tmp_path / "one.npz"), str(tmp_path / "other.npz")
    assert main(["--save", one]) == 0
    found[FORM] = lookalike(kept, 1, 3)
    assert main(["--save", other]) == 0
    assert main([one, other]) == 0
    said = capsys.readouterr().out
    assert f"{FORM}: pond: 3 pixels by up to 1 step\n" in said
    assert "a zipped SAFE product: equal\n" in said
    assert said.startswith("one:   leachwatch ")
    assert "GDAL" in said
    found[FORM] = lookalike(kept, 2, 1)
    assert main(["--save", other]) == 0
    assert main([one, other]) == 1
    assert compare(kept, replace(kept, planes={})) == 1
    assert main(["--what"]) == 2


def test_each_kept_look_is_that_of_the_first_form_that_shows_it() -> None:
    order = list(FORMS)
    made = kept_of(dict(zip(FORMS, range(len(order)), strict=True)))
    assert made == {FORMS[order[k]].kept: k for k in made.values()}
    assert all(made[shown.kept] <= order.index(form) for form, shown in FORMS.items())
