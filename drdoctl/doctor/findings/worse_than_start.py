"""A student's samples are worse than those of the model it started from."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._rate import rate_now
from drdoctl.doctor.findings._samples import verdicts

KINDS = ("evaluate",)


def look(case: Case) -> Iterator[Finding]:
    """Yield a fault, by the best judge there is."""
    judged = next(iter(verdicts(case)), None)
    if judged is None or not judged.worse:
        return
    said = f"its samples are worse than the start model's: {judged}"
    student = case.inputs.get("policy")
    rate = rate_now(student) if student is not None and student.kind == "align" else "the learning rate"
    yield Finding(
        "fault", said, f"lower {rate}, and look at what `drdoctl doctor` says of the training", (judged.evidence,)
    )
