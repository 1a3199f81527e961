"""Numbers that are not finite in the log: gradients that overflowed, or metrics that could not be computed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drdoctl.doctor.case import TRAINING, Case, Finding
from drdoctl.doctor.findings._rate import rate_now

KINDS = tuple(TRAINING)


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault for gradients, a warning for other metrics. A loss that is not finite ends its stage by itself."""
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
    if "grad_norm" in bad:
        yield Finding("fault", said, f"lower {rate_now(case)}, or train in `dtype: fp32`", evidence)
    else:
        yield Finding("warning", said, "look at the rows of that step; the means over steps leave them out", evidence)
