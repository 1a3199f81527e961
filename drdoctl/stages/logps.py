"""The logps stage: the start model's log-probabilities, cached once for methods with a reference.

Of all pairs as they are logged; and, where a method asks, of mismatched pairs: each prompt before another row's
responses, in an artifact of its own, so that all methods go on sharing the first.
"""

from __future__ import annotations

from typing import Any

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import Blueprint

VERSION = 1
OF = "logps.of"
"""Which responses are scored. Left out for the logged ones: their artifacts had names before there were others."""
MISMATCHED = "mismatched"


def want(bp: Blueprint) -> Want | None:
    """Return the stage for the logged pairs, or None where the combination's method needs no reference."""
    return _scored(bp) if bp.spec.method is not None and bp.spec.method.needs_logps else None


def mismatched(bp: Blueprint) -> Want | None:
    """Return the stage for mismatched pairs, or None where the combination's method looks at none."""
    asked = bp.spec.method is not None and bp.spec.method.needs_mismatched
    return _scored(bp, MISMATCHED, parts=("train",)) if asked else None


def _scored(bp: Blueprint, of: str = "", **sizes: Any) -> Want:
    start = sft_stage.start_model(bp)
    return Want(
        kind="logps",
        version=VERSION,
        settings={**({OF: of} if of else {}), **start.settings, "student.dtype": bp.spec.student.dtype, **bp.seed},
        inputs={"data": data_stage.want(bp), **start.inputs},
        externals=start.externals,
        label=of,
        locations=start.locations,
        sizes={"model": start.size, **sizes},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.logps import run as score

    score(job)
