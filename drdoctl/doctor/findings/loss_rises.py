"""The training loss rises: the learning rate is too high."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drdoctl.doctor.case import TRAINING, Case, Finding
from drdoctl.doctor.findings._rate import rate_now
from drdoctl.doctor.window import Window

KINDS = tuple(TRAINING)
RISE = 0.05
"""Share of the best stretch's loss by which the last is above it; less comes and goes with the batches."""
SURE = 4.0
"""And standard errors of that difference: the best of several stretches is lucky by about two."""
STRETCHES = 4


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning where the last quarter's loss lies above an earlier quarter's by more than chance."""
    size = len(case.lines) // STRETCHES
    if case.end is None or size < 4:
        return
    parts = [Window(case.lines[at * size : (at + 1) * size]) for at in range(STRETCHES)]
    if not all(part.has("loss") for part in parts):
        return
    best, last = min(parts, key=lambda part: part.mean("loss")), parts[-1]
    rise = last.mean("loss") - best.mean("loss")
    if rise <= RISE * abs(best.mean("loss")) or rise <= SURE * math.hypot(last.error("loss"), best.error("loss")):
        return
    said = f"the loss rises: {best.mean('loss'):.3g} at best, {last.mean('loss'):.3g} at the end"
    names = ("loss", "grad_norm", "lr")
    yield Finding("warning", said, f"lower {rate_now(case)}", (case.logged(best, *names), case.logged(last, *names)))
