"""The sft stage: supervised fine-tuning of the student before alignment."""

from __future__ import annotations

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages.blueprint import Blueprint, Origin, training_settings

VERSION = 1


def want(bp: Blueprint) -> Want | None:
    """Return the stage, or None with `student.sft: false`."""
    spec, base = bp.spec, bp.base_student()
    if not spec.student.sft:
        return None
    return Want(
        kind="sft",
        version=VERSION,
        settings={
            **training_settings("student.sft", spec.student.sft),
            **base.settings,
            "student.dtype": spec.student.dtype,
            **bp.seed,
        },
        inputs={"data": data_stage.want(bp), **base.inputs},
        externals=base.externals,
        locations=base.locations,
        sizes={"model": base.size},
    )


def start_model(bp: Blueprint) -> Origin:
    """Return the model that alignment starts from, and is compared with: the SFT student, or the base as it is."""
    made, base = want(bp), bp.base_student()
    return base if made is None else Origin(inputs={"policy": made}, size=base.size)


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.sft import run as train

    train(job)
