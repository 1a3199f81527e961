"""An alignment step against the floor: the same unique tokens through the bare backbone."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's align stage in both arithmetics, and the floor in float32."""
    return {
        "drdoctl": ready.job("align"),
        "floor": ready.peer("benchmarks.sides.floor:train"),
        "drdoctl-bf16": ready.job("align", "student.dtype=bf16"),
    }


MEASURE = Measure(
    "Alignment step against the floor",
    sides,
    (
        Row("alignment step", "drdoctl", ("floor",), "the floor", target=1.05, speedup=False),
        Row("bf16 alignment step", "drdoctl-bf16", ("floor",), "the float32 floor", target=0.78, speedup=False),
    ),
    needs_trl=False,
)
