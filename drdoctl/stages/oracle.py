"""The oracle stage: a reward model trained here, once for a spec, and once for each member of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.spec.oracles import Oracle, RewardModel
from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import Blueprint, Origin, lora_settings, once, training_settings

VERSION = 1
TEACHER = "teacher"
"""Label of the oracle that is trained on the student's pairs, beside the one that a split needed."""


@once
def want(bp: Blueprint) -> Want | None:
    """Return the spec's oracle: trained here, or pulled; None where there is none, or it is outside the store.

    It is trained on the pairs that the student sees; on all pairs with `oracle.pairs: all`, and where a split needs it.
    """
    if bp.spec.oracle is None:
        return None
    if bp.oracle_finished:
        return bp.base_oracle().inputs.get("policy")
    return _own(bp, bp.spec.oracle, whole=bp.parted)


@once
def teacher(bp: Blueprint) -> Want | None:
    """Return the oracle whose rewards a student learns from: the spec's, or one more, trained on the student's pairs.

    Where a split needs the oracle, that one saw all pairs; with `oracle.pairs: split` the teacher is trained anew.
    """
    oracle, own = bp.spec.oracle, want(bp)
    if oracle is None or bp.oracle_finished or own is None:
        return own
    made = _own(bp, oracle, whole=oracle.pairs == "all", label=TEACHER)
    return own if made.fingerprint == own.fingerprint else made


def members(bp: Blueprint) -> list[Want]:
    """Return the oracles that the combination's method learns from; a finished one outside the store is not listed.

    Members of an ensemble are trained like the oracle, by eq. 2 alone, and differ in the seed of their head; or they
    are pulled, where the spec names them.
    """
    method, oracle = bp.spec.method, bp.spec.oracle
    if method is None or oracle is None or method.oracle_members == 0:
        return []
    if method.ensemble and oracle.members is not None:
        return [bp.member(index) for index in range(len(oracle.members))]
    own, whole = teacher(bp), oracle.pairs == "all"
    if not method.ensemble or bp.oracle_finished:
        return [own] if own is not None else []
    return [
        _own(bp, oracle, whole=whole, label=f"member-{index}", sft_weight=0.0, seed=oracle.seed + index)
        for index in range(method.oracle_members)
    ]


def as_origin(bp: Blueprint) -> Origin:
    """Return the spec's oracle as a model to score with: an artifact under the role `oracle`, or a location."""
    made, base = want(bp), bp.base_oracle()
    if made is not None:
        size = base.size or sft_stage.start_model(bp, whole=True).size
        below = adapter_base(bp)
        return Origin(inputs={"oracle": made}, externals=below.externals, locations=below.locations, size=size)
    return base


def adapter_base(bp: Blueprint) -> Origin:
    """Return what a trained oracle is read with: its base where the oracle is left as an adapter, else nothing."""
    lora = bp.spec.oracle.lora if bp.spec.oracle is not None else None
    return bp.base_oracle() if lora is not None and not lora.merge else Origin()


def _own(
    bp: Blueprint,
    oracle: Oracle,
    *,
    whole: bool,
    label: str = "",
    sft_weight: float | None = None,
    seed: int | None = None,
) -> Want:
    """Return the spec's oracle, or one like it, trained on all pairs (`whole`) or on those that the student sees."""
    return trained(
        bp,
        oracle,
        base=sft_stage.start_model(bp, whole=whole) if oracle.model == "sft" else bp.base_oracle(),
        data=data_stage.whole(bp) if whole else data_stage.want(bp),
        label=label,
        sft_weight=oracle.sft_weight if sft_weight is None else sft_weight,
        seed=oracle.seed if seed is None else seed,
        more={},
    )


def trained(
    bp: Blueprint,
    oracle: RewardModel,
    *,
    base: Origin,
    data: Want,
    label: str,
    sft_weight: float,
    seed: int,
    more: Mapping[str, Any],
) -> Want:
    """Return the stage that trains a reward model from `base` on rows of `data`; `more`: settings of a judge's."""
    return Want(
        kind="oracle",
        version=VERSION,
        settings={
            **training_settings("oracle", oracle),
            **base.settings,
            **lora_settings("oracle", oracle.lora),
            **({"oracle.lora.merge": oracle.lora.merge} if oracle.lora is not None else {}),
            "oracle.sft_weight": sft_weight,
            "oracle.dtype": oracle.dtype,
            "oracle.seed": seed,
            **more,
            **bp.seed,
        },
        inputs={"data": data, **base.inputs},
        externals=base.externals,
        label=label,
        locations=base.locations,
        sizes={"model": base.size},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.oracle import run as train

    train(job)
