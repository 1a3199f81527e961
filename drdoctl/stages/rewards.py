"""The rewards stage: the oracles' rewards of all pairs, cached once: one column for each oracle."""

from __future__ import annotations

from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages.blueprint import Blueprint

VERSION = 1


def want(bp: Blueprint) -> Want | None:
    """Return the rewards that the combination's method learns from, or None where it learns from none."""
    method, oracle = bp.spec.method, bp.spec.oracle
    if method is None or oracle is None or method.oracle_members == 0:
        return None
    members = oracle_stage.members(bp)
    outside = oracle_stage.as_origin(bp)
    read = oracle_stage.adapter_base(bp) if members else outside
    return Want(
        kind="rewards",
        version=VERSION,
        settings={"oracle.dtype": oracle.dtype, **bp.seed},
        inputs={"data": data_stage.want(bp), **{f"oracle-{index}": member for index, member in enumerate(members)}},
        externals=read.externals,
        label=method.name if method.ensemble else "",
        locations=read.locations,
        sizes={"oracle": outside.size, "members": max(1, len(members))},
    )


def of_all(bp: Blueprint) -> Want:
    """Return the spec's oracle's rewards of all pairs: what a split goes by whose steps need them."""
    oracle, made, outside = bp.spec.oracle, oracle_stage.want(bp), oracle_stage.as_origin(bp)
    if oracle is None:
        raise TypeError("a step that needs the oracle is refused in a spec without one")
    data = data_stage.whole(bp)
    return Want(
        kind="rewards",
        version=VERSION,
        settings={"oracle.dtype": oracle.dtype, **bp.seed},
        inputs={"data": data, **({"oracle-0": made} if made is not None else {})},
        externals=outside.externals,
        label=data.label,
        locations=outside.locations,
        sizes={"oracle": outside.size, "members": 1},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.rewards import run as score

    score(job)
