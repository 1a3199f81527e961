"""The sft stage: supervised fine-tuning of the student before alignment."""

from __future__ import annotations

from dataclasses import replace

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages.blueprint import Blueprint, Origin, lora_settings, once, rounding, training_settings

VERSION = 1


@once
def want(bp: Blueprint, *, whole: bool = False) -> Want | None:
    """Return the stage, or None with `student.sft: false`.

    `whole`: on all pairs, not only on those that the student sees. Demonstrations are the same for both.
    """
    spec, base = bp.spec, bp.base_student()
    if not spec.student.sft:
        return None
    data = data_stage.whole(bp) if whole or _demonstrated(bp) else data_stage.want(bp)
    return Want(
        kind="sft",
        version=VERSION,
        settings={
            **training_settings("student.sft", spec.student.sft),
            **lora_settings("student", spec.student.lora),
            **base.settings,
            "student.dtype": spec.student.dtype,
            **bp.seed,
        },
        inputs={"data": data, **base.inputs},
        externals=base.externals,
        label="" if _demonstrated(bp) else data.label,
        locations=base.locations,
        sizes={"model": base.size},
    )


def _demonstrated(bp: Blueprint) -> bool:
    """Whether SFT imitates rows of the source's own, which no split touches."""
    sft, source = bp.spec.student.sft, bp.spec.data.source.at(bp.facts.base)
    if not sft:
        return False
    return sft.rows == "demonstrations" or (sft.rows == "auto" and source.has_part("sft"))


@once
def start_model(bp: Blueprint, *, whole: bool = False) -> Origin:
    """Return the model that alignment starts from, and is compared with: the SFT student, or the base as it is."""
    made, base, lora = want(bp, whole=whole), bp.base_student(), bp.spec.student.lora
    if made is None:
        return replace(base, settings={**base.settings, **rounding("student", lora)})
    if lora is None:
        return Origin(inputs={"policy": made}, size=base.size)
    # SFT leaves an adapter, which is read with its base
    below = {"base": base.inputs["policy"]} if "policy" in base.inputs else {}
    return replace(base, inputs={"policy": made, **below}, settings={})


def adapter_base(bp: Blueprint) -> Origin:
    """Return what an aligned student is read with: its base where the student is left as an adapter, else nothing."""
    lora = bp.spec.student.lora
    return replace(bp.base_student(), settings={}) if lora is not None and not lora.merge else Origin()


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.sft import run as train

    train(job)
