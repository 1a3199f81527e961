"""The align stage: the student learns by the combination's method, from cached numbers alone."""

from __future__ import annotations

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import logps as logps_stage
from drdoctl.stages import rewards as rewards_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import Blueprint, lora_settings, once, training_settings

VERSION = 1


@once
def want(bp: Blueprint) -> Want | None:
    """Return the stage, or None for a spec that aligns nothing."""
    spec, start, method, lora = bp.spec, sft_stage.start_model(bp), bp.spec.method, bp.spec.student.lora
    if method is None:
        return None
    chosen = {name: value for name, value in method.model_dump(mode="json").items() if name != "learning_rate"}
    rate = spec.train.learning_rate if method.learning_rate is None else method.learning_rate
    cached = {
        "rewards": rewards_stage.want(bp),
        "logps": logps_stage.want(bp),
        logps_stage.MISMATCHED: logps_stage.mismatched(bp),
        logps_stage.SAMPLES: logps_stage.samples(bp),
    }
    return Want(
        kind="align",
        version=VERSION,
        settings={
            **{f"method.{name}": value for name, value in chosen.items()},
            **training_settings("train", spec.train, learning_rate=rate),
            **start.settings,
            **lora_settings("student", lora),
            **({"student.lora.merge": lora.merge} if lora is not None else {}),
            "student.dtype": spec.student.dtype,
            **bp.seed,
        },
        inputs={
            "data": data_stage.want(bp),
            **start.inputs,
            **{role: made for role, made in cached.items() if made is not None},
        },
        externals=start.externals,
        label=bp.label,
        locations=start.locations,
        sizes={"model": start.size},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.align import run as train

    train(job)
