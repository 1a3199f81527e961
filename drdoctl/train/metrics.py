"""metrics.jsonl: one line a step, the same bytes whether the run was interrupted or not (so: no times in it)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drdoctl.core.files import disk_errors, write_atomic
from drdoctl.core.metrics import read_metrics


class MetricsFile:
    """Appends a line a step; on resume, lines after the checkpoint are cut."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist."""
        self.path = path

    def truncate(self, step: int) -> None:
        """Keep the lines of steps up to `step`; a torn last line goes."""
        kept = [line for line in read_metrics(self.path) if line["step"] <= step]
        write_atomic(self.path, "".join(_line(line) for line in kept))

    def append(self, step: int, values: dict[str, float]) -> None:
        """Add the step's line."""
        with disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(_line({"step": step, **values}))


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True) + "\n"
