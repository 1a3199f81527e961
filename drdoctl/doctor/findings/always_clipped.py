"""Every step is clipped, and by much: clipping sets the size of all steps, and guards against outliers no more."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from drdoctl.doctor.case import TRAINING, Case, Finding

KINDS = tuple(TRAINING)
ALWAYS = 0.95
"""Share of the steps."""
BY_MUCH = 100.0
"""Median norm over the limit. AdamW undoes a constant factor: sound students have 3 (DRDO) and 72 (IPO of sums)."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note."""
    limit = case.training("max_grad_norm")
    norms = [float(line["grad_norm"]) for line in case.lines if isinstance(line.get("grad_norm"), int | float)]
    if case.end is None or not limit or not norms:
        return
    share, usual = sum(norm > limit for norm in norms) / len(norms), statistics.median(norms)
    if share < ALWAYS or not usual > BY_MUCH * limit:
        return
    said = (
        f"{100 * share:.0f} % of the steps are clipped, by a factor of {usual / limit:.0f} in the middle: every batch "
        "weighs alike, whatever its gradient"
    )
    advice = f"nothing to mend while the loss falls; with `max_grad_norm: {2 * usual:.2g}` only outliers are clipped"
    values = {"clipped_share": share, "median_grad_norm": usual, "max_grad_norm": limit}
    yield Finding("note", said, advice, (case.seen("metrics.jsonl", values),))
