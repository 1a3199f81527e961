"""`metrics.jsonl`, one line a step: read as far as it is whole, finished or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SKIPPED = "skipped"
"""Metric of a step that was left out, because its loss or gradients were not finite."""

LARGE = 1 << 63
"""No metric is a whole number of that size."""


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Return a metrics file's whole lines, `step` and metric -> mean over the global batch; [] where there is none.

    What comes after a line that is not whole (a crash tore it), or that is no step with numbers, is left out.
    """
    lines: list[dict[str, Any]] = []
    if not path.exists():
        return lines
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            break
        if not _is_line(line):
            break
        lines.append(line)
    return lines


def _is_line(line: Any) -> bool:
    """Whether a value is the metrics of one step: a whole number `step`, and numbers that a float can hold."""
    if not isinstance(line, dict) or type(line.get("step")) is not int or line["step"] < 0:
        return False
    return all(isinstance(value, float) or (type(value) is int and abs(value) < LARGE) for value in line.values())
