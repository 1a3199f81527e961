"""Single steps have gradients far above the others': odd rows, or a learning rate at the edge.

Clipping takes care of each; small batches of real text have such steps, as their losses have long tails.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._rate import rate_now

KINDS = ("sft", "oracle", "align")
SPIKE = 10.0
"""Times the median norm of the steps after warm-up; 1.6 to 3.5 is the most in sound runs of the generated world."""
SETTLED = 0.1
"""Share of the steps that is left out at the start, where norms are large in any case."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note with the steps of the largest spikes."""
    lines = case.lines[int(SETTLED * len(case.lines)) :]
    norms = {int(line["step"]): float(line["grad_norm"]) for line in lines if line.get("grad_norm")}
    if case.end is None or len(norms) < 8:
        return
    usual = statistics.median(norms.values())
    spikes = {step: norm for step, norm in norms.items() if norm > SPIKE * usual}
    if not usual > 0 or not spikes:
        return
    top = sorted(spikes, key=lambda step: -spikes[step])[:3]
    said = f"the gradient norm jumps to {max(spikes.values()):.3g} at step {top[0]:,}, where {usual:.3g} is usual"
    if len(spikes) > 1:
        said += f" ({len(spikes)} steps of {len(norms):,} lie above {SPIKE:g} times that)"
    advice = f"clipping takes care of it; if the loss suffers, look at that step's rows or lower {rate_now(case)}"
    values = {"median_grad_norm": usual, **{f"grad_norm_at_{step}": spikes[step] for step in top}}
    yield Finding("note", said, advice, (case.seen("metrics.jsonl", values),))
