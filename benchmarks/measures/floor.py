"""An alignment step against the floor: the same unique tokens through the bare backbone."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's align stage and the floor, both in float32."""
    return {
        "drdoctl": ready.job("align"),
        "floor": ready.peer("benchmarks.sides.floor:train"),
    }


MEASURE = Measure(
    "Alignment step against the floor",
    sides,
    (Row("alignment step", "drdoctl", ("floor",), "the floor", target=1.05, speedup=False),),
    needs_trl=False,
)
