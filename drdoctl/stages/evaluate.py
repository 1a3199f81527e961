"""The evaluate stage: sample from a student, judge, and measure; and the same once for the start model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from drdoctl.core.labels import called
from drdoctl.core.words import KIN, LABELLER, REFERENCE, SFT, TEACHER
from drdoctl.data._instructions import read_instructions
from drdoctl.evals import OF
from drdoctl.spec.eval_files import EvalFile, plain, read_files
from drdoctl.spec.select import VALIDATION_FRACTION
from drdoctl.stages import Job, Want
from drdoctl.stages import align as align_stage
from drdoctl.stages import data as data_stage
from drdoctl.stages import judges as judge_stages
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages import rewards as rewards_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import ORACLE, ORACLE_MODEL, Blueprint, Origin, once

VERSION = 1
BUILTIN = "builtin"
FRACTION = "data.validation_fraction"
"""The setting that divides prompts and pairs: there only where the spec chooses students."""


@once
def want(bp: Blueprint) -> Want | None:
    """Return the evaluation of the combination's student, or None where nothing is measured."""
    student = align_stage.want(bp)
    if student is None or not bp.spec.evaluate:
        return None
    start, below = baseline(bp), sft_stage.adapter_base(bp)
    known = rewards_stage.want(bp) if _needs_pairs(bp) and _teaches(bp) else None
    inputs = {"policy": student, **({"baseline": start} if start else {}), **({"rewards": known} if known else {})}
    policy = replace(below, inputs=inputs, settings=judge_stages.stamps(bp))
    return replace(_measured(bp, policy, called(bp.label), (SFT, REFERENCE)), warnings=tuple(_stamps(bp)))


@once
def baseline(bp: Blueprint) -> Want | None:
    """Return the evaluation of the start model, where a student is compared with it or with its log-probabilities."""
    compared = _needs_pairs(bp) or any(SFT in one.baselines() for one in bp.spec.evaluate)
    return _measured(bp, sft_stage.start_model(bp), SFT, (REFERENCE,)) if compared else None


def _measured(bp: Blueprint, policy: Origin, label: str, against: Collection[str]) -> Want:
    """Return the evaluation of a policy, which language models compare with the baselines `against`."""
    judge, files = _judge(bp), read_files(bp.spec.evaluate, bp.facts)
    return Want(
        kind="evaluate",
        version=VERSION,
        settings={**_settings(bp, judge, files), **policy.settings},
        inputs={"data": data_stage.whole(bp), **policy.inputs, **judge.inputs},
        externals={**policy.externals, **judge.externals, **{file.key: file.sha256 for file in files}},
        label=label,
        locations={
            **policy.locations,
            **judge.locations,
            **{key: at for file in files for key, at in file.location.items()},
        },
        sizes=_sizes(bp, judge, files, against),
    )


def _teaches(bp: Blueprint) -> bool:
    """Whether the oracle that judges is the one whose rewards were cached: members have rewards of their own."""
    method, own, teacher = bp.spec.method, oracle_stage.want(bp), oracle_stage.teacher(bp)
    if method is None or method.ensemble:
        return False
    return own is None or teacher is None or own.fingerprint == teacher.fingerprint


def _needs_pairs(bp: Blueprint) -> bool:
    return any(one.needs_pairs for one in bp.spec.evaluate)


def _judge(bp: Blueprint) -> Origin:
    """Return the oracle, where an eval wants its word, and all other judges that are asked."""
    wanted = _needs_pairs(bp) or any(ORACLE in one.judges() for one in bp.spec.evaluate)
    oracle = oracle_stage.as_origin(bp) if wanted and bp.spec.oracle is not None else Origin()
    others = judge_stages.as_origin(bp)
    return replace(
        oracle,
        inputs={**oracle.inputs, **others.inputs},
        externals={**oracle.externals, **others.externals},
        locations={**oracle.locations, **others.locations},
    )


def _settings(bp: Blueprint, judge: Origin, files: Sequence[EvalFile]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "evaluate": plain(bp.spec.evaluate, files),
        "student.dtype": bp.spec.student.dtype,
        **bp.seed,
    }
    if bp.spec.oracle is not None and (ORACLE in judge.inputs or ORACLE_MODEL in judge.locations):
        settings["oracle.dtype"] = bp.spec.oracle.dtype
    settings |= judge_stages.settings(bp)
    # left out for drdoctl's own sampler: its artifacts had their names before there was another
    if bp.spec.sampler != BUILTIN and any(one.samplings() or one.instructed() for one in bp.spec.evaluate):
        settings["sampler"] = bp.spec.sampler
    for name, text in (item for one in bp.spec.evaluate for item in one.texts().items()):
        settings[f"evaluate.prompts.{name}"] = sha256(text.encode()).hexdigest()
    if bp.spec.select is not None:
        fraction = bp.spec.data.validation_fraction
        settings[FRACTION] = VALIDATION_FRACTION if fraction is None else fraction
    return settings


def _stamps(bp: Blueprint) -> list[str]:
    """Return what a reader of the figures must know."""
    method = bp.spec.method
    judged = any(ORACLE in one.judges() for one in bp.spec.evaluate)
    if method is None or not judged:
        return []
    stamps = [LABELLER] if any(step.relabels for step in bp.spec.data.split) else []
    if method.oracle_members == 0:
        return stamps
    own = oracle_stage.want(bp)
    taught = [member.fingerprint for member in oracle_stage.members(bp)]
    return [*stamps, TEACHER if own is None or own.fingerprint in taught else KIN]


def _sizes(bp: Blueprint, judge: Origin, files: Sequence[EvalFile], against: Collection[str]) -> dict[str, Any]:
    samplings = dict.fromkeys(sampling for one in bp.spec.evaluate for sampling in one.samplings())
    return {
        "model": sft_stage.start_model(bp).size,
        "oracle": judge.size,
        "judges": judge_stages.sizes(bp),
        "samplings": [(sampling.prompts, sampling.max_new_tokens) for sampling in samplings],
        **_instructed(bp, files),
        "pairs": _needs_pairs(bp),
        "questions": [asdict(asked) for one in bp.spec.evaluate for asked in one.asks() if asked.against in against],
    }


def _instructed(bp: Blueprint, files: Sequence[EvalFile]) -> dict[str, Any]:
    """Return the characters of each instruction that evals bring, and the limit on its answer."""
    texts = {file.index: file for file in files if file.option == "instructions"}
    asked = {index: one.instructed() for index, one in enumerate(bp.spec.evaluate)}
    sizes = [
        (_lengths(texts[index].path, texts[index].sha256)[: sampling.prompts], sampling.max_new_tokens)
        for index, sampling in asked.items()
        if sampling is not None
    ]
    return {"instructed": sizes} if sizes else {}


@lru_cache(maxsize=8)
def _lengths(path: Path, content: str) -> tuple[int, ...]:  # noqa: ARG001  # a changed file is read again
    """Return the characters of each instruction of a file, which all combinations of a matrix share."""
    return tuple(len(one.text) for one in read_instructions(str(path)))


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.evaluate import run as measure
    from drdoctl.train.quality import run as measure_oracles

    (measure_oracles if OF in job.settings else measure)(job)
