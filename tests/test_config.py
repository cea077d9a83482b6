import tomllib
from pathlib import Path

import pytest

from pipeline import resources
from pipeline.config import load
from pipeline.errors import ConfigError

DEFAULTS = resources.shipped("configs") / "default.toml"


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
        ("[history]\npond_present_m2 = 9", ["history.pond_present_m2", "gone", "calibration.states.ponds"]),
        ("[history]\nground_present_m2 = 9", ["history.ground_present_m2", "gone", "calibration.states.ground"]),
        ("modle = 'x'", ["modle", "nearest", "model"]),
        ("[sites]\nlink_m = 'far'", ["sites.link_m", "'far'"]),
        ("[sites]\nlink_m = -1", ["sites.link_m"]),
        ("[segment]\nwindow_px = 100", ["segment.window_px", "64"]),
        ("[segment]\nprecision = 'int8'", ["segment.precision"]),
        ("[engine]\nscheduler = '10.0.0.5'", ["engine.scheduler", "'10.0.0.5'"]),
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


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a command is run in, with settings of the user's own."""
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_own_defaults_come_over_the_shipped_ones_and_a_named_file_over_both(own: Path) -> None:
    shipped = load()
    (own / "configs" / "default.toml").write_text("[sites]\nlink_m = 300.0\nconfirm_looks = 7\n")
    (own / "mine.toml").write_text("[sites]\nlink_m = 90.0\n")
    assert (load().sites.link_m, load().sites.confirm_looks) == (300.0, 7)
    assert load().model_copy(update={"sites": shipped.sites}) == shipped
    assert (load("mine.toml").sites.link_m, load("mine.toml").sites.confirm_looks) == (90.0, 7)


def test_a_name_is_a_file_in_configs(own: Path) -> None:
    (own / "configs" / "valley.toml").write_text("[sites]\nlink_m = 90.0\n")
    for file in ("valley", "valley.toml", "configs/valley.toml", Path("configs/valley.toml")):
        assert load(file).sites.link_m == 90.0
    (own / "valley.toml").write_text("[sites]\nlink_m = 70.0\n")  # a file that lies there goes before a name
    assert (load("valley.toml").sites.link_m, load("valley").sites.link_m) == (70.0, 90.0)
    with pytest.raises(ConfigError, match="hill: the settings file cannot be read"):
        load("hill")


def test_wrong_defaults_of_the_users_own_are_told_by_their_file(own: Path) -> None:
    (own / "configs" / "default.toml").write_text("[sites]\nlink_m = -1\n")
    with pytest.raises(ConfigError, match=r"^configs/default\.toml: sites\.link_m: "):
        load()


@pytest.mark.parametrize("kind", ["aoi", "models", "configs", "backgrounds"])
def test_own_files_are_found_first_and_the_shipped_ones_after_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: resources.Kind
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resources.folders(kind) == (resources.shipped(kind),)
    came = next(path.name for path in sorted(resources.shipped(kind).iterdir()))
    (tmp_path / kind).mkdir()
    assert resources.folders(kind) == (Path(kind), resources.shipped(kind))
    assert resources.find(kind, came) == resources.shipped(kind) / came
    (tmp_path / kind / came).write_text("")
    assert resources.find(kind, came) == Path(kind) / came
    assert resources.find(kind, "nothing of this name") is None


def test_the_folder_of_the_program_is_not_searched_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(resources.CHECKOUT)
    assert resources.folders("aoi") == (Path("aoi"),)


def test_names_are_those_of_both_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = resources.names("aoi", "*.geojson"), resources.names("models", "*/model.toml")
    (tmp_path / "aoi").mkdir()
    (tmp_path / "models" / "mine").mkdir(parents=True)
    for path in (
        tmp_path / "aoi" / "valley.geojson",
        tmp_path / "aoi" / "shan.geojson",
        tmp_path / "models" / "mine" / "model.toml",
    ):
        path.write_text("")
    assert resources.names("aoi", "*.geojson") == sorted({*shipped[0], "valley"})
    assert resources.names("models", "*/model.toml") == sorted({*shipped[1], "mine"})
