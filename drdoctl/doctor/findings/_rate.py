"""How a training stage's learning rate is named in advice."""

from __future__ import annotations

from drdoctl.doctor.case import TRAINING, Case

KEYS = {"sft": "student.sft.learning_rate", "oracle": "oracle.learning_rate", "align": "the method's `learning_rate`"}


def rate_now(case: Case) -> str:
    """Return `student.sft.learning_rate` (now 0.001), quoted as advice has it."""
    key, value = KEYS.get(case.kind, "learning_rate"), case.training("learning_rate")
    named = key if "`" in key else f"`{key}`"
    return named if value is None or case.kind not in TRAINING else f"{named} (now {value:g})"
