"""DRDO's gate is the same for every pair: it focuses on none, as with log-probabilities a token."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings.gate_shut import SHUT

KINDS = ("align",)
CONSTANT = 0.05
"""A standard deviation below this, as `gamma: 2` gives pairs that differ by 0.2 nats a token; `log_prob: mean` has 0.10
to 0.12 in the generated world, whose words are few."""
NO_GATE = 0.999
"""Above this there is no gate at all (`gamma: 0`), as asked."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note: the loss is what it is, but its gate does nothing."""
    end = case.end
    if end is None or not end.has("gate", "gate_sq") or not SHUT <= end.mean("gate") <= NO_GATE:
        return
    if end.sd("gate") >= CONSTANT:
        return
    said = (
        f"the gate (1 - p_w)^gamma is {end.mean('gate'):.2g} on average (sd {end.sd('gate'):.2g}): "
        "a constant, not a focus; it only rescales `alpha`"
    )
    advice = "take `log_prob: sum` if pairs are to weigh by how unsure the student is"
    yield Finding("note", said, advice, (case.logged(end, "gate", gate_sd=end.sd("gate")),))
