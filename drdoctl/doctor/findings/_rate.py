"""How a training stage's learning rate is named in advice."""

from __future__ import annotations

from drdoctl.doctor.case import Case

KEYS = {"sft": "`student.sft.learning_rate`", "oracle": "`oracle.learning_rate`"}
"""Kind of stage -> its setting. A student's may be its method's own, `train.learning_rate`, or an axis of a matrix."""


def rate_now(case: Case) -> str:
    """Return what advice calls it: ``the learning rate (now 0.0003)``."""
    value = case.training("learning_rate")
    return KEYS.get(case.kind, "the learning rate") + ("" if value is None else f" (now {value:g})")
