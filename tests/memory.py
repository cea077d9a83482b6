"""How much memory something takes, measured in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

PEAK = """
import re
from pathlib import Path


def peak_mb():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1000
"""
"""A process inherits `ru_maxrss` of whoever started it, so the kernel is asked for its own."""
HERE = Path(__file__).parent
AROUND = """
before = peak_mb()
{act}
print(peak_mb() - before)
"""


def memory_mb(prepare: str, act: str) -> float:
    """By how much the peak memory of a process grows while it runs `act`, MB; `prepare` is what it runs before."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PEAK + prepare + AROUND.format(act=act)],
        capture_output=True, text=True, timeout=300, check=False, cwd=HERE.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE)))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])
