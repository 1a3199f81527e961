"""Single steps have gradients far above the others': odd rows, or a learning rate at the edge.

Clipping takes care of each; small batches of real text have such steps, as their losses have long tails.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from drdoctl.doctor.case import TRAINING, Case, Finding
from drdoctl.doctor.findings._rate import rate_now

KINDS = tuple(TRAINING)
SPIKE = 10.0
"""Times the median norm of the steps around it; 2 to 3.5 is the most in sound runs of the generated world."""
AROUND = 10
"""Steps to each side that are looked at: norms fall by themselves over a training."""
SETTLED = 0.1
"""Share of the steps that is left out at the start, where norms are large in any case."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note with the steps of the largest spikes that lie above the clipping limit."""
    lines = case.lines[int(SETTLED * len(case.lines)) :]
    norms = [(int(line["step"]), float(line["grad_norm"])) for line in lines if line.get("grad_norm")]
    if case.end is None or len(norms) < AROUND:
        return
    spikes = dict(_spikes(norms, case.training("max_grad_norm") or 0.0))
    if not spikes:
        return
    top = sorted(spikes, key=lambda step: -spikes[step][0])[:3]
    norm, usual = spikes[top[0]]
    said = f"the gradient norm jumps to {norm:.3g} at step {top[0]:,}, where {usual:.3g} is usual"
    if len(spikes) > 1:
        said += f" ({len(spikes)} of {len(norms):,} steps do so)"
    advice = f"clipping takes care of it; if the loss suffers, look at that step's rows or lower {rate_now(case)}"
    values = {f"grad_norm_at_{step}": spikes[step][0] for step in top} | {"median_around": usual}
    yield Finding("note", said, advice, (case.seen("metrics.jsonl", values),))


def _spikes(norms: Sequence[tuple[int, float]], limit: float) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield step, its norm and the usual one of those that are far above both their neighbours and the limit."""
    for at, (step, norm) in enumerate(norms):
        near = [other for _, other in norms[max(0, at - AROUND) : at + AROUND + 1]]
        usual = statistics.median(near)
        if norm > max(limit, SPIKE * usual):
            yield step, (norm, usual)
