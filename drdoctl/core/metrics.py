"""`metrics.jsonl`, one line a step: read as far as it is whole, finished or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SKIPPED = "skipped"
"""Metric of a step that was left out, because its loss or gradients were not finite."""


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return a metrics file's whole lines, `step` and metric -> mean over the global batch; [] where there is none.

    What comes after a line that is not whole (a crash tore it) is left out.
    """
    lines: list[dict[str, Any]] = []
    if not path.exists():
        return lines
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            break
        if not isinstance(line, dict):
            break
        lines.append(line)
    return lines
