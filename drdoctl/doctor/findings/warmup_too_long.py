"""The warm-up takes most of the training, or never ends: the learning rate asked for is not the one that trained."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import TRAINING, Case, Finding

KINDS = tuple(TRAINING)
LONG = 0.5
"""Share of the steps that a warm-up may take; a tenth or less is usual."""
REACHED = 0.99
"""Share of the peak that counts as reached: with a cosine the first step after warm-up may lie a hair below."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault where the peak was never reached, a warning where it came in the second half."""
    rates = [float(line["lr"]) for line in case.lines if isinstance(line.get("lr"), int | float)]
    peak = case.training("learning_rate")
    if case.state != "done" or not peak or len(rates) < 2:
        return
    highest = max(rates)
    at = rates.index(highest) + 1
    values = {"highest_lr": highest, "at_step": at, "steps": len(rates), "learning_rate": peak}
    evidence = (case.seen("metrics.jsonl", values),)
    advice = "shorten `warmup_steps` (or `warmup_ratio`), or train for more steps"
    if highest < REACHED * peak:
        said = (
            f"the learning rate never came to its peak: {highest:.3g} of {peak:.3g} after {len(rates):,} steps, "
            "all of them warm-up"
        )
        yield Finding("fault", said, advice, evidence)
    elif at > LONG * len(rates) and rates[0] < REACHED * peak:
        said = f"the warm-up took {at:,} of {len(rates):,} steps"
        yield Finding("warning", said, advice, evidence)
