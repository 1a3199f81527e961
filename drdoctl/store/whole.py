"""Whether an artifact's files are all there, by their sizes: cheap enough to be asked of every one at each plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def lacks(folder: Path, manifest: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an artifact's files, None where each has its size. Reads no content.

    `` `model.safetensors` is missing``, or ``has 0 bytes in place of 1,204``; of several the first, and how many more.
    """
    faults = []
    for name, fact in manifest["files"].items():
        try:
            size = (folder / name).stat().st_size
        except OSError:
            faults.append(f"`{name}` is missing")
            continue
        if size != fact["size"]:
            faults.append(f"`{name}` has {size:,} bytes in place of {fact['size']:,}")
    more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
    return f"{faults[0]}{more}" if faults else None
