"""Numbers that are not finite: steps that were skipped for them, or metrics that could not be computed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drdoctl.core.metrics import SKIPPED
from drdoctl.doctor.case import TRAINING, Case, Finding
from drdoctl.doctor.findings._rate import rate_now

KINDS = tuple(TRAINING)


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning for either. Without `skip_not_finite`, such a loss or gradient ends its stage by itself."""
    skipped = [int(line.get("step", 0)) for line in case.lines if line.get(SKIPPED)]
    if skipped:
        said = f"{len(skipped):,} of {len(case.lines):,} steps were skipped, first step {skipped[0]:,}: "
        said += "their loss or gradients were not finite"
        counted = case.seen("metrics.jsonl", {"first_step": skipped[0], SKIPPED: len(skipped)})
        advice = f"lower {rate_now(case)}, or look at the rows that `log.txt` names; what was skipped was not learnt"
        yield Finding("warning", said, advice, (counted,))
    bad: dict[str, list[int]] = {}
    for line in case.lines:
        for name, value in line.items():
            if isinstance(value, float) and not math.isfinite(value):
                bad.setdefault(name, []).append(int(line.get("step", 0)))
    if not bad:
        return
    steps = sorted({step for found in bad.values() for step in found})
    names = ", ".join(f"`{name}`" for name in sorted(bad))
    verb = "is" if len(bad) == 1 else "are"
    said = f"{names} {verb} not finite at {len(steps):,} of {len(case.lines):,} steps, first at step {steps[0]:,}"
    values: dict[str, float | int | str | None] = {name: len(found) for name, found in sorted(bad.items())}
    evidence = (case.seen("metrics.jsonl", {"first_step": steps[0], **values}),)
    yield Finding("warning", said, "look at the rows of that step; the means over steps leave them out", evidence)
