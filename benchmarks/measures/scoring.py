"""Scoring a file of pairs with an oracle: what `drdoctl score` runs against padded batches of 8 in file order."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return both scorers on the world's training pairs."""
    given = {"oracle": str(ready.oracle), "file": str(ready.folder / "train.jsonl"), "tokens": ready.tokens}
    return {
        "drdoctl": Side("benchmarks.sides.scoring:ours", given, ready.environment("score")),
        "padded": Side("benchmarks.sides.scoring:padded", given),
    }


MEASURE = Measure(
    "Scoring a file of pairs",
    sides,
    (Row("scoring a file of pairs", "drdoctl", ("padded",), "transformers, padded batches of 8", target=2.7),),
    needs_trl=False,
    agree="rewards",
)
