"""The student's reward margins and the oracle's are on different scales: distillation chases size, not order."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._rate import rate_now
from drdoctl.doctor.findings.constant_rewards import CONSTANT

KINDS = ("align",)
APART = 3.0
"""Standard deviations that differ by more than this factor; students that follow their oracle end within 1.6 of it."""
GROWING = 1.05
"""Times its spread at the start that a student's must have come to, to be called growing."""
NAMES = ("dr", "dr_sq", "r_hat_margin", "r_hat_margin_sq")


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning."""
    start, end = case.start, case.end
    if start is None or end is None or not (start.has(*NAMES) and end.has(*NAMES)):
        return
    teacher, student = end.sd("dr"), end.sd("r_hat_margin")
    if teacher < CONSTANT:
        return
    said = (
        f"reward margins differ in scale at the end: sd {student:.2g} of the student's, {teacher:.2g} of the oracle's"
    )
    evidence = (
        case.logged(start, dr_sd=start.sd("dr"), r_hat_margin_sd=start.sd("r_hat_margin")),
        case.logged(end, dr_sd=teacher, r_hat_margin_sd=student),
    )
    if student > APART * teacher:
        advice = (
            "the distillation pulls the student together: take a lower `beta`, or `reference: true` where it is false"
        )
        yield Finding("warning", said, advice, evidence)
    elif student * APART < teacher:
        growing = student > GROWING * start.sd("r_hat_margin")
        if growing and case.state != "done":
            return
        grown = "" if growing else " and no longer growing"
        advice = f"take a larger `beta`, `reward_scale: std` or more steps, or raise {rate_now(case)}"
        yield Finding("warning", said + grown, advice, evidence)
