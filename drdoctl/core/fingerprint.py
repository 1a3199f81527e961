"""Names made from content: canonical JSON and sha256.

A stage's fingerprint covers its kind, its code version, the slice of the spec it reads, the
fingerprints of its inputs and the hashes of what lies outside (data files, base models). It does
not cover `resources:`, paths, times or package versions; those are recorded in the manifest.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CHUNK = 1 << 20
FINGERPRINT_DIGITS = 12
"""How much of a fingerprint stands in an artifact's name."""


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces; floats that are whole numbers print as the integer (1.0 == 1)."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def digest(value: Any) -> str:
    """Return the sha256 of a JSON-able value, as 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def artifact_name(kind: str, fingerprint: str) -> str:
    """Return the folder's name in a store: `align-0be77af4c1d2`."""
    return f"{kind}-{fingerprint[:FINGERPRINT_DIGITS]}"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in chunks."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            sha.update(block)
    return sha.hexdigest()
