"""Judges beside the oracle: finished reward models, or oracle stages of their own on rows that no teacher saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drdoctl.core.words import LABELLER, TEACHER
from drdoctl.stages import Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import ORACLE_MODEL, Blueprint, Origin

PART = "judge"
"""The part of the data that judges learn from."""


def asked(bp: Blueprint) -> list[str]:
    """Return the judges of the spec that the combination's evals ask, in the spec's order."""
    wanted = {name for one in bp.spec.evaluate for name in one.judges()}
    return [name for name in bp.spec.judges if name in wanted]


def want(bp: Blueprint, name: str) -> Want | None:
    """Return the stage that makes a judge or pulls it; None for a finished one that lies outside the store."""
    judge, base = bp.spec.judges[name], bp.base_judge(name)
    if bp.judge_finished(name):
        return base.inputs.get("policy")
    return oracle_stage.trained(
        bp,
        judge,
        base=sft_stage.start_model(bp) if judge.model == "sft" else base,
        # the same judge, whatever the students' split
        data=data_stage.unsplit(bp),
        label=name,
        sft_weight=judge.sft_weight,
        seed=judge.seed,
        more={"oracle.part": PART, "oracle.tokens": bp.judge_reader(name)},
    )


def read_with(bp: Blueprint, name: str) -> Origin | None:
    """Return what lies outside the store and is read with a judge: all of a finished one, or an adapter's base."""
    lora = bp.spec.judges[name].lora
    left = lora is not None and not lora.merge
    return bp.base_judge(name) if left or want(bp, name) is None else None


def as_origin(bp: Blueprint) -> Origin:
    """Return what the asked judges are read from: artifacts under the roles `judge-NAME`, or locations."""
    inputs: dict[str, Want] = {}
    externals: dict[str, str] = {}
    locations: dict[str, Any] = {}
    for name in asked(bp):
        made, outside = want(bp, name), read_with(bp, name)
        if made is not None:
            inputs[f"judge-{name}"] = made
        if outside is not None:
            externals |= {f"judges.{name}.model": outside.externals[ORACLE_MODEL]}
            locations |= {f"judges.{name}.model": outside.locations[ORACLE_MODEL]}
    return Origin(inputs=inputs, externals=externals, locations=locations)


def settings(bp: Blueprint) -> dict[str, Any]:
    """Return how the asked judges read and reckon, as the evaluate stage is told it."""
    found: dict[str, Any] = {}
    for name in asked(bp):
        found[f"judges.{name}.tokens"] = bp.judge_reader(name)
        found[f"judges.{name}.dtype"] = bp.spec.judges[name].dtype
    return found


def stamps(bp: Blueprint) -> dict[str, Any]:
    """Return the settings that stamp the figures of those judges that taught the method, or labelled its pairs."""
    found = {name: [*_labelled(bp, name), *_taught(bp, name)] for name in asked(bp)}
    return {f"judges.{name}.stamps": said for name, said in found.items() if said}


def _labelled(bp: Blueprint, name: str) -> list[str]:
    if not any(step.relabels for step in bp.spec.data.split):
        return []
    own = oracle_stage.want(bp)
    return [LABELLER] if _is_among(bp, name, [own] if own is not None else []) else []


def _taught(bp: Blueprint, name: str) -> list[str]:
    method = bp.spec.method
    if method is None or method.oracle_members == 0:
        return []
    return [TEACHER] if _is_among(bp, name, oracle_stage.members(bp)) else []


def _is_among(bp: Blueprint, name: str, oracles: Sequence[Want]) -> bool:
    """Whether a judge is one of these oracles, or else the finished model that is the spec's oracle."""
    made = want(bp, name)
    if made is not None:
        return made.fingerprint in [one.fingerprint for one in oracles]
    outside = bp.oracle_finished and oracle_stage.want(bp) is None
    return outside and bp.base_judge(name).externals == bp.base_oracle().externals


def sizes(bp: Blueprint) -> list[dict[str, Any]]:
    """Return the sizes of the asked judges' models, as far as known."""
    return [dict(bp.base_judge(name).size or sft_stage.start_model(bp).size) for name in asked(bp)]
