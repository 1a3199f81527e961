"""DRDO's gate is open or shut with little between: it selects pairs and does not weigh them."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings.gate_by_length import DRIVEN, correlation
from drdoctl.doctor.findings.gate_constant import NO_GATE
from drdoctl.doctor.findings.gate_shut import SHUT

KINDS = ("align",)
SATURATED = 0.8
"""Share of the largest variance that a mean allows: a variable that is 0 or 1 has m (1 - m), nothing in [0, 1] more."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note, unless the gate is told to follow length."""
    end = case.end
    if end is None or not end.has("gate", "gate_sq") or not SHUT <= end.mean("gate") <= NO_GATE:
        return
    mean, spread, related = end.mean("gate"), end.sd("gate"), correlation(end)
    if spread * spread <= SATURATED * mean * (1 - mean) or (related is not None and abs(related) >= DRIVEN):
        return
    said = (
        f"the gate (1 - p_w)^gamma is {mean:.2g} on average (sd {spread:.2g}): "
        "saturated, open or shut with little between"
    )
    if related is not None:
        said += f"; its correlation with the length difference (winner less loser) is {related:+.2f}"
    advice = "nothing to mend by itself; with `log_prob: mean` the gate weighs in place of selecting"
    yield Finding("note", said, advice, (case.logged(end, "gate", gate_sd=spread, correlation=related),))
