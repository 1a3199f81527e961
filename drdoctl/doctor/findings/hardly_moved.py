"""The student hardly moved from its reference: too low a learning rate, or too few steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._rate import rate_now

KINDS = ("align",)
MOVED = 0.05
"""Root mean square of the student's own reward margin; two responses 0.05 apart are preferred 51 to 49."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning for a finished student that began at its reference."""
    end = case.end
    if case.state != "done" or "logps" not in case.inputs or end is None or not end.has("implicit_margin_sq"):
        return
    size = math.sqrt(end.mean("implicit_margin_sq"))
    if size >= MOVED:
        return
    said = f"the student hardly moved from its reference: its own reward margins are {size:.2g} in size at the end"
    advice = f"raise {rate_now(case)}, or give it more steps"
    names = ("implicit_margin", "implicit_accuracy", "loss", "grad_norm")
    yield Finding("warning", said, advice, (case.logged(end, *names, implicit_margin_rms=size),))
