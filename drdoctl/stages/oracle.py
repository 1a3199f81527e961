"""The oracle stage: a reward model trained here, once for a spec, and once for each member of an ensemble."""

from __future__ import annotations

from drdoctl.spec.oracles import Oracle
from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import Blueprint, Origin, lora_settings, training_settings

VERSION = 1


def want(bp: Blueprint) -> Want | None:
    """Return the spec's oracle: trained here, or pulled; None where there is none, or it is outside the store."""
    if bp.spec.oracle is None:
        return None
    if bp.oracle_finished:
        return bp.base_oracle().inputs.get("policy")
    return _trained(bp, bp.spec.oracle, label="", sft_weight=bp.spec.oracle.sft_weight, seed=bp.spec.oracle.seed)


def members(bp: Blueprint) -> list[Want]:
    """Return the oracles that the combination's method learns from; a finished one outside the store is not listed.

    Members of an ensemble are trained like the oracle, by eq. 2 alone, and differ in the seed of their head.
    """
    method, oracle = bp.spec.method, bp.spec.oracle
    if method is None or oracle is None or method.oracle_members == 0:
        return []
    own = want(bp)
    if not method.ensemble or bp.oracle_finished:
        return [own] if own is not None else []
    return [
        _trained(bp, oracle, label=f"member-{index}", sft_weight=0.0, seed=oracle.seed + index)
        for index in range(method.oracle_members)
    ]


def as_origin(bp: Blueprint) -> Origin:
    """Return the spec's oracle as a model to score with: an artifact under the role `oracle`, or a location."""
    made, base = want(bp), bp.base_oracle()
    if made is not None:
        size = base.size or sft_stage.start_model(bp).size
        below = adapter_base(bp)
        return Origin(inputs={"oracle": made}, externals=below.externals, locations=below.locations, size=size)
    return base


def adapter_base(bp: Blueprint) -> Origin:
    """Return what a trained oracle is read with: its base where the oracle is left as an adapter, else nothing."""
    lora = bp.spec.oracle.lora if bp.spec.oracle is not None else None
    return bp.base_oracle() if lora is not None and not lora.merge else Origin()


def _trained(bp: Blueprint, oracle: Oracle, *, label: str, sft_weight: float, seed: int) -> Want:
    base = sft_stage.start_model(bp) if oracle.model == "sft" else bp.base_oracle()
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
            **bp.seed,
        },
        inputs={"data": data_stage.want(bp), **base.inputs},
        externals=base.externals,
        label=label,
        locations=base.locations,
        sizes={"model": base.size},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.oracle import run as train

    train(job)
