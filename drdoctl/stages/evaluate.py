"""The evaluate stage: sample from a student, judge, and measure; and the same once for the start model."""

from __future__ import annotations

from typing import Any

from drdoctl.evals import SFT
from drdoctl.spec.eval_files import EvalFile, plain, read_files
from drdoctl.stages import Job, Want
from drdoctl.stages import align as align_stage
from drdoctl.stages import data as data_stage
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages import rewards as rewards_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import ORACLE, Blueprint, Origin

VERSION = 1
TEACHER = "judge = teacher"
BUILTIN = "builtin"
KIN = "judge was trained on the pairs that the teachers were trained on"


def want(bp: Blueprint) -> Want | None:
    """Return the evaluation of the combination's student, or None where nothing is measured."""
    student = align_stage.want(bp)
    if student is None or not bp.spec.evaluate:
        return None
    start, judge, below = baseline(bp), _judge(bp), sft_stage.adapter_base(bp)
    method, own_rewards = bp.spec.method, rewards_stage.want(bp)
    # an ensemble's rewards are its members', not the spec's oracle's
    known = own_rewards if _needs_pairs(bp) and method is not None and not method.ensemble else None
    inputs = {"policy": student, **({"baseline": start} if start else {}), **({"rewards": known} if known else {})}
    return Want(
        kind="evaluate",
        version=VERSION,
        settings=_settings(bp),
        inputs={"data": data_stage.want(bp), **inputs, **judge.inputs},
        externals={**below.externals, **judge.externals, **{file.key: file.sha256 for file in _files(bp)}},
        # `sft` is the start model's name
        label=f"align-{SFT}" if bp.label == SFT else bp.label,
        locations={**below.locations, **judge.locations, **{file.key: str(file.path) for file in _files(bp)}},
        warnings=tuple(_stamps(bp)),
        sizes=_sizes(bp, judge),
    )


def baseline(bp: Blueprint) -> Want | None:
    """Return the evaluation of the start model, where a student is compared with it or with its log-probabilities."""
    compared = _needs_pairs(bp) or any(SFT in one.baselines() for one in bp.spec.evaluate)
    if not compared:
        return None
    start, judge = sft_stage.start_model(bp), _judge(bp)
    return Want(
        kind="evaluate",
        version=VERSION,
        settings={**_settings(bp), **start.settings},
        inputs={"data": data_stage.want(bp), **start.inputs, **judge.inputs},
        externals={**start.externals, **judge.externals, **{file.key: file.sha256 for file in _files(bp)}},
        label=SFT,
        locations={**start.locations, **judge.locations, **{file.key: str(file.path) for file in _files(bp)}},
        sizes=_sizes(bp, judge),
    )


def _files(bp: Blueprint) -> list[EvalFile]:
    return read_files(bp.spec.evaluate, bp.facts)


def _needs_pairs(bp: Blueprint) -> bool:
    return any(one.needs_pairs for one in bp.spec.evaluate)


def _judge(bp: Blueprint) -> Origin:
    """Return the oracle, where an eval wants its word."""
    wanted = _needs_pairs(bp) or any(ORACLE in one.judges() for one in bp.spec.evaluate)
    return oracle_stage.as_origin(bp) if wanted and bp.spec.oracle is not None else Origin()


def _settings(bp: Blueprint) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "evaluate": plain(bp.spec.evaluate, _files(bp)),
        "student.dtype": bp.spec.student.dtype,
        **bp.seed,
    }
    if bp.spec.oracle is not None and (_judge(bp).inputs or _judge(bp).locations):
        settings["oracle.dtype"] = bp.spec.oracle.dtype
    # left out for drdoctl's own sampler: its artifacts had their names before there was another
    if bp.spec.sampler != BUILTIN and any(one.samplings() for one in bp.spec.evaluate):
        settings["sampler"] = bp.spec.sampler
    return settings


def _stamps(bp: Blueprint) -> list[str]:
    """Return what a reader of the figures must know."""
    method = bp.spec.method
    judged = any(ORACLE in one.judges() for one in bp.spec.evaluate)
    if method is None or not judged or method.oracle_members == 0:
        return []
    own = oracle_stage.want(bp)
    taught = [member.fingerprint for member in oracle_stage.members(bp)]
    if own is None or own.fingerprint in taught:
        return [TEACHER]
    return [KIN]


def _sizes(bp: Blueprint, judge: Origin) -> dict[str, Any]:
    samplings = dict.fromkeys(sampling for one in bp.spec.evaluate for sampling in one.samplings())
    return {
        "model": sft_stage.start_model(bp).size,
        "oracle": judge.size,
        "samplings": [(sampling.prompts, sampling.max_new_tokens) for sampling in samplings],
        "pairs": _needs_pairs(bp),
    }


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.evaluate import run as measure

    measure(job)
