"""What a checkpoint every fourth step costs: sealed by a thread while training goes on, and with training waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.measure import Measure, Row
from benchmarks.runs import Side
from benchmarks.worlds import Ready

EVERY = 4


def sides(ready: Ready) -> Mapping[str, Side]:
    """Return the align stage without checkpoints, with them, and with them but waiting until each is sealed."""
    saving = ready.job("align", f"resources.checkpoint_steps={EVERY}")
    return {
        "none": ready.job("align"),
        "sealed-beside": saving,
        "waiting": replace(saving, target="benchmarks.sides.ours:waiting"),
    }


MEASURE = Measure(
    "Checkpoints",
    sides,
    (
        Row(f"a checkpoint every {EVERY} steps", "sealed-beside", ("none",), "no checkpoints", speedup=False),
        Row("the same, training waits until it is sealed", "waiting", ("none",), "no checkpoints", speedup=False),
    ),
    worlds=("pairs", "smollm2"),
    needs_trl=False,
    agree="losses",
)
