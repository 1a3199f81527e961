"""What a stage costs before it computes: in a warm child, and in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return an align stage whose steps all take the same rows, started in both ways."""
    job = ready.job("align", f"data.max_rows={ready.world.batch}", "train.max_steps=6").arguments["job"]
    job = {**job, "parent": 0}  # its parent is the side's process, not this one
    return {
        "warm": Side("benchmarks.sides.starts:warm", {"job": job}),
        "cold": Side("benchmarks.sides.starts:cold", {"job": job}),
    }


MEASURE = Measure(
    "Start of a stage",
    sides,
    (
        Row("next stage in a warm child, beyond a later step's time", "warm", (), "", "overhead", 0.1, speedup=False),
        Row("stage in a process of its own, to its first step", "cold", (), "", "total", 5.0, speedup=False),
    ),
    worlds=("pairs",),
    needs_trl=False,
)
