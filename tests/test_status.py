"""How every AOI stands."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.alerts.message import Message, MessageKind
from pipeline.alerts.outbox import Outbox
from pipeline.cli import main
from pipeline.config import load
from pipeline.scan.log import Outcome, ScanRecord, append
from pipeline.upkeep.schedule import Kind, Schedule, record
from pipeline.upkeep.status import Status, status_of

NOW = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)


def scan_of(month: str, on: str, outcome: Outcome = Outcome.DONE, **facts: object) -> ScanRecord:
    at = datetime.fromisoformat(f"{on}T02:41:00+00:00")
    return ScanRecord(at=at, aoi="digest", first=month, last=month, outcome=outcome, out="/data/out/shan", **facts)


def stands(archive: Path, *records: ScanRecord, name: str = "shan", now: datetime = NOW) -> Status:
    append(archive / "scans" / f"{name}.jsonl", records)
    return status_of(archive, load(None), now)


def test_an_empty_archive_says_how_to_begin(tmp_path: Path) -> None:
    found = status_of(tmp_path / "none", load(None), NOW)
    assert found.is_well
    assert "leachwatch scan --aoi NAME" in found.text()


def test_all_is_well_in_a_few_lines(tmp_path: Path) -> None:
    record(tmp_path, Schedule("shan", Kind.SYSTEMD, ("x", "scan", "--aoi", "shan"), "/data", "2026-01-01"))
    done = scan_of("2026-10", "2026-11-06", seen_share=0.62, sites={"confirmed": 9, "idle": 1})
    found = stands(tmp_path, scan_of("2026-09", "2026-10-06"), done)
    assert found.is_well, found.text()
    assert found.text().splitlines()[:4] == [
        "shan",
        "  last scan   2026-11-06 02:41 UTC, 2026-10: done; seen 62% of it",
        "  next scan   2026-11-13 02:30 UTC; 2026-11 is complete on 2026-12-06",
        "  sites       10 (9 confirmed, 1 idle), in /data/out/shan/",
    ]


def test_a_scan_that_did_not_happen_is_noticed(tmp_path: Path) -> None:
    assert stands(tmp_path, scan_of("2026-09", "2026-10-06"), now=datetime(2026, 11, 8, tzinfo=UTC)).is_well
    found = status_of(tmp_path, load(None), NOW)
    (shan,) = found.aois
    assert shan.due == ("2026-10",)
    assert shan.wrong == (
        "a scan did not happen: 2026-10 was complete on 2026-11-06, and the last scan was on 2026-10-06",
    )
    assert "WRONG" in found.text()


def test_a_schedule_that_never_scanned_is_noticed(tmp_path: Path) -> None:
    record(tmp_path, Schedule("wa", Kind.CRON, ("x", "scan", "--aoi", "wa"), "/data", "2026-11-01"))
    (wa,) = status_of(tmp_path, load(None), NOW).aois
    assert wa.wrong == ("a scan did not happen: it was scheduled on 2026-11-01, and nothing was scanned",)


def test_a_scan_that_failed_says_why(tmp_path: Path) -> None:
    failed = scan_of("2026-10", "2026-11-06", Outcome.FAILED, code=5, reason="the provider refused the credentials")
    (shan,) = stands(tmp_path, scan_of("2026-09", "2026-10-06"), failed).aois
    assert shan.wrong == ("the last scan did not end well (code 5): the provider refused the credentials",)


def test_real_and_simulated_scans_of_one_place_are_told_apart(tmp_path: Path) -> None:
    stands(tmp_path, scan_of("2026-10", "2026-11-06"))
    found = stands(tmp_path, scan_of("2026-10", "2026-11-06"), name="shan-simulated-0123abcd")
    assert [(each.aoi, each.simulated) for each in found.aois] == [("shan", True), ("shan", False)]
    assert "shan  (SIMULATED)" in found.text()


def test_messages_that_wait_and_files_that_are_damaged_are_told(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox" / "shan")
    outbox.add(Message("2026-10-published-1", MessageKind.NEWS, "title", "text"), {}, NOW)
    (outbox.folder / "000002-x.json").write_text("{")
    log = tmp_path / "scans" / "shan.jsonl"
    stands(tmp_path, scan_of("2026-10", "2026-11-06"))
    log.write_bytes(log.read_bytes() + b"\n01234567 {}\n")
    (tmp_path / "ledger.jsonl").write_bytes(b'{"at": 1}\n')
    (tmp_path / "schedules.json").write_text("{}")
    found = status_of(tmp_path, load(None), NOW)
    told = found.text()
    for words in (
        "1 messages have not reached everybody, the first of 2026-11-12",
        "the message is damaged",
        "1 lines of the log",
        "schedules.json: damaged",
    ):
        assert words in told, told
    assert not found.is_well


def test_a_log_of_a_newer_version_is_told_and_left_alone(tmp_path: Path) -> None:
    row = scan_of("2026-10", "2026-11-06").model_dump(mode="json") | {"version": 99}
    from pipeline import lines

    lines.append(tmp_path / "scans" / "shan.jsonl", [json.dumps(row).encode()])
    (shan,) = status_of(tmp_path, load(None), NOW).aois
    assert "written by a newer version of leachwatch; upgrade this one" in shan.wrong[0]


def test_the_command_speaks_json_and_says_by_its_code_whether_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEACHWATCH_ARCHIVE", str(tmp_path))
    assert main(["status", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["well"] is True
    append(tmp_path / "scans" / "shan.jsonl", [scan_of("2020-01", "2020-02-06")])
    assert main(["status", "--format", "json"]) == 6
    (shan,) = json.loads(capsys.readouterr().out)["aois"]
    assert shan["due"][0] == "2020-02"
