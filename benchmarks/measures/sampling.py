"""Sampling for evaluation: drdoctl against transformers' `generate` in batches of 16, sorted by length."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return drdoctl's sampler and `generate`, on the same prompts with the same forced lengths."""
    given = {"model": str(ready.model), "prompts": str(ready.prompts_file)}
    return {
        "drdoctl": Side("benchmarks.sides.sampling:ours", given, ready.environment("evaluate")),
        "generate": Side("benchmarks.sides.sampling:generate", given),
    }


MEASURE = Measure(
    "Sampling, top-p 0.8 at temperature 0.9",
    sides,
    (Row("sampling", "drdoctl", ("generate",), "`generate`, batches of 16, sorted", target=2.3),),
    worlds=("pairs", "ultrafeedback", "smollm2"),
    needs_trl=False,
)
