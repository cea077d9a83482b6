"""The image and the ways to schedule scans, as far as they can be judged without docker, a cluster or a host of workflows."""

import argparse
import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.alerts.send import ADDRESSES, PING
from pipeline.cli import parser
from pipeline.sources.sentinel_hub.auth import PREFIXES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "scheduling.md").read_text()
SECRET_NAMES = re.compile(
    r"SECRET|PASSWORD|TOKEN|CREDENTIAL|API_?KEY|ACCESS_KEY|LEACHWATCH_(ALERTS|PING)", re.IGNORECASE
)


@cache
def instructions() -> tuple[tuple[str, str], ...]:
    """Those of the Dockerfile, as (name, rest), with continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    split = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return tuple((name, rest) for name, rest in split)


def every(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def sources() -> list[str]:
    """What is copied into the image."""
    return [word for rest in every("COPY") for word in shlex.split(rest)[:-1]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def workflow() -> dict[str, Any]:
    (text,) = blocks("yaml")
    return pytest.importorskip("yaml").safe_load(text)


def steps() -> list[dict[str, Any]]:
    (job,) = workflow()["jobs"].values()
    return job["steps"]


# The image


def test_every_instruction_is_one_that_docker_knows() -> None:
    assert {name for name, _ in instructions()} <= {
        "FROM", "ARG", "ENV", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    assert instructions()[0][0] == "FROM"


def test_it_stands_on_one_named_version_of_python_that_we_support() -> None:
    (base,) = every("FROM")
    version = re.fullmatch(r"python:(\d+)\.(\d+)-slim-[a-z]+", base)
    assert version, f"{base}: name a version and a release of Debian, not what is newest today"
    least = re.search(
        r">=(\d+)\.(\d+)", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    )
    assert tuple(map(int, version.groups())) >= tuple(map(int, least.groups()))


def test_it_runs_as_nobody_in_particular() -> None:
    users = every("USER")
    assert users
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]), "a number, so that those who forbid root can see it"
    last = max(k for k, (name, _) in enumerate(instructions()) if name == "USER")
    assert not [rest for name, rest in instructions()[last:] if name == "RUN" and "pip install" in rest]
    assert f"-o {users[-1].split(':')[0]} " in " ".join(every("RUN")), "the folder for data must be that user's"


def test_it_starts_the_command_in_the_folder_that_is_kept() -> None:
    assert every("ENTRYPOINT") == ['["leachwatch"]']
    assert every("VOLUME") == [f'["{every("WORKDIR")[-1]}"]']


def test_no_secret_is_in_it_or_asked_for_to_build_it() -> None:
    for name, rest in instructions():
        if name in ("ARG", "ENV"):
            assert not SECRET_NAMES.search(rest), f"{name} {rest}: stays in the image for all to read"
        assert "--mount=type=secret" not in rest
        assert not re.search(r"\bADD\b|https?://", rest), rest


def test_what_is_copied_exists_and_is_let_through() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "nothing but what is named"
    named = {line[1:] for line in lines if line.startswith("!")}
    assert named == set(sources())
    assert all((ROOT / source).exists() for source in sources())
    assert named.isdisjoint({".git", ".venv", "archive", "out", "dist", "tests", "."})


def test_what_is_copied_is_enough_to_build_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {*project["tool"]["setuptools"]["package-dir"].values(), "pipeline"}
    files = {project["project"]["readme"], "pyproject.toml", "constraints.txt"}
    assert folders | files == set(sources())


def test_hidden_files_stay_out_and_no_tracked_one_is_needed() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("**/")]
    assert "**/.*" in ignored
    assert fnmatch.fnmatch("configs/.env", ignored[-1])


@pytest.mark.parametrize("torch", ["", "torch==2.12.0 --index-url file:///wheels"])
def test_the_steps_that_install_do_so_by_the_list_of_tested_versions(tmp_path: Path, torch: str) -> None:
    """Runs the step that installs dependencies, in `sh`, with a `pip` that only tells what it was asked."""
    (step,) = [rest for rest in every("RUN") if "requirements.txt" in rest]
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "pip").write_text('#!/bin/sh\necho "$@" >> asked\n')
    (folder / "pip").chmod(0o755)
    (folder / "python").symlink_to(sys.executable)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "TORCH": torch}
    subprocess.run(["/bin/sh", "-ec", step], cwd=tmp_path, env=environment, check=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[-1] == "install --constraint constraints.txt --requirement requirements.txt"
    assert asked[:-1] == ([f"install --constraint constraints.txt {torch}"] if torch else [])
    pinned = "\ntorch==" in (tmp_path / "constraints.txt").read_text()
    assert pinned == (not torch)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["alerts"], *extras["cluster"]]
    assert (tmp_path / "requirements.txt").read_text().splitlines() == wanted


@pytest.mark.parametrize("works", [True, False])
def test_ci_needs_no_docker_and_uses_it_where_it_works(tmp_path: Path, works: bool) -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    (container,) = re.findall(r"^container\(\) \{\n.*?^\}\n", ci, re.MULTILINE | re.DOTALL)
    assert re.search(r"^step container$", ci, re.MULTILINE)
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n[ "$1" != info ] || exit {0 if works else 1}\n')
    docker.chmod(0o755)
    script = f"set -euo pipefail\n{container}container\n"
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    asked = [line.split()[0] for line in (tmp_path / "asked").read_text().splitlines()]
    assert asked == (["info", "build", "run", "image"] if works else ["info"])
    assert ("not built" in done.stdout) == (not works)


# The page


def scans() -> list[list[str]]:
    """The words after `leachwatch` in each command of the page, wherever it is run."""
    text = "\n".join(re.findall(r"```\w+\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
    found = re.findall(r"\bleachwatch ((?:scan|status|schedule|unschedule) .*|status)$", text, re.MULTILINE)
    return [
        shlex.split(re.sub(r' \|\| .*|"\$address"', lambda m: "tcp://x:1" if "addr" in m[0] else "", each))
        for each in found
    ]


def test_every_command_of_the_page_is_one_that_the_program_takes() -> None:
    found = scans()
    assert len(found) >= 12
    assert sum("--scheduler" in words for words in found) == 1
    for words in found:
        assert isinstance(parser().parse_args(words), argparse.Namespace)


def test_no_command_of_the_page_holds_a_secret() -> None:
    for block in re.findall(r"```\w+\n(.*?)```", PAGE, re.DOTALL):
        for name, value in re.findall(r"(\w*(?:SECRET|TOKEN|PASSWORD|ALERTS|PING)\w*)[=:] *(\S*)", block):
            assert value.startswith("${{"), f"{name} has a value on the page"


def test_the_variables_that_the_container_is_given_are_those_that_are_read() -> None:
    given = set(re.findall(r"--env (\w+)", PAGE)) - {"NAME"}
    assert given == {ADDRESSES, PING, *(f"{PREFIXES[0]}{name}" for name in ("CLIENT_ID", "CLIENT_SECRET"))}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units_of_the_container(tmp_path: Path) -> None:
    service, timer = blocks("ini")
    for name, text in (("service", service), ("timer", timer)):
        # /bin/true: docker need not be here
        (tmp_path / f"leachwatch-container.{name}").write_text(text.replace("/usr/bin/docker", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(tmp_path / "leachwatch-container.timer"),
         str(tmp_path / "leachwatch-container.service")],
        capture_output=True, text=True, check=False, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    told = [line for line in done.stderr.splitlines() if "leachwatch-container" in line]
    assert (told, done.returncode) == ([], 0)


def test_the_workflow_keeps_the_registry_in_a_branch_and_only_looks_in_a_cache() -> None:
    cached = [step["with"]["path"] for step in steps() if "actions/cache" in step.get("uses", "")]
    assert cached == ["state/archive/looks"] * 2
    (keep,) = [step for step in steps() if "git push" in step.get("run", "")]
    assert keep["if"] == "always()"
    assert workflow()["concurrency"] == {"group": "scan", "cancel-in-progress": False}


def test_what_the_workflow_commits_is_what_cannot_be_made_again(tmp_path: Path) -> None:
    """Runs its step in a repository, against one that plays the host."""
    (keep,) = [step["run"] for step in steps() if "git push" in step.get("run", "")]
    host, state = tmp_path / "host.git", tmp_path / "state"
    quiet = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }

    def do(*words: str, cwd: Path = tmp_path) -> str:
        return subprocess.run(words, cwd=cwd, env=quiet, check=True, capture_output=True, text=True).stdout

    do("git", "init", "--quiet", "--bare", str(host))
    do("git", "clone", "--quiet", str(host), str(state))
    kept = ["archive/registry.json", "archive/ledger.jsonl", "archive/scans/shan.jsonl", "archive/outbox/shan/sent.jsonl",
            "archive/pending.json", "archive/schedules.json", "out/shan/reviews.gpkg", "out/shan/sites.geojson"]  # fmt: skip
    made_again = ["archive/looks/r/a.npz", "archive/looks-simulated-x/r/a.npz", "archive/decoded/a.tif",
                  "archive/contents.json", "archive/scans/.shan.jsonl.lock", "archive/scans/.shan.jsonl.lease"]  # fmt: skip
    for name in (*kept, *made_again):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text(name)
    for _ in range(2):  # the second time there is nothing to commit, and that is no failure
        do("bash", "-e", "-c", keep, cwd=state)
    assert set(do("git", "ls-tree", "-r", "--name-only", "state", cwd=host).split()) == {*kept, ".gitignore"}


@pytest.mark.parametrize(("ends", "job"), [(0, 0), (2, 2), (3, 0), (4, 0), (5, 5), (6, 6)])
def test_a_job_fails_only_where_somebody_must_do_something(tmp_path: Path, ends: int, job: int) -> None:
    (scan,) = [step["run"] for step in steps() if "leachwatch scan" in step.get("run", "")]
    (tmp_path / "leachwatch").write_text(f"#!/bin/sh\nexit {ends}\n")
    (tmp_path / "leachwatch").chmod(0o755)
    done = subprocess.run(["bash", "-e", "-c", scan], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    assert done.returncode == job


def ends_soon(process: int) -> bool:
    for _ in range(50):
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or ") Z " in state.read_text():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_the_script_for_a_cluster_ends_its_workers_and_hands_on_the_exit_code(tmp_path: Path) -> None:
    """Runs it with programs that only tell what they were asked; `srun` and the scheduler run until they are ended."""
    (script,) = blocks("bash")
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    waits = '#!/bin/sh\necho "$0 $@" >> asked\necho $$ >> running\nexec sleep 60\n'
    for path, text in (
        (folder / "dask", waits),
        (folder / "srun", waits),
        (folder / "leachwatch", '#!/bin/sh\necho "$0 $@ [$HELD]" >> asked\nexit 6\n'),
    ):
        path.write_text(text)
        path.chmod(0o755)
    secrets = tmp_path / ".config" / "leachwatch" / "environment"
    secrets.parent.mkdir(parents=True)
    secrets.write_text('HELD="a b"\n')
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(tmp_path), "SLURM_JOB_ID": "1234567"}
    shorter = script.replace("sleep 30 ", "sleep 1 ")
    assert shorter != script
    done = subprocess.run(["bash", "-c", shorter], cwd=tmp_path, env=environment, check=False, timeout=30)
    assert done.returncode == 6
    for process in (tmp_path / "running").read_text().split():
        assert ends_soon(int(process)), "what it started goes on after it"
    asked = (tmp_path / "asked").read_text()
    (address,) = set(re.findall(r"tcp://\S+", asked))
    port = address.rpartition(":")[2]
    assert f"dask scheduler --port {port} " in asked
    assert 20_000 <= int(port) < 32_768, "below the ports that systems give out"
    assert f"--scheduler {address} [a b]" in asked


@pytest.mark.parametrize("tool", ["scheduler", "worker"])
def test_dask_knows_the_options_of_the_script(tool: str) -> None:
    pytest.importorskip("distributed")
    from distributed.cli import dask_scheduler, dask_worker

    command = {"scheduler": dask_scheduler, "worker": dask_worker}[tool].main
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    (script,) = blocks("bash")
    (line,) = re.findall(rf"bin/dask {tool} (.*)&$", script.replace("\\\n", " "), re.MULTILINE)
    asked = set(re.findall(r"--[a-z-]+", line))
    assert asked
    assert asked <= known
