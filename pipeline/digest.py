"""One way to turn values into a hash that is the same in every run."""

import hashlib
import json


def sha256_of(parts: object) -> str:
    """SHA-256 of what JSON can hold; dates and paths count as their text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
