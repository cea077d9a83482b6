"""Schedules: units of systemd and lines for cron, made, checked by systemd itself, and removed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.errors import InputError
from pipeline.upkeep.schedule import (
    MARK,
    RECORD,
    UNITS,
    Kind,
    Schedule,
    checked_name,
    cron_text,
    install,
    schedules,
    service_text,
    timer_text,
    uninstall,
)

paths = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc", "Zl", "Zp")), min_size=1)


def schedule(*words: str, folder: str = "/data/my place", kind: Kind = Kind.SYSTEMD) -> Schedule:
    return Schedule("shan", kind, (sys.executable, "-m", "pipeline", "scan", *words), folder, "2026-11-29")


def unquoted(line: str) -> list[str]:
    """The words of a command line as systemd reads them: quotes, backslashes, then `$$` and `%%`."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return [re.sub(r"\\(.)", r"\1", word).replace("$$", "$").replace("%%", "%") for word in words]


@given(st.lists(paths, max_size=5))
def test_every_path_reaches_the_command_as_it_is(words: list[str]) -> None:
    made = schedule(*words)
    (line,) = re.findall(r"^ExecStart=(.*)$", service_text(made, Path("/home/x")), re.MULTILINE)
    assert unquoted(line) == list(made.command)
    cron = cron_text(made, Path("/home/x y"))
    assert "\n" not in cron
    assert not re.search(r"(?<!\\)%", cron)
    assert shlex.split(cron.replace("\\%", "%"))[-len(made.command) :] == list(made.command)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    folder = tmp_path / "100% of $HOME"
    folder.mkdir()
    made = schedule("--scenes", str(folder), folder=str(folder))
    for end, text in (("timer", timer_text(made)), ("service", service_text(made, tmp_path))):
        (tmp_path / f"{made.unit}.{end}").write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--user", f"./{made.unit}.timer", f"./{made.unit}.service"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert not [line for line in said.stderr.splitlines() if made.unit in line], said.stderr
    calendar = re.findall(r"OnCalendar=(.*)", timer_text(made))[0]
    said = subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, text=True, check=True)
    assert "Normalized form: *-*-* 02:30:00 UTC" in said.stdout


def fake_systemctl(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: str = "never") -> Path:
    """A `systemctl` that notes what it was asked."""
    asked, program = folder / "asked", folder / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\ncase "$*" in *{fails}*) echo "it is broken" >&2; exit 1;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("USER", "somebody")
    return asked


def test_a_timer_is_installed_recorded_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_systemctl(tmp_path, monkeypatch)
    home, archive = tmp_path / "home", tmp_path / "archive"
    told = install(schedule(), archive, home)
    assert "02:30 UTC" in told[0]
    assert "loginctl enable-linger somebody" in told[-1]
    assert schedules(archive) == (schedule(),)
    first = (home / UNITS / "leachwatch-scan-shan.service").read_text()
    install(schedule("--max-gb", "5"), archive, home)  # once more, otherwise
    assert schedules(archive) == (schedule("--max-gb", "5"),)
    assert (home / UNITS / "leachwatch-scan-shan.service").read_text() != first
    assert "--user enable --now leachwatch-scan-shan.timer" in asked.read_text()
    uninstall("shan", archive, home)
    assert not list((home / UNITS).iterdir())
    assert schedules(archive) == ()
    assert "--user disable --now leachwatch-scan-shan.timer" in asked.read_text()
    with pytest.raises(InputError, match="shan: no schedule of that name; there are none"):
        uninstall("shan", archive, home)


def test_units_of_somebody_else_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_systemctl(tmp_path, monkeypatch)
    home, archive = tmp_path / "home", tmp_path / "archive"
    unit = home / UNITS / "leachwatch-scan-shan.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\n")
    for do in (lambda: install(schedule(), archive, home), lambda: uninstall("shan", archive, home)):
        with pytest.raises(InputError, match="written by somebody else"):
            do()
    assert unit.read_text() == "[Service]\n"
    assert schedules(archive) == ()


def test_what_systemd_refuses_is_told_and_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_systemctl(tmp_path, monkeypatch, fails="enable")
    with pytest.raises(InputError, match=r"enable --now leachwatch-scan-shan\.timer: it is broken"):
        install(schedule(), tmp_path / "archive", tmp_path / "home")
    assert schedules(tmp_path / "archive") == ()


def test_the_line_for_cron_runs_as_cron_runs_it(tmp_path: Path) -> None:
    """By /bin/sh, with next to no environment, and with what the file of secrets says."""
    home, place = tmp_path / "ho me", tmp_path / "it's 100% here"
    place.mkdir()
    secrets = home / ".config/leachwatch/environment"
    secrets.parent.mkdir(parents=True)
    secrets.write_text('WORD="a secret"\n')
    made = Schedule(
        "x", Kind.CRON, (sys.executable, "-c", "import os; print(os.getcwd(), os.environ['WORD'])"), str(place), ""
    )
    line = cron_text(made, home)
    command = re.sub(r"^(\S+ ){5}", "", line).replace("\\%", "%")  # cron takes the time and the backslashes off
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True, env={})
    assert done.stdout == f"{place} a secret\n"
    assert re.match(r"\d+ \d+ \* \* \* cd ", line)


def test_the_command_shows_installs_and_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_systemctl(tmp_path, monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    options = ["--aoi", "mong-bawk,pangwa", "--source", "folder", "--scenes", "./scenes", "--max-gb", "5"]
    assert main(["schedule", *options, "--print"]) == 0
    shown = capsys.readouterr().out
    assert shown.count(MARK) == 2
    assert f'"--scenes" "{tmp_path}/scenes"' in shown
    assert '"--archive"' in shown
    assert not (tmp_path / "home").exists()
    assert main(["schedule", *options]) == 0
    (made,) = schedules(tmp_path / "archive")
    assert (made.aoi, made.kind) == ("mong-bawk-pangwa", Kind.SYSTEMD)
    assert made.command[:5] == (sys.executable, "-m", "pipeline", "scan", "--aoi")
    capsys.readouterr()
    assert main(["unschedule", "--aoi", "mong-bawk,pangwa"]) == 0
    assert "removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--aoi", "nowhere"], "unknown AOI"),
        (["--aoi", "shan", "--month", "2026-10"], "a schedule scans every month"),
        (["--aoi", "shan", "--source", "folder"], "needs --scenes"),
        (["--aoi", "shan", "--source", "folder", "--scenes", "/no/such"], "no such folder"),
        (["--aoi", "shan", "--config", "/no/such.toml"], "cannot be read"),
    ],
)
def test_what_would_fail_every_day_is_not_scheduled(
    options: list[str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_systemctl(tmp_path, monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert main(["schedule", *options]) == 2
    assert error in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["a b", "../x", "", "x" * 90, "a/b"])
def test_a_name_that_cannot_name_a_unit_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be named so"):
        checked_name([name])


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(json.dumps([{"aoi": 1}]))
    with pytest.raises(InputError, match=rf"{RECORD}: damaged"):
        schedules(tmp_path)


def test_the_next_start_is_today_or_tomorrow() -> None:
    made = schedule()
    assert made.next_start(datetime(2026, 11, 29, 1, 0, tzinfo=UTC)) == datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
    assert made.next_start(datetime(2026, 11, 30, 2, 30, tzinfo=UTC)) == datetime(2026, 12, 1, 2, 30, tzinfo=UTC)
