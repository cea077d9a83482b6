"""A hash of values that is the same in every run."""

import hashlib
import json


def sha256_of(parts: object) -> str:
    """SHA-256 of a value that JSON can hold; dates and paths count as their text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
