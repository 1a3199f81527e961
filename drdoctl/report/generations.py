"""A few prompts with every student's response to them, evenly spaced over the list."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.report.model import Generation, ResponseRow
from drdoctl.report.samples import Way

PROMPTS = 8
"""Prompts shown with every student's response."""


def generations(
    groups: Mapping[str, Way], data: Path | None, way: str | None, judges: Mapping[str, str]
) -> list[Generation]:
    """Return the prompts shown. `groups`: label -> samples of this way, of students that were asked these prompts."""
    if data is None or way is None:
        return []
    import pyarrow.parquet as pq

    table = pq.read_table(data / "prompts.parquet", columns=["id", "prompt"]).to_pylist()
    shown = [row for row in table if all(row["id"] in group.places for group in groups.values())]
    picked = [shown[index * len(shown) // PROMPTS] for index in range(PROMPTS)] if len(shown) > PROMPTS else shown
    return [
        Generation(
            id=row["id"],
            prompt=row["prompt"],
            sampling=way,
            responses=[_response(label, group.row(row["id"]), judges) for label, group in groups.items()],
        )
        for row in picked
    ]


def prompts_mark(data: Path) -> str:
    """Return a hash of a data artifact's prompts: students of one mark were asked the same, whatever reads them."""
    import pyarrow.parquet as pq

    table = pq.read_table(data / "prompts.parquet", columns=["id", "prompt"])
    sha = hashlib.sha256()
    for name in table.column_names:
        for text in table.column(name).to_pylist():
            sha.update(f"{len(text)}:{text}".encode())
    return sha.hexdigest()


def _response(label: str, row: Mapping[str, Any], judges: Mapping[str, str]) -> ResponseRow:
    scores = {name: row[name] for name in row if name in judges or name.startswith("truth.")}
    return ResponseRow(
        student=label,
        text=row["response"],
        tokens=row["tokens"],
        ended=row["ended"],
        scores={name: value if value is not None and math.isfinite(value) else None for name, value in scores.items()},
    )
