"""An alignment step in bf16 against the floor in float32."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's align stage in bf16, and the floor in float32."""
    return {
        "drdoctl": ready.job("align", "student.dtype=bf16"),
        "floor": ready.peer("benchmarks.sides.floor:train"),
    }


MEASURE = Measure(
    "bf16 alignment step against the float32 floor",
    sides,
    (Row("bf16 alignment step", "drdoctl", ("floor",), "the float32 floor", target=0.78, speedup=False),),
    needs_trl=False,
)
