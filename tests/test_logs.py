"""Logs: small, readable by people or machines, and without secrets."""

import json
import re
from pathlib import Path

import pytest

from pipeline import logs
from pipeline.logs import LogFormat, Scrub, logged
from pipeline.progress import Progress

SECRETS = {
    "SH_CLIENT_SECRET": "s3cret-of-hub",
    "LEACHWATCH_ALERTS": "json://user:word-of-pass@host/hook tgram://12345:bot-token/678",
    "HOME": "/home/somebody",
    "SHORT_KEY": "abc",
}


def test_people_read_lines_and_machines_objects(tmp_path: Path) -> None:
    for how in LogFormat:
        with logged(tmp_path / f"{how}.log", how, aloud=False) as log:
            progress = Progress(log=log.info, shown=False)
            progress.note("Shan State, 100 % of \u201clooks\u201d")
            with progress.stage("Looking", 3, "looks") as step:
                step(3)
            log.error("it failed")
    text, rows = ((tmp_path / f"{how}.log").read_text().splitlines() for how in LogFormat)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ INFO    Shan State, 100 % of “looks”", text[0])
    assert re.search(r"INFO    Looking: 3/3 looks in \d", text[1])
    found = [json.loads(row) for row in rows]
    assert [row["level"] for row in found] == ["info", "info", "error"]
    assert found[0]["what"] == "Shan State, 100 % of “looks”"


def test_what_nobody_foresaw_is_kept_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), logged(tmp_path / "x.log", LogFormat.JSON, aloud=False):
        _ = 1 // 0
    (row,) = [json.loads(line) for line in (tmp_path / "x.log").read_text().splitlines()]
    assert "ZeroDivisionError" in row["traceback"]


def test_no_secret_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with logged(tmp_path / "x.log", LogFormat.JSON, aloud=True) as log:
        log.info("asked https://me:pw@example.org/a?sig=abcdef with s3cret-of-hub in /home/somebody, abc")
        try:
            raise ValueError("not sent to json://user:word-of-pass@host/hook")
        except ValueError:
            log.exception("it failed")
    said = (tmp_path / "x.log").read_text() + "".join(capsys.readouterr())
    assert "in /home/somebody, abc" in said
    for secret in ("s3cret", "word-of-pass", "pw@", "sig=", "bot-token"):
        assert secret not in said, said


def test_secrets_are_found_by_the_names_of_their_variables() -> None:
    scrub = Scrub({"X_TOKEN": "abcdefgh", "PLAIN": "zyxwvuts"})
    assert scrub("abcdefgh zyxwvuts") == "*** zyxwvuts"


def test_a_log_is_put_aside_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 2000)
    for _ in range(10):
        with logged(tmp_path / "x.log", LogFormat.TEXT, aloud=False) as log:
            for k in range(30):
                log.info("line %d of a scan", k)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["x.log", *(f"x.log.{k}" for k in range(1, logs.KEPT + 1))]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())


def test_a_disk_that_is_full_costs_lines_and_no_scan(capsys: pytest.CaptureFixture[str]) -> None:
    with logged(Path("/dev/full"), LogFormat.TEXT, aloud=False) as log:
        log.info("to nowhere")
    assert capsys.readouterr().err == ""
