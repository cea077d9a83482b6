"""The picture of the detection limits."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.cli import main
from pipeline.errors import InputError
from pipeline.evaluation.limits import FILL, WHISKER, DetectionLimit, write_limits_picture
from pipeline.evaluation.rates import RateEstimate

MISSING = "--picture needs matplotlib: pip install matplotlib"
SVG = "{http://www.w3.org/2000/svg}"
FOUND = [
    DetectionLimit("Size", (("small", RateEstimate(1, 4, 0.1, 0.6)), ("large", RateEstimate(4, 4, 0.5, 1.0)))),
    DetectionLimit("Looks", (("few", RateEstimate(0, 0, 0.0, 1.0)), ("many", RateEstimate(3, 6, 0.2, 0.8)))),
    DetectionLimit("Filling", (("none", RateEstimate(0, 3, 0.0, 0.7)),)),
]


def drawn(path: Path, found: list[DetectionLimit] = FOUND, caption: str = "12 worlds") -> ElementTree.Element:
    write_limits_picture(path, found, caption)
    return ElementTree.fromstring(path.read_text("utf-8"))


def lengths(picture: ElementTree.Element, style: str) -> list[float]:
    """How long the paths of a style are from left to right."""
    found = []
    for path in picture.iter(f"{SVG}path"):
        if style in path.get("style", ""):
            across = [float(x) for x in re.findall(r"[ML] ([\d.]+) [\d.]+", path.get("d", ""))]
            found.append(max(across) - min(across))
    return found


def texts(picture: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def test_each_class_with_sites_has_a_bar_as_long_as_its_share(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "limits.svg")
    quarter, whole, half, nothing = lengths(picture, f"fill: {FILL}")
    assert (quarter / whole, half / whole, nothing) == pytest.approx((0.25, 0.5, 0), abs=1e-3)


def test_each_class_with_sites_has_its_interval_as_a_whisker(tmp_path: Path) -> None:
    picture = drawn(tmp_path / "limits.svg")
    whole = lengths(picture, f"fill: {FILL}")[1]
    whiskers = [length / whole for length in lengths(picture, f"stroke: {WHISKER}; stroke-width: 1.5") if length]
    assert whiskers == pytest.approx([0.5, 0.5, 0.6, 0.7], abs=1e-3)


def test_titles_classes_and_numbers_are_told(tmp_path: Path) -> None:
    words = texts(drawn(tmp_path / "limits.svg", caption="worlds <1 & 2> for $5 and $6"))
    assert {"Size", "Looks", "Filling", "small", "large", "few", "many"} <= set(words)
    assert [word for word in words if "/" in word and word[0].isdigit()] == ["1/4", "4/4", "3/6", "0/3"]
    assert words.count("none") == 2  # a class of that name, and one without sites
    assert any("worlds <1 & 2> for $5 and $6" in word for word in words)


def test_a_long_caption_is_broken_and_takes_room(tmp_path: Path) -> None:
    short, long = drawn(tmp_path / "one.svg"), drawn(tmp_path / "two.svg", caption="a word " * 60)
    assert short.get("width") == long.get("width") == "720pt"  # 960 pixels
    assert float(long.get("height", "").removesuffix("pt")) > float(short.get("height", "").removesuffix("pt"))
    assert max(len(word) for word in texts(long)) < 200


def test_the_same_limits_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(tmp_path / "one.svg")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    drawn(tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one.svg", "two.svg"]


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    drawn(tmp_path / "limits.svg")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)


@pytest.mark.usefixtures("without_matplotlib")
def test_without_matplotlib_one_line_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=MISSING):
        write_limits_picture(tmp_path / "limits.svg", FOUND, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("without_matplotlib")
def test_that_is_said_before_the_worlds_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.evaluation.sets.cases_of", lambda *_: pytest.fail("worlds were made"))
    assert main(["evaluate", "--limits", "--picture", str(tmp_path / "limits.svg")]) == 2
    assert MISSING in capsys.readouterr().err
