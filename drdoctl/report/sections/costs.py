"""What it took against what the plan expected: time, memory, money, disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.report.markup import note, table
from drdoctl.report.provenance import duration, gib, size
from drdoctl.report.tables import Table, number

TITLE = "Costs"
PLACE = 100


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no stage is finished."""
    done = [row for row in report["stages"] if row["done"]]
    if not done:
        return ""
    said = (
        "Times are of wall clocks, all attempts together; memory is the peak of the largest process. What was expected "
        "is what the plan said before the stage ran."
    )
    if report["total"]["assumed"]:
        said += " Times marked * rest on an assumed speed: no earlier stage had told how fast this machine is."
    return table(stages(done, report["total"])) + note(said)


def stages(rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any]) -> Table:
    """Return one row a stage and one for all together."""
    lines = [_cells(row["id"], row) for row in rows] + [_cells("all stages", total)]
    columns = ["stage", "took", "expected", "memory", "expected memory", "money", "size"]
    # what nothing is known of, such as expectations of a machine's first run, is left out
    return Table("Each stage", columns, lines).filled()


def _cells(name: str, row: Mapping[str, Any]) -> list[str]:
    expected = duration(row["estimated_seconds"])
    times = [duration(row["seconds"]), f"{expected} *" if row["assumed"] else expected]
    return [name, *times, gib(row["peak_gib"]), gib(row["estimated_gib"]), number(row["cost"]), size(row["size"])]
