"""Imitation did not lower its loss: too low a learning rate, too few steps, or nothing to learn."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._rate import rate_now

KINDS = ("sft",)
FALL = 0.02
"""A fall by less than this share of the first loss; SFT from a tuned model has some per cent, from a new one half."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning for a finished stage, where its batches are even enough to show such a fall.

    Preference losses may stay flat for good reasons: see `hardly_moved`.
    """
    start, end = case.start, case.end
    if case.state != "done" or start is None or end is None or not (start.has("loss") and end.has("loss")):
        return
    fall, least = start.mean("loss") - end.mean("loss"), FALL * abs(start.mean("loss"))
    if not abs(fall) < least or 2 * math.hypot(start.error("loss"), end.error("loss")) > least:
        return
    said = f"the loss is flat: {start.mean('loss'):.4g} at the start, {end.mean('loss'):.4g} at the end"
    advice = (
        f"raise {rate_now(case)} or the number of steps; if the model knows this data already, set `student.sft: false`"
    )
    yield Finding("warning", said, advice, (case.logged(start, "loss"), case.logged(end, "loss")))
