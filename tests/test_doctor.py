"""Every check of the doctor: found sound where it is, and found out where it was damaged."""

import json
import os
import re
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
import rasterio
import torch
from shapely.geometry import box

from pipeline import lease, lines
from pipeline.cli import main
from pipeline.locks import locked
from pipeline.sites.names import PublishedState, PublishedStatus, RegisteredSite, Registry
from pipeline.sites.registry import write_registry
from pipeline.sources.budget import Budget, Usage
from pipeline.upkeep import clock, doctor, kept, private, software, storage
from pipeline.upkeep.finding import Finding, State, as_json, failed, ok, skipped, table, verdict, warn
from pipeline.upkeep.subject import Subject, said_by

KEYS = {"LEACHWATCH_CDSE_S3_ACCESS_KEY": "AKZ3PQ77XTW1M2N4", "LEACHWATCH_CDSE_S3_SECRET_KEY": "qP0+s8/aXy71LmNbVcRt"}
CLIENT = {"LEACHWATCH_SH_CLIENT_ID": "sh-7f3a91bc-55aa", "LEACHWATCH_SH_CLIENT_SECRET": "Uq9!xZtR44mK"}
NOW = datetime(2100, 5, 4, 12, tzinfo=UTC)
"""After everything that a test makes."""


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """A sound installation, with an archive and products."""
    found = Subject(tmp_path / "archive", tmp_path / "out", home=tmp_path / "home", environment={}, now=NOW)
    for folder in (found.archive / "looks" / "0123456789ab" / "47N_r-0119_c+0025", found.out / "shan"):
        folder.mkdir(parents=True)
    write_registry(found.archive / "registry.json", registry_of(date(2026, 11, 1)))
    Budget(found.archive / "ledger.jsonl", "run").spend("earthsearch", Usage(2, 3_000_000))
    index(found).write_bytes(b'\ne7a6c115 {"file": "a"}\n')
    return found


def index(subject: Subject) -> Path:
    return subject.archive / "looks" / "0123456789ab" / "47N_r-0119_c+0025" / "index.jsonl"


def registry_of(day: date) -> Registry:
    state = PublishedState(day, "run", PublishedStatus.CONFIRMED, None, None, None)
    return Registry("SHN", (RegisteredSite("SHN-0001", box(99.0, 21.8, 99.1, 21.9), None, None, (state,)),))


def environment_file(subject: Subject, text: str, mode: int = 0o600) -> Path:
    path = subject.environment_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def program(folder: Path, name: str, text: str) -> Path:
    """A program that prints."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which alone programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "env").symlink_to(shutil.which("env"))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def no_access(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """One path is closed to this user, who may be root."""
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and asked(path, mode))


# --- what is installed


def test_python() -> None:
    assert software.python().state is State.OK
    assert software.python((3, 10)).state is State.FAIL


def test_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert software.installation().found.startswith("checkout of version")
    assert software.installation("0.0.1").state is State.WARN
    (tmp_path / "data" / "configs").mkdir(parents=True)
    monkeypatch.setattr(software.resources, "PACKAGE", tmp_path)
    assert software.installation().found.startswith("installed package of version")

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(software, "version", absent)
    assert software.installation().state is State.WARN


def test_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert software.packages().state is State.OK
    other = tmp_path / "constraints.txt"
    other.write_text("# tested\ntorch==1.0.0\nScikit_Learn==0.1\n")
    found = software.packages(other)
    assert found.state is State.WARN
    assert re.search(r"torch \S+ \(tested: 1\.0\.0\), scikit-learn \S+ \(tested: 0\.1\)", found.found)
    assert software.packages(tmp_path / "none.txt").state is State.SKIPPED
    version_of = software._version_of
    monkeypatch.setattr(software, "_version_of", lambda name: None if name == "pyogrio" else version_of(name))
    assert software.packages() == failed("libraries", "missing: pyogrio", software.REBUILD)


def test_gdal() -> None:
    assert software.gdal().state is State.OK
    assert software.gdal({"GTiff": "", "COG": ""}).found.endswith("without GPKG")
    assert software.gdal({"GTiff": "", "COG": "", "GPKG": ""}).state is State.WARN


def test_projections(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.projections(subject).state is State.OK
    monkeypatch.setattr("rasterio.warp.transform", lambda *_: ([99.0], [21.9]))
    assert software.projections(subject).state is State.FAIL

    def broken(*_: object) -> None:
        raise rasterio.errors.CRSError("PROJ: proj_create_from_database: no database context specified")

    monkeypatch.setattr("rasterio.warp.transform", broken)
    found = software.projections(replace(subject, environment={"PROJ_LIB": "/opt/qgis/share/proj"}))
    assert found.state is State.FAIL
    assert found.todo == "unset PROJ_LIB, which names the data of another program"


def test_settings(subject: Subject, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[sites]\nmin_confidence = 0.5\n")
    mine = replace(subject, config=str(config))
    assert software.settings(subject).state is State.OK
    assert software.settings(mine).found.endswith(f"then {config}")
    config.write_text("[sites]\nmin_confidense = 0.5\n")
    found = {finding.name: finding for finding in doctor.examine(mine)}
    assert found["settings"].state is State.FAIL
    assert "nearest known one is sites.min_confidence" in found["settings"].found


def test_model(subject: Subject, tmp_path: Path) -> None:
    assert software.model(subject).state is State.OK
    mine = tmp_path / "models" / "mine"
    shutil.copytree(software.resources.shipped("models") / "third", mine)
    content = bytearray((mine / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (mine / "weights.safetensors").write_bytes(content)
    found = {finding.name: finding for finding in doctor.examine(replace(subject, model=str(mine)))}
    assert found["model"].state is State.FAIL
    assert "SHA-256 differs" in found["model"].found


def test_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert software.gpu(tmp_path / "none").state is State.OK
    assert software.gpu(tmp_path).state is State.WARN
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "a GPU")
    assert software.gpu(tmp_path) == ok("gpu", "a GPU, used by default")


def test_qgis(programs: Path) -> None:
    assert software.qgis().state is State.SKIPPED
    path = program(programs, "qgis", "echo 'QGIS 3.34.4-Prizren (abc)'")
    assert software.qgis() == ok("qgis", f"QGIS 3.34.4 in {path}")
    program(programs, "qgis", "echo 'QGIS 3.10.1'")
    assert "3.22 or newer" in software.qgis().todo
    program(programs, "qgis", "echo 'could not connect to display'; exit 1")
    assert software.qgis().state is State.WARN


def test_another_program_is_not_waited_for(tmp_path: Path) -> None:
    slow = program(tmp_path, "slow", "exec sleep 20")
    begun_s = time.monotonic()
    assert said_by([str(slow)], 0.3) is None
    assert time.monotonic() - begun_s < 5
    assert said_by([str(tmp_path / "none")]) is None


def test_alerts(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(subject, environment={"LEACHWATCH_ALERTS": "mailtos://me:sesame-41@x.y json://x.y"})
    assert software.alerts(subject).state is State.SKIPPED
    monkeypatch.setattr(software, "find_spec", lambda name: None)
    assert software.alerts(asked).todo == "pip install 'leachwatch[alerts]'"
    monkeypatch.setattr(software, "find_spec", lambda name: SimpleNamespace())
    assert software.alerts(asked).state is State.OK
    assert software.alerts(asked).found.startswith("2 addresses")
    assert "sesame" not in str(software.alerts(asked))


# --- credentials and private files


def test_providers_without_credentials(subject: Subject) -> None:
    assert private.earthsearch(subject).state is State.OK
    assert private.planetary(subject).state is State.OK
    assert private.cdse(subject).state is State.SKIPPED
    assert private.sentinel_hub(subject).state is State.SKIPPED


@pytest.mark.parametrize(("check", "pair"), [(private.cdse, KEYS), (private.sentinel_hub, CLIENT)])
def test_credentials(subject: Subject, check: Callable[[Subject], Finding], pair: dict[str, str]) -> None:
    (one, key), (other, secret) = pair.items()
    assert check(replace(subject, environment=pair)).state is State.OK
    half = check(replace(subject, environment={other: secret}))
    assert half.state is State.FAIL
    assert half.found == f"{other} is set, but {one} is not"
    for wrong in (f'"{secret}"', "<your secret>", "changeme-please", "two words", "short", "$SECRET_KEY", key):
        found = check(replace(subject, environment={one: key, other: wrong}))
        assert found.state is State.FAIL, wrong
        assert wrong not in str(found)
        assert key not in str(found)


def test_a_key_that_is_optional_has_the_form_of_one(subject: Subject) -> None:
    name = "PC_SDK_SUBSCRIPTION_KEY"
    assert private.planetary(replace(subject, environment={name: "0123456789abcdef"})).state is State.OK
    assert private.planetary(replace(subject, environment={name: "xxxxxxxxxx"})).state is State.FAIL


def test_no_part_of_a_secret_is_shown(subject: Subject) -> None:
    environment_file(subject, "".join(f"{name}={text}\n" for name, text in CLIENT.items()))
    known = replace(subject, environment={**KEYS, "LEACHWATCH_ALERTS": "tgram://bottoken-88/chat"})
    said = table(doctor.examine(known)) + as_json(doctor.examine(known))
    for text in (*KEYS.values(), *CLIENT.values(), "bottoken"):
        assert text not in said
        assert text[:6] not in said
        assert text[-6:] not in said


def test_secrets_go_to_no_address_without_encryption(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEACHWATCH_SH_TOKEN_URL", "http://elsewhere.example/token")
    found = private.sentinel_hub(replace(subject, environment=CLIENT))
    assert found.state is State.FAIL
    assert "LEACHWATCH_SH_TOKEN_URL: not an address that is asked" in found.found


def test_environment_file(subject: Subject) -> None:
    assert private.environment_file(subject).state is State.SKIPPED
    path = environment_file(subject, "# mine\n\nLEACHWATCH_SH_CLIENT_ID=a-client-id\n")
    found = private.environment_file(subject)
    assert found.state is State.OK
    assert found.found.endswith("mode 600, with LEACHWATCH_SH_CLIENT_ID")
    for mode in (0o644, 0o640, 0o700, 0o400):
        path.chmod(mode)
        assert private.environment_file(subject).state is State.FAIL
        assert private.environment_file(subject).todo == f"chmod 600 {path}"
    for line in ("export A=b", "A = b", "nonsense"):
        environment_file(subject, f"A=b\n{line}\n")
        assert private.environment_file(subject).found.endswith("line 2 is not read by systemd")
    path.unlink()
    path.mkdir()
    assert private.environment_file(subject).state is State.FAIL


def test_an_environment_file_of_another_user(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    environment_file(subject, "A=b\n")
    monkeypatch.setattr(os, "geteuid", lambda: subject.environment_file.stat().st_uid + 1)
    assert private.environment_file(subject).found.endswith("belongs to another user")


def test_credentials_for_scheduled_scans_only(subject: Subject) -> None:
    """Quotation marks in the file are systemd's, and no part of the secret."""
    environment_file(subject, "".join(f'{name}="{text}"\n' for name, text in CLIENT.items()))
    found = private.sentinel_hub(subject)
    assert found.state is State.OK
    assert f"in {subject.environment_file} only, for scheduled scans" in found.found


def test_permissions(subject: Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "status"
    told.write_text("Name:\tpython\nUmask:\t0022\n")
    monkeypatch.setattr(private, "STATUS", told)
    assert private.permissions(subject).state is State.OK
    told.write_text("Umask:\t0000\n")
    assert private.permissions(subject).state is State.WARN
    registry = subject.archive / "registry.json"
    registry.chmod(0o666)
    assert private.permissions(subject) == failed(
        "permissions", f"anybody may change {registry}", f"chmod -R o-w {registry}"
    )


# --- disks and folders


def test_room(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=50e9)
    files = SimpleNamespace(f_files=1_000_000, f_favail=900_000)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: free)
    monkeypatch.setattr(storage.os, "statvfs", lambda path: files)
    assert storage.room("room", subject.archive / "not" / "yet").state is State.OK
    free.free = 9e9
    assert storage.room("room", subject.archive).state is State.WARN
    free.free = 0.9e9
    assert storage.room("room", subject.archive).state is State.FAIL
    free.free, files.f_favail = 50e9, 300
    assert "room for 300 more files only" in storage.room("room", subject.archive).found


def test_writing(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(subject.archive.rglob("*"))
    assert storage.writing("writing", subject.archive).state is State.OK
    assert sorted(subject.archive.rglob("*")) == before
    assert storage.writing("writing", subject.archive / "new").found.endswith("will be made)")
    assert not (subject.archive / "new").exists()
    assert storage.writing("writing", subject.archive / "ledger.jsonl" / "new").state is State.FAIL

    def shut(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(storage.os, "fsync", shut)
    found = storage.writing("writing", subject.archive)
    assert found.state is State.FAIL
    assert "Read-only file system" in found.found
    assert sorted(subject.archive.rglob("*")) == before


def test_read_only_folders(subject: Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert storage.read_only(subject).state is State.OK
    assert storage.read_only(subject).found.startswith("6 folders")
    closed = index(subject).parent
    no_access(monkeypatch, closed)
    found = storage.read_only(subject)
    assert found.state is State.FAIL
    assert found.found == f"{closed} cannot be changed by you"
    assert storage.read_only(Subject(tmp_path / "a", tmp_path / "b")).state is State.SKIPPED


def test_archive_size(subject: Subject, tmp_path: Path) -> None:
    assert storage.archive_size(subject).found.startswith("0.00 GB in 4 files")
    assert storage.archive_size(subject, -1.0).found.startswith("more than 0.0 GB in 1 files")
    assert storage.archive_size(replace(subject, archive=tmp_path / "none")).state is State.SKIPPED
    assert storage.archive_size(replace(subject, archive=subject.archive / "ledger.jsonl")).state is State.FAIL


# --- time


def test_clock(subject: Subject) -> None:
    assert clock.clock(subject).state is State.OK
    registry = subject.archive / "registry.json"
    later = NOW + timedelta(days=3, hours=1)
    os.utime(registry, (later.timestamp(), later.timestamp()))
    found = clock.clock(subject)
    assert found.state is State.FAIL
    assert f"but {registry} is of 2100-05-07, 3 days later" in found.found
    shutil.rmtree(subject.archive)
    assert "the program itself" in clock.clock(replace(subject, now=datetime(2001, 1, 1, tzinfo=UTC))).found


def test_publication_day(subject: Subject, tmp_path: Path) -> None:
    assert clock.publication(subject) == ok("publication day", "the last is of 2026-11-01")
    write_registry(subject.archive / "registry-simulated-a.json", registry_of(date(2111, 1, 1)))
    found = clock.publication(subject)
    assert found.state is State.FAIL
    assert "2111-01-01, which is still to come" in found.found
    assert clock.publication(replace(subject, archive=tmp_path / "none")).state is State.SKIPPED


def test_time_server(programs: Path) -> None:
    assert clock.time_server().state is State.SKIPPED
    for told, state in (("yes", State.OK), ("no", State.WARN), ("Failed to connect to bus", State.SKIPPED)):
        program(programs, "timedatectl", f"echo '{told}'")
        assert clock.time_server().state is state


def test_time_zone(subject: Subject) -> None:
    for sound in ("", "Asia/Yangon", ":Europe/Vienna", "CET-1CEST", "<+0630>-6:30"):
        assert clock.time_zone(replace(subject, environment={"TZ": sound})).state is State.OK, sound
    for wrong in ("Asia/Rangun", "Burma/Time"):
        assert clock.time_zone(replace(subject, environment={"TZ": wrong})).state is State.WARN, wrong


def test_timers(subject: Subject, programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "LINGER", tmp_path / "linger")
    monkeypatch.setenv("USER", "me")
    monkeypatch.setenv("LOGNAME", "me")
    assert clock.timers(subject).state is State.SKIPPED
    units = subject.home / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / "other.timer").touch()
    assert clock.timers(subject).state is State.SKIPPED
    (units / "leachwatch-scan-shan.timer").touch()
    assert clock.timers(subject).state is State.WARN  # nobody to ask
    program(programs, "systemctl", 'test "$1 $2 $3" = "--user is-active leachwatch-scan-shan.timer" && echo active')
    assert clock.timers(subject) == ok("timers", "active: shan")
    (tmp_path / "linger").mkdir()
    assert clock.timers(subject).todo == "loginctl enable-linger me"
    (tmp_path / "linger" / "me").touch()
    assert clock.timers(subject).state is State.OK
    program(programs, "systemctl", "echo inactive; exit 3")
    assert clock.timers(subject).todo == "systemctl --user enable --now leachwatch-scan-shan.timer"
    program(programs, "systemctl", "echo 'Failed to connect to bus'; exit 1")
    assert "systemd does not answer" in clock.timers(subject).found


# --- what an archive remembers


def test_registry(subject: Subject) -> None:
    assert kept.registry(subject) == ok("registry", "registry.json 1 sites")
    path = subject.archive / "registry-simulated-b.json"
    path.write_text((subject.archive / "registry.json").read_text()[:-9])
    assert kept.registry(subject).state is State.FAIL
    assert str(path) in kept.registry(subject).found
    for each in subject.archive.glob("registry*"):
        each.unlink()
    assert kept.registry(subject).state is State.SKIPPED


def test_pending_publication(subject: Subject) -> None:
    assert kept.publication(subject).state is State.OK
    pending = subject.archive / "pending.json"
    pending.write_text(json.dumps({"out": "/x/out/shan", "files": {}, "registry": ""}))
    assert kept.publication(subject).state is State.WARN
    assert "/x/out/shan" in kept.publication(subject).found
    pending.write_text('{"out"')
    assert kept.publication(subject).state is State.FAIL
    assert pending.exists()


def test_ledger(subject: Subject) -> None:
    assert kept.ledger(subject) == ok("ledger", "1 lines: 3.0 MB in 2 requests")
    path = subject.archive / "ledger.jsonl"
    with path.open("a") as file:
        file.write('{"at": "yesterday"}\n')
    (subject.archive / "ledger.damaged").write_text('{"at": "yesterday"}\n')
    assert kept.ledger(subject).state is State.WARN
    assert "1 lines were damaged" in kept.ledger(subject).found
    path.unlink()
    path.mkdir()
    assert kept.ledger(subject).state is State.FAIL
    path.rmdir()
    assert kept.ledger(subject).state is State.SKIPPED


def test_indexes_of_looks(subject: Subject) -> None:
    assert kept.looks(subject) == ok("looks", "1 in 1 shelves, all lines sound")
    with index(subject).open("ab") as file:
        file.write(b'\n1ad77fe9 {"file": "b"}\n')
    assert kept.looks(subject).found == "1 of 2 lines in 1 indexes are damaged"
    assert kept.looks(subject).state is State.WARN
    index(subject).unlink()
    assert kept.looks(subject).state is State.SKIPPED
    index(subject).mkdir()
    assert kept.looks(subject).state is State.FAIL


def test_an_index_that_the_program_wrote_is_sound(subject: Subject, tmp_path: Path) -> None:
    lines.append(tmp_path / "index.jsonl", [b'{"file": "a"}'])
    assert index(subject).read_bytes() == (tmp_path / "index.jsonl").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="who holds a lock is told by Linux only")
def test_locks(subject: Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert kept.locks(subject).found.endswith("files, all free")
    with locked(subject.archive / "registry.json", "test"), locked(subject.out / "shan", "test"):
        found = kept.locks(subject)
        assert found.state is State.OK
        assert f".registry.json.lock by process {os.getpid()} (" in found.found
        assert f".shan.lock by process {os.getpid()} (" in found.found
    for name in (".registry.json.lock", ".other.lock"):
        (subject.archive / name).touch()
    assert kept.locks(subject).found.endswith("files, all free")
    no_access(monkeypatch, subject.archive / ".other.lock")
    assert kept.locks(subject).state is State.FAIL
    monkeypatch.undo()
    monkeypatch.setattr(kept, "KERNEL_LOCKS", tmp_path / "none")
    assert kept.locks(subject).state is State.SKIPPED


def test_leases(subject: Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("b00t\n")
    monkeypatch.setattr(lease, "BOOT", boot)
    path = subject.out / ".shan.lease"
    mine = {"token": "t", "host": socket.gethostname(), "boot": "b00t", "process": os.getpid(), "beat": 3}

    def state(**changes: object) -> Finding:
        path.write_text(json.dumps({**mine, **changes}))
        return kept.leases(subject)

    assert kept.leases(subject).state is State.OK
    assert state() == ok("leases", "held by a run: .shan.lease")
    assert state(process=2**22 + 1).found.endswith("which has ended")
    assert state(boot="before").found.endswith("before this machine was started anew")
    assert state(boot="theirs", host="another").state is State.OK
    old = time.time() - 3600
    os.utime(path, (old, old))
    assert kept.leases(subject).found.endswith("on another, 60 minutes ago")
    path.write_text("{")
    assert kept.leases(subject).state is State.WARN


def test_leftovers(subject: Subject) -> None:
    part = subject.archive / "looks" / ".a.tif.0123.part"
    part.write_bytes(b"x" * 1000)
    assert kept.leftovers(subject).state is State.OK  # a run may be at it
    old = time.time() - 2 * 86_400
    os.utime(part, (old, old))
    assert kept.leftovers(subject).state is State.WARN
    assert "1 parts of files" in kept.leftovers(subject).found


# --- all together


def test_every_check_of_the_house_is_asked(subject: Subject) -> None:
    """A sound installation has nothing that fails, each finding bears the name of its check, and nothing is changed."""
    before = {path: path.stat().st_mtime_ns for path in subject.archive.rglob("*") if path.is_file()}
    findings = doctor.examine(subject)
    assert [finding.name for finding in findings] == [name for name, _ in doctor.CHECKS]
    assert not [finding for finding in findings if finding.state is State.FAIL]
    assert {path: path.stat().st_mtime_ns for path in subject.archive.rglob("*") if path.is_file()} == before
    for finding in findings:
        assert "\n" not in finding.found + finding.todo
        assert bool(finding.todo) or finding.state in (State.OK, State.SKIPPED), finding


def test_a_check_that_cannot_be_done_does_not_end_the_others(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Subject) -> Finding:
        raise OSError(116, "Stale file handle", "/mnt/archive")

    monkeypatch.setattr(doctor, "CHECKS", (("one", away), ("two", private.earthsearch)))
    one, two = doctor.examine(subject)
    assert (one.state, two.state) == (State.FAIL, State.OK)
    assert "Stale file handle" in one.found


def test_the_list_is_aligned_and_says_what_to_do() -> None:
    findings = [ok("a", "fine"), warn("b", "so so " * 30, "mend it"), failed("c", "bad", "now"), skipped("d", "none")]
    lines = table(findings).splitlines()
    assert max(map(len, lines)) <= 120
    assert {re.match(r"\S?\s+(?:ok|warn|fail|skipped)?\s*", line).end() for line in lines if "→" not in line} == {33}
    assert [line.strip() for line in lines if "→" in line] == ["→ mend it", "→ now"]
    assert verdict(findings) == "1 of 4 checks failed; the first is c: bad; now"
    assert verdict(findings[:2]) == ""


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LEACHWATCH_SH_CLIENT_SECRET", raising=False)
    assert main(["doctor"]) == 0
    assert re.search(r"^python +ok +Python 3", capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("LEACHWATCH_SH_CLIENT_ID", CLIENT["LEACHWATCH_SH_CLIENT_ID"])
    assert main(["doctor", "--format", "json"]) == 2
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert told["counts"]["fail"] == 1
    assert {row["name"]: row["state"] for row in told["findings"]}["sentinelhub"] == "fail"
    assert said.err.startswith(
        f"leachwatch: error: 1 of {len(doctor.CHECKS)} checks failed; the first is sentinelhub: "
    )
    assert said.err.count("\n") == 1
    assert stat.S_ISDIR(tmp_path.stat().st_mode)
