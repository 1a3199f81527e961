"""The oracle finds a student's samples better than the start model's, and the true reward finds them worse."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._samples import verdicts

KINDS = ("evaluate",)


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault: the student learnt what pleases the oracle."""
    found = {one.judge: one for one in verdicts(case)}
    truth, oracle = found.get("truth"), found.get("oracle")
    if truth is None or oracle is None or not (truth.worse and oracle.better):
        return
    said = f"the oracle is misled: {oracle} against the start model, but {truth}"
    advice = "trust neither its win rates nor what it teaches; train it on more pairs, or stop the student earlier"
    yield Finding("fault", said, advice, (oracle.evidence, truth.evidence))
