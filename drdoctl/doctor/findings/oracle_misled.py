"""The oracle finds a student's samples better than the start model's, and the true reward does not."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding, Severity
from drdoctl.doctor.findings._samples import verdicts

KINDS = ("evaluate",)


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault where the samples are worse in truth, a warning where they are not seen to be better."""
    found = {one.judge: one for one in verdicts(case)}
    truth, oracle = found.get("truth"), found.get("oracle")
    if truth is None or oracle is None or truth.better or not oracle.better:
        return
    said = (
        f"the oracle is misled: its reward of the samples is {oracle.interval} over the start model's, the true one "
        f"{truth.interval}"
    )
    advice = "trust neither its win rates nor what it teaches; train it on more pairs, or stop the student earlier"
    severity: Severity = "fault" if truth.worse else "warning"
    yield Finding(severity, said, advice, (oracle.evidence, truth.evidence))
