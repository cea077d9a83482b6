import tomllib
from pathlib import Path

import pytest

from pipeline.config import DEFAULTS, load
from pipeline.errors import ConfigError


def test_every_default_is_commented_and_every_setting_has_one() -> None:
    lines = DEFAULTS.read_text().splitlines()
    keys = [n for n, line in enumerate(lines) if "=" in line and not line.startswith("#")]
    for n in keys:
        above = lines[n - 1]
        assert above.startswith("#") or (n - 1 in keys), f"no comment above {lines[n]!r}"
    assert load(None).model_dump(mode="json") == {
        k: ({**v} if isinstance(v, dict) else v) for k, v in tomllib.loads(DEFAULTS.read_text()).items()
    }


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[sites]\nlink_m = 300.0\n")
    mine, default = load(path), load(None)
    assert mine.sites.link_m == 300.0
    assert mine.model_copy(update={"sites": default.sites}) == default


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[sites]\nlink_metres = 3", ["sites.link_metres", "nearest", "sites.link_m"]),
        ("[site]\nlink_m = 3", ["site", "nearest", "sites"]),
        ("modle = 'x'", ["modle", "nearest", "model"]),
        ("[sites]\nlink_m = 'far'", ["sites.link_m", "'far'"]),
        ("[sites]\nlink_m = -1", ["sites.link_m"]),
        ("[segment]\nwindow_px = 100", ["segment.window_px", "16"]),
        ("[segment]\nprecision = 'int8'", ["segment.precision"]),
        ("sites = 3", ["sites is a table"]),
        ("[sites\nlink_m = 3", ["not TOML"]),
        ("[history]\ninterval_mass = nan", ["history.interval_mass"]),
        (f"[simulated]\nseed = {'9' * 5000}", ["not TOML"]),
        (f"[simulated]\nseed = 0x{'f' * 5000}", ["simulated.seed", "a number that long"]),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    for word in words:
        assert word in message


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Path("nowhere.toml"))
