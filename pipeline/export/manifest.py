"""`manifest.json`: the provenance of a run."""

import json
from collections.abc import Mapping
from pathlib import Path

from pipeline import atomic


def write_manifest(path: Path, content: Mapping[str, object]) -> None:
    """Write the manifest atomically, as JSON that a person can read; raises as `atomic.write_text`."""
    atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
