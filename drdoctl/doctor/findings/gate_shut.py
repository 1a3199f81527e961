"""DRDO's gate (1 - p_w)^gamma is next to 0 for nearly every pair: the student is sure of them, or gamma is large."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
SHUT = 0.01
"""A mean gate below this leaves the contrastive term a hundredth of its weight."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning."""
    end = case.end
    if end is None or not end.has("gate", "gate_sq") or end.mean("gate") >= SHUT:
        return
    said = (
        f"the gate (1 - p_w)^gamma is {end.mean('gate'):.2g} on average (sd {end.sd('gate'):.2g}): "
        "shut for nearly every pair, so the contrastive term teaches next to nothing"
    )
    yield Finding("warning", said, "try a lower `gamma`", (case.logged(end, "gate", "p_w", gate_sd=end.sd("gate")),))
