import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import write

from pipeline import resources
from pipeline.cli import main

ROOT = Path(__file__).parent.parent


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a person runs it, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        capture_output=True, text=True, timeout=120, cwd=cwd or ROOT, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def refusal(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """The one line on stderr with which a command ends."""
    assert main(arguments) == code
    err = capsys.readouterr().err
    (line,) = [text for text in err.splitlines() if "error:" in text]
    assert "Traceback" not in err
    return line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["detect"], "--aoi"),
        (["detcet", "--aoi", "shan"], "did you mean detect"),
        (["detect", "--aoi", "shna"], "did you mean shan"),
        (["detect", "--aoi", "shan", "--sorce", "folder"], "did you mean --source"),
        (["detect", "--aoi", "shan", "--source", "folder"], "--scenes"),
        (["detect", "--aoi", "shan", "--source", "sentinelhub", "--scenes", "x"], "cdse, sentinelhub"),
        (["detect", "--aoi", "shan", "--source", "stac", "--max-gb", "-1"], "amount above 0"),
        (["detect", "--aoi", "shan", "--scenes", "x"], "other sources"),
        (["detect", "--aoi", "shan", "--from", "2025"], "YYYY-MM"),
        (["detect", "--aoi", "shan", "--from", "2025-03", "--to", "2025-01"], "after"),
        (["detect", "--aoi", "shan", "--workers", "many"], "many"),
        (["detect", "--aoi", "shan", "--scheduler", "10.0.0.5"], "tcp://10.0.0.5:8786"),
        (["detect", "--aoi", "shan", "--config", "nowhere.toml"], "nowhere.toml"),
        (["detect", "--aoi", "nowhere.geojson"], "nowhere.geojson"),
        (["detect", "--aoi", "shan", "--from", "20٢٥-01"], "not a month"),
        (["detect", "--aoi", "shan", "--source", "folder", "--scenes", "~nobody-here/x"], "no such directory"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    tmp_path: Path, monkeypatch, capsys, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in refusal(capsys, 2, *arguments)


def test_wrong_models_devices_and_folders_are_one_line_and_exit_2(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    folder = ("detect", "--aoi", "mong-yawn", "--source", "folder", "--scenes")
    assert "no such directory" in refusal(capsys, 2, *folder, "nowhere")
    assert "no model" in refusal(capsys, 2, *folder, ".", "--model", "nowhere")
    assert "model" in refusal(capsys, 2, *folder, ".", "--model", "")
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(capsys, 2, *folder, ".", "--out", "file/out")


def test_own_settings_and_models_are_read_by_name_where_the_command_is_run(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    folder = ("detect", "--aoi", "mong-yawn", "--source", "folder", "--scenes", ".")
    for name, text in (("valley", "[sites]\nlink_metres = 3\n"), ("default", "[sites]\nlink_meters = 3\n")):
        path = tmp_path / "configs" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        assert f"configs/{name}.toml: unknown key sites.link_met" in refusal(capsys, 2, *folder, "--config", "valley")
    path.write_text("[sites]\nlink_m = 200.0\n")
    assert main([*folder, "--model", "nowhere"]) == 2
    assert "Defaults of your own are used: configs/default.toml" in capsys.readouterr().err
    path.unlink()
    own = tmp_path / "models" / "bare"
    shutil.copytree(resources.shipped("models") / "third", own)
    card = (own / "model.toml").read_text()
    (own / "model.toml").write_text(card[: card.index("[calibration]")])
    assert "model third: its card has no calibration" in refusal(capsys, 2, *folder, "--model", "bare")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.*"))  # said before any work


def test_nothing_observed_is_exit_3_with_valid_empty_outputs(tmp_path: Path, capsys) -> None:
    write(tmp_path / "scenes" / "20250105_elsewhere.tif")
    (tmp_path / "scenes" / "20250106_empty.tif").write_bytes(b"")
    code = main(
        ["detect", "--aoi", "mong-yawn", "--source", "folder", "--scenes", str(tmp_path / "scenes"),
         "--out", str(tmp_path / "out"), "--workers", "1"]
    )  # fmt: skip
    captured = capsys.readouterr()
    assert code == 3
    assert "nothing could be observed" in captured.err
    assert "0 bytes" in captured.out
    for name in ("sites.geojson", "sites.qml", "sites.gpkg", "coverage.geojson", "manifest.json"):
        assert (tmp_path / "out" / name).stat().st_size > 0


def test_help_teaches() -> None:
    text = run("detect", "--help").stdout
    for words in ("examples:", "--source folder", "exit codes:", "sites.geojson", "simulated"):
        assert words in text
    assert "leachwatch 0." in run("--version").stdout


def test_aois_are_listed_with_areas() -> None:
    listed = run("aoi", "list")
    assert listed.returncode == 0
    assert "shan" in listed.stdout
    assert "km²" in listed.stdout


def test_a_broken_pipe_is_quiet() -> None:
    done = subprocess.run(
        f"{sys.executable} -m pipeline aoi list | true",
        shell=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert "Traceback" not in done.stderr


def test_a_model_is_scored_from_the_command_line(capsys) -> None:
    arguments = ["evaluate", "--set", "real", "--worlds", "2", "--workers", "1", "--limits"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    for words in ("real scenes", "eligible sites found", "false sites per 1,000 km²", "Number of ponds"):
        assert words in out
    assert "not the folder of a run" in refusal(capsys, 2, "evaluate", "--run", "nowhere")
    assert "holds no GeoTIFF" in refusal(capsys, 2, "evaluate", "--set", "real", "--backgrounds", "nowhere")


def test_options_of_evaluate_that_would_do_nothing_are_refused(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert "needs --run" in refusal(capsys, 2, "evaluate", "--labels", "labels.csv")
    assert "goes with --replay" in refusal(capsys, 2, "evaluate", "--other-model", "second")
    assert "give --limits too" in refusal(capsys, 2, "evaluate", "--picture", "limits.svg")
    for with_it in (("--replay",), ("--labels", "labels.csv", "--run", ".")):
        assert "leave out --labels" in refusal(capsys, 2, "evaluate", "--limits", *with_it)
    for with_it in (("--replay",), ("--run", ".")):
        assert "draws single worlds" in refusal(capsys, 2, "evaluate", "--gallery", "errors.png", *with_it)
    assert "one look" in refusal(capsys, 2, "evaluate", "--replay", "--set", "real")
