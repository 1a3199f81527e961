"""The logps stage: the start model's log-probabilities of all pairs, cached once for methods with a reference."""

from __future__ import annotations

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import Blueprint

VERSION = 1


def want(bp: Blueprint) -> Want | None:
    """Return the stage, or None where the combination's method needs no reference."""
    if bp.spec.method is None or not bp.spec.method.needs_logps:
        return None
    start = sft_stage.start_model(bp)
    return Want(
        kind="logps",
        version=VERSION,
        settings={**start.settings, "student.dtype": bp.spec.student.dtype, **bp.seed},
        inputs={"data": data_stage.want(bp), **start.inputs},
        externals=start.externals,
        locations=start.locations,
        sizes={"model": start.size},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.logps import run as score

    score(job)
