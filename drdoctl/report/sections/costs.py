"""What it took against what the plan expected: time, memory, money, disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.report.markup import note, table
from drdoctl.report.provenance import duration, gib, size
from drdoctl.report.tables import NOTHING, Table, number

TITLE = "Costs"
PLACE = 100


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no stage is finished."""
    done = [row for row in report["stages"] if row["done"]]
    if not done:
        return ""
    said = (
        "Times are of wall clocks, all attempts together; memory is the peak of the largest process. What was expected "
        "is what the plan said before the stage ran; where it had nothing to go by, it said nothing."
    )
    return table(stages(done)) + note(said)


def stages(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row a stage and one for all together."""
    priced = any(row["cost"] is not None for row in rows)
    cells = [[row["id"], *_cells(row, priced=priced)] for row in rows]
    total = {
        key: sum(row[key] for row in rows if row[key] is not None) or None
        for key in ("seconds", "estimated_seconds", "cost")
    }
    if any(row["estimated_seconds"] is None for row in rows):
        total["estimated_seconds"] = None
    peaks = {
        key: max((row[key] for row in rows if row[key] is not None), default=None)
        for key in ("peak_gib", "estimated_gib")
    }
    whole = {**total, **peaks, "size": sum(row["size"] for row in rows)}
    columns = [
        "stage",
        "took",
        "expected",
        "took / expected",
        "memory",
        "expected memory",
        *(["money"] if priced else []),
        "size",
    ]
    rows = [*cells, ["all stages", *_cells(whole, priced=priced)]]
    # what nothing is known of, such as expectations of a machine's first run, is left out
    kept = [at for at in range(len(columns)) if any(row[at] != NOTHING for row in rows)]
    return Table("Each stage", [columns[at] for at in kept], [[row[at] for at in kept] for row in rows])


def _cells(row: Mapping[str, Any], *, priced: bool) -> list[str]:
    took, expected = row["seconds"], row["estimated_seconds"]
    ratio = f"{took / expected:.2f}" if took and expected else NOTHING
    money = [number(row["cost"])] if priced else []
    return [
        duration(took),
        duration(expected),
        ratio,
        gib(row["peak_gib"]),
        gib(row["estimated_gib"]),
        *money,
        size(row["size"]),
    ]
