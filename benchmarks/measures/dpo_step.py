"""A DPO step with the reference cached on both sides, and the memory it takes: drdoctl against TRL."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's align stage, and TRL with its log-probabilities precomputed."""
    return {"drdoctl": ready.job("align"), "trl": ready.peer("benchmarks.sides.trl:dpo", precompute=True)}


AGAINST = "TRL with `precompute_ref_log_probs`"
MEASURE = Measure(
    "DPO step, reference cached on both sides",
    sides,
    (
        Row("DPO step, reference cached", "drdoctl", ("trl",), AGAINST, target=4.2),
        Row("peak memory of alignment", "drdoctl", ("trl",), AGAINST, "memory", target=0.33, speedup=False),
    ),
    agree="losses",
)
