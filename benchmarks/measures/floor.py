"""An alignment step against the floor: the same unique tokens through the bare backbone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's align stage, the floor, and the floor with our matrix products, all in float32."""
    with_ours = ready.peer("benchmarks.sides.floor:train", our_products=True)
    return {
        "drdoctl": ready.job("align"),
        "floor": ready.peer("benchmarks.sides.floor:train"),
        "floor-products": replace(with_ours, environment=ready.environment("align")),
    }


AGAINST = "the floor with our matrix products"
MEASURE = Measure(
    "Alignment step against the floor",
    sides,
    (
        Row("alignment step", "drdoctl", ("floor",), "the floor", target=1.05, speedup=False),
        Row("the same, products alike", "drdoctl", ("floor-products",), AGAINST, target=1.05, speedup=False),
    ),
    needs_trl=False,
)
